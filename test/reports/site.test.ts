/** `gowide report --site`: pages whose links lead somewhere, in a folder in which nothing else is touched. */
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { withSlashes } from '../../src/core/folder.js';
import { buildReport, drawReport } from '../../reports/page/report.js';
import { renderSite, type SiteFiles } from '../../reports/page/site.js';
import { writeSite } from '../../reports/page/site-folder.js';
import type { Records } from '../../reports/data/records.js';
import { newFolder } from '../support/program.js';
import { AS_CLAIMED, records } from './rows.js';

const EXPERIMENTS = ['width', 'depth', 'resnet-digits'];
const { rows, results } = records(AS_CLAIMED);
const mine = <T extends { readonly experiment: string }>(list: readonly T[]): T[] =>
  list.filter(({ experiment }) => EXPERIMENTS.includes(experiment));
const few: Records = {
  ...{ rows: mine(rows), results: mine(results), runs: [], curves: [], kept: [], origins: new Map() },
  problems: ['somewhere/runs/x: unfinished, not shown'],
  cautions: [],
};
const site = async (input = few): Promise<SiteFiles> => renderSite(await drawReport(buildReport(input)));
let files: SiteFiles;
beforeAll(async () => void (files = await site()));

const pages = (): (readonly [string, string])[] =>
  Object.entries(files).flatMap(([name, text]) => (name.endsWith('.html') ? [[name, String(text)] as const] : []));
const idsOf = (text: string): string[] => [...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!);

describe('the pages of a site', () => {
  test('are one for each section, and the first is written last', () => {
    expect(Object.keys(files).at(-1)).toBe('index.html');
    expect(
      pages()
        .map(([name]) => name)
        .sort(),
    ).toEqual(['appendix.html', 'bert.html', 'cost.html', 'index.html', 'resnet.html', 'theory.html']);
    expect(pages().filter(([, text]) => text.includes('id="laboratory-kernel"'))).toHaveLength(1);
  });

  test('link to elements and files that are there, and to nothing of the network but paper and code', () => {
    let across = 0;
    for (const [name, text] of pages()) {
      expect(idsOf(text).length, name).toBe(new Set(idsOf(text)).size);
      const body = text.replace(/<script[^>]*>[\s\S]*?<\/script>/g, (tag) => /<script[^>]*>/.exec(tag)![0]);
      for (const [, address] of body.matchAll(/ (?:href|src)="([^"]*)"/g)) {
        if (/^https:\/\/(?:arxiv\.org|github\.com)\//.test(address!)) continue;
        const [path, id] = address!.split('#') as [string, string?];
        const file = path === '' ? name : posix.join(posix.dirname(name), path);
        expect(Object.keys(files), `${name}: ${address}`).toContain(file);
        if (id !== undefined) expect(idsOf(String(files[file])), `${name}: ${address}`).toContain(id);
        if (id !== undefined && file !== name) across++;
      }
    }
    expect(across).toBeGreaterThan(50);
  });

  test('hold every claim and figure once, and are the same when drawn again', async () => {
    const all = pages().flatMap(([, text]) => idsOf(text).filter((id) => /^(?:claim|figure)-/.test(id)));
    expect(new Set(all).size).toBe(all.length - pages().length + 1); // each page has the look of figures
    expect(await site()).toEqual(files);
  });
});

describe('the folder of a site', () => {
  const SMALL: SiteFiles = { 'assets/style-1.css': 'a {}', 'theory.html': 'theory', 'index.html': 'index' };
  const filesIn = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(withSlashes).sort();
  const written = (): string => {
    const folder = join(newFolder(), 'public');
    writeSite(folder, SMALL);
    return folder;
  };
  const contents = (folder: string): unknown =>
    filesIn(folder)
      .filter((name) => statSync(join(folder, name)).isFile())
      .map((name) => [name, readFileSync(join(folder, name))]);

  test('is written again only where something changed, and loses what a new site has not', () => {
    const folder = written();
    const index = join(folder, 'index.html');
    utimesSync(index, 1, 1);
    writeSite(folder, { 'assets/style-2.css': 'b {}', 'index.html': 'index' });
    expect(statSync(index).mtimeMs).toBe(1000);
    expect(filesIn(folder)).toEqual(['assets', 'assets/style-2.css', 'index.html', 'site.json']);
  });

  test('that was left half way is completed by the same call', () => {
    const whole = written();
    const half = join(newFolder(), 'half');
    cpSync(whole, half, { recursive: true });
    writeFileSync(join(half, 'theory.html'), 'of an earlier site');
    for (const name of ['index.html.tmp-12-0123456789ab', 'site.json.tmp-12-0123456789ab'])
      writeFileSync(join(half, name), 'half');
    writeSite(half, SMALL);
    expect(contents(half)).toEqual(contents(whole));
  });

  test.each([
    ['notes.txt', 'mine'],
    ['assets/logo.svg', 'mine'],
    ['index.html', 'a page of one’s own'],
  ])('with %s of somebody else is refused, and left as it is', (name, text) => {
    const folder = join(newFolder(), 'mine');
    if (name === 'notes.txt') writeSite(folder, SMALL);
    mkdirSync(join(folder, 'assets'), { recursive: true });
    writeFileSync(join(folder, name), text);
    const before = contents(folder);
    expect(() => writeSite(folder, SMALL)).toThrow(
      `holds files that are not of a site (${name}); name an empty folder`,
    );
    expect(contents(folder)).toEqual(before);
  });

  test('with a list that is none is refused', () => {
    const folder = written();
    for (const text of ['{', '{"files": 3}']) {
      writeFileSync(join(folder, 'site.json'), text);
      expect(() => writeSite(folder, SMALL)).toThrow(/site\.json: expected the list of a site’s files/);
    }
  });
});
