//! Every day is compared once, and what does not agree is named.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use tsunagu_domain::Clock as _;
use tsunagu_rewards::{
    Difference, DifferenceKind, Issuer as _, Reconciler, Reconciliation, StatementLine, TimeZone,
};
use tsunagu_store::{Collection, Scan, Store as _};

use crate::world::{Activity, FakeIssuer, Fault, World, person, rule, tenant};

fn reconciler(world: &World) -> Reconciler {
    Reconciler::new(
        Arc::clone(&world.rewards),
        Arc::<FakeIssuer>::clone(&world.issuer),
        Arc::clone(&world.clock) as _,
        vec![tenant()],
    )
}

async fn compared(world: &World) -> Vec<Reconciliation> {
    let found = reconciler(world).run_once(world.clock.micros()).await.unwrap();
    found.into_iter().map(|(_, day)| day).collect()
}

/// Five residents have their coins, at noon of 2026-11-23.
async fn five() -> World {
    let world = World::new(&[rule(&json!({}))]);
    for who in 1..=5 {
        world.clock.advance(TimeDelta::seconds(1));
        world.write(&Activity::new(who, who)).await;
    }
    world.plain_deliverer().run_once(world.clock.micros()).await.unwrap();
    world
}

#[tokio::test]
async fn a_day_is_compared_once_when_it_is_over() {
    let world = five().await;
    // Yesterday was empty. Today is not over.
    let first = compared(&world).await;
    assert_eq!((first.len(), first[0].day.to_string().as_str()), (1, "2026-11-22"));
    assert_eq!((first[0].lines, first[0].grants, first[0].found), (0, 0, 0));
    assert!(compared(&world).await.is_empty());
    // Half past midnight is too early, half past one is not.
    world.clock.advance(TimeDelta::hours(12) + TimeDelta::minutes(30));
    assert!(compared(&world).await.is_empty());
    world.clock.advance(TimeDelta::hours(1));
    let (one, other) = (compared(&world).await, compared(&world).await);
    assert_eq!((one.len(), other.len()), (1, 0));
    let day = &one[0];
    assert_eq!((day.decisions, day.grants, day.coins), (5, 5, 50));
    assert_eq!((day.lines, day.net, day.found), (5, 50, 0));
    assert_eq!(world.rewards.reconciliations(&tenant(), 9).await.unwrap(), [one, first].concat());
    // Days on which nobody looked are made up for.
    world.clock.advance(TimeDelta::days(3));
    assert_eq!(compared(&world).await.len(), 3);
    world.clock.advance(TimeDelta::days(100));
    assert_eq!(compared(&world).await.len(), 31);
}

#[tokio::test]
async fn an_issuer_that_is_away_is_asked_again_and_nothing_is_kept() {
    let world = five().await;
    world.issuer.faults.lock().unwrap().push_back(Fault::Down);
    assert!(reconciler(&world).run_once(world.clock.micros()).await.is_err());
    assert!(world.rewards.reconciliations(&tenant(), 9).await.unwrap().is_empty());
    assert_eq!(compared(&world).await.len(), 1);
}

