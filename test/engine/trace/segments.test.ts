/** Graphs cut into programs and TensorFlow's ops: where, the order of what is changed in place, equal bits. */
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { programsHere, sgdInPlace } from '../../../src/engine/ops/fused.js';
import { disposeAll, tf, type Tensor, type Tensors } from '../../../src/engine/tensor.js';
import { TYPES, type Graph, type Node, type OpNode, type Output } from '../../../src/engine/trace/graph.js';
import { tensorflowBackend } from '../../../src/engine/trace/recorder.js';
import { segmented, type ProgramCall } from '../../../src/engine/trace/segments.js';
import { canTrace, trace } from '../../../src/engine/trace/trace.js';
import { enterStage, tensorsOf, trainingStep, type TrainingStage } from '../../../src/method/training/training-step.js';
import { weightsOf } from '../../../src/method/values/weights.js';
import { networkOf, type NetworkSpec } from '../../../src/models/index.js';
import { evaluation } from '../../../src/nn/layers.js';
import { crossEntropy, klDivergence } from '../../../src/optim/losses.js';
import { askedOps } from '../../support/asked-ops.js';
import { enginesUnderTest } from '../../support/engines.js';

const T: OpNode['attributes'] = [{ name: 'T', type: 0, value: TYPES.float32 }];

/** Programs that are only counted: the parts of a graph that became one, and the numbers of those that were removed. */
function counted(refuse = Infinity) {
  const parts: Graph[] = [];
  const removed: number[] = [];
  const define = (part: Graph): ProgramCall | undefined => {
    if (parts.length === refuse) return undefined;
    const number = parts.push(part);
    return {
      op: 'GowideProgram',
      attributes: [{ name: 'program', type: 0, value: number }],
      order: part.arguments.map((_, i) => i).reverse(),
      remove: () => removed.push(number),
    };
  };
  return { parts, removed, define };
}

/** A graph that is written op by op, all of them of vectors of two values. */
class Sketch {
  readonly nodes: Node[] = [];
  readonly effects: number[] = [];

  input(dtype = TYPES.float32!): Output {
    return [this.nodes.push({ op: 'Placeholder', shape: [2], dtype }) - 1, 0];
  }

  op(name: string, inputs: readonly Output[], after: readonly number[] = [], shapes = [[2]], attributes = T): Output {
    return [this.nodes.push({ op: name, attributes, inputs, after, shapes }) - 1, 0];
  }

  /** Squares of squares, as many as a segment must have. */
  chain(from: Output): Output {
    return [0, 1, 2, 3].reduce((value) => this.op('Square', [value]), from);
  }

  /** The graph, cut. */
  cut(results: readonly Output[], define: (part: Graph) => ProgramCall | undefined) {
    const given = this.nodes.flatMap(({ op }, node) => (op === 'Placeholder' ? [node] : []));
    const graph: Graph = { nodes: this.nodes, arguments: given, results, effects: this.effects };
    const { graph: cut, remove } = segmented(graph, define);
    return { graph, cut, remove, names: cut.nodes.map(({ op }) => op) };
  }
}

const opsOf = ({ nodes }: Graph): string[] => nodes.map(({ op }) => op).filter((op) => op !== 'Placeholder');
const asOp = (node: Node | undefined): OpNode => node as OpNode;

