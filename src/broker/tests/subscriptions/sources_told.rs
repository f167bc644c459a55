//! What subscriptions to registrations are told: what is there, and what becomes of it, in order, whatever fails in between.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tsunagu_broker::{Asking, Report};
use tsunagu_domain::{Clock as _, ProblemCode};
use tsunagu_ngsi_ld::Context;

use crate::world::{RECEIVER, World, world};

fn to_buildings() -> Value {
    json!({ "entities": [{ "type": "Building" }] })
}

fn registration(id: &str, types: &[&str]) -> Value {
    let information: Vec<Value> = types
        .iter()
        .map(|name| json!({ "entities": [{ "type": name }], "propertyNames": ["name"] }))
        .collect();
    json!({
        "id": id,
        "type": "ContextSourceRegistration",
        "information": information,
        "endpoint": "https://other.example",
        "contextSourceInfo": [{ "key": "Authorization", "value": "secret" }],
    })
}

impl World {
    async fn follow(&self, id: &str, mut body: Value) {
        body["id"] = json!(id);
        body["type"] = json!("Subscription");
        if body["notification"].is_null() {
            body["notification"] = json!({ "endpoint": { "uri": RECEIVER } });
        }
        let (view, owner) = (self.view("sensors"), self.owner("sensors"));
        let asking = Asking { view: &view, owner: &owner, tenant_header: Some("tsuno") };
        let (contexts, body) = (self.broker.contexts(), body.to_string());
        let core = Context::core();
        self.subscriptions.create_of_sources(&asking, &body, &core, contexts).await.unwrap();
    }

    async fn change_following(&self, id: &str, body: Value) {
        let (view, owner) = (self.view("sensors"), self.owner("sensors"));
        let asking = Asking { view: &view, owner: &owner, tenant_header: None };
        let (contexts, body) = (self.broker.contexts(), body.to_string());
        let core = Context::core();
        let done = self.subscriptions.update_of_sources(&asking, id, &body, &core, contexts);
        done.await.unwrap();
    }

    async fn unfollow(&self, id: &str) {
        let (view, owner) = (self.view("sensors"), self.owner("sensors"));
        let asking = Asking { view: &view, owner: &owner, tenant_header: None };
        self.subscriptions.delete_of_sources(&asking, id).await.unwrap();
    }

    async fn followed(&self, id: &str) -> Value {
        let (view, owner) = (self.view("sensors"), self.owner("sensors"));
        let asking = Asking { view: &view, owner: &owner, tenant_header: None };
        let core = Context::core();
        let read = self.subscriptions.retrieve_of_sources(&asking, id, &core, false, false);
        serde_json::from_slice(&read.await.unwrap()).unwrap()
    }

    async fn register(&self, body: Value) {
        let view = self.view("sensors");
        self.sources.register(&view, &body.to_string(), &Context::core()).await.unwrap();
    }

    async fn reregister(&self, id: &str, fragment: Value) {
        let view = self.view("sensors");
        let fragment = fragment.to_string();
        self.sources.update(&view, id, &fragment, &Context::core()).await.unwrap();
    }

    async fn deregister(&self, id: &str) {
        self.sources.delete(&self.view("sensors"), id).await.unwrap();
    }

    /// What arrives now: reasons, and ids of registrations.
    async fn told(&self) -> Vec<(String, Vec<String>)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let one = |news: &Value| {
            assert_eq!(news["type"], "ContextSourceNotification");
            let ids = news["data"].as_array().unwrap().iter().map(|one| text(&one["id"]));
            (text(&news["triggerReason"]), ids.collect())
        };
        self.notified().await.iter().map(one).collect()
    }
}

fn news(reason: &str, ids: &[&str]) -> (String, Vec<String>) {
    (reason.to_owned(), ids.iter().map(|id| (*id).to_owned()).collect())
}

#[tokio::test]
async fn who_subscribes_is_told_what_is_there_as_far_as_it_matters() {
    let world = world();
    world.register(registration("urn:r:1", &["Bus", "Building"])).await;
    world.register(registration("urn:r:2", &["Bus"])).await;
    world.register(registration("urn:r:3", &["Building"])).await;
    world.follow("urn:s:1", to_buildings()).await;
    let told = world.notified().await;
    assert_eq!(told.len(), 1);
    let first = &told[0];
    assert_eq!(first["type"], "ContextSourceNotification");
    assert_eq!(
        (&first["subscriptionId"], &first["triggerReason"]),
        (&json!("urn:s:1"), &json!("newlyMatching"))
    );
    assert!(first["notifiedAt"].is_string() && first["id"].is_string());
    let ids: Vec<&Value> = first["data"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, ["urn:r:1", "urn:r:3"]);
    let parts = json!([{ "entities": [{ "type": "Building" }], "propertyNames": ["name"] }]);
    assert_eq!(first["data"][0]["information"], parts, "what it is not about is left out");
    assert!(first["data"][0].get("contextSourceInfo").is_none(), "it can hold secrets");
    let state = world.followed("urn:s:1").await["notification"].clone();
    assert_eq!((&state["status"], &state["timesSent"]), (&json!("ok"), &json!(1)));
    world.follow("urn:s:2", json!({ "entities": [{ "type": "Vehicle" }] })).await;
    assert!(world.told().await.is_empty(), "nothing matches, so there is nothing to tell");
}

