"""Direct training of a particle network in NumPy, written from the formulas alone.

A second program to compare `gowide theory simulate` with:

  python simulate_numpy.py make config.json init.safetensors      particles and data, drawn by NumPy
  python simulate_numpy.py run config.json init.safetensors out.safetensors
  python simulate_numpy.py compare one.safetensors two.safetensors     prints the largest relative difference by array

The flow: z_l = alpha z_{l-1} + (c/m) sum_i b_i act(a_i . z_{l-1} + bias_i), and m times the Euclidean gradient of
(1/2N) sum |z_L - y|^2.
"""

import json
import math
import struct
import sys

import numpy as np


def read(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        body = file.read()
    header.pop("__metadata__", None)
    arrays = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F64", f"{name}: {entry['dtype']}"
        start, end = entry["data_offsets"]
        arrays[name] = np.frombuffer(body[start:end], dtype="<f8").reshape(entry["shape"]).copy()
    return arrays


def write(path, arrays):
    header, offset = {}, 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F64", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            file.write(np.ascontiguousarray(array, dtype="<f8").tobytes())


ERF = np.vectorize(math.erf)
ACTIVATIONS = {
    "tanh": (np.tanh, lambda u: 1 - np.tanh(u) ** 2),
    "erf": (lambda u: ERF(u / math.sqrt(2)), lambda u: math.sqrt(2 / math.pi) * np.exp(-u * u / 2)),
    "relu": (lambda u: np.maximum(u, 0), lambda u: (u > 0).astype(float)),
}


def model(config):
    m = config["model"]
    depth, c = m["depth"], m.get("c", 1)
    return depth, m["d"], m.get("alpha", 1), 1 / depth if c == "1/L" else c, m.get("activation", "tanh")


def velocity(config, particles, x, y):
    depth, _, alpha, c, activation = model(config)
    act, derivative = ACTIVATIONS[activation]
    zs, us = [x], []
    for a, b, bias in particles:
        us.append(zs[-1] @ a.T + bias)
        zs.append(alpha * zs[-1] + (c / len(a)) * act(us[-1]) @ b)
    p = zs[-1] - y
    result = [None] * depth
    for l in reversed(range(depth)):
        a, b, bias = particles[l]
        bps = (p @ b.T) * derivative(us[l])
        n = len(x)
        result[l] = (-c / n * bps.T @ zs[l], -c / n * act(us[l]).T @ p, -c / n * bps.sum(axis=0))
        p = alpha * p + (c / len(a)) * bps @ a
    return result


def output(config, particles, x):
    depth, _, alpha, c, activation = model(config)
    act = ACTIVATIONS[activation][0]
    z = x
    for a, b, bias in particles:
        z = alpha * z + (c / len(a)) * act(z @ a.T + bias) @ b
    return z


def moved(particles, velocities, weights, dt):
    def step(l, k):
        return dt * sum(w * v[l][k] for w, v in zip(weights, velocities))

    return [tuple(part + step(l, k) for k, part in enumerate(layer)) for l, layer in enumerate(particles)]


TABLEAUS = {
    "euler": ([[]], [1]),
    "heun": ([[], [1]], [1 / 2, 1 / 2]),
    "rk4": ([[], [1 / 2], [0, 1 / 2], [0, 0, 1]], [1 / 6, 1 / 3, 1 / 3, 1 / 6]),
}


def run(config, arrays):
    depth = config["model"]["depth"]
    first = 0 if "layer0/a" in arrays else 1
    particles = [tuple(arrays[f"layer{l + first}/{name}"] for name in ("a", "b", "bias")) for l in range(depth)]
    x, y = arrays["x"], arrays["y"]
    flow = config["flow"]
    stages, weights = TABLEAUS[flow.get("method", "euler")]
    for _ in range(flow["steps"]):
        velocities = []
        for stage in stages:
            velocities.append(velocity(config, moved(particles, velocities, stage, flow["dt"]), x, y))
        particles = moved(particles, velocities, weights, flow["dt"])
    result = {}
    for l, layer in enumerate(particles):
        for name, part in zip(("a", "b", "bias"), layer):
            result[f"layer{l + first}/{name}"] = part
    return {**result, "output": output(config, particles, x), "x": x, "y": y}


def make(config, samples=48):
    depth, d, *_ = model(config)
    width = config["model"]["width"]
    widths = [width] * depth if isinstance(width, int) else width
    random = np.random.default_rng(config.get("seed", 1))
    arrays = {}
    for l, m in enumerate(widths):
        arrays[f"layer{l + 1}/a"] = random.normal(size=(m, d))
        arrays[f"layer{l + 1}/b"] = random.normal(size=(m, d))
        arrays[f"layer{l + 1}/bias"] = 0.5 * random.normal(size=m)
    x = random.normal(size=(samples, d))
    return {**arrays, "x": x, "y": np.sin(x + np.roll(x, 1, axis=1))}


def main(command, *paths):
    if command == "make":
        write(paths[1], make(json.load(open(paths[0]))))
    elif command == "run":
        write(paths[2], run(json.load(open(paths[0])), read(paths[1])))
    else:
        one, two = read(paths[0]), read(paths[1])
        assert set(one) <= set(two), sorted(set(one) - set(two))
        size = {name: max(np.max(np.abs(values)), 1e-300) for name, values in one.items()}
        worst = {name: np.max(np.abs(one[name] - two[name])) / size[name] for name in one}
        print(json.dumps({name: float(value) for name, value in worst.items()}))


main(*sys.argv[1:])
