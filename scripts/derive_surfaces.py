#!/usr/bin/env python3
"""Derives data/surfaces.toml: how the time of a matrix product depends on its extents, per accelerator
and number format, from a table of measured products (m, n, k, latency).

    scripts/derive_surfaces.py GEMM_SWEEP.csv DEVICES.csv > data/surfaces.toml

A surface is a form and what was measured over it.

The form: t = ((flop / rate)^3 + (bytes / (share * bandwidth))^3)^(1/3) + overhead, with the flop counted
in whole waves of tiles: a product of T tiles on U units takes ceil(T/U) * U / T of them, softened by the
share `waves`. Below 16 bits the table's times include quantising the rows of A: read in 16 bits, written
in the format, at a share of the bandwidth of its own, so that the rate is that of the products alone.
Fitted on the logarithm of the latency with Huber weights.

The residual, ln(measured / form), is interpolated between the nodes of a grid in (ln m, ln n, ln k), linearly
along each axis. Its value at a node is fitted by least squares, pulled to zero (`ridge`) and to its neighbours
(`smooth`), by as much as makes the error of products left out smallest. Beyond the grid's edge it fades to
zero within one step of it: there the form alone holds.

The error of a surface is the root mean square of ln(measured / predicted) with each product left out in turn,
form and nodes fitted anew without it. To stderr go those of its two parents, the form alone and plain
interpolation of the share of the bounds that is reached between the nearest products in log space; whether
the errors of neighbours go together; and what a surface is off where it stands for another accelerator's.
"""
import csv, math, sys
from simplex import nelder_mead
from collections import defaultdict

NAMES = {"A100-SXM-80GB": "a100", "H100-SXM-80GB": "h100", "H200-SXM": "h200", "B200-SXM": "b200",
         "B300-SXM": "b300", "GB200": "gb200", "GB300": "gb300", "L40S": "l40s"}
UNITS = {"a100": 108, "h100": 132, "h200": 132, "b200": 148, "b300": 148, "gb200": 152, "gb300": 152, "l40s": 142}
DEVICE = {"GB200": "GB200 (per GPU)", "GB300": "GB300 (per GPU)"}
# As the table calls a format: our name, bytes of an operand, the column of its peak.
FORMATS = {"bf16": ("bf16", 2.0, "bf16_fp16_tensor"), "fp8": ("fp8", 1.0, "fp8_tensor"), "nvfp4": ("fp4", 0.5, "fp4_tensor")}
# Below 16 bits products of few rows are mostly quantising: nothing to be learnt of the product.
LEAST_ROWS = 1024
GRID = [[math.log(x) for x in axis] for axis in ([256, 1024, 4096, 16384], [1024, 4096, 16384], [1024, 4096, 16384])]
SHAPE = [len(axis) for axis in GRID]
NODES = SHAPE[0] * SHAPE[1] * SHAPE[2]
RIDGE, SMOOTH = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0), (0.0, 0.03, 0.1, 0.3, 1.0)

class Table:
    """The products of one accelerator in one format, and what the hardware is stated to have."""
    def __init__(self, name, form, width, peak, bandwidth, rows):
        self.name, self.form, self.width, self.peak, self.bandwidth = name, form, width, peak, bandwidth
        self.units, self.rows, self.narrow = UNITS[name], rows, width < 2.0

    def latency(self, p, row):
        m, n, k = row[:3]
        tiles = math.ceil(m / 128) * math.ceil(n / 256)
        idle = math.ceil(tiles / self.units) * self.units / tiles
        compute = 2 * m * n * k / (self.peak * p[0]) * idle ** p[3]
        memory = (self.width * (m * k + k * n) + 2 * m * n) / (self.bandwidth * p[1])
        quantising = (2 + self.width) * m * k / (self.bandwidth * p[4]) if self.narrow else 0.0
        return (compute ** 3 + memory ** 3) ** (1 / 3) + p[2] + quantising

    def fit(self, rows, start=None):
        def loss(p):
            if min(p[:3]) < 0 or not 0.05 < p[0] <= 1.2 or not 0.05 < p[1] <= 1.2 or not 0 <= p[3] <= 1:
                return 1e9
            if self.narrow and not 0.02 < p[4] <= 1.2:
                return 1e9
            errors = (abs(math.log(self.latency(p, row) / row[3])) for row in rows)
            return sum(e * e if e < 0.2 else 0.4 * e - 0.04 for e in errors) / len(rows)
        steps = [-0.1, -0.2, 3e-6, -0.3] + ([-0.1] if self.narrow else [])
        if start:
            return nelder_mead(loss, corners(start, [0.02 * s for s in steps]), 60)
        found = [0.75, 0.7, 4e-6, 0.5] + ([0.5] if self.narrow else [])
        # Begun anew from what was found, so that a flat simplex is no end.
        for _ in range(3):
            found = nelder_mead(loss, corners(found, steps), 300)
        return found

    def residuals(self, p, rows):
        return [math.log(row[3] / self.latency(p, row)) for row in rows]

