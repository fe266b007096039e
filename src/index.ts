/**
 * The library: engines, tensors, networks, the three stages, runs and files. The theory is
 * `go-wide-then-narrow/theory`.
 */
export { FailureError, InterruptedError, UsageError } from './core/errors.js';
export { cellsOf, parseScale, SCALES, type Experiment, type Runner, type Scale } from './core/experiment.js';
export { type Floats, type HostArray, type HostArrays, type HostValues } from './core/host-array.js';
export { normals, permutation, rngKey, subset, uniforms, type RngKey } from './core/rng.js';
export { cellId, type Cell, type Executor, type Outcome, type Row, type RunContext } from './core/run.js';
export { bootstrapInterval, fitLine, powerLaw, tInterval, type Interval } from './core/stats.js';
export { ENGINES, openEngine, startEngine, type Engine, type EngineName } from './engine/backends/choose.js';
export { differentiate } from './engine/ops/gradients.js';
export { disposeAll, tf, type Tensor, type Tensor2D, type Tensor4D, type Tensors } from './engine/tensor.js';
export { type AugmentKey, type Dataset, type HostBatch, type Source } from './data/dataset.js';
export { DataSpec, openData } from './data/index.js';
export { affine, cropAndFlip, memorySource, normalizer, type ImageSet } from './data/images.js';
export { GradientImitation, ObjectiveSpec, RecipeSpec, RidgeImitation, TrainSpec } from './method/spec.js';
export { threeStage, type ThreeStageOptions, type ThreeStageResult } from './method/three-stage.js';
export { parseTrainSpec } from './method/check-spec.js';
export { trainExecutor } from './method/execute.js';
export { FAMILIES, NetworkSpec, networkOf, parameterCount, preset, registerFamily } from './models/index.js';
export { type DataFacts, type Family, type Predict, type PublishedWeights, type Variant } from './models/family.js';
export { bert, BertSpec } from './models/bert.js';
export { resnet, ResnetSpec, scaleWidth } from './models/resnet.js';
export { convnet, ConvnetSpec } from './models/convnet.js';
export { mlp, MlpSpec } from './models/mlp.js';
export { fromLayersModel, toLayersModel } from './models/layers-model.js';
export {
  constantLayer,
  convolutionLayer,
  denseLayer,
  embeddingLayer,
  layerNormLayer,
  operation,
  tableOf,
  type ConvolutionOptions,
  type DenseOptions,
  type KernelInit,
  type Layer,
  type ParameterRow,
} from './models/layer-table.js';
export { readTorchvision, writeTorchvision } from './models/torchvision.js';
export { applyTaps } from './models/apply-taps.js';
export { constant, heNormal, orthogonal, scaledNormal, uniformFanIn } from './nn/init.js';
export {
  ACTIVATIONS,
  batchNorm,
  conv2d,
  convNorm,
  convNormAdd,
  dense,
  evaluation,
  linearMap,
  type Scope,
} from './nn/layers.js';
export {
  denseGelu,
  denseNorm,
  dropout,
  embed,
  gelu,
  layerNorm,
  rowsOf,
  scoreBias,
  selfAttention,
  type AttentionOptions,
} from './nn/transformer.js';
export { type ApplyOptions, type HostWeights, type Network, type Readers } from './nn/network.js';
export { executeRun, type ExecuteOptions } from './store/execute.js';
export { findRun, listRuns, readArrays, readMetrics, readRun, type RunRecord } from './store/runs.js';
export { readSafetensors, writeSafetensors } from './store/safetensors.js';
