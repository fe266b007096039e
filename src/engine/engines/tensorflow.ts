/** Loads the real `@tensorflow/tfjs-node-gpu` with the addon that was built for it, or with its own prebuilt one. */
import { existsSync, realpathSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { join } from 'node:path';
import util from 'node:util';
import { FailureError, messageOf } from '../../core/errors.js';
import { hasPackage } from '../../core/package.js';
import { isSwitchedOff } from '../../core/settings.js';
import { installTensorflow, smokeTest, type InstallOptions } from '../install/install.js';
import { fusedOf, loadFused, refusesFused } from '../ops/fused.js';
import { findBroken, findInstalled, findTfjsPackage, whyNotInstallable, type Installed } from '../install/installed.js';
import { QUIET, quietly } from '../install/quiet.js';
import { hasOneDnn } from '../onednn.js';
import { registerTrainingKernels } from '../ops/kernels.js';
import { TENSORFLOW_KERNELS } from '../ops/tensorflow-kernels.js';
import { tf } from '../tensor.js';
import {
  allThreads,
  opsThreads,
  SMALL_STEP_FLOPS,
  UNDIVIDED_STEP_FLOPS,
  type EngineDefinition,
  type Readiness,
  type Started,
} from './engine.js';
import { prepareAddons } from '../../toolchain/addon.js';
import { gpus, type Device } from '../../toolchain/nvidia.js';
import { bindingOf, buildBinding } from '../trace/binding.js';

const require = createRequire(import.meta.url);

/** Whether TensorFlow can be had: its addon and its package on this machine, or what is missing and what to do. */
export function tensorflowReadiness(): Readiness {
  const installed = findInstalled();
  if (installed !== undefined && findTfjsPackage() !== undefined) return { state: 'ready', gpu: installed.gpu };
  if (prebuiltAddon() !== undefined) return { state: 'ready', gpu: true };
  const obstacle = whyNotInstallable();
  const broken = findBroken();
  const what = broken === undefined ? 'not installed' : `the install in ${broken} is not whole, or not your own`;
  if (obstacle !== undefined)
    return { state: 'impossible', reason: `${what}, and ${obstacle}; then run: gowide engine install` };
  return { state: 'installable', reason: `${what}; run: gowide engine install` };
}

/** The addon that the package's own install script brings, where that worked. */
function prebuiltAddon(): string | undefined {
  const folder = findTfjsPackage();
  const path = folder && join(folder, 'lib', 'napi-v8', 'tfjs_binding.node');
  return path !== undefined && existsSync(path) ? realpathSync(path) : undefined;
}

/**
 * Functions of node:util that tfjs-node calls for each op. Node 22 and later warn that their own are deprecated, and
 * Node 23 has dropped the first of them.
 */
const LEGACY_UTILITIES = {
  isNullOrUndefined: (value: unknown): boolean => value === null || value === undefined,
  isArray: Array.isArray,
};

/** Puts ours in the place of Node's, whatever this version has there. */
function replaceUtilities(): void {
  for (const [name, value] of Object.entries(LEGACY_UTILITIES))
    Object.defineProperty(util, name, { value, configurable: true, enumerable: true, writable: true });
}

/**
 * What tfjs-node takes from `@tensorflow/tfjs`: the user's, where there is one, so that models of tfjs layers run on
 * TensorFlow, too. Else the core alone, without the layers that no network here is made of; tfjs-node extends one class
 * of theirs, a progress bar, as it loads.
 */
function tfjsUnion(): unknown {
  if (hasPackage('@tensorflow/tfjs')) return require('@tensorflow/tfjs');
  const core = require('@tensorflow/tfjs-core') as Readonly<Record<string, unknown>>;
  class CustomCallback {}
  return {
    ...core,
    version: { 'tfjs-core': core.version_core },
    CustomCallback,
    registerCallbackConstructor: () => {},
  };
}

/**
 * Loads the package with our addon, our copy of tfjs (two copies would not share tensors) and our copies of its other
 * dependencies: in the cache it has none of its own.
 */
function loadPackage(folder: string, addon: string): void {
  const loader = Module as unknown as { _load: (request: string, ...rest: unknown[]) => unknown };
  const load = loader._load;
  const ours: Readonly<Record<string, unknown>> = {
    '@mapbox/node-pre-gyp': { find: () => addon },
    '@tensorflow/tfjs': tfjsUnion(),
    '@tensorflow/tfjs-core': require('@tensorflow/tfjs-core') as unknown,
    'google-protobuf': require('google-protobuf') as unknown,
    progress: require('progress') as unknown,
  };
  loader._load = function (this: unknown, request, ...rest) {
    return Object.hasOwn(ours, request) ? ours[request] : load.call(this, request, ...rest);
  };
  try {
    require(folder);
  } finally {
    loader._load = load;
  }
}

async function start(install?: InstallOptions): Promise<Started> {
  const found = findInstalled();
  const prebuilt = found === undefined ? prebuiltAddon() : undefined;
  const usable =
    prebuilt !== undefined &&
    (await smokeTest(prebuilt).then(
      () => true,
      () => false,
    ));
  const installed = usable ? undefined : await installation(found, install);
  const addon = usable ? prebuilt : installed?.addon;
  const folder = findTfjsPackage();
  if (folder === undefined || addon === undefined) {
    const readiness = tensorflowReadiness();
    const reason =
      readiness.state === 'ready'
        ? 'the addon in its package does not load; run: gowide engine install'
        : readiness.reason;
    throw new FailureError(`the tensorflow engine is not available: ${reason}`);
  }
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
  process.env.TF_DETERMINISTIC_OPS ??= '1';
  process.env.CUDA_DEVICE_ORDER ??= 'PCI_BUS_ID'; // as nvidia-smi counts them
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true'; // else one process takes all of a GPU's memory as it starts
  replaceUtilities();
  try {
    quietly(() => loadPackage(folder, (installed && tracingAddon(installed, folder)) ?? addon));
  } catch (error) {
    throw new FailureError(
      `the tensorflow engine does not load (${messageOf(error).split('\n')[0]}); run: gowide engine install --force`,
    );
  }
  // a package that was loaded before makes its engine current no second time
  if (!(await tf.setBackend('tensorflow')))
    throw new FailureError(
      'the tensorflow engine does not start; run: gowide engine install --force, or choose --engine wasm',
    );
  const backend = tf.backend() as unknown as { binding: { TF_Version: string }; isUsingGpuDevice: boolean };
  const fused = installed !== undefined && !backend.isUsingGpuDevice && withFused(installed);
  registerTrainingKernels('tensorflow', TENSORFLOW_KERNELS);
  hasOneDnn(); // tried now: within the recording of a step, the ops of the trial would become part of that step
  const extra = fused ? ', fused ops' : '';
  const version = `TensorFlow ${backend.binding.TF_Version}, tfjs-node-gpu ${tf.version_core}${extra}`;
  return { version, device: backend.isUsingGpuDevice ? (gpus()[0]?.model ?? 'gpu') : 'cpu' };
}

/** The addon with which steps can be compiled; undefined where it cannot be built. */
function tracingAddon(installed: Installed, folder: string): string | undefined {
  if (isSwitchedOff('GOWIDE_TRACE')) return undefined;
  try {
    return buildBinding(installed, folder);
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    return undefined;
  }
}

/** Loads the fused ops; where they cannot be built (no compiler any more, say), the engine does without. */
function withFused(installed: Installed): boolean {
  if (refusesFused()) return false;
  try {
    loadFused(installed, opsThreads());
    return true;
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    return false;
  }
}

/**
 * Installs TensorFlow where it is missing, and builds the addons with which steps are compiled and ops are fused, side
 * by side; without them the engine works, too, and `missing` is told why one is not there. Throws UsageError where
 * TensorFlow cannot be installed, FailureError when a download fails, or the build of the addon of tfjs-node.
 */
export async function setUpTensorflow(options: InstallOptions): Promise<Installed> {
  const installed = await installTensorflow(options);
  const folder = findTfjsPackage();
  const addons = [
    QUIET,
    ...(folder === undefined || isSwitchedOff('GOWIDE_TRACE') ? [] : [bindingOf(installed, folder)]),
    ...(installed.gpu || refusesFused() ? [] : [fusedOf(installed)]),
  ];
  await prepareAddons(addons, (done) => options.report?.('build the addons', done, 1), options.missing);
  return installed;
}

/** The install that was found, where the package is there, too, or a new one where it may be made. */
async function installation(
  found: Installed | undefined,
  install: InstallOptions | undefined,
): Promise<Installed | undefined> {
  if (found !== undefined && findTfjsPackage() !== undefined) return found;
  return install === undefined ? undefined : await setUpTensorflow(install);
}

/** Its GPUs, where its build for CUDA is the one that is installed. */
function devices(): Device[] {
  const readiness = tensorflowReadiness();
  return readiness.state === 'ready' && readiness.gpu ? gpus() : [];
}

function useThreads(threads: number): void {
  process.env.TF_NUM_INTRAOP_THREADS = String(threads);
  process.env.GOWIDE_OPS_THREADS = String(threads);
}

/**
 * Small steps run on one thread. oneDNN is fast in compiled steps, and slower than TensorFlow's own kernels where each
 * op is a call of its own (2026-11-25, one core, ResNet [2, 2, 2] of 4,186 parameters, batch 32, milliseconds of
 * processor time a step: compiled 3.2 with oneDNN and 5.7 without, op by op 13 without).
 */
function tune({ stepFlops, cores }: { readonly stepFlops: number; readonly cores: number | undefined }): void {
  const small = stepFlops < SMALL_STEP_FLOPS;
  if (small && isSwitchedOff('GOWIDE_TRACE')) process.env.TF_ENABLE_ONEDNN_OPTS ??= '0';
  // both as useThreads sets them; another number for TensorFlow is the user's
  const { TF_NUM_INTRAOP_THREADS, GOWIDE_OPS_THREADS } = process.env;
  if (stepFlops < UNDIVIDED_STEP_FLOPS && TF_NUM_INTRAOP_THREADS === GOWIDE_OPS_THREADS)
    process.env.TF_NUM_INTRAOP_THREADS = '1';
  const threads = small ? 1 : cores;
  if (threads !== undefined) process.env.TF_NUM_INTRAOP_THREADS ??= String(threads);
}

/** The engine `tensorflow`, on the CPU or on a GPU with CUDA. */
export const TENSORFLOW: EngineDefinition = {
  readiness: tensorflowReadiness,
  threads: allThreads,
  start,
  auto: {
    rank: (readiness) => (readiness.state === 'ready' && readiness.gpu ? 3 : 1),
    why: 'the fastest that works here',
    failed: 'the faster engine is missing',
  },
  install: setUpTensorflow,
  devices,
  useThreads,
  tune,
};
