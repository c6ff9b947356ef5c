//! `flopcast smoke`: the gate for CI on software adapters.

use super::output::{self, Format, Gate, MetricsFile, Printing};
use super::{counting, stop};
use crate::error::{Context, Error, Kind, Result};
use crate::files;
use crate::gpu::{self, GpuExecutor};
use crate::measure::Executor;
use crate::measure::doctor::Machine;
use crate::measure::smoke::{self, Baseline, Beside, Host, Outcome, Smoke, TIMING, Watch};
use crate::report;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Prove every kernel and precision that the adapter has on shapes that hurt, and hold their relative speed
/// against a baseline: a gate for CI, made for software adapters.
///
/// A kernel that the adapter lacks a feature for is skipped, and the feature named. Times are only taken
/// against the other kernels of the same run, turn by turn; a kernel fails that became √2 times slower
/// against the others than in the baseline (more where the baseline's own runs vary more), and again when
/// looked at a second time. Where other processes take more than 15 % of the processors, or a thread of the
/// adapter waits for one for more than a quarter of the time, a slow kernel is skipped and that is said. The baseline
/// is the committed one for this adapter, driver and number of processors; where there is none, that is said and
/// counted as skipped. Ends in the plain line `N passed, N failed, N skipped`. Where GITHUB_STEP_SUMMARY is
/// set, a summary is appended to that file.
///
/// Exit codes: 0 nothing failed; 1 something failed, or nothing could be tested; 2 unusable arguments or
/// baseline; 3 no usable adapter; 130 interrupted.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  flopcast smoke --junit smoke.xml
  flopcast smoke --write-baseline data/smoke/lavapipe-2.toml")]
pub struct Args {
    /// An adapter's index, a part of its name, `vulkan|gl|metal|dx12`, or `backend:name`.
    #[arg(long)]
    adapter: Option<String>,
    /// Baseline to hold relative figures against, instead of the committed one.
    #[arg(long, value_name = "FILE.toml", conflicts_with = "write_baseline")]
    baseline: Option<PathBuf>,
    /// Add this run's ratios to a baseline, which is begun where there is none; nothing is held against it.
    #[arg(long, value_name = "FILE.toml")]
    write_baseline: Option<PathBuf>,
    /// Write JUnit XML.
    #[arg(long, value_name = "FILE.xml")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    printing: Printing<Gate>,
    #[command(flatten)]
    metrics: MetricsFile,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let how = args.printing.how::<Smoke>()?;
    let inputs: Vec<&Path> = args.baseline.iter().map(PathBuf::as_path).collect();
    let outputs = [("--junit", args.junit.as_deref()), ("--write-baseline", args.write_baseline.as_deref())];
    files::apart(&[outputs[0], outputs[1], args.metrics.place()], &inputs)?;
    let metrics = args.metrics.begin()?;
    for (flag, file) in outputs {
        file.map_or(Ok(()), |file| output::writable(flag, file))?;
    }
    let summary = summary()?;
    let asked = args.baseline.as_deref().map(read).transpose()?;
    let selection = gpu::choose(args.adapter.as_deref())?;
    let mut executor = GpuExecutor::open(&selection)?;
    let beside = GpuExecutor::beside(&selection).map(|device| Box::new(device) as Beside);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let host = Host { threads };
    let mut written = args.write_baseline.as_deref().map(|file| begun(file, &executor, &host)).transpose()?;
    let baselines = match asked {
        _ if written.is_some() => Vec::new(),
        Some(baseline) => vec![baseline],
        None => smoke::built_in(executor.adapter(), &host)?,
    };
    stop::watch()?;
    output::talk(&report::measurement::headline(executor.adapter()));
    let bar = counting::bar();
    let mut watch = Watch {
        cpu: &mut Machine,
        observe: &mut |what, done| {
            bar.set_position((done * 1000.0) as u64);
            bar.set_message(what.to_string());
        },
        stop: &stop::asked,
    };
    let smoke = smoke::run(&mut executor, beside, &baselines, &host, &mut watch)?;
    bar.finish_and_clear();
    // Shown first: a file that fails now takes nothing away.
    match how.format {
        Format::Markdown => output::data(&report::smoke::markdown(&smoke))?,
        Format::Junit => output::data(&report::smoke::junit(&smoke)?)?,
        _ => output::show(&smoke, how)?,
    }
    let untimed = smoke.relative.is_empty();
    if let (Some(baseline), Some(file), true) = (&mut written, &args.write_baseline, smoke.passed() && !untimed) {
        let ratios: Vec<_> = smoke.relative.iter().map(|r| (r.kernel.clone(), r.ratio)).collect();
        baseline.add(&ratios, humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string());
        files::write(file, baseline.text()?.as_bytes()).or_failed(format!("`{}`", file.display()))?;
    }
    if let Some(file) = &args.junit {
        files::write(file, report::smoke::junit(&smoke)?.as_bytes()).or_failed(format!("`{}`", file.display()))?;
    }
    if let Some((mut file, name)) = summary {
        file.write_all(report::smoke::markdown(&smoke).as_bytes()).or_failed(&name)?;
    }
    metrics.map_or(Ok(()), |metrics| metrics.write(&smoke))?;
    let code = verdict(&smoke)?;
    if written.is_some() && untimed {
        return Err(
            Error::failed("nothing was timed, and no baseline written").hint("run it again on a quieter machine")
        );
    }
    Ok(code)
}

