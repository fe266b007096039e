/** Runs whose settings were changed by hand: a section of their own, judged by the same rules where these can be. */
import type { ScaledVerdict } from '../claims/verdict.js';
import type { RunRecord } from '../../src/store/runs.js';
import { claimsBlock } from './claims.js';
import { figureBlock, type FigureContext, type RenderedFigure } from './figure-block.js';
import { escape } from '../../src/core/markup.js';
import { plural, rowsBlock, withoutPaths } from './html.js';
import type { Datum } from '../figures/figure.js';

/** Runs of one's own, with what the rules say of them. */
export interface OwnRuns<F> {
  readonly runs: readonly RunRecord[];
  readonly verdicts: readonly ScaledVerdict[];
  readonly figures: readonly F[];
  /** Experiments with several settings under one arm, which no rule can judge together. */
  readonly several: readonly string[];
}

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

/** The section, or nothing without such runs. */
export function ownRunsBlock(
  { runs, verdicts, figures, several }: OwnRuns<RenderedFigure>,
  context: FigureContext,
): string {
  if (runs.length === 0) return '';
  const commands = [...new Set(runs.flatMap(({ environments }) => environments[0]?.command ?? []))].slice(0, 10);
  const judged =
    verdicts.length === 0 ? '<p>No claim’s rule fits their arms and columns.</p>' : claimsBlock(verdicts, true);
  const open =
    several.length === 0
      ? ''
      : `<p>Not judged, as one arm has several settings: ${escape(several.join(', '))}. A folder for each setting (<code>--out</code>) lets it be.</p>`;
  return `<section aria-labelledby="own-runs"><h2 id="own-runs">Runs of your own</h2>
<p>${plural(runs.length, 'run')} with settings that no scale declares. They enter no verdict above; here the same rules judge them by themselves.</p>
${judged}${open}
${figures.map((figure) => figureBlock(figure, context)).join('\n')}
<ul class="small">${commands.map((command) => `<li><code>${escape(withoutPaths(command))}</code></li>`).join('')}</ul>
<details class="data"><summary>${plural(runs.length, 'run')} with final figures</summary>${rowsBlock(runRows(runs)).html}</details></section>`;
}
