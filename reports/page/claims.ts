/** Claims as HTML: each stands once, folded below the figure that shows it, and is a cell of the matrix of verdicts. */
import { settingNames, settingOf } from '../claims/settings.js';
import { OUTCOMES, type Outcome, type ScaledVerdict } from '../claims/verdict.js';
import { groupBy } from '../../src/core/group.js';
import { escape } from '../../src/core/markup.js';
import { anchor, plural } from './html.js';
import { outcomeMark, verdictBadge } from './verdicts.js';

/** The id of a claim's element, for links to it. */
const claimId = (id: string): string => `claim-${id}`;

/** A claim with what decided it: evidence with its interval, rule, source, and how much was run. */
function claimBlock(verdict: ScaledVerdict, before: ScaledVerdict | undefined): string {
  const { id, statement, outcome, evidence, rule, source, scale, seeds, runs, kind } = verdict;
  const others = verdict.others
    .map(
      (other) => `<p class="small">At scale ${escape(other.scale)}: ${other.outcome}; ${escape(other.evidence)}.</p>`,
    )
    .join('');
  const amount =
    scale === null ? '' : ` Scale ${escape(scale)}, ${plural(seeds, 'seed')}, ${plural(runs.length, 'run')}.`;
  const whose = kind === 'paper' ? 'A claim of the paper' : 'A control of this project';
  return `<div class="claim" id="${escape(claimId(id))}"><p>${verdictBadge(outcome)} ${escape(statement)} ${anchor(claimId(id), 'this claim')}</p>
<p class="evidence">${escape(evidence)}</p>${others}<p class="small"><b>Rule.</b> ${rule === before?.rule ? 'As for the claim before.' : escape(rule)} <b>${whose}.</b> Source: ${escape(source)}.${amount}</p></div>`;
}

/** How many claims have each outcome, in a line; those that have none are left out. */
export function countsText(verdicts: readonly ScaledVerdict[]): string {
  return OUTCOMES.map((outcome) => ({ outcome, count: verdicts.filter((one) => one.outcome === outcome).length }))
    .filter(({ count }) => count > 0)
    .map(({ outcome, count }) => `${count} ${outcome}`)
    .join(', ');
}

/** Claims below a figure, folded; nothing without any. */
export function claimsBlock(verdicts: readonly ScaledVerdict[], open = false): string {
  if (verdicts.length === 0) return '';
  return (
    `<details class="claims"${open ? ' open' : ''}><summary>${plural(verdicts.length, 'claim')}: ` +
    `${countsText(verdicts)}</summary>${verdicts.map((verdict, i) => claimBlock(verdict, verdicts[i - 1])).join('\n')}</details>`
  );
}

const cellOf = (verdicts: readonly ScaledVerdict[]): string =>
  verdicts
    .map(
      ({ id, outcome, statement }) =>
        `<a href="#${escape(claimId(id))}" title="${escape(`${outcome}: ${statement}`)}" ` +
        `aria-label="${outcome}">${outcomeMark(outcome)}</a>`,
    )
    .join('');

function matrixRows(verdicts: readonly ScaledVerdict[], columns: readonly string[]): string {
  const rows = [...groupBy(verdicts, ({ question }) => question)].map(([question, mine]) => {
    const cells = columns.map((column) => `<td>${cellOf(mine.filter(({ setting }) => setting === column))}</td>`);
    return `<tr><th scope="row">${escape(question)}</th>${cells.join('')}</tr>`;
  });
  return rows.join('\n');
}

/** Every claim in a table of questions by settings: the paper's own apart from this project's controls. */
export function matrixBlock(verdicts: readonly ScaledVerdict[]): string {
  const columns = settingNames(verdicts.map(({ setting }) => setting));
  const groups = [...groupBy(columns, (column) => settingOf(column).group)];
  const head = `<tr><td></td>${groups.map(([group, list]) => `<th scope="colgroup" colspan="${list.length}">${escape(group)}</th>`).join('')}</tr>
<tr><th scope="col">Question</th>${columns.map((column) => `<th scope="col">${escape(settingOf(column).label)}</th>`).join('')}</tr>`;
  const parts = (
    [
      ['paper', 'What the paper claims'],
      ['control', 'Controls of this project'],
    ] as const
  ).map(([kind, title]) => {
    const mine = verdicts.filter((verdict) => verdict.kind === kind);
    return mine.length === 0
      ? ''
      : `<tbody><tr class="part"><th scope="rowgroup" colspan="${columns.length + 1}">${title}: ` +
          `${countsText(mine)}</th></tr>${matrixRows(mine, columns)}</tbody>`;
  });
  const legend = OUTCOMES.map((outcome) => `<span class="mark">${outcomeMark(outcome)} ${outcome}</span>`).join(' ');
  return `<p class="small">${legend} Each mark is a link to its claim. <span class="sideways">The table goes on to the right: scroll it sideways. →</span></p>
<div class="wide" tabindex="0" role="region" aria-label="Verdicts by question and setting"><table class="matrix"><thead>${head}</thead>${parts.join('\n')}</table></div>`;
}

/** The outcomes of the claims that ask one question, by the names of their settings. */
export function bySetting(verdicts: readonly ScaledVerdict[], question: string): ReadonlyMap<Outcome, string[]> {
  const mine = verdicts.filter((verdict) => verdict.question === question && verdict.outcome !== 'not run');
  const named = mine.map(({ setting, outcome }) => {
    const { label, group, alone = false } = settingOf(setting);
    return { outcome, name: alone ? label : `${group} (${label})` };
  });
  return new Map(
    [...groupBy(named, ({ outcome }) => outcome)].map(([outcome, list]) => [
      outcome as Outcome,
      [...new Set(list.map(({ name }) => name))],
    ]),
  );
}
