//! What a row says of its machine and its software.

use super::table::Line;
use crate::cluster::{Accelerator, Format};
use crate::job::Stack;
use crate::project::catalog::Catalog;
use crate::project::machine::Machine;

/// Letters and digits, small.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase()
}

/// The software: by the year, and by whose sharding it is.
pub(super) fn stack(line: &Line) -> Result<Stack, String> {
    let sharding = plain(line.text("zero_fsdp").unwrap_or_default());
    let xla = line.text("accelerator").is_some_and(|a| a.to_lowercase().contains("tpu"));
    let flags = line.text("flags").unwrap_or_default().to_lowercase();
    // Scaled 8-bit products come fused with their casts, so they are compiled even where nothing says so.
    let compiled = flags.contains("compile") || plain(line.text("precision").unwrap_or_default()).contains("float8");
    let eager = ["fsdp", "hsdp", "deepspeed", "gradop", "ddp"].iter().any(|word| sharding.contains(word));
    let year = line.number("year")?;
    Ok(match () {
        // What XLA compiles is fused and overlapped whatever the year.
        () if year.is_some_and(|year| year < 2023.0) && !xla => {
            // State was sharded by DeepSpeed, and by what later became FSDP.
            let said = ["flags", "source", "model"].map(|column| plain(line.text(column).unwrap_or_default()));
            let deepspeed = said.iter().any(|text| text.contains("deepspeed"));
            match () {
                () if deepspeed || eager || sharding.contains("zero") => Stack::EarlyDeepspeed,
                () if year.is_some_and(|year| year >= 2022.0) => Stack::EarlyOverlapped,
                () => Stack::Early,
            }
        }
        () if !eager || sharding.contains("megatron") || xla => Stack::Fused,
        () if compiled => Stack::Compiled,
        () => Stack::Eager,
    })
}

/// The number format of the products.
fn format(line: &Line) -> Format {
    let text = plain(line.text("precision").unwrap_or("bf16"));
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match () {
        () if has(&["fp4", "float4", "mxf4"]) => Format::Fp4,
        () if has(&["fp8", "float8", "e4m3", "e5m2", "mxf8", "8bit"]) => Format::Fp8,
        () if has(&["tf32"]) => Format::Tf32,
        () if has(&["fp32", "float32"]) && !has(&["16", "mixed", "amp"]) => Format::Fp32,
        () => Format::Bf16,
    }
}

/// The accelerator of that name, or the one whose name it holds: `NVIDIA H100 SXM5 80GB HBM3` is an
/// `h100`, and a `PCIe` one where it says so.
fn accelerator<'a>(catalog: &'a Catalog, name: &'a str) -> Result<(&'a str, &'a Accelerator), String> {
    let exact = catalog.accelerator_called(name);
    if let Ok((own, found)) = exact {
        return Ok((if own.is_empty() { name } else { own }, found));
    }
    if name.contains(char::REPLACEMENT_CHARACTER) {
        return Err(exact.err().map_or_else(|| format!("unknown accelerator `{name}`"), |e| e.message().to_string()));
    }
    let wanted = plain(name).replace("trillium", "tpuv6e").replace("ironwood", "tpuv7x").replace("trn2", "trainium2");
    let wanted = wanted.replace("datacentergpumax", "pvcmax").replace("pontevecchio", "pvcmax1550");
    let wanted = wanted.strip_prefix("google").map_or_else(|| wanted.clone(), str::to_string);
    let wanted = if let Some(rest) = wanted.strip_prefix('v').filter(|r| r.starts_with(|c: char| c.is_ascii_digit())) {
        format!("tpuv{rest}")
    } else {
        wanted
    };
    let pcie = wanted.contains("pcie");
    let score = |own: &str, a: &Accelerator| {
        let names = a.aliases.iter().map(|alias| plain(alias)).chain([plain(own)]);
        let held = names.filter(|n| n.len() >= 4 && wanted.contains(n.as_str())).map(|n| n.len()).max();
        // `H100` alone is what fits where only the form factor or the memory is said besides.
        let family = own.split('-').next().unwrap_or(own);
        let family = (family.len() >= 3 && wanted.contains(family)).then_some(family.len());
        // The form factor, and the memory where the name has one.
        let memory = own.rsplit('-').next().filter(|last| last.ends_with("gb"));
        let same_form = own.contains("pcie") == pcie && memory.is_none_or(|m| wanted.ends_with(m) || pcie);
        let held = memory.filter(|m| wanted.contains(*m)).map_or(held, |m| held.max(family.map(|f| f + m.len())));
        held.max(family).filter(|_| !own.contains("pcie") || pcie).map(|n| (n, same_form, own.len()))
    };
    let best = catalog
        .accelerators
        .iter()
        .filter_map(|(own, a)| score(own, a).map(|s| (s, own, a)))
        // The longest name held, the stated form factor, then the plainest name.
        .max_by(|(a, ..), (b, ..)| (a.0, a.1).cmp(&(b.0, b.1)).then(b.2.cmp(&a.2)));
    match best {
        Some((_, own, a)) => Ok((own, a)),
        None => Err(exact.err().map_or_else(String::new, |e| e.message().to_string())),
    }
}

