"""What PyTorch's own matmul (cuBLAS on NVIDIA's cards, MKL or OpenBLAS on a CPU) reaches on the shapes that flopcast
measures, on random normal operands: f32 without TF32, and f16 with sums in f32 where there is a GPU.

Each round times `repeats` products between two synchronisations, after a warm one; median and the least and the most of
the rounds are printed as JSON, useful flop (2mnk) over the time. A result that is not near a product in f64 of
some of its rows and columns has no figure."""

import argparse
import json
import statistics
import sys
import time

import torch


def rounds(a, b, sync, seconds):
    """Seconds per product, a list of nine rounds, each about a ninth of `seconds` long."""
    for _ in range(3):
        a @ b
    sync()
    begin = time.perf_counter()
    a @ b
    sync()
    once = time.perf_counter() - begin
    repeats = max(1, round(seconds / 9 / max(once, 1e-6)))
    found = []
    for _ in range(9):
        a @ b
        sync()
        begin = time.perf_counter()
        for _ in range(repeats):
            a @ b
        sync()
        found.append((time.perf_counter() - begin) / repeats)
    return found


def wrong(a, b, tolerance):
    """Why the product is none, by 64 rows and columns of it in f64; None where it is one."""
    c = a @ b
    rows, columns = a[:64].double(), b[:, :64].double()
    exact = rows @ columns
    bound = rows.abs() @ columns.abs()
    worst = ((c[:64, :64].double() - exact).abs() / bound).max().item()
    return None if worst <= tolerance else f"off by {worst:.1e} of the sum of absolute products"


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--shapes", default="4096x4096x4096,8192x8192x8192", help="m×n×k, comma-separated")
    parse.add_argument("--seconds", type=float, default=2.0, help="for each shape and precision")
    parse.add_argument("--device", choices=["cuda", "cpu"], default="cuda" if torch.cuda.is_available() else "cpu")
    args = parse.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    # Else parts of a long sum may be put together in f16.
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    torch.manual_seed(1)
    cuda = args.device != "cpu"
    sync = torch.cuda.synchronize if cuda else lambda: None
    # Of the sum of absolute products: TF32 is off by about 1e-5 of it, half of k missing by 1e-2; f16 rounds the result alone.
    precisions = {"f32": (torch.float32, 1e-5)} | ({"f16_acc_f32": (torch.float16, 2e-3)} if cuda else {})
    rows = []
    for shape in args.shapes.split(","):
        try:
            m, n, k = (int(extent) for extent in shape.split("x"))
            if min(m, n, k) < 1:
                raise ValueError(shape)
        except ValueError:
            parse.error(f"`{shape}` is no shape: m×n×k like 4096x4096x4096")
        for precision, (kind, tolerance) in precisions.items():
            a = torch.randn(m, k, device=args.device, dtype=kind)
            b = torch.randn(k, n, device=args.device, dtype=kind)
            error = wrong(a, b, tolerance)
            found = [] if error else [2e-9 * m * n * k / s for s in rounds(a, b, sync, args.seconds)]
            rate = {"median": statistics.median(found), "least": min(found), "most": max(found)} if found else None
            rows.append({"precision": precision, "shape": shape, "gflop_per_s": rate, "error": error})
    json.dump(
        {
            "schema": "flopcast.torch/1",
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "torch": torch.__version__,
            "device": torch.cuda.get_device_name() if cuda else "cpu",
            "threads": torch.get_num_threads(),
            "rows": rows,
        },
        sys.stdout,
        indent=2,
    )
    print()


main()
