//! Candidate rules on the past: what would have been paid, and nothing written.

use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use serde_json::json;
use tsunagu_domain::{ProblemCode, TenantId};
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_rewards::{Activities, Progress, Rewards, Rules, SimulatedRule};
use tsunagu_store::StoreError;

use crate::world::{Activity, World, person, rule, tenant};

struct Past(Vec<EntityDoc>);

#[async_trait]
impl Activities for Past {
    async fn page(
        &self,
        _: &TenantId,
        entity_type: &str,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<EntityDoc>, StoreError> {
        let of = |doc: &&EntityDoc| doc.types().any(|iri| iri == entity_type);
        Ok(self.0.iter().filter(of).skip(offset).take(limit).cloned().collect())
    }
}

fn rules(all: &[serde_json::Value]) -> Rules {
    Rules::read(json!({ "v": 1, "rules": all }).to_string().as_bytes()).unwrap()
}

fn days(from: &str, to: &str) -> (chrono::NaiveDate, chrono::NaiveDate) {
    (from.parse().unwrap(), to.parse().unwrap())
}

fn over(world: &World, past: &[Activity]) -> Rewards {
    let past = Past(past.iter().map(Activity::doc).collect());
    let rewards = World::rewards(&world.store, &world.clock, &[rule(&json!({}))]);
    Arc::into_inner(rewards).unwrap().over(Arc::new(past))
}

#[tokio::test]
async fn candidate_rules_are_tried_on_the_past_and_nothing_is_written() {
    let world = World::new(&[rule(&json!({}))]);
    let mut past: Vec<Activity> = (1..=8).map(|who| Activity::new(who, who)).collect();
    past[1].steps = json!(9_000);
    past[2].steps = json!(100);
    past[3].method = "manual";
    past.push(Activity::new("overlapping", 1));
    past.push(
        Activity { steps: json!(2_500), ..Activity::new("later", 1) }
            .during("2026-11-23T01:00:00Z", "2026-11-23T01:10:00Z"),
    );
    past.push(
        Activity::new("another day", 9).during("2026-11-20T01:00:00Z", "2026-11-20T02:00:00Z"),
    );
    let rewards = over(&world, &past);
    let candidate = |change| {
        let mut rule = rule(&json!({ "per_person_per_day": 100, "budget": 47 }));
        rule.as_object_mut().unwrap().extend(serde_json::Map::clone(change));
        rule
    };
    let ladder =
        json!({ "id": "ladder", "amount": "activity.steps >= 8000 ? 20 : 8", "max_amount": 20 });
    let other = json!({ "id": "other", "q": "steps>=100" });
    let candidates =
        rules(&[candidate(ladder.as_object().unwrap()), candidate(other.as_object().unwrap())]);
    let on = days("2026-11-23", "2026-11-24");
    let (found, people) = rewards.simulate(&tenant(), &candidates, on).await.unwrap();
    assert_eq!((found.activities, found.persons), (10, 8));
    assert_eq!(people, (1..=8).map(person).collect::<Vec<_>>());
    let one = |name: &str| found.rules.iter().find(|rule| rule.rule == name).cloned().unwrap();
    let ladder = one("ladder");
    // 8, 20 and 8 fit into the budget of 47; of those after them, 8 more do.
    assert_eq!((ladder.grants, ladder.coins, ladder.persons), (4, 44, 4));
    assert_eq!((ladder.most_of_one_person, ladder.budget), (20, 47));
    let refused = json!({ "budget": 2, "not-met": 2, "overlap": 1, "self-reported": 1 });
    assert_eq!(json!(ladder.refused), refused);
    assert_eq!(one("other").coins, 40);
    // The real rules, limits and residents know nothing of it.
    assert!(world.rewards.grants(&tenant(), None, 9).await.unwrap().is_empty());
    assert!(world.rewards.coins_of(&tenant(), person(1)).await.unwrap().grants.is_empty());
    let text = serde_json::to_string(&found).unwrap();
    assert!((1..=9).all(|who| !text.contains(&person(who).to_string())));
}

#[tokio::test]
async fn it_comes_to_what_the_rules_then_do() {
    let world = World::new(&[rule(&json!({ "budget": 55 }))]);
    let past = || (0..30).map(|n| Activity::new(n, n % 7 + 1));
    for activity in past() {
        world.write(&activity).await;
    }
    let rewards = over(&world, &past().collect::<Vec<_>>());
    let all = days("2026-01-01", "2027-01-01");
    let candidates = rules(&[rule(&json!({ "budget": 55 }))]);
    let told = Mutex::new(Vec::new());
    let tell = |progress| told.lock().unwrap().push(progress);
    let (found, _) = rewards.simulate_telling(&tenant(), &candidates, all, &tell).await.unwrap();
    let end = Progress::Decided { done: 30, of: 30 };
    assert_eq!(told.into_inner().unwrap(), [Progress::Read(30), end]);
    let SimulatedRule { coins, .. } = found.rules[0];
    assert_eq!(coins, world.rewards.rules(&tenant()).await.unwrap()[0].budget.reserved);
}

#[tokio::test]
async fn where_activities_cannot_be_read_there_is_no_simulation() {
    let world = World::new(&[rule(&json!({}))]);
    let on = days("2026-11-23", "2026-11-24");
    let refused = world.rewards.simulate(&tenant(), &rules(&[]), on).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::InternalError);
}

#[tokio::test]
async fn one_simulation_runs_at_a_time_and_lets_others_go_on_meanwhile() {
    let world = World::new(&[rule(&json!({}))]);
    let past: Vec<Activity> = (0..150).map(|n| Activity::new(n, n % 7 + 1)).collect();
    let rewards = over(&world, &past);
    let (candidates, tenant) = (rules(&[rule(&json!({}))]), tenant());
    let simulate = || rewards.simulate(&tenant, &candidates, days("2026-11-01", "2026-12-01"));
    let (mut first, mut second) = (Box::pin(simulate()), Box::pin(simulate()));
    // The first one gives way before it is done, and the second is told at once.
    assert!(futures_util::poll!(&mut first).is_pending());
    let Poll::Ready(refused) = futures_util::poll!(&mut second) else { panic!("it waits") };
    assert_eq!(refused.unwrap_err().code, ProblemCode::TooManyRequests);
    assert_eq!(first.await.unwrap().0.activities, 150);
    assert!(simulate().await.is_ok());
    // Who gives up does not stand in the way.
    let mut given_up = Box::pin(simulate());
    assert!(futures_util::poll!(&mut given_up).is_pending());
    drop(given_up);
    assert!(simulate().await.is_ok());
}
