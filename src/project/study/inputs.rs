//! Everything that a forecast rests on, in one list: each with its value, its spread and its source.
//!
//! The place of an input is the same in every scenario, and so is the Sobol dimension that draws it:
//! two forecasts of the same index of draw share what they have in common.

use crate::calibrate::{Calibration, Curve};
use crate::cluster::measured::Local;
use crate::cluster::{Accelerator, Node};
use crate::cluster::{Operations, Price, Site};
use crate::measure::physics::meant;
use crate::project::constants::{COUNT, Constants};
use crate::project::equivalents::Equivalents;
use crate::project::machine::Machine;
use crate::project::parts::MAX_PARTS;
use crate::project::scenario::Forecast;
use crate::project::sweep::{Swept, TRANSFER_SD_LOG};
use crate::provenance::{Provenance, Tier};
use crate::sourced::{Fact, Spread, Stamp};

/// Something that a forecast rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name: that of its field, after the table it stands in.
    pub name: String,
    /// Median, base units; NaN where the scenario has none.
    pub median: f64,
    /// Spread.
    pub spread: Spread,
    /// Its median as written, in `unit`.
    pub written: f64,
    /// Unit as written.
    pub unit: String,
    /// What there is to say.
    pub note: String,
    /// Date of its source.
    pub date: String,
    /// Tier, sources, software mark; `None` where the scenario has no such input.
    pub provenance: Option<Provenance>,
}

impl Input {
    fn new(name: impl Into<String>, fact: Option<Fact>) -> Self {
        let name = name.into();
        match fact {
            Some(f) => Input {
                name,
                median: f.value,
                spread: f.spread,
                written: f.written,
                unit: f.unit.into(),
                note: f.note.unwrap_or_default(),
                date: f.stamp.date.clone(),
                provenance: Some(f.stamp.provenance()),
            },
            None => Input {
                name,
                median: f64::NAN,
                spread: Spread::None,
                written: f64::NAN,
                unit: String::new(),
                note: String::new(),
                date: String::new(),
                provenance: None,
            },
        }
    }

    /// Whether nobody measured it.
    pub fn assumed(&self) -> bool {
        self.provenance.as_ref().is_some_and(|p| p.tier >= Tier::Assumed)
    }

    /// Whether it is drawn.
    pub fn uncertain(&self) -> bool {
        self.spread != Spread::None
    }
}

// Places in a row of draws, after the constants.
pub const FABRIC_EFFICIENCY: usize = COUNT;
pub const FABRIC_LATENCY: usize = COUNT + 1;
pub const CHECKPOINT: usize = COUNT + 2;
pub const RESTART: usize = COUNT + 3;
pub const TRANSFER: usize = COUNT + 4;
pub const TOKENS: usize = COUNT + 5;
pub const RATED: usize = COUNT + 6;
pub const ACCELERATORS: usize = COUNT + 7;
pub const PACE: usize = COUNT + 8;
pub const OPERATIONS: usize = PACE + MAX_PARTS;
pub const SITE: usize = OPERATIONS + Operations::NAMES.len();
pub const PRICE: usize = SITE + Site::NAMES.len();
pub const HARDWARE: usize = PRICE + Price::NAMES.len();
/// What changes the job itself: see [`Structure`].
pub const STRUCTURE: usize = HARDWARE + PARTS.len();
/// The error of a fabric that was measured here.
pub const MEASURED_FABRIC: usize = STRUCTURE + Structure::ALL.len();
/// How many there are.
pub const INPUTS: usize = MEASURED_FABRIC + 1;

const _: () =
    assert!(INPUTS <= crate::project::sample::MAX_INPUTS, "every input needs a Sobol dimension in each block");

/// How a machine is given another value of a part of the hardware that is a plain number of it.
pub type Setter = fn(&mut Machine, f64);
/// The value that it has; NaN where there is none.
pub type Getter = fn(&Machine) -> f64;

/// Numbers of the machine by name, in the order of their places.
pub const PARTS: [(&str, Setter, Getter); 13] = [
    (
        "accelerator.peak",
        |m, x| {
            // In 16 bits and above both are the same figure.
            if m.peak16 == m.peak {
                m.peak16 = x;
            }
            m.peak = x;
        },
        |m| m.peak,
    ),
    (
        "accelerator.achieved",
        |m, x| {
            if m.achieved16 == m.achieved {
                m.achieved16 = Some(x);
            }
            m.achieved = Some(x);
        },
        |m| m.achieved.unwrap_or(f64::NAN),
    ),
    ("accelerator.derate", |m, x| m.derate = x, |m| m.derate),
    ("accelerator.memory", |m, x| m.memory = x, |m| m.memory),
    ("accelerator.memory_bandwidth", |m, x| m.memory_bandwidth = x, |m| m.memory_bandwidth),
    ("accelerator.scale_up", |m, x| m.scale_up = x, |m| m.scale_up),
    ("node.accelerators", |m, x| m.node = x, |m| m.node),
    ("node.scale_up_domain", |m, x| m.domain = x, |m| m.domain),
    ("node.scale_out", |m, x| m.scale_out = x, |m| m.scale_out),
    ("fabric.oversubscription", |m, x| m.oversubscription = x, |m| m.oversubscription),
    ("fabric.pod", |m, x| m.pod = x, |m| m.pod),
    ("surface.rate", |m, x| m.set_surface_rate(x), |m| m.surface.rate.unwrap_or(f64::NAN)),
    ("surface.error", |m, x| m.products_slower = x, |m| m.products_slower),
];