#[tokio::test]
async fn t93_what_only_one_side_has_is_found_and_named() {
    let world = five().await;
    // One waits, and its outcome stays unknown for longer than a day.
    world.write(&Activity::new("waiting", 6)).await;
    world.issuer.faults.lock().unwrap().extend([Fault::LostOrder]);
    world.plain_deliverer().run_once(world.clock.micros()).await.unwrap();
    let grants = world.rewards.grants(&tenant(), None, 9).await.unwrap();
    let award = |n: usize| grants[n].award;
    let day = TimeZone::Tokyo.day(world.clock.micros());
    {
        // The issuer has lost one, changed another, moved a third, doubled a fourth, and invented one.
        let mut held = world.issuer.grants.lock().unwrap();
        held.remove(&award(1));
        let mut booked = world.issuer.booked.lock().unwrap();
        booked.retain(|(_, line)| line.key != award(1));
        booked.iter_mut().for_each(|(_, line)| {
            line.amount += i64::from(line.key == award(2));
            if line.key == award(3) {
                line.account = "another".to_owned();
            }
        });
        let again = booked.iter().find(|(_, line)| line.key == award(4)).cloned().unwrap();
        let invented = "ab".repeat(32).parse().unwrap();
        let line = StatementLine { key: invented, account: "x".to_owned(), amount: 1 };
        booked.extend([again, (day, line)]);
    }
    world.issuer.cancel(award(5)).await.unwrap().unwrap();
    world.clock.advance(TimeDelta::hours(26));
    let all = compared(&world).await;
    let found = &all.last().unwrap().differences;
    let is = |award, difference: DifferenceKind| {
        let wanted = Difference { award, difference };
        assert!(found.contains(&wanted), "{wanted:?} is not among {found:?}");
    };
    is(award(0), DifferenceKind::Overdue);
    is(award(1), DifferenceKind::MissingAtIssuer);
    is(award(2), DifferenceKind::Amount { ours: 10, theirs: 11 });
    is(award(3), DifferenceKind::Account);
    is(award(4), DifferenceKind::Repeated);
    is(award(5), DifferenceKind::Cancelled);
    is("ab".repeat(32).parse().unwrap(), DifferenceKind::MissingInLedger { state: None });
    assert_eq!((found.len(), all.last().unwrap().found), (7, 7));
    // Who they are about is known for the record of access, and nobody is in the list itself.
    let people = world.rewards.people_in(&tenant(), found).await.unwrap();
    assert_eq!(people, (1..=6).map(person).collect::<Vec<_>>());
    let text = serde_json::to_string(&all).unwrap();
    assert!((1..=6).all(|who| !text.contains(&person(who).to_string())));
}

#[tokio::test]
async fn a_grant_booked_here_after_the_issuers_midnight_is_no_difference() {
    let world = World::new(&[rule(&json!({}))]);
    world.clock.advance(TimeDelta::hours(11) + TimeDelta::minutes(59));
    world.write(&Activity::new("a", 1)).await;
    world.issuer.faults.lock().unwrap().push_back(Fault::LostReply);
    let deliverer = world.plain_deliverer();
    deliverer.run_once(world.clock.micros()).await.unwrap();
    world.clock.advance(TimeDelta::minutes(10));
    assert_eq!(deliverer.run_once(world.clock.micros()).await.unwrap().confirmed, 1);
    world.clock.advance(TimeDelta::days(2));
    let all = compared(&world).await;
    assert!(all.iter().all(|day| day.found == 0), "{all:?}");
    let sums = all.iter().map(|day| (day.lines, day.grants)).collect::<Vec<_>>();
    assert_eq!(sums.last(), Some(&(0, 1)));
}

#[tokio::test]
async fn what_was_kept_of_minutes_and_devices_is_forgotten_when_it_decides_nothing_any_more() {
    let world = World::new(&[rule(&json!({}))]);
    // Both run, so that their steps are counted by the hour.
    let run = |activity| Activity { device: Some("d"), steps: json!(9_500), ..activity };
    let old = Activity::new("old", 1).during("2026-11-01T01:00:00Z", "2026-11-01T02:00:00Z");
    world.write(&run(old)).await;
    world.write(&run(Activity::new("new", 1))).await;
    let kept = async || {
        let names = [
            "reward-minutes",
            "reward-day-steps",
            "reward-hour-steps",
            "reward-device",
            "reward-device-person",
        ];
        let mut counts = Vec::new();
        for name in names {
            let scan = Scan { limit: 9, ..Scan::default() };
            let found = world.store.records(&tenant(), Collection(name), &scan).await.unwrap();
            counts.push(found.len());
        }
        counts
    };
    compared(&world).await;
    assert_eq!(kept().await, [2; 5]);
    // The first one's day is 31 days ago and more: nothing of it is accepted any more.
    world.clock.advance(TimeDelta::days(13));
    compared(&world).await;
    assert_eq!(kept().await, [1; 5]);
    // The awards themselves stay.
    assert_eq!(world.rewards.grants(&tenant(), None, 9).await.unwrap().len(), 2);
}
