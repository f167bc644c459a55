//! How far geometries are apart on the Earth, taken as a sphere; lines are straight in degrees, as in `GeoJSON`.

use super::planar::intersects;
use super::shape::{METRES_A_DEGREE, Position, Shape};

/// A line is looked at in parts of at most so many degrees, but no more parts than that.
const PART: f64 = 1.0;
const MAX_PARTS: f64 = 64.0;

/// Metres between the nearest points of two geometries.
pub(super) fn between(a: &Shape, b: &Shape) -> f64 {
    if a.dimension() + b.dimension() > 0 && intersects(a, b) {
        return 0.0;
    }
    // Geometries that do not meet are nearest at a corner of one of them.
    corners_to(a, b).min(corners_to(b, a))
}

fn corners_to(corners: &Shape, to: &Shape) -> f64 {
    let mut least = f64::INFINITY;
    let segments = to.segments();
    corners.each_position(&mut |corner| {
        if segments.is_empty() {
            to.each_position(&mut |point| least = least.min(metres(corner, point)));
        }
        for (from, to) in &segments {
            least = least.min(to_line(corner, *from, *to));
        }
    });
    least
}

/// The haversine formula.
fn metres(a: Position, b: Position) -> f64 {
    let half = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
    let scale = a.y.to_radians().cos() * b.y.to_radians().cos();
    let h = half(a.y, b.y) + scale * half(a.x, b.x);
    2.0 * h.clamp(0.0, 1.0).sqrt().asin() * METRES_A_DEGREE.to_degrees()
}

fn to_line(point: Position, from: Position, to: Position) -> f64 {
    let longest = (to.x - from.x).abs().max((to.y - from.y).abs());
    let parts = (longest / PART).ceil().clamp(1.0, MAX_PARTS);
    let at = |share: f64| Position {
        x: from.x + (to.x - from.x) * share,
        y: from.y + (to.y - from.y) * share,
    };
    let mut least = f64::INFINITY;
    let mut start = 0.0;
    while start < parts {
        let (a, b) = (at(start / parts), at((start + 1.0) / parts));
        least = least.min(metres(point, nearest(point, a, b)));
        start += 1.0;
    }
    least
}

/// The point of a short line that is nearest, as on a plane that touches the Earth half-way to it.
fn nearest(point: Position, from: Position, to: Position) -> Position {
    let mut found = from;
    // The scale of longitudes depends on the answer, so it is found in a few rounds.
    for _ in 0..3 {
        let scale = (f64::midpoint(point.y, found.y)).to_radians().cos();
        let x = turned(point.x - from.x) * scale;
        let (dx, dy) = ((to.x - from.x) * scale, to.y - from.y);
        let length = dx * dx + dy * dy;
        let share = if length > 0.0 { (x * dx + (point.y - from.y) * dy) / length } else { 0.0 };
        let share = share.clamp(0.0, 1.0);
        found =
            Position { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
    }
    found
}

/// A difference of longitudes, the short way round.
fn turned(degrees: f64) -> f64 {
    if degrees > 180.0 {
        degrees - 360.0
    } else if degrees < -180.0 {
        degrees + 360.0
    } else {
        degrees
    }
}
