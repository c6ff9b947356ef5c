//! What a row says of its transformer, and the likeliest one where it says little.

use super::hardware::plain;
use super::table::Line;
use crate::job::{Experts, Transformer};
use crate::project::catalog::Catalog;
use crate::provenance::Tier;
use crate::sourced::Stamp;

/// A transformer in which nothing is known but its size.
fn blank(line: &Line, sequence: u32) -> Transformer {
    Transformer {
        title: line.text("model").unwrap_or("row").into(),
        layers: 1,
        hidden: 128,
        heads: 1,
        kv_heads: 1,
        head_dim: None,
        ffn: 512,
        gated: false,
        vocab: 51_200,
        tied: true,
        sequence,
        experts: None,
        latent: None,
        further_tokens: 0,
        note: None,
        provenance: Stamp { source: "row".into(), date: "2024".into(), tier: Tier::Published },
    }
}

/// The transformer of a row.
pub(super) fn transformer(catalog: &Catalog, line: &Line) -> Result<Transformer, String> {
    let whole = |column| line.whole(column);
    let sequence = whole("seq_len")?.unwrap_or(2048);
    let (Some(layers), Some(hidden)) = (whole("layers")?, whole("hidden")?) else {
        return match called(catalog, line)? {
            Some(known) => Ok(Transformer { sequence, vocab: whole("vocab")?.unwrap_or(known.vocab), ..known.clone() }),
            None => generic(line, sequence),
        };
    };
    let experts = whole("n_experts")?.filter(|n| *n > 1);
    let heads = whole("heads")?.unwrap_or((hidden / 128).max(1));
    // A built-in job of the same shape knows what the table has no column for.
    if let Some(known) = catalog.jobs.values().find(|j| {
        j.layers == layers
            && j.hidden == hidden
            && j.heads == heads
            && line.whole("kv_heads").ok().flatten().is_none_or(|kv| kv == j.kv_heads)
            && j.experts.as_ref().map(|e| e.count) == experts
            && line
                .whole("ffn_hidden")
                .ok()
                .flatten()
                .is_none_or(|f| f == j.ffn || j.experts.as_ref().is_some_and(|e| e.width == f))
    }) {
        let vocab = whole("vocab")?.unwrap_or(known.vocab);
        return Ok(Transformer { sequence, vocab, ..known.clone() });
    }
    let width = whole("ffn_hidden")?.unwrap_or(hidden.saturating_mul(4));
    let kv_heads = whole("kv_heads")?.filter(|kv| heads.is_multiple_of(*kv)).unwrap_or(heads);
    let mut job = Transformer {
        layers,
        hidden,
        heads,
        kv_heads,
        head_dim: (!hidden.is_multiple_of(heads)).then(|| (hidden / heads).max(1)),
        ffn: width,
        vocab: whole("vocab")?.unwrap_or(51_200),
        ..blank(line, sequence)
    };
    let total = line.number("params_total_b")?.filter(|b| *b > 0.0).map(|b| b * 1e9);
    if let Some(count) = experts {
        let active = line.number("params_active_b")?.filter(|b| *b > 0.0).map(|b| b * 1e9);
        job.gated = true;
        job.ffn = 0;
        let top = whole("top_k")?.map(|k| k.min(count));
        with_experts(&mut job, count, top, width, total, active);
    } else if let Some(total) = total {
        // Whether there is a gate is not stated; the parameter count tells.
        let off = |gated: bool| (Transformer { gated, ..job.clone() }.params() / total).ln().abs();
        job.gated = off(true) < off(false);
    }
    Ok(job)
}

