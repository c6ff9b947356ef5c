//! The command line: one file per verb, each with its arguments, a call and a view. No arithmetic.
//!
//! stdout is data, stderr is talk; the exit code is [`crate::error::Kind`]'s number, or one that a
//! verb's own help lists.

#[cfg(feature = "gpu")]
mod ab;
#[cfg(feature = "gpu")]
mod cache;
mod calibrate;
mod catalog;
mod compare;
mod completions;
mod counting;
mod crash;
#[cfg(feature = "gpu")]
mod devices;
#[cfg(feature = "gpu")]
mod doctor;
mod equivalents;
mod explain;
mod inputs;
#[cfg(feature = "gpu")]
mod kept;
mod man;
mod matmul;
#[cfg(feature = "gpu")]
mod measure;
mod new;
mod output;
#[cfg(feature = "gpu")]
mod portability;
#[cfg(feature = "gpu")]
mod progress;
mod project;
mod report;
mod roofline;
mod rules;
#[cfg(feature = "gpu")]
mod run;
mod scale;
mod schema;
mod search;
mod self_test;
#[cfg(feature = "gpu")]
mod smoke;
mod stop;
#[cfg(feature = "gpu")]
mod tune;
#[cfg(feature = "gpu")]
mod tuned;
mod validate;

use crate::error::{Error, Result};
use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// Measure the GPU you have, forecast the cluster you don't.
#[derive(Debug, Parser)]
#[command(name = "flopcast", version, max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    terminal: output::Terminal,
    /// Without a verb the main job runs, and takes its arguments.
    #[cfg(feature = "gpu")]
    #[command(flatten)]
    main_job: run::Args,
}

#[derive(Debug, Subcommand)]
enum Verb {
    #[cfg(feature = "gpu")]
    Run(run::Args),
    #[cfg(feature = "gpu")]
    Devices(devices::Args),
    #[cfg(feature = "gpu")]
    Doctor(doctor::Args),
    #[cfg(feature = "gpu")]
    Measure(measure::Args),
    #[cfg(feature = "gpu")]
    Tune(tune::Args),
    #[cfg(feature = "gpu")]
    Cache(cache::Args),
    Compare(compare::Args),
    #[cfg(feature = "gpu")]
    Ab(ab::Args),
    Calibrate(calibrate::Args),
    Project(project::Args),
    Report(report::Args),
    Catalog(catalog::Args),
    Completions(completions::Args),
    Man(man::Args),
    Matmul(matmul::Args),
    Scale(scale::Args),
    Schema(schema::Args),
    Equivalents(equivalents::Args),
    New(new::Args),
    Explain(explain::Args),
    Roofline(roofline::Args),
    Search(search::Args),
    SelfTest(self_test::Args),
    #[cfg(feature = "gpu")]
    Smoke(smoke::Args),
    Validate(validate::Args),
}

/// The whole command line as clap sees it: what completions, manual pages and the reference are made from.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command line of this process and says how it ended.
pub fn main() -> ExitCode {
    crash::guarded(run)
}

fn run() -> ExitCode {
    output::color_of(std::env::args_os());
    let outcome = match parsed() {
        Ok(cli) => {
            cli.terminal.hold();
            dispatch(cli)
        }
        // Help and version are no errors.
        Err(asked) if !asked.use_stderr() => output::help(&asked.render()).map(|()| ExitCode::SUCCESS),
        Err(error) => Err(usage(&error)),
    };
    outcome.unwrap_or_else(|error| {
        output::error(&error);
        ExitCode::from(error.exit_code())
    })
}