/// The baseline that a run is added to: what the file holds, if it is of this machine, or a new one.
fn begun(file: &Path, executor: &GpuExecutor, host: &Host) -> Result<Baseline> {
    let empty = Baseline::new(executor.adapter(), host, String::new());
    if !file.metadata().is_ok_and(|there| there.is_file() && there.len() > 0) {
        return Ok(empty);
    }
    let found = read(file)?;
    match found.unlike(executor.adapter(), host) {
        None => Ok(found),
        Some(why) => Err(Error::usage(format!("`{}`: {why}", file.display()))
            .hint("write the baseline of this machine to a file of its own")),
    }
}

fn read(file: &Path) -> Result<Baseline> {
    let name = format!("`{}`", file.display());
    let hint = "a baseline is the file that `flopcast smoke --write-baseline FILE.toml` writes";
    let text = std::fs::read_to_string(file).or_usage(&name).map_err(|e| e.hint(hint))?;
    Baseline::parse(&text, &name)
}

/// The file that a summary is appended to, if GitHub names one, with its name. Opened before anything runs.
fn summary() -> Result<Option<(std::fs::File, String)>> {
    let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|name| !name.is_empty()) else { return Ok(None) };
    let name = format!("`{}` (GITHUB_STEP_SUMMARY)", Path::new(&file).display());
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(&file).or_usage(&name);
    let file = opened.map_err(|e| e.hint("name a file that can be written, or none"))?;
    Ok(Some((file, name)))
}

fn verdict(smoke: &Smoke) -> Result<ExitCode> {
    if smoke.interrupted || stop::asked() {
        return Err(Error::new(Kind::Interrupted, format!("interrupted, with {} tests done", smoke.tests.len())));
    }
    let failed = smoke.tests.iter().find_map(|t| match &t.outcome {
        Outcome::Failed(why) => Some((t, why)),
        _ => None,
    });
    match failed {
        None if smoke.passed() => Ok(ExitCode::SUCCESS),
        None => Err(Error::failed("nothing could be tested").hint("`flopcast devices` lists what each adapter has")),
        Some((test, why)) => {
            let [_, count, _] = smoke.counts();
            let hint = match (test.kind.as_ref(), test.name.as_str()) {
                ("proof", _) => "the kernel is wrong on this adapter; the tolerance is not to be touched",
                (_, TIMING) => "nothing could be timed: run it again on a quieter machine",
                _ => "if the change is meant, add runs with `--write-baseline` to a new file and commit it",
            };
            Err(Error::failed(format!("{count} failed; first `{}`: {why}", test.name)).hint(hint))
        }
    }
}