/// Gives `job` routed experts: of the stated width where the parameters agree with it, else of the width
/// that they ask for; and a shared one where more parameters are active than routing explains.
fn with_experts(
    job: &mut Transformer,
    count: u32,
    top: Option<u32>,
    width: u32,
    total: Option<f64>,
    active: Option<f64>,
) {
    let h = f64::from(job.hidden);
    let per_width = f64::from(job.layers) * job.matrices() * h;
    let set = |job: &mut Transformer, active: u32, width: f64, shared: f64| {
        let whole = |x: f64| x.round().clamp(0.0, 1e7) as u32;
        job.experts = Some(Experts {
            count,
            active,
            width: whole(width).max(1),
            shared_width: whole(shared),
            dense_layers: 0,
            node_limit: None,
        });
    };
    set(job, top.unwrap_or(1), f64::from(width), 0.0);
    let mut width = f64::from(width);
    if let Some(total) = total {
        let rest = job.params() - per_width * width * f64::from(count);
        let asked = (total - rest) / (per_width * f64::from(count));
        // A stated width may be that of layers without experts.
        if asked > 0.0 && (job.params() / total).ln().abs() > 0.15 {
            width = asked;
        }
    }
    let routed = per_width * width;
    set(job, 1, width, 0.0);
    let always = job.active_params() - routed;
    let top = top.unwrap_or_else(|| match active {
        Some(active) if routed > 0.0 => ((active - always) / routed).round().clamp(1.0, f64::from(count)) as u32,
        _ => 2.min(count),
    });
    let explained = always + f64::from(top) * routed;
    let shared = active.map_or(0.0, |a| if a > 1.1 * explained { (a - explained) / per_width } else { 0.0 });
    set(job, top, width, shared);
}

/// The built-in job that goes by the row's model name and has its size.
fn called<'a>(catalog: &'a Catalog, line: &Line) -> Result<Option<&'a Transformer>, String> {
    let name = plain(line.text("model").unwrap_or_default());
    let total = line.number("params_total_b")?.filter(|b| *b > 0.0);
    let moe = line.text("arch").is_some_and(|a| a.eq_ignore_ascii_case("moe"));
    Ok(catalog
        .jobs
        .iter()
        .filter(|(own, job)| {
            let known = plain(own);
            let named = name.contains(&known) || (name.len() >= 5 && known.contains(&name));
            let sized = total.is_none_or(|b| (job.params() / (b * 1e9)).ln().abs() < 0.05);
            named && sized && (job.experts.is_some() || !moe)
        })
        .max_by_key(|(own, _)| own.len())
        .map(|(_, job)| job))
}

/// A plain transformer of the stated size where no shape is given: 128 hidden per layer, as the
/// published ones have about. One with experts has 64 where it does not say how many, and routes most of
/// what is active.
fn generic(line: &Line, sequence: u32) -> Result<Transformer, String> {
    let stated = line.number("params_total_b")?.filter(|p| *p > 0.0);
    let Some(billions) = stated.or_else(|| billions_in(line.text("model").unwrap_or_default())) else {
        return Err("neither `layers` and `hidden` nor `params_total_b`".into());
    };
    let active = line.number("params_active_b")?.filter(|p| *p > 0.0).unwrap_or(billions);
    let moe = line.text("arch").is_some_and(|a| a.eq_ignore_ascii_case("moe")) || active < 0.95 * billions;
    let count = line.whole("n_experts")?.filter(|n| *n > 1).unwrap_or(64);
    // Most of what is active is routed; the rest is attention, and what is always active.
    let usual = (0.7 * active / billions * f64::from(count)).round().clamp(1.0, f64::from(count)) as u32;
    let top = line.whole("top_k")?.map_or(usual, |k| k.min(count));
    let unrouted = active - billions * f64::from(top) / f64::from(count);
    // Plain layers have 12 h² parameters, 4 h² of them in attention.
    let basis = if moe { 3.0 * unrouted.clamp(0.15 * active, 0.35 * active) } else { billions };
    let hidden = ((basis * 1e9 * 128.0 / 12.0).cbrt() / 256.0).round().max(1.0) * 256.0;
    let stated_hidden = line.whole("hidden")?.map(f64::from);
    let hidden = stated_hidden.unwrap_or(hidden);
    let layers = match line.whole("layers")? {
        Some(layers) => f64::from(layers),
        None => (basis * 1e9 / (12.0 * hidden * hidden)).round().max(1.0),
    };
    let heads = line.whole("heads")?.unwrap_or(((hidden / 128.0) as u32).max(1));
    let mut job = Transformer {
        layers: layers as u32,
        hidden: hidden as u32,
        heads,
        kv_heads: line.whole("kv_heads")?.filter(|kv| heads.is_multiple_of(*kv)).unwrap_or(heads),
        head_dim: (!(hidden as u32).is_multiple_of(heads)).then(|| (hidden as u32 / heads).max(1)),
        ffn: line.whole("ffn_hidden")?.unwrap_or((hidden as u32).saturating_mul(4)),
        vocab: line.whole("vocab")?.unwrap_or(32_000),
        ..blank(line, sequence)
    };
    if moe {
        (job.ffn, job.gated) = (0, true);
        // A width far off, so that the parameters decide.
        with_experts(&mut job, count, Some(top), 1, Some(billions * 1e9), Some(active * 1e9));
    }
    Ok(job)
}

