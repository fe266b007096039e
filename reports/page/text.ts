/** Verdicts as Markdown, for machines and for other people's pages. */
import { plural } from '../../src/core/errors.js';
import { markdownCell } from '../../src/core/markup.js';
import { ownTitle, severalText, type OwnJudgement } from '../claims/own.js';
import { OUTCOMES, type ScaledVerdict } from '../claims/verdict.js';

/** What the Markdown tells. */
export interface Told {
  readonly verdicts: readonly ScaledVerdict[];
  /** Runs that the verdicts were decided by. */
  readonly runs: number;
  readonly own: OwnJudgement;
  readonly problems: readonly string[];
  readonly cautions: readonly string[];
}

/** Verdicts on settings of one's own, a table for each, and why others have none. */
function ownText(own: OwnJudgement): string {
  const tables = own.groups.map((group) => {
    const lines = group.verdicts.map(
      ({ id, statement, outcome, evidence }) =>
        `| ${[id, statement, outcome, evidence].map(markdownCell).join(' | ')} |`,
    );
    const head = '| claim | statement | verdict | evidence |\n|---|---|---|---|';
    return `\n### ${markdownCell(ownTitle(group))}\n\n${head}\n${lines.join('\n')}\n`;
  });
  const open = severalText(own);
  const parts = [...tables, ...(open === undefined ? [] : [`\n${open}\n`])];
  return parts.length === 0 ? '' : `\n## Settings of your own\n${parts.join('')}`;
}

/** The verdicts as a table, then what is to be read with care and what was left out. */
export function toMarkdown({ verdicts, runs, own, problems, cautions }: Told): string {
  const counts = OUTCOMES.map(
    (outcome) => `${verdicts.filter((verdict) => verdict.outcome === outcome).length} ${outcome}`,
  ).join(', ');
  const lines = verdicts.map(
    ({ id, statement, outcome, scale, evidence, seeds }) =>
      `| ${[id, statement, outcome, scale ?? '', seeds, evidence].map((text) => markdownCell(String(text))).join(' | ')} |`,
  );
  const list = (title: string, items: readonly string[]): string =>
    items.length === 0 ? '' : `\n## ${title}\n\n${items.map((item) => `- ${item}`).join('\n')}\n`;
  return `# Verdicts

${plural(verdicts.length, 'claim')} from ${plural(runs, 'run')}: ${counts}. Evidence: mean with its 95 % interval.

| claim | statement | verdict | scale | seeds | evidence |
|---|---|---|---|---|---|
${lines.join('\n')}
${ownText(own)}${list('Read with care', cautions)}${list('Left out', problems)}`;
}
