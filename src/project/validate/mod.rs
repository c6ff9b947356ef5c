//! Predictions against what others measured.
//!
//! A row states a job, a layout and a machine; what it does not state is searched for. The measured
//! columns are read only after the prediction is made.

mod baseline;
mod hardware;
pub mod left_out;
mod placement;
mod row;
mod shape;
mod summary;
mod table;

pub use baseline::{Regression, read_figures, regressions};
pub use row::{Case, Measured, Row};
pub use summary::{Figures, Summary};
pub use table::{Line, Table, open_table, read_table, read_table_text};

use super::catalog::Catalog;
use super::constants::Constants;
use super::sample::{drawn, quantile};
use super::step::StepModel;
use crate::error::Result;
use crate::job::Layout;
use rayon::prelude::*;

/// Schema id of a validation.
pub const SCHEMA: &str = "flopcast.validation/1";

/// What `flopcast validate --format json` prints, row by row as they come.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Validation {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// One for each line of the tables; absent with `--no-rows`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<Row>>,
    /// How far off they are.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Rows that are held at a time, however long the table: enough to keep every thread busy.
const CHUNK: usize = 2_048;

/// The built-in table of published runs: facts with their source, see `scripts/derive_runs.py`.
pub fn built_in_table() -> Result<Vec<Line>> {
    read_table_text(include_str!("../../../data/validation/runs.csv"), "data/validation/runs.csv")
}

/// The layout that a case leaves to choose, and its seconds per step: the quickest that fits the
/// memory, or the leanest where none fits (published rows ran, so our estimate is too high then).
pub fn choose(case: &Case, constants: &Constants) -> (Layout, f64) {
    let constants = &case.constants(constants);
    let mut quickest: Option<(Layout, f64)> = None;
    let mut leanest: Option<(Layout, f64, f64)> = None;
    for layout in &case.layouts {
        let model = StepModel::new(&case.job, &case.run, layout, &case.machine, None);
        let need = model.held().total() + constants.reserved_memory;
        let seconds = model.time(&case.machine, constants, 1.0).total;
        if need <= case.machine.memory && quickest.is_none_or(|(_, best)| seconds < best) {
            quickest = Some((*layout, seconds));
        }
        if leanest.is_none_or(|(_, _, least)| need < least) {
            leanest = Some((*layout, seconds, need));
        }
    }
    // `Case::new` leaves no case without a layout.
    quickest.or(leanest.map(|(l, s, _)| (l, s))).unwrap_or((case.layouts[0], f64::NAN))
}

/// 5 and 95 % of the step of a published run, around `seconds`: the draws of the constants and of the products'
/// error, without those of a particular network, on fewer points than a projection has.
pub fn band(catalog: &Catalog, case: &Case, layout: &Layout, seconds: f64) -> (f64, f64) {
    const POINTS: u32 = 128;
    let model = StepModel::new(&case.job, &case.run, layout, &case.machine, None);
    let mut values: Vec<f64> = (0..POINTS)
        .map(|i| {
            let (constants, machine) = drawn(&catalog.constants, &case.machine, i);
            model.time(&machine, &case.constants(&constants), 1.0).total
        })
        .collect();
    values.sort_by(f64::total_cmp);
    // The median of the draws may lie beside the value at the medians; the band is moved with it.
    let shift = seconds / quantile(&values, 0.5);
    (shift * quantile(&values, 0.05), shift * quantile(&values, 0.95))
}

/// Predicts one line, then reads what was measured.
fn predict(catalog: &Catalog, constants: &Constants, line: &Line) -> Row {
    let predicted = line.fault().map_or(Ok(()), Err).and_then(|()| {
        let case = Case::new(catalog, line)?;
        let (layout, seconds) = choose(&case, constants);
        let (p5, p95) = band(catalog, &case, &layout, seconds);
        if [seconds, p5, p95].iter().all(|x| x.is_finite() && *x > 0.0) {
            Ok((seconds, p5, p95))
        } else {
            Err(format!("the prediction under `{layout}` is no finite time"))
        }
    });
    Row::new(line, predicted, Measured::of(line))
}

