//! One giant matrix product over a whole cluster: C (n×n) = A (n×n) · B (n×n).
//!
//! SUMMA on a grid of √P × √P (van de Geijn and Watts 1997), 2.5D with c copies (Solomonik and Demmel
//! 2011), and the least that any algorithm must move (Irony, Toledo and Tiskin; COSMA, arXiv
//! 1908.09606). A giant product can be bound by compute at every size asked of it, unlike training at
//! a fixed batch; what it cannot do is outlast a failure without block checkpoints.

use super::catalog::Catalog;
use super::machine::Machine;
use crate::cluster::Format;
use crate::cluster::failures::mean_time_to_failure;
use crate::error::{Error, Result};
use serde::Serialize;

/// Share of the memory that the three blocks may take.
const MEMORY_SHARE: f64 = 0.85;

/// Least bytes of an element of the result: sums of narrower operands are kept in 16 bits.
const RESULT: f64 = 2.0;

/// Schema id of [`GiantMatmul`].
pub const SCHEMA: &str = "flopcast.matmul/1";

/// A product at the largest size that fits, seconds and elements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct GiantMatmul {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// Accelerators P.
    pub accelerators: f64,
    /// Largest n that fits: (2·w + max(w, 2))·n²/P is 85 % of the memory, with w bytes for an operand.
    pub n: f64,
    /// 2n³ over the rate of the best product that others measured, on every accelerator.
    pub compute_s: f64,
    /// SUMMA's broadcasts over the network port of each accelerator: w·n²·2/√P / W, and 2·α·log₂√P for each of
    /// n/4096 panels.
    pub communication_s: f64,
    /// The longer of the two, for panels that are sent while others are multiplied, plus the first.
    pub overlapped_s: f64,
    /// Smallest n that is bound by compute: w·F·√P/W.
    pub compute_bound_n: f64,
    /// Rate of the whole, flop/s, overlapped.
    pub flop_per_s: f64,
    /// Rate at the best product everywhere, flop/s: what communication takes away from.
    pub ceiling_flop_per_s: f64,
    /// Elements that each accelerator must move at least, 2n³/(P·√S) for S elements of memory.
    pub least_elements: f64,
    /// What SUMMA moves over that.
    pub over_least: f64,
    /// Seconds of communication of 2.5D at half of n, where the memory holds four copies: half of
    /// SUMMA's at that n.
    pub communication_25d_half_n_s: f64,
    /// Seconds between failures of the job, at the median rate.
    pub mean_time_to_failure_s: f64,
    /// Communication of a panel (first row and column broadcast) that nothing hides.
    pub fill_s: f64,
}

/// Panel width, elements: wide enough for large products, narrow enough to overlap.
const PANEL: f64 = 4096.0;

impl GiantMatmul {
    /// The product on `machine`, with operands of `format`; `rate` is flop/s per accelerator,
    /// `failures` per box of eight and second.
    pub fn new(machine: &Machine, rate: f64, failures: f64) -> Self {
        let (p, w) = (machine.accelerators, machine.operand);
        let root = p.sqrt();
        let n = (MEMORY_SHARE * machine.memory * p / (2.0 * w + w.max(RESULT))).sqrt();
        let compute_s = 2.0 * n.powi(3) / (p * rate);
        let bytes = w * n * n * 2.0 / root;
        // A panel goes along the rows and one along the columns, each by a tree.
        let started_s = n / PANEL * 2.0 * machine.fabric_latency * root.log2();
        let communication_s = bytes / machine.scale_out + started_s;
        let fill_s = 2.0 * (w * n * PANEL / root / machine.scale_out + machine.fabric_latency * root.log2());
        let overlapped_s = compute_s.max(communication_s) + fill_s;
        let elements = MEMORY_SHARE * machine.memory / w;
        let least_elements = 2.0 * n.powi(3) / (p * elements.sqrt());
        GiantMatmul {
            schema: SCHEMA,
            accelerators: p,
            n,
            compute_s,
            communication_s,
            overlapped_s,
            compute_bound_n: w * rate * root / machine.scale_out,
            flop_per_s: 2.0 * n.powi(3) / overlapped_s,
            ceiling_flop_per_s: p * rate,
            least_elements,
            over_least: bytes / w / least_elements,
            // A quarter of the bytes and half of the panels at half of n; four layers halve the bytes of each
            // and take a quarter of the panels each: an eighth of both.
            communication_25d_half_n_s: communication_s / 8.0,
            mean_time_to_failure_s: mean_time_to_failure(p / 8.0, failures, 0.0),
            fill_s,
        }
    }
}