#[tokio::test]
async fn changes_are_told_in_order_with_their_reason() {
    let world = world();
    world.follow("urn:s:1", to_buildings()).await;
    world.register(registration("urn:r:1", &["Building"])).await;
    world.reregister("urn:r:1", json!({ "endpoint": "https://new.example" })).await;
    world.register(registration("urn:r:2", &["Bus"])).await;
    world
        .reregister("urn:r:1", json!({ "information": [{ "entities": [{ "type": "Bus" }] }] }))
        .await;
    world
        .reregister("urn:r:2", json!({ "information": [{ "entities": [{ "type": "Building" }] }] }))
        .await;
    world.deregister("urn:r:1").await;
    world.deregister("urn:r:2").await;
    let told = world.told().await;
    let expected = [
        news("newlyMatching", &["urn:r:1"]),
        news("updated", &["urn:r:1"]),
        news("noLongerMatching", &["urn:r:1"]),
        news("newlyMatching", &["urn:r:2"]),
        news("noLongerMatching", &["urn:r:2"]),
    ];
    assert_eq!(told, expected);
    world.unfollow("urn:s:1").await;
    world.register(registration("urn:r:3", &["Building"])).await;
    assert_eq!(world.deliver().await, Report::default(), "nobody is left to be told");
}

#[tokio::test]
async fn the_end_of_a_registration_is_told_once() {
    let world = world();
    let ending = |id: &str, seconds: i64| {
        let end = world.clock.now() + TimeDelta::seconds(seconds);
        let mut body = registration(id, &["Building"]);
        body["expiresAt"] = json!(end.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
        body
    };
    world.register(ending("urn:r:1", 60)).await;
    world.register(ending("urn:r:2", 90)).await;
    world.follow("urn:s:1", to_buildings()).await;
    assert_eq!(world.told().await, [news("newlyMatching", &["urn:r:1", "urn:r:2"])]);
    let expire = || world.sources.expire(&world.tenant);
    assert_eq!(expire().await, Ok(0));
    world.pass(60);
    assert_eq!(expire().await, Ok(1));
    assert_eq!(expire().await, Ok(0));
    assert_eq!(world.told().await, [news("noLongerMatching", &["urn:r:1"])]);
    // One that takes the id of another whose time is over comes after its end, swept or not.
    world.pass(40);
    world.register(registration("urn:r:2", &["Building"])).await;
    assert_eq!(expire().await, Ok(0));
    let told = world.told().await;
    assert_eq!(told, [news("noLongerMatching", &["urn:r:2"]), news("newlyMatching", &["urn:r:2"])]);
}

#[tokio::test]
async fn the_paused_are_told_nothing_until_they_are_changed() {
    let world = world();
    world.follow("urn:s:1", to_buildings()).await;
    world.change_following("urn:s:1", json!({ "isActive": false })).await;
    world.register(registration("urn:r:1", &["Building"])).await;
    world.register(registration("urn:r:2", &["Bus"])).await;
    assert!(world.told().await.is_empty());
    world.change_following("urn:s:1", json!({ "isActive": true })).await;
    assert_eq!(world.told().await, [news("newlyMatching", &["urn:r:1"])]);
    // After every change, all that match now.
    world.change_following("urn:s:1", json!({ "entities": [{ "type": "Bus" }] })).await;
    assert_eq!(world.told().await, [news("newlyMatching", &["urn:r:2"])]);
    let end = (world.clock.now() + TimeDelta::seconds(5)).to_rfc3339();
    world.change_following("urn:s:1", json!({ "expiresAt": end.replace("+00:00", "Z") })).await;
    world.told().await;
    world.pass(5);
    world.deregister("urn:r:2").await;
    assert!(world.told().await.is_empty(), "its time is over");
}

#[tokio::test]
async fn what_is_owed_survives_failures_and_the_process() {
    let world = world();
    world.follow("urn:s:1", to_buildings()).await;
    world.set_down(RECEIVER, true);
    world.register(registration("urn:r:1", &["Building"])).await;
    assert_eq!(world.deliver().await.failed, 1);
    world.reregister("urn:r:1", json!({ "endpoint": "https://new.example" })).await;
    let state = world.followed("urn:s:1").await["notification"].clone();
    assert_eq!((&state["status"], &state["timesFailed"]), (&json!("failed"), &json!(1)));
    let next = world.again();
    next.set_down(RECEIVER, false);
    next.register(registration("urn:r:2", &["Building"])).await;
    next.pass(3600);
    let expected = [
        news("newlyMatching", &["urn:r:1"]),
        news("updated", &["urn:r:1"]),
        news("newlyMatching", &["urn:r:2"]),
    ];
    assert_eq!(next.told().await, expected);
    // The first process knows what the second one learned.
    world.deregister("urn:r:2").await;
    assert_eq!(world.told().await, [news("noLongerMatching", &["urn:r:2"])]);
}

#[tokio::test]
async fn intervals_tell_all_that_match() {
    let world = world();
    world.register(registration("urn:r:1", &["Building"])).await;
    let mut body = to_buildings();
    body["timeInterval"] = json!(60);
    world.follow("urn:s:1", body).await;
    assert_eq!(world.told().await, [news("newlyMatching", &["urn:r:1"])]);
    world.register(registration("urn:r:2", &["Building"])).await;
    assert!(world.told().await.is_empty(), "changes are not told in between");
    world.pass(60);
    assert_eq!(world.told().await, [news("newlyMatching", &["urn:r:1", "urn:r:2"])]);
}

#[tokio::test]
async fn nobody_is_told_who_may_not_manage_sources_any_more() {
    let world = world();
    world.follow("urn:s:1", to_buildings()).await;
    world.register(registration("urn:r:1", &["Building"])).await;
    world.register.suspend("sensors");
    let report = world.deliver().await;
    assert_eq!((report.sent, report.dropped), (0, 1));
}

#[tokio::test]
async fn conditions_are_those_of_discovery() {
    let matched = async |mut condition: Value, change: Value| {
        let world = world();
        condition["entities"] = json!([{ "type": "Building" }]);
        world.follow("urn:s:1", condition).await;
        let mut body = registration("urn:r:1", &["Building"]);
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        world.register(body).await;
        !world.told().await.is_empty()
    };
    let point = json!({ "type": "Point", "coordinates": [131.5, 32.2] });
    let near = |at: Value| json!({ "geoQ": { "georel": "near;maxDistance==100", "geometry": "Point", "coordinates": at } });
    let after = |property: &str| json!({ "temporalQ": { "timerel": "after", "timeAt": "2020-06-01T22:07:00Z", "timeproperty": property } });
    let since = json!({ "startAt": "2020-08-01T22:07:00Z" });
    for (condition, change, expected) in [
        (json!({ "watchedAttributes": ["name"] }), json!({}), true),
        (json!({ "watchedAttributes": ["floors"] }), json!({}), false),
        (json!({ "csf": "owner==\"town\"" }), json!({ "owner": "town" }), true),
        (json!({ "csf": "owner==\"town\"" }), json!({ "owner": "other" }), false),
        (near(json!([131.5, 32.2])), json!({ "location": point }), true),
        (near(json!([130.0, 32.2])), json!({ "location": point }), false),
        (json!({ "scopeQ": "/Tsuno" }), json!({ "scope": "/Tsuno" }), true),
        (json!({ "scopeQ": "/Tsuno" }), json!({}), false),
        (after("observedAt"), json!({ "observationInterval": since }), true),
        (after("createdAt"), json!({ "managementInterval": since }), true),
        (after("createdAt"), json!({ "observationInterval": since }), false),
        (json!({}), json!({ "observationInterval": since }), false),
    ] {
        assert_eq!(
            matched(condition.clone(), change.clone()).await,
            expected,
            "{condition} {change}"
        );
    }
}

#[tokio::test]
async fn notifications_carry_the_context_and_the_tenant() {
    let world = world();
    let endpoint = json!({ "uri": RECEIVER, "accept": "application/ld+json" });
    let mut body = to_buildings();
    body["notification"] = json!({ "endpoint": endpoint, "sysAttrs": true });
    world.follow("urn:s:1", body).await;
    world.register(registration("urn:r:1", &["Building"])).await;
    let told = world.notified().await;
    assert!(told[0]["@context"].to_string().contains("ngsi-ld-core-context"));
    assert!(told[0]["data"][0]["createdAt"].is_string());
    let twice = registration("urn:r:1", &["Building"]).to_string();
    let refused = world.sources.register(&world.view("sensors"), &twice, &Context::core()).await;
    assert_eq!(refused.unwrap_err().code, ProblemCode::AlreadyExists);
    assert!(world.told().await.is_empty(), "what was refused is no news");
}
