#!/usr/bin/env python3
"""Derives data/validation/products.csv, square products that the surfaces are held against, from a table of
the best products per accelerator and number format (CSV): single figures, each with its source.

    scripts/derive_products.py ACHIEVED_MATMUL.csv > data/validation/products.csv
"""
import csv, sys
from derive_surfaces import FORMATS, LEAST_ROWS, NAMES

out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["accelerator", "format", "m", "n", "k", "tflop_per_s", "source"])
for row in csv.DictReader(open(sys.argv[1])):
    if row["device"] in NAMES and row["dtype"] in FORMATS and row["method"].startswith("square"):
        extents = row["shape_mxnxk"].split("x")
        if row["dtype"] == "bf16" or int(extents[0]) >= LEAST_ROWS:
            out.writerow([NAMES[row["device"]], FORMATS[row["dtype"]][0], *extents, row["achieved_tflops"], "aiconfigurator"])
