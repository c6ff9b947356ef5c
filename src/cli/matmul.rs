//! `flopcast matmul`: one giant matrix product over a whole cluster, and Linpack.

use super::output::{self, Printing};
use crate::error::Result;
use crate::project::{Catalog, GiantMatmul, Linpacks, giant_matmul, linpacks};
use std::process::ExitCode;

/// Forecast one matrix product that fills the memory of a whole cluster.
///
/// SUMMA by closed form at the best rates that others measured, nothing lost to stragglers: a ceiling,
/// with the smallest size that is bound by compute and the least that any algorithm must move. With
/// `--top500`: Linpack's closed form against the runs that the TOP500 lists, each predicted with the
/// share of the peak that fits the others.
///
/// Exit codes: 0 done; 2 an unknown cluster, or a format without a known peak.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast matmul --cluster xai-300k-b200\n  \
    flopcast matmul --cluster eagle --precision fp8 --format json\n  flopcast matmul --top500")]
pub struct Args {
    /// Name of a cluster.
    #[arg(long, required_unless_present = "top500")]
    cluster: Option<String>,
    /// Predict the published runs of Linpack instead.
    #[arg(long, conflicts_with_all = ["cluster", "precision"])]
    top500: bool,
    /// Number format of the operands.
    #[arg(long, default_value = "bf16")]
    precision: String,
    #[command(flatten)]
    printing: Printing,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let catalog = Catalog::built_in()?;
    match &args.cluster {
        None => output::show(&linpacks(&catalog)?, args.printing.how::<Linpacks>()?)?,
        Some(cluster) => {
            let how = args.printing.how::<GiantMatmul>()?;
            output::show(&giant_matmul(&catalog, cluster, args.precision.parse()?)?, how)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
