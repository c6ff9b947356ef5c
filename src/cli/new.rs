//! `flopcast new`: a commented file to start from.

use super::output;
use crate::error::{Error, Result};
use crate::project::Catalog;
use crate::project::schema::{Kind, schema};
use crate::project::template::{fabric_template, template};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

/// Write a commented TOML file with a cluster, a job or a scenario that runs as it is; or a table of a
/// measured fabric.
///
/// Each field is explained, with today's default, its unit and its source. With `--out` the JSON Schema
/// that its first line names is written beside it, so that editors complete and check. `fabric` writes a
/// CSV with the times that the model takes for a cluster's collectives, to be replaced by one's own and
/// given to `--fabric`.
///
/// Exit codes: 0 written; 2 an unusable argument, or a file that is there already.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  flopcast new scenario mine --out mine.toml && flopcast project --scenario mine.toml\n  \
    flopcast new cluster lab --like tesla-85k-h100 --out lab.toml && flopcast project --cluster lab.toml\n  \
    flopcast new fabric lab --like eagle --out lab.csv"
)]
pub struct Args {
    /// cluster, job, scenario or fabric.
    kind: What,
    /// What it is to be called.
    name: String,
    /// The built-in one to begin with; for a fabric, the cluster.
    #[arg(long, value_name = "NAME")]
    like: Option<String>,
    /// File to write; without it the text is printed.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Overwrite it.
    #[arg(long, requires = "out")]
    force: bool,
}

/// What can be begun.
#[derive(Debug, Clone, Copy)]
enum What {
    Toml(Kind),
    Fabric,
}

impl FromStr for What {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "fabric" => Ok(What::Fabric),
            _ => Ok(What::Toml(text.parse().map_err(|_| {
                Error::usage(format!("`{text}` is nothing to begin")).hint("one of cluster, job, scenario, fabric")
            })?)),
        }
    }
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let catalog = Catalog::built_in()?;
    let kind = match args.kind {
        What::Toml(kind) => kind,
        What::Fabric => {
            let text = fabric_template(&catalog, &args.name, args.like.as_deref())?;
            match &args.out {
                None => output::data(&text)?,
                Some(path) => {
                    write(path, &text.replace("THIS.csv", &path.display().to_string()), args.force)?;
                    output::talk(&format!("written: `{}`", path.display()));
                }
            }
            return Ok(ExitCode::SUCCESS);
        }
    };
    let text = template(&catalog, kind, &args.name, args.like.as_deref())?;
    let Some(path) = &args.out else {
        output::data(&text)?;
        return Ok(ExitCode::SUCCESS);
    };
    let text = text.replace("THIS.toml", &path.display().to_string());
    write(path, &text, args.force)?;
    let mut form = serde_json::to_string_pretty(&schema(kind)).map_err(|e| Error::failed(e.to_string()))?;
    form.push('\n');
    let beside = path.with_file_name(kind.file());
    // The same schema may stand there from the last time; another file of that name is not ours to replace.
    if std::fs::read_to_string(&beside).ok().as_deref() != Some(form.as_str()) {
        write(&beside, &form, args.force)?;
    }
    output::talk(&format!("written: `{}`, `{}`", path.display(), beside.display()));
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str, force: bool) -> Result<()> {
    let mut how = std::fs::OpenOptions::new();
    how.write(true);
    if force {
        how.create(true).truncate(true)
    } else {
        how.create_new(true)
    };
    how.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| {
        let error = Error::usage(e.to_string()).context(format!("`{}` cannot be written", path.display()));
        match e.kind() {
            std::io::ErrorKind::AlreadyExists => error.hint("`--force` overwrites it"),
            _ => error.hint("choose another file with `--out`"),
        }
    })
}
