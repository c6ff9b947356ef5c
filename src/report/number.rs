//! Numbers as people read them: with the digits that they can carry, and a unit that suits them.

/// The mark of everything that a software adapter had a part in.
pub fn mark(software: bool) -> &'static str {
    if software { " SOFTWARE" } else { "" }
}

/// A number with `digits` significant digits, and a power of ten only where it is long.
pub fn number(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { "–".into() };
    }
    let exponent = value.abs().log10().floor();
    if !(-4.0..7.0).contains(&exponent) {
        return format!("{value:.*e}", digits.saturating_sub(1));
    }
    let decimals = (digits as f64 - 1.0 - exponent).max(0.0) as usize;
    format!("{value:.decimals$}")
}

/// A number on an axis: three digits at most, and no zeros behind them.
pub fn tick(value: f64) -> String {
    let text = number(value, 3);
    if !text.contains('.') || text.contains('e') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// A rate of arithmetic in the unit that suits it.
pub fn rate(flop_per_s: f64) -> String {
    let (size, unit) = [(1e18, "Eflop/s"), (1e15, "Pflop/s"), (1e12, "Tflop/s")]
        .into_iter()
        .find(|(size, _)| flop_per_s >= *size)
        .unwrap_or((1e9, "Gflop/s"));
    format!("{} {unit}", number(flop_per_s / size, 3))
}

/// A value of the quantity of that name with its unit, with the digits that an extrapolation can carry.
pub fn cell(name: &str, unit: &str, value: f64) -> String {
    match (name, unit) {
        // Two digits are what an extrapolation can carry.
        ("mfu", _) => format!("{} %", number(100.0 * value, 2)),
        ("goodput" | "slower_part_cost", _) => format!("{} %", number(100.0 * value, 3)),
        // A count is a count.
        ("steps" | "accelerators_powered", _) => format!("{value:.0}"),
        (_, "flop/s") => rate(value),
        (_, "1") => number(value, 3),
        (_, unit) => format!("{} {unit}", number(three_digits(value), 3)),
    }
}

/// `value` to three significant digits.
fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

/// [`cell`] without its unit, for the ends of a range.
pub fn bare(name: &str, value: f64) -> String {
    match name {
        "mfu" => number(100.0 * value, 2),
        "goodput" => number(100.0 * value, 3),
        _ => number(three_digits(value), 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_no_more() {
        for (value, digits, text) in
            [(34.56, 2, "35"), (0.01234, 2, "0.012"), (1234.5, 3, "1234"), (1e9, 3, "1.00e9"), (0.0, 2, "0")]
        {
            assert_eq!(number(value, digits), text);
        }
        assert_eq!(rate(2.5e18), "2.50 Eflop/s");
        assert_eq!([0.0, 0.05, 1.5, 20.0, 1300.0].map(tick), ["0", "0.05", "1.5", "20", "1300"]);
        // A fact keeps what it is; a forecast has three digits, but for what is counted.
        assert_eq!(cell("carbon", "t", 26_651.0), "26700 t");
        assert_eq!(cell("steps", "1", 97_730.0), "97730");
    }
}
