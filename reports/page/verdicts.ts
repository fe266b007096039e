/** Verdicts as HTML: a mark, a table, a summary. */
import { OUTCOMES, type Outcome, type ScaledVerdict } from '../claims/verdict.js';
import { escape, plural } from './html.js';
import { sectionOf } from './sections.js';

const MARKS: Record<Outcome, { className: string; sign: string }> = {
  supported: { className: 'yes', sign: '✓' },
  'not supported': { className: 'no', sign: '✗' },
  inconclusive: { className: 'open', sign: '?' },
  'not run': { className: 'none', sign: '–' },
};

/** The mark of an outcome. */
export function verdictBadge(outcome: Outcome): string {
  const { className, sign } = MARKS[outcome];
  return `<span class="badge ${className}"><span aria-hidden="true">${sign}</span> ${outcome}</span>`;
}

function verdictRow(verdict: ScaledVerdict): string {
  const at =
    verdict.scale === null
      ? ''
      : `<p class="small">scale ${escape(verdict.scale)}, ${plural(verdict.seeds, 'seed')}, ${plural(verdict.runs.length, 'run')}</p>`;
  const others = verdict.others
    .map(
      ({ scale, outcome, evidence }) =>
        `<p class="small">At scale ${escape(scale)}: ${outcome}; ${escape(evidence)}.</p>`,
    )
    .join('');
  return `<tr id="claim-${escape(verdict.id)}">
<td>${verdictBadge(verdict.outcome)}${at}</td>
<td>${escape(verdict.statement)}<p class="small">Source: ${escape(verdict.source)}.</p></td>
<td>${escape(verdict.evidence)}<p class="small">${escape(verdict.rule)}</p>${others}</td></tr>`;
}

/** A table of verdicts with their evidence and rules. */
export function verdictTable(verdicts: readonly ScaledVerdict[], label: string): string {
  return `<div tabindex="0" role="region" aria-label="${escape(label)}" class="wide"><table class="verdicts"><thead><tr><th scope="col">Verdict</th><th scope="col">Claim</th><th scope="col">Evidence (mean, 95 % interval) and rule</th></tr></thead><tbody>${verdicts.map(verdictRow).join('\n')}</tbody></table></div>`;
}

/** How many verdicts have each outcome. */
export function verdictCounts(verdicts: readonly ScaledVerdict[]): string {
  return OUTCOMES.map(
    (outcome) => `${verdictBadge(outcome)} ${verdicts.filter((verdict) => verdict.outcome === outcome).length}`,
  ).join(' &nbsp; ');
}

/** Every verdict in a line, by section. */
export function summaryBlock(verdicts: Readonly<Record<string, readonly ScaledVerdict[]>>): string {
  const lines = (some: readonly ScaledVerdict[]): string =>
    some
      .map(
        ({ id, outcome, statement }) =>
          `<li>${verdictBadge(outcome)} <a href="#claim-${escape(id)}">${escape(statement)}</a></li>`,
      )
      .join('\n');
  const blocks = Object.entries(verdicts).map(([section, list]) => {
    const [run, open] = [
      list.filter(({ outcome }) => outcome !== 'not run'),
      list.filter(({ outcome }) => outcome === 'not run'),
    ];
    const rest =
      open.length === 0
        ? ''
        : `<details><summary>${plural(open.length, 'claim')} not run</summary><ul class="summary">${lines(open)}</ul></details>`;
    return `<h3>${sectionOf(section).title}</h3>${run.length === 0 ? '' : `<ul class="summary">${lines(run)}</ul>`}${rest}`;
  });
  return `<section aria-labelledby="summary"><h2 id="summary">Verdicts</h2>${blocks.join('\n')}</section>`;
}
