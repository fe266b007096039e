import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { COMMANDS } from '../../cli/program.js';
import type { CommandFile, Commands } from '../../cli/terminal/group.js';
import { gowide, gowideHere, PROGRAM } from '../support/program.js';

/** Arguments that name each command, groups included. */
async function everyCommand(commands: Commands, above: readonly string[] = []): Promise<string[][]> {
  const below = await Promise.all(
    Object.entries(commands).map(async ([name, load]) => {
      const path = [...above, name];
      const file: CommandFile = await load();
      const inside = file.command().commands.map((command) => [...path, command.name()]);
      return [path, ...inside, ...(await everyCommand(file.commands ?? {}, path))];
    }),
  );
  return below.flat();
}

const NAMES = await everyCommand(COMMANDS);

test('the record of commands names every command as its file does', async () => {
  for (const [name, load] of Object.entries(COMMANDS)) expect((await load()).command().name()).toBe(name);
  expect(NAMES.length).toBeGreaterThan(35);
});

test.each(NAMES.map((command) => [command.join(' '), command] as const))('gowide %s --help', async (name, command) => {
  const { status, stdout, stderr } = await gowideHere([...command, '--help']);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toContain(`Usage: gowide ${name} [options]`);
  const group = stdout.includes('\nCommands:');
  if (!group) expect(stdout).toMatch(new RegExp(`\nExamples:\n(.|\n)*gowide ${command[0]}`));
  expect((await gowideHere([...command.slice(0, -1), 'help', command.at(-1)!])).stdout).toBe(stdout);
});

test('the built program lists its commands and says its version', () => {
  const { status, stdout, stderr } = gowide(['--help']);
  expect([status, stderr]).toEqual([0, '']);
  for (const name of Object.keys(COMMANDS)) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  expect(gowide(['--version']).stdout.trim()).toBe(
    (JSON.parse(readFileSync(resolve(PROGRAM, '../../../package.json'), 'utf8')) as { version: string }).version,
  );
});

test('the built program ends wrong use with status 2 and one line', () => {
  const { status, stdout, stderr } = gowide(['theory', 'run', 'widht']);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^error: unknown study "widht"; .*\n$/);
});
