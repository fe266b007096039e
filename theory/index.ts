/** The mean-field simulator, in float64; no tensors. */
export * from './bounds/index.js';
export * from './discrepancy.js';
export * from './exact/index.js';
export { lossOf, trainDirect, trainSgd, EXPLOSION, type FlowOptions, type FlowResult } from './flow/direct.js';
export { trainHalved, type Halving } from './flow/halving.js';
export { integrate, integratorByName, INTEGRATORS, stepSystem, type Integrator, type IntegratorName } from './flow/integrators.js';
export { imitate, type ImitationOptions } from './imitation.js';
export * from './instances/index.js';
export { type Kernel, type KernelName, KERNELS } from './kernel/interface.js';
export { kernel, openKernel, useKernel } from './kernel/kernel.js';
export { activations, layerForward, output, velocity, type Velocity } from './network.js';
export * from './particles.js';
export { compress, threeStages, type Compressed, type PipelineResult, type ThinDraw } from './pipeline.js';
export { simulate, type SimulationResult } from './simulate.js';
export { sineTask, type Samples, type Task } from './task.js';
export { verifyAll, type Check } from './verify.js';
