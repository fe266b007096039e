/** The page in a real browser: Chromium from npm, headless. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import chromiumPackage from '@sparticuz/chromium';
import axe from 'axe-core';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Point } from '../../reports/client/experiment.js';
import { explore } from '../../reports/client/explore.js';
import { START } from '../../reports/client/setting.js';
import type { Datum, Figure } from '../../reports/figures/figure.js';
import { renderPage } from '../../reports/page/page.js';
import { buildReport, drawReport } from '../../reports/page/report.js';
import { renderSite } from '../../reports/page/site.js';
import { csv } from '../../reports/data/csv.js';
import type { Records } from '../../reports/data/records.js';
import { AS_CLAIMED, MARKS, records } from './rows.js';

/** Grid lines, lines to names and what stands behind a name, which stay in the background of a dark page. */
const GRID = ['rgb(51, 51, 51)', 'rgb(106, 106, 106)', 'rgb(22, 22, 22)'];

const available = process.platform === 'linux' && process.arch === 'x64';

describe.skipIf(!available)('the page in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gowide-page-'));
  const file = join(folder, 'report.html');
  const url = pathToFileURL(file).href;
  const site = join(folder, 'site');
  const input: Records = {
    ...records(AS_CLAIMED),
    runs: [],
    kept: [],
    origins: new Map(),
    problems: [`somewhere/runs/${'x'.repeat(90)}: unfinished, not shown`],
    cautions: ['depth, scale laptop: one seed only, which decides nothing'],
  };
  const report = buildReport(input);
  const figures = Object.values(report.figures).flat() as Figure[];
  let browser: Browser;
  /** Everything that the page said or asked for, beyond itself. */
  const said: string[] = [];

  const open = async (options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> => {
    const page = await browser.newPage(options);
    page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => said.push(`error: ${error.message}`));
    page.on('request', (request) => {
      if (!/^(file:.*report\.html|data:|blob:)/.test(request.url())) said.push(`request: ${request.url()}`);
    });
    await page.goto(url);
    return page;
  };
  const live = async (page: Page, id: string): Promise<void> => {
    await page.locator(`[data-figure="${id}"]`).scrollIntoViewIfNeeded();
    await page.locator(`[data-figure="${id}"][data-state="live"]`).waitFor({ timeout: 120_000 });
  };
  const symbols = (page: Page, id: string): ReturnType<Page['locator']> =>
    page.locator(`[data-figure="${id}"] .plot g.mark-symbol.role-mark path`);

  beforeAll(async () => {
    const drawn = await drawReport(report);
    writeFileSync(file, renderPage(drawn, false));
    for (const [name, content] of Object.entries(renderSite(drawn))) {
      mkdirSync(dirname(join(site, name)), { recursive: true });
      writeFileSync(join(site, name), content);
    }
    browser = await chromium.launch({
      executablePath: await chromiumPackage.executablePath(),
      args: ['--no-sandbox', '--disable-gpu'],
      headless: true,
    });
  });
  afterAll(() => browser?.close());

  test('every figure comes to life with as many marks as its table has rows, and nothing is asked of the network', async () => {
    const page = await open();
    for (const { id, data, scale } of figures) {
      const name = `${id}-${scale}`;
      await live(page, name);
      expect(await symbols(page, name).count(), id).toBe(MARKS[id]![0]);
      const rows = await page.locator(`[data-figure="${name}"] pre.rows`).textContent();
      expect(rows!.trimEnd().split('\n').length - 1, id).toBe(data.length);
    }
    expect(said).toEqual([]);
    await page.close();
  });

  test('a mark under the pointer shows its values', async () => {
    const page = await open();
    await live(page, 'accuracy-laptop');
    await symbols(page, 'accuracy-laptop').first().hover();
    const text = await page.locator('#tip').textContent();
    // in the words of the axes, and not in those of the columns
    expect(text).toMatch(/test accuracy, %[\d.]+/);
    expect(text).toMatch(/seed\d/);
    expect(text).not.toMatch(/value|_/);
    await page.close();
  });

  test('arms can be left out, and axes switched, by keyboard alone', async () => {
    const page = await open();
    await live(page, 'depth-laptop');
    const before = await symbols(page, 'depth-laptop').count();
    await page.locator('[data-figure="depth-laptop"] .tools summary').press('Enter');
    const box = page.locator('[data-figure="depth-laptop"] .tools input[type="checkbox"]').first();
    await box.focus();
    await page.keyboard.press('Space');
    await expect.poll(() => symbols(page, 'depth-laptop').count()).toBe((before * 2) / 3);
    const axis = async (): Promise<string> =>
      (await page.locator('[data-figure="depth-laptop"] .plot .role-axis text').allTextContents()).join(' ');
    const logarithmic = await axis();
    const select = page.locator('[data-figure="depth-laptop"] .tools select').last();
    await select.focus();
    await select.press('ArrowUp');
    await expect.poll(axis).not.toBe(logarithmic);
    expect(said).toEqual([]);
    await page.close();
  });

  test('a figure can be taken away as its rows, its spec, and a picture with all panels and the key', async () => {
    const page = await open();
    const { id, data, spec } = figures.find((figure) => figure.id === 'depth')!;
    await live(page, `${id}-laptop`);
    const fetched = async (name: string): Promise<Buffer> => {
      const button = page.locator(`[data-figure="${id}-laptop"] .actions button`, { hasText: name });
      const [download] = await Promise.all([page.waitForEvent('download'), button.press('Enter')]);
      return readFileSync(await download.path());
    };
    const rows = (await fetched('CSV')).toString();
    expect(rows.split('\n')[0]).toBe(csv(data).split('\n')[0]);
    expect(rows.trimEnd().split('\n')).toHaveLength(data.length + 1);
    const got = JSON.parse((await fetched('Vega-Lite')).toString()) as { data: { values: Datum[] } };
    expect({ ...got, data: undefined }).toEqual({ ...JSON.parse(JSON.stringify(spec)), data: undefined });
    const close = (a: Datum, b: Datum): boolean =>
      Object.entries(a).every(([key, value]) =>
        typeof value === 'number' ? Math.abs(value / Number(b[key]) - 1) < 1e-4 : value === b[key],
      );
    expect(got.data.values.filter((row, i) => !close(data[i]!, row))).toEqual([]);
    const picture = (await fetched('SVG')).toString();
    for (const text of ['no skip', 'direct training', 'imitation']) expect(picture).toContain(text);
    expect((await fetched('PNG')).subarray(1, 4).toString()).toBe('PNG');
    expect(said).toEqual([]);
    await page.close();
  });

  test('nothing moves when a figure comes to life', async () => {
    const page = await open({ javaScriptEnabled: false });
    const sizes = async (on: Page): Promise<(readonly [string, number])[]> =>
      Promise.all(
        ['width-laptop', 'depth-laptop', 'accuracy-laptop', 'trade-resnet-laptop'].map(async (name) => {
          const { height } = (await on.locator(`[data-figure="${name}"]`).boundingBox())!;
          return [name, Math.round(height)] as const;
        }),
      );
    const still = await sizes(page);
    await page.close();
    const moving = await open();
    for (const [name] of still) await live(moving, name);
    expect(await sizes(moving)).toEqual(still);
    await moving.close();
  });

  test('a link to a claim opens what it is folded into', async () => {
    const page = await open();
    const claim = page.locator('#claim-depth-direct-skip');
    await page.locator('h1').waitFor();
    expect(await claim.isVisible()).toBe(false);
    await page.locator('.matrix a[href="#claim-depth-direct-skip"]').press('Enter');
    await claim.waitFor({ state: 'visible' });
    expect(await page.locator('[id="claim-depth-direct-skip"]').count()).toBe(1);
    await page.close();
  });

  test('without JavaScript everything but the laboratory is there', async () => {
    const page = await open({ javaScriptEnabled: false });
    expect(await page.locator('figure:has(.plot svg)').count()).toBe(figures.length);
    expect(await page.locator('#summary').isVisible()).toBe(true);
    expect(await page.getByText('The laboratory needs JavaScript').isVisible()).toBe(true);
    await page.close();
  });

  test.each([
    ['light', 1280],
    ['dark', 390],
  ] as const)('accessible in %s at %i pixels, and no wider than the window', async (colorScheme, width) => {
    const page = await open({ colorScheme, viewport: { width, height: 900 } });
    await live(page, 'depth-laptop');
    await page.evaluate(axe.source);
    const { violations } = (await page.evaluate("axe.run({ resultTypes: ['violations'] })")) as {
      violations: { id: string; nodes: { html: string }[] }[];
    };
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`)).toEqual([]);
    const widest = 'document.documentElement.scrollWidth';
    expect(await page.evaluate(widest)).toBeLessThanOrEqual(width);
    await page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))");
    expect(await page.evaluate(widest)).toBeLessThanOrEqual(width);
    await page.close();
  });

  test('a table that is wider than the window says that it goes on; one that is not does not', async () => {
    for (const width of [390, 1280]) {
      const page = await open({ viewport: { width, height: 900 }, javaScriptEnabled: false });
      const box = "document.querySelector('.wide:has(table.matrix)')";
      const hidden = await page.evaluate(`${box}.scrollWidth > ${box}.clientWidth`);
      expect(await page.locator('.sideways').isVisible(), String(width)).toBe(hidden);
      await page.close();
    }
  });

  test('no text of a figure is cut off, before it comes to life and after', async () => {
    const cut = `[...document.querySelectorAll('figure .plot svg')].flatMap((svg) => {
      const box = svg.getBoundingClientRect();
      return [...svg.querySelectorAll('text')].filter((text) => {
        const { left, right, width } = text.getBoundingClientRect();
        return width > 0 && (left < box.left || right > box.right);
      }).map((text) => text.textContent);
    })`;
    const still = await open({ javaScriptEnabled: false });
    expect(await still.evaluate(cut)).toEqual([]);
    await still.close();
    const page = await open();
    for (const name of ['trade-bert-laptop', 'trade-resnet-laptop', 'hero-frontier-laptop']) await live(page, name);
    expect(await page.evaluate(cut)).toEqual([]);
    await page.close();
  });

  test('in a dark page lines have a contrast of 3 to 1 to what they stand on, and text of 4.5', async () => {
    const page = await open({ colorScheme: 'dark' });
    for (const name of ['hero-frontier-laptop', 'width-laptop', 'frontier-digits-laptop']) await live(page, name);
    const seen = (await page.evaluate(`[...document.querySelectorAll('figure .plot svg, .key svg')].flatMap((svg) => {
      const behind = svg.closest('.plot') === null ? getComputedStyle(document.body).backgroundColor
        : getComputedStyle(svg).backgroundColor;
      return [...svg.querySelectorAll('text, path, line, circle')].flatMap((mark) => {
        const { fill, stroke } = getComputedStyle(mark);
        return mark.closest('.role-axis-grid, .background') !== null ? []
          : mark.localName === 'text' ? [['text', fill, behind]] : [['line', stroke, behind]];
      });
    })`)) as [kind: string, color: string, behind: string][];
    const luminance = (color: string): number => {
      const [r, g, b] = color.match(/\d+/g)!.map((one) => {
        const value = Number(one) / 255;
        return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
      }) as [number, number, number];
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const faint = new Set<string>();
    const marks = seen.filter(([, color]) => color !== 'none' && !GRID.includes(color));
    for (const [kind, color, behind] of marks) {
      const [one, other] = [luminance(color), luminance(behind)];
      const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      if (contrast < (kind === 'text' ? 4.5 : 3)) faint.add(`${kind} ${color} on ${behind}: ${contrast.toFixed(1)}`);
    }
    expect(new Set(marks.map(([, color]) => color)).size).toBeGreaterThanOrEqual(8);
    expect([...faint]).toEqual([]);
    await page.close();
  });

  test('the contents mark the section that is read, also below the laboratory', async () => {
    const page = await open({ viewport: { width: 1280, height: 240 } });
    for (const id of ['laboratory', 'resnet', 'laboratory', 'bert']) {
      await page.evaluate(`document.getElementById('${id}').scrollIntoView()`);
      await page.locator(`#contents a[href="#${id}"][aria-current="location"]`).waitFor({ timeout: 120_000 });
    }
    await page.close();
  });

  test('the laboratory measures what the simulator measures', async () => {
    const page = await open();
    await page.locator('#laboratory').scrollIntoViewIfNeeded();
    const depth = page.locator('#laboratory-root input[name="depth"]');
    await depth.fill('3');
    await page.locator('#laboratory-root input[name="seed"]').fill('7');
    await page.locator('#laboratory-root [role="status"]', { hasText: /^9 points in/ }).waitFor({ timeout: 120_000 });
    const points: Point[] = [];
    explore(
      { ...START, depth: 3, seed: 7 },
      (point) => points.push(point),
      () => {},
    );
    const last = points.filter(({ law }) => law === 'D(L)').at(-1)!;
    const label = await page.locator('#laboratory-root .plot svg').last().getAttribute('aria-label');
    expect(label).toBe(
      `D(L); at 3: direct ${last.direct.toPrecision(3)}, imitation ${last.imitation!.toPrecision(3)}, ` +
        `sampled ${last.sampled!.toPrecision(3)}, chosen ${last.chosen!.toPrecision(3)}, bound ${last.bound.toPrecision(3)}`,
    );
    expect(last.bound).toBeGreaterThanOrEqual(last.imitation!);
    expect(said).toEqual([]);
    await page.close();
  });

  describe('of a site', () => {
    const BASE = '/some/path/';
    const TYPES: Readonly<Record<string, string>> = {
      '.html': 'text/html',
      '.css': 'text/css',
      '.js': 'text/javascript',
    };
    let server: Server;
    beforeAll(async () => {
      server = createServer(({ url: path = '' }, response) => {
        const name = path.startsWith(BASE) ? join(site, path.slice(BASE.length)) : '';
        if (!existsSync(name)) return void response.writeHead(404).end();
        response.writeHead(200, { 'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream' });
        response.end(readFileSync(name));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    });
    afterAll(() => void server?.closeAllConnections());
    afterAll(() => void server?.close());

    // without preload: the page's policy lets nobody fetch its style sheet once more
    const violationsOf = async (page: Page): Promise<string[]> => {
      await page.evaluate(axe.source);
      const { violations } = (await page.evaluate("axe.run({ resultTypes: ['violations'], preload: false })")) as {
        violations: { id: string; nodes: { html: string }[] }[];
      };
      return violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`);
    };

    // with a server nothing differs that axe sees, and it takes seconds
    test.each([
      ['a folder', () => `${pathToFileURL(site).href}/`],
      ['a path of a server', () => `http://127.0.0.1:${(server.address() as AddressInfo).port}${BASE}`],
    ])(
      'below %s: pages lead to each other, figures and laboratory live, and nothing else is asked for',
      async (_, at) => {
        const base = at();
        const heard: string[] = [];
        const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
        page.on('console', (message) => heard.push(`${message.type()}: ${message.text()}`));
        page.on('pageerror', (error) => heard.push(`error: ${error.message}`));
        page.on('request', (request) => {
          if (!request.url().startsWith(base) && !/^(data|blob):/.test(request.url())) heard.push(request.url());
        });
        await page.goto(`${base}index.html`);
        await live(page, 'hero-depth-laptop');
        if (base.startsWith('file:')) expect(await violationsOf(page)).toEqual([]);
        await page.locator('.matrix a[href$="#claim-depth-direct-skip"]').press('Enter');
        await page.locator('#claim-depth-direct-skip').waitFor({ state: 'visible' });
        expect(page.url()).toBe(`${base}theory.html#claim-depth-direct-skip`);
        await live(page, 'depth-laptop');
        await page.locator('#laboratory').scrollIntoViewIfNeeded();
        await page.locator('#laboratory-root [role="status"]', { hasText: /points/ }).waitFor({ timeout: 120_000 });
        if (base.startsWith('file:')) expect(await violationsOf(page)).toEqual([]);
        await page.locator('.pager a[rel="next"]').press('Enter');
        await page.waitForURL(`${base}resnet.html`);
        expect(await page.locator('#contents a[href="index.html#summary"]').count()).toBe(1);
        expect(heard).toEqual([]);
        await page.close();
      },
    );
  });
});