describe('a graph is cut', () => {
  test('in turn, where ops of both kinds follow each other', () => {
    const sketch = new Sketch();
    const { parts, removed, define } = counted();
    const middle = sketch.op('Tanh', [sketch.chain(sketch.input())]);
    const { cut, names, remove } = sketch.cut([sketch.op('Tanh', [sketch.chain(middle)])], define);
    expect(names).toEqual(['Placeholder', 'GowideProgram', 'Tanh', 'GowideProgram', 'Tanh']);
    expect(cut.nodes.slice(1).map((node) => asOp(node).inputs)).toEqual([[[0, 0]], [[1, 0]], [[2, 0]], [[3, 0]]]);
    expect(cut.results).toEqual([[4, 0]]);
    expect(parts.map(opsOf)).toEqual([Array(4).fill('Square'), Array(4).fill('Square')]);
    remove();
    expect(removed).toEqual([1, 2]);
  });

  test('through an op beside a value that goes on by itself, in two programs, and gives the value once', () => {
    const sketch = new Sketch();
    const { parts, define } = counted();
    const value = sketch.chain(sketch.input());
    const theirs = sketch.op('Tanh', [value]);
    const { cut, names } = sketch.cut([sketch.chain(sketch.op('Add', [value, theirs]))], define);
    expect(names).toEqual(['Placeholder', 'GowideProgram', 'Tanh', 'GowideProgram']);
    expect(parts.map(({ results }) => results.length)).toEqual([1, 1]);
    // in the order that the program asks for
    expect(asOp(cut.nodes[3]).inputs).toEqual([
      [2, 0],
      [1, 0],
    ]);
  });

  test('with branches that wait for nobody in the first program that can have them', () => {
    const sketch = new Sketch();
    const { parts, define } = counted();
    const [x, other] = [sketch.input(), sketch.input()];
    const theirs = sketch.op('Tanh', [sketch.chain(x)]);
    const aside = sketch.chain(other);
    const { names } = sketch.cut([sketch.chain(sketch.op('Mul', [theirs, aside]))], define);
    expect(names.filter((name) => name === 'GowideProgram')).toHaveLength(2);
    expect(opsOf(parts[0]!)).toHaveLength(8);
    expect(parts[0]!.results).toHaveLength(2);
  });

  test('so that each program has its own views, pieces of vectors and whole numbers', () => {
    const sketch = new Sketch();
    const { parts, define } = counted();
    const [vector, whole] = [sketch.input(), sketch.input(TYPES.int32)];
    const axis: Output = [
      sketch.nodes.push({ op: 'Const', shape: [], dtype: TYPES.int32!, values: Int32Array.of(0) }) - 1,
      0,
    ];
    const [pieces] = sketch.op('SplitV', [vector, axis, axis], [], [[1], [1]]);
    const typed = (types: Readonly<Record<string, number | undefined>>): OpNode['attributes'] =>
      Object.entries(types).map(([name, value]) => ({ name, type: 0, value }));
    const [ints] = sketch.op('Add', [whole, whole], [], [[2]], typed({ T: TYPES.int32 }));
    const cast = (after: readonly number[]): Output =>
      sketch.op('Cast', [[ints, 0]], after, [[2]], typed({ SrcT: TYPES.int32, DstT: TYPES.float32 }));
    const first = sketch.chain(sketch.op('Add', [[pieces, 0], cast([])]));
    const theirs = sketch.op('Tanh', [first]);
    const second = sketch.chain(sketch.op('Add', [theirs, cast([theirs[0]])]));
    const { names } = sketch.cut([sketch.op('Mul', [second, [pieces, 1]])], define);
    expect(names).toEqual(['Placeholder', 'Placeholder', 'GowideProgram', 'Tanh', 'GowideProgram']);
    for (const part of parts) expect(opsOf(part).filter((op) => op === 'Slice' || op === 'Cast')).toHaveLength(2);
    const begins = parts.map(({ nodes }) => {
      const slice = asOp(nodes.find(({ op }) => op === 'Slice'));
      return Array.from((nodes[slice.inputs[1]![0]] as Node & { values: Int32Array }).values);
    });
    expect(begins).toEqual([[0], [1]]);
  });

  test('and what is changed in place stays behind all that read the old value, and before what reads the new one', () => {
    const sketch = new Sketch();
    const { define } = counted();
    const [p, v, g] = [sketch.input(), sketch.input(), sketch.input()];
    const slope = sketch.chain(g);
    const old = sketch.op('Tanh', [p]);
    const [reader] = sketch.op('Tanh', [sketch.op('Add', [old, slope])]);
    const gradient = sketch.chain([reader, 0]);
    const [writer] = sketch.op('GowideSgd', [p, v, gradient, g, g, g], [old[0], reader], []);
    sketch.effects.push(writer);
    const { cut, names } = sketch.cut([sketch.op('Tanh', [p], [writer]), [reader, 0]], define);
    const places = names.flatMap((name, place) => (name === 'GowideProgram' ? [place] : []));
    const last = places.at(-1)!;
    expect(cut.effects).toEqual([last]);
    const before = asOp(cut.nodes[last]).after.map((place) => asOp(cut.nodes[place]));
    // the reader of the old value, and what was made of it
    expect(before.map(({ op }) => op)).toEqual(['Tanh', 'Tanh']);
    expect(before.filter(({ inputs }) => inputs[0]![0] === p[0])).toHaveLength(1);
    expect(asOp(cut.nodes[cut.results[0]![0]])).toMatchObject({ op: 'Tanh', after: [last] });
  });

  test.each([
    ['has nothing for a program', (sketch: Sketch, x: Output) => sketch.op('Tanh', [x])],
    ['has too little for a program', (sketch: Sketch, x: Output) => sketch.op('Square', [sketch.op('Tanh', [x])])],
  ])('not where it %s', (_, make) => {
    const sketch = new Sketch();
    const { parts, define } = counted();
    const { graph, cut } = sketch.cut([make(sketch, sketch.input())], define);
    expect(cut).toBe(graph);
    expect(parts).toEqual([]);
  });

  test('not where one of its programs is refused: the others are removed', () => {
    const sketch = new Sketch();
    const { removed, define } = counted(1);
    const middle = sketch.op('Tanh', [sketch.chain(sketch.input())]);
    const { graph, cut } = sketch.cut([sketch.chain(middle)], define);
    expect(cut).toBe(graph);
    expect(removed).toEqual([1]);
  });

  test('by nobody where the making of a program fails: the others are removed', () => {
    const sketch = new Sketch();
    const { parts, removed, define } = counted();
    const middle = sketch.op('Tanh', [sketch.chain(sketch.input())]);
    const failing = (part: Graph): ProgramCall | undefined => {
      if (parts.length === 1) throw new Error('no memory');
      return define(part);
    };
    expect(() => sketch.cut([sketch.chain(middle)], failing)).toThrow('no memory');
    expect(removed).toEqual([1]);
  });

  test('so that no program reads a shape that is worked out', () => {
    const sketch = new Sketch();
    const { parts, define } = counted();
    const shaped = sketch.op('Reshape', [sketch.chain(sketch.input()), sketch.input(TYPES.int32)]);
    const { names } = sketch.cut([sketch.chain(shaped)], define);
    expect(names).toEqual(['Placeholder', 'Placeholder', 'GowideProgram', 'Reshape', 'GowideProgram']);
    expect(parts.map(opsOf)).toEqual([Array(4).fill('Square'), Array(4).fill('Square')]);
  });

  test('not where its values are large', () => {
    const sketch = new Sketch();
    const { parts, define } = counted();
    const large = (name: string, input: Output): Output => sketch.op(name, [input], [], [[2 ** 23]]);
    let value = sketch.input();
    for (const name of ['Square', 'Square', 'Tanh', 'Square', 'Square']) value = large(name, value);
    sketch.cut([value], define);
    expect(parts).toEqual([]);
  });
});

