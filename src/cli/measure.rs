//! `flopcast measure`: prove and time kernels.

use super::counting::Counting;
use super::output::{self, Format, Metered, MetricsFile, Printing};
use super::progress::Progress;
use super::{kept, portability, roofline, stop, tuned};
use crate::calibrate::roofline::Roofline;
use crate::error::{Error, Kind, Result};
use crate::files;
use crate::gpu;
use crate::kernel::{Class, DataClass, Family, Precision, Settings, Shape, Tiling};
use crate::measure::ab::Spec;
use crate::measure::against::against;
use crate::measure::effort::Effort;
use crate::measure::host::{HostExecutor, host_case, measure_host};
use crate::measure::log::{of_host, remaining, remaining_of_host, renewed};
use crate::measure::portability::Costs;
use crate::measure::record::{Missing, Record, Verdict};
use crate::measure::row::Measurements;
use crate::measure::setups::pooled;
use crate::measure::suite::{DEFAULT_SEED, Request, Selection, Suite, with_own};
use crate::measure::tune::cache::Tuned;
use crate::measure::{Executor, Log, replay, sweep_within, wire};
use crate::project::{Catalog, Slice, products};
use crate::report;
use clap::ValueEnum;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Prove and time matmul kernels on an adapter: C (m×n) = A (m×k) · B (k×n).
///
/// Every kernel is proved right before and after it is timed. Each case is one line of the record
/// (`--out`), written as soon as it is done.
///
/// Exit codes: 0 every case has a figure, is unsupported or was skipped; 1 a case failed or is
/// INVALID, or none has a figure; 2 unusable arguments; 3 no usable adapter; 12 `--resume` of another
/// adapter, driver or method, or `--replay` of what holds no record; 130 interrupted, after printing what there is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  flopcast measure --suite quick --out measurements.jsonl
  flopcast measure --shapes 512x512x512,1000x37x1300 --kernels register_tiled
  flopcast measure --resume measurements.jsonl --time-budget 60s
  flopcast measure --kernels texture_fed --shapes 512x512x512 --setups 4
  flopcast measure --wgsl examples/naive_16x16.wgsl --shapes 512x512x512
  flopcast measure --suite portability
  flopcast measure --job grok-1 --tp 8 --ep 8 --sequence 2048
  flopcast measure --replay measurements.jsonl
  flopcast measure --suite roofline --out roofline.jsonl
  flopcast measure --adapter vulkan --suite smoke --format json")]
