/**
 * The library: engines, tensors, networks, the three stages, runs and files. The theory is
 * `go-wide-then-narrow/theory`; what commands know besides is `go-wide-then-narrow/experiments`, `/reports` and
 * `/sweep`.
 */

// Training in three stages, by its spec or step by step
export { parseTrainSpec } from './method/run/check-spec.js';
export { inSteps, type JsonObject } from './method/spec/epochs.js';
export { trainExecutor } from './method/run/execute.js';
export { type Procedure } from './method/three-stage/pipeline.js';
export {
  CloneImitation,
  GradientImitation,
  ObjectiveSpec,
  RecipeSpec,
  RidgeImitation,
  TrainSpec,
} from './method/spec/spec.js';
export { STARTS, type StartKind } from './method/start/start.js';
export { threeStage, type ThreeStageOptions, type ThreeStageResult } from './method/three-stage/call.js';
export {
  pointsBeyond,
  specAtPoint,
  tuneByGrid,
  type GridPoint,
  type MeasureCells,
  type TriedPoint,
  type TunedArm,
} from './method/run/tuning.js';
export { type Confusion } from './metrics/confusion.js';
export { type Evaluation } from './metrics/evaluate.js';
export { IMITATION_LOSSES, registerImitationLoss, type ImitationLoss } from './optim/losses.js';

// Making a trained network thin
export { ARMS, type Arm as ThinArm, type ArmName, type ArmSetting, type Rates } from './thin/arms.js';
export { compareArms, type CompareOptions, type Compared, type Comparison } from './thin/compare.js';
export { type DataForm, type DataOption, type FormOptions, type Found } from './thin/data/form.js';
export { DATA_FORMS, registerDataForm } from './thin/data/index.js';
export { type Scored } from './thin/halving.js';
export { type Candidate } from './thin/cells.js';
export { type ThinOptions } from './thin/options.js';
export { type BaseRecipe } from './thin/recipes.js';
export { type Measured, type ThinResult, type Trained, type Tried } from './thin/result.js';
export { type Agreement } from './thin/sentences-run.js';
export { setUpSentences, thinSentences, type SentencesResult, type SentencesSetup } from './thin/sentences.js';
export { registerSourceFormat, SOURCE_FORMATS } from './thin/sources/index.js';
export { type Pooling, type PoolingName } from './thin/sources/sentences.js';
export { type Names, type OpenOptions, type Source as ModelSource, type SourceFormat } from './thin/sources/source.js';
export { thin, type CallOptions as ThinCallOptions } from './thin/thin.js';
export { type WorkOptions } from './thin/work.js';

// Networks
export { bert, BertSpec } from './models/families/bert/network.js';
export { convnet, ConvnetSpec } from './models/families/plain/convnet.js';
export { convnext, ConvnextSpec } from './models/families/convnext/network.js';
export { distilbert, DistilbertSpec } from './models/families/distilbert/network.js';
export {
  type DataFacts,
  type Family,
  type FolderConfig,
  type FolderFacts,
  type FolderNetworks,
  type HeadFacts,
  type NetworkHead,
  type Predict,
  type PublishedWeights,
  type Thinning,
  type Variant,
  type TokenizerFacts,
  type Unseen,
} from './models/interface/family.js';
export { FAMILIES, NetworkSpec, networkOf, parameterCount, preset, registerFamily } from './models/index.js';
export {
  fromLayersModel,
  toLayersModel,
  type LayersModel,
  type LayersModelOptions,
} from './models/families/layers/model.js';
export { mlp, MlpSpec } from './models/families/plain/mlp.js';
export { mobilenet, MobilenetSpec } from './models/families/mobilenet/network.js';
export { type PredictOptions } from './models/interface/predict.js';
export { resnet, ResnetSpec, scaleWidth } from './models/families/resnet/network.js';
export { vit, VitSpec } from './models/families/vit/network.js';

