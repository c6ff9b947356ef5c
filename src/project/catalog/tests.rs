//! What is built in is there, sourced, and found by its name.

use super::*;

#[test]
fn every_built_in_file_is_read_and_every_value_names_a_listed_source() {
    let catalog = Catalog::built_in().unwrap();
    for (name, text) in BUILT_IN.into_iter().chain([CONSTANTS]) {
        let table: toml::Value = toml::from_str(text).unwrap();
        check_sources(&table, "", &catalog.sources).map_err(|e| e.context(name)).unwrap();
    }
    for (name, job) in &catalog.jobs {
        job.check(name).unwrap();
    }
    for (name, cluster) in &catalog.clusters {
        catalog.accelerator(&cluster.accelerator).map_err(|e| e.context(name)).unwrap();
        catalog.node(&cluster.node).map_err(|e| e.context(name)).unwrap();
        catalog.fabric(&cluster.fabric).map_err(|e| e.context(name)).unwrap();
    }
    for run in catalog.linpacks.values() {
        catalog.accelerator(&run.accelerator).unwrap();
        catalog.node(&run.node).unwrap();
        catalog.fabric(&run.fabric).unwrap();
    }
    for (name, accelerator) in &catalog.accelerators {
        let node = accelerator.node.as_deref().unwrap_or_else(|| panic!("`{name}` has no box"));
        let fabric = catalog.node(node).unwrap().fabric.as_deref();
        catalog.fabric(fabric.unwrap_or_else(|| panic!("`{node}` has no network"))).unwrap();
    }
}

#[test]
fn what_people_ask_about_is_there_with_a_link_to_its_neighbours() {
    let c = Catalog::built_in().unwrap();
    for name in [
        "a100",
        "h100",
        "h200",
        "gh200",
        "b200",
        "b300",
        "gb200",
        "gb300",
        "rubin",
        "mi250x",
        "mi300a",
        "mi300x",
        "mi325x",
        "mi350x",
        "mi355x",
        "tpu-v4",
        "tpu-v5e",
        "tpu-v5p",
        "tpu-v6e",
        "tpu-v7x",
        "gaudi2",
        "gaudi3",
        "trainium2",
    ] {
        let a = c.accelerator(name).unwrap();
        assert!(a.scale_up.is_some() && a.peak.contains_key(&Format::Bf16), "{name}");
        let node = c.node(a.node.as_deref().unwrap()).unwrap();
        // A link that is no quicker than the network is none.
        let link = a.scale_up.as_ref().unwrap().value;
        assert!(node.scale_up_domain.value == 1.0 || link > node.scale_out.value, "{name}");
    }
    for name in ["rtx-3090", "rtx-4090", "rtx-5090", "arc-b580", "apple-m3-max-40-core", "apple-m4-max-32-core"] {
        c.accelerator(name).unwrap();
    }
    for name in ["hgx-h100", "nvl72", "a100-pcie", "h100-pcie"] {
        c.node(name).unwrap();
    }
    for name in [
        "infiniband-hdr",
        "infiniband-ndr",
        "infiniband-xdr",
        "infiniband-ndr-2to1",
        "roce",
        "roce-7to1",
        "spectrum-x",
        "efa",
        "slingshot-11",
        "ethernet",
    ] {
        c.fabric(name).unwrap();
    }
    for (name, count) in [
        ("xai-300k-b200", 300_000.0),
        ("dell-half", 150_000.0),
        ("supermicro-half", 150_000.0),
        ("tesla-85k-h100", 85_000.0),
        ("xai-12k-h100", 12_000.0),
        ("colossus-100k-h100", 100_000.0),
        ("eagle", 14_400.0),
        ("eos", 11_616.0),
        ("meta-24k-roce", 24_576.0),
        ("meta-24k-infiniband", 24_576.0),
        ("frontier", 37_888.0),
        ("jupiter", 24_000.0),
    ] {
        assert_eq!(c.cluster(name).unwrap().accelerators.value, count, "{name}");
    }
    assert_eq!(c.cluster("xai-300k-b200").unwrap().half.len(), 2);
    for (name, params) in [
        ("grok-1", 314e9),
        ("llama-3-8b", 8.0e9),
        ("llama-3-70b", 70.6e9),
        ("llama-3-405b", 405e9),
        ("gpt-3-175b", 175e9),
        ("mt-nlg-530b", 530e9),
        ("deepseek-v3", 671e9),
        ("mixtral-8x7b", 46.7e9),
        ("nemotron-4-340b", 340e9),
        ("qwen3-235b-a22b", 235e9),
        ("gpt-oss-120b", 117e9),
    ] {
        let own = c.job(name).unwrap().params();
        assert!((own / params - 1.0).abs() < 0.015, "{name}: {own:e}");
    }
}

#[test]
fn an_all_reduce_takes_as_long_as_others_measured() {
    let catalog = Catalog::built_in().unwrap();
    // Ranks, bytes, microseconds: aiconfigurator's table for one box, NVIDIA's slide beyond.
    for (name, ranks, bytes, micros) in [
        ("h100", 2.0, 16_777_216.0, 82.2),
        ("h100", 4.0, 1_048_576.0, 18.1),
        ("h100", 8.0, 536_870_912.0, 2111.1),
        ("h100", 8.0, 65_536.0, 18.7),
        ("h100-boxes", 128.0, 0.0, 0.0),
        ("h100-boxes", 1024.0, 1_073_741_824.0, 6464.0),
        ("h100-boxes", 8192.0, 1_048_576.0, 676.4),
        ("h100-boxes", 8192.0, 17_179_869_184.0, 93_714.0),
    ] {
        let got = catalog.all_reduce(name).unwrap().seconds(ranks, bytes) * 1e6;
        if micros > 0.0 {
            assert!((got / micros - 1.0).abs() < 0.15, "{name} {ranks} {bytes}: {got} for {micros}");
        } else {
            assert!(got > 0.0, "even an empty all-reduce takes time");
        }
    }
    assert_eq!(catalog.all_reduce("h100").unwrap().seconds(1.0, 1e9), 0.0);
    assert!(catalog.all_reduce("h10").is_err());
}