pub struct Args {
    /// An adapter's index, a part of its name, `vulkan|gl|metal|dx12`, or `backend:name`.
    #[arg(long)]
    adapter: Option<String>,
    /// Shapes and effort: smoke, quick or full; portability, what settings and features cost; roofline, probes of
    /// arithmetic, memory, launches and transfers.
    #[arg(long, default_value = "quick")]
    suite: Suite,
    /// Shapes m×n×k instead of the suite's, comma-separated.
    #[arg(long, value_delimiter = ',')]
    shapes: Vec<Shape>,
    /// The matrix products of a layer of this job of the catalogue, forward and both gradients.
    #[arg(long, conflicts_with = "shapes")]
    job: Option<String>,
    /// Ranks that share each matrix of the job (tensor parallelism).
    #[arg(long, default_value_t = 1, requires = "job")]
    tp: u32,
    /// Ranks that share the experts of a layer of the job; a rank's experts are a batch.
    #[arg(long, default_value_t = 1, requires = "job")]
    ep: u32,
    /// Sequences per microbatch of the job.
    #[arg(long, default_value_t = 1, requires = "job")]
    micro_batch: u32,
    /// Tokens per sequence of the job; its own where absent.
    #[arg(long, requires = "job")]
    sequence: Option<u32>,
    /// The host's own product beside it, on all cores, as rows called `host`.
    #[arg(long)]
    host: bool,
    /// Kernel families, comma-separated; by default all that know the precision, in the quick suite the usual three.
    #[arg(long, value_delimiter = ',', value_parser = Family::by_name)]
    kernels: Vec<Family>,
    /// A kernel of your own beside the others, whole WGSL with the bindings of shaders/README.md: FILE.wgsl, or
    /// FILE.wgsl[64x64] where the file does not say which block a workgroup computes. Proved and timed like the others, and
    /// held against the best of them; bounds checks and zero fill are on unless said otherwise.
    #[arg(long, value_name = "FILE.wgsl", value_parser = Spec::file, conflicts_with = "setups")]
    wgsl: Option<Spec>,
    /// Tiling of the kernels instead of the default, like 64x64x16/4x4.
    #[arg(long)]
    tiling: Option<Tiling>,
    /// Arithmetic: f32, f16, f16_acc_f32, i8_acc_i32 or f64.
    #[arg(long, default_value = "f32")]
    precision: Precision,
    /// What the operands hold: normal, uniform, zeros or constant.
    #[arg(long, default_value = "normal")]
    data: DataClass,
    /// Seed of the operands.
    #[arg(long, default_value_t = DEFAULT_SEED)]
    seed: u64,
    /// wgpu's runtime bounds checks; by default off, or as tuned.
    #[arg(long, value_enum)]
    bounds_checks: Option<Switch>,
    /// Workgroup memory zeroed before each workgroup; by default off, or as tuned.
    #[arg(long, value_enum)]
    zero_fill: Option<Switch>,
    /// Take nothing from the cache: default tilings, no roofline of an earlier run, no limit of `flopcast doctor`; keep
    /// no roofline.
    #[arg(long)]
    no_cache: bool,
    /// Record file, one JSON line per case; an older one is kept as FILE.previous.
    #[arg(long, value_name = "FILE.jsonl")]
    out: Option<PathBuf>,
    /// A measured roofline: a figure above it is INVALID, with the bound named. By default the one in the cache.
    #[arg(long, value_name = "FILE.jsonl")]
    roofline: Option<PathBuf>,
    /// Go on with the record of an interrupted run: measures what is not in it yet, and repeats nothing but
    /// rows that were skipped for want of time.
    #[arg(long, value_name = "FILE.jsonl", conflicts_with = "out")]
    resume: Option<PathBuf>,
    /// Most time for the whole run, compiling and proving included, like 60s or 2m; what is left at the end goes to
    /// cases too slow for the suite's time and to figures of too few samples; what does not fit is `skipped`.
    #[arg(long, value_name = "TIME", value_parser = budget)]
    time_budget: Option<Duration>,
    /// Open the adapter anew so many times (1 to 16), compile and allocate anew, and measure every case each time: the
    /// interval over the set-ups holds what differs between them, which that of one set-up does not know.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16), conflicts_with_all = ["resume", "replay"])]
    setups: u8,
    /// Derive every figure and verdict of a record again from its raw samples, with no adapter: nothing else can be chosen
    /// than how it is printed.
    #[arg(long, value_name = "FILE.jsonl", conflicts_with_all = ["adapter", "suite", "shapes", "job", "kernels", "wgsl", "tiling",
        "precision", "data", "seed", "bounds_checks", "zero_fill", "host", "no_cache", "roofline", "out", "resume", "time_budget"])]
    replay: Option<PathBuf>,
    #[command(flatten)]
    printing: Printing<Metered>,
    #[command(flatten)]
    metrics: MetricsFile,
}

/// A setting on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl Args {
    /// The settings, if one of them was asked for; the other is then off unless asked for too.
    fn settings(&self) -> Option<Settings> {
        let on = |switch: Option<Switch>| switch == Some(Switch::On);
        let asked = self.bounds_checks.is_some() || self.zero_fill.is_some();
        asked.then(|| Settings { bounds_checks: on(self.bounds_checks), zero_fill: on(self.zero_fill) })
    }
}

