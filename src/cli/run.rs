//! `flopcast run`, the main job: measure this machine's adapter, forecast the announced clusters.

use super::measure::{HOST_SHARE, beside, host, left, measured};
use super::output::{self, Format, Printing};
use super::{kept, report, stop, tuned};
use crate::calibrate::Calibration;
use crate::error::{Context, Error, Kind, Result};
use crate::files;
use crate::gpu;
use crate::kernel::{DataClass, Family, Precision};
use crate::measure::effort::Effort;
use crate::measure::row::Row;
use crate::measure::suite::{DEFAULT_SEED, Selection, Suite};
use crate::measure::{Executor, Log};
use crate::project::everything::{Everything, SCHEMA};
use crate::project::{Catalog, Equivalents, Options, run as project};
use crate::report::html::{Report, Shown, page};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The clusters that were announced in 2024, each training the Grok-1-shaped job.
const ANNOUNCED: [&str; 3] = ["xai-300k-b200", "tesla-85k-h100", "xai-12k-h100-redirected"];

/// Measure this machine's best adapter and forecast the announced clusters: the main job.
///
/// Measures the quick suite, and beside it the host's own product on the same shapes (rows called `host`, which
/// calibrate nothing), calibrates, projects the default scenarios, prints one screen and writes
/// measurements.jsonl, calibration.json, projection.json and report.html, which shows all of it.
///
/// Exit codes: 0 done; 1 no measurement was fit to calibrate from (the forecast then rests on
/// published figures alone); 2 unusable arguments or output folder; 3 no usable adapter; 130
/// interrupted.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast\n  flopcast run --adapter vulkan --out results --format json")]
pub struct Args {
    /// An adapter's index, a part of its name, `vulkan|gl|metal|dx12`, or `backend:name`.
    #[arg(long)]
    adapter: Option<String>,
    /// Folder for what is made; an older record in it is kept as measurements.jsonl.previous.
    #[arg(long, default_value = "flopcast-out")]
    out: PathBuf,
    /// Most time for the measuring, compiling and proving included; what does not fit is `skipped`.
    #[arg(long, value_name = "TIME", default_value = "27s", value_parser = super::measure::budget)]
    time_budget: Duration,
    #[command(flatten)]
    printing: Printing,
    /// Take nothing from the cache: default tilings, no roofline of an earlier run, no limit of `flopcast doctor`.
    #[arg(long)]
    no_cache: bool,
}

/// Seconds for the host's own product on each shape: there to compare with, not to be known to a per cent.
const HOST_CASE_S: f64 = 0.8;

