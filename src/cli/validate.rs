//! `flopcast validate`: predictions against what others measured.

use super::output::{self, Format, Printing};
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
    #[command(flatten)]
    printing: Printing,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    stop::at_once()?;
    let how = args.printing.among(&validation::TABLES)?;
    let catalog = Catalog::built_in()?;
    // Everything that can be wrong with a file is found before the first row is printed.
    let baseline = args.baseline.as_deref().map(read_figures).transpose()?;
    let tables = args.data.iter().map(|path| open_table(path)).collect::<Result<Vec<_>>>()?;
    let end = if args.data.is_empty() { None } else { lines_of(&args.data) };
    let built_in = if args.data.is_empty() { built_in_table()? } else { Vec::new() };
    let lines = tables.into_iter().flatten().chain(built_in.into_iter().map(Ok));
    let figures = match how.format {
        Format::Json => print_json(&catalog, lines, args.no_rows, end)?,
        Format::Csv if how.table(&validation::TABLES) == "rows" => print_rows(&catalog, lines, end)?,
        Format::Csv => {
            let figures = counted(&catalog, lines, end, |_| Ok(()))?;
            output::data(&validation::groups(&figures).csv()?)?;
            figures
        }
        _ => {
            let mut refused = Refused::default();
            let figures = counted(&catalog, lines, end, |row| {
                refused.note(row);
                Ok(())
            })?;
            output::document(&validation::document(&figures, &refused), how.format)?;
            figures
        }
    };
    let Some(baseline) = baseline else { return Ok(ExitCode::SUCCESS) };
    let worse = regressions(&baseline, &figures);
    for regression in &worse {
        output::reason(&validation::regression(regression));
    }
    Ok(if worse.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(10) })
}

/// Rows as they come, one per line, then the figures.
fn print_json(
    catalog: &Catalog,
    lines: impl Iterator<Item = Result<Line>>,
    no_rows: bool,
    end: Option<u64>,
) -> Result<Figures> {
    let mut out = output::Stream::new();
    out.write(format_args!("{{\n\"schema\": \"{SCHEMA}\",\n"));
    if !no_rows {
        out.write(format_args!("\"rows\": ["));
    }
    let mut between = "\n";
    let figures = counted(catalog, lines, end, |row| {
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

/// Rows as they come, as CSV.
fn print_rows(catalog: &Catalog, lines: impl Iterator<Item = Result<Line>>, end: Option<u64>) -> Result<Figures> {
    let mut out = output::Stream::new();
    out.write(format_args!("{}", validation::rows(&[]).csv()?));
    let figures = counted(catalog, lines, end, |row| {
        let csv = validation::rows(std::slice::from_ref(row)).csv()?;
        out.write(format_args!("{}", csv.split_once('\n').map_or("", |(_, row)| row)));
        Ok(())
    })?;
    out.end()?;
    Ok(figures)
}

/// About how many rows files have: their lines, for the time that is left.
fn lines_of(files: &[PathBuf]) -> Option<u64> {
    use std::io::{BufRead, BufReader};
    let mut lines = 0;
    for file in files {
        // What was read from a pipe is gone.
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut reader = BufReader::new(std::fs::File::open(file).ok()?);
        loop {
            let buffer = reader.fill_buf().ok()?;
            if buffer.is_empty() {
                break;
            }
            lines += buffer.iter().filter(|&&byte| byte == b'\n').count() as u64;
            let length = buffer.len();
            reader.consume(length);
        }
        lines = lines.saturating_sub(1);
    }
    Some(lines)
}

fn counted(
    catalog: &Catalog,
    lines: impl Iterator<Item = Result<Line>>,
    end: Option<u64>,
    mut each: impl FnMut(&Row) -> Result<()>,
) -> Result<Figures> {
    let count = Counting::new("rows", end);
    let figures = validate(catalog, lines, |row| {
        count.steps(1);
        each(row)
    });
    count.finish();
    figures
}
