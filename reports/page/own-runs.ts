/** Runs whose settings were changed by hand: a section of their own, judged by the same rules where these can be. */
import { CUSTOM_SCALE } from '../../src/core/experiment.js';
import { ownTitle, severalText, type OwnJudgement, type OwnVerdicts } from '../claims/own.js';
import type { RunRecord } from '../../src/store/runs.js';
import { claimsBlock } from './claims.js';
import { figureBlock, type FigureContext, type RenderedFigure } from './figure-block.js';
import { escape } from '../../src/core/markup.js';
import { moreText, plural, ROWS_SHOWN, rowsBlock, withoutPaths } from './html.js';
import type { Datum } from '../figures/figure.js';

/** Runs of one's own, with what the rules say of them. */
export interface OwnRuns<F> {
  readonly runs: readonly RunRecord[];
  readonly judgement: OwnJudgement;
  readonly figures: readonly F[];
}

/** More groups of settings than this are counted; `--json` has them all. */
const GROUPS_SHOWN = 50;

/** One row for each run with its final figures. */
function runRows(runs: readonly RunRecord[]): Datum[] {
  return runs.map(({ id, cell, result }) => ({
    experiment: cell.experiment,
    arm: cell.arm,
    seed: cell.seed,
    run: id,
    ...Object.fromEntries(Object.entries(result ?? {}).filter(([, value]) => typeof value === 'number')),
  }));
}

/** What the rules say of one group; the ids of its claims are those of no other group. */
function groupBlock(group: OwnVerdicts, at: number): string {
  const verdicts = group.verdicts.map((verdict) => ({
    ...verdict,
    id: `own-${at + 1}-${verdict.id}`,
    scale: CUSTOM_SCALE,
    others: [],
  }));
  return `<h3>${escape(ownTitle(group))}</h3>${claimsBlock(verdicts, true)}`;
}

/** What has the settings and runs that the page does not show. */
const ELSEWHERE = '<code>gowide report --json</code> and the runs’ folders';

/** The section of runs whose settings were changed by hand, as HTML; empty without such runs. */
export function ownRunsBlock({ runs, judgement, figures }: OwnRuns<RenderedFigure>, context: FigureContext): string {
  if (runs.length === 0) return '';
  const commands = [...new Set(runs.flatMap(({ environments }) => environments[0]?.command ?? []))].slice(0, 10);
  const judged =
    judgement.groups.length === 0
      ? '<p>No claim’s rule fits their arms and columns.</p>'
      : `${judgement.groups.slice(0, GROUPS_SHOWN).map(groupBlock).join('\n')}${moreText(judgement.groups.length - GROUPS_SHOWN, 'setting', ELSEWHERE)}`;
  const several = severalText(judgement);
  const open = several === undefined ? '' : `<p>${escape(several)}</p>`;
  return `<section aria-labelledby="own-runs"><h2 id="own-runs">Runs of your own</h2>
<p>${plural(runs.length, 'run')} with settings that no scale declares. They enter no verdict above; here the same rules judge them by themselves, with the correction for all claims that they decide.</p>
${judged}${open}
${figures.map((figure) => figureBlock(figure, context)).join('\n')}
<ul class="small">${commands.map((command) => `<li><code>${escape(withoutPaths(command))}</code></li>`).join('')}</ul>
<details class="data"><summary>${plural(runs.length, 'run')} with final figures</summary>${rowsBlock(runRows(runs.slice(0, ROWS_SHOWN))).html}${moreText(runs.length - ROWS_SHOWN, 'run', ELSEWHERE)}</details></section>`;
}
