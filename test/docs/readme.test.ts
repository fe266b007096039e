/** README.md: its size, its picture, its numbers, its commands and its links. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { heroPicture, HERO_THEMES } from '../../reports/figures/readme-picture.js';
import { longGains } from '../../reports/data/depth-gains.js';
import { numberAt } from '../../reports/data/rows.js';
import { mean } from '../../src/core/stats.js';
import { KEPT_RECORDS } from '../reports/kept.js';

const ROOT = resolve(import.meta.dirname, '../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const { repository } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { repository: { url: string } };
const HOME = repository.url.replace(/^git\+|\.git$/g, '');

/** Mean of a final figure over the seeds of an arm. */
function meanOf(experiment: string, arm: string, key = 'testAccuracy'): number {
  const mine = KEPT_RECORDS.results.filter((row) => row.experiment === experiment && row.arm === arm);
  return mean(mine.map((row) => numberAt(row, key)));
}

test('it has at most 5 kB, and begins with what the program is and the two commands', () => {
  expect(Buffer.byteLength(README)).toBeLessThanOrEqual(5000);
  const commands = [...README.matchAll(/^npm ci && npm (start|test)\b/gm)].map(([, name]) => name);
  expect(commands).toEqual(['start', 'test']);
});

test.each(Object.keys(HERO_THEMES) as (keyof typeof HERO_THEMES)[])(
  'the %s picture is drawn from the kept results (npm run docs:made draws it)',
  async (theme) => {
    await expect(heroPicture(KEPT_RECORDS.results, theme)).toMatchFileSnapshot(join(ROOT, `docs/hero-${theme}.svg`));
  },
);

/** Columns of its table, as arms of an experiment; a dash where nothing was run. */
type Arms = readonly (string | undefined)[];
const SELECTED: Arms = [
  ...['direct', 'kd', 'selected-kl', 'selected-three-stage', 'three-stage'],
  ...['long', 'deeper', 'wide'],
];
const PROJECTED = SELECTED.map((arm) =>
  arm?.replace('selected-kl', 'projected-kd').replace('selected-three', 'projected-three'),
);
const PLAIN: Arms = ['direct', 'kd', 'selected-kl', 'closed-form', 'imitation', undefined, undefined, 'wide'];
const atBudget = (budget: number, wide = 'wide'): Arms => [
  ...['direct', 'kd', 'selected-kl', 'closed-form', 'three-stage'].map((arm) => `${arm} x${budget}`),
  ...[undefined, `deeper x${budget}`, wide],
];
const TABLE: [title: string, experiment: string, arms: Arms, key: string][] = [
  ['ResNet, digits, 400 steps', 'resnet-digits', SELECTED, 'testAccuracy'],
  ['… 3,200, wide 1,600', 'frontier-digits', atBudget(32), 'testAccuracy'],
  ['ResNet, strings, 1,000 steps', 'resnet-hierarchy', SELECTED, 'testAccuracy'],
  ['16 plain layers, 300 steps', 'depth-skip', PLAIN.map((arm) => arm && `16 plain ${arm}`), 'testAccuracy'],
  ['… 19,200', 'frontier-plain-16', atBudget(256), 'testAccuracy'],
  ['ResNet, Fashion-MNIST, 1 epoch, wide 16', 'frontier-fashion', atBudget(1, 'wide x16'), 'testAccuracy'],
  ['… 16', 'frontier-fashion', atBudget(16, 'wide x16'), 'testAccuracy'],
  ['ResNet-20, CIFAR-10', 'cifar10', SELECTED, 'testAccuracy'],
  ['MiniLM, SST-2', 'sst2', PROJECTED, 'testAccuracy'],
  ['BERT, glosses, nats ↓', 'bert-glosses', PROJECTED, 'testCrossEntropy'],
];

describe('its numbers are those of the kept results', () => {
  const figure = (experiment: string, arm: string | undefined, key: string): string => {
    const mean = arm === undefined ? NaN : meanOf(experiment, arm, key);
    return Number.isNaN(mean) ? '–' : mean.toFixed(key === 'testAccuracy' ? 1 : 2);
  };
  test.each(TABLE)('%s', (title, experiment, arms, key) => {
    const figures = arms.map((arm) => figure(experiment, arm, key));
    expect(figures.filter((text) => text !== '–').length).toBeGreaterThan(5);
    expect(README).toContain(`| ${[title, ...figures].join(' | ')} |`);
  });

  test('what imitation adds in plain nets over the best rival, in points', () => {
    const gain = (budget: number, layers: number): string =>
      mean(
        longGains(KEPT_RECORDS.results, budget)
          .filter(({ depth }) => depth === layers)
          .map((one) => one.gain),
      ).toFixed(1);
    const [few, many] = [4, 64].map((budget) => [8, 16, 64].map((layers) => gain(budget, layers)));
    expect(README).toContain(
      `after 300 steps ${few![0]} points over the best rival at 8 layers, ${few![1]} at 16, ${few![2]} at 64; ` +
        `after 4,800 ${many![0]}, ${many![1]} and ${many![2]} (growth inconclusive); ` +
        `after 19,200 ${gain(256, 16)} at 16`,
    );
  });
});

/** Markdown files that people read, from the root of the repository. */
const PAGES = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...['docs', 'docs/notes', 'examples', 'theory', 'experiments', 'src/method'].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
];

/** Targets of a page's links and pictures, outside code. */
function linksOf(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
    .replaceAll(/^```[^]*?^```/gm, '')
    .replaceAll(/`[^`\n]*`/g, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)|(?:href|src|srcset)="([^"]+)"/g)].map(([, one, other]) => (one ?? other)!);
}

/** The anchors of a page, as GitHub makes them of its titles. */
function anchorsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/^#+ +(.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test.each(PAGES)('links of %s lead somewhere in the repository', (page) => {
  const broken = linksOf(page).filter((link) => {
    const inside = link.startsWith(HOME.replace('github.com', 'raw.githubusercontent.com'))
      ? link.split('/main/')[1]
      : undefined;
    if (/^[a-z]+:/.test(link) && inside === undefined) return false;
    const [path, anchor] = (inside ?? link).split('#');
    const file = path === '' ? join(ROOT, page) : resolve(ROOT, inside === undefined ? dirname(page) : '.', path!);
    if (relative(ROOT, file).startsWith('..') || !existsSync(file)) return true;
    return anchor !== undefined && statSync(file).isFile() && !anchorsOf(file).includes(anchor);
  });
  expect(broken).toEqual([]);
});

test('pictures of other themes are named in full, as npm’s page completes only plain links', () => {
  for (const [, url] of README.matchAll(/srcset="([^"]+)"/g)) expect(url).toMatch(/^https:\/\/raw\.githubusercontent/);
});
