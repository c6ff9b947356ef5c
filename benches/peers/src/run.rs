//! Everyone on one shape: set up, then rounds in which each is warmed and timed in turn, then proofs.

use crate::peer::{Peer, Result};
use flopcast::kernel::{DataClass, Operands, Precision, Shape, prove};
use flopcast::stats::interval::median_95;
use flopcast::stats::ratio::paired;
use serde::Serialize;
use std::time::Instant;

/// How much is asked of a run.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Plan {
    /// Rounds.
    pub rounds: u32,
    /// A lap repeats its product until it is about this long, seconds.
    pub lap_s: f64,
    /// Seed of the operands.
    pub seed: u64,
}

/// A median with its 95 % interval; fewer than six rounds give the full range.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Interval {
    /// Median.
    pub median: f64,
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
}

/// One peer on one shape.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Peer.
    pub name: String,
    /// Shape m×n×k.
    pub shape: String,
    /// Seconds from the operands on the host to the first product, compilation and tuning included.
    pub setup_s: Option<f64>,
    /// Products per lap.
    pub repeats: u32,
    /// Host seconds per product, one per round, in order.
    pub seconds: Vec<f64>,
    /// GFLOP/s; absent unless the result was proved.
    pub gflop_per_s: Option<Interval>,
    /// Rate over that of each other peer, round by round (Hodges–Lehmann, 95 %).
    pub over: Vec<Over>,
    /// Why there is no figure.
    pub error: Option<String>,
}

/// A ratio of rates.
#[derive(Debug, Serialize)]
pub struct Over {
    /// The other peer.
    pub name: String,
    /// This rate over the other's.
    pub ratio: Interval,
}

/// Runs one shape.
pub fn run(peers: &mut [Box<dyn Peer>], shape: Shape, plan: &Plan) -> Vec<Row> {
    let operands = Operands::of_class(shape, Precision::F32, DataClass::Normal, plan.seed);
    let mut rows: Vec<Row> = peers.iter().map(|peer| blank(peer.name(), shape)).collect();
    for (peer, row) in peers.iter_mut().zip(&mut rows) {
        let outcome = set_up(peer.as_mut(), &operands, plan, row);
        row.error = outcome.err();
    }
    for round in 0..plan.rounds as usize {
        // Rotated, so that nobody always follows the same one.
        for position in 0..peers.len() {
            let index = (position + round) % peers.len();
            let row = &mut rows[index];
            if row.error.is_none()
                && let Err(error) = timed(peers[index].as_mut(), row)
            {
                row.error = Some(error);
            }
        }
    }
    for (peer, row) in peers.iter_mut().zip(&mut rows) {
        if row.error.is_none()
            && let Err(error) = finish(peer.as_mut(), &operands, shape, plan, row)
        {
            row.error = Some(error);
        }
    }
    compare(&mut rows);
    rows
}

fn blank(name: String, shape: Shape) -> Row {
    let shape = shape.to_string();
    Row {
        name,
        shape,
        setup_s: None,
        repeats: 1,
        seconds: Vec::new(),
        gflop_per_s: None,
        over: Vec::new(),
        error: None,
    }
}

fn set_up(peer: &mut dyn Peer, operands: &Operands, plan: &Plan, row: &mut Row) -> Result<()> {
    let begin = Instant::now();
    peer.prepare(operands)?;
    row.setup_s = Some(begin.elapsed().as_secs_f64());
    // Twice, since the first one after a set-up is often slow.
    peer.lap(1)?;
    let each = peer.lap(1)? as f64 * 1e-9;
    row.repeats = (plan.lap_s / each).ceil().clamp(1.0, 4096.0) as u32;
    Ok(())
}

/// A warm lap that does not count, then one that does, on a poisoned result.
fn timed(peer: &mut dyn Peer, row: &mut Row) -> Result<()> {
    peer.lap(row.repeats.div_ceil(2))?;
    peer.poison()?;
    let ns = peer.lap(row.repeats)?;
    row.seconds.push(ns as f64 * 1e-9 / f64::from(row.repeats));
    Ok(())
}

/// The product of the last timed lap is proved, and only then there is a figure.
fn finish(peer: &mut dyn Peer, operands: &Operands, shape: Shape, plan: &Plan, row: &mut Row) -> Result<()> {
    let proof = prove(operands, &peer.result()?, Precision::F32, plan.seed);
    if !proof.passed {
        return Err(format!("not proved: {}", proof.failure.unwrap_or_default()));
    }
    let seconds = median_95(&row.seconds).map_err(|e| e.to_string())?;
    let rate = |seconds: f64| shape.flop() / seconds * 1e-9;
    row.gflop_per_s = Some(Interval { median: rate(seconds.median), lo: rate(seconds.hi), hi: rate(seconds.lo) });
    Ok(())
}

fn compare(rows: &mut [Row]) {
    let times: Vec<(String, Option<Vec<f64>>)> =
        rows.iter().map(|row| (row.name.clone(), row.gflop_per_s.map(|_| row.seconds.clone()))).collect();
    for (index, row) in rows.iter_mut().enumerate() {
        let Some(own) = &times[index].1 else { continue };
        for (name, other) in times.iter().enumerate().filter(|(i, _)| *i != index).map(|(_, t)| t) {
            // Time of the other over time of this one is rate of this one over rate of the other.
            if let Some(other) = other
                && let Ok(ratio) = paired(own, other, 0.95)
            {
                let ratio = Interval { median: ratio.ratio, lo: ratio.lo, hi: ratio.hi };
                row.over.push(Over { name: name.clone(), ratio });
            }
        }
    }
}
