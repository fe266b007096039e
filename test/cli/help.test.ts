import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { COMMANDS, wholeProgram } from '../../cli/program.js';
import { everyCommand, type CommandFile, type Commands } from '../../cli/terminal/group.js';
import { withHelpStyle, wrapLines } from '../../cli/terminal/help.js';
import { gowide, gowideHere, newFolder, PROGRAM } from '../support/program.js';

/** Arguments that name each command, groups included. */
async function commandPaths(commands: Commands, above: readonly string[] = []): Promise<string[][]> {
  const below = await Promise.all(
    Object.entries(commands).map(async ([name, load]) => {
      const path = [...above, name];
      const file: CommandFile = await load();
      const inside = file.command(wholeProgram).commands.map((command) => [...path, command.name()]);
      return [path, ...inside, ...(await commandPaths(file.commands ?? {}, path))];
    }),
  );
  return below.flat();
}

const NAMES = await commandPaths(COMMANDS);

test('the record of commands names every command as its file does', async () => {
  for (const [name, load] of Object.entries(COMMANDS)) expect((await load()).command(wholeProgram).name()).toBe(name);
  expect(NAMES.length).toBeGreaterThan(35);
});

test.each(NAMES.map((command) => [command.join(' '), command] as const))('gowide %s --help', async (name, command) => {
  const { status, stdout, stderr } = await gowideHere([...command, '--help']);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toContain(`Usage: gowide ${name} [options]`);
  const group = stdout.includes('\nCommands:');
  if (!group) expect(stdout).toMatch(new RegExp(`\nExamples:\n(.|\n)*gowide ${command[0]}`));
  for (const asked of [
    [...command.slice(0, -1), 'help', command.at(-1)!],
    ['help', ...command],
  ])
    expect((await gowideHere(asked)).stdout).toBe(stdout);
});

test('help says the bounds of numbers, which network a factor changes, and what goes with which input', async () => {
  const help = async (...command: string[]): Promise<string> =>
    (await gowideHere([...command, '--help'])).stdout.replaceAll(/\s+/g, ' ');
  const limit = await help('theory', 'limit');
  expect(limit).toContain('is below this share of the value; at most 0.5 (default:');
  expect(limit).toContain('most particles of a layer; from 256 (default: 8192)');
  expect(limit).toContain('most nets of one size; from 8 (default: 256)');
  expect(await help('params')).toContain('or a safetensors file that says which network it is');
  const predict = await help('predict');
  expect(predict).toMatch(/change networks of the family resnet, .*; others, such as BERTs, are changed in a file/);
  expect(predict).toMatch(/--weights <file> .*for safetensors as input; .*--taps .*, of safetensors as input/);
  expect(predict).toContain('--mode <name> for safetensors as input: eval');
});

test('back ends are offered where they can do it', async () => {
  const help = async (...command: string[]): Promise<string> => (await gowideHere([...command, '--help'])).stdout;
  for (const command of [['sweep', 'status'], ['sweep', 'cancel'], ['worker']])
    expect(await help(...command)).toMatch(/where cells run: bullmq \(default/);
  expect(await help('sweep', 'run')).toMatch(/where cells run: pool, bullmq, shard, slurm/);
});

test('the built program lists its commands and says its version', () => {
  const { status, stdout, stderr } = gowide(['--help']);
  expect([status, stderr]).toEqual([0, '']);
  for (const name of Object.keys(COMMANDS)) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  expect(gowide(['--version']).stdout.trim()).toBe(
    (JSON.parse(readFileSync(resolve(PROGRAM, '../../../package.json'), 'utf8')) as { version: string }).version,
  );
});

test('every command that says how many runs are at work at once says how many threads each has', async () => {
  const longs = (command: Command): string[] => command.options.map(({ long }) => long ?? '');
  const runs = everyCommand(await wholeProgram()).filter((command) => longs(command).includes('--jobs'));
  expect(runs.length).toBeGreaterThan(5);
  for (const command of runs) expect(longs(command), command.name()).toContain('--threads');
});

test('the built program ends wrong use with status 2 and one line', () => {
  const { status, stdout, stderr } = gowide(['theory', 'run', 'widht']);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^error: unknown study "widht"; .*\n$/);
});

test('help has five groups, and no line is wider than a terminal of 60 columns', async () => {
  const program = await wholeProgram();
  const groups = new Set(program.commands.map((command) => command.helpGroup()));
  expect([...groups]).toEqual(['Start:', 'Theory:', 'Train:', 'Scale:', 'Maintain:']);
  for (const command of everyCommand(program)) {
    let text = '';
    withHelpStyle(command, { width: 60, out: (part) => (text += part) });
    command.outputHelp();
    expect(text.split('\n').filter((line) => line.length > 60 && /\S\s+\S/.test(line.trim()))).toEqual([]);
  }
});

describe('a wide line of help', () => {
  test('of text is aligned with its second column', () => {
    expect(wrapLines('  resnet  one, two, three, four, five', 24)).toBe(
      '  resnet  one, two,\n          three, four,\n          five',
    );
  });

  test('of an example stays one command for a shell, its quotes whole and its comment above it', () => {
    expect(wrapLines(`Examples:\n  gowide tune resnet --arm '^16 plain$'  # deep`, 32)).toBe(
      `Examples:\n  # deep\n  gowide tune resnet --arm \\\n      '^16 plain$'`,
    );
  });
});

test.each([
  [
    ['train'],
    /missing required argument 'group'.*See: gowide train --help\n {2}resnet {2}resnet-digits,[^]*\n {2}bert /,
  ],
  [['tune'], /missing required argument 'group'.*\n {2}resnet /],
  [['theory', 'run'], /missing required argument 'study'.*\n {2}all .*\n {2}width +D\(m\) falls/],
  [['theory', 'exact'], /missing required argument 'limit'.*\n {2}chain /],
  [['sweep', 'run'], /missing required argument 'experiments'.*\n {2}all /],
  [['completion'], /missing required argument 'shell'.*\n {2}bash /],
])('gowide %j alone is wrong use, and lists what can follow', async (args, expected) => {
  const { status, stdout, stderr } = await gowideHere(args);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(expected);
});

test('--quiet leaves out what is neither result nor error, before and after the command', async () => {
  const folder = newFolder();
  const [dataset, predictions] = [join(folder, 'dataset.json'), join(folder, 'predictions.json')];
  const qas = ['q1', 'q2'].map((id) => ({ id, question: 'Where?', answers: [{ text: 'here', answer_start: 0 }] }));
  writeFileSync(
    dataset,
    JSON.stringify({ version: '1.1', data: [{ title: 't', paragraphs: [{ context: 'here', qas }] }] }),
  );
  writeFileSync(predictions, '{"q2": "here"}');
  const args = ['squad', dataset, predictions, '--json'];
  const loud = await gowideHere(args);
  expect(loud.stderr).toBe('1 question has no prediction: q1\n');
  for (const quiet of [
    ['--quiet', ...args],
    [...args, '-q'],
  ])
    expect(await gowideHere(quiet)).toEqual({ ...loud, stderr: '' });
  expect((await gowideHere(['squad', '--quiet', folder, predictions])).stderr).toMatch(/it is a folder/);
});
