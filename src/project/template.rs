//! A file to start from: an entry of the catalogue with the meaning of every field, what it can be, and
//! where today's value comes from. The comments are the documentation of the types themselves.

use super::catalog::Catalog;
use super::machine::Machine;
use super::schema::{Kind, schema};
use crate::cluster::Format;
use crate::cluster::collective::Group;
use crate::cluster::measured::Op;
use crate::error::{Context, Error, Result};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The file of a cluster, job or scenario called `name`, made from the catalogue's entry `like` (from
/// [`usual`] where absent). Errors: a name that is none, an entry that is not there, another kind.
pub fn template(catalog: &Catalog, kind: Kind, name: &str, like: Option<&str>) -> Result<String> {
    check_name(name)?;
    let like = like.unwrap_or(usual(kind));
    let schema = schema(kind);
    let mut body = String::new();
    let check = match kind {
        Kind::Cluster => {
            let mut cluster = catalog.cluster(like)?.clone();
            // Box and network come along under the same name, so that all of it can be changed here.
            body += &entry(&schema, "node", "Node", name, catalog.node(&cluster.node)?)?;
            body += &entry(&schema, "fabric", "FabricKind", name, catalog.fabric(&cluster.fabric)?)?;
            (cluster.node, cluster.fabric) = (name.into(), name.into());
            body = entry(&schema, "cluster", "Cluster", name, &cluster)? + &body;
            "flopcast project --scenario xai-12k-h100-redirected --cluster THIS.toml"
        }
        Kind::Job => {
            body += &entry(&schema, "job", "Transformer", name, catalog.job(like)?)?;
            "flopcast project --scenario xai-12k-h100-redirected --job THIS.toml"
        }
        Kind::Scenario => {
            body += &entry(&schema, "scenario", "Scenario", name, catalog.scenario(like)?)?;
            "flopcast project --scenario THIS.toml"
        }
        _ => {
            return Err(Error::usage(format!("a {} is written by flopcast, not by hand", kind.as_str()))
                .hint("one of cluster, job, scenario"));
        }
    };
    let what = kind.as_str();
    let mut out = format!(
        "#:schema {}\n# The {what} `{name}`, begun as a copy of the built-in `{like}`. To run it: {check}\n#\n\
         # A value has a `unit`, a `source` (an entry of `[source.ID]`, built in or added here), the `date` of it and a\n\
         # `tier`: measured, published, datasheet or assumed. `low` and `high` bound it, or `sd_log` spreads it; without\n\
         # them it is taken as exact. Counts of accelerators, `sequence` and `batch` have no range: a layout is made for\n\
         # one value of each. A `[provenance]` table is inherited by what stands below and states none.\n\n",
        kind.file()
    );
    out += "[provenance]\nsource = \"mine\"\ndate = \"2026\"\ntier = \"assumed\"\n\n";
    out += "[source.mine]\ntitle = \"where my figures come from\"\nlocator = \"a document, a page, a mail\"\n\n";
    out += &body;
    let ids = sources(&body);
    if !ids.is_empty() {
        out += "# The built-in sources named above:\n";
        for id in ids {
            if let Some(source) = catalog.sources.get(&id) {
                out += &format!("#   {id}: {}, {}\n", source.title, source.locator);
            }
        }
    }
    Ok(out)
}

