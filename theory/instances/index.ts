/** Nets whose laws can be written down: where direct training does explode with depth, and where it does not. */
export * from './chain.js';
export * from './saddle.js';
export * from './tanh-saddle.js';