pub fn run(args: &Args) -> Result<ExitCode> {
    let started = Instant::now();
    let how = args.printing.how::<Everything>()?;
    // Everything that can be refused is refused before the first second of measuring.
    let catalog = Catalog::built_in()?;
    let selection = gpu::choose(args.adapter.as_deref())?;
    std::fs::create_dir_all(&args.out).map_err(|e| unwritable(&args.out, &e))?;
    let names = ["calibration.json", "projection.json", "report.html"];
    let [calibration_file, projection_file, report_file] = names.map(|f| args.out.join(f));
    for file in [&calibration_file, &projection_file, &report_file] {
        files::writable(file).map_err(|e| unwritable(file, &e))?;
    }
    let measurements_file = args.out.join("measurements.jsonl");
    // Nothing of what was made from an older record may stand beside a newer one as if it came from it.
    let outdated = [&calibration_file, &projection_file, &report_file].map(PathBuf::as_path);
    let mut log = Some(Log::create(&measurements_file)?.outdates(&outdated));
    let mut executor = kept::open(&selection, !args.no_cache)?;

    let tuned = tuned::look_up(&executor, Precision::F32, !args.no_cache);
    let wanted = Selection {
        shapes: Suite::Quick.shapes(executor.class().software),
        families: tuned::usual(tuned.as_ref(), Family::usual(executor.class(), Precision::F32)),
        tiling: None,
        precision: Precision::F32,
        settings: None,
        tuned,
        data: DataClass::Normal,
        seed: DEFAULT_SEED,
    };
    let mut requests = wanted.requests(executor.class())?;
    let bounds = kept::bounds(None, &executor, !args.no_cache)?;
    requests.iter_mut().for_each(|request| request.bounds.clone_from(&bounds));
    let adapters = (1.0 - HOST_SHARE) * left(args.time_budget, started);
    let mut records = measured(&mut executor, &requests, &Effort::quick(), Some(adapters), &mut log)?;
    kept::drop_doubted(&records, &executor);
    let left = left(args.time_budget, started);
    let effort = Effort { case_s: HOST_CASE_S, ..Effort::quick() };
    records.extend(host(&wanted, &[], &effort, Some(left), &mut log)?);
    beside(&mut records);
    if stop::asked() {
        let nothing = Everything {
            schema: SCHEMA,
            adapter: executor.adapter().clone(),
            measurements: Row::all(&records),
            calibration: None,
            equivalents: None,
            projections: Vec::new(),
        };
        output::show(&nothing, how)?;
        let hint = match records.len() {
            0 => format!("`{}` is as it was", args.out.display()),
            _ => format!("what was measured is in `{}`", measurements_file.display()),
        };
        let why = format!("interrupted, with {} cases done", records.len());
        return Err(Error::new(Kind::Interrupted, why).hint(hint));
    }

    let calibrated = Calibration::from_records(&records, &measurements_file.display().to_string());
    let calibration = calibrated.as_ref().ok();
    if let Some(calibration) = calibration {
        write(&calibration_file, calibration)?;
    }
    // A software adapter's curve says nothing of hardware: the forecast stands on published figures, and
    // the path through the calibration is shown beside it, marked.
    let mut bases = vec![calibration];
    if calibration.is_some_and(|c| c.software) {
        bases.insert(0, None);
    }
    let options = Options::default();
    let mut projections = Vec::new();
    for basis in bases {
        for name in ANNOUNCED {
            projections.push(project(&catalog, name, basis, &options)?);
        }
    }
    write(&projection_file, &projections)?;
    let shown = |file: &Path| file.display().to_string();
    let mut page_of = Report {
        title: format!("flopcast: {}", executor.adapter().name),
        at: report::now(),
        command: output::command(),
        measured: vec![Shown { file: shown(&measurements_file), is: records.clone() }],
        calibrations: calibration.iter().map(|&c| Shown { file: shown(&calibration_file), is: c.clone() }).collect(),
        projections: projections.iter().map(|p| Shown { file: shown(&projection_file), is: p.clone() }).collect(),
        ..Report::default()
    };
    report::add_curves(&mut page_of, &catalog)?;
    report::write(&report_file, &page(&page_of)?)?;

    let everything = Everything {
        schema: SCHEMA,
        adapter: executor.adapter().clone(),
        measurements: Row::all(&records),
        calibration: calibration.cloned(),
        equivalents: calibration.map(|c| Equivalents::new(c, None)),
        projections,
    };
    output::show(&everything, how)?;
    if how.format == Format::Text {
        output::talk(&format!(
            "written: measurements.jsonl, calibration.json, projection.json in `{}`",
            args.out.display()
        ));
        output::talk(&format!("report: `{}`", report_file.display()));
    }
    match calibrated {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(Error::failed(error.message().to_string())
            .context("no calibration")
            .hint("measure again on a quieter machine, or longer with `--time-budget`; the forecast above rests on published figures alone")),
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::usage(error.to_string())
        .context(format!("`{}` cannot be written", path.display()))
        .hint("choose another folder with `--out`")
}

fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let shown = path.display();
    let mut text = serde_json::to_string_pretty(value).or_failed(format!("`{shown}`"))?;
    text.push('\n');
    files::write(path, text.as_bytes()).or_failed(format!("`{shown}`"))
}
