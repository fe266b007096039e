import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { COMMANDS, wholeProgram } from '../../cli/program.js';
import { commandReference } from '../../cli/reference.js';
import { namesApart } from '../../cli/terminal/group.js';

test('docs/commands.md is what the program says of itself (npm run docs:made writes it)', async () => {
  const file = resolve(import.meta.dirname, '../../docs/commands.md');
  await expect(commandReference(await wholeProgram(), await namesApart(COMMANDS))).toMatchFileSnapshot(file);
});
