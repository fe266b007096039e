/** Plain float64 loops that say what an op should give, and central differences of them. Arrays are row-major. */

export interface Oracle {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

export function zeros(shape: readonly number[]): Oracle {
  return { shape, data: new Float64Array(sizeOf(shape)) };
}

/** a [n, k] times b [k, m]. */
export function matMul(a: Oracle, b: Oracle): Oracle {
  const [n, k] = a.shape as [number, number];
  const m = b.shape[1]!;
  const out = zeros([n, m]);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < m; j++)
      for (let l = 0; l < k; l++) out.data[i * m + j]! += a.data[i * k + l]! * b.data[l * m + j]!;
  return out;
}

/**
 * Calls `visit` with the flat indices (input, kernel, output) of every product of {@link conv2d}; returns the output's
 * shape.
 */
function eachProduct(
  x: Oracle,
  kernel: Oracle,
  stride: number,
  visit: (input: number, weight: number, output: number) => void,
): number[] {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const [kh, kw, , outChannels] = kernel.shape as [number, number, number, number];
  const [py, px] = [(kh - 1) / 2, (kw - 1) / 2];
  const oh = Math.floor((height + 2 * py - kh) / stride) + 1;
  const ow = Math.floor((width + 2 * px - kw) / stride) + 1;
  for (let b = 0; b < batch; b++)
    for (let i = 0; i < oh; i++)
      for (let j = 0; j < ow; j++)
        for (let u = 0; u < kh; u++)
          for (let v = 0; v < kw; v++) {
            const [y, z] = [i * stride + u - py, j * stride + v - px];
            if (y < 0 || z < 0 || y >= height || z >= width) continue;
            for (let c = 0; c < channels; c++)
              for (let k = 0; k < outChannels; k++)
                visit(
                  ((b * height + y) * width + z) * channels + c,
                  ((u * kw + v) * channels + c) * outChannels + k,
                  ((b * oh + i) * ow + j) * outChannels + k,
                );
          }
  return [batch, oh, ow, outChannels];
}

/**
 * x [B, H, W, C] with kernel [h, w, C, K], padded by (h - 1) / 2 on every side, as PyTorch's Conv2d(padding=(h-1)/2).
 */
export function conv2d(x: Oracle, kernel: Oracle, stride: number): Oracle {
  const out = zeros(eachProduct(x, kernel, stride, () => {}));
  eachProduct(
    x,
    kernel,
    stride,
    (input, weight, output) => (out.data[output]! += x.data[input]! * kernel.data[weight]!),
  );
  return out;
}

/** Gradients of sum(dy conv2d(x, kernel)) by x and by the kernel. */
export function conv2dGradients(
  x: Oracle,
  kernel: Oracle,
  stride: number,
  dy: Float64Array,
): [Float64Array, Float64Array] {
  const [dx, dk] = [zeros(x.shape).data, zeros(kernel.shape).data];
  eachProduct(x, kernel, stride, (input, weight, output) => {
    dx[input]! += dy[output]! * kernel.data[weight]!;
    dk[weight]! += dy[output]! * x.data[input]!;
  });
  return [dx, dk];
}

/** The largest of each window of an image [B, H, W, C]; without padding. */
export function maxPool({ shape, data }: Oracle, side: number, stride: number): Oracle {
  const [batch, height, width, channels] = shape as [number, number, number, number];
  const [oh, ow] = [height, width].map((size) => Math.floor((size - side) / stride) + 1) as [number, number];
  const out = zeros([batch, oh, ow, channels]);
  out.data.fill(-Infinity);
  for (let at = 0; at < out.data.length; at++) {
    const [c, j, i, b] = [
      at % channels,
      Math.floor(at / channels) % ow,
      Math.floor(at / channels / ow) % oh,
      Math.floor(at / channels / ow / oh),
    ];
    for (let u = 0; u < side; u++)
      for (let v = 0; v < side; v++)
        out.data[at] = Math.max(
          out.data[at]!,
          data[((b * height + i * stride + u) * width + j * stride + v) * channels + c]!,
        );
  }
  return out;
}

/** Batch mean and biased variance of each channel. */
export function channelMoments(x: Oracle): { mean: Float64Array; variance: Float64Array } {
  const channels = x.shape.at(-1)!;
  const rows = x.data.length / channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  x.data.forEach((value, i) => (mean[i % channels]! += value / rows));
  x.data.forEach((value, i) => (variance[i % channels]! += (value - mean[i % channels]!) ** 2 / rows));
  return { mean, variance };
}

export function batchNorm(x: Oracle, gamma: Oracle, beta: Oracle, epsilon: number): Oracle {
  const channels = x.shape.at(-1)!;
  const { mean, variance } = channelMoments(x);
  const data = x.data.map((value, i) => {
    const c = i % channels;
    return (gamma.data[c]! * (value - mean[c]!)) / Math.sqrt(variance[c]! + epsilon) + beta.data[c]!;
  });
  return { shape: x.shape, data };
}

export function logSoftmax(z: Oracle): Oracle {
  const k = z.shape[1]!;
  const data = z.data.map((value, i) => {
    const row = z.data.subarray(i - (i % k), i - (i % k) + k);
    const top = Math.max(...row);
    return value - top - Math.log(row.reduce((sum, other) => sum + Math.exp(other - top), 0));
  });
  return { shape: z.shape, data };
}

/** Gradient of sum(w f(inputs)) by the input `which`. */
export function centralDifferences(
  f: (inputs: readonly Oracle[]) => Oracle,
  inputs: readonly Oracle[],
  weights: Float64Array,
  which: number,
): Float64Array {
  const h = 1e-5;
  const weighted = (): number => f(inputs).data.reduce((sum, value, i) => sum + weights[i]! * value, 0);
  const { data } = inputs[which]!;
  return data.map((value, i) => {
    data[i] = value + h;
    const up = weighted();
    data[i] = value - h;
    const down = weighted();
    data[i] = value;
    return (up - down) / (2 * h);
  });
}
