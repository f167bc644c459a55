//! How geometries stand to each other in the plane of longitude and latitude (OGC 06-103r4, which clause 4.10 refers to).
//!
//! Nothing here depends on the order or direction of lines. Areas are taken by the even-odd rule, so those that cross
//! themselves have a meaning too. Whether a corner lies on a line is decided exactly.

use super::shape::{BoundingBox, Parts, Position, Ring, Shape};

type Segment = (Position, Position);

/// Where a point is, seen from a geometry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Inside,
    Edge,
    Outside,
}

/// Where parts of one geometry are, seen from another.
#[derive(Default)]
struct Places {
    inside: bool,
    outside: bool,
}

impl Places {
    fn note(&mut self, place: Place) {
        match place {
            Place::Inside => self.inside = true,
            Place::Edge => {}
            Place::Outside => self.outside = true,
        }
    }
}

/// Whether they have a point in common.
pub(super) fn intersects(a: &Shape, b: &Shape) -> bool {
    if !a.bounds().meets(&b.bounds()) {
        return false;
    }
    let mut met = false;
    a.each_position(&mut |point| met = met || place(point, b) != Place::Outside);
    b.each_position(&mut |point| met = met || place(point, a) != Place::Outside);
    met || {
        let others = b.segments();
        a.segments().iter().any(|one| others.iter().any(|other| crosses(*one, *other)))
    }
}

/// Whether all of `a` lies in `b`, and not only on its edge.
pub(super) fn within(a: &Shape, b: &Shape) -> bool {
    if a.dimension() > b.dimension() {
        return false;
    }
    let relation = Relation::of(a, b);
    relation.common && !relation.first
}

/// Whether they are the same points.
pub(super) fn equals(a: &Shape, b: &Shape) -> bool {
    let relation = || Relation::of(a, b);
    a.dimension() == b.dimension()
        && matches!(relation(), Relation { common: true, first: false, second: false })
}

/// Whether they have a part in common and each has one of its own.
pub(super) fn overlaps(a: &Shape, b: &Shape) -> bool {
    let relation = || Relation::of(a, b);
    a.dimension() == b.dimension()
        && matches!(relation(), Relation { common: true, first: true, second: true })
}

/// Which parts of two geometries there are, as large in kind as the smaller one of the two.
struct Relation {
    /// In the inner of both.
    common: bool,
    /// In the first and outside of the second.
    first: bool,
    /// In the second and outside of the first.
    second: bool,
}

impl Relation {
    fn of(a: &Shape, b: &Shape) -> Self {
        let (of_a, of_b) = (places(a, b), places(b, a));
        let (Parts::Areas(areas_a), Parts::Areas(areas_b)) = (&a.parts, &b.parts) else {
            return Self { common: of_a.inside, first: of_a.outside, second: of_b.outside };
        };
        // What no edge of the other runs through is as a whole inside or outside of it, so one point tells.
        let mut inner_a = Places::default();
        areas_a.iter().filter_map(|area| inner(area)).for_each(|p| inner_a.note(place(p, b)));
        let mut inner_b = Places::default();
        areas_b.iter().filter_map(|area| inner(area)).for_each(|p| inner_b.note(place(p, a)));
        Self {
            common: of_a.inside || of_b.inside || inner_a.inside || inner_b.inside,
            first: of_a.outside || of_b.inside || inner_a.outside,
            second: of_b.outside || of_a.inside || inner_b.outside,
        }
    }
}

/// Where the points, the lines, or the edges of the areas of `a` are, seen from `b`.
fn places(a: &Shape, b: &Shape) -> Places {
    let mut places = Places::default();
    if let Parts::Points(points) = &a.parts {
        for point in points {
            places.note(place(*point, b));
        }
        return places;
    }
    let others = b.segments();
    for (from, to) in a.segments() {
        for piece in pieces((from, to), &others) {
            places.note(match &b.parts {
                Parts::Lines(_) if piece.shared => Place::Inside,
                Parts::Points(_) | Parts::Lines(_) => Place::Outside,
                Parts::Areas(_) if piece.shared => Place::Edge,
                Parts::Areas(areas) => in_areas(piece.middle, areas),
            });
        }
    }
    places
}

fn place(point: Position, shape: &Shape) -> Place {
    match &shape.parts {
        Parts::Points(points) if points.contains(&point) => Place::Inside,
        Parts::Points(_) => Place::Outside,
        Parts::Lines(lines) => {
            let on = |line: &Vec<Position>| {
                line.iter().zip(line.iter().skip(1)).any(|(from, to)| lies_on(point, (*from, *to)))
            };
            if !lines.iter().any(on) {
                return Place::Outside;
            }
            // Where an odd number of lines ends is an edge.
            let ends = lines.iter().flat_map(|line| [line.first(), line.last()]);
            let ends = ends.filter(|end| *end == Some(&point)).count();
            if ends % 2 == 1 { Place::Edge } else { Place::Inside }
        }
        Parts::Areas(areas) => in_areas(point, areas),
    }
}

fn in_areas(point: Position, areas: &[Vec<Ring>]) -> Place {
    let mut found = Place::Outside;
    for area in areas {
        match in_area(point, area) {
            Place::Inside => return Place::Inside,
            Place::Edge => found = Place::Edge,
            Place::Outside => {}
        }
    }
    found
}

