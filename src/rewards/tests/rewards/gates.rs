//! What keeps coins from being had without having walked for them, and what limits them: decided in the transaction, whoever races.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tsunagu_domain::{Clock, Level};
use tsunagu_rewards::{Reason, State};

use crate::world::{Activity, World, person, rule, tenant};

type Outcome = (i64, State, Option<Reason>);

const EARNS: Outcome = (10, State::Reserved, None);

fn none(reason: Reason) -> Outcome {
    (0, State::Rejected, Some(reason))
}

/// Writes activities one after another and tells what became of each.
async fn written(world: &World, all: impl IntoIterator<Item = Activity>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for activity in all {
        world.clock.advance(TimeDelta::seconds(1));
        world.write(&activity).await;
        let subject = activity.subject.unwrap();
        let grants = world.rewards.coins_of(&tenant(), subject).await.unwrap().grants;
        let grant = &grants[0];
        assert_eq!(grant.activity, activity.id);
        outcomes.push((grant.amount, grant.state, grant.reason));
    }
    outcomes
}

/// A rule without limits that matter, with changes.
fn free(change: &Value) -> Value {
    let mut rule = rule(&json!({ "per_person_per_day": 1000, "budget": 100_000 }));
    rule.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    rule
}

fn hour(id: &str, from: &'static str, to: &'static str) -> Activity {
    Activity::new(id, 1).during(from, to)
}

