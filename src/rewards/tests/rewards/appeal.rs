//! A resident who got nothing asks the town; the town answers once, and grants where only a limit was in the way.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tsunagu_domain::{Clock, Problem, ProblemCode, TsunoId};
use tsunagu_rewards::{Answer, AwardUid, GrantView, Outcome, Reason, State};
use tsunagu_store::{Collection, Expect, Guard, Op, Store, WriteSet};

use crate::world::{Activity, World, person, rule, tenant};

async fn grants(world: &World, who: u8) -> Vec<GrantView> {
    world.rewards.coins_of(&tenant(), person(who)).await.unwrap().grants
}

async fn appeal(world: &World, who: TsunoId, uid: AwardUid, text: &str) -> Result<(), Problem> {
    world.clock.advance(TimeDelta::seconds(1));
    world.rewards.appeal(&tenant(), (who, uid), text, world.clock.micros(), &[]).await
}

async fn answer(world: &World, uid: AwardUid, outcome: Outcome, text: &str) -> Result<(), Problem> {
    world.clock.advance(TimeDelta::seconds(1));
    let (by, at) = ("staff:inoue".to_owned(), world.clock.micros());
    let answer = Answer { outcome, text: text.to_owned(), by, at };
    world.rewards.answer(&tenant(), uid, &answer, &[]).await
}

fn code(refused: Result<(), Problem>) -> ProblemCode {
    refused.unwrap_err().code
}

/// One that earned, and one that the same hour was in the way of.
async fn overlapping(change: &Value) -> (World, AwardUid, AwardUid) {
    let mut rule = rule(&json!({ "per_person_per_day": 100 }));
    rule.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let world = World::new(&[rule]);
    for id in ["a", "b"] {
        world.clock.advance(TimeDelta::seconds(1));
        world.write(&Activity::new(id, 1)).await;
    }
    let all = grants(&world, 1).await;
    assert_eq!((all[1].state, all[0].state), (State::Reserved, State::Rejected));
    let (earned, rejected) = (all[1].award, all[0].award);
    (world, earned, rejected)
}

#[tokio::test]
async fn what_a_limit_was_in_the_way_of_is_granted_and_arrives_once() {
    let (world, _, rejected) = overlapping(&json!({})).await;
    appeal(&world, person(1), rejected, " 別の散歩です ").await.unwrap();
    let waiting = world.rewards.appeals(&tenant(), 9).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!((waiting[0].award, waiting[0].grantable), (rejected, 10));
    assert_eq!(
        (waiting[0].text.as_str(), waiting[0].reason),
        ("別の散歩です", Some(Reason::Overlap))
    );
    let shown = serde_json::to_string(&waiting).unwrap();
    assert!(!shown.contains(&person(1).to_string()), "staff see the account alone: {shown}");
    assert!(!format!("{waiting:?}{:?}", grants(&world, 1).await).contains("散歩"));

    answer(&world, rejected, Outcome::Grant, "確かめました").await.unwrap();
    assert!(world.rewards.appeals(&tenant(), 9).await.unwrap().is_empty());
    let again = answer(&world, rejected, Outcome::Uphold, "やはり").await;
    assert_eq!(code(again), ProblemCode::Conflict);
    let all = grants(&world, 1).await;
    assert_eq!((all[0].state, all[0].amount, all[0].reason), (State::Reserved, 10, None));
    let said = all[0].appeal.clone().unwrap().answer.unwrap();
    assert_eq!((said.outcome, said.text.as_str()), (Outcome::Grant, "確かめました"));
    world.settle().await;
    assert_eq!((world.issuer.total(), grants(&world, 1).await[0].state), (20, State::Confirmed));
    let money = world.rewards.rules(&tenant()).await.unwrap()[0].budget;
    assert_eq!((money.reserved, money.issued, money.remaining), (0, 20, 980));
    let differences = world.rewards.reconcile(&tenant(), &world.issuer.statement()).await.unwrap();
    assert!(differences.is_empty(), "{differences:?}");
    let day = tsunagu_rewards::TimeZone::Tokyo.day(world.clock.micros());
    let day = world
        .rewards
        .reconcile_day(&tenant(), &*world.issuer, day, world.clock.micros())
        .await
        .unwrap();
    assert_eq!(day.found, 0, "{day:?}");
}