fn in_area(point: Position, rings: &[Ring]) -> Place {
    let mut inside = false;
    for ring in rings {
        for (from, to) in ring.iter().zip(ring.iter().skip(1)) {
            if lies_on(point, (*from, *to)) {
                return Place::Edge;
            }
            if (from.y > point.y) != (to.y > point.y)
                && (turn(*from, *to, point) > 0.0) == (to.y > from.y)
            {
                inside = !inside;
            }
        }
    }
    if inside { Place::Inside } else { Place::Outside }
}

/// A point inside of a polygon; `None` if it has no inside.
fn inner(rings: &[Ring]) -> Option<Position> {
    let mut heights: Vec<f64> = rings.iter().flatten().map(|position| position.y).collect();
    heights.sort_by(f64::total_cmp);
    let gaps = heights.iter().zip(heights.iter().skip(1)).map(|(low, high)| (high - low, *low));
    let (gap, low) = gaps.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(gap, _)| *gap > 0.0)?;
    let y = low + gap / 2.0;
    // Where a line at that height goes in and out, no corner being on it.
    let edges = rings.iter().flat_map(|ring| ring.iter().zip(ring.iter().skip(1)));
    let mut crossings: Vec<f64> = edges
        .filter(|(from, to)| (from.y > y) != (to.y > y))
        .map(|(from, to)| from.x + (to.x - from.x) * (y - from.y) / (to.y - from.y))
        .collect();
    crossings.sort_by(f64::total_cmp);
    let (pairs, _) = crossings.as_chunks::<2>();
    let widest = pairs.iter().max_by(|a, b| (a[1] - a[0]).total_cmp(&(b[1] - b[0])))?;
    Some(Position { x: f64::midpoint(widest[0], widest[1]), y })
}

/// A piece of a line between two places where another meets it.
struct Piece {
    middle: Position,
    /// Whether it runs along the other.
    shared: bool,
}

fn pieces((from, to): Segment, others: &[Segment]) -> Vec<Piece> {
    let wide = (to.x - from.x).abs() >= (to.y - from.y).abs();
    let share = |p: Position| {
        if wide { (p.x - from.x) / (to.x - from.x) } else { (p.y - from.y) / (to.y - from.y) }
    };
    let (mut cuts, mut shared) = (vec![0.0, 1.0], Vec::new());
    for other in others {
        if !apart((from, to), *other) {
            cut((from, to), *other, &share, &mut cuts, &mut shared);
        }
    }
    cuts.sort_by(f64::total_cmp);
    cuts.dedup();
    let between = cuts.iter().zip(cuts.iter().skip(1));
    between
        .map(|(start, end)| {
            let middle = f64::midpoint(*start, *end);
            Piece {
                middle: Position {
                    x: from.x + (to.x - from.x) * middle,
                    y: from.y + (to.y - from.y) * middle,
                },
                shared: shared.iter().any(|(a, b)| (*a..=*b).contains(&middle)),
            }
        })
        .collect()
}

/// Notes where `other` meets a line, as shares of its length, and where it runs along it.
fn cut(
    (from, to): Segment,
    (c, d): Segment,
    share: &dyn Fn(Position) -> f64,
    cuts: &mut Vec<f64>,
    shared: &mut Vec<(f64, f64)>,
) {
    let (at_c, at_d) = (turn(from, to, c), turn(from, to, d));
    if at_c == 0.0 && at_d == 0.0 {
        let (at_c, at_d) = (share(c).clamp(0.0, 1.0), share(d).clamp(0.0, 1.0));
        let (start, end) = (at_c.min(at_d), at_c.max(at_d));
        if start < end {
            cuts.extend([start, end]);
            shared.push((start, end));
        }
        return;
    }
    if !crosses((from, to), (c, d)) {
        return;
    }
    let (at_from, at_to) = (turn(c, d, from), turn(c, d, to));
    let met = if at_c == 0.0 {
        share(c)
    } else if at_d == 0.0 {
        share(d)
    } else {
        at_from / (at_from - at_to)
    };
    cuts.push(met.clamp(0.0, 1.0));
}

/// Whether two lines have a point in common.
fn crosses((a, b): Segment, (c, d): Segment) -> bool {
    if apart((a, b), (c, d)) {
        return false;
    }
    let opposite = |one: f64, other: f64| one * other < 0.0;
    let (at_c, at_d) = (turn(a, b, c).signum_or_zero(), turn(a, b, d).signum_or_zero());
    let (at_a, at_b) = (turn(c, d, a).signum_or_zero(), turn(c, d, b).signum_or_zero());
    (opposite(at_c, at_d) && opposite(at_a, at_b))
        || lies_on(c, (a, b))
        || lies_on(d, (a, b))
        || lies_on(a, (c, d))
        || lies_on(b, (c, d))
}

trait SignumOrZero {
    fn signum_or_zero(self) -> Self;
}

impl SignumOrZero for f64 {
    /// Products of tiny numbers must not vanish.
    fn signum_or_zero(self) -> Self {
        if self == 0.0 { 0.0 } else { self.signum() }
    }
}

fn apart((a, b): Segment, (c, d): Segment) -> bool {
    !BoundingBox::of(&[a, b]).meets(&BoundingBox::of(&[c, d]))
}

fn lies_on(point: Position, (from, to): Segment) -> bool {
    BoundingBox::of(&[from, to]).meets(&BoundingBox::of(&[point])) && turn(from, to, point) == 0.0
}

/// Positive if `c` lies to the left of the line from `a` to `b`, negative to the right, and 0 exactly on it.
fn turn(a: Position, b: Position, c: Position) -> f64 {
    let coordinate = |p: Position| robust::Coord { x: p.x, y: p.y };
    robust::orient2d(coordinate(a), coordinate(b), coordinate(c))
}