#[tokio::test]
async fn t91_the_same_time_counts_once_for_a_person() {
    let world = World::new(&[free(&json!({}))]);
    let outcomes = written(
        &world,
        [
            hour("a", "2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"),
            hour("b", "2026-11-20T10:59:00Z", "2026-11-20T11:30:00Z"),
            hour("inside", "2026-11-20T10:10:00Z", "2026-11-20T10:40:00Z"),
            hour("around", "2026-11-20T09:00:00Z", "2026-11-20T12:00:00Z"),
            hour("next", "2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z"),
            hour("before", "2026-11-20T09:00:30Z", "2026-11-20T10:00:30Z"),
            // Over midnight in Tokyo, and into what follows it.
            hour("night", "2026-11-20T14:30:00Z", "2026-11-20T15:30:00Z"),
            hour("after midnight", "2026-11-20T15:29:00Z", "2026-11-20T16:30:00Z"),
            Activity {
                ended: None,
                ..hour("point", "2026-11-20T10:30:00Z", "2026-11-20T11:00:00Z")
            },
            Activity {
                subject: Some(person(2)),
                ..hour("other", "2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z")
            },
        ],
    )
    .await;
    let overlap = none(Reason::Overlap);
    assert_eq!(
        outcomes,
        [EARNS, overlap, overlap, overlap, EARNS, EARNS, EARNS, overlap, overlap, EARNS]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t91_of_many_records_of_one_hour_at_once_one_counts() {
    let world = Arc::new(World::new(&[free(&json!({}))]));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..100 {
        let world = Arc::clone(&world);
        tasks.spawn(async move { world.write(&Activity::new(n, 1)).await });
    }
    tasks.join_all().await;
    let coins = world.rewards.coins_of(&tenant(), person(1)).await.unwrap();
    assert_eq!(coins.pending, 10);
    let overlaps = coins.grants.iter().filter(|grant| grant.reason == Some(Reason::Overlap));
    assert_eq!(overlaps.count(), 99);
}

#[tokio::test]
async fn t91_a_device_counts_for_a_family_and_not_for_a_village() {
    let world = World::new(&[free(&json!({ "residents_per_device": 2 }))]);
    let with = |id: &str, who, day: bool| {
        let (from, to) = if day {
            ("2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z")
        } else {
            ("2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z")
        };
        Activity { device: Some("pedometer-4711"), ..Activity::new(id, who).during(from, to) }
    };
    let all = (1..=20).map(|who| with(&format!("{who}"), who, true));
    let outcomes = written(&world, all).await;
    assert_eq!(outcomes[..2], [EARNS, EARNS]);
    assert!(outcomes[2..].iter().all(|outcome| *outcome == none(Reason::SharedDevice)));
    // Another day, the same two people on the same day, and no device told.
    let later = Activity::new("later", 1).during("2026-11-20T12:00:00Z", "2026-11-20T13:00:00Z");
    let later = Activity { device: Some("pedometer-4711"), ..later };
    let outcomes = written(&world, [with("x", 9, false), later, Activity::new("none", 15)]).await;
    assert_eq!(outcomes, [EARNS; 3]);
    assert!(!format!("{:?}", world.store).contains("pedometer"), "the device's name is not kept");
}

#[tokio::test]
async fn t91_the_steps_of_a_day_add_up_to_no_more_than_a_day_holds() {
    let world = World::new(&[free(&json!({}))]);
    let many = |id, from, to, steps: i64| Activity { steps: json!(steps), ..hour(id, from, to) };
    let outcomes = written(
        &world,
        [
            many("a", "2026-11-20T00:00:00Z", "2026-11-20T04:00:00Z", 60_000),
            many("b", "2026-11-20T04:00:00Z", "2026-11-20T08:00:00Z", 40_001),
            many("c", "2026-11-20T08:00:00Z", "2026-11-20T12:00:00Z", 40_000),
            many("d", "2026-11-20T12:00:00Z", "2026-11-20T14:00:00Z", 5_000),
            many("e", "2026-11-20T15:00:00Z", "2026-11-20T16:00:00Z", 5_000),
        ],
    )
    .await;
    let implausible = none(Reason::ImplausibleDay);
    assert_eq!(outcomes, [EARNS, implausible, EARNS, implausible, EARNS]);
}

#[tokio::test]
async fn t94_a_month_and_a_person_have_limits_and_the_month_ends_in_tokyo() {
    let world = World::new(&[free(&json!({ "per_person_per_month": 20, "per_person": 35 }))]);
    let outcomes = written(
        &world,
        [
            hour("1", "2026-10-31T14:00:00Z", "2026-10-31T14:59:00Z"),
            hour("2", "2026-10-31T15:00:00Z", "2026-10-31T16:00:00Z"),
            hour("3", "2026-11-05T10:00:00Z", "2026-11-05T11:00:00Z"),
            hour("4", "2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z"),
            hour("5", "2026-10-30T10:00:00Z", "2026-10-30T11:00:00Z"),
        ],
    )
    .await;
    assert_eq!(outcomes, [EARNS, EARNS, EARNS, none(Reason::MonthCap), none(Reason::PersonCap)]);
}

#[tokio::test]
async fn a_rule_can_grant_once_in_a_day_a_month_or_for_ever() {
    let days = [
        ("a", "2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"),
        ("b", "2026-11-20T12:00:00Z", "2026-11-20T13:00:00Z"),
        ("c", "2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z"),
        ("d", "2026-10-31T12:00:00Z", "2026-10-31T13:00:00Z"),
    ];
    let no = none(Reason::AlreadyEarned);
    for (period, expected) in [
        ("activity", [EARNS; 4]),
        ("day", [EARNS, no, EARNS, EARNS]),
        ("month", [EARNS, no, no, EARNS]),
        ("once", [EARNS, no, no, no]),
    ] {
        let world = World::new(&[free(&json!({ "period": period }))]);
        let all = days.map(|(id, from, to)| hour(id, from, to));
        assert_eq!(written(&world, all).await, expected, "{period}");
        world.settle().await;
        let due = expected.iter().filter(|outcome| **outcome == EARNS).count();
        assert_eq!(world.issuer.grants.lock().unwrap().len(), due, "{period}");
        let differences = world.rewards.reconcile(&tenant(), &world.issuer.statement()).await;
        assert!(differences.unwrap().is_empty());
    }
}

/// After a restore another activity of the day comes first. The issuer knows the day's grant by the same key.
#[tokio::test]
async fn the_grant_of_a_period_is_not_issued_again_for_another_activity_of_it() {
    let world = World::new(&[free(&json!({ "period": "day" }))]);
    let backup = world.store.backup();
    let first = || hour("a", "2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z");
    let other = || hour("b", "2026-11-20T12:00:00Z", "2026-11-20T13:00:00Z");
    assert_eq!(written(&world, [first(), other()]).await[0], EARNS);
    world.settle().await;
    world.store.restore(&backup);
    assert_eq!(written(&world, [other(), first()]).await[0], EARNS);
    world.settle().await;
    assert_eq!(world.issuer.total(), 10);
    assert_eq!(world.rewards.coins_of(&tenant(), person(1)).await.unwrap().balance, 10);
    let differences = world.rewards.reconcile(&tenant(), &world.issuer.statement()).await;
    assert!(differences.unwrap().is_empty());
}

#[tokio::test]
async fn condition_and_amount_are_expressions() {
    let world = World::new(&[json!({
        "id": "ladder", "version": 1, "entity_type": "HealthActivity",
        "condition": "activity.steps >= 5000 && minutes >= 30 && day >= '2026-11-01'",
        "amount": "activity.steps >= 8000 ? activity.steps / 800 : 5", "max_amount": 12,
        "per_person_per_day": 1000, "budget": 1000, "valid_from": "2026-04-01", "valid_until": "2027-04-01",
        "tz": "Asia/Tokyo", "label": { "ja": "歩く", "en": "Walk" }
    })]);
    let of = |id, from, to, steps: i64| Activity { steps: json!(steps), ..hour(id, from, to) };
    let reserved = |amount| (amount, State::Reserved, None);
    let outcomes = written(
        &world,
        [
            of("4999", "2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z", 4999),
            of("5000", "2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z", 5000),
            of("8000", "2026-11-20T12:00:00Z", "2026-11-20T13:00:00Z", 8000),
            of("most", "2026-11-20T13:00:00Z", "2026-11-20T14:00:00Z", 14_000),
            of("short", "2026-11-20T14:00:00Z", "2026-11-20T14:29:59Z", 6000),
            of("early", "2026-10-30T14:00:00Z", "2026-10-30T15:00:00Z", 6000),
        ],
    )
    .await;
    let not = none(Reason::NotMet);
    assert_eq!(outcomes, [not, reserved(5), reserved(10), reserved(12), not, not]);
}

#[tokio::test]
async fn what_an_expression_cannot_tell_earns_nothing() {
    for (condition, amount) in [
        ("activity.distance > 1000", json!(10)),
        ("activity.steps", json!(10)),
        ("activity.steps / 0 > 1", json!(10)),
        ("true", json!("activity.distance")),
        ("true", json!("'ten'")),
        ("true", json!("0 - 5")),
    ] {
        let mut rule = free(&json!({ "condition": condition, "amount": amount }));
        rule.as_object_mut().unwrap().remove("q");
        if amount.is_string() {
            rule["max_amount"] = json!(10);
        }
        let world = World::new(&[rule]);
        let outcomes = written(&world, [Activity::new("a", 1)]).await;
        assert_eq!(outcomes, [none(Reason::NotMet)], "{condition}");
    }
}

#[tokio::test]
async fn what_is_corrected_before_it_is_sent_is_taken_back_and_later_it_stays() {
    let world = World::new(&[free(&json!({}))]);
    let (enough, few) =
        (Activity::new("a", 1).doc(), Activity { steps: json!(10), ..Activity::new("a", 1) }.doc());
    let standing = async || {
        let grant = world.rewards.coins_of(&tenant(), person(1)).await.unwrap().grants.remove(0);
        (grant.state, grant.reason)
    };
    // Corrected, and corrected again: it is enough after all.
    world.change(None, Some(&enough), Some("c")).await;
    world.change(Some(&enough), Some(&few), Some("c")).await;
    world.change(Some(&few), Some(&enough), Some("c")).await;
    world.settle().await;
    assert_eq!(standing().await, (State::Confirmed, None));
    // Sent, it is earned: neither a correction nor a deletion takes it back.
    world.change(Some(&enough), Some(&few), Some("c")).await;
    world.change(Some(&few), None, Some("c")).await;
    world.settle().await;
    assert_eq!((standing().await, world.issuer.total()), ((State::Confirmed, None), 10));

    let world = World::new(&[free(&json!({}))]);
    world.change(None, Some(&enough), Some("c")).await;
    world.change(Some(&enough), Some(&few), Some("c")).await;
    let report = world.plain_deliverer().run_once(world.clock.micros()).await.unwrap();
    assert_eq!((report.voided, report.confirmed, world.issuer.total()), (1, 0, 0));
    let grant = world.rewards.coins_of(&tenant(), person(1)).await.unwrap();
    assert_eq!((grant.pending, grant.grants[0].state), (0, State::Reversed));
    assert_eq!(grant.grants[0].reason, Some(Reason::Corrected));
    let money = world.rewards.rules(&tenant()).await.unwrap()[0].budget;
    assert_eq!((money.reserved, money.remaining), (0, money.total));
    world.settle().await;

    // Deleting says nothing against what was true.
    let world = World::new(&[free(&json!({}))]);
    world.change(None, Some(&enough), Some("c")).await;
    world.change(Some(&enough), None, Some("c")).await;
    world.settle().await;
    assert_eq!(world.issuer.total(), 10);
}

#[tokio::test]
async fn an_activity_that_is_enough_again_keeps_its_coins_on_whichever_day_it_is_now() {
    let enough = Activity::new("a", 1).doc();
    let elsewhen =
        Activity::new("a", 1).during("2026-11-20T01:00:00Z", "2026-11-20T02:00:00Z").doc();
    let few = Activity { steps: json!(10), ..Activity::new("a", 1) }.doc();
    let wrong = Activity { steps: json!(-1), ..Activity::new("a", 1) }.doc();
    for (corrections, coins) in [
        (vec![&few, &elsewhen], 10),
        (vec![&wrong, &enough], 10),
        (vec![&wrong, &few, &elsewhen], 10),
        (vec![&few, &wrong, &elsewhen], 10),
        (vec![&elsewhen, &few], 0),
        (vec![&few, &wrong], 0),
        (vec![&few, &elsewhen, &few], 0),
    ] {
        let world = World::new(&[free(&json!({}))]);
        world.change(None, Some(&enough), Some("c")).await;
        let mut before = &enough;
        for after in &corrections {
            world.change(Some(before), Some(after), Some("c")).await;
            before = after;
        }
        world.settle().await;
        assert_eq!(world.issuer.total(), coins, "{} corrections", corrections.len());
        let money = world.rewards.rules(&tenant()).await.unwrap()[0].budget;
        assert_eq!((money.reserved, money.issued), (0, coins));
    }
}

#[tokio::test]
async fn a_rule_for_sure_logins_pays_after_no_other() {
    let world = World::new(&[
        free(&json!({ "assurance": "high" })),
        free(&json!({ "id": "anybody", "version": 2 })),
    ]);
    let outcome = async |id: &str, login: Option<Level>, consent: Option<&str>| {
        let doc = Activity::new(id, 1).doc();
        world.clock.advance(TimeDelta::seconds(1));
        world.change_after(login, None, Some(&doc), consent).await;
        let grants = world.rewards.coins_of(&tenant(), person(1)).await.unwrap().grants;
        let of = |rule: &str| {
            let found =
                grants.iter().find(|grant| grant.rule == rule && grant.activity == doc.id());
            found.map(|grant| (grant.amount, grant.state, grant.reason)).unwrap()
        };
        (of("walk"), of("anybody"))
    };
    let weak = none(Reason::LowAssurance);
    let overlap = none(Reason::Overlap);
    let consent = Some("consent-1");
    assert_eq!(outcome("a", Some(Level::Substantial), consent).await, (weak, EARNS));
    assert_eq!(outcome("b", Some(Level::Low), consent).await, (weak, overlap));
    assert_eq!(outcome("c", None, consent).await, (weak, overlap));
    // Whoever writes without a consent is told that first.
    let unasked = none(Reason::NoConsent);
    assert_eq!(outcome("d", Some(Level::High), None).await, (unasked, unasked));
    assert_eq!(outcome("e", Some(Level::High), consent).await, (EARNS, overlap));
    // What was decided stays decided, however sure a later login is.
    let doc = Activity::new("a", 1).doc();
    world.change_after(Some(Level::High), None, Some(&doc), consent).await;
    let grants = world.rewards.coins_of(&tenant(), person(1)).await.unwrap().grants;
    let first = grants.iter().find(|grant| grant.rule == "walk" && grant.activity == doc.id());
    assert_eq!(first.unwrap().reason, Some(Reason::LowAssurance));
    let told = Reason::LowAssurance.text();
    assert!(
        told.ja.contains("マイナンバーカード") && told.en.contains("connect the service again")
    );
    // Too little is too little, whoever logged in.
    let few = Activity { steps: json!(10), ..Activity::new("f", 1) }.doc();
    world.clock.advance(TimeDelta::seconds(1));
    world.change_after(Some(Level::Low), None, Some(&few), consent).await;
    let grants = world.rewards.coins_of(&tenant(), person(1)).await.unwrap().grants;
    let of_few = grants.iter().filter(|grant| grant.activity == few.id());
    assert!(of_few.map(|grant| grant.reason).all(|reason| reason == Some(Reason::NotMet)));
}
