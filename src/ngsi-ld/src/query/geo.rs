//! Geo-queries (clause 4.10): where entities lie.

mod distance;
mod planar;
mod shape;

use std::fmt;

use super::q::Name;
use crate::context::Context;
use crate::error::{Error, ErrorKind};
use crate::json::{Limits, check};
use crate::model::{AttrSlot, EntityDoc, Kind};
use crate::parse::check_name;
use crate::projection::Projection;

pub use shape::{BoundingBox, Shape};

/// Where entities lie if a query does not say.
const DEFAULT_PROPERTY: &str = "location";
/// Positions of a reference geometry: each is compared with those of every candidate.
const MAX_POSITIONS: usize = 1_000;
/// A reference geometry as JSON, bytes.
const MAX_BYTES: usize = 128 << 10;

/// How the geometry of an entity has to stand to the reference geometry.
#[derive(Debug, Clone, PartialEq)]
pub enum GeoRelation {
    /// `near;maxDistance==m`: not farther away than so many metres.
    Within(Distance),
    /// `near;minDistance==m`: not closer than so many metres.
    Beyond(Distance),
    /// All of it lies in the reference geometry.
    WithinGeometry,
    /// All of the reference geometry lies in it.
    Contains,
    /// They have a point in common.
    Intersects,
    /// They are the same points.
    Equals,
    /// They have no point in common.
    Disjoint,
    /// They have a part in common, as large in kind as themselves, and each has one of its own.
    Overlaps,
}

/// Metres, as written and as a number: more than nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Distance {
    text: String,
    metres: f64,
}

impl GeoRelation {
    /// Reads the `georel` parameter.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (name, modifier) = match text.split_once(';') {
            Some((name, modifier)) => (name, Some(modifier)),
            None => (text, None),
        };
        let plain = match name {
            "near" => return Self::near(modifier),
            "within" => Self::WithinGeometry,
            "contains" => Self::Contains,
            "intersects" => Self::Intersects,
            "equals" => Self::Equals,
            "disjoint" => Self::Disjoint,
            "overlaps" => Self::Overlaps,
            _ => return Err(wrong_relation("the relation is not known")),
        };
        match modifier {
            None => Ok(plain),
            Some(_) => Err(wrong_relation("only near has a modifier")),
        }
    }

    fn near(modifier: Option<&str>) -> Result<Self, Error> {
        let (name, value) = modifier
            .and_then(|modifier| modifier.split_once("=="))
            .ok_or_else(|| wrong_relation("near needs one distance"))?;
        let is_number = serde_json::from_str::<serde_json::Number>(value).is_ok();
        let metres = value.parse().ok().filter(|m: &f64| is_number && m.is_finite() && *m > 0.0);
        let metres = metres.ok_or_else(|| wrong_relation("the distance is no positive number"))?;
        let distance = Distance { text: value.to_owned(), metres };
        match name {
            "maxDistance" => Ok(Self::Within(distance)),
            "minDistance" => Ok(Self::Beyond(distance)),
            _ => Err(wrong_relation("the modifier of near is not known")),
        }
    }
}

fn wrong_relation(what: &str) -> Error {
    Error::bad(what.to_owned()).at("georel").remedy(
        "use near;maxDistance==metres, near;minDistance==metres, within, contains, intersects, \
         equals, disjoint or overlaps",
    )
}

impl fmt::Display for GeoRelation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(distance) => write!(f, "near;maxDistance=={}", distance.text),
            Self::Beyond(distance) => write!(f, "near;minDistance=={}", distance.text),
            Self::WithinGeometry => f.write_str("within"),
            Self::Contains => f.write_str("contains"),
            Self::Intersects => f.write_str("intersects"),
            Self::Equals => f.write_str("equals"),
            Self::Disjoint => f.write_str("disjoint"),
            Self::Overlaps => f.write_str("overlaps"),
        }
    }
}

/// A geometry that entities are compared with, as written and as points.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    geometry: String,
    coordinates: String,
    shape: Shape,
}

impl Reference {
    /// Reads the type and the coordinates, JSON text, of a `GeoJSON` geometry. Problems are at `names`, those of the two
    /// parameters.
    pub fn parse(geometry: &str, coordinates: &str, names: [&str; 2]) -> Result<Self, Error> {
        let limits = Limits { max_depth: 8, max_bytes: MAX_BYTES };
        let coordinates = check(coordinates.as_bytes(), &limits)
            .map_err(|error| Error::bad(error.detail).at(names[1]))?
            .trim();
        if !shape::is_known(geometry) {
            return Err(Error::bad("the geometry is not known").at(names[0]).remedy(
                "use Point, MultiPoint, LineString, MultiLineString, Polygon or MultiPolygon",
            ));
        }
        let shape = Shape::of(geometry, coordinates).ok_or_else(|| {
            Error::bad(format!("the coordinates are not those of a {geometry}")).at(names[1]).remedy(
                "positions are [longitude, latitude] in degrees; the rings of a polygon end where they begin",
            )
        })?;
        if shape.positions() > MAX_POSITIONS {
            let detail = format!("a geometry has more than {MAX_POSITIONS} positions");
            let error = Error::new(ErrorKind::TooLarge, detail).at(names[1]);
            return Err(error.remedy("simplify it"));
        }
        let (geometry, coordinates) = (geometry.to_owned(), coordinates.to_owned());
        Ok(Self { geometry, coordinates, shape })
    }

