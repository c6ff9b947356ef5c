//! `flopcast project`: forecast a cluster.

use super::counting::Counting;
use super::output::{self, Format, Printing};
use super::{inputs, stop};
use crate::calibrate::Calibration;
use crate::error::{Error, Result};
use crate::job::Layout;
use crate::project::comparison::{Compared, compare};
use crate::project::what_if::{WhatIf, WhatIfs, what_if_watched};
use crate::project::{Catalog, Options, Projection, Simulation, Study, Transfer};
use crate::report;
use clap::ValueEnum;
use std::path::PathBuf;
use std::process::ExitCode;

/// Seed of the runs that `--simulate` plays.
const SIMULATION_SEED: u64 = 1;

/// What a page asks beside the forecast itself, unless `--what-if` does.
const PAGE: [&str; 12] = [
    "nic=2x",
    "nic=0.5x",
    "domain=72",
    "precision=fp8",
    "failures=0.5x",
    "failures=2x",
    "restart=60s,checkpoint=2s",
    "memory=2x",
    "memory_bandwidth=2x",
    "batch=0.5x",
    "accelerators=0.5x",
    "pue=1.1",
];

/// What of a calibration carries over to another accelerator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Carry {
    /// The shape of its efficiency curve, never its rate.
    Shape,
    /// Nothing.
    None,
}

/// Forecast a training job on a cluster: step time, MFU, days, goodput, each with its range.
///
/// Without a calibration the forecast rests on published figures alone, and says so. With one, the
/// shape of the measured efficiency curve carries over to the cluster's accelerator, never its rate.
///
/// `--what-if KEY=VALUE` forecasts again with one thing changed, draw by draw: `2x` is a factor, a number
/// with a unit replaces; changes joined by a comma hold together. Keys: nic, domain, precision, failures,
/// memory, memory_bandwidth, accelerators, batch, restart, checkpoint, pue, cap, tariff, rent, capex.
///
/// Exit codes: 0 done; 2 an unusable argument, file or scenario; 130 interrupted.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast project --scenario xai-300k-b200\n  \
    flopcast project --scenario xai-300k-b200 --what-if nic=2x --what-if domain=72,precision=fp8\n  \
    flopcast project --calibration calibration.json --scenario mine.toml --format json\n  \
    flopcast project --scenario tesla-85k-h100 --layout \"tp8 pp8 dp1328 ep8 mb1 zero1\"\n  \
    flopcast catalog scenarios xai-300k-b200 > mine.toml")]
