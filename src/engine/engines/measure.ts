/** Measures how fast the engine that is running multiplies matrices and convolves. */
import { median } from '../../core/stats.js';
import { tf, type Tensor, type Tensor4D } from '../tensor.js';

/** Throughput of an engine, in billions of floating-point operations per second. */
export interface Gflops {
  /** C = A B, square. */
  readonly matmul: number;
  /** 3x3, stride 1, 128 -> 128 channels at 28 x 28, or fewer pixels where an engine is slow. */
  readonly conv2d: number;
  /** Both gradients of that convolution. */
  readonly conv2dGrad: number;
}

/** Median of repeated timings, about `seconds` long: a single one where it takes longer than that. */
async function secondsPerCall(call: () => Tensor[], seconds = 0.6): Promise<number> {
  const times: number[] = [];
  const once = async (): Promise<number> => {
    const start = performance.now();
    const results = call();
    await Promise.all(results.map((tensor) => tensor.data()));
    for (const tensor of results) tensor.dispose();
    return (performance.now() - start) / 1000;
  };
  await once();
  for (let spent = 0; spent < seconds && times.length < 50; spent += times.at(-1)!) times.push(await once());
  return median(times);
}

async function matmul(n: number): Promise<number> {
  const a = tf.randomUniform([n, n], -1, 1, 'float32', 1);
  const rate = (2 * n ** 3) / (await secondsPerCall(() => [tf.matMul(a, a)])) / 1e9;
  a.dispose();
  return rate;
}

/** The images of a convolution. */
interface Images {
  readonly count: number;
  /** Pixels of a side. */
  readonly side: number;
}

/** Operations of the convolution of these images, in billions; its padding counts as pixels do. */
const gflopOf = ({ count, side }: Images): number => (2 * count * side ** 2 * 9 * 128 * 128) / 1e9;

async function convolution(images: Images): Promise<{ conv2d: number; conv2dGrad: number }> {
  const { count, side } = images;
  const x = tf.randomUniform([count, side, side, 128], -1, 1, 'float32', 1) as Tensor4D;
  const filter = tf.randomUniform([3, 3, 128, 128], -1, 1, 'float32', 2) as Tensor4D;
  const conv2d = gflopOf(images) / (await secondsPerCall(() => [tf.conv2d(x, filter, 1, 'same')]));
  const backward = tf.grads((image: Tensor, kernel: Tensor) =>
    tf.conv2d(image as Tensor4D, kernel as Tensor4D, 1, 'same').sum(),
  );
  // The gradients' call runs the forward convolution, too: three equal products in all.
  const conv2dGrad = (3 * gflopOf(images)) / (await secondsPerCall(() => tf.tidy(() => backward([x, filter]))));
  tf.dispose([x, filter]);
  return { conv2d, conv2dGrad };
}

/** What is convolved, the largest first. */
const IMAGES: readonly Images[] = [
  ...[16, 4, 1].map((count) => ({ count, side: 28 })),
  { count: 1, side: 14 },
  { count: 1, side: 7 },
];

/** Seconds that a call may take by the throughput seen so far; two are made of each kind, or more. */
const MOST_SECONDS = 0.3;

/**
 * Throughput of the current engine, within a few seconds: a slow one is given smaller sizes. A call counts until its
 * result has been read back.
 */
export async function measureGflops(): Promise<Gflops> {
  const small = await matmul(256);
  const product = (2 * 1024 ** 3) / 1e9 / small <= MOST_SECONDS ? await matmul(1024) : small;
  // the forward convolution and its two gradients
  const images = IMAGES.find((one) => (3 * gflopOf(one)) / product <= MOST_SECONDS) ?? IMAGES.at(-1)!;
  return { matmul: product, ...(await convolution(images)) };
}
