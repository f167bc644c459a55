//! Changing connectors while they run: all of it or nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};
use tsunagu_connect::testkit::Kit;
use tsunagu_connect::{
    Applied, ConnectError, Connectors, Delivery, Direction, Finding, Foundations, Host, Kind,
    Manifest, NotApplied, Parts, Plan, Settings, Sink, SinkError,
};

/// A kind whose settings say what becomes of it.
struct Told;

struct ToldPlan {
    name: String,
    settings: Value,
}

struct Nowhere;

#[async_trait]
impl Sink for Nowhere {
    async fn deliver(&self, _delivery: &Delivery) -> Result<(), SinkError> {
        Ok(())
    }
}

impl Kind for Told {
    fn name(&self) -> &'static str {
        "told"
    }

    fn validate(&self, settings: &Settings) -> Result<Arc<dyn Plan>, Vec<Finding>> {
        if settings.settings["wrong"] == true {
            return Err(vec![Finding::new(&settings.name, "settings.wrong", "it is wrong")]);
        }
        let (name, settings) = (settings.name.clone(), settings.settings.clone());
        Ok(Arc::new(ToldPlan { name, settings }))
    }
}

#[async_trait]
impl Plan for ToldPlan {
    fn manifest(&self) -> Manifest {
        let title = serde_json::from_value(json!({ "ja": "例", "en": "Example" })).unwrap();
        Manifest {
            name: self.name.clone(),
            kind: "told".to_owned(),
            title,
            direction: Direction::Outbound,
            entity_types: Vec::new(),
        }
    }

    fn subscription(&self) -> Option<Value> {
        Some(json!({ "type": "Subscription", "q": self.settings["q"] }))
    }

    async fn build(&self, _host: &Host) -> Result<Parts, ConnectError> {
        if self.settings["broken"] == true {
            return Err(ConnectError::Config("a secret cannot be read".to_owned()));
        }
        let gives = self.settings["gives"] == true;
        let sink = gives.then(|| Arc::new(Nowhere) as Arc<dyn Sink>);
        Ok(Parts { sink, ..Parts::default() })
    }
}

struct World {
    kit: Kit,
    connectors: Connectors,
    settings: Arc<Mutex<Value>>,
}

impl World {
    fn new() -> Self {
        let kit = Kit::default();
        let settings: Arc<Mutex<Value>> = Arc::new(Mutex::new(json!([])));
        let read = Arc::clone(&settings);
        let foundations = Foundations {
            ground: kit.ground("gateway-1"),
            host: kit.host(),
            kinds: vec![Box::new(Told)],
            fixed: Vec::new(),
            settings: Box::new(move || {
                serde_json::from_value(read.lock().unwrap().clone()).map_err(|e| e.to_string())
            }),
        };
        Self { connectors: Connectors::new(foundations, Vec::new()), kit, settings }
    }

    async fn says(&self, settings: &[(&str, Value)]) -> Result<Applied, NotApplied> {
        let title = json!({ "ja": "例", "en": "Example" });
        let one = |(name, settings): &(&str, Value)| json!({ "name": name, "kind": "told", "title": title, "settings": settings });
        *self.settings.lock().unwrap() = settings.iter().map(one).collect();
        self.connectors.reload().await
    }

    async fn running(&self) -> Vec<String> {
        let list = self.connectors.list(&Kit::tenant()).await.unwrap();
        list.into_iter().map(|view| view.manifest.name).collect()
    }
}

fn applied(started: &[&str], restarted: &[&str], stopped: &[&str]) -> Applied {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
    Applied { started: names(started), restarted: names(restarted), stopped: names(stopped) }
}

#[tokio::test]
async fn only_what_changed_is_started_anew_and_what_is_gone_stops() {
    let world = World::new();
    let gives = |q: &str| json!({ "gives": true, "q": q });
    let first = world.says(&[("a", gives("x>1")), ("b", json!({}))]).await.unwrap();
    assert_eq!(first, applied(&["a", "b"], &[], &[]));
    assert_eq!(
        world.says(&[("a", gives("x>1")), ("b", json!({}))]).await.unwrap(),
        applied(&[], &[], &[])
    );
    let second = world.says(&[("a", gives("x>2")), ("c", json!({}))]).await.unwrap();
    assert_eq!(second, applied(&["c"], &["a"], &["b"]));
    assert_eq!(world.running().await, ["a", "c"]);
    assert_eq!(world.kit.town.subscriptions()["a"]["q"], "x>2");
    // It gives nothing any more, then it is gone.
    world.says(&[("a", json!({}))]).await.unwrap();
    assert!(world.kit.town.subscriptions().is_empty());
    world.says(&[("a", gives("x>3"))]).await.unwrap();
    world.says(&[]).await.unwrap();
    assert!(world.kit.town.subscriptions().is_empty());
    assert!(world.running().await.is_empty());
    // Taken out of the settings while the gateway rested: the next start ends its subscription.
    world.says(&[("a", gives("x>4"))]).await.unwrap();
    world.connectors.stop().await;
    assert_eq!(world.kit.town.subscriptions().len(), 1, "what waits for it stays");
    assert!(world.says(&[]).await.is_err(), "nothing starts after the end");
    let foundations = Foundations {
        ground: world.kit.ground("gateway-1"),
        host: world.kit.host(),
        kinds: vec![Box::new(Told)],
        fixed: Vec::new(),
        settings: Box::new(|| Ok(Vec::new())),
    };
    Connectors::new(foundations, Vec::new()).reload().await.unwrap();
    assert!(world.kit.town.subscriptions().is_empty());
}

#[tokio::test]
async fn any_fault_leaves_everything_as_it_runs() {
    let world = World::new();
    world.says(&[("a", json!({ "gives": true, "q": "x>1" })), ("b", json!({}))]).await.unwrap();
    for (settings, told) in [
        (vec![("a", json!({ "wrong": true })), ("c", json!({ "wrong": true }))], "connector 'c'"),
        (vec![("c", json!({ "broken": true }))], "a secret cannot be read"),
        (vec![("c", json!({})), ("c", json!({}))], "another connector has this name"),
        (vec![("No Name", json!({}))], "a connector's name is"),
    ] {
        let error = world.says(&settings).await.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        assert_eq!(world.running().await, ["a", "b"], "after: {error}");
        assert_eq!(world.kit.town.subscriptions()["a"]["q"], "x>1");
    }
    // Settings that cannot be read at all.
    *world.settings.lock().unwrap() = json!({ "no": "list" });
    assert!(matches!(world.connectors.reload().await, Err(NotApplied::Unreadable(_))));
    // The platform does not let the client ask: told before anything stops.
    world.kit.town.refuses_subscriptions(true);
    let error = world.says(&[("c", json!({ "gives": true }))]).await.unwrap_err();
    assert!(matches!(error, NotApplied::NotBuilt(ConnectError::Config(_))), "{error}");
    assert_eq!(world.running().await, ["a", "b"]);
}
