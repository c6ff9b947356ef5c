//! Units as types: a value in a file names its unit, and a unit of another kind is an error.
//!
//! Everything is kept in base units: bytes, seconds, flop/s, bytes/s, watts, and plain numbers.

/// A kind of quantity and the units it may be written in.
pub trait Dimension: Copy + Clone + std::fmt::Debug + PartialEq + Send + Sync + 'static {
    /// What it is called in a message: `rate of arithmetic`.
    const WHAT: &'static str;
    /// Unit and its size in base units; the first is the base unit.
    const UNITS: &'static [(&'static str, f64)];
    /// Whether zero is a possible value.
    const ZERO: bool = false;
    /// Largest value in base units that is taken at all; anything above is a typing error.
    const MAX: f64;
    /// All of it, for what is the same for every dimension and is compiled once.
    const KIND: Kind = Kind { what: Self::WHAT, units: Self::UNITS, zero: Self::ZERO, max: Self::MAX };
}

/// A [`Dimension`] as a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kind {
    /// [`Dimension::WHAT`].
    pub what: &'static str,
    /// [`Dimension::UNITS`].
    pub units: &'static [(&'static str, f64)],
    /// [`Dimension::ZERO`].
    pub zero: bool,
    /// [`Dimension::MAX`].
    pub max: f64,
}

macro_rules! dimension {
    ($(#[$doc:meta])* $name:ident, $what:literal, zero: $zero:literal, max: $max:expr, [$(($unit:literal, $size:expr)),+ $(,)?]) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name;
        impl Dimension for $name {
            const WHAT: &'static str = $what;
            const UNITS: &'static [(&'static str, f64)] = &[$(($unit, $size)),+];
            const ZERO: bool = $zero;
            const MAX: f64 = $max;
        }
    };
}

dimension!(/// An amount of memory or traffic.
    Bytes, "an amount of memory", zero: true, max: 1e21,
    [("B", 1.0), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("PB", 1e15),
     ("KiB", 1024.0), ("MiB", 1_048_576.0), ("GiB", 1_073_741_824.0), ("TiB", 1_099_511_627_776.0)]);
dimension!(/// A bandwidth, per direction.
    Bandwidth, "a bandwidth", zero: false, max: 1e18,
    [("B/s", 1.0), ("MB/s", 1e6), ("GB/s", 1e9), ("TB/s", 1e12), ("Gbit/s", 1.25e8), ("Tbit/s", 1.25e11)]);
dimension!(/// A rate of arithmetic.
    FlopRate, "a rate of arithmetic", zero: false, max: 1e24,
    [("flop/s", 1.0), ("Gflop/s", 1e9), ("Tflop/s", 1e12), ("Pflop/s", 1e15), ("Eflop/s", 1e18)]);
dimension!(/// A time.
    Time, "a time", zero: true, max: 1e10,
    [("s", 1.0), ("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("min", 60.0), ("h", 3600.0), ("day", 86_400.0)]);
dimension!(/// A power.
    Power, "a power", zero: false, max: 1e12,
    [("W", 1.0), ("kW", 1e3), ("MW", 1e6), ("GW", 1e9)]);
dimension!(/// A pure number: a fraction, a factor, a standard deviation of a logarithm.
    Ratio, "a pure number", zero: true, max: 1e6,
    [("1", 1.0), ("%", 0.01)]);
dimension!(/// A number of accelerators.
    Accelerators, "a number of accelerators", zero: false, max: 1e8,
    [("accelerator", 1.0)]);
dimension!(/// A number of accelerators that may be none.
    Spares, "a number of accelerators", zero: true, max: 1e8,
    [("accelerator", 1.0)]);
dimension!(/// A number of tokens.
    Tokens, "a number of tokens", zero: false, max: 1e18,
    [("token", 1.0), ("Mtoken", 1e6), ("Gtoken", 1e9), ("Ttoken", 1e12)]);
dimension!(/// A failure rate of nodes: the base unit is failures per node and second.
    NodeFailureRate, "a failure rate", zero: true, max: 1.0,
    [("1/(node s)", 1.0), ("1/(1000 node day)", 1.0 / 86_400_000.0), ("1/(node day)", 1.0 / 86_400.0)]);
dimension!(/// A rate of events: the base unit is events per second.
    EventRate, "a rate of events", zero: true, max: 1.0,
    [("1/s", 1.0), ("1/h", 1.0 / 3600.0), ("1/day", 1.0 / 86_400.0), ("1/year", 1.0 / 31_557_600.0)]);
dimension!(/// A price per accelerator and hour.
    HourPrice, "a price per accelerator-hour", zero: true, max: 1e6,
    [("USD/h", 1.0)]);
dimension!(/// An amount of money.
    Money, "an amount of money", zero: true, max: 1e15,
    [("USD", 1.0), ("kUSD", 1e3), ("MUSD", 1e6), ("GUSD", 1e9)]);
dimension!(/// A price of energy.
    EnergyPrice, "a price of energy", zero: true, max: 1e3,
    [("USD/kWh", 1.0), ("cent/kWh", 0.01), ("USD/MWh", 1e-3)]);
dimension!(/// Carbon dioxide equivalent per energy.
    CarbonIntensity, "a carbon intensity", zero: true, max: 100.0,
    [("kg/kWh", 1.0), ("g/kWh", 1e-3)]);
dimension!(/// Bytes moved or held per element of something.
    BytesPerElement, "bytes per element", zero: false, max: 1e6,
    [("B/element", 1.0)]);

impl Kind {
    /// The size of `unit` in base units, or why it is none.
    pub fn unit_size(&self, unit: &str) -> Result<f64, String> {
        self.units.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size).ok_or_else(|| {
            let known: Vec<_> = self.units.iter().map(|(name, _)| format!("`{name}`")).collect();
            format!("unit `{unit}` is not {}: one of {}", self.what, known.join(", "))
        })
    }

    /// `value` in `unit` in base units, refused where it is impossible.
    pub fn to_base(&self, value: f64, unit: &str) -> Result<f64, String> {
        let base = value * self.unit_size(unit)?;
        if value.is_nan() || value.is_infinite() {
            Err(format!("{value} is no finite number"))
        } else if base < 0.0 {
            Err(format!("{value} {unit} is negative"))
        } else if base == 0.0 && !self.zero {
            Err(format!("{value} {unit}: {} of zero is impossible here", self.what))
        } else if base > self.max {
            Err(format!("{value:e} {unit} is beyond any machine (at most {:e} {})", self.max, self.units[0].0))
        } else {
            Ok(base)
        }
    }

    /// The name of a unit as the dimension has it; of one that is none of its own, the base unit's.
    pub fn unit(&self, unit: &str) -> &'static str {
        self.units.iter().find(|(name, _)| *name == unit).map_or(self.units[0].0, |(name, _)| name)
    }
}

/// The size of `unit` in base units of `D`, or why it is none.
pub fn unit_size<D: Dimension>(unit: &str) -> Result<f64, String> {
    D::KIND.unit_size(unit)
}

/// `value` in `unit` as base units of `D`, refused where it is impossible.
pub fn to_base<D: Dimension>(value: f64, unit: &str) -> Result<f64, String> {
    D::KIND.to_base(value, unit)
}

/// A number with its unit as it is typed, `800 Gbit/s` or `1h`, in base units of `D`.
pub fn parse<D: Dimension>(text: &str) -> Result<f64, String> {
    let (number, unit) = split(text).ok_or_else(|| format!("`{}` is no number with a unit", text.trim()))?;
    to_base::<D>(number, unit)
}

/// A number and what is written behind it: `1_000e3 Gbit/s`. `None` where it does not begin with a number.
pub fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    // The longest beginning that is a number; `nan` and `inf` begin with a letter and are none.
    let ends = (1..=text.len()).rev().filter(|end| text.is_char_boundary(*end));
    let number = |end: usize| text[..end].replace('_', "").parse::<f64>().ok().map(|x| (x, text[end..].trim()));
    text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)).then(|| ends.clone().find_map(number))?
}

