//! What a subscriber may not see neither arrives nor leaves a trace.

use serde_json::{Value, json};
use tsunagu_store::access::{Action, Decision};

use crate::world::{ALICE, Event, RECEIVER, property, values, world};

fn activity(id: &str, steps: i64) -> Value {
    json!({
        "id": id, "type": "HealthActivity", "steps": property(steps), "distance": property(1),
        "person": { "type": "Relationship", "object": ALICE.urn() },
    })
}

fn to_activities() -> Value {
    json!({ "entities": [{ "type": "HealthActivity" }], "notification": {} })
}

#[tokio::test]
async fn a_notification_is_cut_masked_and_on_record_before_it_leaves() {
    let world = world();
    world.subscribe("app", to_activities()).await;
    world.create("town", activity("urn:a:1", 100)).await;
    world.events();
    world.deliver().await;
    let events = world.events();
    let [Event::Access(access), Event::Sent(_, notification)] = &events[..] else {
        panic!("the record comes first: {events:?}");
    };
    assert_eq!((access.action, access.decision), (Action::Notify, Decision::Allowed));
    assert_eq!(access.subjects, [ALICE]);
    assert_eq!((access.grant.as_deref(), access.count), (Some("g"), 1));
    let entity = &notification["data"][0];
    assert_eq!(entity["steps"]["value"], 100);
    assert!(entity.get("distance").is_none(), "nobody consented to that: {entity}");
    let person = entity["person"]["object"].as_str().unwrap();
    assert!(person.starts_with("urn:ngsi-ld:Person:") && person != ALICE.urn(), "{person}");
}

#[tokio::test]
async fn t70_a_subscription_that_outlives_its_consent_is_told_nothing() {
    let world = world();
    world.subscribe("app", to_activities()).await;
    world.set_down(RECEIVER, true);
    world.create("town", activity("urn:a:1", 100)).await;
    assert_eq!(world.deliver().await.failed, 1);
    world.register.grant.lock().unwrap().live = false;
    world.set_down(RECEIVER, false);
    world.events();
    assert_eq!(world.deliver().await.dropped, 1);
    let events = world.events();
    let [Event::Access(refused)] = &events[..] else {
        panic!("the refusal is one entry: {events:?}");
    };
    assert_eq!((refused.action, refused.decision), (Action::Notify, Decision::Denied));
    assert_eq!((&refused.subjects[..], refused.reason.as_str()), (&[ALICE][..], "no-live-consent"));
    assert_eq!(world.deliver().await, tsunagu_broker::Report::default(), "and it is over");
    assert!(world.events().is_empty());
    world.register.grant.lock().unwrap().live = true;
    world.pass(3600);
    assert!(world.notified().await.is_empty(), "what was queued is gone for good");
    world.update("town", "urn:a:1", json!({ "steps": property(200) })).await;
    assert_eq!(values(&world.notified().await, "steps"), [200]);
}

/// Less is consented to between a change and its delivery: that part does not leave, and the record names what does.
#[tokio::test]
async fn a_consent_that_shrinks_takes_its_part_out_of_what_is_queued() {
    let world = world();
    world.subscribe("app", to_activities()).await;
    world.set_down(RECEIVER, true);
    world.create("town", activity("urn:a:1", 100)).await;
    world.update("town", "urn:a:1", json!({ "steps": property(200) })).await;
    assert!(world.deliver().await.failed > 0);
    let steps = crate::world::iri("steps");
    for of in &mut world.register.grant.lock().unwrap().read {
        of.attributes.retain(|name| *name != steps);
    }
    world.set_down(RECEIVER, false);
    world.pass(3600);
    world.events();
    let report = world.deliver().await;
    // Of the second change nothing is left to tell.
    assert_eq!((report.sent, report.dropped), (1, 1));
    let events = world.events();
    let [Event::Access(access), Event::Sent(_, notification)] = &events[..] else {
        panic!("{events:?}");
    };
    assert!(!access.attributes.contains(&steps));
    let entity = &notification["data"][0];
    assert!(entity.get("steps").is_none() && entity["person"].is_object(), "{entity}");
}

#[tokio::test]
async fn a_suspended_client_is_told_nothing() {
    let world = world();
    world.subscribe("other", json!({ "entities": [{ "type": "Building" }] })).await;
    world.create("sensors", crate::world::building("urn:e:1", 20)).await;
    world.register.suspend("other");
    assert_eq!(world.deliver().await.dropped, 1);
    world.update("sensors", "urn:e:1", json!({ "temperature": 21 })).await;
    assert_eq!(world.deliver().await, tsunagu_broker::Report::default());
}

#[tokio::test]
async fn t70_watching_what_nobody_consented_to_triggers_matches_and_throttles_nothing() {
    let world = world();
    world.create("town", activity("urn:a:1", 100)).await;
    for body in [
        json!({ "entities": [{ "type": "HealthActivity" }], "throttling": 60 }),
        json!({ "watchedAttributes": ["distance"] }),
        json!({ "entities": [{ "type": "HealthActivity" }], "q": "distance>0" }),
    ] {
        world.subscribe("app", body).await;
        // Who has no consent at all is told nothing of persons.
        world.subscribe("other", to_activities()).await;
    }
    world.update("town", "urn:a:1", json!({ "distance": property(2) })).await;
    assert_eq!(world.deliver().await, tsunagu_broker::Report::default());
    world.update("town", "urn:a:1", json!({ "steps": property(101) })).await;
    let told = world.notified().await;
    assert_eq!(values(&told, "steps"), [101], "the hidden change has not used up the interval");
}

#[tokio::test]
async fn masked_ids_are_turned_in_and_out() {
    let world = world();
    let person = json!({ "id": ALICE.urn(), "type": "Person", "name": property("花子") });
    world.create("town", person).await;
    let masked = world.view("app").outward_id(&ALICE.urn()).into_owned();
    let body = json!({ "id": "urn:s:1", "entities": [{ "id": masked, "type": "Person" }] });
    world.subscribe("app", body).await;
    assert_eq!(world.read("app", "urn:s:1").await.unwrap()["entities"][0]["id"], json!(masked));
    world.update("town", &ALICE.urn(), json!({ "name": property("はなこ") })).await;
    let told = world.notified().await;
    assert_eq!(told[0]["data"][0]["id"], json!(masked));
}