/// Predicts every line and hands each row on, in order; what is kept of a row is a few numbers, so a
/// table may have any number of them. Errors: a line that cannot be read, and what `each` returns.
pub fn validate(
    catalog: &Catalog,
    lines: impl IntoIterator<Item = Result<Line>>,
    mut each: impl FnMut(&Row) -> Result<()>,
) -> Result<Figures> {
    let constants = catalog.constants.medians();
    let mut totals = summary::Totals::default();
    let mut lines = lines.into_iter();
    loop {
        let chunk: Vec<Line> = lines.by_ref().take(CHUNK).collect::<Result<_>>()?;
        if chunk.is_empty() {
            return Ok(totals.figures());
        }
        let rows: Vec<Row> = chunk.par_iter().map(|line| predict(catalog, &constants, line)).collect();
        for row in &rows {
            totals.add(row);
            each(row)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in() -> (Catalog, Vec<Line>) {
        (Catalog::built_in().unwrap(), built_in_table().unwrap())
    }

    /// Rows and figures of lines at hand.
    fn all(catalog: &Catalog, lines: &[Line]) -> (Vec<Row>, Figures) {
        let mut rows = Vec::new();
        let keep = |row: &Row| {
            rows.push(row.clone());
            Ok(())
        };
        let figures = validate(catalog, lines.iter().cloned().map(Ok), keep).unwrap();
        (rows, figures)
    }

    #[test]
    fn the_published_runs_are_predicted_as_well_as_committed() {
        let (catalog, lines) = built_in();
        let (rows, figures) = all(&catalog, &lines);
        let committed: Figures = serde_json::from_str(include_str!("../../../data/validation/baseline.json")).unwrap();
        let worse = regressions(&committed, &figures);
        assert_eq!(worse, [], "after a refit that is better as a whole, see CONTRIBUTING.md");
        // Whatever the baseline says, which a refit writes anew.
        let factor = |log: Option<f64>| log.unwrap().exp();
        let (all, moe) = (&figures.summary, &figures.by["arch"]["moe"]);
        assert!(factor(all.median_abs_log) < 1.08 && factor(all.p90_abs_log) < 1.26, "{all:?}");
        assert!(factor(moe.median_abs_log) < 1.20, "{moe:?}");
        let coverage = figures.summary.coverage90.unwrap();
        assert!((0.85..=0.95).contains(&coverage), "{coverage}");
        assert_eq!(rows.len(), lines.len());
        assert_eq!(figures.by["source_group"].values().map(|s| s.n).sum::<usize>(), figures.summary.n);
    }

    #[test]
    fn a_prediction_never_sees_what_was_measured() {
        let catalog = Catalog::built_in().unwrap();
        let table = include_str!("../../../data/validation/runs.csv");
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        let headers = reader.headers().unwrap().clone();
        let measured = ["step_time_s", "tokens_per_s_per_accel", "tflops_per_accel"];
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&headers).unwrap();
        for record in reader.records().map(|r| r.unwrap()) {
            let cells = headers.iter().zip(record.iter()).map(|(h, c)| if measured.contains(&h) { "7" } else { c });
            writer.write_record(cells).unwrap();
        }
        let other = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let (a, b) = (built_in_table().unwrap(), read_table_text(&other, "other.csv").unwrap());
        let seconds = |lines| all(&catalog, lines).0.into_iter().map(|r| r.predicted_s).collect::<Vec<_>>();
        assert_eq!(seconds(&a), seconds(&b));
    }

    const HEAD: &str =
        "id,accelerator,n_accel,seq_len,global_batch,layers,hidden,heads,tp,pp,dp,micro_batch,step_time_s";

    fn one(row: &str) -> Row {
        let lines = read_table_text(&format!("{HEAD}\n{row}\n"), "t.csv").unwrap();
        all(&Catalog::built_in().unwrap(), &lines).0.remove(0)
    }

    #[test]
    fn a_row_that_cannot_be_predicted_is_refused_with_its_field() {
        let good = one("a,H100,64,4096,256,32,4096,32,2,1,32,1,2.0");
        assert!(good.refused.is_none() && good.predicted_s.unwrap() > 0.0, "{good:?}");
        assert!(good.p5_s < good.predicted_s && good.predicted_s < good.p95_s);
        for (row, part) in [
            ("a,H100,64,4096,256,32,4096,32,2,1,48,1,2", "is not `n_accel` 64"),
            ("a,H100,64,4096,256,32,4096,32,3,1,,1,2", "does not divide"),
            ("a,H100,63,4096,252,32,4096,32,3,1,21,1,2", "`tensor`: 3 does not divide the 32 heads"),
            ("a,H100,0,4096,256,32,4096,32,2,1,32,1,2", "`n_accel`: 0"),
            ("a,H100,1000000000,4096,256,32,4096,32,2,1,32,1,2", "`n_accel`: 1000000000"),
            ("a,H100,64,4096,8,32,4096,32,2,1,32,1,2", "8 sequences for 32 replicas"),
            ("a,H100,64,4096,256,32,4096,32,2,1,32,1,-2", "`step_time_s`: `-2`"),
            ("a,H100,64,4096,256,nan,4096,32,2,1,32,1,2", "`layers`: `nan`"),
            ("a,Z80,64,4096,256,32,4096,32,2,1,32,1,2", "unknown accelerator `Z80`"),
            ("a,H100,64,4096,256,,,,2,1,32,1,2", "neither `layers`"),
            ("a,H100,64,4096,256,32,4096,32,2,1,32,1,", "no `step_time_s`"),
            ("a,H100,64,4096,256,16,4096,32,1,32,2,1,2", "for 16 layers"),
        ] {
            let refused = one(row);
            assert!(refused.refused.as_deref().is_some_and(|why| why.contains(part)), "{part}: {refused:?}");
        }
    }

    #[test]
    fn a_table_that_is_none_is_refused_with_the_reason() {
        for (text, part) in [
            ("a,b\n1,2\n", "no column `n_accel`"),
            ("", "no column"),
            (HEAD, "no row"),
            ("n_accel,accelerator,seq_len,global_batch,n_accel\n1,H100,1,1,1\n", "two columns `n_accel`"),
        ] {
            let error = read_table_text(text, "t.csv").unwrap_err();
            assert!(error.message().starts_with("`t.csv`: ") && error.message().contains(part), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn a_row_that_was_cut_or_is_no_text_is_refused_and_the_rest_is_predicted() {
        let good = "a,H100,64,4096,256,32,4096,32,2,1,32,1,2.0";
        let mut text = format!("{HEAD}\n1,2\n{good}\n").into_bytes();
        text.extend(b"a,H100,64,4096,256,\xff32,4096,32,2,1,32,1,2.0\n");
        let lines: Vec<Line> = Table::new(text.as_slice(), "t.csv").unwrap().collect::<Result<_>>().unwrap();
        let (rows, figures) = all(&Catalog::built_in().unwrap(), &lines);
        assert!(rows[0].refused.as_deref().unwrap().contains("2 fields, but the header has 13"), "{rows:?}");
        assert!(rows[1].refused.is_none(), "{rows:?}");
        assert!(rows[2].refused.as_deref().unwrap().contains("`layers`"), "{rows:?}");
        assert_eq!((figures.summary.n, figures.summary.refused), (1, 2));
    }

    #[test]
    fn a_measurement_that_is_none_is_refused_and_takes_no_figure_with_it() {
        let catalog = Catalog::built_in().unwrap();
        for (head, cells, part) in [
            ("tokens_per_s_per_accel", "0", "`tokens_per_s_per_accel`: 0"),
            ("step_time_ms", "0", "`step_time_ms`: 0"),
            ("step_time_s", "0", "`step_time_s`: 0"),
            ("tokens_per_s_per_accel", "1e-320", "comes to inf s a step"),
        ] {
            let head_of_all = "accelerator,n_accel,seq_len,global_batch,layers,hidden,heads,tp,pp,dp,micro_batch";
            let good = "H100,64,4096,256,32,4096,32,2,1,32,1";
            // A second column of seconds, so that one row of the table is good.
            let text = if head == "step_time_s" {
                format!("{head_of_all},step_time_s\n{good},2\n{good},0\n")
            } else {
                format!("{head_of_all},step_time_s,{head}\n{good},2,\n{good},,{cells}\n")
            };
            let lines = read_table_text(&text, "t.csv").unwrap();
            let (rows, figures) = all(&catalog, &lines);
            assert!(rows[0].refused.is_none(), "{rows:?}");
            assert!(rows[1].refused.as_deref().is_some_and(|why| why.contains(part)), "{part}: {rows:?}");
            assert_eq!((figures.summary.n, figures.summary.refused), (1, 1));
            assert!(figures.summary.mape.is_some_and(f64::is_finite), "{figures:?}");
        }
    }

    #[test]
    fn extents_beyond_all_reason_are_refused_and_never_a_panic() {
        for row in [
            "a,H100,100000000,4096,100000000,32,4096,32,100000000,100000000,100000000,100000000,2",
            "a,H100,64,100000000,100000000,100000000,100000000,100000000,1,1,64,100000000,2",
            "a,H100,1,1,1,1,1,1,1,1,1,1,1e-300",
            "a,H100,64,4096,256,32,4096,32,2,1,32,1,1e15",
        ] {
            let row = one(row);
            assert!(row.refused.is_some() || row.predicted_s.is_some_and(f64::is_finite), "{row:?}");
        }
    }

    #[test]
    fn a_measurement_is_read_from_seconds_tokens_or_flop() {
        let read = |head: &str, row: &str| {
            let lines =
                read_table_text(&format!("accelerator,n_accel,seq_len,global_batch,{head}\nH100,8,1000,80,{row}"), "t")
                    .unwrap();
            Measured::of(&lines[0]).unwrap()
        };
        assert_eq!(read("step_time_s", "3.5"), 3.5);
        assert_eq!(read("tokens_per_s_per_accel", "1000"), 10.0);
        assert_eq!(read("params_total_b,tflops_per_accel,flop_definition", "1,10,model"), 6.0);
        assert_eq!(read("params_total_b,tflops_per_accel,flop_definition", "1,10,hardware"), 8.0);
    }
}
