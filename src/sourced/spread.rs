//! How uncertain a value is, and what it is at a quantile.

/// How uncertain a value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spread {
    /// Taken as exact: a definition, a count, a data-sheet peak.
    None,
    /// Lognormal about the value; standard deviation of the natural logarithm.
    Log(f64),
    /// Half of the weight between `low` and the value, half between the value and `high`, even in
    /// the logarithm (even in the number itself where `low` is zero). Base units.
    Range {
        /// Lowest possible.
        low: f64,
        /// Highest possible.
        high: f64,
    },
}

impl Spread {
    /// The value at quantile `u` in (0, 1), for a median of `median`.
    pub fn at(self, median: f64, u: f64) -> f64 {
        self.about(median).at(u)
    }

    /// What 5 % and 95 % of its weight are below, for a median of `median`.
    pub fn band(self, median: f64) -> [f64; 2] {
        [0.05, 0.95].map(|u| self.at(median, u))
    }

    /// The least and the most that draws of it come to, for a median of `median`: what has to be possible.
    pub fn reach(self, median: f64) -> [f64; 2] {
        match self {
            Spread::None => [median; 2],
            Spread::Range { low, high } => [low, high],
            // It has no ends; of some thousand draws one is beyond.
            Spread::Log(_) => [0.0002, 0.9998].map(|u| self.at(median, u)),
        }
    }

    /// The range about a median with this [`Spread::band`], even in the logarithm; none where the two are the same.
    /// The band has to hold the median; about zero the range is even in the number itself.
    pub fn through(median: f64, [low, high]: [f64; 2]) -> Spread {
        if median <= 0.0 {
            return if high > 0.0 { Spread::Range { low: 0.0, high: high / 0.9 } } else { Spread::None };
        }
        // A tenth of the way from the lowest to the median is 5 %, nine tenths from it to the highest 95 %.
        let end = |at: f64| median * (at / median).powf(1.0 / 0.9);
        if low < high { Spread::Range { low: end(low), high: end(high) } } else { Spread::None }
    }

    /// This spread about a median, made ready for many quantiles.
    pub fn about(self, median: f64) -> Quantiles {
        match self {
            Spread::None => Quantiles::Exact(median),
            Spread::Log(sd) => Quantiles::Log { median, sd },
            Spread::Range { low, high } if low > 0.0 => {
                Quantiles::EvenLog { low, median, logs: [(median / low).ln(), (high / median).ln()] }
            }
            Spread::Range { low, high } => Quantiles::Even { low, median, high },
        }
    }
}

/// The values of a [`Spread`] about a median by quantile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantiles {
    /// The same at each.
    Exact(f64),
    /// Lognormal.
    Log {
        /// Median.
        median: f64,
        /// Standard deviation of the logarithm.
        sd: f64,
    },
    /// Even in the logarithm on either side of the median.
    EvenLog {
        /// Lowest.
        low: f64,
        /// Median.
        median: f64,
        /// ln(median/lowest), ln(highest/median).
        logs: [f64; 2],
    },
    /// Even on either side of the median.
    Even {
        /// Lowest.
        low: f64,
        /// Median.
        median: f64,
        /// Highest.
        high: f64,
    },
}

impl Quantiles {
    /// The value at quantile `u` in (0, 1).
    pub fn at(&self, u: f64) -> f64 {
        let below = u < 0.5;
        let share = if below { 2.0 * u } else { 2.0 * u - 1.0 };
        match *self {
            Quantiles::Exact(value) => value,
            Quantiles::Log { median, sd } => median * (sd * normal_quantile(u)).exp(),
            Quantiles::EvenLog { low, median, logs } => {
                let (from, log) = if below { (low, logs[0]) } else { (median, logs[1]) };
                from * (share * log).exp()
            }
            Quantiles::Even { low, median, high } => {
                let (from, to) = if below { (low, median) } else { (median, high) };
                from + (to - from) * share
            }
        }
    }
}

/// Quantile of the standard normal distribution at `u` in (0, 1).
pub fn normal_quantile(u: f64) -> f64 {
    // The ends are cut so that no draw is infinite; 2^-25 is half a step of a 24-bit Sobol point.
    let u = u.clamp(2f64.powi(-25), 1.0 - 2f64.powi(-25));
    -std::f64::consts::SQRT_2 * statrs::function::erf::erfc_inv(2.0 * u)
}
