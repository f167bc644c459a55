//! Subscriptions to registrations: kept, checked and given back, to managers of sources alone.

use serde_json::{Value, json};
use tsunagu_broker::Asking;
use tsunagu_domain::ProblemCode;
use tsunagu_ngsi_ld::Context;

use crate::world::{RECEIVER, World, world};

fn body() -> Value {
    json!({
        "id": "urn:s:1",
        "type": "Subscription",
        "entities": [{ "type": "Building" }],
        "temporalQ": { "timerel": "after", "timeAt": "2020-06-01T22:07:00Z", "timeproperty": "createdAt" },
        "notification": { "format": "keyValues", "endpoint": { "uri": RECEIVER } },
    })
}

/// Does something as a client.
macro_rules! acting {
    ($world:expr, $client:expr, $asking:ident => $done:expr) => {{
        let (view, owner) = ($world.view($client), $world.owner($client));
        let $asking = Asking { view: &view, owner: &owner, tenant_header: None };
        $done.await
    }};
}

async fn read(world: &World, client: &str, id: &str) -> Option<Value> {
    let core = Context::core();
    let found = acting!(world, client, asking => world.subscriptions.retrieve_of_sources(&asking, id, &core, false, false));
    found.ok().map(|body| serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn what_managers_subscribe_to_is_kept_for_them() {
    let world = world();
    let (core, contexts, text) = (Context::core(), world.broker.contexts(), body().to_string());
    let refused = acting!(world, "town", asking => world.subscriptions.create_of_sources(&asking, &text, &core, contexts));
    assert_eq!(refused.unwrap_err().code, ProblemCode::Forbidden);
    for (kind, code) in [(1, None), (2, Some(ProblemCode::AlreadyExists))] {
        let done = acting!(world, "sensors", asking => world.subscriptions.create_of_sources(&asking, &text, &core, contexts));
        assert_eq!(done.err().map(|problem| problem.code), code, "{kind}");
    }
    let kept = read(&world, "sensors", "urn:s:1").await.unwrap();
    assert_eq!((&kept["status"], &kept["temporalQ"]), (&json!("active"), &body()["temporalQ"]));
    assert!(kept.get("notificationTrigger").is_none());
    assert!(read(&world, "town", "urn:s:1").await.is_none());

    let change = json!({ "isActive": false, "temporalQ": null }).to_string();
    acting!(world, "sensors", asking => world.subscriptions.update_of_sources(&asking, "urn:s:1", &change, &core, contexts)).unwrap();
    let kept = read(&world, "sensors", "urn:s:1").await.unwrap();
    assert_eq!((&kept["status"], kept.get("temporalQ")), (&json!("paused"), None));
    let page = acting!(world, "sensors", asking => world.subscriptions.query_of_sources(&asking, 10, 0, &core, false, false));
    assert_eq!(page.unwrap().count, 1);
    for found in [true, false] {
        let gone = acting!(world, "sensors", asking => world.subscriptions.delete_of_sources(&asking, "urn:s:1"));
        assert_eq!(gone.is_ok(), found);
    }
}

#[tokio::test]
async fn temporal_queries_are_checked() {
    let world = world();
    for wrong in [
        json!("after"),
        json!({ "timerel": "after" }),
        json!({ "timeAt": "2020-06-01T22:07:00Z" }),
        json!({ "timerel": "after", "timeAt": "2020-06-01T22:07:00Z", "other": "x" }),
    ] {
        let mut text = body();
        text["temporalQ"] = wrong.clone();
        let (core, contexts, text) = (Context::core(), world.broker.contexts(), text.to_string());
        let refused = acting!(world, "sensors", asking => world.subscriptions.create_of_sources(&asking, &text, &core, contexts));
        assert_eq!(refused.unwrap_err().code, ProblemCode::BadRequestData, "{wrong}");
    }
}
