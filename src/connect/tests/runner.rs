//! The runner with a source that follows a script and a platform that answers as told.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta};
use tokio::sync::Notify;
use tsunagu_connect::testkit::Kit;
use tsunagu_connect::{
    Batch, Caps, ConnectError, Connectors, Cursor, Direction, Foundations, Ground, Item, Manifest,
    Platform, Replay, RowReport, RunReport, Runner, Source, UpsertOutcome, runs,
};
use tsunagu_domain::{ManualClock, Problem, ProblemCode, SeededIds, TenantId, Text};
use tsunagu_ngsi_ld::{Entity, Instance};
use tsunagu_store::testing::MemoryStore;

/// Gives a list of (id, value), two at a time; the cursor is how many were given.
struct Script {
    things: Arc<Mutex<Vec<(u32, u32)>>>,
    down: Arc<Mutex<bool>>,
    polled: Arc<Notify>,
}

#[async_trait]
impl Source for Script {
    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Batch, ConnectError> {
        self.polled.notify_one();
        if *self.down.lock().unwrap() {
            return Err(ConnectError::Unavailable("the script is away".to_owned()));
        }
        let from: usize = cursor.map_or(0, |cursor| cursor.0.parse().unwrap());
        let things = self.things.lock().unwrap();
        let part: Vec<_> = things.iter().skip(from).take(2).copied().collect();
        let item = |(at, (id, value)): (usize, &(u32, u32))| {
            let mut entity = Entity::new(format!("urn:x:{id}"), "https://x/Thing", 0);
            entity.set("https://x/value", Instance::property(value, 0).unwrap());
            Item::entity(entity, "script", (from + at + 1) as u64)
        };
        Ok(Batch {
            items: part.iter().enumerate().map(item).collect(),
            report: RowReport::default(),
            cursor: Cursor((from + part.len()).to_string()),
            more: from + part.len() < things.len(),
        })
    }

    async fn acknowledge(&mut self, _cursor: &Cursor) -> Result<(), ConnectError> {
        Ok(())
    }
}

/// Answers in order from a list, then with success; keeps the ids it was given.
#[derive(Default)]
struct Desk {
    answers: Mutex<VecDeque<ProblemCode>>,
    given: Mutex<Vec<String>>,
    /// After so many more entities, this is answered.
    after: Mutex<Option<(usize, ProblemCode)>>,
    /// What each entity says now.
    says: Mutex<BTreeMap<String, String>>,
}

#[async_trait]
impl Platform for Desk {
    async fn upsert(
        &self,
        _connector: &str,
        entities: Vec<Entity>,
    ) -> Vec<Result<UpsertOutcome, Problem>> {
        let answer = |entity: &Entity| {
            if let Some(code) = self.answers.lock().unwrap().pop_front() {
                return Err(Problem::new(code, "as told"));
            }
            if let Some((left, code)) = &mut *self.after.lock().unwrap() {
                if *left == 0 {
                    return Err(Problem::new(*code, "as told"));
                }
                *left -= 1;
            }
            let value = entity.attributes[0].instances[0].value.get().to_owned();
            self.says.lock().unwrap().insert(entity.id.clone(), value);
            self.given.lock().unwrap().push(entity.id.clone());
            Ok(UpsertOutcome::Created)
        };
        entities.iter().map(answer).collect()
    }

    async fn subscribe(
        &self,
        _connector: &str,
        _subscription: Option<&serde_json::Value>,
    ) -> Result<(), Problem> {
        Err(Problem::new(ProblemCode::OperationNotSupported, "this platform has no subscriptions"))
    }
}

struct World {
    store: Arc<MemoryStore>,
    desk: Arc<Desk>,
    clock: Arc<ManualClock>,
    things: Arc<Mutex<Vec<(u32, u32)>>>,
    down: Arc<Mutex<bool>>,
    polled: Arc<Notify>,
}

fn tenant() -> TenantId {
    "tsuno".parse().unwrap()
}

impl World {
    fn new(things: &[(u32, u32)]) -> Self {
        Self {
            store: Arc::default(),
            desk: Arc::default(),
            clock: Arc::new(ManualClock::at(DateTime::from_timestamp(1_790_000_000, 0).unwrap())),
            things: Arc::new(Mutex::new(things.to_vec())),
            down: Arc::default(),
            polled: Arc::default(),
        }
    }