const engine = (await enginesUnderTest()).find(({ name }) => name === 'tensorflow')!;
if (engine.missing === undefined) await tf.setBackend('tensorflow');
const missing =
  engine.missing ?? (canTrace() && programsHere() !== undefined ? undefined : 'the addons for programs are not here');
if (missing !== undefined) console.warn(`steps that are cut are not tested: ${missing}`);

describe.skipIf(missing !== undefined)('a step that is cut', () => {
  beforeAll(async () => {
    await tf.setBackend('tensorflow');
  });
  afterEach(() => vi.unstubAllEnvs());

  /** Numbers of the programs that were made, and of those that were removed, from now on. */
  function watched() {
    const programs = programsHere()!;
    const { defineProgram, removeProgram } = programs;
    const [made, removed]: [number[], number[]] = [[], []];
    programs.defineProgram = (...code) => {
      const number = defineProgram(...code);
      made.push(number);
      return number;
    };
    programs.removeProgram = (number) => {
      removed.push(number);
      removeProgram(number);
    };
    const stop = (): void => void Object.assign(programs, { defineProgram, removeProgram });
    return { made, removed, stop };
  }

  const chain = (x: Tensor): Tensor => [0, 1, 2, 3].reduce((value) => tf.mul(value, value), x);

  test('gives the eager values, whoever reads what is changed in place, and removes its programs', async () => {
    const decay = tf.tensor1d([0]);
    const factor = tf.tensor1d([1]);
    const inPlace = ({ p, v, g, numbers }: Tensors): Tensors => {
      const old = tf.tanh(p!);
      const gradient = chain(tf.add(tf.tanh(chain(g!)), old));
      const oldSquares = chain(p!);
      sgdInPlace({ gradient, factor, decay }, numbers!, [p!, v!]);
      return { old, oldSquares, next: tf.tanh(p!), nextSquares: chain(p!), p: p!.clone(), v: v!.clone() };
    };
    const given = () => ({
      p: tf.tensor1d([0.5, -0.25, 2]),
      v: tf.zeros([3]),
      g: tf.tensor1d([0.1, 1, -0.5]),
      numbers: tf.tensor1d([0.5, 0.9]),
    });
    const { made, removed, stop } = watched();
    const traced = trace('test', inPlace);
    try {
      let [mine, eager]: [Tensors, Tensors] = [given(), given()];
      for (let i = 0; i < 4; i++) {
        const [results, expected] = [traced(mine), tf.tidy(() => inPlace(eager))];
        for (const name of Object.keys(expected))
          expect(Array.from(await results[name]!.data())).toEqual(Array.from(await expected[name]!.data()));
        mine = { ...mine, p: results.p!, v: results.v! };
        eager = { ...eager, p: expected.p!, v: expected.v! };
      }
      expect(made.length).toBeGreaterThan(1);
      traced.dispose();
      expect(removed).toEqual(made);
    } finally {
      stop();
    }
  });

  test('that TensorFlow refuses leaves no program behind', () => {
    const { made, removed, stop } = watched();
    const backend = tensorflowBackend();
    const { binding } = backend;
    const defineFunction = (): never => {
      throw new Error('no such op');
    };
    backend.binding = Object.create(binding, { defineFunction: { value: defineFunction } }) as typeof binding;
    const x = tf.tensor1d([0.5, 1]);
    const traced = trace('refused', (given) => ({ y: chain(tf.tanh(chain(given.x!))) }));
    try {
      expect(() => traced({ x })).toThrow('no such op');
    } finally {
      backend.binding = binding;
      stop();
    }
    expect(made.length).toBe(2);
    expect(removed).toEqual(made);
    traced.dispose();
    x.dispose();
  });

  const [FIRST, SIZE] = [3, 5];
  test.each<[string, (p: Tensor) => Tensor]>([
    ['a slice', (p) => tf.slice(p, FIRST, SIZE)],
    ['a slice of whole lines', (p) => tf.slice(p, 32, 16)],
    ['a piece', (p) => tf.split(p, [FIRST, SIZE, 64 - FIRST - SIZE])[1]!],
    ['a piece of rows', (p) => tf.split(tf.reshape(p, [4, 16]), 2)[1]!],
    ['a slice in another shape', (p) => tf.reshape(tf.slice(p, FIRST, SIZE), [SIZE, 1])],
    ['a slice of another shape', (p) => tf.slice(tf.reshape(p, [8, 8]), [1, 0], [2, 8])],
    ['a sum over nothing', (p) => tf.sum(tf.reshape(p, [64, 1]), 1)],
    ['a transpose that moves nothing', (p) => tf.transpose(tf.reshape(p, [64, 1]))],
    ['another shape', (p) => tf.reshape(p, [8, 8])],
    ['the first value', (p) => tf.sum(tf.slice(p, 0, 1))],
  ])('in part, or not at all, reads as old or as new what the eager step does: %s', (_, part) => {
    const [factor, decay] = [tf.tensor1d([1]), tf.tensor1d([0])];
    const write = ({ p, v, g, numbers }: Tensors): void =>
      sgdInPlace({ gradient: g!, factor, decay }, numbers!, [p!, v!]);
    const steps: ((inputs: Tensors) => Tensors)[] = [
      (inputs) => {
        const read = part(inputs.p!);
        write(inputs);
        return { read: tf.add(read, 1), again: tf.add(part(inputs.p!), 1), p: inputs.p!.clone() };
      },
      (inputs) => {
        const read = part(inputs.p!);
        const before = tf.add(read, 1);
        write(inputs);
        return { before, after: tf.tanh(chain(read)), chained: chain(tf.tanh(chain(read))), p: inputs.p!.clone() };
      },
    ];
    const given = (): Tensors => ({
      ...{ p: tf.sin(tf.range(0, 64)), v: tf.zeros([64]), g: tf.cos(tf.range(0, 64)) },
      numbers: tf.tensor1d([0.5, 0.9]),
    });
    for (const step of steps) {
      const traced = trace('part', step);
      const [mine, eager] = [given(), given()];
      for (let i = 0; i < 3; i++) {
        const [results, expected] = [traced(mine), tf.tidy(() => step(eager))];
        for (const name of Object.keys(expected))
          expect([name, ...results[name]!.dataSync()]).toEqual([name, ...expected[name]!.dataSync()]);
        disposeAll(results, expected);
      }
      traced.dispose();
      disposeAll(mine, eager);
    }
    tf.dispose([factor, decay]);
  });

  const STRINGS: NetworkSpec = {
    ...{ family: 'resnet', block: 'bottleneck', blocks: [1, 1, 1], planes: 2, mid: 8, classes: 8, skip: true },
    ...{ stem: { kind: 'small', channels: 8 }, channels: 8 },
  };

  test.each([
    ['of a wide ResNet', STRINGS, undefined],
    ['of a thin ResNet with a wide teacher', { ...STRINGS, mid: 1 }, STRINGS],
  ] as const)('%s gives the eager bits', async (_, spec, taught) => {
    const network = networkOf(spec as NetworkSpec);
    const teacher = taught && networkOf(taught);
    const weights = teacher && weightsOf(teacher.init(2));
    const stage: TrainingStage = {
      name: 'train',
      recipe: {
        ...{ steps: 10, batch: 64, schedule: { kind: 'constant', peak: 0.05, warmup: 0 } },
        optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 5e-4 },
      },
      trainable: () => true,
      ...(teacher === undefined
        ? { loss: (scope, { x, y }) => crossEntropy(network.apply(scope, x).logits!, y) }
        : {
            targets: (x) => ({ logits: teacher.apply(evaluation(weights!), x).logits! }),
            loss: (scope, { x }, { logits }) => klDivergence(network.apply(scope, x).logits!, logits!),
          }),
    };
    const run = async () => {
      const { made, removed, stop } = watched();
      const { state: first, frame } = enterStage(weightsOf(network.init(1)), stage);
      const step = trainingStep(stage, frame, { seed: 1, classes: 8 });
      let state = first;
      const losses: number[] = [];
      let asked: readonly string[] = [];
      for (let i = 0; i < 4; i++) {
        const x = tf.sin(tf.range(0, 64 * 128).mul(i + 1)).reshape([64, 1, 16, 8]);
        const batch = { x, labels: tf.tensor1d(Int32Array.from({ length: 64 }, (_, k) => k % 8)).toInt() };
        const listening = askedOps();
        const next = await step.run(state, batch, i, i).finally(listening.stop);
        asked = listening.asked;
        disposeAll(batch);
        state = next.state;
        losses.push(next.loss);
      }
      const values = await Promise.all(tensorsOf(state).map(async (tensor) => Array.from(await tensor.data())));
      tf.dispose(tensorsOf(state));
      step.dispose();
      stop();
      return { losses, values, made, removed, asked };
    };
    const cut = await run();
    expect(cut.asked).toEqual([expect.stringMatching(/^gowide_step_/)]);
    expect(cut.made.length).toBeGreaterThan(1);
    expect(cut.removed).toEqual(cut.made);
    vi.stubEnv('GOWIDE_TRACE', '0');
    const eager = await run();
    expect(eager.made).toEqual([]);
    expect(cut.losses).toEqual(eager.losses);
    expect(cut.values).toEqual(eager.values);
    if (weights !== undefined) disposeAll(weights.params, weights.state);
  });
});
