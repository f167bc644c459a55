//! Units: UCUM codes as health data writes them, and the UN/CEFACT (Recommendation 20) codes that NGSI-LD's `unitCode` holds.

/// A unit: its codes, what it measures, and how it becomes the unit that all of its kind are counted in: `value * factor + offset`.
struct Unit {
    /// The UCUM code first, then other spellings.
    names: &'static [&'static str],
    unece: &'static str,
    measures: Measures,
    factor: f64,
    offset: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measures {
    Count,
    Length,
    Mass,
    Energy,
    Time,
    Pressure,
    Temperature,
    Share,
    Rate,
    Speed,
    Volume,
    Glucose,
    Area,
}

const fn unit(
    names: &'static [&'static str],
    unece: &'static str,
    measures: Measures,
    factor: f64,
) -> Unit {
    Unit { names, unece, measures, factor, offset: 0.0 }
}

/// Factors are exact by definition, but the calorie (the thermochemical one, 4.184 J, which food and activity use) and mmHg
/// (133.322 387 415 Pa) are conventions.
static UNITS: &[Unit] = &[
    unit(&["1", "{count}", "count"], "C62", Measures::Count, 1.0),
    unit(&["{steps}", "steps", "step", "{step}"], "H87", Measures::Count, 1.0),
    unit(&["m", "meter", "metre"], "MTR", Measures::Length, 1.0),
    unit(&["km"], "KMT", Measures::Length, 1000.0),
    unit(&["cm", "centimeter"], "CMT", Measures::Length, 0.01),
    unit(&["mm"], "MMT", Measures::Length, 0.001),
    unit(&["[mi_i]", "mi", "mile"], "SMI", Measures::Length, 1609.344),
    unit(&["[ft_i]", "ft"], "FOT", Measures::Length, 0.3048),
    unit(&["[in_i]", "in"], "INH", Measures::Length, 0.0254),
    unit(&["[yd_i]", "yd"], "YRD", Measures::Length, 0.9144),
    unit(&["g"], "GRM", Measures::Mass, 0.001),
    unit(&["kg"], "KGM", Measures::Mass, 1.0),
    unit(&["mg"], "MGM", Measures::Mass, 0.000_001),
    unit(&["[lb_av]", "lb"], "LBR", Measures::Mass, 0.453_592_37),
    unit(&["[oz_av]", "oz"], "ONZ", Measures::Mass, 0.028_349_523_125),
    unit(&["kcal"], "K53", Measures::Energy, 4184.0),
    unit(&["cal"], "D35", Measures::Energy, 4.184),
    unit(&["J"], "JOU", Measures::Energy, 1.0),
    unit(&["kJ"], "KJO", Measures::Energy, 1000.0),
    unit(&["s", "sec"], "SEC", Measures::Time, 1.0),
    unit(&["ms"], "C26", Measures::Time, 0.001),
    unit(&["min"], "MIN", Measures::Time, 60.0),
    unit(&["h", "hr"], "HUR", Measures::Time, 3600.0),
    unit(&["d", "day"], "DAY", Measures::Time, 86_400.0),
    unit(&["wk"], "WEE", Measures::Time, 604_800.0),
    unit(&["Pa"], "PAL", Measures::Pressure, 1.0),
    unit(&["hPa"], "A97", Measures::Pressure, 100.0),
    unit(&["kPa"], "KPA", Measures::Pressure, 1000.0),
    unit(&["mm[Hg]", "mmHg", "mm Hg"], "HN", Measures::Pressure, 133.322_387_415),
    unit(&["K"], "KEL", Measures::Temperature, 1.0),
    Unit {
        names: &["Cel", "degC", "C"],
        unece: "CEL",
        measures: Measures::Temperature,
        factor: 1.0,
        offset: 273.15,
    },
    Unit {
        names: &["[degF]", "degF", "F"],
        unece: "FAH",
        measures: Measures::Temperature,
        factor: 5.0 / 9.0,
        offset: 459.67 * 5.0 / 9.0,
    },
    unit(&["%"], "P1", Measures::Share, 0.01),
    unit(
        &["/min", "{beats}/min", "beats/min", "bpm", "{breaths}/min", "breaths/min"],
        "C94",
        Measures::Rate,
        1.0,
    ),
    unit(&["m/s"], "MTS", Measures::Speed, 1.0),
    unit(&["km/h"], "KMH", Measures::Speed, 1.0 / 3.6),
    unit(&["L", "l"], "LTR", Measures::Volume, 1.0),
    unit(&["mL", "ml"], "MLT", Measures::Volume, 0.001),
    unit(&["mmol/L"], "M33", Measures::Glucose, 1.0),
    unit(&["kg/m2"], "28", Measures::Area, 1.0),
];

