//! `flopcast validate`: predictions against what others measured.

use super::output::{self, Format};
use super::{counting::Counting, stop};
use crate::error::Result;
use crate::project::Catalog;
use crate::project::validate::{
    Figures, Line, Row, SCHEMA, built_in_table, open_table, read_figures, regressions, validate,
};
use crate::report::validation::{self, Refused};
use std::path::PathBuf;
use std::process::ExitCode;

/// Predict published training runs and say how far off the predictions are.
///
/// Each row's step time is predicted from the layout it states; what it does not state is searched
/// for. The measured columns are read only afterwards: `step_time_s`, else `tokens_per_s_per_accel`,
/// else `tflops_per_accel` with the flop that `flop_definition` counts. A row that cannot be predicted
/// is counted as refused, with its reason. Tables may have any number of rows.
///
/// Exit codes: 0 done; 10 a figure is worse than in the baseline, which is named on stderr; 2 a table
/// or a baseline that is none; 130 interrupted.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast validate\n  flopcast validate --data runs.csv --format json\n  \
    flopcast validate --baseline data/validation/baseline.json")]
pub struct Args {
    /// Tables of runs; the built-in one where none is given.
    #[arg(long, value_name = "FILE.csv")]
    data: Vec<PathBuf>,
    /// Figures that must not get worse, as `--no-rows --format json` prints them.
    #[arg(long, value_name = "FILE.json")]
    baseline: Option<PathBuf>,
    /// Leave the rows out of the JSON: what a baseline is made of.
    #[arg(long)]
    no_rows: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    stop::at_once()?;
    let catalog = Catalog::built_in()?;
    // Everything that can be wrong with a file is found before the first row is printed.
    let baseline = args.baseline.as_deref().map(read_figures).transpose()?;
    let tables = args.data.iter().map(|path| open_table(path)).collect::<Result<Vec<_>>>()?;
    let built_in = if args.data.is_empty() { built_in_table()? } else { Vec::new() };
    let lines = tables.into_iter().flatten().chain(built_in.into_iter().map(Ok));
    let figures = match args.format {
        Format::Json => print_json(&catalog, lines, args.no_rows)?,
        Format::Text => {
            let mut refused = Refused::default();
            let figures = counted(&catalog, lines, |row| {
                refused.note(row);
                Ok(())
            })?;
            output::data(&validation::text(&figures, &refused))?;
            figures
        }
    };
    let Some(baseline) = baseline else { return Ok(ExitCode::SUCCESS) };
    let worse = regressions(&baseline, &figures);
    for regression in &worse {
        output::talk(&validation::regression(regression));
    }
    Ok(if worse.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(10) })
}

/// Rows as they come, one per line, then the figures.
fn print_json(catalog: &Catalog, lines: impl Iterator<Item = Result<Line>>, no_rows: bool) -> Result<Figures> {
    let mut out = output::Stream::new();
    out.write(format_args!("{{\n\"schema\": \"{SCHEMA}\",\n"));
    if !no_rows {
        out.write(format_args!("\"rows\": ["));
    }
    let mut between = "\n";
    let figures = counted(catalog, lines, |row| {
        if !no_rows {
            out.write(format_args!("{between}{}", output::line(row)?));
            between = ",\n";
        }
        Ok(())
    })?;
    if !no_rows {
        out.write(format_args!("\n],\n"));
    }
    let pretty = output::pretty(&figures)?;
    // The figures' own braces are those of the whole.
    out.write(format_args!("{}", pretty.trim_start_matches("{\n")));
    out.end()?;
    Ok(figures)
}

fn counted(
    catalog: &Catalog,
    lines: impl Iterator<Item = Result<Line>>,
    mut each: impl FnMut(&Row) -> Result<()>,
) -> Result<Figures> {
    let count = Counting::new("rows");
    let figures = validate(catalog, lines, |row| {
        count.steps(1);
        each(row)
    });
    count.finish();
    figures
}
