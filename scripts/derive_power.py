#!/usr/bin/env python3
"""Power of measured boxes: data/validation/power.csv.

    scripts/derive_power.py FAILURES.csv > data/validation/power.csv

FAILURES.csv holds published figures (kind, system, metric, value, unit, n_accel, source); taken are the rows of
`power measured` that are the mean of a box of eight at the plug, with the rated power of its kind. `phases` says
how the box spends its time: `box` where it works alone or its job is not stated (nothing waits for a network),
`gpt-3-512` where the job is GPT-3 on 512 accelerators, whose step the model can forecast, `unknown` for a
fine-tuning job spread over 8 and 64 boxes, of which no step time is stated. What is fitted to these rows, and how far
each is off when it is left out, is in the test that reads the table (src/project/study/power.rs).
"""
import csv, sys

RATED = {"h100": 10_200, "b200": 14_300}

out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["system", "what", "accelerator", "watts", "rated_watts", "phases", "source"])
for row in csv.DictReader(open(sys.argv[1], newline="")):
    if row["kind"] != "power measured" or not row["metric"].startswith("mean") or "DC" in row["metric"]:
        continue
    chip = "b200" if "B200" in row["system"] else "h100"
    spread = "8-node" in row["metric"] or "64-node" in row["metric"]
    phases = "unknown" if spread else "gpt-3-512" if "GPT-3" in row["system"] else "box"
    out.writerow([row["system"], row["metric"], chip, row["value"], RATED[chip], phases, "mlperf-training"])
