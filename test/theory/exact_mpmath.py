"""Reference values of the exact limits, in arithmetic of 40 digits: `python exact_mpmath.py > exact-limits.json`.

Needs mpmath 1.3 alone. Each limit is computed from its definition, by another route than theory/exact takes:
chain       the inverse function T(q) = int dq / q' by Gauss-Legendre quadrature, inverted by Newton's method; its
            derivatives by central differences of 1e-10
saad-solla  Saad & Solla's equations with their own Lambda_0 .. Lambda_4, by Gragg's extrapolated midpoint rule
radial      800 points of Gauss-Legendre quadrature in the sixth root of the norm, in float64; Gragg's rule, for short times
clt         E act^2 as a double integral by Gauss-Legendre quadrature over half decades of |x|
arcsine     (2/pi) asin(uv / sqrt((1 + uu)(1 + vv))), and its derivative by uv
saddle      the closed forms; layer means by Gragg's rule
Every parameter is moved over six decades about its example.
"""
import json
import math
import sys

from mpmath import asin, cos, cosh, exp, gamma, mp, mpf, pi, sqrt, tanh, workdps

mp.dps = 40


def gragg(f, y, time, steps, columns=10, number=mpf):
    """y(time) of y' = f(y) by `steps` extrapolated steps of the explicit midpoint rule, of order 2 columns."""
    h = number(time) / steps
    for _ in range(steps):
        table = []
        for j in range(columns):
            n = 2 * (j + 1)
            before, here = y, [a + h / n * b for a, b in zip(y, f(y))]
            for _ in range(n - 1):
                before, here = here, [a + 2 * h / n * b for a, b in zip(before, f(here))]
            row = [[(a + b + h / n * c) / 2 for a, b, c in zip(before, here, f(here))]]
            for k in range(1, j + 1):
                ratio = number(n) ** 2 / number(2 * (j + 1 - k)) ** 2 - 1
                row.append([a + (a - b) / ratio for a, b in zip(row[k - 1], table[k - 1])])
            table = row
        y = table[-1]
    return y


# chain ---------------------------------------------------------------------------------------------------------------


def product(values):
    result = mpf(1)
    for value in values:
        result *= value
    return result


def gauss(n):
    pairs = []
    for i in range(n):
        x = cos(pi * (i + mpf(3) / 4) / (n + mpf(1) / 2))
        for _ in range(8):
            before, value = mpf(1), x
            for k in range(2, n + 1):
                before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
            slope = n * (x * value - before) / (x * x - 1)
            x -= value / slope
        pairs.append((x, 2 / ((1 - x * x) * slope**2)))
    return pairs


GAUSS = gauss(20)


def chain_weights(initial, y, time):
    j = min(range(len(initial)), key=lambda l: abs(initial[l]))
    q0 = initial[j]

    def weights(q):
        return [
            q if l == j else (1 if w > 0 else -1) * sqrt(q * q + w * w - q0 * q0) for l, w in enumerate(initial)
        ]

    def others(w):
        return product(v for l, v in enumerate(w) if l != j)

    def velocity(q):
        w = weights(q)
        return (y - q * others(w)) * others(w)

    if velocity(q0) == 0:
        return weights(q0)
    # q* with P = y, by bisection: P is monotone in q
    sign = 1 if velocity(q0) > 0 else -1
    far = abs(q0) + 1
    while sign * velocity(q0 + sign * far) > 0:
        far *= 2
    low, high = q0, q0 + sign * far
    for _ in range(200):
        middle = (low + high) / 2
        if sign * velocity(middle) > 0:
            low = middle
        else:
            high = middle
    rest = (low + high) / 2
    gap = rest - q0

    def elapsed(a, b):
        # q = q* - gap e^-x; 20 points of Gauss-Legendre on half a unit of x
        points = [((a + b) / 2 + (b - a) / 2 * node, (b - a) / 2 * weight) for node, weight in GAUSS]
        return sum(weight * gap * exp(-x) / velocity(rest - gap * exp(-x)) for x, weight in points)

    t, x, dx = mpf(0), mpf(0), mpf(1) / 2
    while True:
        if x > 75:  # within 1e-33 of rest
            return weights(rest)
        part = elapsed(x, x + dx)
        if t + part >= time:
            break
        t, x = t + part, x + dx
    low, high = x, x + dx
    # Newton on elapsed(x, z) = time - t
    z = x + dx * (time - t) / part
    for _ in range(60):
        speed = gap * exp(-z) / velocity(rest - gap * exp(-z))
        step = (elapsed(x, z) - (time - t)) / speed
        z -= step
        if abs(step) < mpf(10) ** -35:
            break
    return weights(rest - gap * exp(-z))


