"""The step that `gowide bench particles` times, in JAX: jit, float64, as a user of JAX would write it.

Reads {"d", "N", "L", "widths", "seconds"} on standard input; writes {"name", "version", "rows": [{"M", "pairsPerSecond"}]}.
"""

import json
import sys
import time

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)


def forward(params, x, c):
    z = x
    for a, b, bias in params:
        z = z + (c / a.shape[0]) * jnp.tanh(z @ a.T + bias) @ b
    return z


def loss(params, x, y, c):
    return 0.5 * jnp.mean(jnp.sum((forward(params, x, c) - y) ** 2, axis=1))


@jax.jit
def step(params, x, y, dt):
    value, gradient = jax.value_and_grad(loss)(params, x, y, 1.0)
    # the mean-field flow: M times the Euclidean gradient
    moved = jax.tree.map(lambda p, g: p - dt * p.shape[0] * g, params, gradient)
    return moved, value


def main():
    task = json.load(sys.stdin)
    d, samples, depth = task["d"], task["N"], task["L"]
    key = jax.random.PRNGKey(0)
    x, y = (jax.random.normal(k, (samples, d), dtype=jnp.float64) for k in jax.random.split(key))
    rows = []
    for width in task["widths"]:
        keys = jax.random.split(key, 3 * depth)
        params = [
            tuple(jax.random.normal(k, shape, dtype=jnp.float64) for k, shape in zip(keys[3 * l :], ((width, d), (width, d), (width,))))
            for l in range(depth)
        ]
        params, value = step(params, x, y, 0.01)
        value.block_until_ready()
        best, spent = 0.0, 0.0
        steps = 1
        while spent < task["seconds"]:
            start = time.perf_counter()
            for _ in range(steps):
                params, value = step(params, x, y, 0.01)
            value.block_until_ready()
            jax.block_until_ready(params)
            seconds = time.perf_counter() - start
            spent += seconds
            best = max(best, width * samples * depth * steps / seconds)
            if seconds < 0.05:
                steps *= 2
        rows.append({"M": width, "pairsPerSecond": best})
    json.dump({"name": "JAX jit float64", "version": jax.__version__, "rows": rows}, sys.stdout)


main()
