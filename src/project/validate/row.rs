//! One published run: what it states, and what it measured.

use super::table::Line;
use super::{hardware, placement, shape};
use crate::job::{Layout, Run, Transformer};
use crate::project::catalog::Catalog;
use crate::project::constants::Constants;
use crate::project::machine::Machine;
use serde::{Deserialize, Serialize};

/// What a row states, ready to be predicted. Made without a look at the measured columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The transformer.
    pub job: Transformer,
    /// What is trained at once.
    pub run: Run,
    /// The hardware.
    pub machine: Machine,
    /// Whether the tokens were spread over the experts by force, as published tables of experts mostly are.
    pub balanced: bool,
    /// Every layout that agrees with what is stated.
    pub layouts: Vec<Layout>,
}

/// A prediction beside what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Row {
    /// Its id in the table.
    pub id: String,
    /// Who published it.
    pub source_group: String,
    /// `dense` or `moe`.
    pub arch: String,
    /// The accelerator, as the table calls it.
    pub accelerator: String,
    /// How many.
    pub n_accel: Option<f64>,
    /// Predicted seconds per step.
    pub predicted_s: Option<f64>,
    /// 5 % of the draws are below.
    pub p5_s: Option<f64>,
    /// 95 % of the draws are below.
    pub p95_s: Option<f64>,
    /// Measured seconds per step.
    pub measured_s: Option<f64>,
    /// Why there is no prediction or nothing to compare it with.
    pub refused: Option<String>,
}

impl Row {
    /// The row of a line; `predicted` is seconds, 5 % and 95 %.
    pub(super) fn new(line: &Line, predicted: Result<(f64, f64, f64), String>, measured: Result<f64, String>) -> Self {
        let text = |column: &str| line.text(column).unwrap_or_default().to_string();
        let mut row = Row {
            id: line.id(),
            source_group: text("source_group"),
            arch: text("arch"),
            accelerator: text("accelerator"),
            n_accel: line.number("n_accel").ok().flatten(),
            predicted_s: None,
            p5_s: None,
            p95_s: None,
            measured_s: measured.as_ref().ok().copied(),
            refused: measured.err(),
        };
        match predicted {
            Ok((seconds, p5, p95)) => {
                (row.predicted_s, row.p5_s, row.p95_s) = (Some(seconds), Some(p5), Some(p95));
            }
            Err(why) => row.refused = Some(why),
        }
        row
    }
}

/// Reads the measured columns.
pub struct Measured;

impl Measured {
    /// Seconds per step: stated, else from tokens per second, else from flop/s with the convention
    /// that the row states. Errors: what is lacking, and a measurement that is none.
    pub fn of(line: &Line) -> Result<f64, String> {
        let seconds = Self::stated(line)?;
        // An infinite or zero one has no logarithm, and one such row would take the figures of all with it.
        let is_one = seconds.is_finite() && seconds > 0.0;
        if is_one { Ok(seconds) } else { Err(format!("what was measured comes to {seconds} s a step")) }
    }

    fn stated(line: &Line) -> Result<f64, String> {
        let positive = |column: &str| match line.number(column)? {
            Some(x) if x <= 0.0 => Err(format!("`{column}`: {x}")),
            x => Ok(x),
        };
        if let Some(ms) = positive("step_time_ms")? {
            return Ok(ms / 1000.0);
        }
        if let Some(seconds) = positive("step_time_s")? {
            return Ok(seconds);
        }
        let need = |column: &str| line.number(column)?.ok_or(format!("`{column}` is blank"));
        let (batch, sequence, count) = (need("global_batch")?, need("seq_len")?, need("n_accel")?);
        if let Some(rate) = positive("tokens_per_s_per_accel")? {
            return Ok(batch * sequence / (rate * count));
        }
        let definition = line.text("flop_definition").unwrap_or_default().to_lowercase();
        let share = |column: &str| line.number(column).map(|x| x.filter(|x| *x > 0.0));
        let mut tflops = share("tflops_per_accel")?;
        // 6N per token, 8N where recomputation is counted; attention where the shape is known.
        let mut hardware =
            ["hardware", "incl. recompute", "incl. full recompute"].iter().any(|w| definition.contains(w));
        if tflops.is_none()
            && let Some(peak) = share("peak_tflops_in_mfu")?
        {
            let (model, all) = (share("mfu_pct")?, share("hfu_pct")?);
            hardware = model.is_none();
            tflops = model.or(all).map(|percent| percent / 100.0 * peak);
        }
        let Some(tflops) = tflops else {
            return Err("no `step_time_s`, `tokens_per_s_per_accel` or `tflops_per_accel`".into());
        };
        let params = match share("params_active_b")? {
            Some(active) => active,
            None => need("params_total_b")?,
        } * 1e9;
        let per_param = if hardware { 8.0 } else { 6.0 };
        let causal = definition.contains("causal") && !definition.contains("non-causal");
        let attention = match (line.number("layers")?, line.number("hidden")?) {
            (Some(l), Some(h)) => 2.0 * per_param * l * h * sequence * if causal { 0.5 } else { 1.0 },
            _ => 0.0,
        };
        Ok(batch * sequence * (per_param * params + attention) / (tflops * 1e12 * count))
    }
}

impl Case {
    /// The case of a line, or why it cannot be predicted.
    pub fn new(catalog: &Catalog, line: &Line) -> Result<Self, String> {
        if line.text("flags").is_some_and(|f| f.contains("PROXY")) {
            return Err("`flags`: a proxy with fewer layers than it names".into());
        }
        let need = |column: &str| line.whole(column)?.ok_or(format!("`{column}` is blank"));
        let count = match line.whole("n_accel")? {
            Some(count) => count,
            None => placement::product(line)?.ok_or("`n_accel` is blank")?,
        };
        // A batch that was stated in tokens leaves a fraction of a sequence.
        let whole = line.number("global_batch")?.filter(|b| b.fract() != 0.0 && *b >= 1.0 && *b <= 1e8);
        let batch = whole.map_or_else(|| need("global_batch").map(f64::from), |b| Ok(b.round()))?;
        let sequence = need("seq_len")?;
        let machine = hardware::machine(catalog, line, f64::from(count))?;
        let mut job = shape::transformer(catalog, line)?;
        // Where they are stated, ranks that do not divide them are a mistake.
        if line.number("heads")?.is_none() {
            shape::spread_heads(&mut job, line.whole("tp")?.unwrap_or(1));
        }
        job.check(line.text("model").unwrap_or("row")).map_err(|e| e.message().to_string())?;
        let stack = hardware::stack(line)?;
        let run = Run { sequence: f64::from(sequence), batch, stack, causal: 0.5 };
        let layouts = placement::layouts(line, &job, &run, &machine)?;
        let balanced = !line.text("flags").is_some_and(|f| f.contains("learned routing"));
        Ok(Case { job, run, machine, balanced, layouts })
    }

    /// The constants as they hold for this case.
    pub fn constants(&self, constants: &Constants) -> Constants {
        let expert_imbalance = if self.balanced { 1.0 } else { constants.expert_imbalance };
        Constants { expert_imbalance, ..*constants }
    }

    /// Accelerators.
    pub fn n_accel(&self) -> f64 {
        self.machine.accelerators
    }
}