def chain(weights, target, times):
    start = [mpf(w) for w in weights]
    rows = []
    for time in times:
        w = chain_weights(start, mpf(target), mpf(time))
        gradient = []
        for k in range(len(start)):
            h = abs(start[k]) * mpf(10) ** -10

            def moved(sign):
                return product(
                    chain_weights([v + sign * h if l == k else v for l, v in enumerate(start)], mpf(target), mpf(time))
                )

            gradient.append((moved(1) - moved(-1)) / (2 * h))
        rows.append(
            {"product": product(w), "discrepancy": sqrt(sum(g * g for g in gradient)), "weights": w}
        )
    return {"rows": rows}


# soft committee machine ----------------------------------------------------------------------------------------------


def committee(Q, R, T, eta, times, steps):
    K, M = len(Q), len(T)
    teacher = [[mpf(v) for v in row] for row in T]
    eta = mpf(eta)

    def covariance(y):
        q = [y[i * K : (i + 1) * K] for i in range(K)]
        r = [y[K * K + i * M : K * K + (i + 1) * M] for i in range(K)]
        return [q[i] + r[i] for i in range(K)] + [[r[i][n] for i in range(K)] + teacher[n] for n in range(M)]

    def error(y):
        C = covariance(y)
        total = mpf(0)
        for i in range(K + M):
            for j in range(K + M):
                same = 1 if (i < K) == (j < K) else -1
                total += same * 2 / pi * asin(C[i][j] / sqrt((1 + C[i][i]) * (1 + C[j][j])))
        return total / 2

    def I3(C, i, j, k):
        root = sqrt((1 + C[i][i]) * (1 + C[k][k]) - C[i][k] ** 2)
        return 2 / pi / root * (C[j][k] * (1 + C[i][i]) - C[i][j] * C[i][k]) / (1 + C[i][i])

    def I4(C, i, j, k, l):
        u, v = 1 + C[i][i], 1 + C[j][j]
        L4 = u * v - C[i][j] ** 2
        L0 = (
            L4 * C[k][l]
            - C[j][k] * C[j][l] * u
            - C[i][k] * C[i][l] * v
            + C[i][j] * (C[i][k] * C[j][l] + C[i][l] * C[j][k])
        )
        L1 = L4 * (1 + C[k][k]) - C[j][k] ** 2 * u - C[i][k] ** 2 * v + 2 * C[i][j] * C[i][k] * C[j][k]
        L2 = L4 * (1 + C[l][l]) - C[j][l] ** 2 * u - C[i][l] ** 2 * v + 2 * C[i][j] * C[i][l] * C[j][l]
        return 4 / pi**2 / sqrt(L4) * asin(L0 / sqrt(L1 * L2))

    def velocity(y):
        C = covariance(y)
        n = range(K + M)
        sign = [-1 if i < K else 1 for i in n]
        drift = lambda i, j: sum(sign[k] * I3(C, i, j, k) for k in n)
        noise = lambda i, j: sum(sign[k] * sign[l] * I4(C, i, j, k, l) for k in n for l in n)
        return [eta * (drift(i, j) + drift(j, i)) + eta**2 * noise(i, j) for i in range(K) for j in range(K)] + [
            eta * drift(i, K + m) for i in range(K) for m in range(M)
        ]

    start = [mpf(v) for row in Q for v in row] + [mpf(v) for row in R for v in row]
    rows = []
    for time in times:
        y = gragg(velocity, start, time, steps) if time > 0 else start
        rows.append({"error": error(y), "Q": [y[i * K : (i + 1) * K] for i in range(K)]})
    return {"rows": rows}


