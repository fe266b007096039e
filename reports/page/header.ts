/** The head of the page: title, links, how to cite, and what was and was not reproduced in ten lines. */
import { citations } from '../../src/core/citation.js';
import type { ScaledVerdict } from '../claims/verdict.js';
import type { Records } from '../data/records.js';
import { countsText } from './claims.js';
import { escape } from '../../src/core/markup.js';
import { plural } from './html.js';

const REPOSITORY = 'https://github.com/go-wide-then-narrow/go-wide-then-narrow';
const PAPER = 'https://arxiv.org/abs/2007.00811';

/** A picture of the report, for links to it. */
export const PREVIEW = `${REPOSITORY}/raw/main/docs/report.png`;

/** The paper’s short title, in the heading of every page. */
export const PAPER_TITLE = 'Go Wide, Then Narrow';

/** What the page is called, and what it says in a line where it is linked to. */
export const TITLE = `${PAPER_TITLE}: what was claimed, what was run, what came out`;
/** What the page is, in one sentence, for search engines and previews. */
export const DESCRIPTION =
  'An independent check of “Go Wide, Then Narrow: Efficient Training of Deep Thin Networks” (ICML 2020): theory ' +
  'simulated, networks trained, every verdict with its rule and data.';

function citation(id: string, label: string, bibtex: string): string {
  return (
    `<details class="cite"><summary>${label}</summary><pre id="${id}" tabindex="0">${escape(bibtex)}</pre>` +
    `<button type="button" data-copies="${id}">Copy BibTeX</button></details>`
  );
}

/** What the head of the page is made of. */
export interface Head {
  readonly version: string;
  readonly newest: string | undefined;
  readonly records: Records;
  readonly verdicts: readonly ScaledVerdict[];
  readonly scales: readonly string[];
}

/** The day of the newest run or kept row; undefined where none is noted. */
function dayOf({ newest, records }: Pick<Head, 'newest' | 'records'>): string | undefined {
  const kept = [...records.origins.values()].flat().map(({ to }) => to);
  return [...kept, ...(newest === undefined ? [] : [newest.slice(0, 10)])].sort().at(-1);
}

function summaryLines({ verdicts, records, scales }: Head): (readonly [string, string])[] {
  const of = (kind: ScaledVerdict['kind']): ScaledVerdict[] => verdicts.filter((verdict) => verdict.kind === kind);
  const [paper, controls] = [of('paper'), of('control')];
  const runs = new Set([...records.rows, ...records.results].map(({ run }) => run)).size;
  const tables = records.kept.length === 0 ? '' : `, ${records.kept.length} kept tables`;
  return [
    [
      'Scope',
      `${verdicts.length} claims: ${paper.length} of the paper’s abstract and method, in this project’s reading, ` +
        `and ${controls.length} controls and rivals of this project’s own.`,
    ],
    [
      'Method',
      'A wide net is trained; a thin one imitates it layer by layer; the thin one is fine-tuned. Rivals have equal ' +
        'steps of the thin net, or equal operations in all.',
    ],
    [
      'Theory',
      'Deep nets of particles under gradient flow, simulated in float64, with exact limits and special ' +
        'laws beside them.',
    ],
    [
      'Networks',
      'ResNets on handwritten digits, Fashion-MNIST, CIFAR-10 and strings of a random grammar, tanh nets of 4 to 64 ' +
        'layers, BERTs on the definitions of WordNet and on SST-2.',
    ],
    [
      'Runs',
      `${plural(runs, 'run')}${tables}${scales.length === 0 ? '' : `, ${scales.length === 1 ? 'scale' : 'scales'} ${scales.join(', ')}`}; each claim and figure stands at the largest scale at which it was run.`,
    ],
    ['The paper’s claims', `${countsText(paper) || 'none'}.`],
    ['Controls', `${countsText(controls) || 'none'}.`],
    [
      'Not run',
      scales.includes('paper')
        ? 'What the matrix below marks so.'
        : 'The paper’s own ImageNet and BERT results: ResNet-50 and ResNet-101, BERT_BASE and BERT_LARGE on books ' +
          'and Wikipedia. Small scales decide small-scale claims only.',
    ],
    ['Easy', 'The laws of the theory: each is measured in minutes on one core, and merging the linear maps is exact.'],
    [
      'Hard',
      'The theorems’ own text and the paper’s exact tables were not available, fair learning rates for every rival ' +
        'cost more than the method, and some rules had to change after results were seen (appendix).',
    ],
  ];
}

/** Title, date, version, links, citations and summary. */
export function headerBlock(head: Head): string {
  const { version, newest } = head;
  const day = dayOf(head);
  const facts = [
    `gowide ${version}`,
    ...(day === undefined
      ? []
      : [`newest run ${newest === undefined ? day : `${newest.slice(0, 16).replace('T', ' ')} UTC`}`]),
  ];
  const { paper, software } = citations();
  return `<header><h1>${PAPER_TITLE}</h1>
<p class="lead">${escape(DESCRIPTION)}</p>
<p class="small">${escape(facts.join('; '))} · <a href="${PAPER}">paper</a> · <a href="${REPOSITORY}">code</a> · <a href="#data">data</a></p>
<div class="cites">${citation('bibtex-paper', 'Cite the paper', paper)}${citation('bibtex-here', 'Cite this report', software)}</div></header>`;
}

/** What was and was not reproduced, in ten lines. */
export function summaryBlock(head: Head): string {
  const lines = summaryLines(head).map(([term, text]) => `<div><dt>${term}</dt><dd>${escape(text)}</dd></div>`);
  return (
    '<section aria-labelledby="summary"><h2 id="summary">Reproducibility summary</h2>' +
    `<dl class="summary">${lines.join('\n')}</dl></section>`
  );
}