/// A length of time as people read it, in s, ms or µs with two digits at least: `0.0 s` says nothing.
pub fn duration(seconds: f64) -> String {
    let (size, unit) = match seconds {
        s if s >= 0.95 || s <= 0.0 => (1.0, "s"),
        s if s >= 0.95e-3 => (1e-3, "ms"),
        _ => (1e-6, "µs"),
    };
    let value = seconds / size;
    if value < 9.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_two_digits_whatever_its_size() {
        for (seconds, text) in [
            (4.0, "4.0 s"),
            (0.99, "1.0 s"),
            (12.34, "12 s"),
            (9.96, "10 s"),
            (0.25, "250 ms"),
            (1e-3, "1.0 ms"),
            (0.0094e-3, "9.4 µs"),
            (0.0, "0.0 s"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn a_unit_of_another_kind_is_refused_and_the_right_ones_are_named() {
        let error = to_base::<Bandwidth>(80.0, "GB").unwrap_err();
        assert!(error.contains("`GB` is not a bandwidth") && error.contains("`GB/s`"), "{error}");
    }

    #[test]
    fn a_number_ends_where_its_unit_begins() {
        assert_eq!(split("1_000e3 Gbit/s"), Some((1e6, "Gbit/s")));
        assert_eq!(split("2x"), Some((2.0, "x")));
        assert_eq!(split("-1s"), Some((-1.0, "s")));
        assert_eq!(split("1e300x"), Some((1e300, "x")));
        for none in ["", "x", "nan", "inf", "-", "é", "2é"] {
            assert_eq!(split(none).map(|(x, _)| x), (none == "2é").then_some(2.0), "{none}");
        }
        assert_eq!(parse::<Time>("1.5h"), Ok(5400.0));
        assert!(parse::<Time>("-inf s").is_err());
    }

    #[test]
    fn impossible_values_are_refused() {
        for (value, part) in [(-1.0, "negative"), (0.0, "zero"), (f64::NAN, "finite"), (1e300, "beyond")] {
            let error = to_base::<Bandwidth>(value, "GB/s").unwrap_err();
            assert!(error.contains(part), "{value}: {error}");
        }
        assert!(to_base::<Bandwidth>(1e308, "TB/s").unwrap_err().contains("beyond"));
        assert!(to_base::<Bandwidth>(f64::INFINITY, "TB/s").unwrap_err().contains("finite"));
    }

    #[test]
    fn a_bit_rate_is_an_eighth_of_the_byte_rate() {
        assert_eq!(to_base::<Bandwidth>(400.0, "Gbit/s"), to_base::<Bandwidth>(50.0, "GB/s"));
    }

    #[test]
    fn a_failure_rate_per_thousand_node_days_gives_metas_mean_time_between_failures() {
        let rate = to_base::<NodeFailureRate>(6.50, "1/(1000 node day)").unwrap();
        let hours = 1.0 / (2048.0 * rate) / 3600.0;
        assert!((hours - 1.80).abs() < 0.005, "{hours}");
    }
}
