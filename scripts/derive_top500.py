#!/usr/bin/env python3
"""Derives data/top500.toml from a table of named clusters (CSV).

    scripts/derive_top500.py CLUSTERS.csv > data/top500.toml

Rows with Linpack's Rmax, Rpeak, a count and an accelerator of the catalogue; where the note or the
source says that a figure is from memory, its tier is `assumed`. The others are named on stderr.
"""
import csv, re, sys

PARTS = {"H100": ("h100", "hgx-h100"), "A100-80GB": ("a100", "hgx-a100"), "MI300A": ("mi300a", "mi300a-node"),
         "MI250X": ("mi250x", "mi250x-node"), "PVC Max 1550": ("pvc-max-1550", "pvc-6"), "GH200": ("gh200", "gh200-quad"),
         "A100 custom 64GB": ("a100-64gb", "a100-quad")}
FABRICS = [("Slingshot", "slingshot-11"), ("HDR", "infiniband-hdr"), ("NDR", "infiniband-ndr"), ("Quantum-2", "infiniband-ndr")]

print("# Linpack as published: see scripts/derive_top500.py.")
print('[provenance]\nsource = "top500"\ndate = "2026-11-24"\ntier = "published"')
for row in csv.DictReader(open(sys.argv[1])):
    name = row["name"]
    if not row["hpl_rmax_pf"]:
        continue
    part = PARTS.get(row["accelerator"])
    if not (row["hpl_rpeak_pf"] and row["n_accel"] and part):
        print(f"left out, no Rpeak, count or known accelerator: {name}", file=sys.stderr)
        continue
    date = re.search(r"20\d\d(-\d\d)?", row["list_or_date"]).group()
    month = {"Nov": "11", "June": "06"}.get((re.search(r"(Nov|June) 20\d\d", row["list_or_date"]) or [None, None])[1])
    date = date if "-" in date or not month else f"{date}-{month}"
    said = row["source"] + "; " + row["notes"]
    def weak(*words):
        doubted = row["source_checked"] == "no" or any(re.search(w + r"[^;]*(memory|unchecked)", said) for w in words)
        return ', source = "memory", tier = "assumed", note = "not checked"' if doubted else ""
    print(f'\n[linpack.{re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")}]')
    print(f'title = "{name}"\nprovenance = {{ date = "{date}" }}\naccelerator = "{part[0]}"\nnode = "{part[1]}"')
    print(f'fabric = "{next(f for key, f in FABRICS if key in row["fabric"])}"')
    print(f'accelerators = {{ value = {row["n_accel"]}, unit = "accelerator"{weak("count", "n_accel")} }}')
    print(f'rmax = {{ value = {row["hpl_rmax_pf"]}, unit = "Pflop/s"{weak("Rmax")} }}')
    print(f'rpeak = {{ value = {row["hpl_rpeak_pf"]}, unit = "Pflop/s"{weak("Rpeak/")} }}')
