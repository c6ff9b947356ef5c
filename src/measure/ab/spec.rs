//! How a side is written: `register_tiled[64x64x8/8x8]+bounds_checks@zeros`, `mine.wgsl[64x64]`.

use crate::error::{Context, Error, Result};
use crate::kernel::{Class, DataClass, Family, Kernel, Precision, Settings, Tiling};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The grammar, for help and hints.
pub const GRAMMAR: &str = "KERNEL[TILING]+SETTING@DATA, all but KERNEL optional: a kernel family or a file ending in .wgsl; \
                           settings bounds_checks, no_bounds_checks, zero_fill, no_zero_fill; data normal, uniform, zeros, constant";

/// One side of a trial, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The text itself: what the side is called.
    pub label: String,
    /// What multiplies.
    pub source: Source,
    /// Tiling of a family; the block of a file.
    pub tiling: Option<Tiling>,
    /// Shader settings.
    pub settings: Settings,
    /// What the operands hold.
    pub data: DataClass,
}

/// Where the kernel comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The catalogue.
    Family(Family),
    /// A WGSL file.
    File(PathBuf),
}

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Spec> {
        let bad = |why: String| Error::usage(format!("`{text}`: {why}")).hint(GRAMMAR);
        // A path may hold any of the signs, so it is taken off first, up to its ending.
        let (source, mut rest) = match text.rfind(".wgsl").map(|at| text.split_at(at + ".wgsl".len())) {
            Some((path, rest)) => (Source::File(path.into()), rest),
            None => {
                let (name, rest) = text.split_at(text.find(['[', '+', '@']).unwrap_or(text.len()));
                let family = Family::by_name(name).map_err(|e| {
                    let hint =
                        e.hint_text().map_or(GRAMMAR.to_string(), |all| format!("{all}, or a file ending in .wgsl"));
                    e.hint(hint)
                })?;
                (Source::Family(family), rest)
            }
        };
        let mut tiling = None;
        if let Some(inside) = rest.strip_prefix('[') {
            let (inside, after) = inside.split_once(']').ok_or_else(|| bad("`[` is not closed".into()))?;
            tiling = Some(inside.parse::<Tiling>()?);
            rest = after;
        }
        let (settings, data) = rest.split_once('@').map_or((rest, None), |(settings, data)| (settings, Some(data)));
        let data = data.map_or(Ok(DataClass::Normal), str::parse)?;
        // WGSL promises both, and a file was not written to do without.
        let promised = matches!(source, Source::File(_));
        let mut chosen = Settings { bounds_checks: promised, zero_fill: promised };
        if !settings.is_empty() {
            let list = settings.strip_prefix('+').ok_or_else(|| bad(format!("`{settings}` is not understood")))?;
            for setting in list.split('+') {
                match setting {
                    "bounds_checks" => chosen.bounds_checks = true,
                    "no_bounds_checks" => chosen.bounds_checks = false,
                    "zero_fill" => chosen.zero_fill = true,
                    "no_zero_fill" => chosen.zero_fill = false,
                    other => return Err(bad(format!("unknown setting `{other}`"))),
                }
            }
        }
        Ok(Spec { label: text.to_string(), source, tiling, settings: chosen, data })
    }
}

impl Spec {
    /// The file that it names, where it is no kernel of the catalogue.
    pub fn path(&self) -> Option<&Path> {
        match &self.source {
            Source::File(path) => Some(path),
            _ => None,
        }
    }

    /// A side that is a file and says nothing of data: `FILE.wgsl[TILING]+SETTING`.
    ///
    /// # Errors
    /// Exit code 2, with what would do.
    pub fn file(text: &str) -> Result<Spec> {
        let spec: Spec = text.parse()?;
        let after = text.rfind(".wgsl").map_or("", |at| &text[at..]);
        if !matches!(spec.source, Source::File(_)) || after.contains('@') {
            return Err(Error::usage(format!("`{text}` is no WGSL file")).hint(
                "FILE.wgsl, FILE.wgsl[64x64] or FILE.wgsl+no_bounds_checks; what the operands hold is `--data`",
            ));
        }
        Ok(spec)
    }

    /// The kernel, composed or read.
    ///
    /// # Errors
    /// Exit code 2: a file that cannot be read or does not keep to the bindings, a tiling that does not fit.
    pub fn kernel(&self, class: Class, precision: Precision) -> Result<Kernel> {
        match &self.source {
            Source::Family(family) => {
                let tiling = self.tiling.unwrap_or_else(|| family.default_tiling(class, precision));
                Kernel::compose(*family, tiling, precision)
            }
            Source::File(path) => {
                let name = format!("`{}`", path.display());
                Kernel::from_wgsl(&read(path, &name)?, &name, precision, self.tiling)
            }
        }
    }
}

fn read(path: &Path, name: &str) -> Result<String> {
    let hint = "a kernel of one's own is whole WGSL as text; `shaders/README.md` shows how";
    std::fs::read_to_string(path).or_usage(name).map_err(|e| e.hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_a_kernel_with_its_tiling_settings_and_data() {
        let full: Spec = "register_tiled[64x64x8/8x8]+bounds_checks+zero_fill@zeros".parse().unwrap();
        assert_eq!(full.source, Source::Family(Family::RegisterTiled));
        assert_eq!(full.tiling.unwrap().to_string(), "64x64x8/8x8");
        assert_eq!(full.settings, Settings { bounds_checks: true, zero_fill: true });
        assert_eq!(full.data, DataClass::Zeros);
        let plain: Spec = "naive".parse().unwrap();
        assert_eq!((plain.tiling, plain.settings, plain.data), (None, Settings::default(), DataClass::Normal));
        assert_eq!("naive@constant".parse::<Spec>().unwrap().data, DataClass::Constant);
    }

    #[test]
    fn a_file_may_have_any_name_and_keeps_what_wgsl_promises() {
        let file: Spec = "a+b/c@d[1]/x.wgsl[64x64]+no_bounds_checks@uniform".parse().unwrap();
        assert_eq!(file.source, Source::File("a+b/c@d[1]/x.wgsl".into()));
        assert_eq!(file.settings, Settings { bounds_checks: false, zero_fill: true });
        assert_eq!(file.tiling.unwrap().to_string(), "64x64");
        assert!("x.wgsl".parse::<Spec>().unwrap().settings.bounds_checks);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (text, part) in [
            ("fast", "unknown kernel `fast`"),
            ("", "unknown kernel ``"),
            ("naive+quick", "unknown setting `quick`"),
            ("naive[8x8", "`[` is not closed"),
            ("naive[8]", "unknown tiling `8`"),
            ("naive[8x8]x", "`x` is not understood"),
            ("naive@noise", "unknown data class `noise`"),
        ] {
            let error = text.parse::<Spec>().unwrap_err();
            assert!(error.message().contains(part), "{text}: {error}");
            assert!(error.hint_text().is_some() && error.exit_code() == 2, "{text}");
        }
    }
}
