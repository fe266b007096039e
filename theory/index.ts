/** The mean-field simulator, in float64; no tensors. */
export { discrepancy, layerErrors, rmsDistance, telescope } from './discrepancy.js';
export { chainProduct, chainWeights } from './exact/chain.js';
export { cltConstant, tanhSecondMoment } from './exact/clt.js';
export { sampledLayerVariance } from './exact/sampling.js';
export { trainDirect, type FlowResult } from './flow.js';
export { imitate } from './imitation.js';
export * from './instances/saddle.js';
export { activations, layerForward, layerStep, output } from './network.js';
export { copyNet, initialNet, thinNet, type InitialLaw, type Layer, type Net } from './particles.js';
export { sineTask, type Samples, type Task } from './task.js';
export { verifyAll, type Check } from './verify.js';