/// The giant product on the cluster of that name.
pub fn giant_matmul(catalog: &Catalog, cluster: &str, format: Format) -> Result<GiantMatmul> {
    let c = catalog.cluster(cluster)?;
    let accelerator = catalog.accelerator(&c.accelerator)?;
    let published = catalog.published(&c.accelerator)?;
    let (node, fabric) = (catalog.node(&c.node)?, catalog.fabric(&c.fabric)?);
    let machine =
        Machine::new(accelerator, published, node, fabric, format, c.accelerators.value).ok_or_else(|| {
            let known: Vec<_> = accelerator.peak.keys().map(|f| f.as_str()).collect();
            Error::usage(format!("no {format} peak is known of `{}`", c.accelerator))
                .hint(format!("one of {}", known.join(", ")))
        })?;
    let constants = catalog.constants.medians();
    Ok(GiantMatmul::new(
        &machine,
        machine.achieved.unwrap_or(machine.peak * constants.unmeasured_gemm),
        constants.failure_rate,
    ))
}

/// Seconds of High-Performance Linpack by netlib's model, N×N on a P×Q grid with blocks of NB:
/// 2N³/(3PQ)·γ + β·N²(3P+Q)/(2PQ) + α·N((NB+1)·log₂P + P)/NB, with γ seconds per flop, β seconds per
/// element moved, α seconds per message (<https://www.netlib.org/benchmark/hpl/scalability.html>).
pub fn linpack_seconds(n: f64, grid: (f64, f64), block: f64, gamma: f64, beta: f64, alpha: f64) -> f64 {
    let (compute, communication) = linpack_terms(n, grid, block, gamma, beta, alpha);
    compute + communication
}

