// What the module exports. Addresses are in bytes in the memory of tfjs' backend; nothing is allocated here.
export { product } from './product';
export { columnSums, exp, gather, reluGradient, rowSums, scatter } from './columns';
export { addBias, attention, attentionGradient, biasGelu, geluGradient, norm, normGradient } from './transformer';
export {
  batchNorm, batchNormGradient, convolution, filterGradient, geometry, inputGradient, scaleShift,
} from './images';
export { crossEntropy, crossEntropyGradient, divergence, divergenceGradient } from './losses';
export { adamw, sgd, squareSum } from './optimizer';