    fn ground(&self, gateway: &str) -> Ground {
        Ground {
            store: Arc::<MemoryStore>::clone(&self.store),
            platform: Arc::<Desk>::clone(&self.desk),
            clock: Arc::<ManualClock>::clone(&self.clock),
            ids: Arc::new(SeededIds::new(1)),
            tenant: tenant(),
            gateway: gateway.to_owned(),
        }
    }

    fn runner_of(&self, gateway: &str) -> Runner {
        let source = Script {
            things: Arc::clone(&self.things),
            down: Arc::clone(&self.down),
            polled: Arc::clone(&self.polled),
        };
        Runner::new(self.ground(gateway), "script", Box::new(source), None, Caps::default())
    }

    fn runner(&self) -> Runner {
        self.runner_of("gateway-1")
    }

    fn connectors(&self) -> Connectors {
        Connectors::new(
            Foundations {
                ground: self.ground("gateway-1"),
                host: Kit::default().host(),
                kinds: Vec::new(),
                fixed: Vec::new(),
                settings: Box::new(|| Ok(Vec::new())),
            },
            vec![Manifest {
                name: "script".to_owned(),
                kind: "script".to_owned(),
                title: Text { ja: "台本".to_owned(), en: "Script".to_owned() },
                direction: Direction::Inbound,
                entity_types: Vec::new(),
            }],
        )
    }

    async fn runs(&self) -> Vec<RunReport> {
        runs(&*self.store, &tenant(), "script", 50).await.unwrap()
    }
}

#[tokio::test]
async fn what_the_platform_refuses_is_told_and_the_rest_goes_on() {
    let world = World::new(&[(1, 1), (2, 1), (3, 1)]);
    world.desk.answers.lock().unwrap().push_back(ProblemCode::BadRequestData);
    let report = world.runner().run_once().await.unwrap().unwrap();
    assert_eq!((report.created, report.rows.accepted, report.rows.refused_count), (2, 2, 1));
    assert_eq!(
        (report.rows.refused[0].line, report.rows.refused[0].rule.as_str()),
        (1, "platform")
    );
    assert_eq!(*world.desk.given.lock().unwrap(), ["urn:x:2", "urn:x:3"]);
    // What was refused is not remembered as taken: it is offered again when the source gives it again.
    world.things.lock().unwrap().extend([(1, 1), (2, 1), (3, 2)]);
    let report = world.runner().run_once().await.unwrap().unwrap();
    assert_eq!((report.created, report.unchanged), (2, 1));
    assert_eq!(world.desk.given.lock().unwrap()[2..], ["urn:x:1", "urn:x:3"]);
}

#[tokio::test]
async fn a_platform_that_cannot_now_is_asked_again_from_the_same_place() {
    for code in [ProblemCode::Unavailable, ProblemCode::InternalError, ProblemCode::TooManyRequests]
    {
        let world = World::new(&[(1, 1), (2, 1), (3, 1), (4, 1)]);
        let mut runner = world.runner();
        world.desk.answers.lock().unwrap().extend([code, code]);
        assert!(runner.run_once().await.is_err());
        assert!(world.desk.given.lock().unwrap().is_empty());
        world.clock.advance(TimeDelta::seconds(1));
        let report = runner.run_once().await.unwrap().unwrap();
        assert_eq!((report.created, report.rows.refused_count, report.error), (4, 0, None));
        assert_eq!(world.desk.given.lock().unwrap().len(), 4);
    }
}

#[tokio::test]
async fn a_failure_that_repeats_is_one_run_that_lasts() {
    let world = World::new(&[]);
    *world.down.lock().unwrap() = true;
    let mut runner = world.runner();
    for _ in 0..100 {
        assert!(runner.run_once().await.is_err());
        world.clock.advance(TimeDelta::minutes(1));
    }
    let runs = world.runs().await;
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].finished - runs[0].started, 99 * 60 * 1_000_000);
    assert_eq!(runs[0].error.as_deref(), Some("not available: the script is away"));
}

#[tokio::test]
async fn only_the_latest_runs_are_kept() {
    let world = World::new(&[]);
    let mut runner = world.runner();
    for n in 0..60 {
        world.clock.advance(TimeDelta::minutes(1));
        world.things.lock().unwrap().push((n, 1));
        runner.run_once().await.unwrap().unwrap();
    }
    let runs = world.runs().await;
    assert_eq!(runs.len(), 50);
    assert!(runs.is_sorted_by(|a, b| a.started > b.started));
}

