/** Claims about language models. */
import { bertAblations, bertGlosses, bertSupersense } from '../../experiments/bert.js';
import { sst2, sst2Base } from '../../experiments/sst2.js';
import type { Experiment } from '../../src/core/experiment.js';
import { numberAt } from '../data/rows.js';
import { QUESTIONS } from './questions.js';
import { formatNumber, MIN_SEEDS } from './verdict.js';
import type { Claim } from './claim.js';
import { armBeats, CONTROL, RIVAL } from './arms.js';
import { ABSTRACT } from './sources.js';

/** Largest change of the logits by merging that counts as none, relative to their size: single precision. */
const UNCHANGED = 1e-5;
/** Experiments whose products are float32; `sst2` runs on a GPU, whose TF32 keeps three digits of a product. */
const IN_FLOAT32 = new Set([bertGlosses.name, bertAblations.name]);

const mergingExact: Claim = {
  id: 'merging-exact',
  statement: 'Merging the linear maps between the layers leaves the function of the network unchanged.',
  source: 'paper, description of the method',
  question: 'Merging leaves the function unchanged',
  setting: 'bert',
  kind: 'paper',
  rule:
    'Largest difference of the logits before and after merging, over the largest logit, in each run of the glosses ' +
    'and the ablations: supported when ' +
    `at most ${UNCHANGED} in all of at least ${MIN_SEEDS} seeds, not supported when above it in any, else ` +
    'inconclusive.',
  experiment: bertGlosses,
  chance: 0,
  rows: ({ rows }) => rows.filter((row) => row.values.event === 'merge' && IN_FLOAT32.has(row.experiment)),
  judge: (rows) => {
    const largest = rows.reduce((most, row) => Math.max(most, numberAt(row, 'difference')), 0);
    const seeds = new Set(rows.map((row) => row.seed)).size;
    return {
      outcome: largest > UNCHANGED ? 'not supported' : seeds < MIN_SEEDS ? 'inconclusive' : 'supported',
      evidence: `at most ${formatNumber(largest)} in ${rows.length} mergings, ${seeds} seeds`,
    };
  },
};

/** What is claimed of a net that exists already, fine-tuned on the sentiment of sentences and made thin. */
function ofSentiment(
  experiment: Experiment,
  { net, width, data }: Readonly<Record<'net' | 'width' | 'data', string>>,
): Claim[] {
  const [setting, { name }] = [sst2.name, experiment];
  const begins = `On ${data}, ${net} taken to ${width} its width in three stages is more accurate than the same thin net`;
  return [
    armBeats({
      experiment,
      id: `${name}-three-stage`,
      question: QUESTIONS.equalSteps,
      setting,
      kind: 'paper',
      statement: `${begins} trained directly.`,
      source: ABSTRACT.bert,
      arms: ['three-stage', 'direct'],
    }),
    armBeats({
      experiment,
      id: `${name}-kd`,
      question: QUESTIONS.distillation,
      setting,
      statement: `${begins} trained by distillation from random values.`,
      source: RIVAL,
      arms: ['three-stage', 'kd'],
    }),
    armBeats({
      experiment,
      id: `${name}-projected-imitation`,
      question: QUESTIONS.ownWeights,
      setting,
      statement: `On ${data}, layerwise imitation adds to starting with the whole of ${net}, projected, and distillation.`,
      source: CONTROL,
      arms: ['projected-three-stage', 'projected-kd'],
    }),
  ];
}

/** The claims about BERTs, in the order of the page. */
export const BERT_CLAIMS: readonly Claim[] = [
  armBeats({
    experiment: bertGlosses,
    id: 'bert-three-stage',
    question: QUESTIONS.equalSteps,
    setting: 'bert',
    kind: 'paper',
    statement:
      'On held-out glosses, a thin BERT trained in three stages predicts masked tokens better than the same net ' +
      'trained directly.',
    source: ABSTRACT.bert,
    arms: ['three-stage', 'direct'],
  }),
  armBeats({
    experiment: bertGlosses,
    id: 'bert-deeper',
    question: QUESTIONS.deeper,
    setting: 'bert',
    kind: 'paper',
    statement:
      'On held-out glosses, the thin BERT of three stages predicts masked tokens better than a net of twice as ' +
      'many layers trained directly for as many steps.',
    source: ABSTRACT.bert,
    arms: ['three-stage', 'deeper'],
    smaller: 'direct',
  }),
  armBeats({
    experiment: bertGlosses,
    id: 'bert-kd',
    question: QUESTIONS.distillation,
    setting: 'bert',
    statement:
      'On held-out glosses, the thin BERT of three stages predicts masked tokens better than the same net trained ' +
      'by distillation from random values.',
    source: RIVAL,
    arms: ['three-stage', 'kd'],
  }),
  armBeats({
    experiment: bertGlosses,
    id: 'bert-imitation',
    question: QUESTIONS.sharedParts,
    setting: 'bert',
    statement:
      'On held-out glosses, layerwise imitation of a BERT adds to starting with the wide net’s embeddings and ' +
      'head, projected, and distillation.',
    source: CONTROL,
    arms: ['three-stage', 'ends-kd'],
  }),
  armBeats({
    experiment: bertGlosses,
    id: 'bert-projected-imitation',
    question: QUESTIONS.ownWeights,
    setting: 'bert',
    statement:
      'On held-out glosses, layerwise imitation of a BERT adds to starting with the whole wide net, projected, and ' +
      'distillation.',
    source: CONTROL,
    arms: ['projected-three-stage', 'projected-kd'],
  }),
  armBeats({
    experiment: bertGlosses,
    id: 'bert-total-cost',
    question: QUESTIONS.totalCost,
    setting: 'bert',
    statement:
      'On held-out glosses, three stages predict masked tokens better than direct training of the same net with ' +
      'the operations of the whole pipeline, the wide net’s training included.',
    source: RIVAL,
    arms: ['three-stage', 'long'],
    budget: 'at equal floating-point operations in all',
  }),
  armBeats({
    experiment: bertSupersense,
    id: 'bert-supersense',
    question: 'Three-stage pre-training beats direct pre-training on a task',
    setting: 'bert',
    kind: 'paper',
    statement:
      'After pre-training in three stages, the thin BERT tells the supersense of a gloss better than after direct ' +
      'pre-training.',
    source: ABSTRACT.bert,
    arms: ['three-stage', 'direct'],
  }),
  ...ofSentiment(sst2, { net: 'MiniLM', width: 'half', data: 'SST-2' }),
  ...ofSentiment(sst2Base, { net: 'BERT_BASE', width: 'a third of', data: 'a sample of SST-2' }),
  mergingExact,
];