# radial mean field ---------------------------------------------------------------------------------------------------


def legendre(n, a, b):
    nodes, weights = [], []
    for i in range(n):
        x = math.cos(math.pi * (i + 0.75) / (n + 0.5))
        for _ in range(8):
            before, value = 1.0, x
            for k in range(2, n + 1):
                before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
            slope = n * (x * value - before) / (x * x - 1)
            x -= value / slope
        nodes.append((a + b) / 2 + (b - a) / 2 * x)
        weights.append((b - a) / ((1 - x * x) * slope**2))
    return nodes, weights


def radial(taus, targets, scale, shape, rate, times, steps, points=800):
    # r = s^6: the density is smooth in s, for shapes that are multiples of a sixth
    low = max(0.0, shape - 10 * math.sqrt(shape)) / rate
    s, w = legendre(points, low ** (1 / 6), ((shape + 10 * math.sqrt(shape) + 50) / rate) ** (1 / 6))
    r = [v**6 for v in s]
    logs = [math.log(v) * (6 * shape - 1) - rate * v**6 for v in s]
    raw = [weight * math.exp(v - max(logs)) for weight, v in zip(w, logs)]
    weights = [v / math.fsum(raw) for v in raw]
    q = lambda v: 2 / math.pi * math.atan2(v * v, math.sqrt(1 + 2 * v * v))
    dq = lambda v: 4 / math.pi * v / ((1 + v * v) * math.sqrt(1 + 2 * v * v))
    F = lambda y: [scale * math.fsum(a * q(tau * v) for a, v in zip(weights, y)) for tau in taus]

    def velocity(y):
        pulls = [(target - f) / 2 * scale * tau for target, f, tau in zip(targets, F(y), taus)]
        return [sum(pull * dq(tau * v) for pull, tau in zip(pulls, taus)) for v in y]

    rows = []
    for time in times:
        y = gragg(velocity, r, time, steps, 5, float) if time > 0 else r
        rows.append(
            {
                "risk": sum((target - f) ** 2 for target, f in zip(targets, F(y))) / 4,
                "meanNorm": math.fsum(a * v for a, v in zip(weights, y)),
            }
        )
    return {"rows": rows}


# central limit -------------------------------------------------------------------------------------------------------


def composite(f, edges):
    """The integral of f over the edges' span, by 20 points between two neighbours."""
    return sum(
        (b - a) / 2 * weight * f((a + b) / 2 + (b - a) / 2 * node)
        for a, b in zip(edges, edges[1:])
        for node, weight in GAUSS
    )


def clt(d, depth, activation="tanh", c=1, sa=1, sb=1, sbias=0.5):
    d, sa, sbias = mpf(d), mpf(sa), mpf(sbias)

    def mean_square(v):
        if activation == "erf":
            return 2 / pi * asin(v / (1 + v))
        if activation == "relu":
            return v / 2
        if v > 1:  # 1 - E sech^2, over u = sqrt(v) z
            tail = composite(lambda u: exp(-u * u / (2 * v)) / cosh(u) ** 2, range(0, 22))
            return 1 - 2 / sqrt(2 * pi * v) * tail
        width = sqrt(v)
        return 2 / sqrt(2 * pi) * composite(lambda z: tanh(width * z) ** 2 * exp(-z * z / 2), range(0, 13))

    density = lambda s: 2 / (2 ** (d / 2) * gamma(d / 2)) * s ** (d - 1) * exp(-s * s / 2)
    edges = [mpf(0)] + [mpf(10) ** (mpf(k) / 2) for k in range(-12, 1)] + [mpf(k) for k in range(2, 20)]
    if d > 8:
        edges = [mpf(0), mpf(1)] + [mpf(k) for k in range(2, 20)]
    moment = composite(lambda s: density(s) * mean_square((sa * s) ** 2 + sbias**2), edges)
    return {"secondMoment": moment, "limit": c * sb * sqrt(depth * d * moment)}