/// A table of a measured fabric called `name`: the times that the model itself takes for the collectives of
/// the cluster `like`, to be replaced by measured ones. Errors: a name that is none, a cluster that is not
/// there.
pub fn fabric_template(catalog: &Catalog, name: &str, like: Option<&str>) -> Result<String> {
    check_name(name)?;
    let like = like.unwrap_or(usual(Kind::Cluster));
    let cluster = catalog.cluster(like)?;
    let (accelerator, node) = (catalog.accelerator(&cluster.accelerator)?, catalog.node(&cluster.node)?);
    let format =
        accelerator.peak.keys().copied().find(|f| *f == Format::Bf16).or(accelerator.peak.keys().next().copied());
    let published = catalog.published(&cluster.accelerator)?;
    let machine = format.and_then(|format| {
        Machine::new(
            accelerator,
            published,
            node,
            catalog.fabric(&cluster.fabric).ok()?,
            format,
            cluster.accelerators.value,
        )
    });
    let Some(machine) = machine else {
        return Err(Error::usage(format!("no peak is known of `{}`", cluster.accelerator)));
    };
    let fabric = machine.fabric(&catalog.constants.medians());
    let mut out = format!(
        "# The fabric `{name}`: times of collectives, begun as what the model takes for `{like}`. Replace them by what\n\
         # nccl-tests measures on yours, or give its output as it is. To use it:\n\
         # flopcast project --scenario xai-12k-h100-redirected --fabric THIS.csv\n#\n\
         # op: all_reduce, all_gather, reduce_scatter, all_to_all, send_recv. ranks: neighbours, which fill one scale-up\n\
         # domain ({} here) after the other. bytes: the full size that a rank ends with (or begins with), nccl-tests'\n\
         # first column. seconds: of one call, out of place. What is not in the table stays the model's.\n\
         op,ranks,bytes,seconds\n",
        machine.domain
    );
    for op in [Op::AllReduce, Op::Gather, Op::Exchange, Op::Send] {
        let ranks = if op == Op::Send { [2.0, 2.0 * machine.domain] } else { [machine.domain, 2.0 * machine.domain] };
        for ranks in ranks.into_iter().filter(|n| *n >= 2.0) {
            for bytes in [1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10] {
                let group = Group { size: ranks, stride: 1.0 };
                let seconds = match op {
                    Op::AllReduce => fabric.all_reduce(group, bytes),
                    Op::Gather => fabric.all_gather(group, bytes),
                    Op::Exchange => fabric.all_to_all(group, bytes),
                    Op::Send => fabric.send(if ranks > machine.domain { machine.domain } else { 1.0 }, bytes),
                };
                out += &format!("{},{ranks},{bytes},{seconds:.4e}\n", op.as_str());
            }
        }
    }
    Ok(out)
}

fn check_name(name: &str) -> Result<()> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 100 || !name.chars().all(good) {
        return Err(
            Error::usage(format!("`{name}` is no name")).hint("letters, digits, `-` and `_`, at most 100 of them")
        );
    }
    Ok(())
}

/// The entry that a file is made from where none is named.
pub fn usual(kind: Kind) -> &'static str {
    match kind {
        Kind::Cluster => "xai-12k-h100",
        Kind::Job => "grok-1",
        _ => "xai-12k-h100-redirected",
    }
}

/// One entry, a comment before each field; what may stand there and does not is a comment as a whole.
fn entry<T: Serialize>(schema: &Json, table: &str, of: &str, name: &str, entry: &T) -> Result<String> {
    let fields = toml::Table::try_from(entry).or_failed(table)?;
    let known = &schema["$defs"][of]["properties"];
    let mut out = format!("[{table}.{name}]\n");
    // Sorted by `toml`; a reader wants the name first and the values last.
    let rank = |key: &str, value: Option<&toml::Value>| match (key, value) {
        ("title", _) => 0,
        (_, Some(toml::Value::Table(_))) => 2,
        (_, Some(_)) => 1,
        (_, None) => 3,
    };
    let mut keys: Vec<&String> = known.as_object().map(|o| o.keys().collect()).unwrap_or_default();
    keys.retain(|key| *key != "provenance");
    keys.sort_by_key(|key| rank(key, fields.get(*key)));
    for key in keys {
        let about = &known[key];
        if let Some(text) = about["description"].as_str() {
            out += &format!("# {}\n", text.replace('\n', "\n# "));
        }
        match fields.get(key) {
            Some(value) => out += &format!("{key} = {}\n", inline(value)),
            None => out += &format!("# {key} = …\n"),
        }
    }
    if let Some(stamp) = fields.get("provenance") {
        out += &format!("# Source of what has none of its own.\nprovenance = {}\n", inline(stamp));
    }
    Ok(out + "\n")
}

/// A value on one line, its keys in the order in which they are read.
fn inline(value: &toml::Value) -> String {
    const FIRST: [&str; 9] = ["value", "unit", "low", "high", "sd_log", "source", "date", "tier", "note"];
    let toml::Value::Table(table) = value else { return value.to_string() };
    let place = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(0);
    let mut keys: Vec<&String> = table.keys().collect();
    keys.sort_by_key(|key| place(key));
    let parts: Vec<String> = keys.iter().map(|key| format!("{key} = {}", inline(&table[*key]))).collect();
    format!("{{ {} }}", parts.join(", "))
}

