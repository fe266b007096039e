/** Limits in closed form, or as ordinary differential equations. */
export {
  chainAmplification,
  chainDiscrepancy,
  chainProduct,
  chainSensitivity,
  chainWeights,
  type ChainState,
} from './chain.js';
export { cltConstant, secondMoment, type CltSetting } from './clt.js';
export { arcsineKernel, arcsineDerivativeKernel, type Covariance } from './kernels.js';
export { langevinStationary, type LangevinSetting, type LangevinStationary } from './langevin.js';
export {
  infiniteEnds,
  linearResidual,
  residualDepthLimit,
  type BlockMoments,
  type DepthLimit,
  type LinearResidual,
  type LinearResidualState,
} from './linear-residual.js';
export {
  radialMean,
  radialRisk,
  radialSgd,
  radialMeanDerivative,
  solveRadial,
  type Radial,
  type RadialState,
} from './radial.js';
export {
  committeeSgd,
  committeeVelocity,
  generalizationError,
  solveCommittee,
  type Committee,
  type Matrix,
} from './saad-solla.js';
export { particleVariance, sampledLayerVariance } from './sampling.js';
export { processKernel, tangentKernel, type LayerLaw } from './tangent.js';
