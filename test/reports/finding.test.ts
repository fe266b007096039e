/** Titles and takeaways say what the verdicts say, and turn when the data turn. */
import { expect, test } from 'vitest';
import type { Outcome } from '../../reports/claims/verdict.js';
import { CLAIMS } from '../../reports/claims/index.js';
import { domainOf, intervalOf, ticksOf, type Datum, type Figure } from '../../reports/figures/figure.js';
import { FIGURES } from '../../reports/figures/index.js';
import { acrossSettings } from '../../reports/figures/finding.js';
import { LABEL_LINE, spreadLabels } from '../../reports/figures/labels.js';
import { inNetOrder } from '../../reports/figures/layers.js';
import { SERIES } from '../../reports/figures/theme.js';
import { renderFigure } from '../../reports/page/figure-block.js';
import { withoutPaths } from '../../reports/page/html.js';
import { buildReport } from '../../reports/page/report.js';
import { takeawaysBlock } from '../../reports/page/takeaways.js';
import type { TableRow } from '../../reports/data/rows.js';
import { AS_CLAIMED, records, REVERSED } from './rows.js';

const rest = { runs: [], kept: [], origins: new Map(), problems: [], cautions: [] };
const [claimed, reversed] = [AS_CLAIMED, REVERSED].map((laws) => buildReport({ ...records(laws), ...rest })) as [
  ReturnType<typeof buildReport>,
  ReturnType<typeof buildReport>,
];

test('every finding turns when the data turn', () => {
  const ids = Object.keys(claimed.findings);
  expect(ids.length).toBeGreaterThan(25);
  // figures whose rows are alike in both sets of rows, or that say which arm is best
  const alike = ['taps', 'limit-time', 'bert-layers', 'resnet-ablations', 'bert-ablations'];
  const same = ids.filter((id) => claimed.findings[id] === reversed.findings[id] && !alike.includes(id));
  expect(same).toEqual([]);
});

test('findings that no claim decides turn with their means', () => {
  const say = (id: string, data: Figure['data']): string | undefined =>
    FIGURES[id]!.finding!(() => undefined, { data } as unknown as Figure);
  const net = (x: number, mean: number): Datum => ({ facet: 'skip', series: SERIES.widestDirect.label, x, mean });
  expect(say('limit-time', [net(50, 4.84), net(1, 1.5)])).toBe(
    'Trained for long, √m D of direct training grows: 1.5 at T = 1, 4.8 at T = 50',
  );
  expect(say('limit-time', [net(50, 0.84), net(1, 1.5)])).toContain('falls: 1.5 at T = 1, 0.8 at T = 50');
  const part = (tap: string, mean: number): Datum => ({
    ...{ quantity: 'what the layer adds to the telescoped sum', when: 'after imitation', tap, mean },
  });
  const [early, late, logits] = [part('layer2', 0.11), part('layer16', 0.32), part('logits', 0)];
  expect(say('layers-plain', [early, late, logits])).toBe(
    'Late layers add more to the telescoped sum than early ones: 0.32 at layer 16, 0.11 at layer 2',
  );
  expect(say('layers-plain', [part('layer2', 0.4), late, logits])).toContain('Late layers add less');
  expect(say('layers-plain', [early, logits])).toBeUndefined();
});

test('a figure without a decided claim has no finding', () => {
  const figure = { data: [] } as unknown as Figure;
  for (const { finding } of Object.values(FIGURES)) expect(finding?.(() => 'not run', figure)).toBeUndefined();
});

test('claims that figures speak of exist', () => {
  const asked = new Set<string>();
  const figure = { data: [] } as unknown as Figure;
  for (const { finding } of Object.values(FIGURES)) finding?.((id) => (asked.add(id), 'supported'), figure);
  expect([...asked].filter((id) => !(id in CLAIMS))).toEqual([]);
});

test('settings with one outcome are named together', () => {
  const say = acrossSettings(
    { a: 'one', b: 'two', c: 'three' },
    { supported: (x) => `Yes ${x}`, 'not supported': (x) => `No ${x}`, inconclusive: (x) => `Open ${x}` },
  );
  const of = (...outcomes: Outcome[]): string | undefined =>
    say((id) => outcomes[['one', 'two', 'three'].indexOf(id)], { data: [] } as unknown as Figure);
  expect(of('supported', 'supported', 'supported')).toBe('Yes a, b and c');
  expect(of('supported', 'not supported', 'supported')).toBe('Yes a and c; no b');
  expect(of('inconclusive', 'not run', 'not run')).toBe('Open a');
});

test('what speaks against the method is among the takeaways when the data say so', () => {
  const told = ({ verdicts }: typeof claimed): string =>
    takeawaysBlock(Object.values(verdicts).flat(), () => undefined);
  expect(told(claimed)).not.toContain('Against the method');
  expect(told(reversed).match(/Against the method/g)).toHaveLength(2);
});

test('intervals of percentages end within 0 and 100 and hold the mean; so does their axis', () => {
  const { mean, low, high } = intervalOf([99.9, 100, 92], true);
  expect(Number(low)).toBeGreaterThanOrEqual(0);
  expect(Number(high)).toBeLessThanOrEqual(100);
  expect(Number(low) <= Number(mean) && Number(mean) <= Number(high)).toBe(true);
  expect(domainOf([3, 100], true)).toEqual([0, 100]);
});