#[tokio::test]
async fn what_did_not_count_in_itself_can_be_explained_and_not_granted() {
    let world = World::new(&[rule(&json!({}))]);
    world.write(&Activity { steps: json!(100), ..Activity::new("few", 1) }).await;
    world.write(&Activity { method: "manual", ..Activity::new("typed", 2) }).await;
    for (who, reason) in [(1, Reason::NotMet), (2, Reason::SelfReported)] {
        let grant = &grants(&world, who).await[0];
        assert_eq!((grant.reason, grant.can_appeal), (Some(reason), true));
        appeal(&world, person(who), grant.award, "").await.unwrap();
        let waiting = &world.rewards.appeals(&tenant(), 1).await.unwrap()[0];
        assert_eq!((waiting.grantable, waiting.reason), (0, Some(reason)));
        let granted = answer(&world, grant.award, Outcome::Grant, "はい").await;
        assert_eq!(code(granted), ProblemCode::Conflict);
        answer(&world, grant.award, Outcome::Uphold, "足りません").await.unwrap();
        let told = &grants(&world, who).await[0];
        assert_eq!((told.state, told.amount, told.can_appeal), (State::Rejected, 0, false));
        assert_eq!(told.appeal.clone().unwrap().answer.unwrap().text, "足りません");
        let again = appeal(&world, person(who), grant.award, "もう一度").await;
        assert_eq!(code(again), ProblemCode::Conflict);
    }
    world.settle().await;
    assert_eq!(world.issuer.total(), 0);
}

#[tokio::test]
async fn only_ones_own_zero_is_appealed_once_with_a_text_that_can_be_kept() {
    let (world, earned, rejected) = overlapping(&json!({})).await;
    assert_eq!(code(appeal(&world, person(1), earned, "").await), ProblemCode::Conflict);
    let of_another = appeal(&world, person(2), rejected, "").await;
    assert_eq!(code(of_another), ProblemCode::ResourceNotFound);
    let unknown = "ab".repeat(32).parse().unwrap();
    assert_eq!(code(appeal(&world, person(1), unknown, "").await), ProblemCode::ResourceNotFound);
    let long = appeal(&world, person(1), rejected, &"あ".repeat(501)).await;
    assert_eq!(code(long), ProblemCode::InvalidRequest);
    let number = appeal(&world, person(1), rejected, "123456789018 です").await.unwrap_err();
    assert_eq!(number.code, ProblemCode::IndividualNumber);
    assert!(!format!("{number:?}").contains("1234"));
    let silent = answer(&world, rejected, Outcome::Uphold, "はい").await;
    assert_eq!(code(silent), ProblemCode::ResourceNotFound, "nobody appealed yet");
    appeal(&world, person(1), rejected, &"あ".repeat(500)).await.unwrap();
    assert_eq!(code(appeal(&world, person(1), rejected, "").await), ProblemCode::Conflict);
    let empty = answer(&world, rejected, Outcome::Uphold, " ").await;
    assert_eq!(code(empty), ProblemCode::InvalidRequest);
    assert_eq!(world.rewards.appealed_by(&tenant(), rejected).await.unwrap(), Some(person(1)));
}