/// The ids of `source = "…"` in a text of this module's own making.
fn sources(text: &str) -> BTreeSet<String> {
    text.split("source = \"").skip(1).filter_map(|rest| rest.split('"').next().map(String::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{Options, run};

    const KINDS: [Kind; 3] = [Kind::Cluster, Kind::Job, Kind::Scenario];

    #[test]
    fn a_file_that_is_written_reads_back_as_what_it_was_made_from() {
        let built_in = Catalog::built_in().unwrap();
        for kind in KINDS {
            let likes: Vec<String> = match kind {
                Kind::Cluster => built_in.clusters.keys().cloned().collect(),
                Kind::Job => built_in.jobs.keys().cloned().collect(),
                _ => built_in.scenarios.keys().cloned().collect(),
            };
            for like in likes {
                let text = template(&built_in, kind, "of-mine", Some(&like)).unwrap();
                let mut catalog = built_in.clone();
                catalog.add_text(&text, "mine.toml").unwrap_or_else(|e| panic!("{like}: {e}\n{text}"));
                match kind {
                    Kind::Cluster => {
                        let (mut new, old) = (catalog.clusters["of-mine"].clone(), &built_in.clusters[&like]);
                        assert_eq!(catalog.node("of-mine").unwrap(), built_in.node(&old.node).unwrap());
                        assert_eq!(catalog.fabric("of-mine").unwrap(), built_in.fabric(&old.fabric).unwrap());
                        (new.node, new.fabric) = (old.node.clone(), old.fabric.clone());
                        assert_eq!(&new, old);
                    }
                    Kind::Job => assert_eq!(catalog.jobs["of-mine"], built_in.jobs[&like]),
                    _ => assert_eq!(catalog.scenarios["of-mine"], built_in.scenarios[&like]),
                }
            }
        }
    }

    #[test]
    fn a_scenario_that_is_written_gives_the_forecast_of_its_model_unchanged() {
        let mut catalog = Catalog::built_in().unwrap();
        let text = template(&catalog, Kind::Scenario, "mine", None).unwrap();
        catalog.add_text(&text, "mine.toml").unwrap();
        let [mine, model] = ["mine", usual(Kind::Scenario)]
            .map(|name| run(&catalog, name, None, &Options::default()).unwrap().quantities);
        assert_eq!(mine, model);
    }

    #[test]
    fn every_field_is_explained_and_every_source_is_named() {
        let catalog = Catalog::built_in().unwrap();
        for kind in KINDS {
            let text = template(&catalog, kind, "mine", None).unwrap();
            assert!(text.starts_with(&format!("#:schema {}\n", kind.file())));
            let mut before = "";
            let body = text.lines().skip_while(|l| !l.starts_with(&format!("[{}.", kind.as_str())));
            for line in body {
                if line.contains(" = ") && !line.starts_with('#') {
                    assert!(before.starts_with('#'), "{line}");
                }
                before = line;
            }
            assert!(text.contains("grok-1: ") || text.contains("dcd-xai: "), "{text}");
        }
    }

    #[test]
    fn a_fabric_that_is_written_reads_back_and_forecasts_what_the_model_does() {
        let mut catalog = Catalog::built_in().unwrap();
        let text = fabric_template(&catalog, "mine", None).unwrap();
        let name = usual(Kind::Scenario);
        let before = run(&catalog, name, None, &Options::default()).unwrap();
        catalog
            .fabric_tables
            .insert("mine.csv".into(), crate::cluster::FabricTable::read_text(&text, "mine.csv").unwrap());
        catalog.scenarios.get_mut(name).unwrap().measured_fabric = vec!["mine.csv".into()];
        let after = run(&catalog, name, None, &Options::default()).unwrap();
        let step = |p: &crate::project::Projection| p.quantities["step_time"].value;
        // A table of four sizes is coarser than the model that it was made of.
        assert!((step(&after) / step(&before) - 1.0).abs() < 0.15, "{} {}", step(&after), step(&before));
        assert_ne!(step(&after), step(&before));
        assert!(
            after.quantities["step_time"].sources.iter().any(|s| s == "mine.csv"),
            "{:?}",
            after.quantities["step_time"]
        );
        assert!(after.warnings.iter().any(|w| w.contains("measured here (`mine.csv`)")), "{:?}", after.warnings);
    }

    #[test]
    fn what_is_no_name_or_no_kind_is_refused() {
        let catalog = Catalog::built_in().unwrap();
        for name in ["", "a b", "a.b", "a\n[x]", "ä", &"a".repeat(101)] {
            assert!(template(&catalog, Kind::Job, name, None).unwrap_err().message().contains("is no name"));
        }
        assert!(template(&catalog, Kind::Projection, "a", None).unwrap_err().message().contains("not by hand"));
        assert!(template(&catalog, Kind::Job, "a", Some("grok-9")).unwrap_err().message().contains("grok-9"));
    }
}
