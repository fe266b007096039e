/** What docs/specs.md says of keys beside what their schemas say: meanings with units, layouts of files, examples. */

type Meanings = Readonly<Record<string, string>>;

/** Keys that mean the same in every data set that has them. */
export const DATA_KEYS: Meanings = {
  folder: 'where the files are; relative to the current folder',
  size: 'side of the square that the network sees, pixels',
  classes: 'number of classes',
  train: 'training examples that are used; all unless given',
  validation: 'examples set aside for validation',
  test: 'test examples',
  padding: 'padding for random crops, pixels',
  corpus: '`glosses` (they come with the package), or a folder of .txt files, a text on each line',
  vocabulary: 'size of the vocabulary that is made of the corpus, tokens; or a file with one',
  lowercase: 'whether texts are read in lower case',
  tokens: 'longest sequence, tokens; longer texts are cut',
  heldOut: 'share of the corpus for validation, and as much for test',
  held: 'examples that are used of each held-out split; all unless given',
};

/** What a data set's page has beside its keys. */
export interface DataNotes {
  /** Which files belong where. */
  readonly layout: string;
  readonly example: object;
  /** Keys of its own, or with another meaning than in {@link DATA_KEYS}. */
  readonly keys?: Meanings;
}

const TEXTS = { corpus: 'glosses', vocabulary: 'bert/vocab.txt', lowercase: true, tokens: 64, heldOut: 0.05 };

/** Every data set by its name. */
export const DATA: Readonly<Record<string, DataNotes>> = {
  digits: {
    layout: 'none: 10,000 digits of 14 x 14 pixels come with the package',
    example: { set: 'digits', train: 2000, augment: { rotation: 10, shift: 0.1, logScale: 0.1, noise: 0.1 } },
    keys: {
      train: 'training images that are used, of 5,500',
      augment: 'random changes of training images; none unless given',
      'augment.rotation': 'largest rotation, degrees',
      'augment.shift': 'largest shift, as a share of the side',
      'augment.logScale': 'largest logarithm of the factor of the size',
      'augment.noise': 'standard deviation of the noise of a pixel',
    },
  },
  hierarchy: {
    layout: 'none: strings of a grammar, made anew',
    example: {
      ...{ set: 'hierarchy', vocabulary: 8, classes: 8, synonyms: 4, levels: 3, branching: 2, grammar: 1 },
      ...{ train: 2048, validation: 512, test: 512 },
    },
    keys: {
      vocabulary: 'symbols at each level',
      synonyms: 'tuples that stand for a symbol; at most vocabulary^(branching − 1)',
      levels: 'levels of the grammar',
      branching: 'symbols in a tuple',
      grammar: 'seed of the grammar and of its strings',
      train: 'training examples',
      validation: 'validation examples',
    },
  },
  cifar10: {
    layout: '`data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`; or `train/<class>/*` and `test/<class>/*`',
    example: { set: 'cifar10', folder: 'cifar10', validation: 5000, padding: 4 },
  },
  cifar100: {
    layout: '`train.bin` and `test.bin`; or `train/<class>/*` and `test/<class>/*`',
    example: { set: 'cifar100', folder: 'cifar100', validation: 5000, padding: 4 },
  },
  idx: {
    layout: '`train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, the same of `t10k`, each also `.gz`',
    example: { set: 'idx', folder: 'fashion', size: 28, classes: 10, validation: 5000, padding: 2, mirror: true },
    keys: { mirror: 'whether half of the training images are mirrored' },
  },
  imagefolder: {
    layout: '`train/<class>/*` and `val/<class>/*` or `test/<class>/*`; or `<class>/*` with a share for test',
    example: { set: 'imagefolder', folder: 'pictures', size: 224, resize: 256, validation: 1000, corrupt: 0 },
    keys: {
      resize: 'shorter side before the center is cut out, pixels; at least size',
      validation: 'training pictures set aside for validation; or the name of a folder',
      test: 'name of the folder of the test split; or the share of each class that is set aside for it',
      corrupt: 'pictures that may be unreadable',
    },
  },
  'masked-lm': {
    layout: 'a folder of .txt files, a text on each line',
    example: {
      ...{ set: 'masked-lm', ...TEXTS, corpus: 'texts', vocabulary: 2048 },
      masking: { share: 0.15, mask: 0.8, random: 0.1, wholeWords: false },
    },
    keys: {
      masking: 'which tokens are asked for',
      'masking.share': 'share of the tokens that are asked for',
      'masking.mask': 'share of these that become [MASK]',
      'masking.random': 'share of these that become another token',
      'masking.wholeWords': 'whether all tokens of a word are asked for together',
      train: 'rows of tokens that are used for training; all unless given',
    },
  },
  'wordnet-task': {
    layout: 'none: the glosses come with the package',
    example: { set: 'wordnet-task', task: 'supersense', ...TEXTS },
    keys: {
      task: 'the supersense of a gloss (45 classes), or whether one gloss is the hypernym of the other',
      blocks: 'whether right answers are counted by block of neighbors, too',
      split: 'held-out glosses are dealt out by class; by blocks unless given',
    },
  },
  tsv: {
    layout: 'tab-separated files, a text (or two) and a label on each line, each also `.tsv.gz`',
    example: {
      ...{ set: 'tsv', ...TEXTS, train: 'train.tsv', test: 'test.tsv', validation: 'dev.tsv' },
      columns: { text: 'sentence', label: 'label' },
    },
    keys: {
      train: 'the training file',
      test: 'the test file',
      validation: 'a third file; or how many training examples are held out',
      columns: 'names of columns in the first line, or their numbers from 0 in files without such a line',
      'columns.text': 'the column of texts',
      'columns.pair': 'that of second texts',
      'columns.label': 'that of labels',
      labels: 'labels in the order of the classes; else a checkpoint’s order, else by value or letters',
    },
  },
  squad: {
    layout: '`train-v1.1.json` and `dev-v1.1.json`, or those of SQuAD 2.0',
    example: {
      ...{ set: 'squad', ...TEXTS, tokens: 384, train: 'train-v1.1.json', test: 'dev-v1.1.json', validation: 0.05 },
      ...{ stride: 128, question: 64, answer: 30 },
    },
    keys: {
      train: 'the training file',
      test: 'the test file',
      validation: 'share of the training articles that is held out',
      stride: 'tokens between the beginnings of two windows of a long text',
      question: 'longest question, tokens; longer ones are cut',
      answer: 'longest answer, tokens',
    },
  },
};