/// [`linpack_seconds`] as its two parts: flop, and what is moved.
pub fn linpack_terms(n: f64, grid: (f64, f64), block: f64, gamma: f64, beta: f64, alpha: f64) -> (f64, f64) {
    let (p, q) = grid;
    (
        2.0 * n.powi(3) / (3.0 * p * q) * gamma,
        beta * n * n * (3.0 * p + q) / (2.0 * p * q) + alpha * n * ((block + 1.0) * p.log2() + p) / block,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summa_on_the_three_clusters_is_the_table() {
        let catalog = Catalog::built_in().unwrap();
        // n, seconds of compute and of flat communication, threshold n, ceiling in Eflop/s; all at
        // 50 GB/s per accelerator.
        for (name, n, compute, flat, threshold, ceiling) in [
            ("xai-12k-h100", 1.17e7, 333.0, 99.0, 3.5e6, 9.5),
            ("tesla-85k-h100", 3.1e7, 885.0, 264.0, 9.3e6, 67.5),
            ("xai-300k-b200", 8.75e7, 2556.0, 1117.0, 3.8e7, 523.0),
        ] {
            let c = catalog.cluster(name).unwrap();
            let mut machine = Machine::new(
                catalog.accelerator(&c.accelerator).unwrap(),
                catalog.published(&c.accelerator).unwrap(),
                catalog.node(&c.node).unwrap(),
                catalog.fabric(&c.fabric).unwrap(),
                Format::Bf16,
                c.accelerators.value,
            )
            .unwrap();
            machine.scale_out = 50e9;
            let g = GiantMatmul::new(&machine, machine.achieved.unwrap(), catalog.constants.failure_rate.value);
            for (what, got, want) in [
                ("n", g.n, n),
                ("compute", g.compute_s, compute),
                ("communication", g.communication_s, flat),
                ("threshold", g.compute_bound_n, threshold),
                ("ceiling", g.ceiling_flop_per_s / 1e18, ceiling),
            ] {
                assert!((got / want - 1.0).abs() < 0.011, "{name} {what}: {got} for {want}");
            }
            assert!(g.over_least > 1.0, "{name}: below the lower bound");
            assert!(g.overlapped_s >= g.compute_s && g.flop_per_s <= g.ceiling_flop_per_s);
        }
    }

    #[test]
    fn a_product_on_four_accelerators_is_what_pencil_and_paper_say() {
        let catalog = Catalog::built_in().unwrap();
        let mut machine = {
            let a = catalog.accelerator("h100").unwrap();
            let (node, fabric) = (catalog.node("hgx-h100").unwrap(), catalog.fabric("infiniband-ndr").unwrap());
            Machine::new(a, catalog.published("h100").unwrap(), node, fabric, Format::Bf16, 4.0).unwrap()
        };
        // 3 blocks of (n/2)² · 2 B fill 85 % of 6e9/0.85 B: n = 63,246.
        (machine.memory, machine.scale_out, machine.fabric_latency) = (6e9 / 0.85, 1e10, 1e-5);
        let g = GiantMatmul::new(&machine, 1e12, 0.0);
        let n = 4e9f64.sqrt();
        let near = |got: f64, want: f64| assert!((got / want - 1.0).abs() < 1e-9, "{got} for {want}");
        near(g.n, n);
        near(g.compute_s, 2.0 * n.powi(3) / 4e12);
        // Each receives the other half of a block row and of a block column: n²/2 elements twice over.
        near(g.communication_s, 2.0 * n * n / 1e10 + n / 4096.0 * 2e-5);
        near(g.compute_bound_n, 2.0 * 1e12 * 2.0 / 1e10);
        // Three blocks in memory: √3 times the bound of 2n³/(P√S).
        near(g.over_least, 3f64.sqrt());
        near(g.least_elements, 2.0 * n.powi(3) / (4.0 * 3e9f64.sqrt()));
        near(g.communication_25d_half_n_s, g.communication_s / 8.0);
        // At the smallest n that is bound by compute, compute and bytes take as long.
        let at = g.compute_bound_n;
        near(2.0 * at.powi(3) / 4e12, 2.0 * at * at / 1e10);
    }

    #[test]
    fn operands_of_8_bits_are_moved_and_held_as_such_and_their_result_in_16() {
        let catalog = Catalog::built_in().unwrap();
        let of = |format| {
            let a = catalog.accelerator("h100").unwrap();
            let (node, fabric) = (catalog.node("hgx-h100").unwrap(), catalog.fabric("infiniband-ndr").unwrap());
            let mut machine =
                Machine::new(a, catalog.published("h100").unwrap(), node, fabric, format, 1024.0).unwrap();
            machine.fabric_latency = 0.0;
            GiantMatmul::new(&machine, 1e15, 0.0)
        };
        let (wide, narrow) = (of(Format::Bf16), of(Format::Fp8));
        let near = |got: f64, want: f64| assert!((got / want - 1.0).abs() < 1e-9, "{got} for {want}");
        // Two blocks of a byte each and one of two are 4 of what were 6.
        near(narrow.n, wide.n * 1.5f64.sqrt());
        near(narrow.communication_s, wide.communication_s * 1.5 / 2.0);
        near(narrow.compute_bound_n, wide.compute_bound_n / 2.0);
        assert!(narrow.over_least > 1.0);
    }

    #[test]
    fn linpack_is_its_closed_form_term_by_term() {
        // N 1e5 on 4 × 8 with blocks of 256, γ 1 ps, β 0.1 ns, α 10 µs.
        let (compute, moved) = linpack_terms(1e5, (4.0, 8.0), 256.0, 1e-12, 1e-10, 1e-5);
        assert!((compute - 20.833_333).abs() < 1e-5, "{compute}");
        // 1e10 · 20/64 · 1e-10 + 1e5 · (257 · 2 + 4)/256 · 1e-5
        assert!((moved - (0.3125 + 2.023_437_5)).abs() < 1e-9, "{moved}");
    }

    #[test]
    fn at_300_000_the_product_outlasts_the_time_between_failures() {
        let catalog = Catalog::built_in().unwrap();
        let g = giant_matmul(&catalog, "xai-300k-b200", Format::Bf16).unwrap();
        assert!(g.overlapped_s > g.mean_time_to_failure_s);
        assert!(giant_matmul(&catalog, "nowhere", Format::Bf16).is_err());
        assert!(giant_matmul(&catalog, "rsc-1", Format::Fp8).unwrap_err().message().contains("no fp8 peak"));
    }

    #[test]
    fn linpack_without_communication_is_its_flop() {
        let seconds = linpack_seconds(1e5, (4.0, 8.0), 256.0, 1e-12, 0.0, 0.0);
        assert!((seconds - 2.0 * 1e15 / 3.0 / 32.0 * 1e-12).abs() < 1e-9);
        assert!(linpack_seconds(1e5, (4.0, 8.0), 256.0, 1e-12, 1e-10, 1e-5) > seconds);
    }
}
