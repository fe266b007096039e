/** In which forms a run's network is written: the ending of the path chooses, and another one is refused. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { dropBeside, exportRun } from '../../src/method/run/export.js';
import { trainExecutor } from '../../src/method/run/execute.js';
import { TRAIN_KIND } from '../../src/method/run/required.js';
import { fromArrays } from '../../src/method/values/weights.js';
import { networkByName } from '../../src/models/by-name.js';
import { readWeights } from '../../src/models/read.js';
import type { NetworkSpec } from '../../src/models/index.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { readArrays, type RunRecord } from '../../src/store/runs.js';
import { anyEngine } from '../support/engines.js';
import { cell, CONVNET, DIRECT, recipe, THIN } from './support.js';

const folder = (): string => mkdtempSync(join(tmpdir(), 'gowide-export-'));
const run = (network: NetworkSpec): Promise<RunRecord> =>
  executeRun(cell({ ...DIRECT, network, training: { ...DIRECT.training, ...recipe(1) } }), {
    out: folder(),
    environment: environment(null, 'test'),
    executors: { [TRAIN_KIND]: trainExecutor },
    signal: new AbortController().signal,
    progress: () => {},
  });

test('what was written beside the network before goes with it, and nothing from a folder without one', () => {
  const out = folder();
  const beside = ['labels.json', 'null_odds.json', 'predictions.json'];
  for (const name of [...beside, 'mine.json']) writeFileSync(join(out, name), '[]');
  dropBeside(out);
  expect(readdirSync(out).sort()).toEqual([...beside, 'mine.json'].sort());
  writeFileSync(join(out, 'model.json'), '{}');
  dropBeside(out);
  expect(readdirSync(out).sort()).toEqual(['mine.json', 'model.json']);
});

describe('a finished run', () => {
  let [resnet, convnet]: RunRecord[] = [];
  beforeAll(async () => {
    await anyEngine();
    [resnet, convnet] = [await run(THIN), await run(CONVNET)];
  });

  test('is written as ONNX and as safetensors, by the ending', async () => {
    const out = folder();
    await exportRun(resnet!, join(out, 'x.safetensors'));
    await exportRun(resnet!, join(out, 'x.onnx'));
    await exportRun(convnet!, join(out, 'y.onnx'));
    expect(readFileSync(join(out, 'x.safetensors'), 'utf8')).toContain('layer1.0.conv1.weight');
    for (const name of ['x.onnx', 'y.onnx']) expect(readFileSync(join(out, name), 'utf8')).toContain('"family"');
  });

  test.each(['x.pth', 'x.bin', 'x.h5', 'x', 'x.v2', 'x.safetensors.gz'])(
    'is not written to %s, and the line says where to',
    async (name) => {
      const path = join(folder(), name);
      await expect(exportRun(resnet!, path)).rejects.toThrow(
        `${path}: expected a name ending in .safetensors; or a name ending in .onnx: ` +
          'a network of the family "resnet" is written in no other form',
      );
      expect(existsSync(path)).toBe(false);
    },
  );

  test('of a family that no other library has is written in its own names, and read by them', async () => {
    const path = join(folder(), 'x.safetensors');
    await exportRun(convnet!, path);
    expect(networkByName(path)).toEqual(CONVNET);
    expect(readWeights(path, CONVNET)).toEqual(fromArrays(readArrays(convnet!)));
  });
});
