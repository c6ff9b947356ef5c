//! `flopcast catalog`: what is built in.

use super::output::{self, Format, How, Printing};
use crate::cluster::{Operations, Price, Site};
use crate::error::Result;
use crate::project::Catalog;
use crate::project::listing::Listing;
use crate::report::catalog::{self, Shown};
use crate::report::{Document, Table};
use clap::ValueEnum;
use std::process::ExitCode;

/// Kinds of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Chips.
    Accelerators,
    /// Named clusters.
    Clusters,
    /// Transformers to train.
    Jobs,
    /// Jobs on clusters.
    Scenarios,
    /// Scenarios side by side: `flopcast project --scenario NAME` makes one.
    Comparisons,
    /// Boxes that hold accelerators.
    Nodes,
    /// Networks between them.
    Fabrics,
    /// All-reduces as others measured them.
    #[value(name = "all-reduces")]
    AllReduces,
    /// Matrix products as others measured them, by extents.
    Surfaces,
    /// Ways to run a cluster: failures, spares, checkpoints, maintenance.
    Operations,
    /// Sites: power, carbon, tariff.
    Sites,
    /// Prices, by accelerator.
    Prices,
    /// Linpack as the TOP500 lists it.
    Linpacks,
    /// The uncertain constants of the model.
    Constants,
    /// The documents behind all figures.
    Sources,
}

/// List what is built in, with sources; with a name, print the entry as TOML to start from.
///
/// CSV has one line a fact, with the value and the unit that it is stated in, its tier, source and date.
///
/// Exit codes: 0 printed; 2 no such kind of thing, or none of that name.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast catalog accelerators\n  flopcast catalog clusters xai-300k-b200\n  \
    flopcast catalog scenarios --format json")]
pub struct Args {
    /// What to list.
    #[arg(value_enum)]
    what: What,
    /// One entry of it.
    name: Option<String>,
    #[command(flatten)]
    printing: Printing,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let c = Catalog::built_in()?;
    let how = args.printing.how::<Shown>()?;
    macro_rules! show {
        ($kind:literal, $all:expr, $one:expr, $table:expr) => {
            match &args.name {
                None => listed(&Listing::new($kind, &$all)?, $table, how)?,
                Some(name) if how.format == Format::Text => {
                    output::data(&catalog::entry($kind, name, &$one(name)?))?;
                }
                Some(name) => {
                    let entry = $one(name)?;
                    let listing = Listing::one($kind, name, &entry)?;
                    let mut document = Document::new();
                    document.drawing(catalog::entry($kind, name, &entry));
                    output::show(&Shown { listing: &listing, document }, how)?;
                }
            }
        };
    }
    match args.what {
        What::Accelerators => {
            show!("accelerator", c.accelerators, |n: &str| c.accelerator(n), catalog::accelerators(&c));
        }
        What::Clusters => show!("cluster", c.clusters, |n: &str| c.cluster(n), catalog::clusters(&c)),
        What::Jobs => show!("job", c.jobs, |n: &str| c.job(n), catalog::jobs(&c)),
        What::Scenarios => show!("scenario", c.scenarios, |n: &str| c.scenario(n), catalog::scenarios(&c)),
        What::Comparisons => {
            show!("comparison", c.comparisons, |n: &str| c.comparison(n), catalog::comparisons(&c));
        }
        What::Nodes => show!("node", c.nodes, |n: &str| c.node(n), catalog::nodes(&c)),
        What::Fabrics => show!("fabric", c.fabrics, |n: &str| c.fabric(n), catalog::fabrics(&c)),
        What::Linpacks => show!("linpack", c.linpacks, |n: &str| c.linpack(n), catalog::linpacks(&c)),
        What::AllReduces => {
            show!("all_reduce", c.all_reduces, |n: &str| c.all_reduce(n), catalog::all_reduces(&c));
        }
        What::Surfaces => show!("surface", c.surfaces, |n: &str| c.surface_named(n), catalog::surfaces(&c)),
        What::Operations => show!(
            "operations",
            c.operations,
            |n: &str| c.operation(n),
            catalog::knobs(c.operations.iter().map(|(n, o)| (n, Operations::NAMES, o.facts())))
        ),
        What::Sites => show!(
            "site",
            c.sites,
            |n: &str| c.site(n),
            catalog::knobs(c.sites.iter().map(|(n, s)| (n, Site::NAMES, s.facts())))
        ),
        What::Prices => show!(
            "price",
            c.prices,
            |n: &str| c.price_of(n),
            catalog::knobs(c.prices.iter().map(|(n, p)| (n, Price::NAMES, p.facts())))
        ),
        What::Constants => show!("constants", c.constants, |n: &str| c.constant(n), catalog::constants(&c)),
        What::Sources => show!("source", c.sources, |n: &str| c.source(n), catalog::sources(&c)),
    }
    Ok(ExitCode::SUCCESS)
}

fn listed(listing: &Listing, table: Table, how: How) -> Result<()> {
    let mut document = Document::new();
    document.table(table);
    output::show(&Shown { listing, document }, how)
}
