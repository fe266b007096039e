/**
 * Starts, checks and measures one engine in a process of its own, for `gowide doctor`: an engine that crashes ends this
 * process and not the doctor's. Called as `node probe.js NAME`; writes one line of JSON.
 */
import { fork } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../core/errors.js';
import { startEngine, type EngineName } from './choose.js';
import { measuredLosses, wrongLosses } from './known-losses.js';
import { measureGflops, type Gflops } from './measure.js';

/** What `gowide doctor` says of an engine. */
export interface EngineReport {
  readonly name: EngineName;
  readonly available: boolean;
  /** Why it is not available, and what to do; null where it is. */
  readonly reason: string | null;
  readonly version: string | null;
  readonly device: string | null;
  readonly gflops: Gflops | null;
}

const absent = (name: EngineName, reason: string): EngineReport => ({
  name,
  available: false,
  reason,
  version: null,
  device: null,
  gflops: null,
});

/** Seconds within which an engine starts and is measured, several times what a slow and busy machine takes. */
const LIMIT = 120;

/**
 * Starts, checks and measures an engine in a process of its own, which is ended after so many seconds, as a driver may
 * hang. One that does not work has the reason with it.
 */
export async function probeEngine(name: EngineName, seconds = LIMIT): Promise<EngineReport> {
  return new Promise((resolve) => {
    const child = fork(fileURLToPath(import.meta.url), [name], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let errors = '';
    const late = setTimeout(() => {
      resolve(absent(name, `it did not start and compute within ${seconds} s; its driver may hang`));
      child.kill('SIGKILL');
    }, 1000 * seconds);
    child.stderr?.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-2000)));
    child.on('message', (report) => resolve(report as EngineReport));
    child.on('error', (error) => {
      clearTimeout(late);
      resolve(absent(name, messageOf(error)));
    });
    child.on('close', (code, signal) => {
      clearTimeout(late);
      const last = errors.trim().split('\n').at(-1) ?? '';
      resolve(absent(name, `its process ended with ${signal ?? `status ${code}`}${last && `: ${last}`}`));
    });
  });
}

async function report(name: EngineName): Promise<EngineReport> {
  try {
    const { version, device } = await startEngine(name, 'probe');
    const wrong = wrongLosses(await measuredLosses());
    if (wrong !== undefined) return absent(name, wrong);
    return { name, available: true, reason: null, version, device, gflops: await measureGflops() };
  } catch (error) {
    return absent(name, messageOf(error));
  }
}

if (
  process.send !== undefined &&
  process.argv[1] !== undefined &&
  realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)
) {
  const result = await report(process.argv[2] as EngineName);
  process.send(result, () => process.exit(0));
}
