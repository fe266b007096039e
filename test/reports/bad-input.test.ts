/** Reports of tables that are damaged, of one seed, or of names that nobody has: drawn all the same, and said. */
import { describe, expect, test } from 'vitest';
import { fromCsv, toCsv } from '../../reports/data/csv.js';
import type { Records } from '../../reports/data/records.js';
import { named, type TableRow } from '../../reports/data/rows.js';
import { toMarkdown } from '../../reports/page/arm-table.js';
import { renderFigure } from '../../reports/page/figure-block.js';
import { buildReport } from '../../reports/page/report.js';
import { AS_CLAIMED, records } from './rows.js';

const { rows, results } = records(AS_CLAIMED);
const EMPTY = { runs: [], rows: [], results: [], curves: [], kept: [], origins: new Map(), problems: [], cautions: [] };
const reportOf = (some: Partial<Records>): ReturnType<typeof buildReport> => buildReport({ ...EMPTY, ...some });
const renamed = (row: TableRow, names: Partial<Pick<TableRow, 'experiment' | 'arm' | 'scale'>>): TableRow => {
  const { run, experiment, arm, scale, seed, values } = { ...row, ...names };
  return { ...named({ run, experiment, arm, scale, seed }), values };
};

test('rows without a number that a claim reads decide nothing there, make no figure, and are named', () => {
  const broken = rows.map((row) =>
    row.experiment === 'depth' ? { ...row, values: { ...row.values, depth: null } } : row,
  );
  const { verdicts, figures, records: found } = reportOf({ rows: broken });
  expect(found.problems.join()).toMatch(
    /scale laptop: depth, arm skip, run depth-skip-1: expected a number in "depth"/,
  );
  const byId = new Map(verdicts.theory!.map((verdict) => [verdict.id, verdict]));
  expect(byId.get('depth-imitation-skip')).toMatchObject({
    outcome: 'not run',
    evidence: expect.stringMatching(/^not judged, as a row is incomplete: depth, arm skip/) as string,
  });
  expect(byId.get('width-imitation-skip')!.outcome).toBe('supported');
  const drawn = figures.theory!.map(({ id }) => id);
  expect(drawn).toContain('width');
  expect(drawn).not.toContain('depth');
});

test('distances of 0, of which no power law can be made, decide nothing there, and the page is drawn', () => {
  const zero = rows.map((row) =>
    row.experiment === 'depth'
      ? {
          ...row,
          values: Object.fromEntries(
            Object.entries(row.values).map(([key, value]) => [key, key === 'depth' ? value : 0]),
          ),
        }
      : row,
  );
  const { verdicts, figures } = reportOf({ rows: zero });
  expect(verdicts.theory!.find(({ id }) => id === 'depth-imitation-skip')).toMatchObject({
    outcome: 'inconclusive',
    evidence: expect.stringMatching(
      /^cannot be decided: powerLaw: y of seed 0: expected finite numbers above 0, got 0/,
    ) as string,
  });
  expect(figures.theory!.map(({ id }) => id)).toContain('width');
});

