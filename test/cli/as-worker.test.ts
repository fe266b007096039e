import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { agreeOnFiles } from '../../cli/terminal/as-worker.js';
import { newWorkers } from '../distributed/support.js';

/** Two machines with a file each, of equal size. */
function machines(contents: readonly string[]): string[] {
  return contents.map((content, k) => {
    const folder = join(mkdtempSync(join(tmpdir(), 'gowide-machine-')), String(k));
    mkdirSync(folder);
    writeFileSync(join(folder, 'wide.safetensors'), content);
    return join(folder, 'wide.safetensors');
  });
}

test('weights or data that differ between two workers are refused, however they agree in size', async () => {
  const workers = await newWorkers(2);
  const paths = machines(['1234', '1243']);
  const [first, second] = await Promise.allSettled(
    workers.map((worker, task) => agreeOnFiles(worker, [{ path: paths[task]! }])),
  );
  expect(String((second as PromiseRejectedResult).reason)).toMatch(/worker 1 .* has other content in .*wide/);
  expect(first!.status).toBe('fulfilled'); // it is told with the next exchange
  await expect(workers[0]!.sum(new Float32Array(1))).rejects.toThrow(/^worker 1 .* has other content in .*wide/);
});

test('equal files on two machines are agreed on', async () => {
  const workers = await newWorkers(2);
  const paths = machines(['1234', '1234']);
  await Promise.all(workers.map((worker, task) => agreeOnFiles(worker, [{ path: paths[task]! }])));
  workers.forEach((worker) => worker.close());
});
