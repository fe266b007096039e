/** Limits in closed form, or as ordinary differential equations. */
export { chainAmplification, chainDiscrepancy, chainProduct, chainSensitivity, chainWeights } from './chain.js';
export { cltConstant, secondMoment, type CltSetting } from './clt.js';
export { arcsineKernel, arcsineSlopeKernel, meanSquare, type Covariance } from './kernels.js';
export { gaussLegendre } from './quadrature.js';
export { radialMean, radialRisk, radialSgd, radialSlope, solveRadial, type Radial } from './radial.js';
export { committeeSgd, committeeVelocity, generalisationError, solveCommittee, type Committee } from './saad-solla.js';
export { particleVariance, sampledLayerVariance } from './sampling.js';
export { processKernel, tangentKernel, type LayerLaw } from './tangent.js';
