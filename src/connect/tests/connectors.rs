//! How connectors do, and what becomes of what they leave: breakers, inboxes, dead letters, what systems that watch are shown.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::TimeDelta;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tsunagu_connect::testkit::Kit;
use tsunagu_connect::{
    Accepted, Batch, Circuit, ConnectError, Connectors, Cursor, Delivery, Direction, Finding,
    Health, Host, Incoming, Item, Kind, Manifest, NotAccepted, NotReceived, Parts, Plan, Receiver,
    RowReport, Settings, Sink, SinkError, Source,
};
use tsunagu_domain::{Clock as _, Text};

/// Everything at once: a source of one record, a receiver of whatever comes, a sink.
#[derive(Clone)]
struct Everything {
    /// Whether source and sink work.
    asks: Arc<AtomicBool>,
    takes: Arc<AtomicBool>,
    /// Deliveries wait for each other here.
    together: Arc<Barrier>,
    /// Whether it has a source and a sink; otherwise it has a receiver.
    both_ways: bool,
}

impl Everything {
    fn new(together: usize, both_ways: bool) -> Self {
        let on = || Arc::new(AtomicBool::new(true));
        Self { asks: on(), takes: on(), together: Arc::new(Barrier::new(together)), both_ways }
    }
}

impl Kind for Everything {
    fn name(&self) -> &'static str {
        "everything"
    }

    fn validate(&self, _settings: &Settings) -> Result<Arc<dyn Plan>, Vec<Finding>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Plan for Everything {
    fn manifest(&self) -> Manifest {
        Manifest {
            name: "walks".to_owned(),
            kind: "everything".to_owned(),
            title: Text { ja: "歩数".to_owned(), en: "Walks".to_owned() },
            direction: Direction::Inbound,
            entity_types: Vec::new(),
        }
    }

    async fn build(&self, _host: &Host) -> Result<Parts, ConnectError> {
        if self.both_ways {
            let (source, sink) = (Box::new(self.clone()), Arc::new(self.clone()));
            return Ok(Parts { source: Some(source), sink: Some(sink), ..Parts::default() });
        }
        Ok(Parts { receiver: Some(Arc::new(self.clone())), ..Parts::default() })
    }
}

fn record(number: u32) -> Box<RawValue> {
    to_raw_value(&json!({ "number": number })).unwrap()
}

#[async_trait]
impl Source for Everything {
    async fn poll(&mut self, _cursor: Option<&Cursor>) -> Result<Batch, ConnectError> {
        if !self.asks.load(Ordering::SeqCst) {
            return Err(ConnectError::Unavailable("away".to_owned()));
        }
        let items = vec![Item::record(record(1), "list", 1)];
        let (report, cursor) = (RowReport::default(), Cursor(String::new()));
        Ok(Batch { items, report, cursor, more: false })
    }

    async fn acknowledge(&mut self, _cursor: &Cursor) -> Result<(), ConnectError> {
        Ok(())
    }
}

#[async_trait]
impl Sink for Everything {
    async fn deliver(&self, _delivery: &Delivery) -> Result<(), SinkError> {
        self.together.wait().await;
        if self.takes.load(Ordering::SeqCst) {
            Ok(())
        } else {
            Err(SinkError::Later("away".to_owned()))
        }
    }
}

impl Receiver for Everything {
    /// The body is how many records came; its name is in the only header.
    fn accept(&self, incoming: &Incoming<'_>) -> Result<Accepted, NotAccepted> {
        let many: u32 =
            serde_json::from_slice(incoming.body).map_err(|_| NotAccepted::Malformed)?;
        let id = incoming.header("id").ok_or(NotAccepted::Unproven)?.to_owned();
        let repeats_until = incoming.now + 1_000_000;
        Ok(Accepted { id, repeats_until, records: (0..many).map(record).collect() })
    }
}

fn settings(inbox: u32) -> Settings {
    serde_json::from_value(json!({
        "name": "walks", "kind": "everything", "title": { "ja": "歩数", "en": "Walks" },
        "caps": { "inbox": inbox },
        "mapping": {
            "name": "walks", "type": "Walk", "id": "'urn:ngsi-ld:Walk:' + string(record.number)",
            "attributes": { "number": { "value": "record.number", "required": true } },
            "samples": [{
                "name": "a walk", "input": { "number": 7 },
                "expect": [{ "id": "urn:ngsi-ld:Walk:7", "type": "Walk", "number": 7 }]
            }]
        }
    }))
    .unwrap()
}