#[tokio::test]
async fn a_period_has_its_coins_once_and_a_budget_is_kept_whoever_grants() {
    let (world, _, rejected) = overlapping(&json!({ "period": "day" })).await;
    appeal(&world, person(1), rejected, "").await.unwrap();
    let second = answer(&world, rejected, Outcome::Grant, "はい").await;
    assert_eq!(code(second), ProblemCode::Conflict);
    let (world, _, rejected) = overlapping(&json!({ "budget": 15 })).await;
    appeal(&world, person(1), rejected, "").await.unwrap();
    let beyond = answer(&world, rejected, Outcome::Grant, "はい").await;
    assert_eq!(code(beyond), ProblemCode::Conflict);
    // Nothing of the answer is left behind: it can still be upheld.
    answer(&world, rejected, Outcome::Uphold, "予算がありません").await.unwrap();
    world.settle().await;
    assert_eq!(world.issuer.total(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_answers_at_once_one_holds() {
    let (world, _, rejected) = overlapping(&json!({})).await;
    appeal(&world, person(1), rejected, "").await.unwrap();
    let answers = (0..8).map(|n| {
        let outcome = if n % 2 == 0 { Outcome::Grant } else { Outcome::Uphold };
        answer(&world, rejected, outcome, "はい")
    });
    let done = futures_util::future::join_all(answers).await;
    assert_eq!(done.iter().filter(|one| one.is_ok()).count(), 1, "{done:?}");
    let grant = grants(&world, 1).await.remove(0);
    let granted = grant.appeal.unwrap().answer.unwrap().outcome == Outcome::Grant;
    world.settle().await;
    assert_eq!(world.issuer.total(), if granted { 20 } else { 10 });
}

#[tokio::test]
async fn who_may_not_earn_gets_nothing_by_an_appeal_either() {
    fn unless_marked(id: TsunoId) -> Vec<Guard> {
        vec![Guard::Absent { collection: Collection("mark"), key: id.as_bytes().to_vec() }]
    }
    let (mut world, _, rejected) = overlapping(&json!({})).await;
    let rewards = Arc::into_inner(world.rewards).unwrap();
    world.rewards = Arc::new(rewards.only_for(unless_marked));
    appeal(&world, person(1), rejected, "").await.unwrap();
    let mark = Op::PutRecord {
        collection: Collection("mark"),
        key: person(1).as_bytes().to_vec(),
        value: Vec::new(),
        expect: Expect::Any,
    };
    world.store.commit(WriteSet::new(tenant()).with(mark)).await.unwrap();
    world.clock.advance(TimeDelta::seconds(1));
    world
        .write(&Activity::new("c", 1).during("2026-11-23T01:00:00Z", "2026-11-23T02:00:00Z"))
        .await;
    let barred = grants(&world, 1).await[0].clone();
    assert_eq!(barred.reason, Some(Reason::NotEligible));
    appeal(&world, person(1), barred.award, "").await.unwrap();
    for award in [rejected, barred.award] {
        let granted = answer(&world, award, Outcome::Grant, "はい").await;
        assert_eq!(code(granted), ProblemCode::Conflict);
    }
    world.settle().await;
    assert_eq!(world.issuer.total(), 10);
}

#[tokio::test]
async fn what_is_granted_takes_part_in_the_limits_of_later_activities() {
    let (world, _, rejected) = overlapping(&json!({ "per_person_per_day": 20 })).await;
    appeal(&world, person(1), rejected, "").await.unwrap();
    answer(&world, rejected, Outcome::Grant, "はい").await.unwrap();
    world.clock.advance(TimeDelta::seconds(1));
    world
        .write(&Activity::new("c", 1).during("2026-11-23T01:00:00Z", "2026-11-23T02:00:00Z"))
        .await;
    let later = &grants(&world, 1).await[0];
    assert_eq!((later.state, later.reason), (State::Rejected, Some(Reason::DayCap)));
}

/// A walk that the limit of the day was in the way of, and whatever the same person's other app sends of it.
async fn capped() -> (World, AwardUid) {
    let world = World::new(&[rule(&json!({ "per_person_per_day": 10 }))]);
    for (id, started, ended) in [
        ("a", "2026-11-22T23:00:00Z", "2026-11-23T00:00:00Z"),
        ("b", "2026-11-23T01:00:00Z", "2026-11-23T02:00:00Z"),
    ] {
        world.clock.advance(TimeDelta::seconds(1));
        world.write(&Activity::new(id, 1).during(started, ended)).await;
    }
    let rejected = grants(&world, 1).await[0].clone();
    assert_eq!(rejected.reason, Some(Reason::DayCap));
    appeal(&world, person(1), rejected.award, "").await.unwrap();
    (world, rejected.award)
}

#[tokio::test]
async fn minutes_that_were_granted_by_an_appeal_earn_nothing_when_another_app_sends_them() {
    let (mut world, rejected) = capped().await;
    answer(&world, rejected, Outcome::Grant, "はい").await.unwrap();
    world.settle().await;
    world.rewards =
        World::rewards(&world.store, &world.clock, &[rule(&json!({ "per_person_per_day": 100 }))]);
    world.clock.advance(TimeDelta::seconds(1));
    world
        .write(&Activity::new("again", 1).during("2026-11-23T01:30:00Z", "2026-11-23T02:30:00Z"))
        .await;
    assert_eq!(grants(&world, 1).await[0].reason, Some(Reason::Overlap));
    world.settle().await;
    assert_eq!(world.issuer.total(), 20);
}

#[tokio::test]
async fn minutes_that_earned_meanwhile_are_not_granted_again() {
    let (mut world, rejected) = capped().await;
    world.rewards =
        World::rewards(&world.store, &world.clock, &[rule(&json!({ "per_person_per_day": 100 }))]);
    world.clock.advance(TimeDelta::seconds(1));
    world
        .write(&Activity::new("again", 1).during("2026-11-23T01:30:00Z", "2026-11-23T02:30:00Z"))
        .await;
    assert_eq!(grants(&world, 1).await[0].state, State::Reserved);
    let waiting = world.rewards.appeals(&tenant(), 1).await.unwrap();
    assert_eq!(waiting[0].grantable, 0);
    let granted = answer(&world, rejected, Outcome::Grant, "はい").await;
    assert_eq!(code(granted), ProblemCode::Conflict);
    world.settle().await;
    assert_eq!(world.issuer.total(), 20);
}
