import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { planLines } from '../../cli/commands/thin.js';
import { operations } from '../../src/thin/describe.js';
import { gowideHere, LIMIT, PROGRAM } from '../support/program.js';
import { BERT, bertFolder, csvFile, newFolder, pictureFolder, resnetFile } from '../thin/support.js';

test('options without an effect are refused by name', async () => {
  const [model, data, out] = [bertFolder(), csvFile(), mkdtempSync(join(tmpdir(), 'gowide-thin-'))];
  const given = { model, data, columns: { text: 'review' }, out };
  await expect(planLines({ ...given, size: 32 })).rejects.toThrow(
    /^--size: has no effect on .*, a .tsv or .csv file .*; leave it out$/,
  );
  await expect(planLines({ ...given, runs: 'nope' })).rejects.toThrow(/^--runs: .* is no id of a run/);
});

test('without data the forms for the network are named, and no others', async () => {
  await expect(planLines({ model: bertFolder() })).rejects.toThrow(
    /what it was trained on; expected .* \.tsv or \.csv /,
  );
  await expect(planLines({ model: bertFolder() })).rejects.not.toThrow(/<class>/);
  await expect(planLines({ model: resnetFile() })).rejects.toThrow(/what it was trained on; expected .* <class>\/\*$/);
});

test('without what it needs no folder is made and no engine is opened', async () => {
  const out = join(mkdtempSync(join(tmpdir(), 'gowide-thin-')), 'out');
  const model = bertFolder();
  for (const [args, said] of [
    [[model], /--data is needed/],
    [[model, '--data', 'nope.csv'], /nope.csv: not found/],
    [['no-model', '--data', csvFile()], /no-model: not found/],
    [[model, '--data', csvFile(), '--columns', 'text=review', '--params', '1'], /no width gives that/],
  ] as const) {
    const { status, stderr } = await gowideHere(['thin', ...args, '--out', out]);
    expect([status, stderr]).toEqual([2, expect.stringMatching(said)]);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(existsSync(out)).toBe(false);
  }
});

test('a plan says, as data as well, what is done', async () => {
  const args = ['thin', bertFolder(), '--data', csvFile(), '--columns', 'text=review', '--plan', '--json'];
  const { status, stdout } = await gowideHere(args);
  const { plan } = JSON.parse(stdout) as { plan: string[] };
  expect([status, plan.at(-1)]).toEqual([0, expect.stringMatching(/^about .* in all on one core/)]);
});

test('a plan says how wide a net of whole heads is where another width was asked for, and few operations in kFLOP', async () => {
  const model = bertFolder({ ...BERT, hiddenSize: 32, numHeads: 4 });
  const plan = async (width: number): Promise<string> =>
    (await planLines({ model, data: csvFile(), columns: { text: 'review' }, width })).join('\n');
  expect(await plan(0.3)).toMatch(/^1 of 4 heads: width 0\.25 in place of 0\.3$/m);
  expect(await plan(0.5)).not.toContain('of 4 heads');
  const few = await planLines({ model: resnetFile(), data: pictureFolder(8), size: 8 });
  expect(few[1]).toMatch(/^thin net: 396 parameters, \d{2}\.\d kFLOP an example$/);
  // channels are whole, too
  const ofChannels = async (width: number): Promise<string> =>
    (await planLines({ model: resnetFile(), data: pictureFolder(8), size: 8, width })).join('\n');
  expect(await ofChannels(0.3)).toMatch(/^channels are rounded: width 0\.25 in place of 0\.3$/m);
  expect(await ofChannels(0.5)).not.toContain('rounded');
  await expect(ofChannels(0.001)).rejects.toThrow('--width 0.001: leaves fewer than one of 4 channels or heads');
});

test.each([
  [0, '0 FLOP'],
  [37, '37 FLOP'],
  [1_234, '1.23 kFLOP'],
  [37_249, '37.2 kFLOP'],
  [999_999, '1 MFLOP'],
  [4.09e9, '4.09 GFLOP'],
  [2e15, '2000 TFLOP'],
])('%d operations are %s for people', (flops, text) => {
  expect(operations(flops)).toBe(text);
});

test('a plan says steps, time and memory, and leaves nothing behind', async () => {
  const out = join(mkdtempSync(join(tmpdir(), 'gowide-thin-')), 'out');
  const lines = await planLines({ model: bertFolder(), data: csvFile(), columns: { text: 'review' }, out });
  expect(lines.join('\n')).toMatch(/^thin net, final: 1 run of \d+ steps, about/m);
  expect(lines.at(-1)).toMatch(/^about .* in all on one core of a small machine, with \d+\.\d GB of memory; /);
  expect(existsSync(out)).toBe(false);
});

test('two processes with other data in one folder both end, whoever replaces the result of the other', async () => {
  const [model, out] = [bertFolder(), newFolder()];
  const few = ['--epochs', '1', '--batch', '8', '--tries', '1'];
  const ended = async (data: string): Promise<number | null> => {
    const args = ['thin', model, '--data', data, '--columns', 'text=review', '--out', out, ...few];
    const started = spawn(process.execPath, [PROGRAM, ...args], {
      stdio: 'ignore',
      timeout: LIMIT,
      killSignal: 'SIGKILL',
    });
    const [code] = (await once(started, 'exit')) as [number | null];
    return code;
  };
  expect(await Promise.all([csvFile(60), csvFile(72)].map(ended))).toEqual([0, 0]);
  const kept = readdirSync(join(out, 'work')).map((name) => name.replace(/-.*/, ''));
  expect(kept.sort()).toEqual(['data', 'data', 'runs', 'wide', 'wide']);
});