/// What is wrong with a conversion. It names no unit, for a unit can come from the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not in the table.
    #[error(
        "the unit is not one that is known: UCUM such as kg, [lb_av], kcal, min, mm[Hg], Cel, {{steps}}, or its UN/CEFACT code"
    )]
    Unknown,
    /// Both are known, but not of one kind.
    #[error("the two units do not measure the same")]
    NotTheSameKind,
    /// Beyond what a number holds.
    #[error("the number is out of range")]
    OutOfRange,
}

fn find(name: &str) -> Result<&'static Unit, UnitError> {
    UNITS
        .iter()
        .find(|unit| unit.names.contains(&name) || unit.unece == name)
        .ok_or(UnitError::Unknown)
}

/// A number in another unit, each named by its UCUM or UN/CEFACT code.
pub fn convert(number: f64, from: &str, to: &str) -> Result<f64, UnitError> {
    let (from, to) = (find(from)?, find(to)?);
    if from.measures != to.measures {
        return Err(UnitError::NotTheSameKind);
    }
    if std::ptr::eq(from, to) {
        return Ok(number);
    }
    let base = number * from.factor + from.offset;
    let converted = (base - to.offset) / to.factor;
    if !converted.is_finite() {
        return Err(UnitError::OutOfRange);
    }
    Ok(tidy(converted))
}

/// The UN/CEFACT code of a unit, for `unitCode`.
pub fn unece(name: &str) -> Result<&'static str, UnitError> {
    find(name).map(|unit| unit.unece)
}

/// Fourteen significant digits: what two factors leave of rounding is gone, and a kilogram of grams is a thousand.
fn tidy(number: f64) -> f64 {
    format!("{number:.13e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_are_right() {
        for (number, from, to, expected) in [
            (1.0, "km", "m", 1000.0),
            (3.0, "[mi_i]", "km", 4.828_032),
            (70.5, "kg", "g", 70_500.0),
            (150.0, "lb", "kg", 68.038_855_5),
            (500.0, "kcal", "kJ", 2092.0),
            (90.0, "min", "h", 1.5),
            (37.0, "Cel", "[degF]", 98.6),
            (98.6, "degF", "Cel", 37.0),
            (120.0, "mm[Hg]", "kPa", 15.998_686_489_8),
            (8000.0, "{steps}", "count", 8000.0),
            (0.1, "KGM", "g", 100.0),
        ] {
            assert_eq!(convert(number, from, to), Ok(expected), "{number} {from} {to}");
        }
        assert_eq!(convert(1.0, "kg", "m"), Err(UnitError::NotTheSameKind));
        assert_eq!(convert(1.0, "stone", "kg"), Err(UnitError::Unknown));
        assert_eq!(convert(f64::MAX, "km", "mm"), Err(UnitError::OutOfRange));
        assert_eq!(unece("kg"), Ok("KGM"));
    }

    #[test]
    fn every_code_is_there_once_and_every_unit_goes_there_and_back() {
        let mut seen = std::collections::BTreeSet::new();
        for unit in UNITS {
            for name in unit.names.iter().chain([&unit.unece]) {
                assert!(seen.insert(*name) || *name == unit.unece, "{name} twice");
            }
            for other in UNITS.iter().filter(|other| other.measures == unit.measures) {
                let there = convert(36.6, unit.names[0], other.names[0]).unwrap();
                let back = convert(there, other.names[0], unit.names[0]).unwrap();
                assert!((back - 36.6).abs() < 1e-9, "{:?} {:?}", unit.names, other.names);
            }
        }
    }
}
