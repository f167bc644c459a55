//! No clock hour counts more steps than the rule takes for possible, in however many records they come.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};
use futures_util::FutureExt as _;
use proptest::prelude::*;
use serde_json::json;
use tsunagu_rewards::{Reason, State};
use tsunagu_store::{Collection, Scan, Store as _};

use crate::world::{Activity, World, person, rule, tenant};

/// 2026-11-20T09:00:00 in Tokyo, seconds.
const MORNING: i64 = 1_795_132_800;

fn moment(second: i64) -> &'static str {
    DateTime::from_timestamp(MORNING + second, 0).unwrap().to_rfc3339().leak()
}

/// So many steps between two seconds of the morning.
fn steps(id: i64, steps: i64, from: i64, to: Option<i64>) -> Activity {
    let activity = Activity { steps: json!(steps), ..Activity::new(id, 1) };
    Activity { started: Some(moment(from)), ended: to.map(moment), ..activity }
}

fn town(per_hour: u32) -> World {
    World::new(&[rule(&json!({
        "q": "steps>=1", "amount": 1, "per_person_per_day": 1_000, "steps_per_hour": per_hour,
    }))])
}

/// What became of each.
async fn outcomes(world: &World, all: &[Activity]) -> Vec<Option<Reason>> {
    for activity in all {
        world.write(activity).await;
    }
    let grants = world.rewards.coins_of(&tenant(), person(1)).await.unwrap().grants;
    let of = |activity: &Activity| {
        let grant = grants.iter().find(|grant| grant.activity == activity.id).unwrap();
        assert_eq!(grant.state == State::Reserved, grant.reason.is_none());
        grant.reason
    };
    all.iter().map(of).collect()
}

async fn counters(world: &World) -> usize {
    let scan = Scan { limit: 99, ..Scan::default() };
    world.store.records(&tenant(), Collection("reward-hour-steps"), &scan).await.unwrap().len()
}

#[tokio::test]
async fn the_records_of_an_hour_share_what_an_hour_can_hold() {
    let world = town(15_000);
    // Each is no faster than a record may be, and each leaves out of its whole minutes what it can: 60 of them would be 30,000 steps.
    let stacked: Vec<Activity> =
        (0..29).map(|n| steps(n, 500, n * 60 + 1, Some(n * 60 + 179))).collect();
    let found = outcomes(&world, &stacked).await;
    let counted = found.iter().filter(|reason| reason.is_none()).count();
    // Beyond 150 in its one minute each has 350; of those the hour holds 6,000.
    assert_eq!(counted, 17, "{found:?}");
    let rest = found.iter().flatten().all(|reason| *reason == Reason::ImplausibleHour);
    assert!(rest, "{found:?}");
    // The next hour begins anew, and so does another person.
    assert_eq!(outcomes(&world, &[steps(99, 500, 3_601, Some(3_779))]).await, [None]);
    let other = Activity { subject: Some(person(2)), ..steps(98, 500, 61, Some(239)) };
    world.write(&other).await;
    assert_eq!(world.rewards.coins_of(&tenant(), person(2)).await.unwrap().pending, 1);
}

#[tokio::test]
async fn whoever_walks_or_runs_is_not_in_doubt_and_walking_is_not_even_counted() {
    let world = town(15_000);
    let hours = |per_minute: i64, day: i64| {
        (0..12).map(move |n| {
            let from = day * 86_400 + n * 300;
            steps((day + 9) * 100 + n, per_minute * 5, from, Some(from + 300))
        })
    };
    let walked: Vec<Activity> = hours(130, 0).collect();
    assert!(outcomes(&world, &walked).await.iter().all(Option::is_none));
    assert_eq!(counters(&world).await, 0);
    // A race of an hour, and the fastest that any record may be.
    for (day, per_minute) in [(-1, 190), (-2, 250)] {
        let ran: Vec<Activity> = hours(per_minute, day).collect();
        assert!(outcomes(&world, &ran).await.iter().all(Option::is_none), "{per_minute}");
    }
    assert_eq!(counters(&world).await, 2);
    // A town can hold less for possible.
    let strict = town(9_000);
    let ran: Vec<Activity> = hours(190, -1).collect();
    let found = outcomes(&strict, &ran).await;
    assert_eq!(found.iter().filter(|reason| reason.is_none()).count(), 7, "{found:?}");
    // Half an hour to either side of the hour is half in each.
    assert_eq!(outcomes(&strict, &[steps(1, 9_000, 5_400, Some(9_000))]).await, [None]);
    assert_eq!(counters(&strict).await, 3);
}

#[tokio::test]
async fn what_does_not_tell_its_end_counts_in_the_minute_of_its_start() {
    let world = town(15_000);
    let all = [steps(1, 6_150, 0, None), steps(2, 151, 120, None), steps(3, 6_151, 3_600, None)];
    let hour = Some(Reason::ImplausibleHour);
    assert_eq!(outcomes(&world, &all).await, [None, hour, hour]);
}

/// (start, length, steps for each 100 seconds, whether the end is told).
fn record() -> impl Strategy<Value = (i64, i64, i64, bool)> {
    let length = prop_oneof![Just(179i64), 1i64..240, 240i64..5_400];
    (0i64..3 * 3_600, length, 1i64..450, prop::bool::weighted(0.9))
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// Steps of each hour as they are attributed: evenly over the whole minutes of a record, or the minute of its start when it holds none.
fn by_hour(counted: &[(i64, Option<i64>, u32)]) -> BTreeMap<i64, f64> {
    let mut hours = BTreeMap::new();
    for (from, to, steps) in counted {
        let (first, last) = ((from + 59) / 60, to.unwrap_or(*from) / 60);
        let minutes: Vec<i64> =
            if last > first { (first..last).collect() } else { vec![from / 60] };
        for minute in &minutes {
            *hours.entry(minute / 60).or_default() += f64::from(*steps) / number(minutes.len());
        }
    }
    hours
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn no_hour_counts_more_than_the_rule_says(
        records in proptest::collection::vec(record(), 1..60),
        per_hour in prop_oneof![Just(15_000u32), Just(9_001), 1u32..20_000],
    ) {
        let world = town(per_hour);
        let all: Vec<_> = records
            .iter()
            .map(|(from, length, pace, ends)| {
                let number = u32::try_from((pace * length / 100).max(1)).unwrap();
                (*from, ends.then_some(from + length), number)
            })
            .collect();
        let activities: Vec<Activity> = (0..)
            .zip(&all)
            .map(|(id, (from, to, number))| steps(id, (*number).into(), *from, *to))
            .collect();
        world.clock.advance(TimeDelta::seconds(1));
        let found = outcomes(&world, &activities).now_or_never().unwrap();
        let counted: Vec<_> =
            all.iter().zip(&found).filter(|(_, reason)| reason.is_none()).map(|(one, _)| *one).collect();
        for (hour, steps) in by_hour(&counted) {
            prop_assert!(steps <= f64::from(per_hour) + 0.001, "{steps} in hour {hour} of {per_hour}");
        }
    }
}