    /// The type of the geometry.
    pub fn geometry(&self) -> &str {
        &self.geometry
    }

    /// The coordinates as JSON text.
    pub fn coordinates(&self) -> &str {
        &self.coordinates
    }

    /// Metres from here to a stored geometry; `None` if it is none.
    pub fn distance(&self, value: &str) -> Option<f64> {
        Some(distance::between(&Shape::read(value)?, &self.shape))
    }
}

/// A condition on where entities lie.
#[derive(Debug, Clone, PartialEq)]
pub struct GeoQuery {
    relation: GeoRelation,
    reference: Reference,
    property: Name,
    /// Where every match has a point, if the relation says so.
    boxes: Option<Vec<BoundingBox>>,
}

impl GeoQuery {
    /// Reads the parameters `georel`, `geometry`, `coordinates` (JSON text) and `geoproperty`.
    pub fn parse(
        georel: &str,
        geometry: &str,
        coordinates: &str,
        geoproperty: Option<&str>,
        ctx: &Context,
    ) -> Result<Self, Error> {
        let term = geoproperty.unwrap_or(DEFAULT_PROPERTY);
        check_name(term, ctx).map_err(|error| error.at("geoproperty"))?;
        let property = Name { term: term.to_owned(), iri: ctx.expand(term).into_owned() };
        let relation = GeoRelation::parse(georel)?;
        let reference = Reference::parse(geometry, coordinates, ["geometry", "coordinates"])?;
        let bounds = reference.shape.bounds();
        let boxes = match &relation {
            GeoRelation::Within(distance) => Some(bounds.around(distance.metres)),
            GeoRelation::Beyond(_) | GeoRelation::Disjoint => None,
            _ => Some(vec![bounds]),
        };
        Ok(Self { relation, reference, property, boxes })
    }

    /// The expanded name of the attribute that says where entities lie.
    pub fn property(&self) -> &str {
        &self.property.iri
    }

    /// How they have to stand to the reference geometry.
    pub fn relation(&self) -> &GeoRelation {
        &self.relation
    }

    /// The reference geometry.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Every match has a point in one of these boxes: where to look for candidates. `None` says nothing.
    pub fn boxes(&self) -> Option<&[BoundingBox]> {
        self.boxes.as_deref()
    }

    /// Whether the entity, as far as `p` shows it, lies so. One without a geometry to see does not, whatever the relation.
    pub fn matches(&self, doc: &EntityDoc, p: &dyn Projection) -> bool {
        doc.attributes()
            .filter(|slot| slot.name() == self.property.iri)
            .filter(|slot| p.attribute(slot.name(), slot.publisher()))
            .filter_map(|slot| shape_of(&slot))
            .any(|shape| self.holds(&shape))
    }

    fn holds(&self, shape: &Shape) -> bool {
        let near = |bounds: &BoundingBox| bounds.meets(&shape.bounds());
        if self.boxes.as_ref().is_some_and(|boxes| !boxes.iter().any(near)) {
            return false;
        }
        let reference = &self.reference.shape;
        match &self.relation {
            GeoRelation::Within(most) => distance::between(shape, reference) <= most.metres,
            GeoRelation::Beyond(least) => distance::between(shape, reference) >= least.metres,
            GeoRelation::WithinGeometry => planar::within(shape, reference),
            GeoRelation::Contains => planar::within(reference, shape),
            GeoRelation::Intersects => planar::intersects(shape, reference),
            GeoRelation::Equals => planar::equals(shape, reference),
            GeoRelation::Disjoint => !planar::intersects(shape, reference),
            GeoRelation::Overlaps => planar::overlaps(shape, reference),
        }
    }
}

/// The geometry in an attribute instance, which may be called a Property all the same.
pub fn shape_of(slot: &AttrSlot<'_>) -> Option<Shape> {
    match slot.kind() {
        Kind::GeoProperty | Kind::Property => Shape::read(slot.instance().value),
        _ => None,
    }
}

/// As in a query string, not percent-encoded.
impl fmt::Display for GeoQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reference { geometry, coordinates, .. } = &self.reference;
        write!(f, "georel={}&geometry={geometry}&coordinates={coordinates}", self.relation)?;
        write!(f, "&geoproperty={}", self.property.term)
    }
}

#[cfg(test)]
mod tests;
