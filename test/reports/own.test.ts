/** Runs whose settings were changed by hand have one verdict each, on the page, in Markdown and as data. */
import { describe, expect, test } from 'vitest';
import { EXPERIMENTS } from '../../experiments/registry.js';
import { judgeOwn, ownTitle, type OwnRun } from '../../reports/claims/own.js';
import { ownRunsBlock } from '../../reports/page/own-runs.js';
import { buildReport } from '../../reports/page/report.js';
import { toMarkdown } from '../../reports/page/text.js';
import type { Records } from '../../reports/data/records.js';
import { CUSTOM_SCALE } from '../../src/core/experiment.js';
import type { RunRecord } from '../../src/store/runs.js';
import { AS_CLAIMED, records } from './rows.js';

const { rows, results } = records(AS_CLAIMED);
/** Rows of some experiments as if their settings had been changed by hand; `spec` by arm. */
function changed(experiments: readonly string[], spec: (arm: string) => OwnRun['cell']['spec']) {
  const mine = <T extends { readonly experiment: string }>(list: readonly T[]): T[] =>
    list.filter(({ experiment }) => experiments.includes(experiment)).map((row) => ({ ...row, scale: CUSTOM_SCALE }));
  const own = { rows: mine(rows), results: mine(results) };
  const named = new Map([...own.rows, ...own.results].map((row) => [row.run, row]));
  const runs = [...named.values()].map(({ run, experiment, arm, seed }): OwnRun => ({
    id: run,
    cell: { experiment, arm, seed, scale: CUSTOM_SCALE, kind: EXPERIMENTS[experiment]!.kind, spec: spec(arm) },
  }));
  return { ...own, runs };
}

describe('runs of one’s own', () => {
  const own = changed(['width', 'resnet-digits'], () => ({ alpha: 0.5 }));
  const judgement = judgeOwn(own.runs, own);

  test('a claim about one arm is decided by that arm, one that compares arms by all of them', () => {
    expect(judgement.several).toEqual([]);
    expect(judgement.groups.map(({ experiment, arm }) => `${experiment}: ${arm}`)).toEqual([
      'width: skip',
      'width: no skip',
      expect.stringMatching(/^resnet-digits: three-stage, wide, direct, /),
    ]);
    expect(judgement.groups[0]!.verdicts.map(({ id }) => id)).toEqual(
      ['imitation', 'direct', 'initial'].map((training) => `width-${training}-skip`),
    );
    const title = ownTitle(judgement.groups[0]!);
    expect(title).toMatch(/^width, skip, alpha=0.5, .*\(5 seeds\)$/);
    // a setting that a spec lacks
    expect(title).toContain(', no depth, ');
    expect(title).not.toContain('undefined');
  });

  test('each is corrected for all claims of its kind that these runs decide', () => {
    const [theory, networks] = [judgement.groups.slice(0, 2), judgement.groups.slice(2)].map((groups) =>
      groups.flatMap(({ verdicts }) => verdicts.flatMap(({ significance }) => significance ?? [])),
    );
    for (const family of [theory!, networks!]) {
      expect(family.length).toBeGreaterThan(2);
      for (const one of family) {
        expect(one.family).toBe(family.length);
        expect(one.corrected).toBeGreaterThanOrEqual(one.p);
      }
    }
  });

  test('page and Markdown have the verdicts of the data, with the same evidence', () => {
    const all: Records = {
      ...own,
      runs: own.runs.map((run) => ({ ...run, environments: [], result: {} }) as unknown as RunRecord),
      curves: [],
      kept: [],
      origins: new Map(),
      problems: [],
      cautions: [],
    };
    const report = buildReport(all);
    const verdicts = report.own.judgement.groups.flatMap((group) => group.verdicts);
    expect(verdicts).toEqual(judgement.groups.flatMap((group) => group.verdicts));
    const page = ownRunsBlock({ ...report.own, figures: [] }, { origins: () => '' });
    const markdown = toMarkdown({ verdicts: [], runs: 0, own: report.own.judgement, problems: [], cautions: [] });
    for (const { id, outcome, evidence } of verdicts) {
      expect(markdown).toContain(`| ${outcome} | ${evidence} |`);
      expect(page).toMatch(new RegExp(`id="own-\\d-${id}"|id="claim-own-\\d-${id}"`));
    }
    expect(page.match(/class="evidence">[^<]*/g)).toEqual(
      verdicts.map(({ evidence }) => `class="evidence">${evidence.replaceAll('<', '&lt;').replaceAll('>', '&gt;')}`),
    );
    expect(verdicts.some(({ evidence }) => evidence.includes('Holm'))).toBe(true);
  });
});

test('of thousands of settings the page shows some, and counts the others', () => {
  const { rows: mine, runs: made } = changed(['width'], () => ({ alpha: 0.5 }));
  const many = Array.from({ length: 60 }, (_, i) => i);
  const runs = many.flatMap((i) =>
    made
      .filter(({ cell }) => cell.arm === 'skip')
      .map((run) => ({ ...run, id: `${run.id}-${i}`, cell: { ...run.cell, spec: { alpha: i } } })),
  );
  const copies = many.flatMap((i) => mine.map((row) => ({ ...row, run: `${row.run}-${i}` })));
  const judgement = judgeOwn(runs, { rows: copies, results: [] });
  expect(judgement.groups).toHaveLength(60);
  const all = [...runs, ...runs].map((run) => ({ ...run, environments: [], result: {} }) as unknown as RunRecord);
  const page = ownRunsBlock({ runs: all, judgement, figures: [] }, { origins: () => '' });
  expect(page).toContain('And 10 settings more');
  expect(page).toContain('And 100 runs more');
  expect(page.match(/<h3>/g)).toHaveLength(50);
});

test('of several settings under one arm each is judged, but arms are not compared, which is said everywhere', () => {
  const [one, two] = [0.5, 0.6].map((alpha) => changed(['width'], () => ({ alpha })));
  const other = (run: string): string => `${run}-other`;
  const runs = [...one!.runs, ...two!.runs.map((run) => ({ ...run, id: other(run.id) }))];
  const both = { rows: [...one!.rows, ...two!.rows.map((row) => ({ ...row, run: other(row.run) }))], results: [] };
  const judgement = judgeOwn(runs, both);
  expect(judgement.groups.map(({ arm, seeds }) => [arm, seeds])).toEqual([
    ['skip', 5],
    ['skip', 5],
    ['no skip', 5],
    ['no skip', 5],
  ]);
  expect(judgement.several).toEqual(['width']);
  const made = runs.map((run) => ({ ...run, environments: [], result: {} }) as unknown as RunRecord);
  const page = ownRunsBlock({ runs: made, judgement, figures: [] }, { origins: () => '' });
  expect(page).toContain('One arm has several settings, so that arms are not compared');
  const markdown = toMarkdown({ verdicts: [], runs: 0, own: judgement, problems: [], cautions: [] });
  expect(markdown).toContain('One arm has several settings, so that arms are not compared');
  const mixed = changed(['resnet-digits'], (arm) => ({ alpha: 0.5, arm }));
  const twice = {
    ...mixed,
    runs: mixed.runs.map((run, i) => (i > 0 ? run : { ...run, cell: { ...run.cell, spec: { alpha: 1 } } })),
  };
  expect(judgeOwn(twice.runs, twice)).toEqual({ groups: [], several: ['resnet-digits'] });
});
