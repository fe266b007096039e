/** README.md: its size, its picture, its numbers, its commands and its links. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { heroPicture, HERO_THEMES } from '../../reports/figures/readme-picture.js';
import { numberAt } from '../../reports/data/rows.js';
import { readRecords } from '../../reports/data/records.js';
import { mean } from '../../src/core/stats.js';

const ROOT = resolve(import.meta.dirname, '../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const { repository } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { repository: { url: string } };
const HOME = repository.url.replace(/^git\+|\.git$/g, '');

const records = readRecords([join(ROOT, 'reports/results')]);

/** Mean of a final figure over the seeds of an arm. */
function meanOf(experiment: string, arm: string, key = 'testAccuracy'): number {
  const mine = records.results.filter((row) => row.experiment === experiment && row.arm === arm);
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
    await expect(heroPicture(records.results, theme)).toMatchFileSnapshot(join(ROOT, `docs/hero-${theme}.svg`));
  },
);

describe('its numbers are those of the kept results', () => {
  const percent = (experiment: string, arm: string): string => meanOf(experiment, arm).toFixed(1);
  const nats = (arm: string): string => meanOf('bert-glosses', arm, 'testCrossEntropy').toFixed(2);
  test.each([
    [
      'equal total cost',
      `${percent('resnet-digits', 'long')} % against ${percent('resnet-digits', 'three-stage')} on digits`,
    ],
    ['equal total cost, BERT', `${nats('long')} nats against ${nats('three-stage')}`],
    [
      'equal steps',
      `${percent('resnet-hierarchy', 'three-stage')} % against ${percent('resnet-hierarchy', 'direct')} on strings`,
    ],
    [
      'CIFAR-10',
      `${percent('cifar10', 'three-stage')} and ${percent('cifar10', 'direct')} after 27 of CIFAR-10, where the deeper net has ${percent('cifar10', 'deeper')}`,
    ],
    [
      'the wide net’s own channels',
      `${percent('resnet-digits', 'selected-kl')} % without imitation, ${percent('resnet-digits', 'selected-three-stage')} with it`,
    ],
  ])('%s', (_, words) => expect(README.replaceAll(/\s+/g, ' ')).toContain(words));

  test('what imitation adds in plain nets over the best rival, in points', () => {
    const gain = (depth: number): string => {
      const rivals = ['direct', 'kd', 'selected-kl'].map((arm) => meanOf('depth-skip', `${depth} plain ${arm}`));
      return (meanOf('depth-skip', `${depth} plain closed-form`) - Math.max(...rivals)).toFixed(1);
    };
    expect(README).toContain(`${gain(16)} points at 16 layers, ${gain(32)} at 32`);
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
