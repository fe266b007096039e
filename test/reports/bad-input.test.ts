/** Reports of tables that are damaged, of one seed, or of names that nobody has: drawn all the same, and said. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { theoryExperiments } from '../../experiments/registry.js';
import { fromCsv, fromLines, toCsv } from '../../reports/data/csv.js';
import { keptRows, MEASURED_AT } from '../../reports/data/kept.js';
import { readRecords, type Records } from '../../reports/data/records.js';
import { named, type TableRow } from '../../reports/data/rows.js';
import { toMarkdown } from '../../reports/page/arm-table.js';
import { renderFigure } from '../../reports/page/figure-block.js';
import { buildReport } from '../../reports/page/report.js';
import { writeResults } from '../../reports/page/results.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { KEPT } from './kept.js';
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

  test('are counted where they lie in a store, as no numbers, and named', async () => {
    const out = mkdtempSync(join(tmpdir(), 'gowide-diverged-'));
    const figures = {
      validationAccuracy: 61,
      testAccuracy: 60,
      testCrossEntropy: 1,
      gigaflops: 2,
      teacherGigaflops: 0,
    };
    for (const arm of ['direct', 'three-stage'])
      for (const seed of [1, 2, 3, 4])
        await executeRun(
          { experiment: 'resnet-digits', arm, scale: 'laptop', kind: 'made up', spec: { arm }, seed },
          {
            out,
            environment: environment(null, 'test'),
            executors: {
              'made up': async (context) => {
                context.log({ stage: 'train', loss: arm === 'direct' && seed === 2 ? NaN : 1 });
                const testAccuracy = (arm === 'direct' ? 60 : 80) + seed;
                return Promise.resolve({ result: { ...figures, testAccuracy } });
              },
            },
            signal: new AbortController().signal,
            progress: () => {},
          },
        ).catch((error: unknown) => expect(String(error)).toContain('loss is NaN'));
    const found = readRecords([out]);
    expect(found.problems).toEqual([
      expect.stringMatching(
        /^.*direct.s2.*: diverged, so that its figures are no numbers \(.*loss is NaN at stage train/,
      ),
    ]);
    expect(found.results).toHaveLength(8);
    expect(found.results.find(({ arm, seed }) => arm === 'direct' && seed === 2)!.values).toEqual({
      ...{ validationAccuracy: NaN, testAccuracy: NaN, testCrossEntropy: NaN, gigaflops: 2, teacherGigaflops: 0 },
    });
    const { verdicts } = buildReport(found);
    expect(verdicts.resnet!.find(({ id }) => id === 'resnet-three-stage')).toMatchObject({
      outcome: 'inconclusive',
      evidence: expect.stringMatching(/^cannot be decided, as test accuracy is no number: .* with seed 2/) as string,
    });
  });

  test('of a table whose name is that of no experiment are refused for that, before what they hold', () => {
    const renamed = join(mkdtempSync(join(tmpdir(), 'gowide-renamed-')), 'WIDTH.laptop.jsonl');
    copyFileSync(join('reports/results', 'width.laptop.jsonl'), renamed);
    expect(() => keptRows(renamed)).toThrow(/^no experiment is called "WIDTH", .* Did you mean "width"\? line 7: /);
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
    ['without rows', `${text.split('\n')[0]}\n`, /expected a row for each run, got the names of columns alone/],
    [
      'with an arm that has a seed twice',
      `${text}${text.split('\n')[1]!.replace('direct,1,a', 'direct,1,b')}\n`,
      /^line 3: arm "direct", seed 1 is there twice: it is on line 2, too$/,
    ],
    ['with a text for a seed', text.replace('direct,1,', 'direct,one,'), /^line 2: run a: .* in "seed", got "one"$/],
    [
      'without a seed',
      text.replace('direct,1,', 'direct,,'),
      /^line 2: run a: expected a whole number of at least 0 in "seed"/,
    ],
    ['without an arm', text.replace('direct,', ','), /^line 2: expected the names of an arm and of a run$/],
    ['with an empty line', `${text}\n`, /^line 3: expected the names of an arm and of a run$/],
    ['with a cell too few', text.replace(/,0.25\n$/, '\n'), /^line 2: run a: expected a cell for "logitDiscrepancy"/],
    [
      'with a text for a number',
      text.replace('96.31', '96.31x'),
      /run a: expected a number from 0 to 100 in "testAccuracy", got "96.31x"/,
    ],
    ['with a cell too many', text.replace('96.31', '96,31'), /^line 2: 12 cells, expected 11; a number has a point/],
    ['with a quotation mark that is not closed', text.replace('direct', '"direct'), /^line 2: a quotation mark/],
    ['with a column twice', text.replaceAll(/$(?=\n)/gm, ',test f1,test f1'), /the column "test f1" is there twice/],
  ])('%s is refused', (_, damaged, message) => {
    expect(fromCsv(text)).toHaveLength(1);
    expect(() => fromCsv(damaged)).toThrow(message);
  });

  const [names, row] = text
    .trim()
    .split('\n')
    .map((line) => line.split(',')) as [string[], string[]];
  const withCell = (column: string, cell: string): string =>
    `${names.join(',')}\n${row.map((old, i) => (names[i] === column ? cell : old)).join(',')}\n`;
  test.each([
    ...['seed', ...names.slice(3)].flatMap((column) =>
      ['-5', 'NaN', 'Infinity', '1e400'].map((cell) => [column, cell]),
    ),
    ...['seed', 'parameters', 'steps'].map((column) => [column, '1.5']),
    ...['validationAccuracy', 'testAccuracy'].map((column) => [column, '100.5']),
    ...names.slice(3, 9).map((column) => [column, '']),
  ] as [string, string][])(
    'with %s "%s" is refused, which names the line, the column and the value',
    (column, cell) => {
      expect(() => fromCsv(withCell(column, cell))).toThrow(
        new RegExp(`^line 2: run a: expected a .*number.* in "${column}", got "${cell}"$`),
      );
    },
  );

  test('of a spreadsheet is read: with a byte order mark, and lines that end in two characters', () => {
    expect(fromCsv(`\uFEFF${text.replaceAll('\n', '\r\n')}`)).toEqual(fromCsv(text));
  });

  test('with a run that diverged keeps it, without numbers', () => {
    const diverged = { ...values, validationAccuracy: NaN, testAccuracy: NaN, testCrossEntropy: NaN };
    const rowsOf = [{ arm: 'direct', seed: 1, run: 'a', values: { ...diverged, logitDiscrepancy: null } }];
    expect(fromCsv(toCsv(rowsOf))).toEqual(rowsOf);
  });

  test('whose seeds of one arm differ in what they cost is refused: one stands for all of them', () => {
    for (const column of ['parameters', 'steps', 'gigaflops', 'teacherGigaflops']) {
      const other = withCell(column, '33').split('\n')[1]!.replace('direct,1,a', 'direct,2,b');
      expect(() => fromCsv(`${text}${other}\n`)).toThrow(
        new RegExp(
          `^line 3: run b: expected the same number in "${column}" for each seed of arm "direct", got 33, and`,
        ),
      );
    }
  });
});

describe('logged rows', () => {
  const line = (values: Record<string, unknown>): string =>
    `${JSON.stringify({ arm: 'skip', seed: 1, run: 'a', ...values })}\n`;
  const text = line({ depth: 1, direct: 0.1 }) + line({ depth: 2, direct: 0.1 });
  const twice = /^line 3: arm "skip", seed 1 is there twice: it is on line 2, too$/;
  test('of a run are told apart by what they are measured at, and by their texts', () => {
    expect(fromLines(text, ['depth'])).toHaveLength(2);
    expect(() => fromLines(text + line({ depth: 2, direct: 0.3 }), ['depth'])).toThrow(twice);
    expect(fromLines(text + line({ depth: 2, direct: 0.3, regime: 'x' }), ['depth'])).toHaveLength(3);
    // of which nobody says at what they are measured
    expect(fromLines(text + line({ depth: 2, direct: 0.3 }))).toHaveLength(3);
    expect(() => fromLines(text + line({ depth: 2, direct: 0.1 }))).toThrow(twice);
  });
  test('every experiment of the theory says at what they are measured', () => {
    expect(Object.keys(MEASURED_AT).sort()).toEqual(
      theoryExperiments()
        .map(({ name }) => name)
        .sort(),
    );
  });
  test.each([
    ['none', '', /got an empty file/],
    ['an empty line alone', '\n', /got an empty file/],
    ['a text for a seed', text + line({ seed: 'one' }), /^line 3: expected "arm", "seed" and "run", the seed a whole/],
    ['half a seed', text + line({ seed: 0.5 }), /^line 3: /],
    ['no object', `${text}null\n`, /^line 3: expected "arm"/],
    ['a seed below 0', text + line({ seed: -1 }), /^line 3: expected .* a whole number of at least 0$/],
    [
      'a number that is not finite',
      text.replace('"direct":0.1}\n', '"direct":1e400}\n'),
      /^line 1: run a: expected a number that is finite in "direct", got Infinity$/,
    ],
    ['a key twice', text.replace('"depth":1', '"depth":1,"depth":2'), /^line 1: the key "depth" stands twice/],
  ])('%s: refused', (_, damaged, message) => {
    expect(() => fromLines(damaged)).toThrow(message);
  });
});

describe('kept tables', () => {
  /** A folder with some of the kept tables, changed. */
  const folderOf = (changes: Readonly<Record<string, (text: string) => string>>): string => {
    const folder = mkdtempSync(join(tmpdir(), 'gowide-kept-'));
    for (const [name, change] of Object.entries(changes))
      writeFileSync(join(folder, name), change(readFileSync(join(KEPT, name), 'utf8')));
    return folder;
  };
  const same = (text: string): string => text;
  const outcome = (folders: readonly string[], claim: string): string =>
    Object.values(buildReport(readRecords(folders)).verdicts)
      .flat()
      .find(({ id }) => id === claim)!.outcome;
  const [DIGITS, DEPTH] = ['resnet-digits.laptop.csv', 'depth.laptop.jsonl'];

  test('with a run that is there twice, or an arm that is declared nowhere, decide nothing, and are named', () => {
    const folder = folderOf({ [DIGITS]: same, [DEPTH]: same });
    const [csv, lines] = [DIGITS, DEPTH].map((name) => readFileSync(join(folder, name), 'utf8')) as [string, string];
    expect(outcome([folder], 'resnet-three-stage')).toBe('supported');
    const direct = csv.split('\n').find((line) => line.startsWith('direct,1,'))!;
    const damages: [name: string, text: string, why: RegExp][] = [
      [DIGITS, `${csv}${direct.replace(/,1,\w+/, ',1,another')}\n`, /: line 122: arm "direct", seed 1 is there twice/],
      [
        DIGITS,
        csv.replaceAll(/^direct,/gm, 'drect,'),
        /: run \w+, seed 1: resnet-digits declares no arm "drect" at scale laptop. Did you mean "direct"\?$/,
      ],
      [DEPTH, `${lines}${lines.split('\n')[3]!}\n`, /: line 513: arm "no skip", seed 1 is there twice: .* line 4, too/],
      [DEPTH, '', /: logged rows: expected lines of JSON, got an empty file/],
    ];
    for (const [name, text, why] of damages) {
      const damaged = folderOf({ [DIGITS]: same, [DEPTH]: same, [name]: () => text });
      const { problems, kept } = readRecords([damaged]);
      expect(problems).toEqual([expect.stringMatching(why)]);
      expect(problems[0]).toContain(join(damaged, name));
      expect(kept).not.toContain(join(damaged, name));
      expect(outcome([damaged], name === DIGITS ? 'resnet-three-stage' : 'depth-imitation-skip')).toBe('not run');
    }
  });

  test('with a distance below 0 are left out, which names the line and the column', () => {
    const folder = folderOf({ [DEPTH]: (text) => text.replace(/"direct":[0-9.]+/, '"direct":-1') });
    expect(readRecords([folder]).problems).toEqual([
      expect.stringMatching(/laptop.jsonl: line 1: run \w+: expected a number of at least 0 in "direct", got -1$/),
    ]);
  });

  test.skipIf(process.platform === 'win32')('that are no files are said, and wait for nobody', () => {
    const makers: [make: (path: string) => unknown, why: RegExp][] = [
      [(path) => spawnSync('mkfifo', [path], { timeout: 10_000, killSignal: 'SIGKILL' }), /: not a regular file/],
      [(path) => mkdirSync(path), /: it is a folder; expected a file$/],
      [(path) => symlinkSync(path, path), /: symbolic links on the way to it lead in a circle/],
    ];
    for (const [make, why] of makers)
      for (const name of [DIGITS, DEPTH, 'depth.laptop.origin.json']) {
        const folder = folderOf({ [DIGITS]: same, [DEPTH]: same });
        rmSync(join(folder, name), { force: true });
        make(join(folder, name));
        const { problems } = readRecords([folder]);
        expect(problems).toEqual([expect.stringMatching(why)]);
        expect(problems[0]!.split(join(folder, name))).toHaveLength(2);
      }
  });

  test('that were changed since they were written are left out, by the checksums beside them', () => {
    const ORIGIN = DEPTH.replace(/\w+$/, 'origin.json');
    const written = folderOf({ [DIGITS]: same, [DEPTH]: same, [ORIGIN]: same });
    writeResults([written], written);
    expect(readRecords([written]).problems).toEqual([]);
    const withoutLine = (text: string): string => text.split('\n').toSpliced(3, 1).join('\n');
    for (const [name, change] of [
      [DIGITS, (text: string) => text.replace(/\d(,*\n)$/, (last, end) => `${last.startsWith('1') ? 2 : 1}${end}`)],
      [DEPTH, withoutLine],
      [ORIGIN, (text: string) => text.replace('27c76edaa711', '27c76edaa712')],
    ] as const) {
      const file = join(written, name);
      const text = readFileSync(file, 'utf8');
      writeFileSync(file, change(text));
      expect(readRecords([written]).problems).toContainEqual(
        expect.stringContaining(`${name} was changed since it was written, by its SHA-256 in SHA256SUMS; put back`),
      );
      writeFileSync(file, text.replaceAll('\n', '\r\n'));
      expect(readRecords([written]).problems).toEqual([]);
      writeFileSync(file, text);
    }
    writeFileSync(join(written, 'SHA256SUMS'), 'none\n');
    expect(readRecords([written]).problems).toContainEqual(
      expect.stringContaining('SHA256SUMS beside it: expected a SHA-256 and a name in each line, got "none"'),
    );
    // written anew it is whole again, and what is not of its tables stays
    const other = `${'0'.repeat(64)} *weights.bin`;
    const foreign = ['# mine', 'SHA256 (notes.pdf) = 00'];
    const gone = `${'0'.repeat(64)}  gone.laptop.csv`;
    writeFileSync(join(written, 'SHA256SUMS'), [...foreign, 'none', other, gone, ''].join('\n'));
    writeResults([folderOf({ [DIGITS]: same, [DEPTH]: same, [ORIGIN]: same })], written);
    expect(readRecords([written]).problems).toEqual([]);
    const lines = readFileSync(join(written, 'SHA256SUMS'), 'utf8').trimEnd().split('\n');
    expect(lines.slice(0, 3)).toEqual([...foreign, '# none']);
    expect(lines).toContain(other);
    expect(lines).not.toContain(gone);
    for (const name of [DIGITS, DEPTH, ORIGIN]) expect(lines.some((line) => line.endsWith(`  ${name}`))).toBe(true);
  });

  test('that were cut at the end of a line are left out, as the file of their origin counts their runs', () => {
    const EVENTS = 'frontier-hierarchy.laptop.jsonl';
    const beside = (name: string): string => name.replace(/\w+$/, 'origin.json');
    const without = (lines: number) => (text: string) => text.trimEnd().split('\n').slice(0, -lines).join('\n') + '\n';
    const cases: [name: string, lines: number, why: RegExp][] = [
      [DIGITS, 1, /: arm ".*": 9 runs, and \S+resnet-digits.laptop.origin.json says 10; a part of it is missing: put/],
      [DEPTH, 212, /: 38 runs, and \S+depth.laptop.origin.json says 64; /],
      [DEPTH, 3, /: arm "skip", seed 32: 5 rows, and at least 8 of every other seed; /],
      [EVENTS, 100, /: arm "three-stage x\d+": rows of \d runs, and 10 in its CSV; /],
    ];
    for (const [name, lines, why] of cases) {
      const csv = name === EVENTS ? { [EVENTS.replace('jsonl', 'csv')]: same } : {};
      const folder = folderOf({ [name]: without(lines), [beside(name)]: same, ...csv });
      const { problems, kept } = readRecords([folder]);
      expect(problems).toEqual([expect.stringMatching(why)]);
      expect(kept).not.toContain(join(folder, name));
      expect(readRecords([folderOf({ [name]: same, [beside(name)]: same, ...csv })]).problems).toEqual([]);
    }
  });

  test('that are written of folders which share runs can be read again', () => {
    const origin = 'resnet-digits.laptop.origin.json';
    const few = (text: string): string =>
      text
        .split('\n')
        .filter((line) => !/^[^,]+,[6-9],/.test(line))
        .join('\n');
    const folders = [few, same].map((change) => folderOf({ [DIGITS]: change }));
    const counts = (text: string): string =>
      JSON.stringify(
        (JSON.parse(text) as { runs: number; arms: { runs: number }[] }[]).map((one) => ({
          ...one,
          runs: 6 * one.arms.length,
          arms: one.arms.map((arm) => ({ ...arm, runs: 6 })),
        })),
      );
    writeFileSync(join(folders[0]!, origin), counts(readFileSync(join(KEPT, origin), 'utf8')));
    writeFileSync(join(folders[1]!, origin), readFileSync(join(KEPT, origin), 'utf8'));
    const out = join(folders[0]!, 'both');
    expect(writeResults(folders, out).problems).toEqual([]);
    const origins = JSON.parse(readFileSync(join(out, origin), 'utf8')) as { runs: number }[];
    expect(origins.reduce((sum, { runs }) => sum + runs, 0)).toBe(120);
    expect(readRecords([out])).toMatchObject({ problems: [] });
  });

  test('of two folders count once where they are the same, and not at all where one run differs', () => {
    const [first, again] = [folderOf({ [DIGITS]: same }), folderOf({ [DIGITS]: same })];
    const once = readRecords([first]);
    expect(readRecords([first, again])).toMatchObject({ problems: [], results: once.results });
    const other = folderOf({ [DIGITS]: (text) => text.replace(/^direct,2,\w+/m, 'direct,2,another') });
    const { problems, results: left } = readRecords([first, other]);
    expect(left).toEqual([]);
    expect(problems).toEqual([
      `${join(other, DIGITS)}: arm "direct", seed 2 is another than in ${join(first, DIGITS)}; both are left out`,
    ]);
    // a third that agrees with either of them does not decide which is right; one without that run stays whole
    expect(readRecords([first, other, again]).results).toEqual([]);
    const rest = folderOf({ [DIGITS]: (text) => text.replace(/^direct,2,.*\n/m, '') });
    expect(readRecords([first, other, rest]).results).toEqual(readRecords([rest]).results);
    const parts = [/^direct,[12],/, /^direct,3,/].map((rows) =>
      folderOf({
        [DIGITS]: (text) =>
          `${text
            .split('\n')
            .filter((line, i) => i === 0 || rows.test(line))
            .join('\n')}\n`,
      }),
    );
    expect(readRecords(parts).results.map(({ seed }) => seed)).toEqual([1, 2, 3]);
  });

  test('with a number that a figure lacks are written, without that figure, and why is said', () => {
    const folder = folderOf({ [DEPTH]: (text) => text.replaceAll('"telescoped":', '"telescope":') });
    const { files, problems } = writeResults([folder], join(folder, 'again'));
    expect(files.map((file) => basename(file))).toContain(DEPTH);
    expect(problems).toEqual([
      expect.stringMatching(
        /^scale laptop: depth, arm no skip, run \w+: .* in "telescoped", got undefined; not drawn of it: the figures "hero-depth", "depth",/,
      ),
    ]);
  });
});