def corners(start, steps):
    inside = lambda i, x: min(max(x, 1e-9), 1.0) if i in (0, 1, 3, 4) else abs(x)
    return [list(start)] + [[inside(i, x + (steps[i] if i == j else 0)) for j, x in enumerate(start)] for i in range(len(start))]

def weights(row):
    """The nodes around a product and how much of each it takes."""
    axes = []
    for x, axis in zip(row[:3], GRID):
        x, step = math.log(x), axis[1] - axis[0]
        edge = min(max(x, axis[0]), axis[-1])
        fade = max(0.0, 1 - abs(x - edge) / step)
        at = min(int((edge - axis[0]) / step + 1e-9), len(axis) - 2)
        share = (edge - axis[at]) / step
        axes.append([(at, fade * (1 - share)), (at + 1, fade * share)])
    return [((i * SHAPE[1] + j) * SHAPE[2] + l, a * b * c)
            for i, a in axes[0] for j, b in axes[1] for l, c in axes[2] if a * b * c > 1e-12]

def interpolated(nodes, row):
    return sum(w * nodes[i] for i, w in weights(row))

def normal(rows, ridge, smooth):
    """The matrix of the least squares for the nodes."""
    a = [[0.0] * NODES for _ in range(NODES)]
    for row in rows:
        near = weights(row)
        for i, x in near:
            for j, y in near:
                a[i][j] += x * y
    for i in range(NODES):
        a[i][i] += ridge
        place = (i // (SHAPE[1] * SHAPE[2]), i // SHAPE[2] % SHAPE[1], i % SHAPE[2])
        for axis, stride in ((0, SHAPE[1] * SHAPE[2]), (1, SHAPE[2]), (2, 1)):
            if place[axis] + 1 < SHAPE[axis]:
                j = i + stride
                a[i][i] += smooth; a[j][j] += smooth; a[i][j] -= smooth; a[j][i] -= smooth
    return a

def cholesky(a):
    n = len(a)
    low = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            s = a[i][j] - sum(x * y for x, y in zip(low[i][:j], low[j][:j]))
            low[i][j] = math.sqrt(s) if i == j else s / low[j][j]
    return low

def solve(low, b):
    n = len(b)
    y = [0.0] * n
    for i in range(n):
        y[i] = (b[i] - sum(l * v for l, v in zip(low[i][:i], y))) / low[i][i]
    for i in reversed(range(n)):
        y[i] = (y[i] - sum(low[j][i] * y[j] for j in range(i + 1, n))) / low[i][i]
    return y

def nodes(rows, residuals, ridge, smooth):
    b = [0.0] * NODES
    for row, r in zip(rows, residuals):
        for i, w in weights(row):
            b[i] += w * r
    return solve(cholesky(normal(rows, ridge, smooth)), b)

def rms(errors):
    errors = list(errors)
    return math.sqrt(sum(e * e for e in errors) / len(errors))

def shrinkage(rows, residuals):
    """Ridge and smoothness with the smallest error left out, by the leverages, the form as it is."""
    best = None
    for ridge in RIDGE:
        for smooth in SMOOTH:
            low = cholesky(normal(rows, ridge, smooth))
            fitted = nodes(rows, residuals, ridge, smooth)
            errors = []
            for row, r in zip(rows, residuals):
                b = [0.0] * NODES
                for i, w in weights(row):
                    b[i] = w
                leverage = interpolated(solve(low, b), row)
                errors.append((r - interpolated(fitted, row)) / (1 - leverage))
            if best is None or rms(errors) < best[0]:
                best = (rms(errors), ridge, smooth)
    return best[1:]

def left_out(table, p, ridge, smooth):
    """Errors of each product left out, form and nodes fitted anew: of both, and of the form alone."""
    both, alone = [], []
    for i, row in enumerate(table.rows):
        others = table.rows[:i] + table.rows[i + 1:]
        q = table.fit(others, p)
        error = math.log(row[3] / table.latency(q, row))
        alone.append(error)
        both.append(error - interpolated(nodes(others, table.residuals(q, others), ridge, smooth), row))
    return both, alone

def nearest(table):
    """Best error of plain interpolation over numbers of neighbours and powers of the distance."""
    points = []
    for m, n, k, t in table.rows:
        moved = table.width * (m * k + k * n) + 2 * m * n
        bound = ((2 * m * n * k / table.peak) ** 3 + (moved / table.bandwidth) ** 3) ** (1 / 3)
        points.append(((math.log(m), math.log(n), math.log(k)), math.log(bound / t)))
    def error(count, power):
        errors = []
        for i, (at, reached) in enumerate(points):
            near = sorted((math.dist(at, there), share) for j, (there, share) in enumerate(points) if j != i)[:count]
            ws = [(d + 1e-9) ** -power for d, _ in near]
            errors.append(reached - sum(w * share for w, (_, share) in zip(ws, near)) / sum(ws))
        return rms(errors)
    return min(error(count, power) for count in (2, 3, 4, 6, 8) for power in (1, 2, 3))

def together(table, errors):
    """Correlation of the left-out errors of products that differ by a factor of two along n or k."""
    at = {tuple(row[:3]): e for row, e in zip(table.rows, errors)}
    pairs = [(e, at[b]) for (m, n, k), e in at.items() for b in ((m, 2 * n, k), (m, n, 2 * k)) if b in at]
    return sum(x * y for x, y in pairs) / math.sqrt(sum(x * x for x, _ in pairs) * sum(y * y for _, y in pairs))

def standing_for(other, p, fitted, table):
    """Errors where `other`'s surface stands for the table's, at the table's own best rate: root mean square, and what
    of them is left in a step, where all of their mean stays and 0.31 of what they stray about it."""
    best = lambda t: max(2 * m * n * k / s for m, n, k, s in t.rows) / t.peak
    q = [p[0] / best(other) * best(table)] + p[1:]
    errors = [math.log(row[3] / table.latency(q, row)) - interpolated(fitted, row) for row in table.rows]
    mean = sum(errors) / len(errors)
    return rms(errors), math.hypot(mean, 0.312 * rms(e - mean for e in errors))

def main():
    sweep, devices = sys.argv[1:3]
    spec = {r["device"]: r for r in csv.DictReader(open(devices))}
    rows = defaultdict(list)
    for r in csv.DictReader(open(sweep)):
        if r["device"] in NAMES and r["dtype"] in FORMATS:
            if r["dtype"] == "bf16" or int(r["m"]) >= LEAST_ROWS:
                rows[(r["device"], r["dtype"])].append((float(r["m"]), float(r["n"]), float(r["k"]), float(r["latency_ms"]) * 1e-3))
    print("# How the time of a matrix product depends on its extents: a form, and what was measured over it at the nodes")
    print("# of a grid. See scripts/derive_surfaces.py.")
    print('[provenance]\nsource = "aiconfigurator"\ndate = "2026-11-23"\ntier = "published"')
    tables = {}
    for (device, dtype), data in sorted(rows.items()):
        form, width, column = FORMATS[dtype]
        s = spec[DEVICE.get(device, device)]
        if not s[column]:
            continue
        table = Table(NAMES[device], form, width, float(s[column]) * 1e12, float(s["mem_tb_s"]) * 1e12, data)
        p = table.fit(data)
        residuals = table.residuals(p, data)
        ridge, smooth = shrinkage(data, residuals)
        fitted = [round(x, 3) + 0.0 for x in nodes(data, residuals, ridge, smooth)]
        both, alone = left_out(table, p, ridge, smooth)
        error, parent = rms(both), rms(alone)
        if error > parent:
            fitted, error = [0.0] * NODES, parent
        tables[(table.name, form)] = (table, p, fitted)
        plain = nearest(table)
        print(f"{table.name} {form}: left out {error:.3f}, the form {parent:.3f}, interpolated {plain:.3f}; ridge {ridge}, "
              f"smooth {smooth}; neighbours' errors correlate by {together(table, both):.2f}", file=sys.stderr)
        print(f'\n[surface.{table.name}-{form}]\naccelerator = "{table.name}"\nformat = "{form}"\nunits = {table.units}')
        print(f'rate = {{ value = {p[0]:.4f}, unit = "1" }}')
        print(f'bandwidth = {{ value = {p[1]:.3f}, unit = "1" }}')
        print(f'overhead = {{ value = {p[2] * 1e6:.2f}, unit = "us" }}')
        print(f'waves = {{ value = {abs(p[3]):.3f}, unit = "1" }}')
        if table.narrow:
            print(f'quantising = {{ value = {p[4]:.3f}, unit = "1" }}')
        note = f"{len(data)} products, each left out: the form alone {parent:.3f}, interpolation alone {plain:.3f}"
        print(f'error = {{ value = {error:.3f}, unit = "1", note = "{note}" }}')
        line = SHAPE[1] * SHAPE[2]
        print("residual = [")
        for i in range(0, NODES, line):
            print("    [" + ", ".join(f"{x:g}" for x in fitted[i:i + line]) + "],")
        print("]")
    for (name, form), (table, _, _) in tables.items():
        others = {n: standing_for(t, p, fitted, table) for (n, f), (t, p, fitted) in tables.items() if f == form and n != name}
        print(f"{name} {form} by another's: " + ", ".join(f"{n} {e:.3f} ({step:.3f})" for n, (e, step) in others.items()), file=sys.stderr)
    for form in ("bf16", "fp8"):
        steps = [standing_for(*tables[("h100", form)], t)[1] for (n, f), (t, _, _) in tables.items() if f == form and n != "h100"]
        print(f"the H100's {form} for all others, in a step: {rms(steps):.3f}", file=sys.stderr)


if __name__ == "__main__":
    main()