/// Reads a time budget.
pub fn budget(text: &str) -> Result<Duration> {
    let hint = "a time like 60s, 2m or 500ms";
    match humantime::parse_duration(text.trim()) {
        Ok(time) if time.is_zero() => Err(Error::usage("a time budget of 0 measures nothing").hint(hint)),
        Ok(time) => Ok(time),
        Err(why) => Err(Error::usage(format!("`{text}`: {why}")).hint(hint)),
    }
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let started = Instant::now();
    if let Some(file) = &args.replay {
        return replayed(file, args);
    }
    nothing_unused(args)?;
    let how = match args.suite {
        Suite::Portability => args.printing.how::<Costs>()?,
        Suite::Roofline => args.printing.how::<Roofline>()?,
        _ => args.printing.how::<Measurements>()?,
    };
    let read = [args.resume.as_deref(), args.roofline.as_deref(), args.wgsl.as_ref().and_then(Spec::path)];
    let read: Vec<&Path> = read.into_iter().flatten().collect();
    Log::apart(args.out.as_deref(), &[args.metrics.place()], &read)?;
    let metrics = args.metrics.begin()?;
    let shapes = shapes(args)?;
    let mut log = args.out.as_deref().map(Log::create).transpose()?;
    let mut records = Vec::new();
    if let Some(file) = &args.resume {
        let resumed = Log::resume(file)?;
        (log, records) = (Some(resumed.0), resumed.1);
    }
    let selection = gpu::choose(args.adapter.as_deref())?;
    let mut executor = kept::open(&selection, !args.no_cache)?;
    if args.suite == Suite::Portability {
        return portability::run(&mut executor, &shapes.unwrap_or_default(), args.seed, args.time_budget, how);
    }
    let tuned = tuned::look_up(&executor, args.precision, !args.no_cache);
    let wanted = Selection {
        shapes: shapes.unwrap_or_else(|| args.suite.shapes(executor.class().software)),
        families: families(args, executor.class(), tuned.as_ref()),
        tiling: args.tiling,
        precision: args.precision,
        settings: args.settings(),
        tuned,
        data: args.data,
        seed: args.seed,
    };
    let mut requests = wanted.requests(executor.class())?;
    let own = args.wgsl.as_ref().map(|spec| Ok((spec, spec.kernel(executor.class(), args.precision)?))).transpose()?;
    if let Some((spec, kernel)) = &own {
        requests = with_own(requests, kernel, args.settings().unwrap_or(spec.settings));
    }
    if args.suite == Suite::Roofline {
        drop(executor);
        let (budget, keep) = (args.time_budget.map(|budget| (budget, started)), !args.no_cache);
        let wanted = roofline::Wanted { products: &requests, budget, how, keep };
        return roofline::measure(&selection, &wanted, &mut log);
    }
    let bounds = kept::bounds(args.roofline.as_deref(), &executor, !args.no_cache)?;
    requests.iter_mut().for_each(|request| request.bounds.clone_from(&bounds));
    let requests = remaining(&records, requests, executor.adapter(), &executor.tool())
        .map_err(|e| args.resume.as_ref().map_or(e.clone(), |file| e.context(format!("`{}`", file.display()))))?;
    let effort = effort(args.suite);
    let mut new = Vec::new();
    for setup in 0..args.setups {
        if setup > 0 {
            if stop::asked() {
                break;
            }
            // Freed first: two devices with large cases need not fit at once.
            drop(executor);
            executor = kept::open(&selection, !args.no_cache)?;
        }
        let share = f64::from(args.setups - setup);
        let kept = if args.host { HOST_SHARE } else { 0.0 };
        let seconds = args.time_budget.map(|budget| (1.0 - kept) * left(budget, started) / share);
        new.extend(measured(&mut executor, &requests, &effort, seconds, &mut log)?);
    }
    // What an earlier run has seen was weighed when it was made.
    kept::drop_doubted(&new, &executor);
    if args.host {
        let seconds = args.time_budget.map(|budget| left(budget, started));
        new.extend(host(&wanted, &records, &effort, seconds, &mut log)?);
    }
    let mut records = renewed(records, new);
    if records.iter().any(of_host) {
        beside(&mut records);
    }
    let pooled = if args.setups > 1 { pooled(&records) } else { Vec::new() };
    if how.format == Format::Text {
        output::talk(&report::measurement::headline(executor.adapter()));
    }
    if args.setups > 1 && pooled.is_empty() {
        output::talk("no case has a figure in two set-ups that is not SUSPECT");
    }
    let found = Measurements::of(&records, pooled);
    let found = match &own {
        Some((spec, kernel)) => found.with_own(&spec.label, against(&kernel.sha256, &records)),
        None => found,
    };
    output::show(&found, how)?;
    metrics.map_or(Ok(()), |metrics| metrics.write(&found))?;
    verdict(&records)
}

