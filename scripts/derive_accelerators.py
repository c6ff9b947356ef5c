#!/usr/bin/env python3
"""Derives data/accelerators.toml from two tables of published facts (CSV).

    scripts/derive_accelerators.py DEVICES.csv ACHIEVED_MATMUL.csv > data/accelerators.toml

devices: one row per accelerator with dense peaks in Tflop/s, memory in GB, bandwidth in TB/s and the
cells that are from memory named in `unchecked_cells`; those get the tier `assumed` and say so.
achieved: the maximum over a shape search per device and precision. Devices without a peak are left out.
"""
import csv, re, sys

READ = "2026-11-23"
VENDOR_SOURCES = [
    ("stas00", "ml-engineering"), ("scaling-book", "scaling-book"), ("secondary", "secondary-copies"),
    ("memory", "memory"), ("hmc-tech", "hmc-tech"), ("fpsbench", "fpsbench"), ("zolotukhin", "zolotukhin"),
    ("wccftech", "wccftech"), ("DeepSeek-V3", "deepseek-v3"),
]
FORMATS = [("fp32", "fp32"), ("tf32_tensor", "tf32"), ("bf16_fp16_tensor", "bf16"), ("fp8_tensor", "fp8"), ("fp4_tensor", "fp4")]
NAMES = {"A100-SXM-80GB": "a100", "H100-SXM-80GB": "h100", "GB200 (per GPU)": "gb200", "GB300 (per GPU)": "gb300", "Rubin (VR200, per package)": "rubin",
         "MI250X (two GCDs)": "mi250x", "MI455X (announced)": "mi455x", "TPU v6e (Trillium)": "tpu-v6e",
         "TPU v7x (Ironwood)": "tpu-v7x", "B200-SXM": "b200", "B300-SXM": "b300", "H200-SXM": "h200"}
ACHIEVED = {"GB200": "gb200", "GB300": "gb300", "B200-SXM": "b200", "B300-SXM": "b300", "H200-SXM": "h200",
            "TPU v6e (Trillium)": "tpu-v6e"}

# Parts of the same chip share its surface (data/surfaces.toml).
LIKE = {"a100-sxm-40gb": "a100", "a100-pcie-80gb": "a100", "h100-pcie-80gb": "h100", "h800-sxm-80gb": "h100",
        "gh200": "h100"}
# Whose surface stands for one that nobody published, where the H100's would be farther: the generation before, or
# the card with the same kind of chip.
SHAPED = {"rubin": "gb300", "rtx-3090": "l40s", "rtx-4090": "l40s", "rtx-5090": "l40s"}
ALIASES = {"gb200": ["GB200-NVL72"], "gb300": ["GB300-NVL72"], "h100": ["H100"], "a100": ["A100", "A100 (up to one 8-GPU server)"]}

# The box that each is usually sold in (data/fabrics.toml).
NODES = {"a100": "hgx-a100", "a100-sxm-40gb": "hgx-a100", "a100-pcie-80gb": "a100-pcie", "h100": "hgx-h100",
         "h100-pcie-80gb": "h100-pcie", "h800-sxm-80gb": "hgx-h100", "h200": "hgx-h100", "gh200": "gh200-quad",
         "b200": "hgx-b200", "b300": "hgx-b300", "gb200": "nvl72", "gb300": "nvl72-cx8", "rubin": "vera-rubin-nvl72",
         "l40s": "l40s", "mi250x": "mi250x-node", "mi250": "mi250x-node", "mi300a": "mi300a-node", "mi300x": "mi300x",
         "mi325x": "mi300x", "mi350x": "mi350x", "mi355x": "mi350x", "mi455x": "mi455x", "gaudi2": "gaudi2",
         "gaudi3": "gaudi3", "pvc-max-1550": "pvc-6", "trainium2": "trainium2"}

# Links that the table names without a figure per accelerator. A ring over one axis of a torus has a link in either
# direction, each of the rate that the table's own text states.
TORUS = {"tpu-v4": 45.0, "tpu-v5e": 45.0, "tpu-v5p": 90.0, "tpu-v6e": 90.0}
# Nothing published is at hand: a range, named as one.
ASSUMED_LINKS = {
    "tpu-v3": (90.0, 45.0, 140.0, "no figure at hand: as TPU v4, within a factor of two"),
    "mi250": (350.0, 200.0, 400.0, "no figure at hand: as MI250X"),
    "mi300a": (384.0, 192.0, 450.0, "no figure at hand: three peers of a node, each over Infinity Fabric as wide as MI300X's and twice that"),
    "mi455x": (900.0, 535.0, 1800.0, "no figure at hand: between MI350X and Rubin"),
    "pvc-max-1550": (100.0, 25.0, 300.0, "no figure at hand: Xe Link among six"),
}

def slug(device):
    return NAMES.get(device) or re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")

