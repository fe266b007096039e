/**
 * `npm test`: builds, and runs vitest on what was built, with a software GPU for the WebGPU engine where there is no
 * other (SwiftShader, which the npm package @sparticuz/chromium ships: Dawn finds it only when these variables are set
 * before the process starts).
 * The last line counts.
 *
 * `$GOWIDE_TEST_MINUTES` is how long the whole suite may take, an hour where it is not set: after it the tests are
 * ended, and the files that were not over are named. A forge that ends its jobs itself needs a lower one.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { bringUpToDate } from '../../build.mjs';

await bringUpToDate(fileURLToPath(new URL('../..', import.meta.url)));
const { cacheFolder } = await import('../../dist/src/toolchain/cache.js');
const { mayHaveGpu } = await import('../../dist/src/engine/engines/webgpu.js');

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

/** Minutes that the whole suite has. By default several times what it takes. */
function minutesAllowed(text = process.env.GOWIDE_TEST_MINUTES || '60') {
  const minutes = Number(text);
  if (minutes > 0 && minutes <= 24 * 60) return minutes;
  console.error(`GOWIDE_TEST_MINUTES: expected minutes, more than 0 and at most a day's 1440, got "${text}"`);
  process.exit(2);
}

const MINUTES = minutesAllowed();
const folder = mkdtempSync(join(tmpdir(), 'gowide-test-'));
const unfinished = join(folder, 'unfinished.json');
const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
const progress = fileURLToPath(new URL('unfinished.mjs', import.meta.url));
const reporters = ['default', 'json', progress].map((name) => `--reporter=${name}`);

const SLOWEST = 10;
/** Files that may fail in company and are then run again, alone: more at once are no accident of the machine. */
const RUN_AGAIN = 3;

const grouped = process.platform !== 'win32';
let child;
let late = false;
/** Ends the tests and the processes that they started in their group. */
const end = (signal) => {
  try {
    process.kill(grouped ? -child.pid : child.pid, signal);
  } catch {
    // they have just ended
  }
};
const timer = setTimeout(() => {
  late = true;
  end('SIGKILL');
}, 60_000 * MINUTES);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => end(signal));

/**
 * Runs vitest with these arguments.
 *
 * @returns its status, and what its JSON reporter wrote (`undefined` where it did not come so far).
 */
async function run(...args) {
  const results = join(mkdtempSync(join(folder, 'run-')), 'results.json');
  child = spawn(
    process.execPath,
    [vitest, 'run', '--mode=built', ...reporters, `--outputFile.json=${results}`, ...args],
    {
      stdio: 'inherit',
      // what tests leave behind goes with the folder
      env: {
        ...process.env,
        ...softwareGpu(),
        TMPDIR: folder,
        TEMP: folder,
        TMP: folder,
        GOWIDE_UNFINISHED: unfinished,
      },
      detached: grouped,
    },
  );
  const status = await new Promise((resolve) => child.on('close', resolve));
  end('SIGKILL');
  let report;
  try {
    report = JSON.parse(readFileSync(results, 'utf8'));
  } catch {
    return { status }; // it was ended before it had written all
  }
  const files = report.testResults.map((file) => ({ ...file, path: relative(process.cwd(), file.name) }));
  return { status, success: report.success, files };
}

/** Prints the ten longest of a list, in seconds. */
function printSlowest(what, entries) {
  const longest = entries.sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  console.log(`\nSlowest ${what}:`);
  for (const { name, seconds } of longest) console.log(`${seconds.toFixed(1).padStart(7)} s  ${name}`);
}

let { status, success, files = [] } = await run(...process.argv.slice(2));

const failing = files.filter((file) => file.status === 'failed');
if (!late && success === false && failing.length > 0 && failing.length <= RUN_AGAIN) {
  const paths = failing.map(({ path }) => path);
  console.log(`\nRun again, alone: ${paths.join(', ')}`);
  const again = await run('--maxWorkers=1', ...paths);
  if (again.success) {
    console.log(`\nFailed beside other tests and passed alone: ${paths.join(', ')}. Please report what failed above.`);
    files = [...files.filter((file) => !paths.includes(file.path)), ...again.files];
    ({ status, success } = again);
  }
}
clearTimeout(timer);

if (late) {
  const names = existsSync(unfinished) ? JSON.parse(readFileSync(unfinished, 'utf8')) : ['all'];
  console.log(`The suite was ended after ${MINUTES} minutes. Not over: ${names.join(', ')}`);
}

const tests = files.flatMap(({ path, assertionResults }) =>
  assertionResults.map((result) => ({
    name: `${path}: ${result.fullName}`,
    seconds: (result.duration ?? 0) / 1000,
    status: result.status,
  })),
);
if (files.length > 0) {
  const took = files.map(({ path, startTime, endTime }) => ({ name: path, seconds: (endTime - startTime) / 1000 }));
  printSlowest('files', took);
  printSlowest('tests', [...tests]);
}
const count = (...kinds) => tests.filter((test) => kinds.includes(test.status)).length;
// A file that does not load counts as a failure even when none of its tests was run.
const failed = success ? 0 : Math.max(1, count('failed'));
console.log(`\n${count('passed')} passed, ${failed} failed, ${count('pending', 'skipped', 'todo')} skipped`);
try {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
} catch (error) {
  // folders that a test made unreadable, or where a process still writes: no failure of a test
  console.log(`${folder} is left: ${error.message}`);
}
process.exit(failed > 0 ? 1 : (status ?? 1));
