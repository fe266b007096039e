/** An op with a gradient of its own: each input gets its gradient, and what was saved is there and nothing else. */
import { beforeAll, describe, expect, test } from 'vitest';
import { detach, differentiate } from '../../src/engine/ops/gradients.js';
import { withGradient } from '../../src/engine/ops/with-gradient.js';
import { tf, type Scalar, type Tensor } from '../../src/engine/tensor.js';
import { enginesUnderTest } from '../support/engines.js';

/** x y^2, whose gradients the tests can tell apart. */
const product = (x: Tensor, y: Tensor, factor?: Tensor): Tensor =>
  withGradient(
    [x, y],
    () => ({ value: tf.mul(x, tf.square(y)), saved: { x, y, factor } }),
    (dy, saved) => {
      const scaled = saved.factor === undefined ? dy : tf.mul(dy, saved.factor);
      return [tf.mul(scaled, tf.square(saved.y)), tf.mul(scaled, tf.mul(tf.mul(saved.x, saved.y), 2))];
    },
  );

describe.each((await enginesUnderTest()).filter(({ missing }) => missing === undefined))('$name', ({ name }) => {
  beforeAll(async () => void (await tf.setBackend(name)));

  test('each input gets the gradient at its place, and no tensor stays behind', async () => {
    const params = { x: tf.tensor1d([2, 3]), y: tf.tensor1d([5, 7]) };
    const before = tf.memory().numTensors;
    const { loss, gradients } = differentiate(params, ({ x, y }) => tf.sum(product(x!, y!)) as Scalar);
    expect([...(await loss.data())]).toEqual([2 * 25 + 3 * 49]);
    expect([...(await gradients.x!.data())]).toEqual([25, 49]);
    expect([...(await gradients.y!.data())]).toEqual([20, 42]);
    tf.dispose([loss, ...Object.values(gradients)]);
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose(params);
  });

  test('a tensor that was saved is saved under its name; one that was not there is not there', async () => {
    const params = { x: tf.tensor1d([2]), y: tf.tensor1d([5]) };
    const { loss, gradients } = differentiate(
      params,
      ({ x, y }) => tf.sum(product(x!, y!, tf.tensor1d([10]))) as Scalar,
    );
    expect([...(await gradients.x!.data())]).toEqual([250]);
    tf.dispose([loss, ...Object.values(gradients), ...Object.values(params)]);
  });

  test('through a detached value no gradient goes', async () => {
    const params = { x: tf.tensor1d([2]) };
    const { loss, gradients } = differentiate(params, ({ x }) => tf.sum(tf.add(detach(x!), x!)) as Scalar);
    expect([...(await loss.data())]).toEqual([4]);
    expect([...(await gradients.x!.data())]).toEqual([1]);
    tf.dispose([loss, ...Object.values(gradients), ...Object.values(params)]);
  });

  test.each<[string, (x: Tensor) => Tensor, string]>([
    ['is no scalar', (x) => tf.square(x), 'the loss has the shape [2]; expected a scalar'],
    ['is a parameter, and no scalar', (x) => x, 'the loss has the shape [2]; expected a scalar'],
    ['does not depend on a parameter', () => tf.scalar(1), 'x'],
    [
      'has a backward pass that fails',
      (x) =>
        tf.sum(
          withGradient(
            [x],
            () => ({ value: tf.square(x), saved: { x } }),
            () => {
              throw new Error('the backward pass failed');
            },
          ),
        ),
      'the backward pass failed',
    ],
  ])('a loss that %s is an error, and no tensor stays behind', (_, loss, message) => {
    const x = tf.tensor1d([2, 3]);
    const before = tf.memory().numTensors;
    const attempt = (): unknown =>
      differentiate({ x }, (params, keep) => {
        keep('aside', params.x!);
        return loss(params.x!) as Scalar;
      });
    expect(attempt).toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
    x.dispose();
  });
});