/// Refuses what would have no effect: two suites measure other things than products of one's choice.
fn nothing_unused(args: &Args) -> Result<()> {
    let given = [
        ("--setups", args.setups > 1),
        ("--resume", args.resume.is_some()),
        ("--host", args.host),
        ("--roofline", args.roofline.is_some()),
        ("--wgsl", args.wgsl.is_some()),
        ("--out-metrics", args.metrics.place().1.is_some()),
        ("--out", args.out.is_some()),
        ("--kernels", !args.kernels.is_empty()),
        ("--tiling", args.tiling.is_some()),
        ("--precision", args.precision != Precision::F32),
        ("--data", args.data != DataClass::Normal),
        ("--bounds-checks", args.bounds_checks.is_some()),
        ("--zero-fill", args.zero_fill.is_some()),
    ];
    // The products under a roofline can be chosen, and its probes are written down.
    let (refused, hint) = match args.suite {
        Suite::Portability => (&given[..], "its pairs are fixed; the shapes, the seed and the time are not"),
        Suite::Roofline => (&given[..6], "its probes depend on each other, and are the bound: measure it whole"),
        _ => return Ok(()),
    };
    match refused.iter().find(|(_, given)| *given) {
        Some((flag, _)) => {
            Err(Error::usage(format!("`{flag}` does not go with `--suite {}`", args.suite.as_str())).hint(hint))
        }
        None => Ok(()),
    }
}

/// The shapes asked for, or those of a job; `None` where neither was.
fn shapes(args: &Args) -> Result<Option<Vec<Shape>>> {
    let Some(name) = &args.job else {
        return Ok((!args.shapes.is_empty()).then(|| args.shapes.clone()));
    };
    let catalog = Catalog::built_in()?;
    let job = catalog.job(name)?;
    let sequence = args.sequence.unwrap_or(job.sequence);
    let slice = Slice { tensor: args.tp, expert: args.ep, micro_batch: args.micro_batch, sequence };
    let products = products(name, job, slice)?;
    Ok(Some(products.into_iter().map(|(shape, _)| shape).collect()))
}

/// Share of a time budget that is kept for the host. The adapter uses all of its own where it is slow, and a tenth was too
/// little for the largest square of the quick suite then.
pub const HOST_SHARE: f64 = 0.2;

/// Below this the host has no six rounds.
const LEAST_HOST_CASE_S: f64 = 0.05;

/// The host on the same shapes, by the same rules, within so many seconds where given; what is done is not done again.
pub fn host(
    wanted: &Selection,
    done: &[Record],
    effort: &Effort,
    seconds: Option<f64>,
    log: &mut Option<Log>,
) -> Result<Vec<Record>> {
    let started = Instant::now();
    let mut executor = HostExecutor::default();
    let (data, precision) = ((wanted.data, wanted.seed), wanted.precision);
    let cases = wanted.distinct_shapes().into_iter().map(|shape| host_case((shape, precision), data)).collect();
    let cases = remaining_of_host(done, &executor, cases);
    let mut records = Vec::new();
    let bar = Counting::new("products of the host", Some(cases.len() as u64));
    for (index, shape) in cases.iter().map(|case| case.shape).enumerate() {
        bar.at(index as u64, cases.len() as u64);
        let mut watch = |_| if stop::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let mut effort = *effort;
        if let Some(seconds) = seconds {
            let share = (seconds - started.elapsed().as_secs_f64()) / (cases.len() - index) as f64;
            // The other half goes into operands and proofs.
            effort = effort.punctual().within(0.5 * share);
            if effort.case_s < LEAST_HOST_CASE_S {
                output::talk(&format!("host: {shape} is left out, the time budget is used up"));
                continue;
            }
        }
        let Some(record) = measure_host(&mut executor, (shape, precision), data, &effort, &mut watch)? else { break };
        log.as_mut().map_or(Ok(()), |log| log.write(&record))?;
        records.push(record);
    }
    Ok(records)
}

/// Puts the host's rows behind the adapter's of the same shape.
pub fn beside(records: &mut [Record]) {
    let mut shapes: Vec<Shape> = Vec::new();
    for record in &*records {
        if !shapes.contains(&record.case.shape) {
            shapes.push(record.case.shape);
        }
    }
    records.sort_by_key(|record| shapes.iter().position(|s| *s == record.case.shape));
}

/// What was asked for; else everything that knows the precision, or in little time what says most.
fn families(args: &Args, class: Class, tuned: Option<&Tuned>) -> Vec<Family> {
    match (&args.kernels[..], args.suite) {
        ([], Suite::Quick | Suite::Roofline) => tuned::usual(tuned, Family::usual(class, args.precision)),
        ([], _) => Family::of(args.precision),
        (asked, _) => asked.to_vec(),
    }
}

