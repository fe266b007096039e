/**
 * A report as a static site: a page for each part, with the style and the script in files that all pages share. It
 * needs no server: addresses are relative, so that it works from a folder and below any path.
 */
import { createHash } from 'node:crypto';
import { escape } from '../../src/core/markup.js';
import { ARCHIVE_NAME } from './appendix.js';
import { PAPER_TITLE, TITLE } from './header.js';
import { partsOf, reportDocument, type PageInput, type Part } from './parts.js';
import { sharedScripts } from './scripts.js';
import { STYLE } from './style.js';

/** Files of a site by their paths, with `/` between folders. */
export type SiteFiles = Readonly<Record<string, string | Buffer>>;

/** The page that a site begins with. */
export const INDEX = 'index.html';

interface Page {
  readonly file: string;
  readonly title: string;
  readonly body: string;
  /** The part that the page has; undefined for the first page. */
  readonly part?: Part;
}

/** A path below `assets` that changes with the content, so that no page meets a file of another version. */
function assetName(name: string, content: string): string {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 12);
  return `assets/${name.replace(/(\.\w+)$/, `-${hash}$1`)}`;
}

/** The name of a part's page; every section has a name of letters, digits and hyphens that no other page has. */
function fileNames(parts: readonly Part[]): string[] {
  const taken = new Set([INDEX]);
  return parts.map(({ id }) => {
    const plain = id.toLowerCase().replace(/[^a-z0-9]+/g, '-');
    let name = `${plain}.html`;
    for (let i = 2; taken.has(name); i++) name = `${plain}-${i}.html`;
    taken.add(name);
    return name;
  });
}

/** Links to what stands on another page name that page. */
function linkedAcross(html: string, file: string, pageOf: ReadonlyMap<string, string>): string {
  return html.replace(/ href="#([^"]*)"/g, (link, id: string) => {
    const page = pageOf.get(id);
    return page === undefined || page === file ? link : ` href="${page}#${id}"`;
  });
}

/** Links to the pages before and after. */
function pagerOf(pages: readonly Page[], at: number): string {
  const link = (page: Page | undefined, rel: string, word: string): string =>
    page === undefined ? '' : `<a rel="${rel}" href="${page.file}">${word}: ${escape(page.title)}</a>`;
  return (
    '<nav class="pager" ' +
    `aria-label="Pages">${link(pages[at - 1], 'prev', 'Before')}${link(pages[at + 1], 'next', 'Next')}</nav>`
  );
}

/** Every file of the site of a report. The same records give the same bytes. */
export function renderSite(input: PageInput): SiteFiles {
  let archive: Buffer | undefined;
  const { header, opening, parts, contents } = partsOf(input, (zip) => {
    archive = zip;
    return ARCHIVE_NAME;
  });
  const [style, script] = [assetName('style.css', STYLE), assetName('report.js', input.client.main)];
  const names = fileNames(parts);
  const pages: readonly Page[] = [
    { file: INDEX, title: 'Summary', body: `${header}\n${contents(() => false)}\n${opening}` },
    ...parts.map((part, i): Page => ({
      file: names[i]!,
      title: part.title,
      part,
      body:
        '<header><h1><a ' +
        `href="${INDEX}">${PAPER_TITLE}</a></h1></header>\n${contents((one) => one === part)}\n${part.html}`,
    })),
  ];
  const pageOf = new Map(
    pages.flatMap(({ file, body }) => [...body.matchAll(/ id="([^"]+)"/g)].map(([, id]) => [id!, file] as const)),
  );
  const documents = pages.map(({ file, title, part, body }, i) => {
    const text = reportDocument({
      title: part === undefined ? TITLE : `${title}: ${PAPER_TITLE}`,
      style: `<link rel="stylesheet" href="${style}">`,
      scripts: sharedScripts(input.client, script, body.includes('id="laboratory-root"')),
      skip: '<a class="skip" href="#text">To the text</a>',
      main: `<main id="text">
${linkedAcross(body, file, pageOf)}
${pagerOf(pages, i)}
</main>`,
    });
    return [file, text] as const;
  });
  return {
    [style]: STYLE,
    [script]: input.client.main,
    ...(archive !== undefined && { [ARCHIVE_NAME]: archive }),
    // the first page last: where writing is stopped, what it links to is there
    ...Object.fromEntries(documents.reverse()),
  };
}
