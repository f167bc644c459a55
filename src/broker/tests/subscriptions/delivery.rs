//! At least once, in order, and nobody waits for somebody else's receiver.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tsunagu_broker::{Pace, Report};

use crate::world::{RECEIVER, building, to_buildings, values, world};

fn to(uri: &str) -> Value {
    json!({ "entities": [{ "type": "Building" }], "notification": { "endpoint": { "uri": uri } } })
}

#[tokio::test]
async fn what_is_owed_survives_the_process() {
    let world = world();
    world.subscribe("sensors", to_buildings()).await;
    world.create("sensors", building("urn:e:1", 20)).await;
    let next = world.again();
    assert_eq!(values(&next.notified().await, "temperature"), [20]);
    assert!(next.notified().await.is_empty(), "once it has arrived it is owed no more");
}

#[tokio::test]
async fn a_receiver_that_was_down_gets_everything_in_order() {
    let world = world();
    let id = world.subscribe("sensors", to_buildings()).await;
    world.set_down(RECEIVER, true);
    world.create("sensors", building("urn:e:1", 20)).await;
    world.create("sensors", building("urn:e:2", 120)).await;
    for n in 1..=3 {
        world.update("sensors", "urn:e:1", json!({ "temperature": 20 + n })).await;
        world.update("sensors", "urn:e:2", json!({ "temperature": 120 + n })).await;
        world.deliver().await;
    }
    let state = world.read("sensors", &id).await.unwrap()["notification"].clone();
    assert_eq!(state["status"], "failed");
    assert!(state["lastFailure"].is_string() && state.get("lastSuccess").is_none());
    world.set_down(RECEIVER, false);
    assert!(world.notified().await.is_empty(), "it is not tried again at once");
    world.pass(3600);
    let told = world.notified().await;
    for (id, from) in [("urn:e:1", 20), ("urn:e:2", 120)] {
        let of: Vec<Value> = told.iter().filter(|n| n["data"][0]["id"] == id).cloned().collect();
        let expected: Vec<Value> = (from..=from + 3).map(Value::from).collect();
        assert_eq!(values(&of, "temperature"), expected);
    }
    let state = world.read("sensors", &id).await.unwrap()["notification"].clone();
    assert_eq!(state["status"], "ok");
    assert!(state["lastSuccess"].is_string() && state["lastNotification"].is_string());
}

#[tokio::test]
async fn a_receiver_that_fails_is_left_alone_with_the_rest() {
    let world = world();
    world.subscribe("sensors", to_buildings()).await;
    world.set_down(RECEIVER, true);
    for n in 0..200 {
        world.create("sensors", building(&format!("urn:e:{n}"), n)).await;
    }
    let report = world.deliver().await;
    let at_once = u64::try_from(Pace::default().at_once).unwrap();
    assert!((1..=at_once).contains(&report.failed), "{report:?}");
    world.set_down(RECEIVER, false);
    world.pass(3600);
    assert_eq!(world.deliver().await, Report { sent: 200, ..Report::default() });
    assert!(world.notified().await.len() >= 200, "nothing was lost");
    assert_eq!(world.deliver().await, Report::default(), "and nothing is owed any more");
}

#[tokio::test]
async fn a_long_queue_is_delivered_in_waves_and_in_order() {
    let world = world();
    world.subscribe("sensors", to_buildings()).await;
    for n in 0..3 {
        world.pass(1);
        for entity in 0..60 {
            let id = format!("urn:e:{entity}");
            if n == 0 {
                world.create("sensors", building(&id, 0)).await;
            } else {
                world.update("sensors", &id, json!({ "temperature": n })).await;
            }
        }
    }
    let pace = Pace { wave: 7, at_once: 3, ..Pace::default() };
    let report = world.deliverer_with(pace).run_once().await.unwrap();
    assert_eq!(report, Report { sent: 180, ..Report::default() });
    let told = world.notified().await;
    for entity in 0..60 {
        let id = format!("urn:e:{entity}");
        let of: Vec<Value> = told.iter().filter(|n| n["data"][0]["id"] == id).cloned().collect();
        assert_eq!(values(&of, "temperature"), [0, 1, 2], "{id}");
    }
}

