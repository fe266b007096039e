import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { citations } from '../../src/core/citation.js';
import { packageVersion } from '../../src/core/package.js';

test('the paper and the software are cited as CITATION.cff has them', () => {
  const { paper, software } = citations();
  expect(paper).toContain('@inproceedings{zhou2020go,');
  expect(paper).toContain('  title     = {{Go Wide, Then Narrow: Efficient Training of Deep Thin Networks}},');
  expect(paper).toContain('{Zhou, Denny and Ye, Mao and Chen, Chen and');
  expect(paper).toContain('  url       = {https://arxiv.org/abs/2007.00811},');
  expect(paper).toContain('  pages     = {11546--11555},');
  expect(software).toContain('  year      = {2026},');
  expect(software).toContain('@software{go-wide-then-narrow,');
  expect(software).toContain(`  version   = {${packageVersion()}},`);
});

test('a file without the paper, or of another form, ends in one line', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'gowide-cff-')), 'CITATION.cff');
  writeFileSync(file, 'title: x\nversion: 1\nauthors:\n  - name: y\n');
  expect(() => citations(file)).toThrow('expected a version, and the paper as the first of its references');
  writeFileSync(file, 'title: x\n{flow: style}\n');
  expect(() => citations(file)).toThrow('expected "key: value" or "- value", got "{flow: style}"');
});
