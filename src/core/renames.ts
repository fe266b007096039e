/** What keys and values of declarations were called before run format 3. Files that say them so are still read. */

/** A key of a declaration, or one of its values, that has another name now. */
export interface Rename {
  /** The key: the old one, or the one whose value is meant. */
  readonly key: string;
  /** The old value, where it is a value that was renamed and not the key. */
  readonly value?: string;
  /** The new name of the key, or of the value. */
  readonly to: string;
  /** Only in objects with these values, for example `{ family: 'bert' }`; in all without it. */
  readonly where?: Readonly<Record<string, string>>;
  /** Only where the key, or its new name, holds an object that has this key, for example `family`. */
  readonly holding?: string;
}

/** Every rename. A key that was renamed here is a line here. */
export const RENAMES: readonly Rename[] = [
  // runs: a network is a network; a simulation's model, the particle model, keeps its name
  { key: 'model', to: 'network', holding: 'family' },
  { key: 'start', value: 'projected-ends', to: 'projected-embeddings-and-head' },
  // exact limits
  { key: 'deviation', to: 'std' },
  // networks: the fields of Hugging Face's configurations
  { key: 'vocabulary', to: 'vocabSize', where: { family: 'bert' } },
  { key: 'positions', to: 'maxPositions', where: { family: 'bert' } },
  { key: 'segments', to: 'typeVocabSize', where: { family: 'bert' } },
  { key: 'hidden', to: 'hiddenSize', where: { family: 'bert' } },
  { key: 'layers', to: 'numLayers', where: { family: 'bert' } },
  { key: 'layers', to: 'numLayers', where: { family: 'convnet' } },
  { key: 'layers', to: 'numLayers', where: { family: 'mlp' } },
  { key: 'heads', to: 'numHeads', where: { family: 'bert' } },
  { key: 'feedforward', to: 'intermediateSize', where: { family: 'bert' } },
  { key: 'initial', to: 'initializerRange', where: { family: 'bert' } },
  { key: 'places', to: 'maskedPositions', where: { kind: 'masked-lm' } },
];
