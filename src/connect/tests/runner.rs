//! The runner with a source that follows a script and a platform that answers as told.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tsunagu_connect::{
    Batch, Caps, ConnectError, Cursor, Ground, Item, Platform, RowReport, RunReport, Runner,
    Source, UpsertOutcome,
};
use tsunagu_domain::{ManualClock, Problem, ProblemCode, SeededIds, TenantId, Text};
use tsunagu_ngsi_ld::{Entity, Instance};
use tsunagu_store::testing::MemoryStore;

fn manifest(name: &str) -> Manifest {
    Manifest {
        name: name.to_owned(),
        kind: "script".to_owned(),
        title: Text { ja: "台本".to_owned(), en: "Script".to_owned() },
        direction: Direction::Inbound,
        entity_types: vec!["Thing".to_owned()],
    }
}

/// Gives a list of (id, value), two at a time; the cursor is how many were given.
struct Script {
    manifest: Manifest,
    things: Arc<Mutex<Vec<(u32, u32)>>>,
    down: Arc<Mutex<bool>>,
    polled: Arc<Notify>,
}

#[async_trait]
impl Source for Script {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

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
            Item { entity, input: "script".to_owned(), line: (from + at + 1) as u64 }
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
            self.given.lock().unwrap().push(entity.id.clone());
            Ok(UpsertOutcome::Created)
        };
        entities.iter().map(answer).collect()
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

    fn runner(&self) -> Runner {
        let source = Script {
            manifest: manifest("script"),
            things: Arc::clone(&self.things),
            down: Arc::clone(&self.down),
            polled: Arc::clone(&self.polled),
        };
        Runner::new(
            Arc::<MemoryStore>::clone(&self.store),
            Arc::<Desk>::clone(&self.desk),
            Arc::<ManualClock>::clone(&self.clock),
            Arc::new(SeededIds::new(1)),
            tenant(),
            Box::new(source),
            Pace::default(),
        )
    }

    async fn runs(&self) -> Vec<RunReport> {
        let store = Arc::<MemoryStore>::clone(&self.store);
        let connectors = Connectors::new(store, vec![manifest("script")]).unwrap();
        connectors.runs(&tenant(), "script").await.unwrap().unwrap()
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
async fn runners_work_on_their_own_and_stop_when_told() {
    let world = World::new(&[(1, 1), (2, 1), (3, 1)]);
    let (tracker, shutdown) = (TaskTracker::new(), CancellationToken::new());
    Connectors::spawn(vec![world.runner()], &tracker, &shutdown);
    tracker.close();
    // The second poll comes after the first batch was taken over.
    world.polled.notified().await;
    world.polled.notified().await;
    shutdown.cancel();
    tracker.wait().await;
    let given = world.desk.given.lock().unwrap().len();
    assert!((2..=3).contains(&given));
}

#[test]
fn names_must_be_names_and_differ() {
    let store: Arc<MemoryStore> = Arc::default();
    let new = |names: &[&str]| {
        Connectors::new(
            Arc::<MemoryStore>::clone(&store),
            names.iter().map(|name| manifest(name)).collect(),
        )
    };
    assert!(new(&["a", "b"]).is_ok());
    assert!(new(&["a", "a"]).is_err());
    assert!(new(&["A b"]).is_err());
}
