#!/usr/bin/env python3
"""Derives data/collectives.toml: how the time of a collective depends on bytes and ranks, from a
table of measured collectives (payload, time).

    scripts/derive_collectives.py COLLECTIVES.csv > data/collectives.toml

The quickest of three protocols, as NCCL chooses among LL, LL128 and Simple:
t = base + hop · levels^power + moved / bandwidth. In a box `levels` is the ranks and the power 1;
between boxes of eight it is log2(boxes), a tree through the switches (NVLSTree). `moved` is what a rank
sends: 2(n-1)/n of the payload for an all-reduce, (n-1)/n for a gather, a scatter or an all-to-all, 2 for
an all-reduce of whole boxes. From eight ranks on the widest protocol may reduce in the switch: `switch`
times the bandwidth. Fitted on the logarithm of the time, with a weak pull towards the start of the fit for
what the rows do not determine; the error is on rows left out in ten folds.
"""
import csv, math, random, sys
from simplex import nelder_mead

DEVICES = {"A100-SXM-80GB": "a100", "H100-SXM-80GB": "h100", "H200-SXM": "h200", "B200-SXM": "b200",
           "B300-SXM": "b300", "GB200": "gb200", "GB300": "gb300"}
TABLES = {"all_reduce": ["all_reduce"], "gather": ["all_gather", "reduce_scatter"], "exchange": ["alltoall"]}

def moved(table, boxes, n, s):
    return s * (2 if boxes else 2 * (n - 1) / n if table == "all_reduce" else (n - 1) / n)

def seconds(p, boxes, n, bytes_moved):
    levels = math.log2(n / 8) if boxes else n
    power, switch = (p[9], 1) if boxes else (1, p[9] if n >= 8 else 1)
    return min(p[i] + p[i + 1] * levels ** power + bytes_moved / (p[i + 2] * (switch if i == 6 else 1)) for i in (0, 3, 6))

def fit(rows, boxes, start, steps):
    def loss(q):
        p = [math.exp(x) for x in q]
        if not 0.5 < p[9] < 3:
            return 1e9
        pull = 1e-3 * sum((x - math.log(y)) ** 2 for x, y in zip(q, start))
        return pull + sum(abs(math.log(seconds(p, boxes, n, m) / t)) for n, m, t in rows) / len(rows)
    q = [math.log(x) for x in start]
    for _ in range(3):  # A simplex that has collapsed is opened again.
        q = nelder_mead(loss, [q] + [[x + (0.3 if i == j else 0) for j, x in enumerate(q)] for i in range(len(q))], steps)
    p = [math.exp(x) for x in q]
    protocols = sorted([p[0:3], p[3:6], p[6:9]], key=lambda protocol: protocol[2])
    return [x for protocol in protocols for x in protocol] + p[9:]

tables = {}
for r in csv.DictReader(open(sys.argv[1])):
    table = next((t for t, ops in TABLES.items() if r["collective"] in ops), None)
    if r["device"] not in DEVICES or table is None or not r["time_ms"]:
        continue
    n, s, t = float(r["n_accel"]), float(r["payload_bytes"]), float(r["time_ms"]) * 1e-3
    if n <= 8 and r["source"].startswith("ai-dynamo"):
        tables.setdefault((table, DEVICES[r["device"]], False), []).append((n, moved(table, False, n, s), t))
    elif n > 8 and r["device"] == "H100-SXM-80GB":
        tables.setdefault((table, "h100-boxes", True), []).append((n, moved(table, True, n, s), t))

random.seed(2)
print("# Time of collectives by bytes and ranks: see scripts/derive_collectives.py.")
print('[provenance]\nsource = "aiconfigurator"\ndate = "2026-11-24"\ntier = "published"')
for (table, name, boxes), rows in sorted(tables.items()):
    link = {"a": 2 / 3, "h": 1, "b": 2, "g": 2}[name[0]]
    start = [6e-5, 1.5e-5, 4e10, 1e-4, 1.8e-5, 1.2e11, 1.6e-4, 2.4e-5, 3.7e11, 1.5] if boxes else \
            [3e-6, 1.6e-6, 1.2e11 * link, 6e-6, 2e-6, 2e11 * link, 1.5e-5, 4e-6, 3.4e11 * link, 1]
    eight = max(n for n, _, _ in rows) >= 8
    p = fit(rows, boxes, start, 3000)
    order = rows[:]; random.shuffle(order)
    errors = {}
    for fold in range(10):
        q = fit([r for i, r in enumerate(order) if i % 10 != fold], boxes, start, 1500)
        for n, m, t in order[fold::10]:
            errors.setdefault(n, []).append(abs(seconds(q, boxes, n, m) / t - 1))
    by = ", ".join(f"{n:.0f}: {100 * sum(e) / len(e):.1f} %" for n, e in sorted(errors.items()))
    whole = [x for e in errors.values() for x in e]
    print(f"\n[{table}.{name}]")
    if boxes:
        print('provenance = { source = "nvidia-s62129", date = "2024-03" }')
    print(f'between_boxes = {"true" if boxes else "false"}')
    print(f'note = "{len(rows)} rows; error on those left out {100 * sum(whole) / len(whole):.1f} %, by ranks {by}"')
    print(f'power = {{ value = {p[9] if boxes else 1:.4g}, unit = "1" }}')
    print(f'switch = {{ value = {p[9] if eight and not boxes else 1:.4g}, unit = "1" }}')
    for i, protocol in zip((0, 3, 6), ["quick", "middle", "wide"]):
        print(f'{protocol} = {{ base = {{ value = {p[i] * 1e6:.4g}, unit = "us" }}, hop = {{ value = {p[i + 1] * 1e6:.4g}, unit = "us" }}, bandwidth = {{ value = {p[i + 2] / 1e9:.4g}, unit = "GB/s" }} }}')
