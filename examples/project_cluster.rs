//! Forecasts a training run on a cluster of one's own, written as TOML: no adapter is needed.
//!
//! `cargo run --no-default-features --example project_cluster` prints, to the last digit:
//!
//! ```text
//! Llama 3 70B on 2,048 H100: estimate
//! step_time: 3.99 s (5–95 %: 3.39 to 6.62), assumed
//! mfu: 0.470 (5–95 %: 0.280 to 0.550), assumed
//! run_days: 11.3 day (5–95 %: 9.63 to 18.9), assumed
//! goodput: 0.972 (5–95 %: 0.949 to 0.985), assumed
//! assumed: collective_rate = 1.00
//! assumed: scale_factor = 1.02
//! assumed: reserved_memory = 6.00 GiB
//! ```

use flopcast::Result;
use flopcast::project::{Catalog, Options, run};
use flopcast::report::measurement::significant;

/// Names without a table of their own here (`hgx-h100`, `h100`, `infiniband-ndr`, `llama-3-70b`) are the catalogue's.
const MINE: &str = r#"
[provenance]
source = "mine"
date = "2026-11"
tier = "assumed"

[source.mine]
title = "what we plan to buy"
locator = "the offer of November"

[cluster.mine]
title = "2,048 H100"
accelerator = "h100"
node = "hgx-h100"
fabric = "infiniband-ndr"
status = "planned"
accelerators = { value = 2048, unit = "accelerator" }

[scenario.mine]
title = "Llama 3 70B on 2,048 H100"
cluster = "mine"
job = "llama-3-70b"
format = "bf16"
batch = { value = 8.388608, unit = "Mtoken" }
sequence = { value = 8192, unit = "token" }
tokens = { value = 2, unit = "Ttoken" }
checkpoint = { value = 20, unit = "s", low = 5, high = 60 }
restart = { value = 300, unit = "s", low = 60, high = 900 }
"#;

pub fn report() -> Result<String> {
    let mut catalog = Catalog::built_in()?;
    catalog.add_text(MINE, "`mine`")?;

    // `None`: no measured curve is carried over, so this rests on published figures and assumptions alone.
    let forecast = run(&catalog, "mine", None, &Options::default())?;

    let mut text = format!("{}: {}\n", forecast.title, forecast.kind);
    for name in ["step_time", "mfu", "run_days", "goodput"] {
        let q = &forecast.quantities[name];
        let (value, low, high) = (significant(q.value), significant(q.p5), significant(q.p95));
        text += &format!("{name}: {value}{} (5–95 %: {low} to {high}), {}\n", unit(&q.unit), q.tier);
    }
    for assumed in forecast.assumptions.iter().take(3) {
        text += &format!("assumed: {} = {}{}\n", assumed.name, significant(assumed.value), unit(&assumed.unit));
    }
    Ok(text)
}

/// A share has the unit `1`, which is not printed.
fn unit(name: &str) -> String {
    if name == "1" { String::new() } else { format!(" {name}") }
}

#[allow(dead_code)]
fn main() -> Result<()> {
    print!("{}", report()?);
    Ok(())
}
