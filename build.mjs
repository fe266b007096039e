/**
 * `npm run build`: compiles and bundles everything into dist, and does nothing where dist is what these sources make.
 *
 * `npm ci` builds, and `npm start` and `npm test` build again, as sources may have changed in between: that second
 * build is a comparison of hashes. `dist/.built.json` holds the hash of all that a build reads and of all that it
 * wrote. Where something that it wrote has changed or is gone, where a source is gone, and where the packages, the
 * settings or a script of the build have changed, dist is made from nothing; where only the text of sources has
 * changed, dist is written over.
 *
 * Programs need no declarations: `npm run declarations` writes them, for the package.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build as esbuild } from 'esbuild';
import { FILE_BY_FILE } from './src/toolchain/compile.mjs';

/** What a build made of what. */
const RECORD = 'dist/.built.json';

/** Files outside of dist that a build writes: tests of the sources read them there. */
const GENERATED = [
  'src/engine/tfjs-gradients.cjs',
  'src/engine/ops/assembly.wasm',
  'src/engine/ops/assembly-relaxed.wasm',
  'src/data/augment.wasm',
  'theory/kernel/kernel.wasm',
  'theory/kernel/kernel-single.wasm',
  'reports/client/bundle',
];

/** What decides how sources are compiled. npm notes in the last of them which packages are installed. */
const SETTINGS = [
  ...['build.mjs', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'],
  'node_modules/.package-lock.json',
];

/** Paths of the files below a file or folder, with `/` between their parts on every system; none where it is absent. */
function filesOf(root, path) {
  const stats = statSync(join(root, path), { throwIfNoEntry: false });
  if (stats === undefined) return [];
  if (stats.isFile()) return [path];
  return readdirSync(join(root, path))
    .sort()
    .flatMap((name) => filesOf(root, `${path}/${name}`));
}

/** One hash of the names and the bytes of files. */
function hashOf(root, files) {
  const hash = createHash('sha256');
  for (const file of files) {
    const bytes = readFileSync(join(root, file));
    hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

/** The files that a build of the package at `root` reads: everything in the folders with sources. */
function sourcesOf(root) {
  const { include } = JSON.parse(readFileSync(join(root, 'tsconfig.build.json'), 'utf8'));
  const made = new Set(GENERATED.flatMap((path) => filesOf(root, path)));
  return include.flatMap((folder) => filesOf(root, folder)).filter((file) => !made.has(file));
}

/** The state of what a build reads: the settings and scripts in one hash, the text of the sources in another. */
function readState(root) {
  const sources = sourcesOf(root);
  const scripts = sources.filter((file) => file.endsWith('.mjs'));
  const settings = [...SETTINGS.flatMap((path) => filesOf(root, path)), ...scripts];
  return { settings: hashOf(root, settings), names: sources, sources: hashOf(root, sources) };
}

/** Hash of what a build has written. */
function writtenState(root) {
  const files = ['dist', ...GENERATED].flatMap((path) => filesOf(root, path));
  return hashOf(
    root,
    files.filter((file) => file !== RECORD && !file.startsWith('dist/mutants/')), // of npm run test:mutants
  );
}

/** The record of the last build; undefined where there is none, or none that can be read. */
function recordOf(root) {
  try {
    return JSON.parse(readFileSync(join(root, RECORD), 'utf8'));
  } catch {
    return undefined;
  }
}

/** What there is to do: 'nothing', 'changes' or, where dist cannot be gone on from, 'everything'. */
function neededBuild(root, now) {
  const record = recordOf(root);
  if (record?.settings !== now.settings || record.written !== writtenState(root)) return 'everything';
  const names = new Set(now.names);
  if (!record.names.every((name) => names.has(name))) return 'everything';
  return record.sources === now.sources ? 'nothing' : 'changes';
}

/** Runs a script of Node to its end. Throws Error with its name where it fails; what it printed stands above that. */
async function run(root, script, ...args) {
  const child = spawn(process.execPath, [script, ...args], { cwd: root, stdio: 'inherit' });
  const status = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (status !== 0) throw new Error(`${script} failed`);
}

/** TypeScript files in the folders that tsconfig.build.json includes, and what they import of those it excludes. */
function compiledSources(root) {
  const { exclude } = JSON.parse(readFileSync(join(root, 'tsconfig.build.json'), 'utf8'));
  const excluded = (file) => exclude.some((folder) => file.startsWith(`${folder}/`));
  const files = new Set(sourcesOf(root).filter((file) => file.endsWith('.ts') && !excluded(file)));
  for (const file of files)
    for (const [, path] of readFileSync(join(root, file), 'utf8').matchAll(/ from '(\.[^']*)\.js'/g))
      files.add(`${posix.join(posix.dirname(file), path)}.ts`);
  return [...files].filter((file) => statSync(join(root, file), { throwIfNoEntry: false })?.isFile());
}

/** Writes each TypeScript source to dist as JavaScript, at the same path. */
async function compile(root) {
  await esbuild({
    entryPoints: compiledSources(root),
    absWorkingDir: root,
    outbase: '.',
    outdir: 'dist',
    ...FILE_BY_FILE,
    logLevel: 'warning',
  });
}

/** Makes dist, the sources compiled beside what needs no file of theirs. To be called once in a process. */
async function build(root) {
  // In this process: the compiler to WebAssembly takes longer to load and to warm up than to compile a file.
  const bundle = async (folder) => {
    try {
      await import(pathToFileURL(join(root, folder, 'build.mjs')));
    } catch (error) {
      throw new Error(`${folder}/build.mjs: ${error.message}`, { cause: error });
    }
  };
  const kernel = bundle('theory/kernel');
  const page = kernel.then(() => bundle('reports/client')); // it takes the kernel's module with it
  const others = kernel.then(() => bundle('src/engine')).then(() => bundle('src/data'));
  const results = await Promise.allSettled([compile(root), page, others]);
  for (const { status, reason } of results) if (status === 'rejected') throw reason;
  await run(root, 'cli/bundle.mjs');
  chmodSync(join(root, 'dist/cli/main.js'), 0o755);
}

/**
 * Brings dist up to date. While it is at work there is no record, so that whatever ends it in between makes the next
 * build begin with nothing. Returns what was done.
 */
export async function bringUpToDate(root, make = build) {
  const before = readState(root);
  const needed = neededBuild(root, before);
  if (needed === 'nothing') return needed;
  rmSync(needed === 'everything' ? join(root, 'dist') : join(root, RECORD), { recursive: true, force: true });
  let made = false;
  try {
    await make(root);
    made = true;
  } finally {
    // after a mistake in a source dist is no build's result, and the next build writes it over
    const sources = made ? before.sources : '';
    mkdirSync(join(root, 'dist'), { recursive: true });
    writeFileSync(join(root, RECORD), JSON.stringify({ ...before, sources, written: writtenState(root) }));
  }
  return needed;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await bringUpToDate(import.meta.dirname);
  } catch (error) {
    process.stderr.write(`build: ${error.message}\n`);
    process.exitCode = 1;
  }
}
