import { availableParallelism, cpus, totalmem } from 'node:os';
import { Command } from 'commander';
import { cacheFolder } from '../../src/toolchain/cache.js';
import { nvidiaSmi } from '../../src/toolchain/nvidia.js';
import { namesOf } from '../../src/core/registry.js';
import { ENGINES } from '../../src/engine/engines/choose.js';
import { probeEngine, type EngineReport } from '../../src/engine/engines/probe.js';
import { packageVersion } from '../../src/core/package.js';
import { examples, jsonOption } from '../terminal/options.js';
import { kernelReport } from '../terminal/kernel.js';
import { Progress } from '../terminal/progress.js';

/** Name of the NVIDIA GPU that its driver lists, or null. */
function nvidiaGpu(): string | null {
  const listed = nvidiaSmi('--query-gpu=name,memory.total', { units: true });
  return listed === undefined ? null : listed.trim().split('\n').join('; ');
}

function engineLine({ name, available, reason, version, device, gflops }: EngineReport): string {
  if (!available || gflops === null) return `${name.padEnd(11)} not available: ${reason}`;
  const rate = (value: number): string => value.toFixed(value < 10 ? 1 : 0);
  return (
    `${name.padEnd(11)} ${version}, ${device}: matmul ${rate(gflops.matmul)}, conv2d ${rate(gflops.conv2d)}, its ` +
    `gradients ${rate(gflops.conv2dGrad)} GFLOP/s`
  );
}

/** `gowide doctor`. */
export function command(): Command {
  return new Command('doctor')
    .description('what this machine has: Node, cores, GPU, whether each engine computes rightly, and how fast')
    .addOption(jsonOption())
    .addHelpText('after', examples(['gowide doctor', 'gowide doctor --json']))
    .action(async ({ json }: { json?: boolean }) => {
      const progress = new Progress();
      const engines: EngineReport[] = [];
      const names = namesOf(ENGINES);
      for (const [index, name] of names.entries()) {
        progress.update(`measuring ${name}`, index / names.length, '');
        engines.push(await probeEngine(name));
      }
      progress.clear();
      const machine = {
        gowide: packageVersion(),
        node: process.version,
        platform: `${process.platform}-${process.arch}`,
        cpu: cpus()[0]?.model.trim() ?? 'unknown',
        cores: availableParallelism(),
        memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
        gpu: nvidiaGpu(),
        cache: cacheFolder(),
      };
      const kernel = kernelReport();
      if (json) {
        process.stdout.write(`${JSON.stringify({ ...machine, engines, kernel }, null, 2)}\n`);
        return;
      }
      const { gowide, node, platform, cpu, cores, memoryGiB, gpu, cache } = machine;
      process.stdout.write(
        `gowide ${gowide}, Node ${node}, ${platform}\n${cpu}, ${cores} cores, ${memoryGiB} GiB; GPU: ` +
          `${gpu ?? 'none found'}\ncache: ${cache}\n\n`,
      );
      process.stdout.write(`${engines.map(engineLine).join('\n')}\n`);
      process.stdout.write(
        `particles   ${kernel.name} kernel, ${kernel.threads} ` +
          `threads${kernel.reason === null ? '' : `: ${kernel.reason}`} (its speed: gowide bench particles)\n`,
      );
    });
}
