/** Steps of our own ops alone as programs: the eager step's bits in one op, and what a program cannot do. */
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { rngKey, uniforms } from '../../../src/core/rng.js';
import { loadDigits } from '../../../src/data/digits.js';
import { toLabelled, type Dataset, type HostBatch } from '../../../src/data/dataset.js';
import { programsHere, type Programs } from '../../../src/engine/ops/fused.js';
import { tf, type Tensors } from '../../../src/engine/tensor.js';
import { TYPES, type Graph, type Node, type OpNode } from '../../../src/engine/trace/graph.js';
import { programOf } from '../../../src/engine/trace/program.js';
import { tensorflowBackend } from '../../../src/engine/trace/recorder.js';
import { canTrace, trace, type Traced } from '../../../src/engine/trace/trace.js';
import {
  enterStage,
  tensorsOf,
  trainingStep,
  weightsIn,
  type TrainingStage,
} from '../../../src/method/training/training-step.js';
import { toHost, weightsOf } from '../../../src/method/values/weights.js';
import type { BertSpec } from '../../../src/models/families/bert/network.js';
import { networkOf, type NetworkSpec } from '../../../src/models/index.js';
import { outputOf } from '../../../src/nn/network.js';
import { crossEntropy } from '../../../src/optim/losses.js';
import type { OptimizerSpec } from '../../../src/optim/optimizer.js';
import { CONVNET, MLP, THIN } from '../../method/support.js';
import { askedOps } from '../../support/asked-ops.js';
import { enginesUnderTest } from '../../support/engines.js';

const engine = (await enginesUnderTest()).find(({ name }) => name === 'tensorflow')!;
if (engine.missing === undefined) await tf.setBackend('tensorflow');
const missing =
  engine.missing ?? (canTrace() && programsHere() !== undefined ? undefined : 'the addons for programs are not here');
if (missing !== undefined) console.warn(`programs are not tested: ${missing}`);

