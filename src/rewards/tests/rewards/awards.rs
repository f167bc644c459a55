//! Which activities earn coins, and how many.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use tsunagu_domain::{Clock, TsunoId};
use tsunagu_rewards::{Budget, Reason, State};
use tsunagu_store::{Collection, Expect, Guard, Op, Store as _, WriteSet};

use crate::world::{Activity, World, person, rule, tenant};

async fn outcomes(world: &World, who: u8) -> Vec<(i64, State, Option<Reason>)> {
    let coins = world.rewards.coins_of(&tenant(), person(who)).await.unwrap();
    coins.grants.into_iter().map(|grant| (grant.amount, grant.state, grant.reason)).collect()
}

async fn budget(world: &World) -> Budget {
    world.rewards.rules(&tenant()).await.unwrap()[0].budget
}

#[tokio::test]
async fn an_activity_that_is_enough_earns_once_and_is_explained() {
    let world = World::new(&[rule(&json!({}))]);
    world.write(&Activity::new("a", 1)).await;
    let coins = world.rewards.coins_of(&tenant(), person(1)).await.unwrap();
    assert_eq!((coins.balance, coins.pending, coins.grants.len()), (0, 10, 1));
    let grant = &coins.grants[0];
    assert_eq!(
        (grant.rule.as_str(), grant.rule_version, grant.day.to_string().as_str()),
        ("walk", 1, "2026-11-23")
    );
    assert_eq!(
        (grant.state, grant.label.ja.as_str(), &grant.reason),
        (State::Reserved, "歩く", &None)
    );
    assert_eq!(
        budget(&world).await,
        Budget { total: 1000, reserved: 10, issued: 0, remaining: 990 }
    );
    assert!(outcomes(&world, 2).await.is_empty());
}