/// The arguments. Those of the main job go before no verb, while those that hold for all may stand anywhere: clap's own
/// `args_conflicts_with_subcommands` does not tell them apart.
fn parsed() -> std::result::Result<Cli, clap::Error> {
    use clap::FromArgMatches;
    #[cfg(feature = "gpu")]
    use clap::{Args as _, parser::ValueSource};
    let mut command = command();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    #[cfg(feature = "gpu")]
    if let Some(verb) = matches.subcommand_name() {
        let main_job = run::Args::augment_args(clap::Command::new("run"));
        let given = |arg: &&clap::Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        if let Some(arg) = main_job.get_arguments().find(given) {
            let flag = arg.get_long().unwrap_or_default();
            let why = format!("`--{flag}` stands before `{verb}`, whose argument it is not");
            return Err(command.error(clap::error::ErrorKind::ArgumentConflict, why));
        }
    }
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// An error of clap's in this program's form: one line, then a hint.
fn usage(error: &clap::Error) -> Error {
    use clap::error::{ContextKind, ContextValue};
    use std::error::Error as _;
    // The value parsers are ours, and so are their errors with their hints.
    if let Some(ours) = error.source().and_then(|e| e.downcast_ref::<Error>()) {
        return match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(argument)) => ours.clone().context(format!("`{argument}`")),
            _ => ours.clone(),
        };
    }
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("unusable arguments").trim_start_matches("error: ");
    let rest: Vec<&str> = lines.take_while(|l| !l.starts_with("Usage:") && !l.starts_with("For more")).collect();
    // A missing argument or a list of possible values stands on lines of its own.
    let (tips, more): (Vec<&str>, Vec<&str>) = rest.into_iter().partition(|line| line.starts_with("tip: "));
    let message = [first].into_iter().chain(more).collect::<Vec<_>>().join(" ");
    let hint = tips.first().map_or("`--help` shows the arguments", |tip| tip.trim_start_matches("tip: "));
    Error::usage(message).hint(hint)
}

fn dispatch(cli: Cli) -> Result<ExitCode> {
    match cli.verb {
        #[cfg(feature = "gpu")]
        Some(Verb::Devices(args)) => devices::run(&args),
        #[cfg(feature = "gpu")]
        Some(Verb::Doctor(args)) => doctor::run(&args),
        #[cfg(feature = "gpu")]
        Some(Verb::Measure(args)) => measure::run(&args),
        #[cfg(feature = "gpu")]
        Some(Verb::Tune(args)) => tune::run(&args),
        #[cfg(feature = "gpu")]
        Some(Verb::Cache(args)) => cache::run(&args),
        Some(Verb::Compare(args)) => compare::run(&args),
        #[cfg(feature = "gpu")]
        Some(Verb::Ab(args)) => ab::run(&args),
        Some(Verb::Calibrate(args)) => calibrate::run(&args),
        Some(Verb::Project(args)) => project::run(&args),
        Some(Verb::Report(args)) => report::run(&args),
        Some(Verb::Catalog(args)) => catalog::run(&args),
        Some(Verb::Completions(args)) => completions::run(&args),
        Some(Verb::Man(args)) => man::run(&args),
        Some(Verb::Matmul(args)) => matmul::run(&args),
        Some(Verb::Scale(args)) => scale::run(&args),
        Some(Verb::Equivalents(args)) => equivalents::run(&args),
        Some(Verb::New(args)) => new::run(&args),
        Some(Verb::Explain(args)) => explain::run(&args),
        Some(Verb::Schema(args)) => schema::run(&args),
        Some(Verb::Roofline(args)) => roofline::run(&args),
        Some(Verb::Search(args)) => search::run(&args),
        Some(Verb::SelfTest(args)) => self_test::run(&args),
        #[cfg(feature = "gpu")]
        Some(Verb::Smoke(args)) => smoke::run(&args),
        Some(Verb::Validate(args)) => validate::run(&args),
        #[cfg(feature = "gpu")]
        Some(Verb::Run(args)) => run::run(&args),
        #[cfg(feature = "gpu")]
        None => run::run(&cli.main_job),
        #[cfg(not(feature = "gpu"))]
        None => Err(Error::usage("no verb given").hint("`flopcast --help` lists them")),
    }
}