describe.skipIf(missing !== undefined)('a step of our ops', () => {
  const digits = loadDigits(64);
  beforeAll(async () => {
    await tf.setBackend('tensorflow');
  });
  afterEach(() => vi.unstubAllEnvs());

  /** Losses and last values of steps with batches of so many examples, and the ops that TensorFlow was asked for. */
  async function train(
    spec: NetworkSpec,
    optimizer: OptimizerSpec,
    clip: number | undefined,
    counts: readonly number[],
    data: Dataset = digits,
  ) {
    const network = networkOf(spec);
    const stage: TrainingStage = {
      name: 'train',
      recipe: { steps: 10, batch: 8, schedule: { kind: 'constant', peak: 0.1, warmup: 0 }, optimizer, clip },
      trainable: () => true,
      loss: (scope, { x, y }) => crossEntropy(outputOf(network, scope, x), y),
    };
    const entered = enterStage(weightsOf(network.init(1)), stage);
    const step = trainingStep(stage, entered.frame, { seed: 1, classes: data.classes });
    let { state } = entered;
    const losses: number[] = [];
    const asked: (readonly string[])[] = [];
    for (const [i, count] of counts.entries()) {
      const batch = toLabelled(data, await data.train.batch(Uint32Array.from({ length: count }, (_, k) => 8 * i + k)));
      const listening = askedOps();
      const next = await step.run(state, batch, i, i).finally(listening.stop);
      tf.dispose([batch.x, batch.labels]);
      state = next.state;
      losses.push(next.loss);
      asked.push(listening.asked);
    }
    const { params, state: statistics } = await toHost(weightsIn(state, entered.frame, false));
    tf.dispose(tensorsOf(state));
    step.dispose();
    return {
      losses,
      values: [params, statistics].flatMap((set) => Object.values(set).map(({ values }) => values)),
      asked,
    };
  }

  const ADAMW = { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 } as const;
  const SGD = { kind: 'sgd', momentum: 0.9, weightDecay: 5e-4 } as const;

  const [VOCABULARY, TOKENS, MASKED] = [90, 12, 3];
  /** Two layers of two heads, small enough for products of our own. */
  const BERT: BertSpec = {
    family: 'bert',
    vocabSize: VOCABULARY,
    maxPositions: 20,
    typeVocabSize: 2,
    hiddenSize: 16,
    numLayers: 2,
    numHeads: 2,
    intermediateSize: 32,
    initializerRange: 0.2,
    distance: { slope: 1 },
    dropout: 0,
    head: { kind: 'masked-lm', maskedPositions: MASKED },
  };
  /** Words, their segments, which of them count, and where the masked ones are, with the words that were there. */
  const masked = (first: number, count: number): HostBatch => {
    const draws = uniforms(rngKey(first, 'words'), count * (TOKENS + MASKED));
    const word = (i: number): number => Math.floor(draws[i]! * VOCABULARY);
    const rows = Array.from({ length: count }, (_, b) => [
      ...Array.from({ length: TOKENS }, (__, t) => word(b * TOKENS + t)),
      ...Array.from({ length: TOKENS }, (__, t) => Number(t > 6)),
      ...Array.from({ length: TOKENS }, (__, t) => Number(t < 9 + (b % 3))),
      ...Array.from({ length: TOKENS }, (__, t) => (t < MASKED ? 2 * t + 1 + (b % 2) : 0)),
    ]);
    const labels = Int32Array.from({ length: count * MASKED }, (_, i) => word(count * TOKENS + i));
    return { values: Int32Array.from(rows.flat()), labels };
  };
  const source = { count: 1000, batch: (examples: Uint32Array) => masked(examples[0]!, examples.length) };
  const language: Dataset = {
    ...{ shape: [4, TOKENS], classes: VOCABULARY, questions: MASKED },
    ...{ train: source, validation: source, test: source },
  };

  test.each([
    ['a plain network with AdamW, clipped', MLP, ADAMW, 0.5, digits],
    ['a plain network with SGD', MLP, SGD, undefined, digits],
    ['a thin ResNet with SGD', THIN, SGD, undefined, digits],
    ['a convolutional network with AdamW', { ...CONVNET, width: 4 }, ADAMW, undefined, digits],
    ['a BERT with AdamW, clipped', BERT, ADAMW, 0.5, language],
    [
      'a BERT without distances, with SGD',
      { ...BERT, distance: undefined, maxPositions: TOKENS },
      SGD,
      undefined,
      language,
    ],
  ] as const)(
    'of %s is one op, and gives the eager bits for every size of batch',
    async (_, spec, optimizer, clip, data) => {
      const counts = [3, 3, 8, 8, 8, 3, 8];
      const compiled = await train(spec, optimizer, clip, counts, data);
      expect(compiled.asked.slice(5)).toEqual([['GowideProgram'], ['GowideProgram']]);
      vi.stubEnv('GOWIDE_TRACE', '0');
      const eager = await train(spec, optimizer, clip, counts, data);
      expect(eager.asked.at(-1)!.length).toBeGreaterThan(10);
      expect(compiled.losses).toEqual(eager.losses);
      expect(compiled.values).toEqual(eager.values);
    },
  );

  test('of whole numbers, too, gives what the eager step does', () => {
    const inputs = { i: tf.tensor1d([2, 3], 'int32'), x: tf.tensor1d([1, 2]) };
    const traced = trace('whole numbers', ({ i, x }) => ({
      product: tf.add(tf.cast(tf.mul(i!, i!), 'float32'), x!),
      shaped: tf.reshape(i!, [2, 1]),
    }));
    const { product, shaped } = traced(inputs);
    expect(Array.from(product!.dataSync())).toEqual([5, 11]);
    expect([shaped!.dtype, ...shaped!.dataSync()]).toEqual(['int32', 2, 3]);
    traced.dispose();
    tf.dispose([inputs, product!, shaped!]);
  });

  test('a program that was removed is named when it is run', () => {
    const programs = programsHere()!;
    const number = programs.defineProgram([], Int32Array.from([0, 0, 0, 0, 0]), new Float32Array());
    programs.removeProgram(number);
    const { binding } = tensorflowBackend();
    const attributes = Object.entries({ program: number, N: 0, M: 0, R: 0 }).map(([name, value]) => ({
      ...{ name, value },
      type: binding.TF_ATTR_INT,
    }));
    expect(() => binding.executeOp('GowideProgram', attributes, [], 0)).toThrow(/this program was removed/);
  });

  /** A program of these ops, as one of TensorFlow's, on floats. */
  function run(names: string[], numbers: number[], given: readonly number[], shape: number[]): void {
    const programs = programsHere()!;
    const instructions = new Float32Array(3 * names.length);
    const program = programs.defineProgram(names, Int32Array.from(numbers), instructions);
    const { binding } = tensorflowBackend();
    const attributes = Object.entries({ program, N: 1, M: 0, R: 1 }).map(([name, value]) => ({
      ...{ name, value },
      type: binding.TF_ATTR_INT,
    }));
    const x = binding.createTensor(shape, TYPES.float32!, Float32Array.from(given));
    try {
      for (const { id } of binding.executeOp('GowideProgram', attributes, [x], 1)) binding.deleteTensor(id);
    } finally {
      binding.deleteTensor(x);
      programs.removeProgram(program);
    }
  }

  test('a program refuses an input of another size', () => {
    // one input [2, 3], its square as the result
    const code = [1, 2, 0, 2, 2, 3, -2, 2, 2, 3, 0, 1, 1, 0, 1, 0, 1, 1, 0];
    run(['Square'], code, [1, 2, 3, 4, 5, 6], [2, 3]);
    expect(() => run(['Square'], code, [1, 2, 3, 4], [2, 2])).toThrow(/program: input 0 is \[2,2\] and not \[2,3\]/);
    expect(() => run(['Square'], code, [1, 2, 3, 4, 5, 6], [6])).toThrow(/program: input 0 is \[6\] and not \[2,3\]/);
  });

  test('a program refuses a result that did not fit into its memory, also where a part of it is wanted', () => {
    // sums of the columns of [2, 3], written down as two, and the first two of them as the result
    const code = (result: number): number[] => [
      ...[1, 3, 0, 2, 2, 3, -2, 1, 2, -1, 1, 2, 0, 1, result],
      ...[0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 2, 1, 0],
    ];
    for (const result of [1, 2])
      expect(() => run(['GowideColumnSums', 'Part'], code(result), [1, 2, 3, 4, 5, 6], [2, 3])).toThrow(
        /program: a result has another size/,
      );
  });

  test('the memory of a program is given back with it, and kept for one that is left', () => {
    const step = ({ x }: Tensors): Tensors => {
      const y = tf.square(x!);
      return { y: tf.slice(tf.concat([tf.square(y), y, y]), 5, 3) };
    };
    const traced = ['large', 'small'].map((name) => trace(name, step)) as [Traced, Traced];
    const run = (at: 0 | 1, size: number): number[] => {
      const x = tf.fill([size], 2);
      const { y } = traced[at]({ x });
      const values = Array.from(y!.dataSync());
      tf.dispose([x, y!]);
      return values;
    };
    const [most, few] = [2 ** 21, 64];
    const resident = (): number => process.memoryUsage.rss() / 2 ** 20;
    for (let i = 0; i < 3; i++) expect([run(0, most), run(1, few)]).toEqual([Array(3).fill(16), Array(3).fill(16)]);
    const before = resident();
    traced[0].dispose();
    // vectors of 8 MiB: a square, its square, and three side by side
    expect(before - resident()).toBeGreaterThan(30);
    expect(run(1, few)).toEqual([16, 16, 16]);
    traced[1].dispose();
  });

  test.each([
    ['an op that is not there', ['Sinh'], [0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0], 'a program has no op Sinh'],
    ['a value that is not there', ['Part'], [0, 1, 0, -1, 0, 0, 0, 0, 0, 1, 5, 0], [0, 0, 0], 'a program is not whole'],
    ['memory that is not there', ['Part'], [0, 1, 0, 1, 1, 16, 1, 0], [], 'a program is not whole'],
    ['a result that is not there', ['Part'], [0, 1, 0, -2, 0, 0, 0], [], 'a program is not whole'],
    ['less than it says', ['Part'], [0, 1, 0, -1, 0, 0, 0, 4], [], 'a program is not whole'],
  ])('code with %s is refused', (_, names, numbers, values, message) => {
    expect(() => programsHere()!.defineProgram(names, Int32Array.from(numbers), Float32Array.from(values))).toThrow(
      message,
    );
  });
});