#[tokio::test]
async fn one_gateway_at_a_time_runs_a_connector() {
    let world = World::new(&[(1, 1), (2, 1), (3, 1)]);
    let (mut first, mut second) = (world.runner_of("gateway-1"), world.runner_of("gateway-2"));
    assert!(first.run_once().await.unwrap().is_some());
    world.things.lock().unwrap().push((4, 1));
    assert!(second.run_once().await.unwrap().is_none(), "the first one has it");
    assert_eq!(world.desk.given.lock().unwrap().len(), 3);
    // The first one was killed: its lease ends.
    world.clock.advance(TimeDelta::minutes(2));
    let report = second.run_once().await.unwrap().unwrap();
    assert_eq!((report.created, report.unchanged), (1, 0));
    world.things.lock().unwrap().push((5, 1));
    assert!(first.run_once().await.unwrap().is_none(), "it comes back and finds it taken");
}

#[tokio::test]
async fn what_was_refused_is_kept_and_tried_again_when_asked() {
    let world = World::new(&[(1, 1), (2, 1), (3, 1)]);
    world.desk.answers.lock().unwrap().extend([ProblemCode::BadRequestData; 2]);
    let mut runner = world.runner();
    runner.run_once().await.unwrap().unwrap();
    let connectors = world.connectors();
    let waiting = || async {
        let page = connectors.dead_letters(&tenant(), "script", None, 10).await.unwrap().unwrap();
        page.dead_letters
    };
    let dead = waiting().await;
    assert_eq!(dead.len(), 2);
    assert!(dead.iter().all(|letter| letter.tries == 1 && letter.refusals[0].rule == "platform"));
    // Entity 1 is overtaken by something later; entity 2 is refused once more, and then taken.
    world.clock.advance(TimeDelta::seconds(1));
    world.things.lock().unwrap().push((1, 2));
    runner.run_once().await.unwrap().unwrap();
    world.desk.answers.lock().unwrap().push_back(ProblemCode::BadRequestData);
    for left in [1, 0] {
        Replay::All.ask(&*world.store, &tenant(), "script").await.unwrap();
        world.clock.advance(TimeDelta::seconds(1));
        runner.run_once().await.unwrap();
        let dead = waiting().await;
        assert_eq!(dead.len(), left);
        assert!(dead.iter().all(|letter| letter.tries == 2));
    }
    assert_eq!(*world.desk.given.lock().unwrap(), ["urn:x:3", "urn:x:1", "urn:x:2"]);
    assert_eq!(connectors.dead_letters(&tenant(), "other", None, 10).await.unwrap(), None);
}

#[tokio::test]
async fn a_dead_letter_is_forgotten_when_dismissed_or_a_month_old() {
    let world = World::new(&[(1, 1), (2, 1)]);
    world.desk.answers.lock().unwrap().extend([ProblemCode::BadRequestData; 2]);
    world.runner().run_once().await.unwrap().unwrap();
    let connectors = world.connectors();
    let page = connectors.dead_letters(&tenant(), "script", None, 1).await.unwrap().unwrap();
    let id = page.after.unwrap();
    assert_eq!(page.dead_letters[0].id, id);
    assert!(connectors.dismiss(&tenant(), "script", &id).await.unwrap());
    for none in [&id, &"0".repeat(64), "no id"] {
        assert!(!connectors.dismiss(&tenant(), "script", none).await.unwrap());
    }
    world.clock.advance(TimeDelta::days(31));
    world.things.lock().unwrap().push((3, 1));
    world.runner().run_once().await.unwrap().unwrap();
    let page = connectors.dead_letters(&tenant(), "script", None, 10).await.unwrap().unwrap();
    assert!(page.dead_letters.is_empty());
}

