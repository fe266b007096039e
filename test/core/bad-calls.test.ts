/** What callers without TypeScript give the library: an error of a known kind that names the function's argument. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as reports from '../../reports/index.js';
import * as library from '../../src/index.js';
import * as theory from '../../theory/index.js';
import { newFolder } from '../support/program.js';

type Loose = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
const [lib, th, rep] = [library, theory, reports] as unknown as [Loose, Loose, Loose];
const simulation = { model: { depth: 1, d: 2, width: 4 }, flow: { steps: 1, dt: 0.1 } };
const resnet18 = library.preset('resnet18', 'resnet');

test.each<[name: string, call: () => unknown, message: RegExp]>([
  ['fromLayersModel', () => lib.fromLayersModel!({}), /^fromLayersModel: model: name: expected a string, got nothing$/],
  ['toLayersModel', () => lib.toLayersModel!({}), /^toLayersModel: model: name: expected/],
  ['joinWorkers', () => lib.joinWorkers!({}), /^joinWorkers: addresses: expected an array, got nothing$/],
  ['parseAddresses', () => lib.parseAddresses!(), /^parseAddresses: expected a text, got nothing$/],
  ['readSafetensors', () => lib.readSafetensors!(), /^readSafetensors: path: expected a text, got nothing$/],
  ['writeSafetensors', () => lib.writeSafetensors!(1, {}), /^writeSafetensors: path: expected a text, got number$/],
  ['listRuns', () => lib.listRuns!(), /^the folder of runs: expected a text, got nothing$/],
  ['findRun', () => lib.findRun!('x'), /^findRun: the run: expected a text, got nothing$/],
  ['readRun', () => lib.readRun!(), /^readRun: folder: expected a text, got nothing$/],
  ['readMetrics', () => lib.readMetrics!(), /^readMetrics: run: expected an object with folder, got nothing$/],
  ['readArrays', () => lib.readArrays!({}), /^readArrays: run: folder is missing/],
  ['cellId', () => lib.cellId!(), /^cellId: cell: expected an object with kind, spec, seed, got nothing$/],
  ['cellsOf', () => lib.cellsOf!(), /^cellsOf: experiment: expected an object with name, /],
  ['powerLaw of points', () => lib.powerLaw!([{ x: 1, y: 0 }]), /^powerLaw: x of seed 0: expected a list, got number$/],
  ['powerLaw of nothing', () => lib.powerLaw!(), /^powerLaw: expected a list, got nothing$/],
  ['fitLine', () => lib.fitLine!(), /^fitLine: x: expected a list, got nothing$/],
  ['tInterval', () => lib.tInterval!(), /^tInterval: values: expected a list, got nothing$/],
  ['scaleWidth', () => lib.scaleWidth!(resnet18, '0.5'), /^scaleWidth: factor: expected a finite .*, got "0.5"$/],
  ['decideClaims', () => rep.decideClaims!(), /^decideClaims: expected an object with rows, results, got nothing$/],
  ['trainDirect', () => th.trainDirect!(), /^trainDirect: options: expected an object with steps, dt, got nothing$/],
  ['trainDirect', () => th.trainDirect!({}, {}, { steps: 1, dt: 1 }), /^net: d is missing; expected d, layers$/],
  ['trainSgd', () => th.trainSgd!(), /^trainSgd: options: expected an object/],
  ['trainLangevin', () => th.trainLangevin!(), /^trainLangevin: net: expected an object with d, layers/],
  ['trainMomentum', () => th.trainMomentum!(), /^trainMomentum: net: expected an object with d, layers/],
  ['trainHalved', () => th.trainHalved!(), /^trainHalved: options: expected an object/],
  ['batchesOf', () => th.batchesOf!(), /^batchesOf: samples: expected an object with n, x, y, got nothing$/],
  ['imitate', () => th.imitate!(), /^imitate: thin: expected an object with d, layers, got nothing$/],
  ['imitateByRidge', () => th.imitateByRidge!(), /^imitateByRidge: thin: expected an object/],
  ['compress', () => th.compress!(), /^compress: draw: expected an object with m, seed, draw, got nothing$/],
  ['threeStages', () => th.threeStages!(), /^threeStages: options: expected an object with wide, imitation, tuning/],
  ['thinIndices', () => th.thinIndices!(1, 4, 8), /^thinIndices: wide: expected an object with d, layers, got number$/],
  ['thinNet', () => th.thinNet!(), /^thinIndices: wide: expected an object/],
  ['pickNet', () => th.pickNet!(), /^pickNet: wide: expected an object/],
  ['copyNet', () => th.copyNet!(), /^copyNet: net: expected an object/],
  ['output', () => th.output!(), /^net: expected an object with d, layers, got nothing$/],
  ['lossOf', () => th.lossOf!(), /^net: expected an object/],
  ['discrepancies', () => th.discrepancies!(), /^discrepancies: thin: expected an object/],
  ['rmsDistance', () => th.rmsDistance!(), /^rmsDistance: u: expected a list, got nothing$/],
  ['chainProduct', () => th.chainProduct!(), /^chain: initial: expected a list, got nothing$/],
  ['solveCommittee', () => th.solveCommittee!(), /^committee: expected an object with Q, R, T, got nothing$/],
  ['solveRadial', () => th.solveRadial!(), /^solveRadial: setting: expected an object with taus, /],
  [
    'kernelSeconds',
    () => th.kernelSeconds!(),
    /^kernelSeconds: work: expected an object with d, samples, got nothing$/,
  ],
  ['simulate', () => th.simulate!(simulation, 3), /^arrays: expected an object of arrays by their names, got number$/],
])('%s', async (_, call, message) => {
  const error = await (async () => call())().then(
    () => undefined,
    (found: unknown) => found as Error,
  );
  expect(['UsageError', 'RangeError']).toContain(error?.name);
  expect(error?.message).toMatch(message);
});

test('a folder of runs that is not there is named, and is not one without runs', () => {
  expect(library.listRuns('not-there')).toEqual({ runs: [], problems: ['not-there: no such folder'] });
  expect(library.listRuns(newFolder())).toEqual({ runs: [], problems: [] });
});

test('a call of thin() that is stopped before it begins leaves no folder', async () => {
  const out = join(newFolder(), 'out');
  const call = library.thin({ model: 'x', data: 'y', out, signal: AbortSignal.abort() });
  await expect(call).rejects.toThrow(library.InterruptedError);
  expect(existsSync(out)).toBe(false);
});