describe('runs that diverged', () => {
  const is =
    (experiment: string, arm: string, seed?: number) =>
    (row: TableRow): boolean =>
      row.experiment === experiment && row.arm === arm && (seed === undefined || row.seed === seed);
  const changed = (isOne: (row: TableRow) => boolean, change: Readonly<Record<string, number>>): TableRow[] =>
    results.map((row) => (isOne(row) ? { ...row, values: { ...row.values, ...change } } : row));

  test('are drawn as far as they have numbers, and named where they have none', async () => {
    for (const value of [Infinity, NaN]) {
      const diverged = changed(is('bert-glosses', 'three-stage', 2), { testCrossEntropy: value });
      const { figures, verdicts, records: found } = reportOf({ rows, results: diverged });
      expect(found.problems).toEqual([]);
      expect(verdicts.bert!.find(({ id }) => id === 'bert-three-stage')).toMatchObject({
        outcome: 'inconclusive',
        evidence: 'cannot be decided, as test cross-entropy is no number: thin, three stages with seed 2',
      });
      const all = Object.values(figures).flat();
      const drawn = (id: string): (typeof all)[number] => all.find((figure) => figure.id === id)!;
      for (const id of ['bert-glosses', 'bert-differences', 'trade-bert', 'bert-layers']) {
        const figure = drawn(id);
        for (const { svg } of (await renderFigure(figure)).panels) expect(svg).not.toMatch(/NaN|Infinity/);
        expect(figure.alt).not.toMatch(/NaN|Infinity/);
      }
      const glosses = drawn('bert-glosses');
      const { name: arm } = glosses.data.find((datum) => datum['not finite'] !== undefined)!;
      const [{ svg: picture }] = (await renderFigure(glosses)).panels as unknown as [{ svg: string }];
      expect(picture).toContain(`>${String(arm)}</text>`);
      expect(glosses.caption).toContain('Not drawn, as a value is not finite: “');
      expect(drawn('trade-bert').caption).toContain('Not drawn, as a value is not finite: “');
      expect(glosses.alt).toContain(': – nats');
      const broken = glosses.data.filter((datum) => datum['not finite'] !== undefined);
      expect(broken).toEqual([expect.objectContaining({ seeds: 5, 'not finite': 1 })]);
      // the last of all, and its four other seeds are points
      const { name } = broken[0]!;
      expect(glosses.data.filter((datum) => datum.mean !== undefined)).toHaveLength(8);
      expect(glosses.data.filter((datum) => datum.name === name && datum.value !== undefined)).toHaveLength(4);
      expect(glosses.data.findLast((datum) => datum.seeds !== undefined)!.name).toBe(name);
    }
  });

  test('all of an experiment’s leave its figures without marks, not the report without pages', async () => {
    const diverged = changed(({ experiment }) => experiment === 'bert-glosses', { testCrossEntropy: Infinity });
    const { figures } = reportOf({ rows, results: diverged });
    const all = Object.values(figures).flat();
    expect(all.map(({ id }) => id)).toEqual(expect.arrayContaining(['bert-glosses', 'accuracy']));
    for (const figure of all.filter(({ id }) => id.startsWith('bert')))
      for (const { svg } of (await renderFigure(figure)).panels) expect(svg).not.toMatch(/NaN|Infinity/);
  });

  test('places and studies of theory with them are drawn, too', async () => {
    const broken = rows.map((row) =>
      row.seed === 2 && ['bert-ablations', 'width'].includes(row.experiment)
        ? { ...row, values: { ...row.values, discrepancy: Infinity } }
        : row,
    );
    const { figures } = reportOf({ rows: broken, results });
    const all = Object.values(figures).flat();
    for (const id of ['bert-layers', 'width']) {
      const figure = all.find((one) => one.id === id)!;
      for (const { svg } of (await renderFigure(figure)).panels) expect(svg).not.toMatch(/NaN|Infinity/);
    }
  });

  test('have "∞" and "–" in tables, and no difference where a metric is missing', () => {
    const values = { parameters: 10, steps: 5, gigaflops: 1, teacherGigaflops: 2, logitDiscrepancy: null };
    const rowOf = (
      arm: string,
      seed: number,
      testCrossEntropy: number | null,
    ): Parameters<typeof toMarkdown>[2][0] => ({
      ...{ arm, seed, run: `${arm}${seed}` },
      values: { ...values, validationAccuracy: 80, testAccuracy: 70, testCrossEntropy },
    });
    const lineOf = (...three: (number | null)[]): string => {
      const direct = [1, 2, 3].map((seed) => rowOf('direct', seed, 5));
      const others = three.map((nats, i) => rowOf('three-stage', i + 1, nats));
      const text = toMarkdown('bert-glosses', 'laptop', [...direct, ...others]);
      return text.split('\n').find((line) => line.startsWith('| three-stage'))!;
    };
    expect(lineOf(4, 4, Infinity)).toContain('| ∞ | ∞ | ∞ to direct |');
    // a cross-entropy of 710 nats is finite, its perplexity is not
    expect(lineOf(4, 4, 710)).toMatch(/\| 239\.333 \[.*\] \| ∞ \| 234\.333 \[.*\] to direct \|/);
    expect(lineOf(4, 4, NaN)).toContain('| – | – | – to direct |');
    expect(lineOf(4, 4, null)).toContain(
      '| 4.000 [4.000, 4.000] | 54.6 [54.6, 54.6] | −1.000 [−1.000, −1.000] to direct |',
    );
    expect(lineOf(null, null, null)).toContain('| – | – |  |');
  });
});

test('scales and experiments that nobody knows are named', () => {
  const some = results.filter(({ experiment }) => experiment === 'resnet-digits');
  const problemsOf = (names: Parameters<typeof renamed>[1]): readonly string[] =>
    reportOf({ results: some.map((row) => renamed(row, names)) }).records.problems;
  expect(problemsOf({})).toEqual([]);
  expect(problemsOf({ scale: 'nobody' })).toEqual([
    'resnet-digits, scale nobody: no scale has that name; expected one of minutes, laptop, overnight, gpu, paper',
  ]);
  expect(problemsOf({ experiment: 'somebody' })).toEqual(['somebody, scale laptop: no experiment has that name here']);
});

test('an arm that no declaration has is drawn where arms need no facts, and left out where they do', () => {
  const strange = results.map((row) =>
    ['direct', '4 plain direct'].includes(row.arm) ? renamed(row, { arm: '<b>&</script>' }) : row,
  );
  const { figures } = reportOf({ rows, results: strange });
  expect(figures.resnet!.map(({ id }) => id)).toEqual(expect.arrayContaining(['accuracy', 'depth-skip']));
});

describe('a table as CSV', () => {
  const values = {
    parameters: 1,
    steps: 2,
    gigaflops: 3,
    teacherGigaflops: 4,
    validationAccuracy: 5,
    testAccuracy: 96.31,
  };
  const text = toCsv([
    { arm: 'direct', seed: 1, run: 'a', values: { ...values, testCrossEntropy: null, logitDiscrepancy: 0.25 } },
  ]);
  test.each([
    ['that is empty', '', /got an empty file/],
    ['that is cut off within a number', text.slice(0, -3), /the last line is cut off/],
    [
      'with a text for a number',
      text.replace('96.31', '96.31x'),
      /run a: expected a number in "testAccuracy", got "96.31x"/,
    ],
  ])('%s is refused', (_, damaged, message) => {
    expect(fromCsv(text)).toHaveLength(1);
    expect(() => fromCsv(damaged)).toThrow(message);
  });
});