# arcsine, saddle -----------------------------------------------------------------------------------------------------


def arcsine(uu, uv, vv):
    uu, uv, vv = mpf(uu), mpf(uv), mpf(vv)
    return {
        "kernel": 2 / pi * asin(uv / sqrt((1 + uu) * (1 + vv))),
        "derivative": 2 / pi / sqrt((1 + uu) * (1 + vv) - uv * uv),
    }


def saddle(g, kappa, depth, times, std=1, start=None, steps=40):
    g, kappa, std = mpf(g), mpf(kappa), mpf(std)
    lam = g ** (2 * depth - 2) * ((kappa - 1) * (depth - 1) - depth)
    rows = []
    for time in times:
        row = {"limit": g ** (depth - 1) * sqrt(mpf(depth)) * std * exp(lam * mpf(time))}
        if start is not None:
            y = kappa * g**depth

            def velocity(theta):
                plus, minus = product(g + t for t in theta), product(g - t for t in theta)
                return [-((plus - y) * plus / (g + t) - (minus - y) * minus / (g - t)) / 2 for t in theta]

            theta = gragg(velocity, [mpf(t) for t in start], time, steps) if time > 0 else [mpf(t) for t in start]
            gains = [product(g + s * t for t in theta) for s in (1, -1)]
            row["discrepancy"] = sqrt(sum((gain - g**depth) ** 2 for gain in gains) / 2)
        rows.append(row)
    return {"rate": lam, "telescoped": g ** (depth - 1) * depth * std * sqrt(2 / pi), "rows": rows}


# ---------------------------------------------------------------------------------------------------------------------

DECADES = [1e-3, 1e-2, 1e-1, 1e1, 1e2, 1e3]


