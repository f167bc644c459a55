//! The steps of an hour: no clock hour counts more than the rule says, and hardly anybody has anything written for it.
//!
//! The minutes that counted are disjoint already. So what is no faster than three fifths of the hour's pace needs no counting: it fills an hour to
//! three fifths at most. Only what is faster than that is counted, hour by hour, and may fill the other two fifths.

use chrono::NaiveDate;
use tsunagu_store::{Guard, Op};

use crate::Award;
use crate::records::{HOUR_STEPS, hourly_key};
use crate::rule::Rule;

const MINUTES_OF_HOUR: usize = 60;
/// The steps of an hour through this are those of a minute that need no counting: three fifths of them in 60 minutes.
const UNCOUNTED: i64 = 100;

/// For each hour with steps beyond what needs no counting: what must hold, and what is counted. `minutes` are those that would count.
pub(crate) fn beyond(
    award: &Award,
    rule: &Rule,
    minutes: &[(NaiveDate, Vec<u8>)],
    steps: i64,
) -> Vec<(Guard, Op)> {
    let set = minutes.iter().flat_map(|(_, bits)| bits).map(|byte| i64::from(byte.count_ones()));
    let all: i64 = set.sum();
    let most = i64::from(rule.steps_per_hour);
    // In hundredths of a step, so that nothing is rounded yet.
    let surplus = steps.saturating_mul(UNCOUNTED).saturating_sub(most.saturating_mul(all));
    if surplus <= 0 {
        return Vec::new();
    }
    let counted = |(day, hour, minutes): (NaiveDate, usize, i64)| {
        let parts = UNCOUNTED.saturating_mul(all).max(1);
        let delta = surplus.saturating_mul(minutes).saturating_add(parts - 1) / parts;
        let (collection, max) = (HOUR_STEPS, most * 2 / 5);
        let key = hourly_key(day, hour, award);
        let guard = Guard::Room { collection, key: key.clone(), delta, min: 0, max };
        (guard, Op::Add { collection, key, delta, min: 0, max })
    };
    minutes.iter().flat_map(|(day, bits)| by_hour(*day, bits)).map(counted).collect()
}

/// How many minutes of each hour of a day are set.
fn by_hour(day: NaiveDate, bits: &[u8]) -> impl Iterator<Item = (NaiveDate, usize, i64)> {
    let mut hours = [0_i64; 24];
    for (at, byte) in bits.iter().enumerate().filter(|(_, byte)| **byte != 0) {
        for bit in (0..8).filter(|bit| byte >> bit & 1 == 1) {
            if let Some(minutes) = hours.get_mut((at * 8 + bit) / MINUTES_OF_HOUR) {
                *minutes += 1;
            }
        }
    }
    let some = |(_, minutes): &(usize, i64)| *minutes > 0;
    hours.into_iter().enumerate().filter(some).map(move |(hour, minutes)| (day, hour, minutes))
}
