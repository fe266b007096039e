/** The mean-field simulator, in float64; no tensors. */
export * from './bounds/index.js';
export * from './network/discrepancy.js';
export * from './exact/index.js';
export { lossOf, trainDirect, trainSgd, EXPLOSION, type FlowOptions, type FlowResult } from './flow/direct.js';
export { trainHalved, type Halving } from './flow/halving.js';
export {
  integrate,
  integratorByName,
  INTEGRATORS,
  stepSystem,
  type Integrator,
  type IntegratorName,
} from './flow/integrators.js';
export { imitate, type ImitationOptions } from './flow/imitation.js';
export * from './instances/index.js';
export type { Kernel } from './kernel/interface.js';
export { kernel, KERNELS, openKernel, useKernel, type KernelName } from './kernel/kernel.js';
export { activations, layerForward, output, velocity, type Velocity } from './network/network.js';
export * from './model/particles.js';
export { compress, threeStages, type Compressed, type PipelineResult, type ThinDraw } from './flow/pipeline.js';
export { simulate, type SimulationResult } from './simulate/simulate.js';
export { sineTask, type Samples, type Task } from './model/task.js';
export { verifyAll, type Check } from './verify/verify.js';
