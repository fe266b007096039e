/** The appendix: rules and how they changed, claims without a figure, environment, every run, the raw data, terms. */
import { RULE_CHANGES } from '../claims/changes.js';
import { FAMILY_RULE } from '../claims/family.js';
import type { ScaledVerdict } from '../claims/verdict.js';
import { originText } from '../data/origins.js';
import type { Records } from '../data/records.js';
import { archiveOf } from './archive.js';
import { claimsBlock } from './claims.js';
import { glossaryBlock } from './glossary.js';
import { escape } from '../../src/core/markup.js';
import { plural, withoutPaths } from './html.js';
import { environmentBlock, runsBlock } from './runs-block.js';

function rulesBlock(): string {
  const changes = RULE_CHANGES.map(
    ({ date, what, why, afterResults }) =>
      `<li><b>${date}${afterResults ? ', after results had been seen' : ''}.</b> ${escape(what)} ${escape(why)}</li>`,
  );
  return (
    '<h3 id="rules">Rules, and when they changed</h3><p>Every verdict follows from a rule that stands beside it, in ' +
    `code that knows no run. ${escape(FAMILY_RULE)} A rule was fixed before the runs that it decides but where this ` +
    `list says otherwise:</p><ul>${changes.join('\n')}</ul>`
  );
}

/** The name of the archive of all tables. */
export const ARCHIVE_NAME = 'go-wide-then-narrow-data.zip';

/** The address of the archive, given its bytes. */
export type ArchiveLink = (zip: Buffer) => string;

/** An address that holds the archive itself. */
export const inPage: ArchiveLink = (zip) => `data:application/zip;base64,${zip.toString('base64')}`;

function dataBlock(records: Records, link: ArchiveLink): string {
  const archive = archiveOf(records);
  const how = 'gowide report FOLDER --tables TABLES';
  const download =
    archive === undefined
      ? `<p>The tables are too many for a page, or there are none; <code>${how}</code> writes them.</p>`
      : `<p><a download="${ARCHIVE_NAME}" href="${link(archive.zip)}">All tables as one archive</a> (zip, ` +
        `${plural(archive.files, 'file')}, ${Math.ceil(archive.zip.length / 1024)} kB): final figures as CSV, what ` +
        'was logged as JSON by column, numbers with four digits. Figures have their own rows as CSV. ' +
        `<code>${how}</code> writes the tables with all digits.</p>`;
  const kept = [...records.origins].map(
    ([name, origins]) => `<li><b>${escape(name)}</b>: ${escape(withoutPaths(origins.map(originText).join('; ')))}</li>`,
  );
  const from =
    kept.length === 0
      ? ''
      : `<details><summary>Where ${plural(kept.length, 'kept table')} come from</summary>` +
        `<ul class="small">${kept.join('\n')}</ul></details>`;
  return `<h3 id="data">Raw data</h3>${download}${from}`;
}

/** What an appendix is made of. */
export interface AppendixInput {
  readonly records: Records;
  readonly scales: readonly string[];
  /** Claims that stand below no figure. */
  readonly rest: readonly ScaledVerdict[];
  readonly archiveLink: ArchiveLink;
}

/** The whole appendix. */
export function appendixBlock({ records, scales, rest, archiveLink }: AppendixInput): string {
  const claims =
    rest.length === 0
      ? ''
      : `<h3 id="other-claims">Claims without a figure here</h3><p>${plural(rest.length, 'claim')} of experiments ` +
        `that were not run, or that left nothing to draw.</p>${claimsBlock(rest)}`;
  return `<section aria-labelledby="appendix"><h2 id="appendix">Appendix</h2>
${rulesBlock()}
${claims}
<h3 id="environment">Environment and reproduction</h3>
<p>Everything again: <code>gowide reproduce --scale ${escape(scales[0] ?? 'minutes')}</code>. One run: <code>gowide runs show ID</code>. The theory’s pinned numbers: <code>gowide verify</code>. What a scale costs: <code>gowide plan</code>. Engines of this machine: <code>gowide doctor</code>.</p>
${environmentBlock(records)}
${runsBlock(records)}
${dataBlock(records, archiveLink)}
<h3 id="glossary">Terms</h3>${glossaryBlock()}
</section>`;
}
