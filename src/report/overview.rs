//! The one screen of the main job.

use super::measurement::{clock, headline, kernel, range, shape, significant};
use super::{Document, measurement, projection};
use crate::calibrate::Calibration;
use crate::measure::host::HOST;
use crate::measure::record::{AdapterIdentity, Verdict};
use crate::measure::row::Row;
use crate::project::{Equivalents, LARGEST_VALIDATED, Projection};

/// Adapter, what it reached, what many of it would be, and the forecasts.
pub fn document(
    adapter: &AdapterIdentity,
    rows: &[Row],
    calibration: Option<&Calibration>,
    equivalents: Option<&Equivalents>,
    projections: &[Projection],
) -> Document {
    let mut out = Document::from(format!("{}\n\n", headline(adapter)));
    out.table(measurement::table(rows));
    out += &best(rows);
    if let Some(equivalents) = equivalents {
        out += &projection::equivalents(equivalents);
    }
    out += &format!(
        "\ntraining the Grok-1-shaped mixture of experts (314B) on {}; 5–95 % in brackets\n\n",
        tokens(projections)
    );
    out.table(projection::summary(projections));
    out += &basis(calibration, projections);
    out
}

/// The row of the best verified rate; a SUSPECT one is it only where there is no better verdict.
pub fn best_row(rows: &[Row]) -> Option<&Row> {
    let rate = |row: &&Row| row.gflop_per_s.map_or(0.0, |r| r.median);
    let usable = rows.iter().filter(|r| r.gflop_per_s.is_some() && r.kernel != HOST);
    usable.min_by(|a, b| a.verdict.cmp(&b.verdict).then(rate(b).total_cmp(&rate(a))))
}

/// The best verified rate with everything that belongs to it.
fn best(rows: &[Row]) -> String {
    let Some(best) = best_row(rows) else {
        return "\nno verified rate\n".into();
    };
    let (Some(figure), Some(method)) = (best.gflop_per_s, best.timing_method) else {
        return String::new();
    };
    format!(
        "\nbest verified {} matmul: {} GFLOP/s (95 %: {}) at {}×{}×{} by {} on the {} clock: {}\n",
        best.precision,
        significant(figure.median),
        range(figure),
        best.m,
        best.n,
        best.k,
        format_args!("{}{}", best.kernel, best.marks()),
        clock(method),
        best.verdict.as_str()
    ) + &quicker(best, rows).map_or(String::new(), |told| told + "\n")
        + &beside(best, rows)
}

/// The quickest row that is doubted, where it is clearly quicker than the best that is not.
pub fn quicker(best: &Row, rows: &[Row]) -> Option<String> {
    let sound = best.gflop_per_s.filter(|_| best.verdict != Verdict::Suspect)?;
    let doubted = rows.iter().filter(|r| r.kernel != HOST && r.precision == best.precision);
    let above = doubted.filter_map(|r| Some((r, r.gflop_per_s?))).filter(|(_, rate)| rate.lo > sound.hi);
    let (row, rate) = above.max_by(|a, b| a.1.median.total_cmp(&b.1.median))?;
    Some(format!(
        "quicker, but {}: {} GFLOP/s (95 %: {}) at {} by {}: what rests on the rate above is a lower bound",
        row.verdict.as_str(),
        significant(rate.median),
        range(rate),
        shape(row),
        kernel(row)
    ))
}

/// What the host itself reaches on the shape of the best row: what a software adapter's rate is worth.
fn beside(best: &Row, rows: &[Row]) -> String {
    let same =
        |row: &&Row| row.kernel == HOST && (row.m, row.n, row.k, row.batch) == (best.m, best.n, best.k, best.batch);
    let host = rows.iter().find(same).and_then(|row| row.gflop_per_s);
    let (Some(host), Some(own)) = (host, best.gflop_per_s) else { return String::new() };
    format!(
        "the host's own product on that shape (no adapter): {} GFLOP/s; the adapter reaches {} of it\n",
        significant(host.median),
        significant(own.median / host.median)
    )
}

/// The token budget, with what it rests on.
fn tokens(projections: &[Projection]) -> String {
    let mut assumptions = projections.iter().flat_map(|p| &p.assumptions);
    assumptions
        .find(|a| a.name == "tokens")
        .map_or("the scenario's tokens".into(), |a| format!("{} {} ({}: {})", a.value, a.unit, a.tier, a.note))
}

/// What the forecasts rest on, and how far out they reach.
fn basis(calibration: Option<&Calibration>, projections: &[Projection]) -> String {
    let mut out = String::from("\n");
    match calibration {
        Some(c) if c.software => {
            out += "SOFTWARE: rows so marked carry over the curve of a software adapter: right for trying the path, never a\n\
                statement about hardware; the rows above them rest on published figures alone\n";
        }
        Some(_) => {
            out += "the shape of the measured curve carries over to the clusters' accelerators, never its rate\n"
        }
        None => out += "no usable measurement: the forecast rests on published figures alone\n",
    }
    if projections.iter().any(|p| p.layout.accelerators() as f64 > LARGEST_VALIDATED) {
        out += &format!(
            "no public training job exceeds {LARGEST_VALIDATED} accelerators: beyond that the ranges are widened, not validated\n"
        );
    }
    out += "`flopcast project --scenario NAME` shows each forecast with its layout, assumptions and sources\n";
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::tests::record;

    #[test]
    fn a_row_that_is_doubted_and_clearly_quicker_is_told_beside_the_best() {
        let row = |kernel, rate, verdict| Row::from(&record("64x64x64", kernel, rate, verdict));
        let told = |other: Row| best(&[row("naive", 10.0, Verdict::Software), other]);
        let text = told(row("texture_fed", 90.0, Verdict::Suspect));
        assert!(text.contains("best verified f32 matmul: 10.0 GFLOP/s"), "{text}");
        assert!(text.contains("quicker, but SUSPECT: 90.0 GFLOP/s") && text.contains("lower bound"), "{text}");
        for silent in [
            row("texture_fed", 10.2, Verdict::Suspect),
            row("texture_fed", 5.0, Verdict::Suspect),
            row(HOST, 90.0, Verdict::Suspect),
            row("texture_fed", 90.0, Verdict::Software),
        ] {
            assert!(!told(silent).contains("quicker, but"));
        }
    }
}
