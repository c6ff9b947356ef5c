//! `flopcast report`: results as one HTML file.

use super::output;
use crate::error::{Error, Kind, Result};
use crate::files;
use crate::project::scaling::{Mode, Range, Scaled, Scaling};
use crate::project::{Catalog, Projection, Transfer};
use crate::report::html::{Report, Shown, files_of, page};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

/// Results as one HTML file: tables, plots, forecasts with their ranges, and where everything comes from.
///
/// Takes any mix of what this tool writes, and recognises each by its `schema`: records (`measure --out`), trials
/// (`ab --out`), calibrations, and what `roofline`, `measure --suite portability`, `tune`, `ab`, `compare`, `smoke`,
/// `doctor`, `project` (`--what-if` and comparisons too), `scale`, `search`, `explain` and `validate` print with
/// `--format json`; a folder stands for what a run wrote into it. The file needs no network and no script, is light or
/// dark as the reader's system is, prints, and has every plot as a table too.
///
/// Exit codes: 0 written; 1 it could not be made; 2 a file that is foreign, cut off or damaged, or `--out` cannot be
/// written: nothing is written then, and an older report stays as it was.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast report flopcast-out --out report.html\n  \
    flopcast report measurements.jsonl roofline.jsonl scaling.json --title 'Node 7, before and after'")]
pub struct Args {
    /// Files with results, or folders of a run.
    #[arg(value_name = "FILES", required = true)]
    files: Vec<PathBuf>,
    /// The report.
    #[arg(long, value_name = "FILE.html", default_value = "report.html")]
    out: PathBuf,
    /// Heading of the report.
    #[arg(long, default_value = "flopcast report")]
    title: String,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let read: Vec<PathBuf> = args.files.iter().flat_map(|file| files_of(file)).collect();
    files::apart(&[("--out", Some(&args.out))], &read.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
    let command = output::command();
    let mut report = Report { title: args.title.clone(), at: now(), command, ..Report::default() };
    args.files.iter().try_for_each(|file| report.add(file))?;
    add_curves(&mut report, &Catalog::built_in()?)?;
    write(&args.out, &page(&report)?)?;
    output::talk(&format!("written: `{}`", args.out.display()));
    Ok(ExitCode::SUCCESS)
}

/// Counts that the curves of a report reach over.
const COUNTS: [u64; 2] = [256, 1_000_000];

/// Adds the strong and the weak scaling curve of the first forecast that rests on published figures alone, unless curves
/// are among the files: so that goodput, power and cost are shown over the number of accelerators too.
pub fn add_curves(report: &mut Report, catalog: &Catalog) -> Result<()> {
    let of_catalog = |p: &&Projection| p.transfer == Transfer::None && catalog.scenarios.contains_key(&p.scenario);
    let Some(p) = report.projections.iter().map(|p| &p.is).find(of_catalog).filter(|_| report.scalings.is_empty())
    else {
        return Ok(());
    };
    let curve = |mode| -> Result<Scaling> {
        let range = Range { mode, from: COUNTS[0], to: COUNTS[1], critical_batch: None };
        Scaled::new(catalog, &p.scenario, range)?.sparse().scaling()
    };
    let (strong, weak) = rayon::join(|| curve(Mode::Strong), || curve(Mode::Weak));
    // A curve that a scenario does not have (a batch beyond its tokens) is left out, as one of another version would be.
    let (Ok(strong), weak) = (strong, weak.ok()) else { return Ok(()) };
    if !holds(&strong, p) {
        return Ok(());
    }
    let made = |is| Shown { file: "made with this page".into(), is };
    report.scalings = [Some(strong), weak].into_iter().flatten().map(made).collect();
    Ok(())
}

/// Whether a curve goes through a forecast: a forecast of a changed cluster or of another version is another's.
fn holds(curve: &Scaling, p: &Projection) -> bool {
    let same = |name: &str, value: f64| p.quantities.get(name).is_some_and(|q| (q.value / value - 1.0).abs() < 1e-9);
    curve.points.iter().any(|point| {
        point.layout == p.layout
            && ["run_days", "goodput"]
                .iter()
                .all(|name| point.quantities.get(*name).is_some_and(|q| same(name, q.value)))
    })
}

/// The time, UTC, RFC 3339, to the second.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// Puts the page in its place in one step: what dies on the way leaves the older one.
pub fn write(path: &Path, page: &str) -> Result<()> {
    files::write(path, page.as_bytes()).map_err(|e| {
        Error::new(Kind::Usage, e.to_string())
            .context(format!("`{}` cannot be written", path.display()))
            .hint("choose another place with `--out`")
    })
}