#[tokio::test]
async fn who_is_no_resident_at_present_earns_nothing_and_is_told_why() {
    fn unless_marked(id: TsunoId) -> Vec<Guard> {
        vec![Guard::Absent { collection: Collection("mark"), key: id.as_bytes().to_vec() }]
    }
    let mut world = World::new(&[rule(&json!({}))]);
    let rewards = Arc::into_inner(world.rewards).unwrap();
    world.rewards = Arc::new(rewards.only_for(unless_marked));
    let mark = Op::PutRecord {
        collection: Collection("mark"),
        key: person(1).as_bytes().to_vec(),
        value: Vec::new(),
        expect: Expect::Any,
    };
    world.store.commit(WriteSet::new(tenant()).with(mark)).await.unwrap();
    world.write(&Activity::new("a", 1)).await;
    world.write(&Activity::new("b", 2)).await;
    assert_eq!(outcomes(&world, 1).await, [(0, State::Rejected, Some(Reason::NotEligible))]);
    assert_eq!(outcomes(&world, 2).await, [(10, State::Reserved, None)]);
    assert_eq!(budget(&world).await.reserved, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_activity_a_thousand_times_at_once_earns_once() {
    let world = Arc::new(World::new(&[rule(&json!({ "per_person_per_day": 1000 }))]));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let world = Arc::clone(&world);
        tasks.spawn(async move { world.write(&Activity::new("a", 1)).await });
    }
    tasks.join_all().await;
    // And after 90 days.
    world.clock.advance(TimeDelta::days(90));
    world.write(&Activity::new("a", 1)).await;
    assert_eq!(outcomes(&world, 1).await, [(10, State::Reserved, None)]);
    assert_eq!(budget(&world).await.reserved, 10);
}

#[tokio::test]
async fn a_day_earns_no_more_than_its_cap_and_ends_at_midnight_in_tokyo() {
    let world = World::new(&[rule(&json!({}))]);
    for started in ["2026-11-21T15:00:00Z", "2026-11-21T16:00:00Z", "2026-11-22T14:59:59Z"] {
        let activity = Activity::new(started, 1);
        world.write(&Activity { started: Some(started), ended: None, ..activity }).await;
        world.clock.advance(TimeDelta::seconds(1));
    }
    let all = outcomes(&world, 1).await;
    assert_eq!(
        all,
        [
            (0, State::Rejected, Some(Reason::DayCap)),
            (10, State::Reserved, None),
            (10, State::Reserved, None)
        ]
    );
    // One second before that midnight is another day; another person has their own cap.
    let whole = |id, who, started| Activity {
        started: Some(started),
        ended: None,
        ..Activity::new(id, who)
    };
    world.write(&whole("x", 1, "2026-11-21T14:59:59Z")).await;
    world.write(&whole("y", 2, "2026-11-21T15:00:00Z")).await;
    assert_eq!(outcomes(&world, 1).await[0], (10, State::Reserved, None));
    assert_eq!(outcomes(&world, 2).await, [(10, State::Reserved, None)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_budget_is_used_up_exactly() {
    let world = Arc::new(World::new(&[rule(&json!({ "budget": 75 }))]));
    let mut tasks = tokio::task::JoinSet::new();
    for who in 0..50 {
        let world = Arc::clone(&world);
        tasks.spawn(async move { world.write(&Activity::new(who, who)).await });
    }
    tasks.join_all().await;
    assert_eq!(budget(&world).await, Budget { total: 75, reserved: 70, issued: 0, remaining: 5 });
    let mut without = 0;
    for who in 0..50 {
        without += usize::from(
            outcomes(&world, who).await == [(0, State::Rejected, Some(Reason::Budget))],
        );
    }
    assert_eq!(without, 43);
    // A person turned away by the budget has not used up the day.
    assert_eq!(world.rewards.grants(&tenant(), None, 100).await.unwrap().len(), 50);
}

#[tokio::test]
async fn what_cannot_be_counted_is_rejected_with_its_reason() {
    type Row = (&'static str, fn(&mut Activity), Reason);
    let table: [Row; 14] = [
        ("typed in", |a| a.method = "manual", Reason::SelfReported),
        ("negative", |a| a.steps = json!(-1), Reason::ImplausibleSteps),
        ("a million", |a| a.steps = json!(1_000_000), Reason::ImplausibleSteps),
        ("one more than a day holds", |a| a.steps = json!(100_001), Reason::ImplausibleSteps),
        ("no number", |a| a.steps = json!("6000"), Reason::ImplausibleSteps),
        ("half a step", |a| a.steps = json!(6000.5), Reason::ImplausibleSteps),
        ("overflow", |a| a.steps = json!(u64::MAX), Reason::ImplausibleSteps),
        (
            "begins in the future",
            |a| (a.started, a.ended) = (Some("2026-11-23T03:06:00Z"), None),
            Reason::FuturePeriod,
        ),
        ("ends in the future", |a| a.ended = Some("2026-11-24T00:00:00Z"), Reason::FuturePeriod),
        (
            "ends before it begins",
            |a| a.ended = Some("2026-11-22T22:59:59Z"),
            Reason::ImplausiblePeriod,
        ),
        (
            "longer than a day",
            |a| a.started = Some("2026-11-21T23:59:59Z"),
            Reason::ImplausiblePeriod,
        ),
        ("faster than anybody", |a| a.steps = json!(15_001), Reason::ImplausiblePace),
        ("no time", |a| (a.started, a.ended) = (None, None), Reason::NoPeriod),
        (
            "too late",
            |a| (a.started, a.ended) = (Some("2026-10-22T14:00:00Z"), None),
            Reason::TooLate,
        ),
    ];
    for (name, change, reason) in table {
        let world = World::new(&[rule(&json!({}))]);
        let mut activity = Activity::new("a", 1);
        change(&mut activity);
        world.write(&activity).await;
        assert_eq!(outcomes(&world, 1).await, [(0, State::Rejected, Some(reason))], "{name}");
        let text = world
            .rewards
            .coins_of(&tenant(), person(1))
            .await
            .unwrap()
            .grants
            .remove(0)
            .reason_text
            .unwrap();
        assert!(!text.ja.is_empty() && !text.en.is_empty());
        // What was once found impossible is not made good by writing it again.
        world.clock.advance(TimeDelta::seconds(1));
        world.write(&Activity::new("a", 1)).await;
        assert_eq!(budget(&world).await.reserved, 0, "{name}");
    }
}

#[tokio::test]
async fn the_bounds_themselves_count() {
    for change in [
        (|a: &mut Activity| a.steps = json!(5000)) as fn(&mut Activity),
        |a| (a.steps, a.started) = (json!(100_000), Some("2026-11-22T16:00:00Z")),
        |a| (a.steps, a.ended) = (json!(15_000), Some("2026-11-23T00:00:59Z")),
        |a| a.steps = json!(5000.0),
        |a| (a.started, a.ended) = (Some("2026-11-23T12:05:00+09:00"), None),
        |a| (a.started, a.ended) = (Some("2026-10-22T15:00:00Z"), None),
    ] {
        let world = World::new(&[rule(&json!({}))]);
        let mut activity = Activity::new("a", 1);
        change(&mut activity);
        world.write(&activity).await;
        assert_eq!(outcomes(&world, 1).await, [(10, State::Reserved, None)]);
    }
}

#[tokio::test]
async fn without_a_consent_there_are_no_coins() {
    let world = World::new(&[rule(&json!({}))]);
    world.change(None, Some(&Activity::new("a", 1).doc()), None).await;
    assert_eq!(outcomes(&world, 1).await, [(0, State::Rejected, Some(Reason::NoConsent))]);
}

#[tokio::test]
async fn an_update_earns_when_it_is_first_enough_and_never_again() {
    let world = World::new(&[rule(&json!({}))]);
    let few = Activity { steps: json!(4999), ..Activity::new("a", 1) }.doc();
    let (enough, more) = (
        Activity::new("a", 1).doc(),
        Activity { steps: json!(7000), ..Activity::new("a", 1) }.doc(),
    );
    world.change(None, Some(&few), Some("c")).await;
    assert_eq!(outcomes(&world, 1).await, [(0, State::Rejected, Some(Reason::NotMet))]);
    for (before, after) in [
        (Some(&few), Some(&enough)),
        (Some(&enough), Some(&more)),
        (Some(&more), Some(&few)),
        (Some(&few), Some(&enough)),
        (Some(&enough), None),
    ] {
        world.clock.advance(TimeDelta::seconds(1));
        world.change(before, after, Some("c")).await;
    }
    // Deleted and written again: for the same person, another one, or of another day.
    world.write(&Activity::new("a", 1)).await;
    world.write(&Activity::new("a", 2)).await;
    world.write(&Activity { started: Some("2026-11-21T00:00:00Z"), ..Activity::new("a", 1) }).await;
    assert_eq!(
        outcomes(&world, 1).await,
        [(10, State::Reserved, None), (0, State::Rejected, Some(Reason::NotMet))]
    );
    assert_eq!(budget(&world).await.reserved, 10);
}

#[tokio::test]
async fn other_days_types_and_entities_about_nobody_are_none_of_its_business() {
    let world = World::new(&[
        rule(&json!({ "valid_from": "2026-11-23", "valid_until": "2026-11-24" })),
        rule(&json!({ "id": "run", "entity_type": "Run" })),
    ]);
    world.write(&Activity { started: Some("2026-11-22T14:59:59Z"), ..Activity::new("a", 1) }).await;
    world.write(&Activity { subject: None, ..Activity::new("b", 1) }).await;
    assert!(outcomes(&world, 1).await.is_empty());
    assert!(world.rewards.grants(&tenant(), None, 9).await.unwrap().is_empty());
    world.write(&Activity { started: Some("2026-11-22T15:00:00Z"), ..Activity::new("c", 1) }).await;
    assert_eq!(outcomes(&world, 1).await, [(10, State::Reserved, None)]);
}

#[tokio::test]
async fn a_new_version_of_a_rule_shares_budget_and_cap_with_the_old_one() {
    let old = rule(&json!({ "valid_until": "2026-11-23", "budget": 30 }));
    let world = World::new(std::slice::from_ref(&old));
    world
        .write(&Activity {
            started: Some("2026-11-22T01:00:00Z"),
            ended: None,
            ..Activity::new("a", 1)
        })
        .await;
    let new = rule(
        &json!({ "version": 2, "valid_from": "2026-11-23", "amount": 15, "per_person_per_day": 15, "budget": 30 }),
    );
    let rewards = World::rewards(&world.store, &world.clock, &[old, new]);
    let world = World { rewards, ..world };
    for n in 0..3 {
        world.clock.advance(TimeDelta::seconds(1));
        world.write(&Activity::new(n, n + 1)).await;
    }
    assert_eq!(
        outcomes(&world, 1).await,
        [(15, State::Reserved, None), (10, State::Reserved, None)]
    );
    assert_eq!(outcomes(&world, 2).await, [(0, State::Rejected, Some(Reason::Budget))]);
    let rules = world.rewards.rules(&tenant()).await.unwrap();
    assert!(rules.iter().all(|status| status.budget.remaining == 5));
}

#[tokio::test]
async fn neither_staff_nor_issuer_learn_the_tsuno_id() {
    let world = World::new(&[rule(&json!({}))]);
    world.write(&Activity::new("a", 1)).await;
    world.settle().await;
    let id = person(1).to_string();
    let staff =
        serde_json::to_string(&world.rewards.grants(&tenant(), None, 9).await.unwrap()).unwrap();
    let account = world.rewards.account_of(person(1));
    assert!(!staff.contains(&id) && staff.contains(&account));
    assert_ne!(account, id);
    assert_eq!(world.issuer.statement()[0].account, account);
    assert!(world.clock.micros() > 0);
}

#[tokio::test]
async fn staff_page_through_the_decisions() {
    let world = World::new(&[rule(&json!({}))]);
    for n in 0..7 {
        world.clock.advance(TimeDelta::seconds(1));
        world.write(&Activity::new(n, n)).await;
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = world.rewards.grants(&tenant(), before, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some((last.at, last.award));
        seen.extend(page.into_iter().map(|grant| grant.at));
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.is_sorted_by(|a, b| a > b));
}