/// What makes the job another one: no plain number, so the step is made anew to see what it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Structure {
    /// The network that is trained.
    Job,
    /// Tokens per sequence.
    Sequence,
    /// Tokens per step.
    Batch,
}

impl Structure {
    /// All, in the order of their places.
    pub const ALL: [Structure; 3] = [Structure::Job, Structure::Sequence, Structure::Batch];
}

/// Every input of a forecast.
pub fn inputs(f: &Forecast, curve: Option<&Curve>, calibration: Option<&Calibration>) -> Vec<Input> {
    let s = f.scenario;
    let mut all: Vec<Input> = Vec::with_capacity(INPUTS);
    for e in f.constants.entries() {
        let fact = Fact {
            value: e.median,
            spread: e.spread,
            written: e.written,
            unit: e.unit,
            stamp: e.stamp.clone(),
            note: e.note.map(String::from),
        };
        let own = s.failure_rate.as_ref().filter(|_| e.name == "failure_rate");
        all.push(Input::new(e.name, Some(own.map_or(fact, Fact::from))));
    }
    let count = s.accelerators.as_ref().unwrap_or(&f.cluster.accelerators);
    all.push(Input::new("fabric.efficiency", Some((&f.fabric.efficiency).into())));
    all.push(Input::new("fabric.latency", Some((&f.fabric.latency).into())));
    all.push(Input::new("checkpoint", s.checkpoint.as_ref().map(Fact::from)));
    all.push(Input::new("restart", Some((&s.restart).into())));
    all.push(transferred(curve, calibration));
    all.push(Input::new("tokens", Some((&s.tokens).into())));
    let mut rated = Input::new("power.rated", f.rated.as_ref().map(|(fact, _)| fact.clone()));
    rated.provenance.clone_from(&f.rated_provenance);
    all.push(rated);
    all.push(Input::new("accelerators", Some(count.into())));
    for place in 0..MAX_PARTS {
        let part = f.halves.get(place);
        let name = part.map_or_else(|| format!("half.{place}"), |p| format!("half.{}.pace", p.name));
        all.push(Input::new(name, part.and_then(|p| p.half.pace.as_ref()).map(Fact::from)));
    }
    for (table, names, facts) in [
        ("operations", Operations::NAMES, f.operations.facts()),
        ("site", Site::NAMES, f.site.facts()),
        ("price", Price::NAMES, f.price.facts()),
    ] {
        for (name, fact) in names.iter().zip(facts) {
            let measured =
                calibration.filter(|_| (table, *name) == ("site", "computing")).and_then(|c| computing(f, c));
            all.push(Input::new(format!("{table}.{name}"), measured.or(fact)));
        }
    }
    all.extend(hardware(f));
    all.push(Input::new(format!("job.{}", s.job), Some(job(f))));
    all.push(Input::new("sequence", Some((&s.sequence).into())));
    all.push(Input::new("batch", Some((&s.batch).into())));
    all.push(Input::new("fabric.measured", f.machine.measured.as_ref().map(measured)));
    all
}

/// The numbers of the machine, in the order of [`PARTS`]. Where parts of the cluster differ each is the
/// least of theirs, rates are those of the slowest accelerator, and all of them have a part in it.
fn hardware(f: &Forecast) -> Vec<Input> {
    let mut kinds: Vec<(&Accelerator, &Node, Swept)> =
        f.halves.iter().map(|p| (p.accelerator, p.node, p.surface)).collect();
    if kinds.is_empty() {
        kinds.push((f.accelerator, f.node, f.surface));
    }
    let format = f.scenario.format;
    let facts: Vec<[Option<Fact>; PARTS.len()]> = kinds
        .into_iter()
        .map(|(a, node, swept)| {
            [
                a.peak.get(&format).map(Fact::from),
                a.achieved.get(&format).map(Fact::from),
                a.derate.as_ref().map(Fact::from),
                Some((&a.memory).into()),
                Some((&a.memory_bandwidth).into()),
                a.scale_up.as_ref().map(Fact::from),
                Some((&node.accelerators).into()),
                Some((&node.scale_up_domain).into()),
                Some((&node.scale_out).into()),
                Some((&f.fabric.oversubscription).into()),
                f.fabric.pod.as_ref().map(Fact::from),
                (!swept.transferred).then(|| Fact::from(&swept.surface.rate)),
                Some(off(swept)),
            ]
        })
        .collect();
    let one = |(place, (name, ..)): (usize, &(&str, Setter, Getter))| {
        let rate = name.starts_with("surface.")
            || matches!(*name, "accelerator.peak" | "accelerator.achieved" | "accelerator.derate");
        let given = facts.iter().filter_map(|part| part[place].as_ref());
        let fact = match rate {
            true => facts[f.on_parts.slowest][place].clone(),
            false => given.clone().min_by(|a, b| a.value.total_cmp(&b.value)).cloned(),
        };
        let mut input = Input::new(*name, fact);
        if input.provenance.is_some() {
            input.provenance = given.map(|fact| fact.stamp.provenance()).reduce(|all, one| all.join(&one));
        }
        input
    };
    PARTS.iter().enumerate().map(one).collect()
}