def source(text):
    for key, name in VENDOR_SOURCES:
        if key in text:
            return name
    raise SystemExit(f"no source id for {text!r}")

devices, achieved = sys.argv[1:3]
best = {}
for row in csv.DictReader(open(achieved)):
    method = row["method"]
    if row["dtype"] not in ("bf16", "fp8"):
        continue
    name = ACHIEVED.get(row["device"], slug(row["device"]))
    found = method.startswith("maximum achieved")
    swept = method.startswith("best of") and "measured shapes" in method
    if not (found or swept or method == "device time"):
        continue
    key = (name, row["dtype"])
    # A shape search beats a sweep made for inference: its operands are plain and its timing stated.
    rank = 0 if found else 1
    if key not in best or rank < best[key][0]:
        origin = "ml-engineering" if found else "aiconfigurator" if swept else "scaling-book"
        best[key] = (rank, row["achieved_tflops"], origin, row["shape_mxnxk"])

print("# Accelerators: dense peaks as stated, best matrix products as measured by others.")
print("# Made by scripts/derive_accelerators.py; cells marked assumed are from memory.")
print("[provenance]")
print(f'source = "ml-engineering"\ndate = "{READ}"\ntier = "datasheet"')
for row in csv.DictReader(open(devices)):
    name = slug(row["device"])
    peaks = [(f, row[c], c) for c, f in FORMATS if row[c].strip()]
    if not peaks or not row["mem_gb"] or not row["mem_tb_s"]:
        continue
    unchecked = set(row["unchecked_cells"].split())
    origin = source(row["source"])
    trusted = row["source_checked"] == "yes" or (row["source_checked"] == "secondary" and "all" not in unchecked)
    def extra(cell):
        parts = []
        if not trusted or "all" in unchecked or cell in unchecked:
            parts.append('tier = "assumed", source = "memory", note = "memory"')
        elif row["source_checked"] == "secondary":
            parts.append('tier = "published"')
        return (", " + ", ".join(parts)) if parts else ""
    print(f'\n[accelerator.{name}]')
    print(f'title = "{row["vendor"]} {row["device"]}"\nvendor = "{row["vendor"]}"')
    print(f'provenance = {{ source = "{origin}" }}')
    names = [row["device"]] + ALIASES.get(name, [])
    print("aliases = [" + ", ".join(f'"{n}"' for n in names) + "]")
    if name in LIKE:
        print(f'surface = "{LIKE[name]}"')
    if name in SHAPED:
        print(f'like = "{SHAPED[name]}"')
    node = NODES.get(name) or (name if name.startswith("tpu") else "workstation")
    print(f'node = "{node}"')
    if row["intra_link"]:
        print(f'link = "{row["intra_link"]}"')
    print(f'memory = {{ value = {float(row["mem_gb"])}, unit = "GB"{extra("mem_gb")} }}')
    print(f'memory_bandwidth = {{ value = {float(row["mem_tb_s"])}, unit = "TB/s"{extra("mem_tb_s")} }}')
    if row["intra_gbytes_s_per_dir"]:
        print(f'scale_up = {{ value = {float(row["intra_gbytes_s_per_dir"])}, unit = "GB/s"{extra("intra_gbytes_s_per_dir")} }}')
    elif name in TORUS:
        print(f'scale_up = {{ value = {2 * TORUS[name]}, unit = "GB/s", source = "scaling-book", tier = "published", '
              f'note = "two links of {TORUS[name]:.0f} GB/s: both directions of one torus axis" }}')
    elif name in ASSUMED_LINKS:
        value, low, high, note = ASSUMED_LINKS[name]
        print(f'scale_up = {{ value = {value}, unit = "GB/s", low = {low}, high = {high}, source = "flopcast", tier = "assumed", note = "{note}" }}')
    if row["tdp_w"]:
        print(f'power = {{ value = {float(row["tdp_w"])}, unit = "W"{extra("tdp_w")} }}')
    for fmt, value, cell in peaks:
        print(f'peak.{fmt} = {{ value = {float(value)}, unit = "Tflop/s"{extra(cell)} }}')
    if name.startswith("tpu") and (name, "bf16") not in best:
        # 827.47 of 918 on v6e, the only one of the family with a published product.
        rate = round(827.47 / 918 * float(row["bf16_fp16_tensor"]), 1)
        print(f'achieved.bf16 = {{ value = {rate}, unit = "Tflop/s", tier = "assumed", note = "the share that TPU v6e reached" }}')
    for dtype in ("bf16", "fp8"):
        if (name, dtype) in best and any(f == dtype for f, _, _ in peaks):
            _, rate, where, shape = best[(name, dtype)]
            note = f', note = "best at {shape}"' if re.fullmatch(r"\d+x\d+x\d+", shape) else ""
            print(f'achieved.{dtype} = {{ value = {float(rate)}, unit = "Tflop/s", source = "{where}", tier = "published"{note} }}')
