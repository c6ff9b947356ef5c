#!/usr/bin/env python3
"""Derives data/collectives.toml: how the time of an all-reduce depends on bytes and ranks, from a
table of measured collectives (payload, time).

    scripts/derive_all_reduce.py COLLECTIVES.csv > data/collectives.toml

Inside a box, the quickest of two protocols: t = base + hop·n + 2(n-1)/n · bytes / bandwidth, one quick
to start (LL), one quick to run (Simple), and reduction in the switch from eight ranks on. Between
boxes, the same two with base + hop · log2(boxes)^power each, the tree in the switches (NVLSTree).
Fitted on the logarithm of the time; the error is on rows left out in five folds.
"""
import csv, math, random, sys
from simplex import nelder_mead

def descend(f, start):
    corners = [list(start)] + [[x * (1.35 if i == j else 1) for j, x in enumerate(start)] for i in range(len(start))]
    return nelder_mead(f, corners, 2500)

def inside(p, n, s):
    low_base, low_hop, low_bw, high_base, high_hop, high_bw, switch_low, switch_high = p
    bus = 2 * (n - 1) / n * s
    low, high = (low_bw * switch_low, high_bw * switch_high) if n >= 8 else (low_bw, high_bw)
    return min(low_base + low_hop * n + bus / low, high_base + high_hop * n + bus / high)

def between(p, n, s):
    low_base, low_hop, low_bw, high_base, high_hop, high_bw, low_power, high_power = p
    depth = math.log2(n / 8)
    return min(low_base + low_hop * depth ** low_power + 2 * s / low_bw,
               high_base + high_hop * depth ** high_power + 2 * s / high_bw)

def loss(form, p, rows):
    if min(p) <= 0 or max(p[6:]) > 3:
        return 1e9
    return sum(abs(math.log(form(p, n, s) / t)) for n, s, t in rows) / len(rows)

def fit(form, rows, starts):
    return min((descend(lambda p: loss(form, p, rows), s) for s in starts), key=lambda p: loss(form, p, rows))

rows_in, rows_out = [], []
for r in csv.DictReader(open(sys.argv[1])):
    if r["device"] != "H100-SXM-80GB" or r["collective"] != "all_reduce" or not r["time_ms"]:
        continue
    n, s, t = float(r["n_accel"]), float(r["payload_bytes"]), float(r["time_ms"]) * 1e-3
    if n <= 8 and r["source"].startswith("ai-dynamo"):
        rows_in.append((n, s, t))
    elif n > 8:
        rows_out.append((n, s, t))

starts_in = [[3e-6, 2e-6, 2.4e11, 3e-5, 3e-6, 3.4e11, 1.3, 1.3], [2e-6, 2e-6, 2e11, 2e-5, 5e-6, 3.2e11, 1.5, 1.3], [2e-6, 2e-6, 1.5e11, 1e-5, 7e-6, 3.3e11, 1.6, 1.35]]
starts_out = [[2e-5, 5e-5, 3e11, 8e-5, 6e-5, 3.7e11, 1.1, 1.1], [5e-5, 3e-5, 2e11, 1e-4, 5e-5, 3.7e11, 1.3, 1.3], [7e-5, 1.5e-5, 1e11, 1.5e-4, 2e-5, 3.7e11, 1.5, 1.5]]
random.seed(2)
print("# Time of an all-reduce by bytes and ranks: see scripts/derive_all_reduce.py.")
print('[provenance]\nsource = "aiconfigurator"\ndate = "2026-11-23"\ntier = "published"')
for name, form, rows, starts in [("h100", inside, rows_in, starts_in), ("h100-boxes", between, rows_out, starts_out)]:
    p = fit(form, rows, starts)
    order = rows[:]; random.shuffle(order)
    errors = {}
    for fold in range(5):
        q = fit(form, [r for i, r in enumerate(order) if i % 5 != fold], starts)
        for n, s, t in order[fold::5]:
            errors.setdefault(n, []).append(abs(form(q, n, s) / t - 1))
    by = ", ".join(f"{n:.0f}: {100 * sum(e) / len(e):.1f} %" for n, e in sorted(errors.items()))
    whole = [x for e in errors.values() for x in e]
    print(f"\n[all_reduce.{name}]")
    if form is between:
        print('provenance = { source = "nvidia-s62129", date = "2024-03" }')
    print(f'between_boxes = {"true" if form is between else "false"}')
    print(f'note = "{len(rows)} rows; error on those left out {100 * sum(whole) / len(whole):.1f} %, by ranks {by}"')
    for key, value, unit, size in zip(["low_base", "low_hop", "low_bandwidth", "high_base", "high_hop", "high_bandwidth"], p,
                                      ["us", "us", "GB/s"] * 2, [1e-6, 1e-6, 1e9] * 2):
        print(f'{key} = {{ value = {value / size:.4g}, unit = "{unit}" }}')
    for key, value in zip(["low_shape", "high_shape"], p[6:]):
        print(f'{key} = {{ value = {value:.4g}, unit = "1" }}')