/** Keys of networks. */
export const NETWORK_KEYS: Meanings = {
  block: 'kind of block',
  blocks: 'blocks of each stage',
  planes: 'channels of the first stage, before the factor of the block; doubled by each stage',
  mid: 'factor on the channels within blocks: what a wide net differs in',
  stem: 'the first layers',
  'stem.kind': '3 x 3 (`small`), or 7 x 7 with stride 2 and pooling (`imagenet`)',
  'stem.channels': 'channels of the stem',
  'stem.stride': 'stride of the stem, pixels',
  groups: 'groups of the inner convolutions (ResNeXt); 1 unless given',
  skip: 'whether there are skip connections',
  classes: 'number of classes: width of the head',
  channels: 'channels of the pictures: 1 gray, 3 colors',
  vocabSize: 'tokens in the vocabulary',
  maxPositions: 'longest sequence, tokens',
  typeVocabSize: 'kinds of segments',
  hiddenSize: 'channels of the hidden states',
  numLayers: 'number of layers',
  numHeads: 'heads of attention',
  headSize: 'channels of a head; hiddenSize / numHeads unless given',
  intermediateSize: 'channels within the feed-forward halves',
  initializerRange: 'std of initial weights; the family’s own unless given',
  distance: 'a penalty on attention to tokens far away (ALiBi); none unless given',
  'distance.slope': 'how much less a score is for each token farther away; half in every next pair of heads',
  dropout: 'share of values that are dropped in training',
  head: '`kind`: none, pooler or span; `masked-lm` with `maskedPositions`; `classify` with `classes`',
  imageSize: 'side of the pictures, pixels',
  patchSize: 'side of a patch, pixels',
  stages: 'the stages, each with its blocks and channels',
  features: 'channels before the head',
  kernelSize: 'side of the depthwise kernels, pixels',
  expansion: 'channels within a block, as a multiple of its own',
  width: 'channels of each layer',
  activation: 'the nonlinearity',
  inputs: 'values of an example',
  input: 'the input layer',
  'input.name': 'its name',
  'input.shape': 'shape of an example, [H, W, C] or [N]',
  layers: 'the layers of the LayersModel, in order; `gowide thin` and `fromLayersModel` write them',
};
