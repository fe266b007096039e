/** What docs/specs.md says of keys beside what their schemas say: meanings with units, layouts of files, examples. */
import type { z } from 'zod';
import {
  ImitationSpec,
  HintsSpec,
  ObjectiveSpec,
  RecipeSpec,
  TeacherSpec,
  TrainSpec,
} from '../../src/method/spec/spec.js';
import { IMITATION_LOSSES } from '../../src/optim/losses.js';

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
      split: 'which of the two splits; the test images of the second are training images of the first',
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
      validation: 'training pictures set aside for validation; or the name of a folder, another one than that of test',
      test: 'name of the folder of the test split; or the share of each class that is set aside for it',
      corrupt: 'pictures that may be unreadable',
      normalize: 'how colors are normalized; as ImageNet’s are by default',
      'normalize.mean': 'mean of red, green and blue, of values from 0 to 1',
      'normalize.std': 'standard deviation of each',
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
      corpus: '`glosses`, which come with the package',
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
      padding:
        'how far texts are padded: to `tokens` (`max_length`, unless given), or to the longest of each batch (`longest`), ' +
        'which is faster where most texts are short; imitation then leaves padding out',
      groupByLength:
        'whether the texts of a training batch are of similar lengths, which is faster again; goes with `longest`',
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
  head: 'what comes after the last layer',
  'head.kind': 'what it gives',
  'head.maskedPositions':
    'masked tokens of a sequence that are asked for, as many as the data set gives; every token unless given',
  'head.classes': 'number of classes',
  imageSize: 'side of the pictures, pixels',
  patchSize: 'side of a patch, pixels',
  stages: 'the stages',
  'stages.blocks': 'blocks of the stage',
  'stages.channels': 'channels of the stage',
  'stages.expansion': 'channels within a block, as a multiple of those that it reads',
  'stages.stride': 'stride of the first block, pixels',
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
  'layers.kind': 'what the layer computes',
  'layers.name': 'its name',
  'layers.from': 'names of the layers that it reads',
  'layers.units': 'channels that it gives',
  'layers.activation': 'the nonlinearity',
  'layers.kernel': 'height and width of the kernels, pixels',
  'layers.strides': 'strides along height and width, pixels',
  'layers.padding': 'whether the sides are padded with zeros',
  'layers.epsilon': 'what is added to the variance',
  'layers.by': 'how values are pooled',
  'layers.size': 'height and width of the window, pixels',
  'layers.rate': 'share of values that are dropped in training',
};

/** What each value of a key means, where networks differ in those that they allow. */
export const VALUES: Readonly<Record<string, Meanings>> = {
  'head.kind': {
    none: 'nothing',
    pooler: 'the tanh layer on the first token',
    span: 'spans of answers',
    'masked-lm': 'masked tokens',
    classify: 'classes of texts',
  },
};

/** Keys whose objects have a table of their own, by name, with the link to it. */
export const OWN_TABLES: Readonly<Record<string, string>> = {
  data: '[data set](#data-sets)',
  network: '[network](#networks)',
  teacher: '[teacher](#teacher) or `null`',
  imitation: '[imitation](#imitation) or `null`',
  training: '[recipe](#recipe) with more',
  recipe: '[recipe](#recipe)',
  objective: '[objective](#objective)',
  hints: '[hints](#hints)',
  run: '[run](#run)',
};

const quoted = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

const FILE_KEYS = {
  'pretrained.weights': 'its safetensors file in torchvision’s or Hugging Face’s names, or the folder of it',
};

/** Which part of a network is a group, in imitation and in hints. */
const DIVISION = {
  unit: 'where groups end: with stages or with blocks',
  size: 'stages or blocks of a group',
};

/** A part of a training spec, with a table of its own. */
export interface TrainingPart {
  readonly title: string;
  readonly what: string;
  readonly spec: z.ZodType;
  readonly keys: Meanings;
}

