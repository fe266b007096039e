/** A copy of the package in a temporary folder, in which mutants are made: sources, tests, and what was built. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transformSync, type TransformOptions } from 'esbuild';
import { mutated, type Mutant } from './mutant.js';

const { FILE_BY_FILE } = (await import('../../src/toolchain/compile.mjs' as string)) as {
  FILE_BY_FILE: TransformOptions;
};

/** What of the package's root the copy has. */
export const COPIED: readonly string[] = [
  ...['cli', 'dist', 'docs', 'examples', 'experiments', 'reports', 'src', 'test', 'theory'],
  ...[
    'README.md',
    'CHANGELOG.md',
    'CITATION.cff',
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'vitest.config.ts',
  ],
];

/** The copy. The package itself is only read. */
export class Workspace {
  private constructor(
    readonly root: string,
    /** Folder for temporary files of the tests, which goes with the copy. */
    readonly temporary: string,
  ) {}

  /** Copies the package at `from`. Throws Error where it was not built. */
  static of(from: string): Workspace {
    if (!existsSync(join(from, 'dist', 'cli', 'main.js'))) throw new Error(`${from}: not built; run: npm run build`);
    const folder = mkdtempSync(join(tmpdir(), 'gowide-mutants-'));
    const [root, temporary] = [join(folder, 'package'), join(folder, 'tmp')];
    mkdirSync(temporary);
    for (const name of COPIED) cpSync(join(from, name), join(root, name), { recursive: true });
    // a folder of links, as tools keep caches in node_modules
    mkdirSync(join(root, 'node_modules'));
    for (const name of readdirSync(join(from, 'node_modules')).filter((entry) => !entry.startsWith('.v')))
      symlinkSync(join(from, 'node_modules', name), join(root, 'node_modules', name));
    return new Workspace(root, temporary);
  }

  /** Puts the fault into the source and into what was built of it; returns what takes it out again. */
  apply(mutant: Mutant): () => void {
    const source = join(this.root, mutant.file);
    const built = join(this.root, 'dist', mutant.file.replace(/\.ts$/, '.js'));
    const before = [source, built].map((path) => [path, readFileSync(path)] as const);
    const text = mutated(readFileSync(source, 'utf8'), mutant);
    writeFileSync(source, text);
    writeFileSync(built, compiled(text, mutant.file));
    return () => before.forEach(([path, bytes]) => writeFileSync(path, bytes));
  }

  remove(): void {
    rmSync(join(this.root, '..'), { recursive: true, force: true });
  }
}

/** One file in JavaScript, as the build makes it. Throws Error where the text is not TypeScript. */
function compiled(text: string, fileName: string): string {
  return transformSync(text, {
    loader: 'ts',
    sourcefile: fileName,
    ...FILE_BY_FILE,
    logLevel: 'silent',
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  }).code;
}