/// Nominal rate of the network per accelerator, bytes/s, where the row does not state it: by the
/// fabric's name, else what boxes of that accelerator come with.
fn network(line: &Line, own: &str) -> f64 {
    let fabric = plain(line.text("inter_fabric").unwrap_or_default());
    let has = |words: &[&str]| words.iter().any(|word| fabric.contains(word));
    let gbit = match () {
        () if has(&["xdr", "cx8", "connectx8", "800g"]) => 800.0,
        () if has(&["ndr", "cx7", "connectx7", "400g", "spectrum", "efav2", "efav3", "efav4"]) => 400.0,
        () if has(&["hdr", "200g", "slingshot"]) => 200.0,
        () if has(&["edr", "omnipath", "100g"]) => 100.0,
        () if own.starts_with("tpu") => 50.0,
        () if own.starts_with("a100") && has(&["efa"]) => 50.0,
        () if own.starts_with("a100") || own.starts_with("mi250") || own.starts_with("l40") => 200.0,
        () if own.starts_with("v100") || own.starts_with("trainium1") => 100.0,
        () if own.starts_with("gaudi2") => 300.0,
        () if own.starts_with("gaudi3") => 600.0,
        () if own.starts_with("b300") || own.starts_with("gb300") || own.starts_with("rubin") => 800.0,
        () => 400.0,
    };
    gbit * 0.125e9
}

/// The machine of a row: what it states, and for what it leaves blank what is usual.
pub(super) fn machine(catalog: &Catalog, line: &Line, count: f64) -> Result<Machine, String> {
    let name = line.text("accelerator").ok_or("`accelerator` is blank")?;
    let (own, accelerator) = accelerator(catalog, name)?;
    let message = |e: crate::Error| e.message().to_string();
    // The fabric's own share is the constants' business; the row states the nominal rates.
    let node = catalog.node("hgx-h100").map_err(message)?;
    let fabric = catalog.fabric("infiniband-ndr").map_err(message)?;
    let published = catalog.published(own).map_err(message)?;
    let asked = format(line);
    // What the hardware has no products for runs in the next wider format.
    let wider: &[Format] = match asked {
        Format::Fp4 => &[Format::Fp4, Format::Fp8, Format::Bf16],
        Format::Fp8 => &[Format::Fp8, Format::Bf16],
        Format::Fp32 => &[Format::Fp32, Format::Tf32, Format::Bf16],
        Format::Tf32 => &[Format::Tf32, Format::Bf16],
        Format::Bf16 => &[Format::Bf16, Format::Fp32],
    };
    let mut machine = wider
        .iter()
        .find_map(|format| Machine::new(accelerator, published, node, fabric, *format, count))
        .ok_or_else(|| format!("`precision`: no {asked} peak is known of `{own}`"))?;
    let title = plain(name);
    let racks = title.contains("nvl72") || own.starts_with("gb200") || own.starts_with("gb300") || own == "rubin";
    let usual = if own.starts_with("tpu") || racks { 4.0 } else { 8.0 };
    let per_node = line.number("accel_per_node")?.filter(|n| *n >= 1.0).unwrap_or(usual);
    machine.node = per_node;
    if title.contains("gcd") && !title.contains("two") && !title.contains("2gcd") {
        // Half a package, counted as an accelerator of its own.
        for whole in [&mut machine.peak, &mut machine.peak16, &mut machine.memory, &mut machine.memory_bandwidth] {
            *whole *= 0.5;
        }
        for best in [&mut machine.achieved, &mut machine.achieved16] {
            *best = best.map(|rate| 0.5 * rate);
        }
        machine.scale_out *= 0.5;
    }
    let link = plain(line.text("intra_link").unwrap_or_default());
    machine.domain = match () {
        () if racks || link.contains("nvl72") => 72.0,
        // A slice of the torus is one scale-up domain.
        () if own == "tpu-v4" => 4096.0,
        () if own == "tpu-v5p" => 8960.0,
        () if own == "tpu-v7x" => 9216.0,
        () if own.starts_with("tpu") => 256.0,
        () if own.starts_with("trainium") => 16.0f64.max(per_node),
        () => per_node,
    }
    .min(count.max(1.0));
    if let Some(up) = line.number("intra_gbytes_s_per_dir")?.filter(|x| *x > 0.0) {
        machine.scale_up = up * 1e9;
    } else if accelerator.scale_up.is_none() && own.starts_with("tpu") {
        // One direction of a ring over a torus axis, both ways: two links of 45 or of 90 GB/s.
        machine.scale_up = if matches!(own, "tpu-v5p" | "tpu-v6e" | "tpu-v7x") { 180e9 } else { 90e9 };
    }
    // What is no InfiniBand and no tuned Ethernet reaches less of its rate, and starts later.
    let named = plain(line.text("inter_fabric").unwrap_or_default());
    let tuned = ["ib", "infiniband", "roce", "rdma", "spectrum"].iter().any(|word| named.contains(word));
    let slower = [("efa", "efa"), ("slingshot", "slingshot-11"), ("ethernet", "ethernet")];
    if let Some((_, own)) = slower.iter().find(|(word, _)| !tuned && named.contains(word)) {
        let fabric = catalog.fabric(own).map_err(message)?;
        (machine.fabric_efficiency, machine.fabric_latency) = (fabric.efficiency.value, fabric.latency.value);
    }
    machine.scale_out = match line.number("inter_gbit_s_per_accel")?.filter(|x| *x > 0.0) {
        Some(gbit) => gbit * 0.125e9,
        None => network(line, own),
    };
    Ok(machine)
}

