/**
 * The page: one HTML file that needs nothing else. It reads without script; with it, figures answer and the laboratory
 * runs.
 */
import { inPage } from './appendix.js';
import { TITLE } from './header.js';
import { styleElement } from './html.js';
import { partsOf, reportDocument, type PageInput } from './parts.js';
import { packedScripts } from './scripts.js';

/** The whole page as text; `live`: a server says when there is something new. */
export function renderPage(input: PageInput, live: boolean): string {
  const { header, opening, parts, contents } = partsOf(input, inPage);
  return reportDocument({
    title: TITLE,
    style: styleElement(),
    scripts: packedScripts(input.client, live),
    skip: '<a class="skip" href="#summary">To the summary</a>',
    main: `<main>
${header}
${contents(() => true)}
${live ? '<div class="care" id="live"></div>' : ''}
${opening}
${parts.map((part) => part.html).join('\n')}
</main>`,
  });
}
