//! How much work a figure is worth.

use super::steadiness::INDEPENDENT_SAMPLES;

/// Bounds of one case. Times in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Time for one case's warm-up and rounds.
    pub case_s: f64,
    /// Part of `case_s` that the warm-up may take.
    pub warmup_share: f64,
    /// Rounds below which a figure is suspect: fewer cannot bracket a median with 95 %.
    pub min_rounds: u32,
    /// Rounds after which enough is enough.
    pub max_rounds: u32,
    /// The shortest submission of a round takes about this long.
    pub submission_s: f64,
    /// Half of the interval over the median at which a figure is good enough.
    pub precision: f64,
    /// How long a case may be timed for its fewest rounds, as a multiple of `case_s`.
    pub overrun: f64,
    /// The same where its time or the interval of it reaches zero, which is no figure: noise takes more rounds.
    pub patience: f64,
}

/// The longest single dispatch on hardware of which nothing was found out: a tenth of the shortest watchdog (2 s on
/// Windows).
pub const WATCHDOG_S: f64 = 0.2;

/// The shortest submissions of any effort, seconds: what a clock has to be fine enough for.
const SHORTEST_S: f64 = 1e-3;

/// Most dispatches in one submission, of a case or of a sentinel.
pub const MOST_DISPATCHES: u32 = 4096;

/// Part of a round that poison and sentinel add to its submissions.
const BESIDE: f64 = 0.15;

/// Seconds of a round with so many seconds of submissions in it.
pub fn round(submissions_s: f64) -> f64 {
    submissions_s * (1.0 + BESIDE)
}

impl Effort {
    /// The same within so many seconds a case at most, with submissions as short as it takes for
    /// [`INDEPENDENT_SAMPLES`] rounds of one, two and three of them, down to `SHORTEST_S`.
    #[must_use]
    pub fn within(self, seconds: f64) -> Effort {
        let case_s = self.case_s.min(seconds);
        let round_s = (1.0 - self.warmup_share) * case_s / INDEPENDENT_SAMPLES as f64;
        // A tenth to spare: dispatches come in whole numbers, and the time of one is an estimate. Else rounds of two
        // lengths would be all that fits after a whole warm-up.
        let submission_s = self.submission_s.min((round_s / round(1.1 * 6.0)).max(SHORTEST_S));
        Effort { case_s, submission_s, ..self }
    }

    /// The same kept to its time whatever comes of it: one case of several that share a budget.
    #[must_use]
    pub fn punctual(self) -> Effort {
        Effort { overrun: 1.0, patience: 1.0, ..self }
    }

    /// Seconds that the fewest rounds take of a case whose dispatch takes `each`: a warm-up submission, and one and two
    /// dispatches a round.
    pub fn least(&self, each: f64) -> f64 {
        each * f64::from(1 + 3 * self.min_rounds)
    }

    /// Seconds in which a case whose dispatch takes `each` gets through its warm-up and [`INDEPENDENT_SAMPLES`] rounds of
    /// one and two of its shortest submissions.
    pub fn sound(&self, each: f64) -> f64 {
        round(3.0 * each.max(SHORTEST_S)) * INDEPENDENT_SAMPLES as f64 / (1.0 - self.warmup_share)
    }

    /// Whether a case whose dispatch takes `each` seconds gets through its fewest rounds in its time.
    ///
    /// # Errors
    /// Seconds that it takes at least, where it does not.
    pub fn fits(&self, each: f64) -> Result<(), f64> {
        let least = self.least(each);
        if least <= self.overrun * self.case_s { Ok(()) } else { Err(least) }
    }

    /// Proof above all: a figure good enough for ratios.
    pub fn smoke() -> Self {
        Effort { case_s: 0.3, submission_s: SHORTEST_S, precision: 0.05, max_rounds: 30, ..Effort::quick() }
    }

    /// What the main job takes.
    pub fn quick() -> Self {
        Effort {
            case_s: 2.0,
            warmup_share: 0.25,
            min_rounds: crate::stats::interval::MIN_SAMPLES_95 as u32,
            max_rounds: 100,
            submission_s: 4e-3,
            precision: 0.01,
            overrun: 1.5,
            patience: 3.0,
        }
    }

    /// Time enough for clocks to rise and heat to build up.
    pub fn full() -> Self {
        Effort { case_s: 20.0, max_rounds: 1000, precision: 0.003, ..Effort::quick() }
    }
}