async fn start(kit: &Kit, everything: &Everything, inbox: u32) -> Arc<Connectors> {
    let kinds: Vec<Box<dyn Kind>> = vec![Box::new(everything.clone())];
    let connectors = kit.connectors("gateway-1", kinds, vec![settings(inbox)]);
    connectors.reload().await.unwrap();
    Arc::new(connectors)
}

async fn health(connectors: &Connectors) -> Health {
    connectors.list(&Kit::tenant()).await.unwrap().remove(0).health.unwrap()
}

/// Works until it holds; whatever waits is told not to.
async fn until(connectors: &Connectors, holds: impl AsyncFn() -> bool) {
    for _ in 0..20_000 {
        if holds().await {
            return;
        }
        connectors.run_now("walks");
        tokio::task::yield_now().await;
    }
    assert!(holds().await, "it does not come about");
}

async fn deliver(connectors: &Connectors) -> Result<(), SinkError> {
    let notification = to_raw_value(&json!({})).unwrap();
    connectors.deliver("walks", &Delivery { id: "n".to_owned(), notification }).await
}

async fn send(connectors: &Connectors, kit: &Kit, id: &str, many: u32) -> Result<(), NotReceived> {
    let headers = [("id".to_owned(), id.to_owned())];
    let body = many.to_string().into_bytes();
    let (uri, now) = ("https://data.town.example/connectors/v1/walks/messages", kit.clock.micros());
    let incoming = Incoming { method: "POST", uri, headers: &headers, body: &body, now };
    connectors.receive("walks", &incoming).await
}

#[tokio::test]
async fn deliveries_that_fail_together_are_one_failure() {
    let (kit, everything) = (Kit::default(), Everything::new(16, true));
    everything.takes.store(false, Ordering::SeqCst);
    let connectors = start(&kit, &everything, 10).await;
    for failures in 1..=3 {
        let mut all = JoinSet::new();
        for _ in 0..16 {
            let connectors = Arc::clone(&connectors);
            all.spawn(async move { deliver(&connectors).await });
        }
        for outcome in all.join_all().await {
            assert_eq!(outcome, Err(SinkError::Later("away".to_owned())));
        }
        assert_eq!(health(&connectors).await.failures, failures);
        let open = health(&connectors).await.circuit == Circuit::Open;
        assert_eq!(open, failures == 3, "after {failures} failures");
    }
    assert_eq!(health(&connectors).await.counters.undelivered, 48);
    connectors.stop().await;
}

#[tokio::test]
async fn a_source_that_fails_holds_up_no_delivery_and_the_other_way_round() {
    let (kit, everything) = (Kit::default(), Everything::new(1, true));
    everything.asks.store(false, Ordering::SeqCst);
    let connectors = start(&kit, &everything, 10).await;
    until(&connectors, async || health(&connectors).await.circuit == Circuit::Open).await;
    assert_eq!(deliver(&connectors).await, Ok(()), "the other side takes what it is given");
    assert_eq!(health(&connectors).await.circuit, Circuit::Open, "and still does not answer");
    assert!(health(&connectors).await.error.is_some());

    everything.asks.store(true, Ordering::SeqCst);
    everything.takes.store(false, Ordering::SeqCst);
    until(&connectors, async || health(&connectors).await.circuit == Circuit::Closed).await;
    for _ in 0..3 {
        assert!(deliver(&connectors).await.is_err());
    }
    assert_eq!(health(&connectors).await.circuit, Circuit::Open);
    let polls = health(&connectors).await.counters.polls;
    until(&connectors, async || health(&connectors).await.counters.polls > polls + 2).await;
    assert_eq!(health(&connectors).await.circuit, Circuit::Open, "asking heals no delivery");
    connectors.stop().await;
}

#[tokio::test]
async fn a_message_that_never_fits_is_refused_for_good_and_one_that_does_not_fit_now_is_not() {
    let (kit, everything) = (Kit::default(), Everything::new(1, false));
    kit.town.up_for(Some(0));
    let connectors = start(&kit, &everything, 3).await;
    let refused = send(&connectors, &kit, "a", 4).await.unwrap_err();
    assert!(matches!(refused, NotReceived::TooLarge(_)), "{refused:?}");
    assert!(refused.to_string().contains("(3); send it in smaller parts"), "{refused}");
    assert_eq!(send(&connectors, &kit, "b", 2).await, Ok(()));
    assert_eq!(send(&connectors, &kit, "b", 2).await, Ok(()), "it came before");
    let full = send(&connectors, &kit, "c", 2).await;
    assert!(matches!(full, Err(NotReceived::Unavailable(_))), "{full:?}");
    kit.town.up_for(None);
    until(&connectors, async || kit.inbox().await == 0).await;
    assert_eq!(send(&connectors, &kit, "c", 3).await, Ok(()), "there is room again");
    let counters = health(&connectors).await.counters;
    assert_eq!((counters.received, counters.repeated, counters.rejected), (2, 1, 1));
    connectors.stop().await;
}

