/** Programs that run past TensorFlow's eager mode: the op's values and errors, and whose memory is read and written. */
import { beforeAll, describe, expect, test } from 'vitest';
import { programsHere, sgdInPlace } from '../../../src/engine/ops/fused.js';
import { tf, type Tensors } from '../../../src/engine/tensor.js';
import { record, tensorflowBackend } from '../../../src/engine/trace/recorder.js';
import { canTrace, trace } from '../../../src/engine/trace/trace.js';
import { askedOps } from '../../support/asked-ops.js';
import { enginesUnderTest } from '../../support/engines.js';

const engine = (await enginesUnderTest()).find(({ name }) => name === 'tensorflow')!;
if (engine.missing === undefined) await tf.setBackend('tensorflow');
const runner = engine.missing === undefined && canTrace() ? programsHere()?.programRunner : undefined;
const missing = engine.missing ?? (runner === undefined ? 'programs cannot be run directly here' : undefined);
if (missing !== undefined) console.warn(`programs that run directly are not tested: ${missing}`);

describe.skipIf(missing !== undefined)('a program that runs directly', () => {
  beforeAll(async () => {
    await tf.setBackend('tensorflow');
  });

  /** How many tensors the addon holds. */
  const held = (): number =>
    (tensorflowBackend().binding as unknown as { getNumOfTensors(): number }).getNumOfTensors();

  test('reads what only the host has, and gives what only the host has', () => {
    const traced = trace('squares', ({ x }) => ({ y: tf.square(x!) }));
    const x = tf.tensor1d([1, 2, 3]);
    for (let i = 0; i < 2; i++) tf.dispose(traced({ x }));
    const [tensors, before] = [tf.memory().numTensors, held()];
    const next = tf.tensor1d([4, 5, 6]);
    const { y } = traced({ x: next });
    expect(Array.from(y!.dataSync())).toEqual([16, 25, 36]);
    expect(held()).toBe(before);
    // an op moves it
    const sum = tf.add(y!, next);
    expect(Array.from(sum.dataSync())).toEqual([20, 30, 42]);
    tf.dispose([next, y!, sum]);
    expect([tf.memory().numTensors, held()]).toEqual([tensors, before]);
    traced.dispose();
    x.dispose();
  });

  test('changes memory of the engine, and no array of the caller’s', () => {
    const step = ({ p, v, g, numbers }: Tensors): Tensors => {
      const one = tf.ones([1]);
      sgdInPlace({ gradient: g!, factor: one, decay: tf.zeros([1]) }, numbers!, [p!.reshape([3]), v!]);
      return { p: p!.clone(), v: v!.clone() };
    };
    const traced = trace('sgd', step);
    const rest = { g: tf.tensor1d([1, 2, 4]), numbers: tf.tensor1d([0.5, 0]) };
    for (let i = 0; i < 4; i++) {
      const values = Float32Array.of(1, 1, 1, 1).subarray(1); // TensorFlow would share memory that is aligned
      const given = { p: tf.tensor(values, [3, 1]), v: tf.zeros([3]), ...rest };
      const { p, v } = traced(given);
      expect(Array.from(p!.dataSync())).toEqual([0.5, 0, -1]);
      expect(Array.from(v!.dataSync())).toEqual([1, 2, 4]);
      expect(p!.dataId).toBe(given.p.dataId);
      expect(Array.from(values)).toEqual([1, 1, 1]);
      given.p.dispose();
      expect(Array.from(p!.dataSync())).toEqual([0.5, 0, -1]);
      tf.dispose([p!, v!, given.v]);
    }
    traced.dispose();
    tf.dispose(Object.values(rest));
  });

  test('is an op where its results are many', () => {
    const traced = trace('many', ({ x }) => ({ y: tf.square(x!) }));
    const x = tf.fill([2 ** 14 + 1], 3);
    for (let i = 0; i < 2; i++) tf.dispose(traced({ x }));
    const { asked, stop } = askedOps();
    const before = held();
    const { y } = traced({ x });
    stop();
    expect([asked, held() - before]).toEqual([['GowideProgram'], 1]);
    expect(y!.dataSync().at(-1)).toBe(9);
    traced.dispose();
    tf.dispose([x, y!]);
  });

  test('is an op of a step that is recorded', () => {
    const inner = trace('inner', ({ x }) => ({ y: tf.square(x!) }));
    const x = tf.tensor1d([1, 2]);
    for (let i = 0; i < 3; i++) tf.dispose(inner({ x }));
    const { ops, results } = record('outer', (given) => inner({ x: tf.add(given.x!, 1) }), { x });
    expect(ops.map(({ name }) => name)).toEqual(['Add', 'GowideProgram']);
    expect(results).toEqual({ y: { from: 'op', index: 1, output: 0 } });
    inner.dispose();
    x.dispose();
  });

  // one input [2, 3], its square as the result
  const code = Int32Array.of(1, 2, 0, 2, 2, 3, -2, 2, 2, 3, 0, 1, 1, 0, 1, 0, 1, 1, 0);
  const values = (count: number): Float32Array => new Float32Array(count).fill(3);
  test.each<[string, number[], Float32Array[], RegExp]>([
    ['a tensor that is not there', [2 ** 30], [values(6)], /Input Tensor ID not referenced \(tensor_id: 1073741824\)/],
    ['an input of another size', [-1], [values(4), values(6)], /program: an input has another size/],
    ['a result of another size', [-1], [values(6), values(7)], /program: a result has another size/],
    ['a result that is too large', [-1], [values(6), values(5)], /program: a result has another size/],
    ['an input less', [], [values(6)], /program: it is given more or fewer tensors than it takes and makes/],
    ['a result more', [-1], [values(6), values(6), values(6)], /program: it is given more or fewer tensors/],
  ])('refuses %s', (_, ids, arrays, message) => {
    const programs = programsHere()!;
    const number = programs.defineProgram(['Square'], code, new Float32Array(3));
    const { binding } = tensorflowBackend();
    const run = (...given: [number[], Float32Array[]]): void =>
      binding.runProgram!(runner!, number, Int32Array.from(given[0]), given[1]);
    const result = values(6);
    run([-1], [values(6), result]);
    expect(Array.from(result)).toEqual(Array(6).fill(9));
    expect(() => run(ids, arrays)).toThrow(message);
    programs.removeProgram(number);
    expect(() => run([-1], [values(6), result])).toThrow(/^Invalid TF_Status: 3\nMessage: this program was removed/);
  });
});