test('a table that could not be read again is not written, and the figures that lack its rows are named', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gowide-unreadable-'));
  const values = { parameters: 1, steps: 2, gigaflops: 3, teacherGigaflops: 4, validationAccuracy: 5 };
  await executeRun(
    { experiment: 'resnet-digits', arm: 'direct', scale: 'minutes', kind: 'train', spec: { network: {} }, seed: 1 },
    {
      out: folder,
      environment: environment(null, 'test'),
      executors: { train: async () => Promise.resolve({ result: { ...values, testAccuracy: 150 } }) },
      signal: new AbortController().signal,
      progress: () => {},
    },
  );
  expect(writeResults([folder], join(folder, 'tables'))).toMatchObject({
    files: [],
    problems: [
      expect.stringMatching(
        /^resnet-digits\.minutes\.csv: not written and not drawn in the figures .*"accuracy", .*, as it could not be read: line 2: .*150/,
      ) as string,
    ],
  });
});

test('runs of an arm that their experiment does not declare are left out and counted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gowide-undeclared-'));
  for (const [arm, scale] of [
    ['old', 'minutes'],
    ['own', 'custom'],
  ] as const)
    await executeRun(
      { experiment: 'saddle', arm, scale, kind: 'made up', spec: { arm }, seed: 1 },
      {
        out: folder,
        environment: environment(null, 'test'),
        executors: { 'made up': async () => Promise.resolve({ result: {} }) },
        signal: new AbortController().signal,
        progress: () => {},
      },
    );
  const { runs, problems } = readRecords([folder]);
  expect(runs.map(({ cell }) => cell.arm)).toEqual(['own']);
  expect(problems).toEqual([
    expect.stringMatching(/^saddle declares no arm "old" at scale minutes\. 1 run is left out: [0-9a-f]{12}$/),
  ]);
});