/// The size that a name holds: `GPT3-20B` is 20, `Mixtral-8x7B` is none.
fn billions_in(name: &str) -> Option<f64> {
    name.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).rev().find_map(|word| {
        let number = word.strip_suffix(['B', 'b'])?;
        let start = number.rfind(|c: char| !(c.is_ascii_digit() || c == '.')).map_or(0, |i| i + 1);
        if number[..start].ends_with(['x', 'X']) {
            return None;
        }
        number[start..].parse().ok().filter(|b: &f64| *b > 0.0 && *b < 1e6)
    })
}

/// Heads that `tensor` ranks do not divide were shared out all the same: rounded up to a multiple, each
/// so much narrower.
pub(super) fn spread_heads(job: &mut Transformer, tensor: u32) {
    if tensor == 0 || job.heads.is_multiple_of(tensor) || job.latent.is_some() {
        return;
    }
    let width = f64::from(job.heads) * job.head();
    let heads = job.heads.div_ceil(tensor).saturating_mul(tensor);
    // So many ranks are no layout: the check says so.
    if heads > 1 << 16 {
        return;
    }
    let groups = job.heads / job.kv_heads;
    job.kv_heads = if groups > 1 && heads.is_multiple_of(job.kv_heads) { job.kv_heads } else { heads };
    job.heads = heads;
    job.head_dim = Some((width / f64::from(heads)).round().max(1.0) as u32);
}

#[cfg(test)]
mod tests {
    use super::super::table::read_table_text;
    use super::*;

    fn of(head: &str, row: &str) -> Transformer {
        let text = format!("accelerator,n_accel,seq_len,global_batch,{head}\nH100,8,4096,8,{row}\n");
        let line = read_table_text(&text, "t").unwrap().remove(0);
        transformer(&Catalog::built_in().unwrap(), &line).unwrap()
    }

    #[test]
    fn a_model_that_is_only_named_is_the_built_in_one() {
        assert_eq!(of("model,arch,params_total_b", "Mixtral 8x7B,moe,46.7").experts.unwrap().count, 8);
        assert_eq!(of("model", "LLAMA3-70B").layers, 80);
    }

    #[test]
    fn experts_of_unknown_width_have_the_stated_parameters() {
        for row in ["Scout,moe,109,17,16,1", "Other,moe,100,12,,", "Third,moe,400,17,128,1"] {
            let job = of("model,arch,params_total_b,params_active_b,n_experts,top_k", row);
            let cells: Vec<f64> = row.split(',').skip(2).take(2).map(|x| x.parse().unwrap()).collect();
            assert!((job.params() / (cells[0] * 1e9)).ln().abs() < 0.25, "{row}: {}", job.params());
            assert!((job.active_params() / (cells[1] * 1e9)).ln().abs() < 0.25, "{row}: {}", job.active_params());
            job.check(row).unwrap();
        }
    }

    #[test]
    fn a_width_that_the_parameters_contradict_gives_way_to_them() {
        let head = "model,arch,layers,hidden,heads,ffn_hidden,n_experts,top_k,params_total_b";
        // 40 layers of 64 experts: 18,432 is the width of the layers without experts.
        let job = of(head, "M,moe,40,4096,32,18432,64,4,65");
        assert!((job.params() / 65e9 - 1.0).abs() < 0.05, "{}", job.params());
        assert!(job.experts.unwrap().width < 4096);
    }

    #[test]
    fn heads_that_the_ranks_do_not_divide_are_shared_out() {
        let mut job = of("params_total_b", "128");
        let before = f64::from(job.heads) * job.head();
        spread_heads(&mut job, 16);
        assert!(job.heads.is_multiple_of(16));
        assert!((f64::from(job.heads) * job.head() / before - 1.0).abs() < 0.02);
        job.check("x").unwrap();
    }

    #[test]
    fn a_size_is_read_out_of_a_name() {
        for (name, size) in
            [("GPT3-20B", Some(20.0)), ("Llama 3.1 8B base", Some(8.0)), ("Mixtral-8x7B", None), ("T5", None)]
        {
            assert_eq!(billions_in(name), size, "{name}");
        }
    }
}