/// What products take over what their surface says: its error, and that of standing for another accelerator's.
fn off(swept: Swept) -> Fact {
    let (s, error) = (swept.surface, &swept.surface.error);
    let left_out =
        format!("{} products of `{}`; one left out is off by {:.1} %", s.format, s.accelerator, 100.0 * error.value);
    let (tier, note) = match swept.transferred {
        false => (error.stamp.tier, left_out),
        true => (
            Tier::Assumed,
            format!("{left_out}, and standing for another's by {:.0} % more", 100.0 * swept.standing_sd_log()),
        ),
    };
    Fact {
        value: 1.0,
        spread: Spread::Log(swept.sd_log()),
        written: 1.0,
        unit: "1",
        stamp: Stamp { tier, ..error.stamp.clone() },
        note: Some(note),
    }
}

/// What was measured on the fabric here: a factor on its times, with the error of the table.
fn measured(local: &Local) -> Fact {
    let table = local.table();
    let note = format!("{}; a size left out is off by {:.1} %", table.covers(), 100.0 * local.sd_log());
    Fact {
        value: 1.0,
        spread: Spread::Log(local.sd_log()),
        written: 1.0,
        unit: "1",
        stamp: Stamp { source: table.source.clone(), date: String::new(), tier: Tier::Measured },
        note: Some(note),
    }
}

fn job(f: &Forecast) -> Fact {
    Fact {
        value: f.job.params(),
        spread: Spread::None,
        written: f.job.params() / 1e9,
        unit: "G parameters",
        stamp: f.job.provenance.clone(),
        note: Some(f.job.title.clone()),
    }
}

/// How far a mean over one case's timed part may be from that of a step's computation, in the logarithm.
const POWER_SD_LOG: f64 = 0.05;

/// Share of the rated power while computing, as measured here: where the measured adapter is the cluster's
/// own accelerator, whose rating is known. The rest of a box is taken to draw as the accelerators do.
pub(in crate::project) fn computing(f: &Forecast, calibration: &Calibration) -> Option<Fact> {
    let watts = calibration.power.as_ref()?.watts.filter(|_| !calibration.software)?;
    meant(&calibration.adapter.name, [f.cluster.accelerator.as_str()]).filter(|_| f.halves.is_empty())?;
    let share = watts / f.accelerator.power.as_ref()?.value;
    let date = calibration.measured_at.chars().take(10).collect();
    Some(Fact {
        value: share,
        spread: Spread::Log(POWER_SD_LOG),
        written: share,
        unit: "1",
        stamp: Stamp { source: calibration.measurements.clone(), date, tier: Tier::Measured },
        note: Some(format!("{watts:.0} W of `{}` while it was timed, over its rating", calibration.adapter.name)),
    })
}

fn transferred(curve: Option<&Curve>, calibration: Option<&Calibration>) -> Input {
    let (Some(curve), Some(calibration)) = (curve, calibration) else { return Input::new("transferred_curve", None) };
    let stamp = Stamp { source: calibration.measurements.clone(), date: String::new(), tier: Tier::Measured };
    let fact = Fact {
        value: 1.0,
        spread: Spread::Log(TRANSFER_SD_LOG.hypot(curve.leave_one_out_sd_log.unwrap_or(TRANSFER_SD_LOG))),
        written: 1.0,
        unit: "1",
        stamp,
        note: Some(format!("shape of the efficiency curve of `{}`", calibration.adapter.name)),
    };
    let mut input = Input::new("transferred_curve", Some(fact));
    // That it is measured and that it is carried to another accelerator are both in it: the worse counts.
    input.provenance = Some(Equivalents::new(calibration, None).provenance);
    input
}

/// The constants of a row.
pub fn constants(row: &[f64]) -> Constants {
    Constants::from_row(&row[..COUNT])
}