test('ticks have room for their labels, and the last is among them', () => {
  expect(ticksOf([1, 2, 3, 4, 6, 8, 12, 16], 225, false)).toEqual([2, 4, 6, 8, 12, 16]);
  expect(ticksOf([16, 32, 4096], 40, true)).toEqual([32, 4096]);
  expect(ticksOf([5], 100, false)).toEqual([5]);
});

test('names beside points do not lie on each other, and keep their order', () => {
  const places = spreadLabels([10, 10.1, 50, 10.2], LABEL_LINE, [0, 100]);
  const order = [0, 1, 3, 2].map((i) => places[i]!);
  for (let i = 1; i < order.length; i++) expect(order[i]! - order[i - 1]!).toBeGreaterThanOrEqual(LABEL_LINE - 1e-9);
});

test('places of a net stand in its order', () => {
  expect(inNetOrder(['logits', 'layer10', 'layer2', 'stem'])).toEqual(['stem', 'layer2', 'layer10', 'logits']);
});

test('what float64 cannot hold is an open arrow with its words', async () => {
  const { rows, results, curves } = records(AS_CLAIMED);
  const far = rows.map((row) =>
    row.experiment === 'bounds' && row.values.depth === 6
      ? { ...row, values: { ...row.values, gronwall: 308.25 } }
      : row,
  );
  const figure = FIGURES.gronwall!.draw({ scale: 'minutes', rows: far, results, curves })!;
  expect(figure.data.filter(({ beyond }) => beyond !== undefined)).toHaveLength(3);
  const { panels } = await renderFigure(figure);
  for (const { svg } of panels) expect(svg).toContain('&gt;10^308');
});

test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
  'arms called as properties of every object are drawn under their names: %s',
  async (name) => {
    const { rows, results, curves } = records(AS_CLAIMED);
    const ablation = results.find(({ experiment }) => experiment === 'resnet-ablations')!.arm;
    const renamed = (list: typeof rows): TableRow[] =>
      list.map((row) => ([ablation, 'skip'].includes(row.arm) ? { ...row, arm: name, facts: { label: name } } : row));
    const input = { scale: 'minutes', rows: renamed(rows), results: renamed(results), curves };
    for (const id of ['resnet-ablations', 'depth', 'hero-depth']) {
      const { panels } = await renderFigure(FIGURES[id]!.draw(input)!);
      const text = panels.map(({ title, svg }) => `${title}${svg}`).join('');
      expect(text).not.toMatch(/native code|undefined/);
      expect(text.includes(name), id).toBe(id !== 'hero-depth');
    }
  },
);

test('a figure of several panels is one picture for each', async () => {
  const depth = claimed.figures.theory!.find(({ id }) => id === 'depth')!;
  const { panels } = await renderFigure(depth);
  expect(panels.map(({ title }) => title)).toEqual(['skip', 'no skip']);
  for (const { svg } of panels) expect(svg).not.toMatch(/NaN|undefined|<text[^>]*opacity="0"/);
});

test.each([
  ['gowide train resnet --out /home/someone/runs --jobs 2', 'gowide train resnet --out …/runs --jobs 2'],
  ['C:\\Users\\x\\runs\\y: unfinished', '…/y: unfinished'],
  ['runs/x: unfinished', 'runs/x: unfinished'],
  ['m^(−1/2) and 1/(L M)', 'm^(−1/2) and 1/(L M)'],
])('%s is told without where it lies', (text, told) => {
  expect(withoutPaths(text)).toBe(told);
});

test('the figure at the top has the arms that its title is about, at few steps, at many and at equal total cost', () => {
  const figure = Object.values(claimed.figures)
    .flat()
    .find(({ id }) => id === 'hero-frontier')!;
  const names = new Set(figure.data.map(({ series }) => series));
  expect([...names]).toEqual(expect.arrayContaining(['direct', 'three stages', 'selected + KL', 'wide net']));
  expect(new Set(figure.data.map(({ panel }) => panel)).size).toBe(2);
  expect(claimed.findings['hero-frontier']).toMatch(/after few steps.*; after many .*; at equal total cost/i);
});

test('where no frontier was run, the figure at the top is one of arms at equal steps and at equal total cost', () => {
  const input = records(AS_CLAIMED);
  const without = { ...input, results: input.results.filter(({ experiment }) => experiment !== 'frontier-digits') };
  const [frontier, cost] = ['hero-frontier', 'hero-cost'].map((id) => FIGURES[id]!.draw(without));
  expect(frontier).toBeUndefined();
  expect(cost!.data.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['thin, direct', 'thin, three stages', 'thin, direct, at the pipeline’s total cost']),
  );
  expect(FIGURES['hero-cost']!.draw(input)).toBeUndefined();
});

test('lines without a color are told from dashed series, and intervals on the logit scale from others', () => {
  const captions = Object.values(claimed.figures)
    .flat()
    .map(({ id, caption }) => [id, caption] as const);
  for (const [id, caption] of captions) {
    expect(/(^|\. )Dashed: (?!“)/.test(caption), id).toBe(false);
    if (['accuracy', 'hero-frontier', 'depth-skip', 'frontier-digits', 'trade-resnet'].includes(id))
      expect(caption, id).toContain('95 % t-intervals on the logit scale');
    if (['differences', 'bert-glosses', 'trade-bert'].includes(id)) expect(caption, id).not.toContain('logit');
  }
  expect(new Map(captions).get('width')).toContain('Thin and dashed, without a color: slope −1/2.');
});
