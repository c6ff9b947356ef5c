//! What a search may choose from: flags, a file with the same names, or both.

use crate::error::{Context, Error, Result};
use crate::job::Recompute;
use crate::project::{Rules, Space};
use serde::Deserialize;
use std::path::Path;

/// What the search may choose from.
#[derive(Debug, Clone, Default, clap::Args, Deserialize)]
#[command(next_help_heading = "Rules")]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Choice {
    /// Only what people run: powers of two, even stages, nothing or everything recomputed, nothing that has no
    /// published timing behind it.
    #[arg(long)]
    common: bool,
    /// Most tensor ranks.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_tp: Option<u32>,
    /// Most pipeline stages.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_pp: Option<u32>,
    /// Most context ranks.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_cp: Option<u32>,
    /// Most expert ranks.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_ep: Option<u32>,
    /// Largest microbatch.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_micro_batch: Option<u32>,
    /// The only stage of sharding (ZeRO).
    #[arg(long, value_name = "0-3", value_parser = clap::value_parser!(u8).range(0..=3))]
    zero: Option<u8>,
    /// The only way to recompute.
    #[arg(long, value_enum)]
    recompute: Option<Again>,
    /// Keep tensor and expert ranks inside a box.
    #[arg(long)]
    node_limited: bool,
    /// Only layouts that use every accelerator.
    #[arg(long)]
    use_all: bool,
    /// Keep nothing in the host's memory.
    #[arg(long)]
    no_offload: bool,
    /// No zero-bubble schedules (ZB1P, DualPipe).
    #[arg(long)]
    no_zero_bubble: bool,
    /// No all-to-all over a sequence (Ulysses) and no state sharded within a domain alone (HSDP).
    #[arg(long)]
    plain: bool,
}

/// What is recomputed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Again {
    /// Nothing.
    None,
    /// Every other layer.
    Half,
    /// Every layer.
    Full,
}

impl Choice {
    /// The rules of a file, with what the command line says before them. Errors (exit code 2): a file that
    /// cannot be read, a name that is no rule, a value that cannot be, with line and column.
    pub fn with_file(&self, file: Option<&Path>) -> Result<Choice> {
        let Some(path) = file else { return Ok(self.clone()) };
        let name = format!("`{}`", path.display());
        let text = std::fs::read_to_string(path).or_usage(&name)?;
        let base: Choice = toml::from_str(&text).map_err(|e| {
            let at = e.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            Error::usage(format!("{name}:{at}: {}", e.message().replace('\n', " ")))
                .hint("names and values as those of the flags: `max-tp = 8`, `recompute = \"full\"`, `use-all = true`")
        })?;
        for (rule, value) in [
            ("max-tp", base.max_tp),
            ("max-pp", base.max_pp),
            ("max-cp", base.max_cp),
            ("max-ep", base.max_ep),
            ("max-micro-batch", base.max_micro_batch),
        ] {
            if value == Some(0) {
                return Err(Error::usage(format!("{name}: `{rule}`: 0 is not from 1 on")));
            }
        }
        if base.zero.is_some_and(|z| z > 3) {
            return Err(Error::usage(format!("{name}: `zero`: not from 0 to 3")));
        }
        Ok(Choice {
            common: self.common || base.common,
            max_tp: self.max_tp.or(base.max_tp),
            max_pp: self.max_pp.or(base.max_pp),
            max_cp: self.max_cp.or(base.max_cp),
            max_ep: self.max_ep.or(base.max_ep),
            max_micro_batch: self.max_micro_batch.or(base.max_micro_batch),
            zero: self.zero.or(base.zero),
            recompute: self.recompute.or(base.recompute),
            node_limited: self.node_limited || base.node_limited,
            use_all: self.use_all || base.use_all,
            no_offload: self.no_offload || base.no_offload,
            no_zero_bubble: self.no_zero_bubble || base.no_zero_bubble,
            plain: self.plain || base.plain,
        })
    }

    /// As the search takes them.
    pub fn rules(&self) -> Rules {
        let most = |n: Option<u32>| n.unwrap_or(u32::MAX);
        Rules {
            max_tensor: most(self.max_tp),
            max_pipeline: most(self.max_pp),
            max_context: most(self.max_cp),
            max_expert: most(self.max_ep),
            max_micro_batch: most(self.max_micro_batch),
            zero: self.zero,
            recompute: self.recompute.map(|r| match r {
                Again::None => Recompute::None,
                Again::Half => Recompute::Half,
                Again::Full => Recompute::Full,
            }),
            node_limited: self.node_limited,
            use_all: self.use_all,
            no_offload: self.no_offload,
            no_zero_bubble: self.no_zero_bubble,
            plain: self.plain,
            ..Rules::free(if self.common { Space::Common } else { Space::Full })
        }
    }
}