/// Prints a record's figures derived again, and fails where one comes out otherwise than it stands there.
fn replayed(file: &Path, args: &Args) -> Result<ExitCode> {
    let how = args.printing.how::<Measurements>()?;
    files::apart(&[args.metrics.place()], &[file])?;
    let metrics = args.metrics.begin()?;
    let wire = wire::read(file)?;
    if wire.records.is_empty() {
        return Err(Error::new(Kind::NotComparable, format!("`{}`: holds no record", file.display()))
            .hint("a record is the file that `flopcast measure --out FILE.jsonl` writes"));
    }
    let again: Vec<Record> = wire.records.iter().map(replay).collect();
    let found = Measurements::of(&again, Vec::new());
    output::show(&found, how)?;
    metrics.map_or(Ok(()), |metrics| metrics.write(&found))?;
    if let Some(cut) = wire.cut {
        output::talk(&format!("`{}:{}`: the last line is cut off and was left out", file.display(), cut.line));
    }
    match again.iter().zip(&wire.records).find(|(again, record)| again != record) {
        None => Ok(ExitCode::SUCCESS),
        Some((_, record)) => {
            Err(Error::failed(format!("`{}`: `{}` derives otherwise", file.display(), record.case.id()))
                .hint("the record was edited, or made by another version"))
        }
    }
}

/// The effort that a suite is worth.
pub fn effort(suite: Suite) -> Effort {
    match suite {
        Suite::Smoke => Effort::smoke(),
        Suite::Quick | Suite::Roofline => Effort::quick(),
        Suite::Full => Effort::full(),
        // Pairs have rounds of their own.
        Suite::Portability => Effort::quick(),
    }
}

/// Seconds that are left of a budget that runs from `started` on.
pub fn left(budget: Duration, started: Instant) -> f64 {
    budget.saturating_sub(started.elapsed()).as_secs_f64()
}

/// Measures with progress on stderr, within so many seconds where given, writing each record down as it is made.
pub fn measured(
    executor: &mut dyn Executor,
    requests: &[Request],
    effort: &Effort,
    seconds: Option<f64>,
    log: &mut Option<Log>,
) -> Result<Vec<Record>> {
    stop::watch()?;
    let bar = Progress::new(requests.len());
    let records = sweep_within(
        executor,
        requests,
        effort,
        seconds,
        &mut |index, stage| bar.stage(index, &requests[index], stage),
        &stop::asked,
        &mut |record| {
            bar.done(record);
            log.as_mut().map_or(Ok(()), |log| log.write(record))
        },
    )?;
    bar.finish();
    Ok(records)
}

/// How the measuring ended, as an exit code or an error that names the first case without a figure.
fn verdict(records: &[Record]) -> Result<ExitCode> {
    if stop::asked() {
        return Err(Error::new(Kind::Interrupted, format!("interrupted, with {} cases done", records.len()))
            .hint("`--resume FILE.jsonl` goes on with a record that `--out` made"));
    }
    let wrong = |r: &&Record| match r.missing {
        Some(Missing::Failed { .. }) => true,
        // A file was asked for by its name; what the catalogue has beside it does not make up for it.
        Some(Missing::Unsupported { .. }) => r.case.kernel == Family::Custom.name(),
        Some(_) => false,
        None => r.verdict == Verdict::Invalid,
    };
    let count = records.iter().filter(wrong).count();
    let none = records.iter().all(|r| r.figure.is_none());
    let culprit = records.iter().find(wrong).or(records.first().filter(|_| none));
    let Some(record) = culprit else { return Ok(ExitCode::SUCCESS) };
    let why = record.reasons.first().map_or(String::new(), |r| format!(": {}", r.detail));
    let message = match count {
        0 => format!("no case has a figure; first `{}`{why}", record.case.id()),
        _ => format!("{count} of {} cases failed; first `{}`{why}", records.len(), record.case.id()),
    };
    Err(Error::failed(message).hint(hint(record)))
}

fn hint(record: &Record) -> &'static str {
    match record.missing {
        Some(Missing::Unsupported { .. }) => "`flopcast devices --format json` lists what each adapter has and allows",
        Some(Missing::Skipped { .. }) => "`--suite full` gives each case more time, a longer `--time-budget` the run",
        Some(Missing::Failed { .. }) => "try another adapter with `--adapter`, or a smaller shape",
        None => "the record (`--out`) holds every reason",
    }
}
