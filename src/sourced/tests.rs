//! What a data file has to say of a number, and what is refused.

use super::*;
use crate::units::Bytes;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct File {
    memory: Value<Bytes>,
}

const FULL: &str = "memory = { value = 80, unit = 'GB', source = 's', date = '2024', tier = 'datasheet' }";

#[test]
fn a_value_is_kept_in_base_units_with_all_that_makes_it_a_fact() {
    let file: File = read(FULL, "x.toml").unwrap();
    assert_eq!(file.memory.value, 80e9);
    assert_eq!((file.memory.written(), file.memory.unit()), (80.0, "GB"));
    assert_eq!(file.memory.stamp.tier, Tier::Datasheet);
}

#[test]
fn a_value_without_source_unit_date_or_tier_is_refused_with_file_and_field() {
    for missing in ["unit = 'GB', ", "source = 's', ", "date = '2024', ", ", tier = 'datasheet'"] {
        let error = read::<File>(&FULL.replace(missing, ""), "x.toml").unwrap_err();
        assert!(error.message().starts_with("`x.toml`: `memory`: missing field"), "{missing}: {error}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn wrong_values_are_refused_with_file_field_and_reason() {
    for (from, to, part) in [
        ("'GB'", "'GB/s'", "is not an amount of memory"),
        ("80", "-80", "negative"),
        ("80", "nan", "finite"),
        ("80", "1e300", "beyond"),
        ("80", "'eighty'", "invalid type"),
        ("'2024'", "'last year'", "date `last year`"),
        ("'2024'", "'2024-13'", "date `2024-13`"),
        ("'datasheet'", "'hearsay'", "unknown variant"),
        ("tier", "level", "unknown field `level`"),
        ("tier =", "low = 90, high = 100, tier =", "not in order"),
        ("tier =", "low = 10, tier =", "give `low` and `high`"),
        ("tier =", "low = 10, high = 1e200, tier =", "beyond"),
    ] {
        let error = read::<File>(&FULL.replacen(from, to, 1), "x.toml").unwrap_err();
        assert!(error.message().starts_with("`x.toml`: `memory"), "{error}");
        assert!(error.message().contains(part), "{to}: {error}");
    }
    let error = read::<File>("memory = [", "x.toml").unwrap_err();
    assert!(error.message().starts_with("`x.toml`: line 1: "), "{error}");
}

#[test]
fn a_provenance_table_is_inherited_and_can_be_overridden() {
    let text = "provenance = { source = 'a', date = '2020', tier = 'published' }\n\
                memory = { value = 1, unit = 'GiB', tier = 'assumed' }";
    let file: File = read(text, "x.toml").unwrap();
    assert_eq!(file.memory.stamp.source, "a");
    assert_eq!(file.memory.stamp.tier, Tier::Assumed);
}

#[test]
fn a_spread_has_its_value_as_median_and_its_ends_as_ends() {
    let range = Spread::Range { low: 1.0, high: 8.0 };
    assert!((range.at(2.0, 0.5) - 2.0).abs() < 1e-12);
    assert!((range.at(2.0, 0.0) - 1.0).abs() < 1e-12);
    assert!((range.at(2.0, 0.75) - 4.0).abs() < 1e-12);
    assert!((Spread::Range { low: 0.0, high: 4.0 }.at(1.0, 0.25) - 0.5).abs() < 1e-12);
    let log = Spread::Log(0.1);
    assert!((log.at(3.0, 0.5) - 3.0).abs() < 1e-9);
    assert!((log.at(1.0, 0.95).ln() / 0.1 - 1.645).abs() < 0.001);
}

#[test]
fn a_range_through_a_band_has_that_band_and_is_its_own_where_it_was_one() {
    for spread in [Spread::Log(0.3), Spread::Range { low: 1.0, high: 8.0 }, Spread::Range { low: 0.0, high: 4.0 }] {
        let band = spread.band(2.0);
        let [p5, p95] = Spread::through(2.0, band).band(2.0);
        assert!((p5 / band[0] - 1.0).abs() < 1e-12 && (p95 / band[1] - 1.0).abs() < 1e-12, "{spread:?}");
    }
    let Spread::Range { low, high } = Spread::through(2.0, Spread::Range { low: 1.0, high: 8.0 }.band(2.0)) else {
        panic!("a band is no single value")
    };
    assert!((low - 1.0).abs() < 1e-12 && (high - 8.0).abs() < 1e-12, "{low} {high}");
    assert_eq!(Spread::through(2.0, Spread::None.band(2.0)), Spread::None);
    let [_, p95] = Spread::through(0.0, Spread::Range { low: 0.0, high: 4.0 }.band(0.0)).band(0.0);
    assert!((p95 - 3.6).abs() < 1e-12, "{p95}");
    assert_eq!(Spread::through(0.0, [0.0; 2]), Spread::None);
}

#[test]
fn a_value_is_written_as_it_is_read() {
    let text = "memory = { value = 40, unit = 'GB', low = 20, high = 80, source = 's', date = '2024', tier = 'assumed', note = 'n' }";
    let file: File = read(text, "x.toml").unwrap();
    let again = toml::to_string(&file.memory).unwrap();
    let back: Value<Bytes> = toml::from_str(&again).unwrap();
    assert_eq!(back, file.memory);
}

#[test]
fn a_range_reaches_down_to_zero_only_where_zero_is_possible() {
    let text = |unit: &str| format!("value=1\nunit='{unit}'\nlow=0\nhigh=2\nsource='s'\ndate='2026'\ntier='assumed'");
    let error = toml::from_str::<Value<crate::units::Bandwidth>>(&text("GB/s")).unwrap_err();
    assert!(error.to_string().contains("`low`: a bandwidth of zero is impossible here"), "{error}");
    assert!(toml::from_str::<Value<crate::units::Time>>(&text("s")).is_ok());
}
