import { rmSync } from 'node:fs';
import { Command } from 'commander';
import { FailureError, messageOf, UsageError } from '../../src/core/errors.js';
import { isFolder } from '../../src/core/folder.js';
import type { InstallOptions } from '../../src/engine/install/install.js';
import { findInstalled, whyNotInstallable, type Installed } from '../../src/engine/install/installed.js';
import { TFJS_ARCHIVE } from '../../src/engine/install/pins.js';
import { requestedEngine } from '../../src/engine/engines/choose.js';
import { probeEngine } from '../../src/engine/engines/probe.js';
import { setUpTensorflow } from '../../src/engine/engines/tensorflow.js';
import { prepareKernel } from '../../theory/kernel/kernel.js';
import { notice } from '../terminal/notices.js';
import { examples } from '../terminal/options.js';
import { kernelReport } from '../terminal/kernel.js';
import { Progress } from '../terminal/progress.js';
import { installReporter } from '../terminal/work.js';

interface Options {
  readonly gpu?: boolean;
  readonly wheels?: string;
  readonly force?: boolean;
  readonly optional?: boolean;
}

/** `gowide engine`. */
export function command(): Command {
  const command = new Command('engine').description('the TensorFlow engine, and the native particle kernel');
  command
    .command('install')
    .description(
      'download TensorFlow 2.21 and build the addon of @tensorflow/tfjs-node-gpu for it; needs pip and a C++ compiler',
    )
    .option('--gpu', 'the CUDA build, with the CUDA 12 libraries (about 3.4 GB)')
    .option(
      '--wheels <dir>',
      `take the wheels from this folder, and npm’s ${TFJS_ARCHIVE} where it lies there; else that is fetched`,
    )
    .option('--force', 'install anew')
    .option('--optional', 'where it cannot be installed, say so in one line and succeed: the other engines work')
    .addHelpText('after', examples(['gowide engine install', 'gowide engine install --gpu']))
    .action(async ({ gpu = false, wheels, force = false, optional = false }: Options) => {
      if (wheels !== undefined && !isFolder(wheels))
        throw new UsageError(`--wheels ${wheels}: no such folder; expected one with the wheels of TensorFlow`);
      const obstacle = whyNotInstallable(gpu);
      const engine = requestedEngine();
      const installed = findInstalled();
      const isDeclined = engine !== 'auto' && engine !== 'tensorflow';
      if (optional && (isDeclined || (installed === undefined && obstacle !== undefined))) {
        if (installed === undefined)
          notice(
            obstacle === undefined
              ? `GOWIDE_ENGINE=${engine}: the faster engine, tensorflow, is not set up; to get it: gowide engine install`
              : `The faster engine, tensorflow, is missing: ${obstacle}; then run: gowide engine install`,
          );
        return;
      }
      const progress = new Progress();
      // the particle kernel is compiled while TensorFlow is on its way; what is wrong with it is said elsewhere
      const setUp = async (options: InstallOptions): Promise<Installed> => {
        const kernel = prepareKernel().catch(() => {});
        const set = await setUpTensorflow({
          ...options,
          report: installReporter(progress),
          missing: (reason) => progress.line(`An addon is missing: ${reason}`),
        });
        await kernel;
        return set;
      };
      if (optional) {
        await setUp({ gpu, wheels }).catch((error: unknown) => {
          progress.line(
            `The faster engine, tensorflow, is missing: ${messageOf(error)}. To try again: gowide engine install`,
          );
        });
        progress.clear();
        return;
      }
      if (force && installed?.gpu === gpu) rmSync(installed.folder, { recursive: true, force: true });
      const { folder } = await setUp({ gpu, wheels, thorough: true });
      progress.clear();
      // In a process of its own, which keeps TensorFlow's start-up messages to itself.
      const { available, reason, version, device } = await probeEngine('tensorflow');
      if (!available) throw new FailureError(reason ?? 'the tensorflow engine does not start');
      const note = gpu && device === 'cpu' ? ' (no GPU was found: it runs on the CPU)' : '';
      const kernel = kernelReport();
      process.stdout.write(`particle kernel: ${kernel.name}${kernel.reason === null ? '' : `; ${kernel.reason}`}\n`);
      process.stdout.write(`tensorflow is ready: ${version}, ${device}${note}; ${folder}\n`);
    });
  return command;
}
