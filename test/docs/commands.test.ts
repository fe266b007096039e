import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { wholeProgram } from '../../cli/program.js';
import { commandReference } from '../../cli/reference.js';

test('docs/commands.md is what the program says of itself (npm run docs:made writes it)', async () => {
  const file = resolve(import.meta.dirname, '../../docs/commands.md');
  await expect(commandReference(await wholeProgram())).toMatchFileSnapshot(file);
});
