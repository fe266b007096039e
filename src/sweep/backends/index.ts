/**
 * Places where sweeps run: the program's own by name, and how a program adds one. `gowide sweep run --backend NAME` has
 * what was registered before it runs, as by `NODE_OPTIONS='--import ./mine.mjs'`.
 *
 * @packageDocumentation
 */
export { BACKENDS, registerBackend } from './registry.js';
export {
  defineBackend,
  type BackendOption,
  type BackendOptions,
  type Controls,
  type LocalSweep,
  type OptionText,
  type Served,
  type Serving,
  type Sweep,
  type SweepBackend,
  type SweepOutcome,
  type SweepStatus,
  type ValueOf,
  type Values,
} from './backend.js';
export { type ChildOptions } from '../child.js';
export { type SweepReporter } from '../progress.js';
export { type TensorSetup, type WorkerPoolOptions } from '../worker-pool.js';
