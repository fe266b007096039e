/**
 * `npm test`: runs vitest, with a software GPU for the WebGPU engine where there is no other (SwiftShader, which the
 * npm package
 * @sparticuz/chromium ships: Dawn finds it only when these variables are set before the process starts). The last line counts.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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
    if (spawnSync('tar', ['-xf', 'archive.tar'], { cwd: partial }).status !== 0) return {};
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
  }
  const libraries = [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
  return { LD_LIBRARY_PATH: libraries, VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json') };
}

const results = join(mkdtempSync(join(tmpdir(), 'gowide-test-')), 'results.json');
const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`];
const { status } = spawnSync(process.execPath, [vitest, 'run', ...reporters, ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, ...softwareGpu() },
});
let failed = 1;
try {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, success } = JSON.parse(
    readFileSync(results, 'utf8'),
  );
  // A file that does not load counts as a failure even when none of its tests was run.
  failed = success ? 0 : Math.max(1, numFailedTests);
  console.log(`${numPassedTests} passed, ${failed} failed, ${numPendingTests + numTodoTests} skipped`);
} catch {
  console.log('0 passed, 1 failed, 0 skipped');
}
process.exit(failed > 0 ? 1 : (status ?? 1));
