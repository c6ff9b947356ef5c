//! `flopcast roofline`: what an adapter does at best, measured (`measure --suite roofline`) or from a record.

use super::output::{self, How, Printing};
use crate::calibrate::roofline::Roofline;
use crate::error::{Error, Kind, Result};
use crate::measure::probe::{ProbeRecord, wire};
use std::path::PathBuf;
use std::process::ExitCode;

/// Show the roofline in a record: peaks of arithmetic, memory by working set, launches, transfers, and the
/// products placed under the roof. Needs no adapter.
///
/// `flopcast measure --suite roofline --out FILE.jsonl` measures one. Every figure is derived again from its
/// raw samples; a record that says otherwise is refused.
///
/// Exit codes: 0 shown; 2 the record cannot be used.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  flopcast roofline roofline.jsonl
  flopcast roofline roofline.jsonl --format json")]
pub struct Args {
    /// Record of a roofline.
    #[arg(value_name = "FILE.jsonl")]
    record: PathBuf,
    #[command(flatten)]
    printing: Printing,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let how = args.printing.how::<Roofline>()?;
    let lines = wire::read(&args.record)?;
    output::show(&Roofline::of(&lines)?, how)?;
    Ok(ExitCode::SUCCESS)
}

/// The first probe that went wrong, as an error; what the adapter lacks is none.
fn verdict(probes: &[ProbeRecord]) -> Result<ExitCode> {
    use crate::measure::record::{Missing, Verdict};
    if super::stop::asked() {
        return Err(Error::new(Kind::Interrupted, format!("interrupted, with {} probes done", probes.len()))
            .hint("the record (`--out`) holds them"));
    }
    let wrong = |r: &&ProbeRecord| match r.missing {
        Some(Missing::Failed { .. }) => true,
        Some(_) => false,
        None => r.verdict == Verdict::Invalid,
    };
    let none = probes.iter().all(|r| r.figure.is_none());
    let Some(first) = probes.iter().find(wrong).or(probes.first().filter(|_| none)) else {
        return Ok(ExitCode::SUCCESS);
    };
    let why = first.reasons.first().map_or(String::new(), |r| format!(": {}: {}", r.code, r.detail));
    let count = probes.iter().filter(wrong).count();
    let (message, hint) = match count {
        0 => ("no probe has a figure".into(), "more time with `--time-budget`, or another adapter with `--adapter`"),
        _ => (format!("{count} of {} probes failed", probes.len()), "the record (`--out`) holds every reason"),
    };
    Err(Error::failed(format!("{message}; first `{}`{why}", first.case.id())).hint(hint))
}

#[cfg(feature = "gpu")]
pub use measured::{Wanted, measure};

#[cfg(feature = "gpu")]
mod measured {
    use super::super::counting::Counting;
    use super::super::measure::left;
    use super::*;
    use crate::gpu::{GpuProber, Selection};
    use crate::measure::effort::Effort;
    use crate::measure::physics::Bound;
    use crate::measure::probe::suite::{self, Allowed, Watcher};
    use crate::measure::probe::wire::Lines;
    use crate::measure::suite::Request;
    use crate::measure::timing::Stage;
    use crate::measure::{Executor, Log, sweep_within};
    use std::time::{Duration, Instant};

    /// Probes and products of a run, about: for the time that is left, which a budget knows better.
    const ABOUT: u64 = 80;

    /// What a run is to do.
    pub struct Wanted<'a> {
        /// Products to place under the roof.
        pub products: &'a [Request],
        /// Time for everything, and when it began.
        pub budget: Option<(Duration, Instant)>,
        /// How to print.
        pub how: How,
        /// Whether to keep what it bounds for later runs.
        pub keep: bool,
    }

    /// Measures probes, then products, and prints the roofline.
    pub fn measure(selection: &Selection, wanted: &Wanted, log: &mut Option<Log>) -> Result<ExitCode> {
        let (probing, effort) = (suite::effort(), Effort { case_s: 1.5, ..Effort::quick() });
        let seconds = || wanted.budget.map(|(budget, started)| left(budget, started));
        super::super::stop::watch()?;
        let bar = Counting::new("probes", Some(ABOUT));
        let mut lines = Lines::default();
        let mut prober = GpuProber::open(selection)?;
        lines.probes = suite::run(
            &mut prober,
            &probing,
            seconds().map(|seconds| Allowed { seconds, cases_after: wanted.products.len() }),
            &mut Watcher {
                next: &mut |probe| bar.doing(&probe.id()),
                stop: &super::super::stop::asked,
                done: &mut |record| {
                    bar.steps(1);
                    log.as_mut().map_or(Ok(()), |log| log.append(&wire::line(record)?))
                },
            },
        )?;
        drop(prober);
        let mut executor = None;
        if !super::super::stop::asked() {
            let executor = executor.insert(super::super::kept::open(selection, wanted.keep)?);
            // What was just probed is what no product can be above.
            let doubtful = executor.adapter().software;
            let bounds = Roofline::of(&lines).map(|roofline| roofline.bounds(&lines)).unwrap_or_default();
            let bounds: Vec<Bound> = bounds.into_iter().map(|bound| Bound { doubtful, ..bound }).collect();
            let bounded = |request: &Request| Request { bounds: bounds.clone(), ..request.clone() };
            let requests: Vec<Request> = wanted.products.iter().map(bounded).collect();
            let mut next = |at: usize, _: Stage| bar.doing(&format!("product {}", requests[at].shape));
            let stop = &super::super::stop::asked;
            lines.products = sweep_within(executor, &requests, &effort, seconds(), &mut next, stop, &mut |record| {
                log.as_mut().map_or(Ok(()), |log| log.write(record))
            })?;
        }
        bar.finish();
        if !lines.probes.is_empty() {
            let roofline = Roofline::of(&lines)?;
            output::show(&roofline, wanted.how)?;
            if let Some(executor) = executor.filter(|_| wanted.keep && !super::super::stop::asked()) {
                super::super::kept::keep_bounds(&lines, &roofline, &executor);
            }
        }
        verdict(&lines.probes)
    }
}
