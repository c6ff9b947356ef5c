//! `flopcast ab A B`: is B slower than A?

use super::output::{self, Format, How, Printing};
use super::{counting, kept, stop};
use crate::error::{Context, Error, Kind, Result};
use crate::gpu;
use crate::kernel::{Precision, Shape};
use crate::measure::ab::{self, Budget, Entry, GRAMMAR, Spec, Trial, View};
use crate::measure::compare::Threshold;
use crate::measure::suite::DEFAULT_SEED;
use crate::measure::{Executor, Log};
use crate::report;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Hold two kernels, settings, kinds of data or WGSL files against each other in one process.
///
/// A side is KERNEL[TILING]+SETTING@DATA, where all but KERNEL may be left out:
///
///   register_tiled                  a kernel family with its default tiling
///   register_tiled[64x64x8/8x8]     with this tiling
///   naive+bounds_checks+zero_fill   with wgpu's runtime checks, with workgroup memory zeroed
///   texture_fed@zeros               on other operands: normal, uniform, zeros or constant
///   mine.wgsl                       a file; checks and zero fill are on unless +no_bounds_checks, +no_zero_fill
///   mine.wgsl[64x64]                a workgroup computes 64×64 of C; else its own BLOCK_M and BLOCK_N say so
///
/// A file is whole WGSL with the entry point `main` and the bindings of shaders/README.md: @group(0), 0 dims
/// (uniform: m n k lda ldb ldc origin_m origin_n, all u32), 1 a and 2 b (storage, read), 3 c (storage,
/// read_write). Both sides are proved before and after they are timed, files as well. They take turns in pairs
/// of random order, and the ratio within each pair is what is judged: looks are at 16, 32, 64 … pairs, with at
/// most 1 % false calls over all of them.
///
/// Exit codes: 0 B is faster, or no difference as large as the threshold; 10 B is slower; 11 inconclusive, with
/// the pairs that would decide; 12 a side that this adapter cannot run, or an unusable record; 1 a side is wrong
/// or failed; 2 unusable arguments or WGSL; 3 no usable adapter; 130 interrupted, with what there was.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "Examples:
  flopcast ab register_tiled texture_fed --shape 512x512x512
  flopcast ab naive naive+bounds_checks --threshold 1% --out trial.jsonl
  flopcast ab old.wgsl new.wgsl --precision f16 --time-budget 30s
  flopcast ab --replay trial.jsonl --format json")]
pub struct Args {
    /// The base.
    #[arg(value_name = "A", required_unless_present = "replay")]
    a: Option<Spec>,
    /// What is held against it.
    #[arg(value_name = "B", required_unless_present = "replay")]
    b: Option<Spec>,
    /// An adapter's index, a part of its name, `vulkan|gl|metal|dx12`, or `backend:name`.
    #[arg(long)]
    adapter: Option<String>,
    /// Shape m×n×k.
    #[arg(long, default_value = "512x512x512")]
    shape: Shape,
    /// Arithmetic: f32, f16, f16_acc_f32, i8_acc_i32 or f64.
    #[arg(long, default_value = "f32")]
    precision: Precision,
    /// Smallest difference that matters, above 0% and up to 100%.
    #[arg(long, default_value = ab::USUAL_THRESHOLD, allow_hyphen_values = true)]
    threshold: Threshold,
    /// Time for all of it, like 10s or 2m; it ends before where it is decided.
    #[arg(long, default_value = "10s", value_parser = budget)]
    time_budget: Duration,
    /// Seed of the operands and of the order within pairs.
    #[arg(long, default_value_t = DEFAULT_SEED)]
    seed: u64,
    /// Record every pair as it is made, one JSON line each; an older file is kept as FILE.previous.
    #[arg(long, value_name = "FILE.jsonl")]
    out: Option<PathBuf>,
    /// Judge a recorded trial again from its raw samples, with no adapter.
    #[arg(long, value_name = "FILE.jsonl", conflicts_with_all = ["a", "b", "adapter", "out", "shape", "precision", "seed", "time_budget"])]
    replay: Option<PathBuf>,
    #[command(flatten)]
    printing: Printing,
}

fn budget(text: &str) -> Result<Duration> {
    let bad = |why: String| Error::usage(format!("`{text}`: {why}")).hint("a time like 10s or 2m, from 1s to 1h");
    let found = humantime::parse_duration(text).map_err(|e| bad(e.to_string()))?;
    let range = Duration::from_secs(1)..=Duration::from_secs(3600);
    if range.contains(&found) { Ok(found) } else { Err(bad("is out of range".into())) }
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let how = args.printing.how::<View>()?;
    if let Some(file) = &args.replay {
        let name = format!("`{}`", file.display());
        let hint = "a trial is the file that `flopcast ab A B --out FILE.jsonl` writes";
        let text = std::fs::read_to_string(file).or_usage(&name).map_err(|e| e.hint(hint))?;
        let trial = Trial::parse(&text, &name)?;
        return said(&ab::view(&trial, args.threshold)?, how);
    }
    let (Some(a), Some(b)) = (&args.a, &args.b) else {
        return Err(Error::usage("A and B are needed").hint(GRAMMAR));
    };
    let read: Vec<&Path> = [a, b].into_iter().filter_map(Spec::path).collect();
    Log::apart(args.out.as_deref(), &[], &read)?;
    let mut log = args.out.as_deref().map(Log::create).transpose()?;
    let selection = gpu::choose(args.adapter.as_deref())?;
    let mut executor = kept::open(&selection, true)?;
    let class = executor.class();
    let entry = |spec: &Spec| -> Result<Entry> {
        let kernel = spec.kernel(class, args.precision)?;
        Ok(Entry { spec: spec.label.clone(), kernel, settings: spec.settings, data: spec.data })
    };
    let sides = [entry(a)?, entry(b)?];
    stop::watch()?;
    if how.format == Format::Text {
        output::talk(&report::measurement::headline(executor.adapter()));
    }
    let bar = counting::bar();
    let trial = ab::run(
        &mut executor,
        &sides,
        (args.shape, args.precision, args.seed),
        Budget { seconds: args.time_budget.as_secs_f64(), threshold: args.threshold },
        &stop::asked,
        &mut |pairs, used| {
            bar.set_position((used * 1000.0) as u64);
            bar.set_message(format!("{pairs} pairs"));
        },
        &mut |line| log.as_mut().map_or(Ok(()), |log| log.append(&line.text()?)),
    )?;
    bar.finish_and_clear();
    said(&ab::view(&trial, args.threshold)?, how)
}

fn said(view: &View, how: How) -> Result<ExitCode> {
    output::show(view, how)?;
    if view.stopped == "interrupted" {
        return Err(Error::new(Kind::Interrupted, format!("interrupted, with {} pairs done", view.verdict.pairs)));
    }
    Ok(ExitCode::from(view.verdict.call.exit_code()))
}
