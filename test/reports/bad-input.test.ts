/** Reports of tables that are damaged, of one seed, or of names that nobody has: drawn all the same, and said. */
import { describe, expect, test } from 'vitest';
import { fromCsv, toCsv } from '../../reports/data/csv.js';
import type { Records } from '../../reports/data/records.js';
import { named, type TableRow } from '../../reports/data/rows.js';
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
    outcome: 'not run',
    evidence: expect.stringMatching(
      /^not judged: powerLaw: y of seed 0: expected finite numbers above 0, got 0/,
    ) as string,
  });
  expect(figures.theory!.map(({ id }) => id)).toContain('width');
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
