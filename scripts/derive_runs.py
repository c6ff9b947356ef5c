#!/usr/bin/env python3
"""Derives data/validation/runs.csv: the facts of published training runs that a prediction needs, and
what was measured, each with its source. Free text, notes and everything derived stay behind.

    scripts/derive_runs.py TRAINING_RUNS.csv > data/validation/runs.csv
"""
import csv, sys

KEEP = ["id", "source_group", "model", "arch", "params_total_b", "params_active_b", "layers", "hidden", "ffn_hidden",
        "heads", "kv_heads", "vocab", "n_experts", "top_k", "seq_len", "global_batch", "micro_batch", "accelerator",
        "n_accel", "accel_per_node", "tp", "pp", "vpp", "dp", "cp", "ep", "sequence_parallel", "zero_fsdp",
        "recompute", "precision", "intra_gbytes_s_per_dir", "inter_gbit_s_per_accel", "step_time_s",
        "tokens_per_s_per_accel", "tflops_per_accel", "flop_definition", "year", "source", "flags"]
# What is kept of the free text: what the reader of rows looks for.
WORDS = ["PROXY", "INCLUDES evaluation", "TOKEN-DROP", "schedule 1f1b", "schedule interleaved", "compile"]
out = csv.DictWriter(sys.stdout, KEEP, lineterminator="\n")
out.writeheader()
for row in csv.DictReader(open(sys.argv[1])):
    kept = {k: row[k] for k in KEEP}
    if row["step_time_s"]:
        # One measured figure is enough; the others follow from it.
        kept["tokens_per_s_per_accel"] = kept["tflops_per_accel"] = kept["flop_definition"] = ""
    kept["flags"] = "; ".join(f for f in WORDS if f in row["flags"] + row["step_time_kind"])
    out.writerow(kept)
