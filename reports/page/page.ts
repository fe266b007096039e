/**
 * The page: one HTML file that needs nothing else. It reads without script; with it, figures answer and the laboratory
 * runs.
 */
import { inPage } from './appendix.js';
import { configBlock } from './figure-block.js';
import { TITLE } from './header.js';
import { documentOf, styleElement } from './html.js';
import { partsOf, PREVIEW_TAGS, type PageInput } from './parts.js';
import { packedScripts } from './scripts.js';

/** The whole page as text; `live`: a server says when there is something new. */
export function renderPage(input: PageInput, live: boolean): string {
  const { header, opening, parts, contents } = partsOf(input, inPage);
  const { html, policy } = packedScripts(input.client, live);
  return documentOf({
    title: TITLE,
    policy,
    head: `${PREVIEW_TAGS}${styleElement()}`,
    body: `<a class="skip" href="#summary">To the summary</a><p id="said" role="status"></p>
<main>
${header}
${contents(() => true)}
${live ? '<div class="care" id="live"></div>' : ''}
${opening}
${parts.map((part) => part.html).join('\n')}
</main>
${configBlock()}
${html}`,
  });
}