#[test]
fn every_listed_source_is_used() {
    let catalog = Catalog::built_in().unwrap();
    for id in catalog.sources.keys() {
        let quoted = format!("source = \"{id}\"");
        let used = BUILT_IN.iter().chain([&CONSTANTS]).any(|(_, text)| text.contains(&quoted));
        assert!(used, "{id}");
    }
}

#[test]
fn jobs_have_the_parameters_that_their_names_say() {
    let catalog = Catalog::built_in().unwrap();
    for (name, billions) in [
        ("grok-1", 314.0),
        ("llama-3-8b", 8.03),
        ("llama-3-70b", 70.6),
        ("llama-3-405b", 405.9),
        ("gpt-3-175b", 174.6),
        ("mt-nlg-530b", 529.6),
        ("deepseek-v3", 671.0),
        ("mixtral-8x7b", 46.7),
        ("qwen3-30b-a3b", 30.5),
        ("qwen3-235b-a22b", 235.0),
        ("gpt-oss-120b", 116.8),
        ("gpt-oss-20b", 20.9),
        ("mixtral-8x22b", 140.6),
        ("llama-2-7b", 6.74),
        ("llama-2-70b", 68.98),
        ("bloom-176b", 176.0),
        ("gpt-1t", 1008.0),
        ("mpt-30b", 29.97),
        ("nemotron-4-15b", 15.6),
        ("nemotron-4-340b", 340.0),
    ] {
        let got = catalog.job(name).unwrap().params() / 1e9;
        assert!((got / billions - 1.0).abs() < 0.01, "{name}: {got} for {billions}");
    }
}

#[test]
fn an_unknown_name_lists_what_is_near() {
    let catalog = Catalog::built_in().unwrap();
    let error = catalog.accelerator("h100-sxm").unwrap_err();
    assert!(error.message().contains("unknown accelerator `h100-sxm`"));
    assert!(error.hint_text().unwrap().contains("`h100`"), "{:?}", error.hint_text());
    let error = catalog.job("grok1").unwrap_err();
    assert!(error.hint_text().unwrap().contains("`grok-1`"), "{:?}", error.hint_text());
    assert!(catalog.cluster("zzzzzzzzzzzzzzzzzzzzzzzz").unwrap_err().hint_text().unwrap().contains("lists them"));
}

#[test]
fn a_users_file_is_refused_with_file_field_and_reason() {
    let good = "[provenance]\nsource='mine'\ndate='2026'\ntier='assumed'\n[source.mine]\ntitle='t'\nlocator='l'\n\
        [cluster.c]\ntitle='c'\nstatus='s'\naccelerator='h100'\nnode='hgx-h100'\nfabric='infiniband-ndr'\n\
        accelerators={value=64,unit='accelerator'}\n";
    assert!(Catalog::built_in().unwrap().add_text(good, "u.toml").is_ok());
    for (from, to, part) in [
        ("status", "state", "`cluster.c.state`: unknown field"),
        ("'accelerator'}", "'GB'}", "`cluster.c.accelerators`: unit `GB`"),
        ("64", "0", "`cluster.c.accelerators`: 0"),
        ("64", "1e9", "beyond"),
        ("64", "nan", "finite"),
        ("[source.mine]", "[source.other]", "`provenance.source`: unknown source `mine`"),
        ("[cluster.c]", "[clusters.c]", "unknown field `clusters`"),
    ] {
        let text = good.replacen(from, to, 1);
        let error = Catalog::built_in().unwrap().add_text(&text, "u.toml").unwrap_err();
        assert!(error.message().starts_with("`u.toml`: "), "{error}");
        assert!(error.message().contains(part), "{part}: {error}");
    }
}

#[test]
fn no_two_accelerators_go_by_the_same_name() {
    let catalog = Catalog::built_in().unwrap();
    let mut owners = std::collections::BTreeMap::new();
    for (name, accelerator) in &catalog.accelerators {
        for called in accelerator.aliases.iter().chain([name]) {
            let owner = owners.insert(names::plain(called), name);
            assert!(owner.is_none_or(|o| o == name), "`{called}` is both `{name}` and `{}`", owner.unwrap());
        }
    }
}

#[test]
fn an_accelerator_that_names_what_is_not_there_is_refused() {
    let catalog = Catalog::built_in().unwrap();
    for (line, part) in [
        ("surface='h1000'", "accelerator `h1000`"),
        ("like='h1000'", "`h1000`"),
        ("node='hgx-x'", "node `hgx-x`"),
        ("aliases=['h100']", "`h100` is `h100`"),
    ] {
        let text = format!(
            "[provenance]\nsource='memory'\ndate='2026'\ntier='assumed'\n[accelerator.a]\ntitle='a'\nvendor='V'\n{line}\n\
             memory={{value=1,unit='GB'}}\nmemory_bandwidth={{value=1,unit='TB/s'}}\npeak.bf16={{value=1,unit='Tflop/s'}}\n"
        );
        let error = catalog.clone().add_text(&text, "x.toml").unwrap_err().to_string();
        assert!(error.contains("accelerator.a") && error.contains(part), "{error}");
    }
}
