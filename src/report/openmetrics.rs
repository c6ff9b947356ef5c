//! OpenMetrics text, version 1.0.0, for the textfile collector of Prometheus' node_exporter and the like.
//!
//! <https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md>: base units, a unit at the end of
//! a name, HELP, TYPE and UNIT before the samples of a family, labels escaped, `# EOF` at the end.

use std::fmt::Write;

/// Samples of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    name: String,
    unit: &'static str,
    help: &'static str,
    samples: Vec<(Vec<(&'static str, String)>, f64)>,
}

impl Family {
    /// Gauges `flopcast_NAME_UNIT`; the unit is one of the base units (`seconds`, `bytes`, `ratio`) or `""`.
    pub fn gauge(name: &str, unit: &'static str, help: &'static str) -> Family {
        let name = if unit.is_empty() { format!("flopcast_{name}") } else { format!("flopcast_{name}_{unit}") };
        Family { name, unit, help, samples: Vec::new() }
    }

    /// Labels alone: `flopcast_NAME_info`, always 1. A gauge, since the textfile collector refuses a whole file that has
    /// the type `info` in it: it reads the older text format, whose types are counter, gauge, histogram, summary and
    /// untyped.
    pub fn info(name: &str, help: &'static str) -> Family {
        Family::gauge(&format!("{name}_info"), "", help)
    }

    /// Adds a sample. What is missing is left out, never a zero. One with the labels of an earlier one takes its place:
    /// the format has each once, and the last is what is so now.
    pub fn add<T: AsRef<str>>(&mut self, labels: &[(&'static str, T)], value: Option<f64>) {
        let labels: Vec<_> = labels.iter().map(|(name, text)| (*name, text.as_ref().to_string())).collect();
        self.samples.retain(|(there, _)| *there != labels);
        if let Some(value) = value.filter(|v| v.is_finite()) {
            self.samples.push((labels, value));
        }
    }

    fn write(&self, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "# HELP {} {}", self.name, escaped(self.help));
        let _ = writeln!(out, "# TYPE {} gauge", self.name);
        if !self.unit.is_empty() {
            let _ = writeln!(out, "# UNIT {} {}", self.name, self.unit);
        }
        for (labels, value) in &self.samples {
            let all: Vec<String> = labels.iter().map(|(name, text)| format!("{name}=\"{}\"", escaped(text))).collect();
            let labels = if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) };
            let _ = writeln!(out, "{}{labels} {value:e}", self.name);
        }
    }
}

/// Families as one text; those without a sample are left out.
pub fn text(families: &[Family]) -> String {
    let mut out = String::new();
    families.iter().filter(|family| !family.samples.is_empty()).for_each(|family| family.write(&mut out));
    out + "# EOF\n"
}

