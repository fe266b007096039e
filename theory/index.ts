/**
 * The mean-field simulator, in float64 and without tensors: deep networks of particles, their training and imitation,
 * bounds on what imitation loses, and limits in closed form. Nothing here loads a tensor engine; mathjs is loaded only
 * by {@link verifyAll}.
 *
 * @packageDocumentation
 */

// Networks of particles, and the tasks that they learn
export { ACTIVATIONS, type Activation, type ActivationBound, type ActivationLaw } from './model/activations.js';
export {
  copyNet,
  freshNet,
  initialNet,
  inputsOf,
  outputsOf,
  pick,
  pickNet,
  readMaps,
  singleLayer,
  thinIndices,
  thinNet,
  widthsOf,
  zerosLike,
  type InitialLaw,
  type Layer,
  type LinearMap,
  type Net,
  type Shape,
} from './model/particles.js';
export { LOSSES, type LossLaw, type LossName } from './model/losses.js';
export { asClasses, sineTask, type Samples, type Task } from './model/task.js';

// Forward passes, velocities and distances
export { activations, layerForward, lossOf, output, outputFrom, velocity, type Velocity } from './network/network.js';
export { discrepancies, discrepancy, layerErrors, outputSize, rmsDistance, telescope } from './network/discrepancy.js';

// Limits of infinite width, by linearized flows
export { outputChanges, velocityChanges, type Direction, type VelocityChanges } from './network/tangents.js';
export {
  responsesOf,
  type Course,
  type FlowPart,
  type Responses,
  type Weights,
  type WideFlow,
} from './limit/fluctuation.js';
export { gaussianWeights, limitsOf, NoLimit, type LimitSettings, type WidthLimit } from './limit/extrapolate.js';
export { declaredLimit, LIMIT_DEFAULTS, type DeclaredLimit, type LimitOptions } from './limit/declared.js';
export { linearNetLimit, type LinearSetting } from './exact/linear-net.js';

// Training: direct, by imitation, in three stages
export {
  EXPLOSION,
  trainDirect,
  trainSgd,
  batchesOf,
  type FlowOptions,
  type FlowResult,
  type Move,
  type StepOptions,
} from './flow/direct.js';
export { trainHalved, type Halving } from './flow/halving.js';
export { imitateByRidge, type RidgeOptions } from './flow/ridge.js';
export {
  selectNets,
  SELECTIONS,
  type Features as SelectionFeatures,
  type ParticleChoice,
  type SelectionName,
  type SelectionRule,
} from './flow/selection.js';
export { FLOWS, type FlowContext, type FlowKind, type FlowName, type FlowOrders, type FlowSpec } from './flow/flows.js';
export { particleNoise, pickNoise, trainLangevin, type LangevinOptions, type ParticleNoise } from './flow/langevin.js';
export { trainMomentum, type MomentumOptions } from './flow/momentum.js';
export { imitate, type ImitationOptions } from './flow/imitation.js';
export { compress, threeStages, type Compressed, type PipelineResult, type ThinDraw } from './flow/pipeline.js';
export {
  integrate,
  integratorByName,
  INTEGRATORS,
  stepSystem,
  type Integrator,
  type IntegratorName,
} from './flow/integrators.js';

// Bounds, exact limits, and nets whose laws can be written down
export * from './bounds/index.js';
export * from './exact/index.js';
export type { Rows } from './numerics/linear.js';
export * from './instances/index.js';
export { limitByName, LIMITS, registerLimit, type Limit } from './verify/limits.js';

// One simulation from a declaration; laws measured over seeds; every pinned number again
export { parseSimulation, type Simulation } from './simulate/declaration.js';
export { checkSimulation, simulate, type SimulationResult } from './simulate/simulate.js';
export { registerStudy, STUDIES, studyByName } from './studies/index.js';
export { ParticleSettings, parseStudySpec, type Study } from './studies/study.js';
export type { Check, CheckKind } from './verify/check.js';
export { verifyAll } from './verify/verify.js';

// The kernel that all of it runs on
export type { Kernel, TangentPass } from './kernel/interface.js';
export { kernel, KERNELS, openKernel, threadCount, useKernel, type KernelName } from './kernel/kernel.js';
export { KERNEL_SECONDS, kernelSeconds, type KernelSeconds, type KernelWork, type Linear } from './kernel/seconds.js';
