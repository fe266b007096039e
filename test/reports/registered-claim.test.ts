/** A study, its experiment, a claim and its figure, one object each in one file: every command finds them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { registerClaim, CLAIMS } from '../../reports/claims/index.js';
import { registerFigure, FIGURES } from '../../reports/figures/index.js';

const DIST = resolve(import.meta.dirname, '../../dist');
const folder = mkdtempSync(join(tmpdir(), 'gowide-claim-'));
const [out, page] = [join(folder, 'out'), join(folder, 'report.html')];
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const built = (path: string): string => JSON.stringify(pathToFileURL(join(DIST, path)).href);
const plugin = join(folder, 'halving.mjs');
writeFileSync(
  plugin,
  `import { registerStudy, THEORY_KIND } from ${built('theory/studies/index.js')};
import { registerExperiment, commandOf } from ${built('experiments/registry.js')};
import { registerClaim } from ${built('reports/claims/index.js')};
import { registerFigure } from ${built('reports/figures/index.js')};
import { z } from ${JSON.stringify(pathToFileURL(resolve(DIST, '../node_modules/zod/index.js')).href)};

const study = {
  name: 'halving',
  law: 'a half of a half is a quarter',
  rule: 'exactly: supported; otherwise: not supported',
  schema: z.strictObject({ study: z.literal('halving'), times: z.int().min(1) }),
  cost: ({ times }) => times * 1e-6,
  run: async ({ times }, seed) => Array.from({ length: times }, (_, i) => ({ i, value: seed / 2 ** i })),
};
const experiment = {
  name: 'halving',
  group: 'halves',
  title: 'Halves of halves',
  kind: THEORY_KIND,
  seeds: { minutes: 3 },
  arms: () => ({ twice: { spec: { study: 'halving', times: 3 }, label: 'halved twice', factors: { times: 2 } } }),
};
const mine = ({ rows }) => rows.filter((row) => row.experiment === experiment.name);
registerStudy(study);
registerExperiment(experiment);
registerClaim({
  id: 'halving-quarter',
  statement: 'A half of a half is a quarter.',
  source: 'arithmetic, and nothing else',
  rule: study.rule,
  experiment,
  rows: mine,
  judge: (rows) => ({
    outcome: rows.every(({ seed, values }) => values.i !== 2 || values.value === seed / 4) ? 'supported' : 'not supported',
    evidence: rows.length + ' rows of arms that are ' + rows[0].facts.label + ', ' + rows[0].facts.factors.times + ' times',
  }),
});
registerFigure({
  id: 'halving',
  section: experiment.group,
  draw: (input) => {
    const data = mine(input).map(({ values }) => ({ i: values.i, value: values.value }));
    if (data.length === 0) return undefined;
    const encoding = { x: { field: 'i', type: 'quantitative' }, y: { field: 'value', type: 'quantitative' } };
    return {
      ...{ id: 'halving', title: 'Halves', alt: 'Values fall by half.', caption: 'Each is a half of the one before.' },
      ...{ scale: input.scale, command: commandOf(experiment, input.scale), data, runs: mine(input).map(({ run }) => run) },
      spec: { data: { values: data }, mark: 'point', encoding },
    };
  },
});
`,
);

function gowide(...args: string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  return spawnSync(process.execPath, [join(DIST, 'cli/main.js'), ...args], {
    encoding: 'utf8',
    timeout: 120_000,
    killSignal: 'SIGKILL',
    env: { ...process.env, NODE_OPTIONS: `--import ${pathToFileURL(plugin).href}` },
  });
}

beforeAll(() => {
  const { status, stderr } = gowide('theory', 'run', 'halving', '--out', out);
  expect(`${status} ${stderr}`).toMatch(/^0 /);
}, 130_000);

test('the report has its section with the verdict, the facts of its arm, and the figure', () => {
  const { stdout } = gowide('report', out, '--out', page, '--json');
  const { verdicts } = JSON.parse(stdout) as { verdicts: { id: string; outcome: string; evidence: string }[] };
  expect(verdicts.find(({ id }) => id === 'halving-quarter')).toMatchObject({
    outcome: 'supported',
    evidence: '9 rows of arms that are halved twice, 2 times',
  });
  const html = readFileSync(page, 'utf8');
  expect(html).toContain('<h2 id="halves">halves</h2>');
  expect(html).toContain('<a href="#halves">halves</a>');
  expect(html).toContain('<div class="claim" id="claim-halving-quarter">');
  expect(html).toContain('<figure id="figure-halving-minutes"');
  expect(html).toContain('<code>gowide theory run halving --scale minutes</code>');
});

test('the plan has its runs and its claim', () => {
  const { rows, claims } = JSON.parse(gowide('plan', '--tflops', '1', '--json').stdout) as {
    rows: { experiment: string; runs: number }[];
    claims: { id: string; runs: number }[];
  };
  expect(rows.find(({ experiment }) => experiment === 'halving')).toMatchObject({ arms: 1, runs: 3 });
  expect(claims.find(({ id }) => id === 'halving-quarter')).toMatchObject({ experiment: 'halving', runs: 3 });
});

test('commands accept its name and that of its group, list them, and suggest them', () => {
  expect(gowide('sweep', 'run', 'halvings', '--out', out).stderr).toMatch(
    /halves, .*halving.*Did you mean "halving"\?/,
  );
  expect(JSON.parse(gowide('sweep', 'run', 'halves', '--out', out, '--json').stdout)).toMatchObject({ cells: 3 });
  expect(gowide('theory', 'run', 'halving', '--print-config').stdout).toContain('"times": 3');
});

test('its tables are kept, with the spec of its figure, and reported again', () => {
  const kept = join(folder, 'kept');
  const files = gowide('report', out, '--tables', kept).stdout;
  expect(files).toContain('halving.minutes.jsonl');
  expect(JSON.parse(readFileSync(join(kept, 'halving.minutes.vl.json'), 'utf8'))).toMatchObject({
    data: { name: 'rows' },
    usermeta: { tables: ['halving.minutes.jsonl'], rows: { count: 9 } },
  });
  expect(gowide('report', kept, '--out', page, '--markdown').stdout).toContain('| halving-quarter | ');
});

test('a claim or a figure of a name that is taken is refused', () => {
  expect(() => registerClaim(Object.values(CLAIMS)[0]!)).toThrow(/the claim ".*" is registered already/);
  expect(() => registerFigure(Object.values(FIGURES)[0]!)).toThrow(/the figure ".*" is registered already/);
});
