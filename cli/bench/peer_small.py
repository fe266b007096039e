"""Small networks in PyTorch (eager) or in JAX (jit): examples per second of training, of evaluation or of distillation.

Argument, as JSON: {"peer": "torch" | "jax", "net": {...}, "teacher": {...} | null, "batch", "train", "threads", "seconds"}. With a teacher the
net is trained by the KL divergence to its outputs, else by labels. `net` and `teacher` are each one of
{"kind": "resnet", "blocks", "planes", "mid", "stem", "classes", "shape": [H, W, C]}, {"kind": "mlp", "depth", "width", "classes", "shape"} and
{"kind": "bert", "vocabulary", "tokens", "hidden", "layers", "heads", "masked"}. Prints {"name", "version", "perSecond", "peakMemoryBytes"}.
"""

import json
import os
import resource
import sys
import time

SPEC = json.loads(sys.argv[1])
NET, TEACHER, BATCH = SPEC["net"], SPEC["teacher"], SPEC["batch"]
os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if SPEC['threads'] > 1 else 'false'} intra_op_parallelism_threads={SPEC['threads']}"
os.environ["OMP_NUM_THREADS"] = str(SPEC["threads"])


def torch_network():
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(SPEC["threads"])
    torch.manual_seed(1)

    class Block(nn.Module):
        def __init__(self, inputs, planes, mid, stride):
            super().__init__()
            out = 4 * planes
            self.a, self.na = nn.Conv2d(inputs, mid, 1, bias=False), nn.BatchNorm2d(mid)
            self.b, self.nb = nn.Conv2d(mid, mid, 3, stride, 1, bias=False), nn.BatchNorm2d(mid)
            self.c, self.nc = nn.Conv2d(mid, out, 1, bias=False), nn.BatchNorm2d(out)
            plain = stride == 1 and inputs == out
            self.down = None if plain else nn.Sequential(nn.Conv2d(inputs, out, 1, stride, bias=False), nn.BatchNorm2d(out))

        def forward(self, x):
            y = F.relu(self.na(self.a(x)))
            y = self.nc(self.c(F.relu(self.nb(self.b(y)))))
            return F.relu(y + (x if self.down is None else self.down(x)))

    class Layer(nn.Module):
        def __init__(self, hidden, heads):
            super().__init__()
            self.heads = heads
            self.qkv, self.out = nn.Linear(hidden, 3 * hidden), nn.Linear(hidden, hidden)
            self.up, self.down = nn.Linear(hidden, 4 * hidden), nn.Linear(4 * hidden, hidden)
            self.n1, self.n2 = nn.LayerNorm(hidden), nn.LayerNorm(hidden)

        def forward(self, x, bias):
            B, T, C = x.shape
            q, k, v = self.qkv(x).view(B, T, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
            x = self.n1(x + self.out(y.transpose(1, 2).reshape(B, T, C)))
            return self.n2(x + self.down(F.gelu(self.up(x))))

    class Bert(nn.Module):
        def __init__(self, n):
            super().__init__()
            h = n["hidden"]
            self.words, self.at = nn.Embedding(n["vocabulary"], h), nn.Embedding(n["tokens"], h)
            self.norm, self.layers = nn.LayerNorm(h), nn.ModuleList(Layer(h, n["heads"]) for _ in range(n["layers"]))
            self.head, self.head_norm, self.shift = nn.Linear(h, h), nn.LayerNorm(h), nn.Parameter(torch.zeros(n["vocabulary"]))
            distance = torch.arange(n["tokens"])
            self.register_buffer("bias", -(distance[:, None] - distance).abs().float().expand(1, n["heads"], -1, -1).clone())

        def forward(self, ids, positions):
            x = self.norm(self.words(ids) + self.at.weight)
            for layer in self.layers:
                x = layer(x, self.bias)
            y = self.head_norm(F.gelu(self.head(x[:, positions])))
            return (y @ self.words.weight.T + self.shift).flatten(0, 1)

    def residual(n):
        channels = n["shape"][2]
        parts = [nn.Conv2d(channels, n["stem"], 3, 1, 1, bias=False), nn.BatchNorm2d(n["stem"]), nn.ReLU()]
        inputs = n["stem"]
        for stage, count in enumerate(n["blocks"]):
            planes = n["planes"] * 2**stage
            for block in range(count):
                parts.append(Block(inputs, planes, planes * n["mid"], 2 if block == 0 and stage > 0 else 1))
                inputs = 4 * planes
        return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, n["classes"]))

    def plain(n):
        height, width, channels = n["shape"]
        sizes = [height * width * channels] + [n["width"]] * n["depth"]
        parts = [part for a, b in zip(sizes, sizes[1:]) for part in (nn.Linear(a, b), nn.Tanh())]
        return nn.Sequential(nn.Flatten(), *parts, nn.Linear(n["width"], n["classes"]))

    build = {"bert": Bert, "resnet": residual, "mlp": plain}[NET["kind"]]
    model, teacher = build(NET), None if TEACHER is None else build(TEACHER).eval()
    if NET["kind"] == "bert":
        given = torch.randint(NET["vocabulary"], (BATCH, NET["tokens"])), torch.arange(NET["masked"]) * 3 + 1
        labels = (torch.arange(BATCH * NET["masked"]) * 97) % NET["vocabulary"]
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)
    else:
        height, width, channels = NET["shape"]
        given = (torch.randn(BATCH, channels, height, width),)
        labels = torch.arange(BATCH) % NET["classes"]
        if NET["kind"] == "resnet":
            optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
        else:
            optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-4)

    def loss_of(logits):
        if teacher is None:
            return F.cross_entropy(logits, labels)
        with torch.no_grad():
            targets = F.log_softmax(teacher(*given), -1)
        return F.kl_div(F.log_softmax(logits, -1), targets, reduction="batchmean", log_target=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(model(*given))
        loss.backward()
        if NET["kind"] != "resnet":
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    def infer():
        with torch.inference_mode():
            return model(*given)[0, 0].item()

    model.train(SPEC["train"])
    return f"PyTorch {torch.__version__}", step if SPEC["train"] else infer


def jax_network():
    import jax
    import jax.numpy as jnp
    from jax import lax, nn

    key = iter(jax.random.split(jax.random.PRNGKey(1), 4000))

    def network(n, training):
        """Parameters, running statistics, and apply(parameters, statistics, x): logits and the statistics that moved."""
        params, state = {}, {}

        def kernel(name, *shape):
            fan_in = 1
            for size in shape[:-1]:
                fan_in *= size
            params[name] = jax.random.normal(next(key), shape) / fan_in**0.5

        def norm_of(name, channels, running):
            params[name + "/gamma"], params[name + "/beta"] = jnp.ones(channels), jnp.zeros(channels)
            if running:
                state[name] = (jnp.zeros(channels), jnp.ones(channels))

        def conv(p, name, x, stride=1):
            pad = (p[name].shape[0] - 1) // 2
            return lax.conv_general_dilated(x, p[name], (stride, stride), [(pad, pad)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC"))

        def batch_norm(p, s, name, x, moved):
            if training:
                mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
                moved[name] = tuple(0.9 * old + 0.1 * new for old, new in zip(s[name], (mean, variance)))
            else:
                mean, variance = s[name]
            return (x - mean) * lax.rsqrt(variance + 1e-5) * p[name + "/gamma"] + p[name + "/beta"]

        def layer_norm(p, name, x):
            centred = x - x.mean(-1, keepdims=True)
            return centred * lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-12) * p[name + "/gamma"] + p[name + "/beta"]

        def dense(p, name, x):
            return x @ p[name] + p[name + "/bias"]

        def dense_of(name, inputs, outputs):
            kernel(name, inputs, outputs)
            params[name + "/bias"] = jnp.zeros(outputs)

        if n["kind"] == "resnet":
            shape = n["shape"]
            kernel("stem", 3, 3, shape[2], n["stem"])
            norm_of("stem", n["stem"], True)
            blocks, inputs = [], n["stem"]
            for stage, count in enumerate(n["blocks"]):
                planes = n["planes"] * 2**stage
                for block in range(count):
                    name, stride, mid = f"{stage}.{block}", 2 if block == 0 and stage > 0 else 1, planes * n["mid"]
                    shapes = {"a": (1, 1, inputs, mid), "b": (3, 3, mid, mid), "c": (1, 1, mid, 4 * planes)}
                    if stride > 1 or inputs != 4 * planes:
                        shapes["d"] = (1, 1, inputs, 4 * planes)
                    for part, sizes in shapes.items():
                        kernel(name + part, *sizes)
                        norm_of(name + part, sizes[-1], True)
                    blocks.append((name, stride, "d" in shapes))
                    inputs = 4 * planes
            dense_of("head", inputs, n["classes"])

            def apply(p, s, x):
                moved = {}
                both = lambda name, x, stride=1: batch_norm(p, s, name, conv(p, name, x, stride), moved)
                x = nn.relu(both("stem", x))
                for name, stride, down in blocks:
                    y = nn.relu(both(name + "a", x))
                    y = both(name + "c", nn.relu(both(name + "b", y, stride)))
                    x = nn.relu(y + (both(name + "d", x, stride) if down else x))
                return dense(p, "head", x.mean((1, 2))), moved
        elif n["kind"] == "mlp":
            sizes = [n["shape"][0] * n["shape"][1] * n["shape"][2]] + [n["width"]] * n["depth"]
            for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
                dense_of(f"layer{i}", a, b)
            dense_of("head", n["width"], n["classes"])

            def apply(p, s, x):
                for i in range(n["depth"]):
                    x = jnp.tanh(dense(p, f"layer{i}", x))
                return dense(p, "head", x), {}
        else:
            h, tokens, heads = n["hidden"], n["tokens"], n["heads"]
            params["words"] = jax.random.normal(next(key), (n["vocabulary"], h)) * 0.05
            params["at"] = jax.random.normal(next(key), (tokens, h)) * 0.05
            norm_of("norm", h, False)
            for i in range(n["layers"]):
                for name, a, b in (("qkv", h, 3 * h), ("out", h, h), ("up", h, 4 * h), ("down", 4 * h, h)):
                    dense_of(f"{i}{name}", a, b)
                norm_of(f"{i}n1", h, False)
                norm_of(f"{i}n2", h, False)
            dense_of("head", h, h)
            norm_of("head_norm", h, False)
            params["shift"] = jnp.zeros(n["vocabulary"])
            positions = jnp.arange(n["masked"]) * 3 + 1
            bias = -jnp.abs(jnp.arange(tokens)[:, None] - jnp.arange(tokens)).astype(jnp.float32)

            def apply(p, s, ids):
                x = layer_norm(p, "norm", p["words"][ids] + p["at"])
                for i in range(n["layers"]):
                    q, k, v = jnp.moveaxis(dense(p, f"{i}qkv", x).reshape(BATCH, tokens, 3, heads, h // heads), (2, 3), (0, 2))
                    weights = nn.softmax(q @ jnp.swapaxes(k, -1, -2) / (h // heads) ** 0.5 + bias)
                    y = jnp.swapaxes(weights @ v, 1, 2).reshape(BATCH, tokens, h)
                    x = layer_norm(p, f"{i}n1", x + dense(p, f"{i}out", y))
                    x = layer_norm(p, f"{i}n2", x + dense(p, f"{i}down", nn.gelu(dense(p, f"{i}up", x), approximate=False)))
                y = layer_norm(p, "head_norm", nn.gelu(dense(p, "head", x[:, positions]), approximate=False))
                return (y @ p["words"].T + p["shift"]).reshape(-1, n["vocabulary"]), {}
        return params, state, apply

    params, state, apply = network(NET, SPEC["train"])
    if NET["kind"] == "bert":
        x = jax.random.randint(next(key), (BATCH, NET["tokens"]), 0, NET["vocabulary"])
    else:
        height, width, channels = NET["shape"]
        x = jax.random.normal(next(key), (BATCH, height, width, channels) if NET["kind"] == "resnet" else (BATCH, height * width * channels))
    classes = NET["vocabulary"] if NET["kind"] == "bert" else NET["classes"]
    count = BATCH * NET["masked"] if NET["kind"] == "bert" else BATCH
    labels = (jnp.arange(count) * 97) % classes
    sgd = NET["kind"] == "resnet"
    optimizer_state = [jax.tree.map(jnp.zeros_like, params) for _ in range(1 if sgd else 2)]

    wide = None if TEACHER is None else network(TEACHER, False)

    def loss_of(p, s, x, targets):
        logits, moved = apply(p, s, x)
        logs = nn.log_softmax(logits)
        if targets is None:
            return -jnp.take_along_axis(logs, labels[:, None], 1).mean(), moved
        return (jnp.exp(targets) * (targets - logs)).sum(-1).mean(), moved

    def update(carry, x, teacher):
        p, s, optimizer_state, t = carry
        targets = None if teacher is None else nn.log_softmax(wide[2](*teacher, x)[0])
        (loss, moved), g = jax.value_and_grad(loss_of, has_aux=True)(p, s, x, targets)
        if sgd:
            velocity = jax.tree.map(lambda v, g, w: 0.9 * v + g + 5e-4 * w, optimizer_state[0], g, p)
            p, optimizer_state = jax.tree.map(lambda w, v: w - 0.01 * v, p, velocity), [velocity]
        else:
            size = jnp.sqrt(sum((leaf**2).sum() for leaf in jax.tree.leaves(g)))
            g = jax.tree.map(lambda leaf: leaf * jnp.minimum(1.0, 1.0 / (size + 1e-12)), g)
            mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, optimizer_state[0], g)
            square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, optimizer_state[1], g)
            rate = 1e-4 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            p = jax.tree.map(lambda w, m, v: w * (1 - 1e-6) - rate * m / (jnp.sqrt(v) + 1e-8), p, mean, square)
            optimizer_state = [mean, square]
        return (p, {**s, **moved}, optimizer_state, t + 1), loss

    step = jax.jit(update, donate_argnums=0)
    infer = jax.jit(lambda p, s, x: apply(p, s, x)[0][0, 0])
    carry = (params, state, optimizer_state, 1.0)

    def train():
        nonlocal carry
        carry, loss = step(carry, x, None if wide is None else wide[:2])
        return float(loss)

    return f"JAX {jax.__version__}", train if SPEC["train"] else lambda: float(infer(params, state, x))


def main():
    version, run = (torch_network if SPEC["peer"] == "torch" else jax_network)()
    for _ in range(5):
        run()
    times, started = [], time.perf_counter()
    while len(times) < 20 or time.perf_counter() - started < SPEC["seconds"]:
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"name": version.split()[0], "version": version.split()[1], "perSecond": BATCH / sorted(times)[len(times) // 2], "peakMemoryBytes": memory}))


main()
