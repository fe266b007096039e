/** What shells offer after a TAB: the scripts of `gowide completion`, run by the shells themselves where they are. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { completionModel } from '../../cli/completion/model.js';
import { SHELLS } from '../../cli/completion/shells.js';
import { wholeProgram } from '../../cli/program.js';
import { LIMIT, newFolder } from '../support/program.js';

const model = completionModel(await wholeProgram());
const folder = newFolder();
writeFileSync(join(folder, 'apart.json'), '');

/** Runs a shell on a script, or undefined where there is no such shell. */
function run(shell: string, args: readonly string[]): string | undefined {
  const { status, stdout, stderr, error } = spawnSync(shell, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: LIMIT,
    killSignal: 'SIGKILL',
  });
  if (error !== undefined) return undefined;
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
}

/** Command lines whose last word is completed, and words that have to be offered, or must not be. */
const LINES: readonly (readonly [line: readonly string[], offered: readonly string[], not: readonly string[]])[] = [
  [[''], ['demo', 'theory', 'train', 'completion', 'help'], ['run', '--scale']],
  [['tr'], ['train'], ['theory']],
  [['theory', ''], ['list', 'run', 'simulate', 'exact'], ['train']],
  [
    ['theory', 'run', ''],
    ['all', 'width', 'tanh-saddle'],
    ['list', 'resnet'],
  ],
  [['theory', 'run', '--scale', ''], ['minutes', 'laptop'], ['width']],
  [['theory', 'run', '--scale', 'laptop', 'sadd'], ['saddle'], ['width', 'laptop']],
  [['train', 'b'], ['bert'], ['bench', 'resnet']],
  [['train', 'resnet', '--experiment', 'resnet-'], ['resnet-digits', 'resnet-hierarchy'], ['depth-skip']],
  [['train', 'resnet', '--pr'], ['--print-config'], ['--predict']],
  [['sweep', ''], ['status', 'run', 'all', 'bert-squad'], ['list']],
  [['sweep', 'width', 'de'], ['depth', 'depth-skip'], ['width']],
  [['sweep', '--engine', 'w'], ['webgpu', 'wasm'], ['width']],
  [['bench', 'bert-base', '--peer', ''], ['torch'], ['jax']],
  [['completion', ''], ['bash', 'zsh', 'fish'], []],
  [['theory', 'simulate', '--config', 'a'], ['apart.json'], ['all']],
];

/** Prints the words that each shell offers for a command line, one a line, fish’s with a description. */
const ASK: Readonly<Record<string, (script: string, line: readonly string[]) => readonly string[]>> = {
  bash: (script, line) => [
    '--norc',
    '-c',
    `source "$1"; shift; COMP_WORDS=(gowide "$@"); COMP_CWORD=$#; _gowide; printf '%s\\n' "\${COMPREPLY[@]}"`,
    'bash',
    script,
    ...line,
  ],
  zsh: (script, line) => [
    '-f',
    '-c',
    // The functions of zsh's completion system that the script calls, printing what they are given.
    `compdef() { }; compset() { }; _files() { printf '%s\\n' *; }
     _describe() { local name=$argv[-1]; local each; for each in "\${(@P)name}"; do print -r -- "\${each%%:*}"; done; }
     script=$1; shift; source $script; words=(gowide "$@"); CURRENT=$#words; _gowide`,
    'zsh',
    script,
    ...line,
  ],
  fish: (script, line) => [
    '--no-config',
    '--command',
    `source $argv[1]; complete --do-complete "gowide "(string join -- ' ' $argv[2..-1])`,
    script,
    ...line,
  ],
};

describe.each(Object.entries(SHELLS))('%s', (shell, { script }) => {
  const file = join(folder, `completion.${shell}`);
  writeFileSync(file, script(model));
  const here = spawnSync(shell, ['--version'], { timeout: LIMIT, killSignal: 'SIGKILL' }).error === undefined;
  if (!here) console.warn(`${shell} is not installed: its completion is written, but not run`);

  test('the script names every command and every experiment', () => {
    const text = script(model);
    for (const { path } of model) expect(text).toContain(path);
    for (const name of ['resnet-digits', 'bert-glosses', 'tanh-saddle', 'bullmq']) expect(text).toContain(name);
  });

  test.skipIf(!here).each(LINES.map(([line, offered, not]) => [line.join(' '), line, offered, not] as const))(
    'gowide %s<TAB>',
    (_, line, offered, not) => {
      const last = line.at(-1)!;
      const words = run(shell, ASK[shell]!(file, line))!
        .split('\n')
        .map((each) => each.split('\t')[0]!);
      // zsh chooses those that begin with what is typed, and fish offers more than these
      const found = words.filter((word) => word.startsWith(last));
      expect(found).toEqual(expect.arrayContaining([...offered]));
      for (const word of not) expect(found).not.toContain(word);
    },
  );
});