#[tokio::test]
async fn an_hour_of_trouble_loses_nothing_and_delays_nobody() {
    let world = world();
    let troubled = "https://troubled.example/";
    let mut body = to(troubled);
    body["id"] = json!("urn:s:troubled");
    world.subscribe("sensors", body).await;
    world.subscribe("sensors", to("https://quick.example/")).await;
    world.set_down(troubled, true);
    world.create("sensors", building("urn:e:1", 0)).await;
    world.create("sensors", building("urn:e:2", 0)).await;
    world.deliver().await;
    assert_eq!(world.received().len(), 2);
    for minute in 1..=60 {
        world.pass(60);
        for id in ["urn:e:1", "urn:e:2"] {
            world.update("sensors", id, json!({ "temperature": minute })).await;
        }
        world.deliver().await;
        // Who is well has it at once, whatever is the matter with the other.
        let received = world.received();
        assert!(received.iter().all(|(uri, _)| uri == "https://quick.example/"));
        let told: Vec<Value> = received.into_iter().map(|(_, body)| body).collect();
        assert_eq!(values(&told, "temperature"), [minute, minute]);
    }
    world.set_down(troubled, false);
    world.pass(3600);
    world.deliver().await;
    let told: Vec<Value> = world.received().into_iter().map(|(_, body)| body).collect();
    for id in ["urn:e:1", "urn:e:2"] {
        let of: Vec<Value> = told.iter().filter(|n| n["data"][0]["id"] == id).cloned().collect();
        assert_eq!(values(&of, "temperature"), (0..=60).map(Value::from).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn waits_grow_and_a_cooldown_is_the_least() {
    let world = world();
    let endpoint = json!({ "uri": RECEIVER, "cooldown": 600_000 });
    let body =
        json!({ "entities": [{ "type": "Building" }], "notification": { "endpoint": endpoint } });
    world.subscribe("sensors", body).await;
    world.set_down(RECEIVER, true);
    world.create("sensors", building("urn:e:1", 20)).await;
    assert_eq!(world.deliver().await.failed, 1);
    world.pass(599);
    assert_eq!(world.deliver().await.failed, 0);
    world.pass(2);
    assert_eq!(world.deliver().await.failed, 1);
    // After a day it is given up.
    world.pass(25 * 3600);
    let report = world.deliver().await;
    assert_eq!((report.failed, report.dead), (1, 1));
    world.set_down(RECEIVER, false);
    world.pass(3600);
    assert!(world.notified().await.is_empty());
}

#[tokio::test]
async fn a_queue_is_one_process_s_until_its_lease_ends() {
    let world = world();
    world.subscribe("sensors", to_buildings()).await;
    world.set_down(RECEIVER, true);
    world.create("sensors", building("urn:e:1", 20)).await;
    let pace = Pace { lease: Duration::from_mins(1), ..Pace::default() };
    let (first, second) = (world.deliverer_with(pace), world.again().deliverer_with(pace));
    assert_eq!(first.run_once().await.unwrap().failed, 1);
    world.set_down(RECEIVER, false);
    world.pass(30);
    assert_eq!(second.run_once().await.unwrap(), Report::default(), "the first is on it");
    world.pass(31);
    assert_eq!(second.run_once().await.unwrap().sent, 1, "the first may have died");
    world.update("sensors", "urn:e:1", json!({ "temperature": 21 })).await;
    assert_eq!(first.run_once().await.unwrap(), Report::default());
    assert_eq!(second.run_once().await.unwrap().sent, 1);
}

#[tokio::test]
async fn a_refusal_is_final_and_stops_nothing_else() {
    let world = world();
    let id = world.subscribe("sensors", to_buildings()).await;
    world.set_refusing(RECEIVER);
    world.create("sensors", building("urn:e:1", 20)).await;
    world.update("sensors", "urn:e:1", json!({ "temperature": 21 })).await;
    let report = world.deliver().await;
    assert_eq!((report.failed, report.dead), (2, 2));
    let state = world.read("sensors", &id).await.unwrap()["notification"].clone();
    assert_eq!((&state["timesSent"], &state["timesFailed"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn a_silent_receiver_keeps_nobody_waiting() {
    let world = world();
    world.set_silent("https://silent.example/");
    for n in 0..20 {
        let mut body = to("https://silent.example/");
        body["id"] = json!(format!("urn:s:silent-{n}"));
        world.subscribe("sensors", body).await;
    }
    world.subscribe("sensors", to("https://quick.example/")).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(world.deliverer().run(stop.clone()));
    for n in 0..50 {
        world.create("sensors", building(&format!("urn:e:{n}"), n)).await;
    }
    let mut arrived = 0;
    let all = async {
        while arrived < 50 {
            world.outside.arrived.notified().await;
            arrived += world.received().len();
        }
    };
    tokio::time::timeout(Duration::from_mins(1), all).await.unwrap();
    running.abort();
}

#[tokio::test]
async fn throttling_lets_one_through_for_each_interval() {
    let world = world();
    let mut body = to_buildings();
    body["throttling"] = json!(60);
    body["notification"]["format"] = json!("simplified");
    world.subscribe("sensors", body).await;
    world.create("sensors", building("urn:e:1", 20)).await;
    world.update("sensors", "urn:e:1", json!({ "temperature": 21 })).await;
    world.pass(59);
    world.update("sensors", "urn:e:1", json!({ "temperature": 22 })).await;
    assert_eq!(values(&world.notified().await, "temperature"), [20]);
    world.pass(1);
    world.update("sensors", "urn:e:1", json!({ "temperature": 23 })).await;
    assert_eq!(values(&world.notified().await, "temperature"), [23]);
}

#[tokio::test]
async fn an_interval_tells_of_everything_that_is_meant() {
    let world = world();
    world.create("sensors", building("urn:e:1", 20)).await;
    world.create("sensors", building("urn:e:2", 40)).await;
    let mut body = to_buildings();
    body["timeInterval"] = json!(10);
    body["q"] = json!("temperature<50");
    let id = world.subscribe("sensors", body).await;
    world.pass(9);
    world.update("sensors", "urn:e:1", json!({ "temperature": 21 })).await;
    assert!(world.notified().await.is_empty());
    world.pass(1);
    let told = world.notified().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["data"].as_array().unwrap().len(), 2);
    assert!(world.notified().await.is_empty());
    // Intervals that were missed are not made up for.
    world.pass(35);
    assert_eq!(world.notified().await.len(), 1);
    assert_eq!(world.read("sensors", &id).await.unwrap()["notification"]["timesSent"], 2);
    world.update("sensors", "urn:e:1", json!({ "temperature": 60 })).await;
    world.update("sensors", "urn:e:2", json!({ "temperature": 60 })).await;
    world.pass(10);
    assert!(world.notified().await.is_empty(), "nothing is meant any more");
}

#[tokio::test]
async fn an_expired_subscription_is_told_nothing() {
    let world = world();
    let mut body = to_buildings();
    body["expiresAt"] = json!("2026-11-23T01:00:00Z");
    let id = world.subscribe("sensors", body).await;
    world.create("sensors", building("urn:e:1", 20)).await;
    world.pass(3600);
    world.update("sensors", "urn:e:1", json!({ "temperature": 21 })).await;
    assert!(world.notified().await.is_empty(), "not even what was queued before");
    assert_eq!(world.read("sensors", &id).await.unwrap()["status"], "expired");
    world.patch("sensors", &id, json!({ "expiresAt": "2030-01-01T00:00:00Z" })).await.unwrap();
    assert_eq!(world.read("sensors", &id).await.unwrap()["status"], "active");
    world.update("sensors", "urn:e:1", json!({ "temperature": 22 })).await;
    assert_eq!(world.notified().await.len(), 1);
}

#[tokio::test]
async fn what_the_running_deliverer_is_woken_for_arrives() {
    let world = world();
    world.subscribe("sensors", to_buildings()).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(world.deliverer().run(stop.clone()));
    for n in 0..3 {
        world.create("sensors", building(&format!("urn:e:{n}"), n)).await;
        let arrival = world.outside.arrived.notified();
        tokio::time::timeout(Duration::from_mins(1), arrival).await.unwrap();
    }
    stop.cancel();
    running.await.unwrap();
    assert_eq!(world.received().len(), 3);
}