/** The parts of a training spec, the whole first. */
export const TRAINING: readonly TrainingPart[] = [
  {
    title: 'run',
    what: 'What is trained, on which data, in which stages.',
    spec: TrainSpec,
    keys: {
      data: 'the data, with their splits',
      network: 'the thin net',
      pretrained:
        'a network trained on another task, a run or a file, whose parameters of the same path and shape are taken',
      'pretrained.network': 'the network of that file',
      ...FILE_KEYS,
      'pretrained.experiment': 'the experiment of the run that it is',
      'pretrained.arm': 'the arm of that run',
      'pretrained.run': 'the spec of that run',
      teacher: 'the wide net; `null` for direct training',
      start: 'which parameters of the wide net the thin one begins with ([method](../src/method/README.md))',
      imitation: 'the second stage; `null` for none',
      training:
        'the third stage, or all of direct training: keys of a recipe, `objective`, and `hints` where they are weighed',
    },
  },
  {
    title: 'recipe',
    what: 'For how long a network is trained, on which batches, by which optimizer. `epochs` in place of `steps` is read, too.',
    spec: RecipeSpec,
    keys: {
      steps: 'steps of training',
      batch: 'examples of a step',
      accumulate: 'parts that a batch is divided into, for memory; 1 unless given',
      schedule: 'the learning rate',
      'schedule.kind': 'half a cosine to zero, drops at some steps, a straight line to zero, or none of these',
      'schedule.peak': 'the rate after the warm-up',
      'schedule.warmup': 'steps in which the rate rises from zero; at most `steps`',
      'schedule.drops': 'steps at which the rate falls',
      'schedule.factor': 'what the rate is multiplied by at each drop; below 1 in a run that is to be made',
      optimizer: 'the optimizer',
      'optimizer.kind': 'SGD with momentum, or AdamW',
      'optimizer.momentum': 'share of the velocity that is kept',
      'optimizer.weightDecay': 'decay of kernels; not of biases and norms',
      'optimizer.beta1': 'decay of the mean of gradients',
      'optimizer.beta2': 'decay of the mean of their squares',
      'optimizer.epsilon': 'what is added to the root of that mean',
      clip: 'largest joint norm of the gradients; none unless given',
      ema: 'decay of the average of the parameters that is used at the end; none unless given',
      evaluations:
        'evaluations on validation, evenly spread, whose best weights are kept; the last unless given; not for imitation',
    },
  },
  {
    title: 'objective',
    what: 'Weights of the parts of the loss; those that need the wide net are 0 without one.',
    spec: ObjectiveSpec,
    keys: {
      labels: 'weight of the cross-entropy to the labels',
      teacher: 'weight of the KL divergence to the wide net’s outputs',
      hints: 'weight of the distance to the wide net at the ends of groups, all at once (FitNet)',
      temperature: 'what logits are divided by in the divergence; 1 where `teacher` is 0',
      labelSmoothing: 'share of a label that is spread over all classes; 0 where `labels` is 0',
    },
  },
  {
    title: 'hints',
    what: 'Where hints compare the thin net with the wide one.',
    spec: HintsSpec,
    keys: {
      ...DIVISION,
      loss: `the distance: ${quoted(Object.keys(IMITATION_LOSSES))}; \`relative-mse\` unless given`,
    },
  },
  {
    title: 'imitation',
    what: 'The second stage: by gradient steps, by ridge regression, or by a Low-Rank Clone ([method](../src/method/README.md)).',
    spec: ImitationSpec,
    keys: {
      by: 'how a group comes to give what the wide net gives',
      ...DIVISION,
      order: 'one group after the other, `recipe.steps` for each; or all in every step',
      inputs: 'whether a group reads the thin net’s own activations or the wide net’s',
      loss: `the distance: ${quoted(Object.keys(IMITATION_LOSSES))}`,
      maps: 'linear maps between groups: none, up to be compared, the paper’s pairs, or one basis for streams of skips',
      recipe: 'how it is trained',
      images: 'training examples that are read, unaugmented',
      ridge: 'penalty, as a share of the mean square of the inputs',
    },
  },
  {
    title: 'teacher',
    what: 'The wide net: trained first by a run of its own (`recipe`, `objective`), or read from a file (`weights`).',
    spec: TeacherSpec,
    keys: {
      network: 'the wide net',
      align: 'layers beside each other: of the same name (so unless given), or at the same share of the depth',
      pretrained: 'what its training begins with; fresh values unless given',
      'pretrained.network': 'the network of that file',
      ...FILE_KEYS,
      recipe: 'how it is trained',
      objective: 'the loss of its training',
      weights: 'its safetensors file in torchvision’s or Hugging Face’s names, or the folder of it',
    },
  },
];
