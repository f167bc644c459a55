//! `GeoJSON` geometries (clause 4.7, RFC 7946).

use std::borrow::Cow;

use crate::error::Error;
use crate::json::{elements, first_byte, members, string_of};

/// The type and coordinates of something that claims to be a geometry.
pub(super) fn parts(value: &str) -> Option<(Cow<'_, str>, &str)> {
    let (mut kind, mut coordinates) = (None, None);
    for member in members(value) {
        match member.ok()? {
            (name, value) if name == "type" => kind = string_of(value),
            (name, value) if name == "coordinates" => coordinates = Some(value),
            _ => {}
        }
    }
    let kind = kind?;
    depth(&kind)?;
    Some((kind, coordinates?))
}

/// How deep positions are nested in the coordinates of a geometry type.
fn depth(kind: &str) -> Option<usize> {
    match kind {
        "Point" => Some(0),
        "MultiPoint" | "LineString" => Some(1),
        "Polygon" | "MultiLineString" => Some(2),
        "MultiPolygon" => Some(3),
        _ => None,
    }
}

/// Checks the value of a `GeoProperty`.
pub(crate) fn check(value: &str) -> Result<(), Error> {
    let Some((kind, coordinates)) = parts(value) else {
        return Err(Error::bad("the value is not a GeoJSON geometry").remedy(
            "give an object with coordinates and a type of Point, MultiPoint, LineString, \
             MultiLineString, Polygon or MultiPolygon",
        ));
    };
    let valid = match kind.as_ref() {
        "LineString" => line(coordinates, 2),
        "MultiLineString" => all(coordinates, &|part| line(part, 2)),
        "Polygon" => all(coordinates, &ring),
        "MultiPolygon" => all(coordinates, &|part| all(part, &ring)),
        "MultiPoint" => all(coordinates, &|part| position(part).is_some()),
        _ => position(coordinates).is_some(),
    };
    if valid {
        return Ok(());
    }
    Err(Error::bad(format!("the coordinates are not those of a {kind}"))
        .at("/coordinates")
        .remedy("positions are [longitude, latitude]; the rings of a polygon end where they begin"))
}

fn all(array: &str, check: &dyn Fn(&str) -> bool) -> bool {
    let mut any = false;
    elements(array).all(|element| {
        any = true;
        element.is_ok_and(check)
    }) && any
}

fn line(array: &str, least: usize) -> bool {
    all(array, &|part| position(part).is_some()) && elements(array).count() >= least
}

fn ring(array: &str) -> bool {
    let mut ends = elements(array).filter_map(Result::ok).map(position);
    let first = ends.next();
    line(array, 4) && first == ends.last()
}

/// Longitude, latitude and maybe altitude.
fn position(array: &str) -> Option<Vec<f64>> {
    let number = |element: Result<&str, Error>| -> Option<f64> {
        let text = element.ok()?;
        matches!(first_byte(text), b'-' | b'0'..=b'9')
            .then(|| text.parse::<f64>().ok())
            .flatten()
            .filter(|n| n.is_finite())
    };
    let numbers = elements(array).map(number).collect::<Option<Vec<f64>>>()?;
    (2..=3).contains(&numbers.len()).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn takes_geometries() {
        for text in [
            r#"{"type":"Point","coordinates":[131.56,32.25]}"#,
            r#"{"coordinates":[1,2,3],"type":"Point"}"#,
            r#"{"type":"LineString","coordinates":[[0,0],[1,1]]}"#,
            r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}"#,
            r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0.0,0]]]]}"#,
            r#"{"type":"MultiPoint","coordinates":[[0,0]]}"#,
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn refuses_other_things() {
        for text in [
            r#""POINT(1 2)""#,
            r#"{"type":"Point"}"#,
            r#"{"type":"Circle","coordinates":[1,2]}"#,
            r#"{"type":"Point","coordinates":[1]}"#,
            r#"{"type":"Point","coordinates":["1","2"]}"#,
            r#"{"type":"Point","coordinates":[[1,2]]}"#,
            r#"{"type":"LineString","coordinates":[[0,0]]}"#,
            r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}"#,
            r#"{"type":"MultiPoint","coordinates":[]}"#,
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