def cases():
    chain_example = {"weights": [0.9, 1, 1.1], "target": 2, "times": [0, 0.5]}
    yield "chain", chain_example, {}
    yield "chain", {**chain_example, "times": [5000]}, {}
    for s in DECADES:
        yield "chain", {**chain_example, "times": [s]}, {}
        yield "chain", {**chain_example, "target": 2 * s}, {}
        yield "chain", {**chain_example, "target": -2 * s, "times": [0.5, 5]}, {}
        yield "chain", {**chain_example, "weights": [0.9 * s, s, 1.1 * s]}, {}
        yield "chain", {**chain_example, "weights": [0.9, 1, 1.1 * s]}, {}
        # in the chain's own time, (product of weights / weight)^-2
        yield "chain", {**chain_example, "weights": [0.9 * s, s, 1.1 * s], "target": 2 * s**3, "times": [0.3 / s**4]}, {}
    yield "chain", {"weights": [0.5, -0.7], "target": 1, "times": [1, 3]}, {}
    yield "chain", {"weights": [-0.5], "target": 1, "times": [1, 3]}, {}

    committee_example = {
        "Q": [[0.25, 0], [0, 0.16]],
        "R": [[0.1, 0.02], [0.03, 0.08]],
        "T": [[1, 0], [0, 1]],
        "eta": 0.5,
        "times": [0, 5],
    }
    yield "saad-solla", committee_example, {"steps": 6}
    small = {"Q": [[0.25]], "R": [[0.1]], "T": [[1]], "eta": 0.5, "times": [5]}
    for s in DECADES:
        yield "saad-solla", {**small, "times": [s if s < 50 else 50]}, {"steps": 40}
        yield "saad-solla", {**small, "eta": 0.5 * s, "times": [min(5, 5 / s)]}, {"steps": 160 if s == 1e3 else 40}
        yield "saad-solla", {**small, "Q": [[0.25 * s]], "R": [[0.1 * s**0.5]]}, {"steps": 40}
        yield "saad-solla", {**small, "T": [[s]], "R": [[0.1 * s**0.5]]}, {"steps": 60}

    radial_example = {
        "taus": [1.4, 0.6],
        "targets": [1, -1],
        "scale": 6,
        "shape": 4,
        "rate": 4,
        "times": [0, 0.5],
    }
    yield "radial", radial_example, {"steps": 20}
    for s in DECADES:
        yield "radial", {**radial_example, "times": [min(s, 1)]}, {"steps": 30}
        yield "radial", {**radial_example, "scale": 6 * s, "times": [0.2 * min(1, s**-2)]}, {"steps": 20}
        yield "radial", {**radial_example, "targets": [s, -s], "times": [0.2 * min(1, 1 / s)]}, {"steps": 20}
        yield "radial", {**radial_example, "taus": [1.4 * s, 0.6 * s], "times": [0.2 * min(1, s**-2)]}, {"steps": 20}
        yield "radial", {**radial_example, "rate": 4 * s, "times": [0.2]}, {"steps": 30}
    for shape in [0.5, 1, 2.5, 20, 200]:
        yield "radial", {**radial_example, "shape": shape, "rate": shape, "times": [0, 0.2]}, {"steps": 20}

    for activation in ["tanh", "erf", "relu"]:
        example = {"d": 4, "depth": 4, "activation": activation}
        yield "clt", example, {}
        for d in [1, 2, 64]:
            yield "clt", {**example, "d": d}, {}
        for s in DECADES:
            yield "clt", {**example, "sa": s}, {}
            yield "clt", {**example, "sbias": s}, {}
        for s in [1e-3, 1, 1e3]:
            yield "clt", {**example, "d": 1, "sa": s, "sbias": 0}, {}
    yield "clt", {"d": 4, "depth": 4, "c": 1e3, "sb": 1e-3}, {}

    for uu, uv, vv in [(1, 0.5, 1), (1e15, 1e15, 1e15), (1e15, -1e15, 1e15), (1e15, 5e14, 1e15), (4e15, 2e6, 1e-3)]:
        yield "arcsine", {"uu": uu, "uv": uv, "vv": vv}, {}
    for s in DECADES:
        yield "arcsine", {"uu": s, "uv": 0.5 * s, "vv": s}, {}
        yield "arcsine", {"uu": 4 * s * s, "uv": 2 * s, "vv": 1}, {}

    saddle_example = {"g": 1.3, "kappa": 4, "depth": 6, "times": [0, 0.01]}
    yield "saddle", saddle_example, {}
    start = [0.1, 0.2, 0.3, -0.1, 0, 0.05]
    yield "saddle", {**saddle_example, "start": start}, {}
    for s in DECADES:
        yield "saddle", {**saddle_example, "g": s, "times": [min(0.01, 0.01 / s**10)]}, {}
        yield "saddle", {**saddle_example, "kappa": 4 * s, "times": [0.01 * min(1, 1 / s)]}, {}
        yield "saddle", {**saddle_example, "std": s}, {}
        yield "saddle", {**saddle_example, "times": [0.01 * s if s < 50 else 0.5]}, {}
        yield "saddle", {**saddle_example, "start": [t * s * 1e-2 for t in start] if s < 50 else start}, {}
    for depth in [1, 2, 20]:
        yield "saddle", {**saddle_example, "depth": depth, "times": [0.01 / 1.3 ** (2 * depth)]}, {}


LIMITS = {
    "chain": chain,
    "saad-solla": committee,
    "radial": radial,
    "clt": clt,
    "arcsine": arcsine,
    "saddle": saddle,
}


def plain(value):
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return float(value)


only = sys.argv[1:]
lines = []
for limit, config, options in cases():
    if only and limit not in only:
        continue
    with workdps(20 if limit in ("clt", "saad-solla") else 40):
        expected = plain(LIMITS[limit](**config, **options))
    lines.append(json.dumps({"limit": limit, "config": config, "expected": expected}))
    print(limit, json.dumps(config), file=sys.stderr)
print("[\n" + ",\n".join(lines) + "\n]")