pub struct Args {
    /// What `flopcast calibrate` wrote.
    #[arg(long)]
    calibration: Option<PathBuf>,
    /// Name of a built-in scenario, or a TOML file with one.
    #[arg(long, default_value = "xai-300k-b200")]
    scenario: String,
    /// A cluster instead of the scenario's: a built-in one, or a TOML file with one.
    #[arg(long, value_name = "NAME|FILE")]
    cluster: Option<String>,
    /// A job instead of the scenario's: a built-in one, or a TOML file with one.
    #[arg(long, value_name = "NAME|FILE")]
    job: Option<String>,
    /// A layout instead of the scenario's or the best found, as in `tp8 pp8 dp64 mb1 zero1`.
    #[arg(long, value_name = "WORDS")]
    layout: Option<Layout>,
    #[command(flatten)]
    measured: inputs::MeasuredFabric,
    /// What of the calibration carries over [default: shape, or none without a calibration].
    #[arg(long, value_enum)]
    transfer: Option<Carry>,
    /// Also play so many runs event by event, at the medians: how far one strays by chance alone, and
    /// how well the closed form of the failures holds.
    #[arg(long, value_name = "RUNS", num_args = 0..=1, default_missing_value = "400", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    simulate: Option<u32>,
    /// Forecast again with this changed, as `nic=2x` or `batch=16Mtoken`; as often as wanted.
    #[arg(long, value_name = "KEY=VALUE")]
    what_if: Vec<WhatIf>,
    #[command(flatten)]
    printing: Printing,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    stop::at_once()?;
    let mut catalog = Catalog::built_in()?;
    let name = inputs::scenario(&mut catalog, &args.scenario)?;
    if catalog.comparisons.contains_key(&name) && !catalog.scenarios.contains_key(&name) {
        return compared(&catalog, &name, args);
    }
    let asks = !args.what_if.is_empty() || args.printing.format() == Format::Markdown;
    if asks && args.simulate.is_some() {
        let with = if args.what_if.is_empty() { "--format markdown" } else { "--what-if" };
        return Err(Error::usage(format!("`--simulate` does not go with `{with}`: what it plays is not shown there"))
            .hint("ask for it alone, as text, JSON or CSV"));
    }
    let how = if asks { args.printing.how::<WhatIfs>()? } else { args.printing.how::<Projection>()? };
    inputs::on(&mut catalog, &name, args.cluster.as_deref(), args.job.as_deref())?;
    if let Some(layout) = args.layout {
        catalog.scenarios.entry(name.clone()).and_modify(|s| s.layout = Some(layout));
    }
    catalog.measure_fabric(&name, &args.measured.fabric)?;
    let calibration = args.calibration.as_deref().map(Calibration::read).transpose()?;
    if args.transfer == Some(Carry::Shape) && calibration.is_none() {
        return Err(Error::usage("`--transfer shape`: there is no calibration to carry over")
            .hint("give `--calibration FILE`, as `flopcast calibrate` writes it"));
    }
    let options = Options {
        transfer: match args.transfer {
            Some(Carry::None) => Transfer::None,
            _ => Transfer::Shape,
        },
        ..Options::default()
    };
    if asks {
        // What was measured does not change with what it was measured on.
        let measured = !catalog.scenario(&name)?.measured_fabric.is_empty();
        let page = PAGE.iter().filter(|text| !(measured && (text.starts_with("nic") || text.starts_with("domain"))));
        let page: Vec<WhatIf> = page.map(|text| text.parse()).collect::<Result<_>>()?;
        let asked = if args.what_if.is_empty() { page } else { args.what_if.clone() };
        let bar = Counting::new("what-ifs", Some(asked.len() as u64));
        let all = what_if_watched(&catalog, &name, calibration.as_ref(), &options, &asked, &mut || bar.steps(1));
        bar.finish();
        let all = all?;
        if how.format == Format::Markdown {
            let scenario = catalog.scenario(&name)?;
            let status = &catalog.cluster(&scenario.cluster)?.status;
            output::data(&report::page::text(&all, status, &output::command()))?;
        } else {
            output::show(&all, how)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let study = Study::new(&catalog, &name, calibration.as_ref(), &options).map_err(|e| {
        // A scenario of the user's own is in a file, which the reason should name.
        if name == args.scenario { e } else { e.context(format!("`{}`", args.scenario)) }
    })?;
    let mut result = Projection::new(&catalog, &study, calibration.as_ref()).with_fewer(
        &catalog,
        &study,
        calibration.as_ref(),
        &options,
    );
    result.simulation = args.simulate.map(|runs| Simulation::new(&study, runs, SIMULATION_SEED));
    output::show(&result, how)?;
    Ok(ExitCode::SUCCESS)
}

/// A comparison takes nothing but its name and a format.
fn compared(catalog: &Catalog, name: &str, args: &Args) -> Result<ExitCode> {
    let others = [
        ("--calibration", args.calibration.is_some()),
        ("--transfer", args.transfer.is_some()),
        ("--cluster", args.cluster.is_some()),
        ("--job", args.job.is_some()),
        ("--layout", args.layout.is_some()),
        ("--fabric", !args.measured.fabric.is_empty()),
        ("--what-if", !args.what_if.is_empty()),
        ("--simulate", args.simulate.is_some()),
    ];
    if let Some((flag, _)) = others.into_iter().find(|(_, given)| *given) {
        return Err(Error::usage(format!("`{flag}`: `{name}` is a comparison of scenarios"))
            .hint("give one of its scenarios; `flopcast catalog comparisons` lists them"));
    }
    let how = args.printing.how::<Compared>()?;
    let all = compare(catalog, name)?;
    match how.format {
        Format::Markdown => output::data(&report::comparison::page(&all, &output::command()))?,
        _ => output::show(&all, how)?,
    }
    Ok(ExitCode::SUCCESS)
}
