//! One probe from request to record: prove it, time it by the code that times products, prove what was timed.

use super::kind::Probe;
use super::record::{ProbeRecord, SCHEMA};
use super::twin::Checked;
use crate::kernel::{Cooperative, hex_sha256};
use crate::measure::effort::Effort;
use crate::measure::record::{AdapterIdentity, Missing, Samples, Spent, Tool, Verdict};
use crate::measure::timing::{Halt, Stage, Watch, time};
use crate::measure::{Step, Timed};

/// A device that probes. One probe at a time: `set_up`, then any number of `poison`, `submit` and `output`.
pub trait Prober: Timed {
    /// What it is.
    fn adapter(&self) -> &AdapterIdentity;

    /// What drives it.
    fn tool(&self) -> Tool;

    /// Most bytes of one working set, or of all that are visited in turn.
    fn most_bytes(&self) -> u64;

    /// Configurations of cooperative matrices.
    fn matrices(&self) -> &[Cooperative];

    /// Compiles, allocates and fills. Refuses as `unsupported` what the adapter lacks.
    fn set_up(&mut self, probe: &Probe, wgsl: &str) -> Step<()>;

    /// What the last dispatch of the last submission left behind, the repeats of the submission, and the working set that
    /// its last dispatch visited.
    fn output(&mut self) -> Step<Output>;
}

/// What a submission left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Bytes of the output that the last dispatch left behind ([`Probe::visited`]).
    pub bytes: Vec<u8>,
    /// Dispatches of the submission.
    pub repeats: u32,
    /// Working set of the last of them.
    pub set: u32,
}

/// Measures one probe; `None` where the watcher ended it.
pub fn measure(
    device: &mut dyn Prober,
    probe: &Probe,
    again: bool,
    effort: &Effort,
    watch: &mut Watch,
) -> Option<ProbeRecord> {
    let wgsl = probe.compose();
    let sha256 = wgsl.as_ref().ok().filter(|text| !text.is_empty()).map(|text| hex_sha256(text));
    let mut spent = Spent::default();
    let outcome = match wgsl {
        Ok(wgsl) => attempt(device, probe, &wgsl, effort, watch, &mut spent),
        Err(error) => Err(Halt::Missing(Missing::Failed { error: error.to_string() })),
    };
    let mut record =
        ProbeRecord { wgsl_sha256: sha256.unwrap_or_default(), spent: Some(spent), ..blank(device, probe, again) };
    match outcome {
        Ok((proof, samples)) => (record.proof, record.samples) = (Some(proof), samples),
        Err(Halt::Missing(missing)) => record.missing = Some(missing),
        Err(Halt::Stopped) => return None,
    }
    Some(record.derived())
}

/// The row of a probe that there was no time for.
pub fn left_out(device: &dyn Prober, probe: &Probe, again: bool, reason: String) -> ProbeRecord {
    ProbeRecord { missing: Some(Missing::Skipped { reason }), ..blank(device, probe, again) }.derived()
}

/// A record of nothing yet.
fn blank(device: &dyn Prober, probe: &Probe, again: bool) -> ProbeRecord {
    ProbeRecord {
        schema: SCHEMA.into(),
        tool: device.tool(),
        at: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
        adapter: device.adapter().clone(),
        case: *probe,
        again,
        wgsl_sha256: String::new(),
        flop: probe.flop(),
        bytes: probe.bytes(),
        spent: None,
        missing: None,
        proof: None,
        samples: None,
        figure: None,
        verdict: Verdict::Invalid,
        reasons: Vec::new(),
    }
}

fn attempt(
    device: &mut dyn Prober,
    probe: &Probe,
    wgsl: &str,
    effort: &Effort,
    watch: &mut Watch,
    spent: &mut Spent,
) -> Result<(Checked, Option<Samples>), Halt> {
    if watch(Stage::Proving).is_break() {
        return Err(Halt::Stopped);
    }
    let begin = device.now_ns();
    device.set_up(probe, wgsl)?;
    spent.setup_s = since(device, begin);
    let begin = device.now_ns();
    device.poison()?;
    device.submit(1)?;
    let first = check(device, probe)?;
    spent.proof_s = since(device, begin);
    if !first.passed {
        return Ok((first, None));
    }
    let begin = device.now_ns();
    let samples = time(device, effort, watch)?;
    spent.timing_s = since(device, begin);
    // The last timed submission began on a poisoned output: what is in it now is its work.
    let begin = device.now_ns();
    let last = check(device, probe)?;
    spent.proof_s += since(device, begin);
    Ok((last, Some(samples)))
}

fn since(device: &dyn Prober, begin_ns: u64) -> f64 {
    device.now_ns().saturating_sub(begin_ns) as f64 * 1e-9
}

fn check(device: &mut dyn Prober, probe: &Probe) -> Step<Checked> {
    let Output { bytes, repeats, set } = device.output()?;
    Ok(probe.check(&bytes, repeats, set))
}

#[cfg(test)]
mod tests {
    use super::super::kind::Scale;
    use super::super::scripted::ScriptedProber;
    use super::super::suite::every_kind;
    use super::*;
    use crate::measure::timing::unwatched;

    fn probed(idle_s: [f64; 2]) -> ProbeRecord {
        let mut device = ScriptedProber { idle_s, ..ScriptedProber::honest() };
        let probe = every_kind(Scale { groups: 8, bytes: 1 << 16, turns: 64 })[0];
        measure(&mut device, &probe, false, &Effort::quick(), &mut unwatched).expect("nobody ends it")
    }

    #[test]
    fn a_probe_that_is_wrong_is_not_timed_and_one_that_stops_writing_has_no_figure() {
        let honest = probed([0.0, 0.0]);
        assert!(honest.figure.is_some() && honest.proof.is_some_and(|proof| proof.passed), "{:?}", honest.reasons);
        let wrong = probed([0.0, 1e-3]);
        assert!(wrong.samples.is_none() && wrong.figure.is_none(), "{:?}", wrong.reasons);
        let stopped = probed([0.7, 1e9]);
        assert!(stopped.samples.is_some() && stopped.figure.is_none(), "{:?}", stopped.reasons);
        for record in [wrong, stopped] {
            assert_eq!((record.verdict, record.reasons[0].code.as_str()), (Verdict::Invalid, "proof-failed"));
        }
    }
}