#[cfg(test)]
mod tests {
    use super::super::table::read_table_text;
    use super::*;

    #[test]
    fn accelerators_are_known_by_what_people_write() {
        let catalog = Catalog::built_in().unwrap();
        for (written, own) in [
            ("NVIDIA H100 SXM5 80GB HBM3", "h100"),
            ("H100 PCIe", "h100-pcie-80gb"),
            ("DGX H100", "h100"),
            ("nvidia-a100", "a100"),
            ("A100 SXM4 80 GB", "a100"),
            ("A100-SXM4-40GB", "a100-sxm-40gb"),
            ("H200 SXM 141GB", "h200"),
            ("DGX B200", "b200"),
            ("GB200 NVL72 (per GPU)", "gb200"),
            ("AMD Instinct MI300X", "mi300x"),
            ("MI250X GCD", "mi250x"),
            ("Intel Gaudi 2", "gaudi2"),
            ("TPU v5p-2048", "tpu-v5p"),
            ("v5e", "tpu-v5e"),
            ("Trillium", "tpu-v6e"),
            ("AWS Trainium2", "trainium2"),
            ("Trainium1 (trn1.32xlarge)", "trainium1"),
            ("Tesla V100-SXM2-32GB", "v100"),
            ("A800", "a800"),
            ("NVIDIA H20 96GB", "h20"),
            ("Intel Data Center GPU Max 1550", "pvc-max-1550"),
            ("H800", "h800-sxm-80gb"),
            ("NVIDIA GB300 NVL72", "gb300"),
            ("v5p-512", "tpu-v5p"),
        ] {
            assert_eq!(accelerator(&catalog, written).map(|(own, _)| own), Ok(own), "{written}");
        }
        assert!(accelerator(&catalog, "Z80").unwrap_err().contains("unknown accelerator `Z80`"));
    }

    #[test]
    fn a_fabric_that_is_no_infiniband_reaches_less_of_its_rate() {
        let catalog = Catalog::built_in().unwrap();
        let of = |fabric: &str| {
            let text = format!("accelerator,n_accel,seq_len,global_batch,inter_fabric\nA100,16,1,1,{fabric}\n");
            let line = read_table_text(&text, "t").unwrap().remove(0);
            machine(&catalog, &line, 16.0).unwrap().fabric_efficiency
        };
        assert_eq!((of("IB HDR"), of("400G Ethernet (RoCE)")), (of(""), of("")));
        assert!(of("Ethernet") < of("AWS EFA") && of("AWS EFA") < of("IB HDR"));
    }

    #[test]
    fn stacks_before_2023_are_told_apart_by_whose_they_are() {
        let of = |head: &str, row: &str| {
            let text = format!("accelerator,n_accel,seq_len,global_batch,{head}\nA100,8,1,1,{row}\n");
            stack(&read_table_text(&text, "t").unwrap().remove(0)).unwrap()
        };
        assert_eq!(of("year", "2021"), Stack::Early);
        assert_eq!(of("year", "2022"), Stack::EarlyOverlapped);
        assert_eq!(of("year,zero_fsdp", "2022,zero1"), Stack::EarlyDeepspeed);
        assert_eq!(of("year,flags", "2022,DeepSpeed and Megatron"), Stack::EarlyDeepspeed);
        assert_eq!(of("year,zero_fsdp", "2024,FSDP"), Stack::Eager);
        let text = "accelerator,n_accel,seq_len,global_batch,year\nTPU v4,8,1,1,2022\n";
        assert_eq!(stack(&read_table_text(text, "t").unwrap().remove(0)).unwrap(), Stack::Fused);
    }

    #[test]
    fn a_format_that_the_hardware_lacks_runs_in_the_next_wider_one() {
        let catalog = Catalog::built_in().unwrap();
        let of = |name: &str, precision: &str| {
            let text = format!("accelerator,n_accel,seq_len,global_batch,precision\n{name},8,1,1,{precision}\n");
            let line = read_table_text(&text, "t").unwrap().remove(0);
            machine(&catalog, &line, 8.0).unwrap()
        };
        assert_eq!(of("A100", "fp8"), of("A100", "bf16"));
        assert_eq!(of("H100", "MXFP8 (per-block)").operand, 1.0);
        assert_eq!(of("H100", "nvfp4").operand, 1.0);
        assert_eq!(of("B200", "NVFP4").operand, 0.5);
        assert_eq!(of("H100", "fp16 mixed"), of("H100", ""));
        assert_eq!(of("A100", "fp32").operand, 4.0);
    }
}