#[tokio::test]
async fn what_is_tried_again_comes_in_its_order_and_overtakes_nothing() {
    // Of each entity several revisions came while the mapping was wrong, in one batch and in several.
    for seed in 0..8 {
        let world = World::new(&[(seed, 1), (seed, 2), (seed, 3), (99, 1)]);
        world.desk.answers.lock().unwrap().extend([ProblemCode::BadRequestData; 3]);
        let mut runner = world.runner();
        runner.run_once().await.unwrap().unwrap();
        Replay::All.ask(&*world.store, &tenant(), "script").await.unwrap();
        runner.run_once().await.unwrap();
        let id = format!("urn:x:{seed}");
        assert_eq!(world.desk.says.lock().unwrap()[&id], "3", "the last revision stays");
    }
    // The first of a batch is refused, the second taken: the first does not come back.
    let world = World::new(&[(1, 1), (1, 2)]);
    world.desk.answers.lock().unwrap().push_back(ProblemCode::BadRequestData);
    let mut runner = world.runner();
    runner.run_once().await.unwrap().unwrap();
    // Nor does one that something the same as before it has overtaken.
    world.things.lock().unwrap().extend([(1, 3), (1, 2)]);
    world.desk.answers.lock().unwrap().push_back(ProblemCode::BadRequestData);
    world.clock.advance(TimeDelta::seconds(1));
    runner.run_once().await.unwrap().unwrap();
    assert_eq!(world.desk.says.lock().unwrap()["urn:x:1"], "2");
    Replay::All.ask(&*world.store, &tenant(), "script").await.unwrap();
    runner.run_once().await.unwrap();
    assert_eq!(world.desk.says.lock().unwrap()["urn:x:1"], "2");
    let page = world.connectors().dead_letters(&tenant(), "script", None, 10).await;
    assert!(page.unwrap().unwrap().dead_letters.is_empty(), "what was overtaken is dropped");
}

#[tokio::test]
async fn a_client_that_may_write_nothing_stops_the_feed_and_loses_nothing() {
    let world = World::new(&[(1, 1), (2, 1), (3, 1)]);
    world.desk.answers.lock().unwrap().extend([ProblemCode::Forbidden; 2]);
    let mut runner = world.runner();
    let error = runner.run_once().await.unwrap_err();
    assert!(matches!(&error, ConnectError::Config(why) if why.contains("as told")), "{error}");
    let page = world.connectors().dead_letters(&tenant(), "script", None, 10).await;
    assert!(page.unwrap().unwrap().dead_letters.is_empty());
    let report = runner.run_once().await.unwrap().unwrap();
    assert_eq!((report.created, report.rows.refused_count), (3, 0));
}

#[tokio::test]
async fn what_was_written_and_not_remembered_is_written_again() {
    // Revision 2 reaches the platform, the batch is not remembered, and the source goes back to revision 1.
    let world = World::new(&[(1, 1)]);
    let mut runner = world.runner();
    runner.run_once().await.unwrap().unwrap();
    world.things.lock().unwrap().extend([(1, 2), (1, 3)]);
    world.desk.answers.lock().unwrap().clear();
    *world.desk.after.lock().unwrap() = Some((1, ProblemCode::Unavailable));
    assert!(runner.run_once().await.is_err());
    assert_eq!(world.desk.says.lock().unwrap()["urn:x:1"], "2");
    *world.desk.after.lock().unwrap() = None;
    world.things.lock().unwrap().truncate(1);
    world.things.lock().unwrap().extend([(1, 1), (1, 1)]);
    runner.run_once().await.unwrap();
    assert_eq!(world.desk.says.lock().unwrap()["urn:x:1"], "1");
}

#[tokio::test]
async fn what_is_refused_again_and_again_is_one_dead_letter_that_ages() {
    let world = World::new(&[(1, 1)]);
    let mut runner = world.runner();
    for _ in 0..5 {
        world.desk.answers.lock().unwrap().push_back(ProblemCode::BadRequestData);
        let report = runner.run_once().await.unwrap();
        assert!(report.is_some());
        world.clock.advance(TimeDelta::days(1));
        // The same item, in the same place.
        let mut set = tsunagu_store::WriteSet::new(tenant());
        set.ops.push(tsunagu_store::Op::DeleteRecord {
            collection: tsunagu_store::Collection("connector-cursor"),
            key: b"script".to_vec(),
            expect: tsunagu_store::Expect::Any,
        });
        tsunagu_store::Store::commit(&*world.store, set).await.unwrap();
    }
    let page = world.connectors().dead_letters(&tenant(), "script", None, 10).await;
    let letters = page.unwrap().unwrap().dead_letters;
    assert_eq!((letters.len(), letters[0].tries), (1, 5));
    assert_eq!(letters[0].since, 1_790_000_000_000_000, "it ages from the first time on");
}