// Layers, to build a network of
export { applyTaps } from './models/parts/apply-taps.js';
export {
  biasedConvolutionLayer,
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
} from './models/parts/layer-table.js';
export { constant, heNormal, orthogonal, scaledNormal, uniformFanIn } from './nn/init.js';
export {
  ACTIVATIONS,
  batchNorm,
  conv2d,
  convNorm,
  convNormAdd,
  dense,
  depthwise,
  evaluation,
  linearMap,
  patchConv,
  type ConvNormAddOptions,
  type ConvNormOptions,
  type Scope,
} from './nn/layers.js';
export { type ApplyOptions, type HostWeights, type Network, type Readers } from './nn/network.js';
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
export { type Windows } from './nn/windows.js';

// Weights in files
export { writeOnnx, type WrittenFacts } from './models/write.js';
export { type PictureNames, type SaidNormalization } from './models/formats/picture-facts.js';
export { readTorchvision, writeTorchvision } from './models/families/resnet/weights.js';
export { OnnxGraph, ONNX_OPSET, type Attributes, type Dimension, type OnnxType, type Value } from './onnx/graph.js';
export { type WriteOptions } from './store/atomic.js';
export { readSafetensors, writeSafetensors, type SafetensorsFile } from './store/safetensors.js';

// Data
export { affine } from './data/augment.js';
export {
  type AbsentClasses,
  type AugmentKey,
  type Dataset,
  type HostBatch,
  type RepeatedExamples,
  type SkippedFile,
  type Source,
  type TaskScores,
  type Answer,
} from './data/dataset.js';
export {
  type DatasetDefinition,
  type HeldOutCounts,
  type KnownData,
  type PictureCut,
  type TokenTask,
} from './data/definition.js';
export { cropAndFlip, memorySource, normalizer, type ImageSet, type Changes } from './data/images.js';
export { DataSpec, DATASETS, openData, registerDataset } from './data/index.js';
export { type AddedToken } from './text/added-tokens.js';
export { type OnStage } from './text/rows.js';
export { type Encoding, type TokenizerSettings, type WordPiece } from './text/wordpiece.js';

// Experiments, cells and runs
export {
  cellsOf,
  parseScale,
  SCALES,
  type Experiment,
  type Platform,
  type Runner,
  type Scale,
  type Arm,
  type ArmFacts,
  type DependentRows,
  type LearnsFrom,
  type Metric,
  type TuningGrid,
} from './core/experiment.js';
export {
  cellId,
  type Cell,
  type Executor,
  type InputFiles,
  type Outcome,
  type Row,
  type RunContext,
  type Snapshot,
} from './core/run.js';
export { executeRun, type ExecuteOptions } from './store/execute.js';
export { type Input as RunInput } from './store/inputs.js';
export {
  findRun,
  listRuns,
  readArrays,
  readMetrics,
  readRun,
  type RunRecord,
  type Environment,
  type SessionRecord,
  type EngineInfo,
  type Listing,
} from './store/runs.js';
export { SaveInterval } from './store/save-interval.js';

// One network on many machines
export { type Workers } from './core/workers.js';
export { parseAddresses, type Address } from './distributed/address.js';
export { type Facts as WorkerFacts } from './distributed/handshake.js';
export { joinWorkers, type Joining } from './distributed/join.js';
export { type WorkerMesh } from './distributed/mesh.js';

// Engines and their tensors
export {
  ENGINES,
  openEngine,
  startEngine,
  type Engine,
  type EngineChoice,
  type EngineName,
} from './engine/engines/choose.js';
export { type AutomaticChoice, type EngineDefinition, type Readiness, type Started } from './engine/engines/engine.js';
export { type InstallOptions } from './engine/install/install.js';
export { differentiate, type Differentiated } from './engine/ops/gradients.js';
export { type RandomKey } from './engine/ops/random.js';
export {
  disposeAll,
  tf,
  type Scalar,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  type Tensors,
} from './engine/tensor.js';
export { type Device } from './toolchain/nvidia.js';

// Errors, arrays, random numbers, statistics
export { FailureError, InterruptedError, UsageError } from './core/errors.js';
export { type Floats, type HostArray, type HostArrays, type HostValues } from './core/host-array.js';
export { type Json } from './core/json.js';
export { normals, permutation, rngKey, subset, uniforms, type RngKey } from './core/rng.js';
export { fitLine, powerLaw, tInterval, type Interval, type Line } from './core/stats.js';
