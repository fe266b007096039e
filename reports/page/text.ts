/** Verdicts as Markdown, for machines and for other people's pages. */
import { OUTCOMES, type ScaledVerdict } from '../claims/verdict.js';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** What the Markdown tells. */
export interface Told {
  readonly verdicts: readonly ScaledVerdict[];
  readonly problems: readonly string[];
  readonly cautions: readonly string[];
  readonly runs: number;
}

/** The verdicts as a table, then what is to be read with care and what was left out. */
export function toMarkdown({ verdicts, problems, cautions, runs }: Told): string {
  const counts = OUTCOMES.map(
    (outcome) => `${verdicts.filter((verdict) => verdict.outcome === outcome).length} ${outcome}`,
  ).join(', ');
  const lines = verdicts.map(
    ({ id, statement, outcome, scale, evidence, seeds }) =>
      `| ${[id, statement, outcome, scale ?? '', seeds, evidence].map((text) => cell(String(text))).join(' | ')} |`,
  );
  const list = (title: string, items: readonly string[]): string =>
    items.length === 0 ? '' : `\n## ${title}\n\n${items.map((item) => `- ${item}`).join('\n')}\n`;
  return `# Verdicts

${verdicts.length} claims from ${runs} runs: ${counts}. Evidence: mean with its 95 % interval.

| claim | statement | verdict | scale | seeds | evidence |
|---|---|---|---|---|---|
${lines.join('\n')}
${list('Read with care', cautions)}${list('Left out', problems)}`;
}
