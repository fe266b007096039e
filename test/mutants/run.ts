/**
 * `npm run test:mutants [-- NAMES]`: puts known faults into a copy of the product, one at a time, and fails when the
 * test that is to notice one does not, or when a fault no longer applies. NAMES are parts of mutants' names. Prints a
 * table: fault, what noticed it, seconds.
 */
import { resolve } from 'node:path';
import { describeWatcher } from './mutant.js';
import { MUTANTS } from './mutants.js';
import { watch, watchAll } from './watch.js';
import { Workspace } from './workspace.js';

const wanted = process.argv.slice(2);
const unknown = wanted.filter((part) => !MUTANTS.some(({ name }) => name.includes(part)));
if (unknown.length > 0) {
  console.error(`no mutant has "${unknown[0]}" in its name; there are:\n${MUTANTS.map(({ name }) => name).join('\n')}`);
  process.exit(2);
}
const mutants = MUTANTS.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));

const secondsSince = (started: number): string => ((performance.now() - started) / 1000).toFixed(1);
const workspace = Workspace.of(resolve(import.meta.dirname, '../..'));
process.on('exit', () => workspace.remove());

const started = performance.now();
const whole = await watchAll(
  workspace,
  mutants.map(({ noticedBy }) => noticedBy),
);
const fault = whole.noticed ?? whole.problem;
if (fault !== undefined) {
  console.error(`The product as it is does not pass, so that a mutant proves nothing: ${fault}`);
  process.exit(1);
}
console.log(`Without a fault, every one of these tests passes (${secondsSince(started)} s).\n`);
console.log('| fault | noticed by | seconds |\n|---|---|---|');
let left = 0;
for (const mutant of mutants) {
  const from = performance.now();
  const restore = workspace.apply(mutant);
  const { noticed, problem } = await watch(workspace, mutant.noticedBy);
  restore();
  if (noticed === undefined) left++;
  const cell = noticed ?? `NOT NOTICED by ${describeWatcher(mutant.noticedBy)}${problem ? ` (${problem})` : ''}`;
  console.log(`| ${mutant.name} | ${cell.replaceAll(/\s+/g, ' ').slice(0, 160)} | ${secondsSince(from)} |`);
}
console.log(`\n${mutants.length - left} of ${mutants.length} mutants noticed (${secondsSince(started)} s)`);
process.exitCode = left > 0 ? 1 : 0;
