#!/usr/bin/env python3
"""Derives data/surfaces.toml: how the time of a matrix product depends on its extents, per accelerator
and number format, from a table of measured products (m, n, k, latency).

    scripts/derive_surfaces.py GEMM_SWEEP.csv ACCELERATORS.csv > data/surfaces.toml

Form: t = ((flop / rate)^3 + (bytes / (share * bandwidth))^3)^(1/3) + overhead, with the flop counted
in whole waves of tiles: a product of T tiles on U units takes ceil(T/U) * U / T of them, softened by
the share `waves`. Four numbers per surface, fitted on the logarithm of the latency with Huber weights;
the error is the standard deviation of the logarithm on rows left out in five folds. To stderr goes that of
interpolation instead: the share of the bounds reached, by the nearest neighbours in log space, each left out.
"""
import csv, math, random, sys
from simplex import nelder_mead
from collections import defaultdict

NAMES = {"A100-SXM-80GB": "a100", "H100-SXM-80GB": "h100", "H200-SXM": "h200", "B200-SXM": "b200",
         "B300-SXM": "b300", "GB200": "gb200", "GB300": "gb300", "L40S": "l40s"}
UNITS = {"a100": 108, "h100": 132, "h200": 132, "b200": 148, "b300": 148, "gb200": 152, "gb300": 152, "l40s": 142}
DEVICE = {"GB200": "GB200 (per GPU)", "GB300": "GB300 (per GPU)"}
# The fp8 rows include quantising the input: lower bounds, useless at small extents, so left out.
WIDTH = {"bf16": 2.0}
COLUMN = {"bf16": "bf16_fp16_tensor"}

sweep, devices = sys.argv[1:3]
spec = {r["device"]: r for r in csv.DictReader(open(devices))}
rows = defaultdict(list)
for r in csv.DictReader(open(sweep)):
    if r["device"] in NAMES and r["dtype"] in WIDTH:
        rows[(r["device"], r["dtype"])].append((float(r["m"]), float(r["n"]), float(r["k"]), float(r["latency_ms"]) * 1e-3))

def latency(p, row, peak, bw, width, units):
    m, n, k, _ = row
    rate, share, overhead, waves = p
    tiles = math.ceil(m / 128) * math.ceil(n / 256)
    quant = math.ceil(tiles / units) * units / tiles
    tc = 2 * m * n * k / (peak * rate) * quant ** waves
    tm = width * (m * k + k * n) / (bw * share) + 2 * m * n / (bw * share)
    return (tc ** 3 + tm ** 3) ** (1 / 3) + overhead

def loss(p, data, args):
    if min(p[:3]) <= 0 or p[0] > 1.2 or p[1] > 1.2 or not 0 <= p[3] <= 1:
        return 1e9
    total = 0.0
    for row in data:
        e = abs(math.log(latency(p, row, *args) / row[3]))
        total += e * e if e < 0.2 else 0.4 * e - 0.04
    return total / len(data)

def descend(f, start, steps):
    corners = [list(start)] + [[x + (steps[i] if i == j else 0) for j, x in enumerate(start)] for i in range(len(start))]
    return nelder_mead(f, corners, 260)

def interpolated(data, args):
    """Best error over numbers of neighbours and powers of the distance."""
    peak, bw, width, _ = args
    points = []
    for m, n, k, t in data:
        bound = ((2 * m * n * k / peak) ** 3 + (width * (m * k + k * n + m * n) / bw) ** 3) ** (1 / 3)
        points.append(((math.log(m), math.log(n), math.log(k)), math.log(bound / t)))
    def error(count, power):
        squares = 0.0
        for i, (at, reached) in enumerate(points):
            near = sorted((math.dist(at, there), share) for j, (there, share) in enumerate(points) if j != i)[:count]
            weights = [(d + 1e-9) ** -power for d, _ in near]
            squares += (reached - sum(w * share for w, (_, share) in zip(weights, near)) / sum(weights)) ** 2
        return math.sqrt(squares / len(points))
    return min(error(count, power) for count in (2, 3, 4, 6, 8) for power in (1, 2, 3))

print("# How the time of a matrix product depends on its extents: see scripts/derive_surfaces.py.")
print('[provenance]\nsource = "aiconfigurator"\ndate = "2026-11-23"\ntier = "published"')
random.seed(1)
for (device, dtype), data in sorted(rows.items()):
    name = NAMES[device]
    s = spec[DEVICE.get(device, device)]
    if not s[COLUMN[dtype]]:
        continue
    args = (float(s[COLUMN[dtype]]) * 1e12, float(s["mem_tb_s"]) * 1e12, WIDTH[dtype], UNITS[name])
    fit = lambda d: descend(lambda p: loss(p, d, args), [0.75, 0.7, 4e-6, 0.5], [-0.1, -0.2, 3e-6, -0.3])
    p = fit(data)
    order = data[:]; random.shuffle(order)
    errors = []
    for fold in range(5):
        held = order[fold::5]
        q = fit([r for i, r in enumerate(order) if i % 5 != fold])
        errors += [math.log(latency(q, r, *args) / r[3]) for r in held]
    sd = math.sqrt(sum(e * e for e in errors) / len(errors))
    print(f"{name}: the form {sd:.3f}, interpolated {interpolated(data, args):.3f}", file=sys.stderr)
    large = [math.log(latency(p, r, *args) / r[3]) for r in data if min(r[:3]) >= 2048]
    large_sd = math.sqrt(sum(e * e for e in large) / len(large)) if large else float("nan")
    print(f'\n[surface.{name}]\nunits = {UNITS[name]}')
    note = f"{len(data)} products; error on those left out, all: {sd:.3f}, all extents 2048 and more: {large_sd:.3f}"
    print(f'rate = {{ value = {p[0]:.4f}, unit = "1", sd_log = {max(large_sd, 0.005):.3f}, note = "{note}" }}')
    print(f'bandwidth = {{ value = {p[1]:.3f}, unit = "1" }}')
    print(f'overhead = {{ value = {p[2] * 1e6:.2f}, unit = "us" }}')
    print(f'waves = {{ value = {p[3]:.3f}, unit = "1" }}')
