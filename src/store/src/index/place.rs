//! Places as cells of a grid, so that what lies near each other stands near each other.
//!
//! The grid halves the degrees of longitude and latitude again and again. A cell is written as one digit for each halving, so that a cell
//! begins the names of all inside of it. A point stands in a cell of the finest grid; what is larger, in up to four cells of one of the few
//! coarser grids, so that looking for it takes few ranges.

use tsunagu_ngsi_ld::query::geo::BoundingBox;

/// How often the finest grid is halved: cells of about 40 by 20 metres.
const FINEST: u32 = 20;
/// The grids for what is larger than a point, finest first: about 1 km, 40 km, 1,250 km, everything.
const COARSE: [u32; 4] = [15, 10, 5, 0];
/// What is larger than a point may stand in so many cells.
const MOST_STANDING: u64 = 4;
/// How many cells a box is looked for in.
const MOST_COVERING: u64 = 16;

/// Cells of a grid, as first and last column and row.
#[derive(Debug, Clone, Copy)]
struct Cells {
    level: u32,
    columns: (u64, u64),
    rows: (u64, u64),
}

impl Cells {
    fn of(bounds: &BoundingBox, level: u32) -> Self {
        let count = 1_u64 << level;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "between 0 and 2^20"
        )]
        let cell = |share: f64| ((share.clamp(0.0, 1.0) * count as f64) as u64).min(count - 1);
        let column = |x: f64| cell((x + 180.0) / 360.0);
        let row = |y: f64| cell((y + 90.0) / 180.0);
        Self {
            level,
            columns: (column(bounds.west), column(bounds.east)),
            rows: (row(bounds.south), row(bounds.north)),
        }
    }

    fn count(self) -> u64 {
        (self.columns.1 - self.columns.0 + 1) * (self.rows.1 - self.rows.0 + 1)
    }

    /// Their numbers along the curve that the names follow, sorted.
    fn numbers(self) -> Vec<u64> {
        let rows = self.rows.0..=self.rows.1;
        let cells = rows.flat_map(|row| {
            (self.columns.0..=self.columns.1).map(move |column| (spread(row) << 1) | spread(column))
        });
        let mut numbers: Vec<u64> = cells.collect();
        numbers.sort_unstable();
        numbers
    }
}

/// Puts a zero between all bits, of which there are fewer than 32.
fn spread(number: u64) -> u64 {
    // Each step moves the upper half of every group apart from the lower one.
    let steps = [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ];
    steps.into_iter().fold(number, |spread, (by, kept)| (spread | spread << by) & kept)
}

fn name(number: u64, level: u32) -> String {
    let mut name = String::with_capacity(FINEST as usize);
    for at in (0..level).rev() {
        name.push(match number >> (2 * at) & 3 {
            0 => '0',
            1 => '1',
            2 => '2',
            _ => '3',
        });
    }
    name
}

/// The names of the cells in which something stands.
pub(super) fn standing(bounds: &BoundingBox) -> Vec<String> {
    let is_point = bounds.west >= bounds.east && bounds.south >= bounds.north;
    let levels = if is_point { &[FINEST][..] } else { &COARSE };
    let mut grids = levels.iter().map(|level| Cells::of(bounds, *level));
    // The coarsest grid has one cell.
    let cells = grids.find(|cells| cells.count() <= MOST_STANDING);
    let cells = cells.unwrap_or_else(|| Cells::of(bounds, 0));
    cells.numbers().into_iter().map(|number| name(number, cells.level)).collect()
}

/// Where to look for whatever meets a box.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// In cells from the first to the last, and in the smaller ones inside of them.
    Through(String, String),
    /// In this cell, but in no smaller one.
    In(String),
}

/// Where to look for whatever meets one of the boxes.
pub(super) fn covering(boxes: &[BoundingBox]) -> Vec<Look> {
    let mut looks: Vec<Look> = Vec::new();
    for bounds in boxes {
        let mut grids = (0..=FINEST).rev().map(|level| Cells::of(bounds, level));
        let cells = grids.find(|cells| cells.count() <= MOST_COVERING);
        let cells = cells.unwrap_or_else(|| Cells::of(bounds, 0));
        for level in COARSE.into_iter().filter(|level| *level < cells.level) {
            let larger = Cells::of(bounds, level).numbers();
            looks.extend(larger.into_iter().map(|number| Look::In(name(number, level))));
        }
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for number in cells.numbers() {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == number => *last = number,
                _ => runs.push((number, number)),
            }
        }
        let run = |(first, last)| Look::Through(name(first, cells.level), name(last, cells.level));
        looks.extend(runs.into_iter().map(run));
    }
    let mut unique: Vec<Look> = Vec::with_capacity(looks.len());
    for look in looks {
        if !unique.contains(&look) {
            unique.push(look);
        }
    }
    unique
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BoundingBox, Look, MOST_COVERING, covering, standing};

    fn meets(look: &Look, cell: &str) -> bool {
        match look {
            Look::In(name) => name == cell,
            Look::Through(first, last) => {
                cell >= first.as_str() && (cell < last.as_str() || cell.starts_with(last.as_str()))
            }
        }
    }

    fn boxes() -> impl Strategy<Value = BoundingBox> {
        let extent = prop_oneof![Just(0.0), 0.0..0.001_f64, 0.0..1.0_f64, 0.0..360.0_f64];
        (-180.0..=180.0_f64, -90.0..=90.0_f64, extent.clone(), extent).prop_map(
            |(west, south, width, height)| BoundingBox {
                west,
                south,
                east: (west + width).min(180.0),
                north: (south + height / 2.0).min(90.0),
            },
        )
    }

    proptest! {
        #[test]
        fn what_meets_a_box_is_found(one in boxes(), other in boxes(), near in -0.01..0.01_f64) {
            let looks = covering(&[one]);
            prop_assert!(looks.len() <= usize::try_from(MOST_COVERING).unwrap() + 16);
            let close = BoundingBox {
                west: (one.west + near).clamp(-180.0, 180.0),
                east: (one.east + near).clamp(-180.0, 180.0),
                ..one
            };
            for other in [other, close, one] {
                let cells = standing(&other);
                prop_assert!((1..=4).contains(&cells.len()));
                if one.meets(&other) {
                    let found = cells.iter().any(|cell| looks.iter().any(|look| meets(look, cell)));
                    prop_assert!(found, "{:?} in {:?}", cells, looks);
                }
            }
        }
    }

    #[test]
    fn bits_are_spread() {
        for number in [0, 1, 2, 0b1011, 0xf_ffff, 0x8_0001, 0x5_a5a5] {
            let expected = (0..20).fold(0, |all, bit| all | (number >> bit & 1) << (2 * bit));
            assert_eq!(super::spread(number), expected, "{number:b}");
        }
    }

    #[test]
    fn few_ranges_hold_little() {
        // About 500 m around Tsuno's town hall.
        let town = BoundingBox { west: 131.5538, south: 32.2515, east: 131.5644, north: 32.2605 };
        let looks = covering(&[town]);
        assert!(looks.len() <= 12, "{looks:?}");
        let far =
            |x: f64| standing(&BoundingBox { west: x, south: 32.256, east: x, north: 32.256 });
        let held = |x: f64| looks.iter().any(|look| far(x).iter().any(|cell| meets(look, cell)));
        assert!(held(131.559) && !held(131.6) && !held(131.5));
    }
}
