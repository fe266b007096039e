/**
 * `npm test`: runs vitest, with a software GPU for the WebGPU engine where there is no other (SwiftShader, which the
 * npm package
 * @sparticuz/chromium ships: Dawn finds it only when these variables are set before the process starts). The last line
 * counts.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { cacheFolder } from '../../dist/src/toolchain/cache.js';
import { mayHaveGpu } from '../../dist/src/engine/backends/webgpu.js';

const require = createRequire(import.meta.url);

function softwareGpu() {
  if (process.platform !== 'linux' || process.arch !== 'x64' || mayHaveGpu()) return {};
  const folder = join(cacheFolder(), 'swiftshader-147');
  if (!existsSync(join(folder, 'vk_swiftshader_icd.json'))) {
    const archive = fileURLToPath(new URL('../../bin/swiftshader.tar.br', import.meta.resolve('@sparticuz/chromium')));
    mkdirSync(cacheFolder(), { recursive: true });
    const partial = mkdtempSync(`${folder}-`);
    writeFileSync(join(partial, 'archive.tar'), brotliDecompressSync(readFileSync(archive)));
    if (spawnSync('tar', ['-xf', 'archive.tar'], { cwd: partial, timeout: 60_000, killSignal: 'SIGKILL' }).status !== 0)
      return {};
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
  }
  const libraries = [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
  return { LD_LIBRARY_PATH: libraries, VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json') };
}

const folder = mkdtempSync(join(tmpdir(), 'gowide-test-'));
const [results, unfinished] = ['results.json', 'unfinished.json'].map((name) => join(folder, name));
const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
const progress = fileURLToPath(new URL('unfinished.mjs', import.meta.url));
const reporters = ['default', 'json', progress].map((name) => `--reporter=${name}`);

/** Minutes that the whole suite has: several times what it takes. */
const MINUTES = 30;
const SLOWEST = 10;

const grouped = process.platform !== 'win32';
const child = spawn(
  process.execPath,
  [vitest, 'run', ...reporters, `--outputFile.json=${results}`, ...process.argv.slice(2)],
  { stdio: 'inherit', env: { ...process.env, ...softwareGpu(), GOWIDE_UNFINISHED: unfinished }, detached: grouped },
);
/** Ends the tests and the processes that they started in their group. */
const end = (signal) => {
  try {
    process.kill(grouped ? -child.pid : child.pid, signal);
  } catch {
    // they have just ended
  }
};
let late = false;
const timer = setTimeout(() => {
  late = true;
  end('SIGKILL');
}, 60_000 * MINUTES);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => end(signal));
const status = await new Promise((resolve) => child.on('close', resolve));
clearTimeout(timer);
end('SIGKILL');

if (late) {
  const files = existsSync(unfinished) ? JSON.parse(readFileSync(unfinished, 'utf8')) : ['all'];
  console.log(`The suite was ended after ${MINUTES} minutes. Not over: ${files.join(', ')}`);
}

/** Prints the ten longest of a list, in seconds. */
function printSlowest(what, entries) {
  const longest = entries.sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  console.log(`\nSlowest ${what}:`);
  for (const { name, seconds } of longest) console.log(`${seconds.toFixed(1).padStart(7)} s  ${name}`);
}

let failed = 1;
try {
  const { testResults, numPassedTests, numFailedTests, numPendingTests, numTodoTests, success } = JSON.parse(
    readFileSync(results, 'utf8'),
  );
  const files = testResults.map((file) => ({ ...file, path: relative(process.cwd(), file.name) }));
  const took = files.map(({ path, startTime, endTime }) => ({ name: path, seconds: (endTime - startTime) / 1000 }));
  printSlowest('files', took);
  printSlowest(
    'tests',
    files.flatMap(({ path, assertionResults }) =>
      assertionResults.map(({ fullName, duration }) => ({
        name: `${path}: ${fullName}`,
        seconds: (duration ?? 0) / 1000,
      })),
    ),
  );
  // A file that does not load counts as a failure even when none of its tests was run.
  failed = success ? 0 : Math.max(1, numFailedTests);
  console.log(`\n${numPassedTests} passed, ${failed} failed, ${numPendingTests + numTodoTests} skipped`);
} catch {
  console.log('0 passed, 1 failed, 0 skipped');
}
process.exit(failed > 0 ? 1 : (status ?? 1));