describe('a graph is left to TensorFlow', () => {
  const never: Programs = {
    defineProgram: () => {
      throw new Error('this is no program');
    },
    removeProgram: () => {},
  };
  const input = (dtype: number | undefined): Node => ({ op: 'Placeholder', shape: [2, 2], dtype: dtype! });
  const op = (name: string, shapes: OpNode['shapes'], attributes: OpNode['attributes'] = []): OpNode => ({
    ...{ op: name, attributes, shapes },
    inputs: [[0, 0]],
    after: [],
  });
  const WHOLE = [{ name: 'T', type: 0, value: TYPES.int32 }];
  const graph = (...nodes: Node[]): Graph => ({ nodes, arguments: [0], results: [[1, 0]], effects: [] });
  const of = (shapes: OpNode['shapes'], name: string, ...inputs: number[]): OpNode => ({
    ...op(name, shapes),
    inputs: inputs.map((node) => [node, 0]),
  });
  const numbers = (...values: number[]): Node => ({
    ...{ op: 'Const', shape: [values.length], dtype: TYPES.int32! },
    values: Int32Array.from(values),
  });

  test.each<[string, Graph]>([
    ['another op', graph(input(TYPES.float32), op('Tanh', [[2, 2]]))],
    ['a cast to whole numbers', graph(input(TYPES.float32), op('Cast', [[2, 2]]))],
    ['whole numbers as a result', { ...graph(input(TYPES.int32)), results: [[0, 0]] }],
    ['whole numbers that become a result', graph(input(TYPES.int32), op('Reshape', [[4]], WHOLE))],
    ['ones that are a result of whole numbers', graph(input(TYPES.float32), op('OnesLike', [[2, 2]], WHOLE))],
    ['an op for floats of whole numbers', graph(input(TYPES.int32), op('Sqrt', [[2, 2]], WHOLE))],
    ['an input of true and false', graph(input(TYPES.bool), op('GowideSquareSum', [[]]))],
    ['a slice from a place that an input says', graph(input(TYPES.float32), of([[1, 2]], 'Slice', 0, 0, 0))],
    [
      'a sum of so many values that TensorFlow cuts them into parts',
      {
        ...graph({ op: 'Placeholder', shape: [8193], dtype: TYPES.float32! }, numbers(0), of([[]], 'Sum', 0, 1)),
        results: [[2, 0]],
      },
    ],
    [
      'a sum over the first and the last of three axes',
      {
        ...graph({ op: 'Placeholder', shape: [2, 3, 4], dtype: TYPES.float32! }, numbers(0, 2), of([[3]], 'Sum', 0, 1)),
        results: [[2, 0]],
      },
    ],
    [
      'values that would keep more memory than a program may',
      (() => {
        const shape = [2 ** 24 + 1];
        const square = (from: number): OpNode => of([shape], 'Square', from);
        return {
          ...graph({ op: 'Placeholder', shape, dtype: TYPES.float32! }, square(0), of([[]], 'GowideSquareSum', 1)),
          results: [[2, 0]],
        };
      })(),
    ],
    ['nine axes', graph(input(TYPES.float32), op('Reshape', [[1, 1, 1, 1, 1, 1, 1, 2, 2]]))],
  ])('%s', (_, given) => {
    expect(programOf(given, never)).toBeUndefined();
  });
});
