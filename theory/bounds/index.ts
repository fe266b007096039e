/** Bounds on the discrepancy, each with its derivation. */
export { posteriorCap } from './cap.js';
export { activationBound, layerLipschitz, rowNorm, tailLipschitz } from './constants.js';
export {
  closedForm,
  gronwallRate,
  runningGronwall,
  traceNet,
  uniformConstants,
  type GronwallRun,
  type GronwallStep,
  type UniformConstants,
  type Trace,
} from './gronwall.js';
export { lipschitzBound, telescopedBound, wideTailBound } from './imitation.js';