#[tokio::test]
async fn dead_letters_of_a_former_connector_are_seen_forgotten_and_not_kept_for_ever() {
    let (kit, everything) = (Kit::default(), Everything::new(1, true));
    kit.town.refuses(true);
    let connectors = start(&kit, &everything, 10).await;
    let tenant = Kit::tenant();
    let letters = async || {
        let page = connectors.dead_letters(&tenant, "walks", None, 10).await.unwrap();
        page.map(|page| page.dead_letters)
    };
    until(&connectors, async || letters().await.is_some_and(|all| all.len() == 1)).await;
    connectors.apply(Vec::new()).await.unwrap();
    let listed = connectors.list(&tenant).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].manifest.name.as_str(), listed[0].manifest.kind.as_str()),
        ("walks", "none")
    );
    let metrics = connectors.metrics(&tenant).await.unwrap();
    assert!(
        metrics.contains("tsunagu_connector_dead_letters{connector=\"walks\"} 1\n"),
        "{metrics}"
    );
    let id = letters().await.unwrap().remove(0).id;
    assert!(connectors.dismiss(&tenant, "walks", &id).await.unwrap());
    assert!(connectors.list(&tenant).await.unwrap().is_empty());
    assert_eq!(letters().await, None);

    // One that nobody looks at is as old as others may become.
    connectors.reload().await.unwrap();
    until(&connectors, async || letters().await.is_some_and(|all| all.len() == 1)).await;
    connectors.apply(Vec::new()).await.unwrap();
    kit.clock.advance(TimeDelta::days(29));
    connectors.apply(Vec::new()).await.unwrap();
    assert_eq!(letters().await.unwrap().len(), 1);
    kit.clock.advance(TimeDelta::days(1));
    connectors.apply(Vec::new()).await.unwrap();
    assert_eq!(letters().await, None);
}

#[tokio::test]
async fn systems_that_watch_are_shown_numbers_in_the_form_of_openmetrics() {
    let (kit, everything) = (Kit::default(), Everything::new(1, true));
    let connectors = start(&kit, &everything, 10).await;
    until(&connectors, async || health(&connectors).await.counters.items >= 2).await;
    assert_eq!(deliver(&connectors).await, Ok(()));
    let items = health(&connectors).await.counters.items;
    connectors.stop().await;
    let nothing = connectors.metrics(&Kit::tenant()).await.unwrap();
    assert!(!nothing.contains("walks"), "what does not run is not shown: {nothing}");

    let connectors = start(&kit, &everything, 10).await;
    until(&connectors, async || health(&connectors).await.counters.polls >= 1).await;
    everything.asks.store(false, Ordering::SeqCst);
    until(&connectors, async || health(&connectors).await.circuit == Circuit::Open).await;
    let text = connectors.metrics(&Kit::tenant()).await.unwrap();
    connectors.stop().await;
    assert!(items >= 2);
    for line in [
        "# TYPE tsunagu_connector info",
        "tsunagu_connector_info{connector=\"walks\",kind=\"everything\",direction=\"inbound\"} 1",
        "# TYPE tsunagu_connector_records_applied counter",
        "# UNIT tsunagu_connector_last_success_timestamp_seconds seconds",
        "tsunagu_connector_last_success_timestamp_seconds{connector=\"walks\"} 1790000000.000000",
        "tsunagu_connector_circuit{connector=\"walks\",tsunagu_connector_circuit=\"open\"} 1",
        "tsunagu_connector_circuit{connector=\"walks\",tsunagu_connector_circuit=\"closed\"} 0",
        "tsunagu_connector_consecutive_failures{connector=\"walks\"} 3",
        "tsunagu_connector_inbox_records{connector=\"walks\"} 0",
        "tsunagu_connector_dead_letters{connector=\"walks\"} 0",
    ] {
        assert!(text.lines().any(|other| other == line), "no line '{line}' in\n{text}");
    }
    // Every sample is of the family above it, every family is told once, and the end is told.
    let (mut families, mut family) = (Vec::new(), String::new());
    for line in text.strip_suffix("# EOF\n").unwrap().lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(!families.contains(&name), "{name} is told twice");
            families.push(name);
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            family = format!("{name}{suffix}{{");
        } else if !line.starts_with("# ") {
            assert!(line.starts_with(&family), "'{line}' is not of {family}");
            assert!(line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() >= 0.0, "{line}");
        }
    }
    assert_eq!(families.len(), 19);
}
