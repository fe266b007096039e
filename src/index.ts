/** The library: engines, tensors, networks, the three stages, runs and files. The theory is `go-wide-then-narrow/theory`. */
export { FailureError, InterruptedError, UsageError } from './core/errors.js';
export { cellsOf, parseScale, SCALES, type Experiment, type Runner, type Scale } from './core/experiment.js';
export { normals, permutation, rngKey, subset, uniforms, type RngKey } from './core/rng.js';
export { cellId, type Cell, type Executor, type HostArrays, type Outcome, type Row, type RunContext } from './core/run.js';
export { bootstrapInterval, fitLine, powerLaw, tInterval, type Interval } from './core/stats.js';
export { ENGINES, openEngine, startEngine, type Engine, type EngineName } from './engine/choose.js';
export { differentiate } from './engine/gradients.js';
export { disposeAll, tf, type Tensor, type Tensors } from './engine/tensor.js';
export { parseTrainSpec, trainExecutor } from './method/train.js';
export { DirectSpec, ThreeStageSpec, TrainSpec } from './method/spec.js';
export { applyResnet, initResnet, ResnetSpec, tapsOf } from './models/resnet.js';
export { executeRun, type ExecuteOptions } from './store/execute.js';
export { findRun, listRuns, readArrays, readMetrics, readRun, type RunRecord } from './store/runs.js';
export { readSafetensors, writeSafetensors, type NamedArray } from './store/safetensors.js';
