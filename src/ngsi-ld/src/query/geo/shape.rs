//! Geometries as points, lines and areas, in degrees.

use crate::json::{elements, first_byte};
use crate::parse::geometry_parts;

/// Metres in a degree of latitude, on a sphere of the mean radius of the Earth.
pub(super) const METRES_A_DEGREE: f64 = 111_195.080_233_533;
/// What rounding may cost, degrees: far less than a millimetre.
const ROUNDING: f64 = 1e-9;

/// A position: longitude and latitude.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Position {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A ring of a polygon, which ends where it begins.
pub(super) type Ring = Vec<Position>;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Parts {
    Points(Vec<Position>),
    Lines(Vec<Vec<Position>>),
    /// Polygons: the outer ring, then holes.
    Areas(Vec<Vec<Ring>>),
}

/// A geometry of one dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    pub(super) parts: Parts,
    bounds: BoundingBox,
}

/// The least and greatest longitude and latitude of something, degrees. It never passes over the antimeridian.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundingBox {
    /// Least longitude.
    pub west: f64,
    /// Least latitude.
    pub south: f64,
    /// Greatest longitude.
    pub east: f64,
    /// Greatest latitude.
    pub north: f64,
}

impl BoundingBox {
    const NOTHING: Self = Self {
        west: f64::INFINITY,
        south: f64::INFINITY,
        east: f64::NEG_INFINITY,
        north: f64::NEG_INFINITY,
    };

    /// Whether they have a point in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.west <= other.east
            && other.west <= self.east
            && self.south <= other.north
            && other.south <= self.north
    }

    /// What lies within so many metres of this one: one box, or two on both sides of the antimeridian.
    pub fn around(&self, metres: f64) -> Vec<Self> {
        let degrees = metres / METRES_A_DEGREE + ROUNDING;
        let south = (self.south - degrees).max(-90.0);
        let north = (self.north + degrees).min(90.0);
        let whole = vec![Self { west: -180.0, south, east: 180.0, north }];
        // How far east a circle reaches grows with the latitude of its centre; around a pole it is everywhere.
        let steepest = self.south.abs().max(self.north.abs());
        if degrees >= 90.0 || steepest + degrees >= 90.0 {
            return whole;
        }
        let reach = degrees.to_radians().sin() / steepest.to_radians().cos();
        let reach = reach.clamp(-1.0, 1.0).asin().to_degrees() + ROUNDING;
        let (west, east) = (self.west - reach, self.east + reach);
        if east - west >= 360.0 {
            return whole;
        }
        if west < -180.0 {
            let left = Self { west: -180.0, south, east, north };
            return vec![left, Self { west: west + 360.0, south, east: 180.0, north }];
        }
        if east > 180.0 {
            let right = Self { west, south, east: 180.0, north };
            return vec![right, Self { west: -180.0, south, east: east - 360.0, north }];
        }
        vec![Self { west, south, east, north }]
    }

    pub(super) fn of(positions: &[Position]) -> Self {
        positions.iter().fold(Self::NOTHING, |bounds, position| bounds.with(*position))
    }

    fn with(self, Position { x, y }: Position) -> Self {
        Self {
            west: self.west.min(x),
            south: self.south.min(y),
            east: self.east.max(x),
            north: self.north.max(y),
        }
    }
}

/// Whether a type of geometry has coordinates of its own.
pub(super) fn is_known(geometry: &str) -> bool {
    matches!(
        geometry,
        "Point" | "MultiPoint" | "LineString" | "MultiLineString" | "Polygon" | "MultiPolygon"
    )
}

impl Shape {
    /// A stored value; `None` if it is no geometry, or lies nowhere on the Earth.
    pub fn read(value: &str) -> Option<Self> {
        if first_byte(value) != b'{' {
            return None;
        }
        let (geometry, coordinates) = geometry_parts(value)?;
        Self::of(&geometry, coordinates)
    }

    /// A geometry from its type and coordinates.
    pub(super) fn of(geometry: &str, coordinates: &str) -> Option<Self> {
        let parts = match geometry {
            "Point" => Parts::Points(vec![position(coordinates)?]),
            "MultiPoint" => Parts::Points(list(coordinates, &position)?),
            "LineString" => Parts::Lines(vec![line(coordinates)?]),
            "MultiLineString" => Parts::Lines(list(coordinates, &line)?),
            "Polygon" => Parts::Areas(vec![list(coordinates, &ring)?]),
            "MultiPolygon" => Parts::Areas(list(coordinates, &|area| list(area, &ring))?),
            _ => return None,
        };
        let mut shape = Self { parts, bounds: BoundingBox::NOTHING };
        let mut bounds = BoundingBox::NOTHING;
        shape.each_position(&mut |position| bounds = bounds.with(position));
        shape.bounds = bounds;
        Some(shape)
    }

    /// The box around it.
    pub fn bounds(&self) -> BoundingBox {
        self.bounds
    }

    /// How many positions it has.
    pub(super) fn positions(&self) -> usize {
        let mut count = 0;
        self.each_position(&mut |_| count += 1);
        count
    }

    /// 0 for points, 1 for lines, 2 for areas.
    pub(super) fn dimension(&self) -> u8 {
        match self.parts {
            Parts::Points(_) => 0,
            Parts::Lines(_) => 1,
            Parts::Areas(_) => 2,
        }
    }

    pub(super) fn each_position(&self, take: &mut dyn FnMut(Position)) {
        match &self.parts {
            Parts::Points(points) => points.iter().copied().for_each(take),
            Parts::Lines(lines) => lines.iter().flatten().copied().for_each(take),
            Parts::Areas(areas) => areas.iter().flatten().flatten().copied().for_each(take),
        }
    }

    /// The lines of it, or those around its areas, without those that have no length.
    pub(super) fn segments(&self) -> Vec<(Position, Position)> {
        let mut segments = Vec::new();
        let mut take = |line: &Vec<Position>| {
            segments.extend(line.iter().copied().zip(line.iter().skip(1).copied()));
        };
        match &self.parts {
            Parts::Points(_) => {}
            Parts::Lines(lines) => lines.iter().for_each(&mut take),
            Parts::Areas(areas) => areas.iter().flatten().for_each(&mut take),
        }
        segments.retain(|(from, to)| from != to);
        segments
    }
}

fn list<T>(array: &str, read: &dyn Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let items: Vec<T> = elements(array).map(|item| read(item.ok()?)).collect::<Option<_>>()?;
    (!items.is_empty()).then_some(items)
}

fn line(array: &str) -> Option<Vec<Position>> {
    list(array, &position).filter(|line| line.len() >= 2)
}

fn ring(array: &str) -> Option<Ring> {
    list(array, &position).filter(|ring| ring.len() >= 4 && ring.first() == ring.last())
}

/// Longitude, latitude and maybe an altitude, which plays no part.
fn position(array: &str) -> Option<Position> {
    let mut numbers = elements(array).map(|number| {
        let text = number.ok()?;
        matches!(first_byte(text), b'-' | b'0'..=b'9').then(|| text.parse::<f64>().ok()).flatten()
    });
    let (x, y) = (numbers.next()??, numbers.next()??);
    let altitude = numbers.next().is_none_or(|altitude| altitude.is_some());
    let valid = altitude
        && numbers.next().is_none()
        && (-180.0..=180.0).contains(&x)
        && (-90.0..=90.0).contains(&y);
    // Zero has one spelling, so that positions are equal when their numbers are.
    valid.then_some(Position { x: x + 0.0, y: y + 0.0 })
}
