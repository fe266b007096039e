/** Compiles AssemblyScript, and puts beside the compiled TypeScript what it reads at run time; for `npm run build`. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import asc from 'assemblyscript/asc';

/** The package's folder. */
export const root = resolve(import.meta.dirname, '../..');

/**
 * Compiles a source to a module with vectors, without a run time, in memory that it is given; paths are the package's.
 * Throws Error with what the compiler says.
 */
export async function compileAssembly(source, file, ...options) {
  const { error, stderr } = await asc.main(
    [
      source,
      ...['--outFile', file, '--optimizeLevel', '3', '--shrinkLevel', '0', '--noAssert', '--runtime', 'stub'],
      ...['--enable', 'simd', '--importMemory', ...options, '--baseDir', root],
    ],
    {},
  );
  if (error) throw new Error(`${stderr.toString()}${error.message}`);
}

/** Copies files to where dist has them. */
export function copyToDist(files) {
  for (const file of files) {
    const target = join(root, 'dist', file);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(root, file), target);
  }
}