fn escaped(text: &str) -> String {
    let one_line: String = text.chars().filter(|&c| c == '\n' || !c.is_control()).collect();
    one_line.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Holds a text against the grammar of the specification, as far as gauges go: what node_exporter's textfile collector
    /// reads too, whose parser refuses a file with any type of OpenMetrics alone.
    pub fn check(text: &str) -> Result<usize, String> {
        let mut seen: Vec<String> = Vec::new();
        let mut samples: Vec<String> = Vec::new();
        let (mut family, mut kind, mut unit) = (String::new(), String::new(), String::new());
        let body = text.strip_suffix("# EOF\n").ok_or("does not end in # EOF")?;
        for line in body.lines() {
            let bad = |why: &str| Err(format!("{why}: `{line}`"));
            if let Some(rest) = line.strip_prefix("# ") {
                let mut words = rest.splitn(3, ' ');
                let (word, name, said) = (words.next(), words.next().unwrap_or(""), words.next().unwrap_or(""));
                if word == Some("HELP") {
                    if seen.contains(&name.to_string()) {
                        return bad("a family twice");
                    }
                    seen.push(name.to_string());
                    (family, kind, unit) = (name.to_string(), String::new(), String::new());
                } else if name != family {
                    return bad("metadata of another family");
                }
                match word {
                    Some("HELP") if !said.is_empty() => {}
                    Some("TYPE") if said == "gauge" => kind = said.to_string(),
                    Some("UNIT") if family.ends_with(&format!("_{said}")) => unit = said.to_string(),
                    _ => return bad("no metadata"),
                }
                continue;
            }
            let (name, rest) = match line.find(['{', ' ']) {
                Some(at) => line.split_at(at),
                None => return bad("no value"),
            };
            if name != family || kind.is_empty() || (name.ends_with("_info") && !unit.is_empty()) {
                return bad("a sample outside of its family");
            }
            if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
                return bad("no name");
            }
            let value = labels(rest).map_err(|why| format!("{why}: `{line}`"))?;
            if value.strip_prefix(' ').is_none_or(|v| v.parse::<f64>().is_err()) {
                return bad("no number");
            }
            let id = line[..line.len() - value.len()].to_string();
            if samples.contains(&id) {
                return bad("a sample twice");
            }
            samples.push(id);
        }
        Ok(samples.len())
    }

    /// What follows the labels.
    fn labels(text: &str) -> Result<&str, &'static str> {
        let Some(mut rest) = text.strip_prefix('{') else { return Ok(text) };
        loop {
            let (name, after) = rest.split_once("=\"").ok_or("no label")?;
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
                return Err("no name of a label");
            }
            let mut escape = false;
            let end = after.char_indices().find(|(_, c)| {
                let ends = !escape && *c == '"';
                escape = !escape && *c == '\\';
                ends
            });
            let (end, _) = end.ok_or("a label without end")?;
            rest = &after[end + 1..];
            match rest.chars().next() {
                Some(',') => rest = &rest[1..],
                Some('}') => return Ok(&rest[1..]),
                _ => return Err("labels without end"),
            }
        }
    }

    #[test]
    fn a_text_holds_to_the_grammar_whatever_an_adapter_is_called() {
        let mut rate = Family::gauge("matmul", "seconds", "Time.");
        rate.add(&[("adapter", "a\"b\\c\n{d}\u{1b}"), ("k", "1")], Some(1.5e-3));
        rate.add(&[("adapter", "x"), ("k", "1")], None);
        rate.add(&[("adapter", "x"), ("k", "2")], Some(f64::NAN));
        rate.add(&[("adapter", "a\"b\\c\n{d}\u{1b}"), ("k", "1")], Some(2.0));
        let mut build = Family::info("build", "What made this.");
        build.add(&[("version", "0.1.0")], Some(1.0));
        let text = text(&[build, rate, Family::gauge("empty", "bytes", "Nothing.")]);
        assert_eq!(
            text,
            "# HELP flopcast_build_info What made this.\n# TYPE flopcast_build_info gauge\n\
             flopcast_build_info{version=\"0.1.0\"} 1e0\n\
             # HELP flopcast_matmul_seconds Time.\n# TYPE flopcast_matmul_seconds gauge\n\
             # UNIT flopcast_matmul_seconds seconds\n\
             flopcast_matmul_seconds{adapter=\"a\\\"b\\\\c\\n{d}\",k=\"1\"} 2e0\n# EOF\n"
        );
        assert_eq!(check(&text), Ok(2));
    }

    #[test]
    fn the_check_of_the_grammar_can_fail() {
        let good =
            "# HELP a_seconds t\n# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds{k=\"1\"} 1e0\n# EOF\n";
        assert_eq!(check(good), Ok(1));
        for (from, to) in [
            ("# EOF\n", ""),
            ("# UNIT a_seconds seconds", "# UNIT a_seconds bytes"),
            ("gauge", "number"),
            ("gauge", "info"),
            ("k=\"1\"", "k=\"1"),
            ("} 1e0", "} one"),
            ("\na_seconds{", "\nb_seconds{"),
            ("a_seconds{k=\"1\"} 1e0\n", "a_seconds{k=\"1\"} 1e0\na_seconds{k=\"1\"} 1e0\n"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert!(check(&bad).is_err(), "{bad}");
        }
    }
}
