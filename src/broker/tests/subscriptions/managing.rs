//! Create, read, change, list, delete: for their owner alone.

use serde_json::{Value, json};
use tsunagu_domain::ProblemCode;

use crate::world::{RECEIVER, building, to_buildings, world};

#[tokio::test]
async fn what_was_written_is_read_back_with_its_state() {
    let world = world();
    let body = json!({
        "id": "urn:ngsi-ld:Subscription:1",
        "subscriptionName": "heat",
        "entities": [{ "id": "urn:e:1", "type": "Building" }, { "idPattern": "^urn:e:", "type": "(Building|House);Public" }],
        "watchedAttributes": ["temperature"],
        "notificationTrigger": ["attributeUpdated", "entityDeleted"],
        "q": "temperature>20;kind==\"Office\"",
        "throttling": 5,
        "expiresAt": "2030-01-01T00:00:00Z",
        "datasetId": ["@none", "urn:d:1"],
        "status": "expired",
        "unknown": 1,
        "notification": {
            "attributes": ["temperature"], "format": "concise", "sysAttrs": true, "timesSent": 42,
            "endpoint": {
                "uri": RECEIVER, "accept": "application/ld+json", "timeout": 100, "cooldown": 2000,
                "receiverInfo": [{ "key": "Authorization", "value": "Bearer x" }]
            }
        }
    });
    let id = world.subscribe("sensors", body.clone()).await;
    assert_eq!(id, "urn:ngsi-ld:Subscription:1");
    let mut expected = body;
    let members = expected.as_object_mut().unwrap();
    members.remove("unknown");
    members.insert("status".to_owned(), json!("active"));
    members.insert("type".to_owned(), json!("Subscription"));
    members["notification"].as_object_mut().unwrap().remove("timesSent");
    assert_eq!(world.read("sensors", &id).await.unwrap(), expected);
    // A restart changes nothing.
    assert_eq!(world.again().read("sensors", &id).await.unwrap(), expected);
}

#[tokio::test]
async fn rules_of_the_standard_hold() {
    let world = world();
    let wrong: Vec<(Value, &str)> = vec![
        (json!({ "notification": {} }), "/entities"),
        (json!({ "entities": [], "notification": {} }), "/entities"),
        (json!({ "entities": [{ "id": "urn:e:1" }], "notification": {} }), "/entities/0/type"),
        (json!({ "entities": [{ "type": "A", "idPattern": "(" }] }), "/entities/0/idPattern"),
        (json!({ "entities": [{ "type": "A" }], "timeInterval": 0 }), "/timeInterval"),
        (json!({ "entities": [{ "type": "A" }], "throttling": -3 }), "/throttling"),
        (
            json!({ "entities": [{ "type": "A" }], "throttling": 3, "timeInterval": 3 }),
            "/throttling",
        ),
        (json!({ "watchedAttributes": ["a"], "timeInterval": 3 }), "/watchedAttributes"),
        (json!({ "watchedAttributes": [] }), "/watchedAttributes"),
        (json!({ "watchedAttributes": ["a b"] }), "/watchedAttributes/0"),
        (json!({ "watchedAttributes": ["a"], "q": "((" }), "/q"),
        (json!({ "watchedAttributes": ["a"], "csf": "((" }), "/csf"),
        (
            json!({ "watchedAttributes": ["a"], "notificationTrigger": ["entityChanged"] }),
            "/notificationTrigger/0",
        ),
        (json!({ "watchedAttributes": ["a"], "expiresAt": "2000-01-01T00:00:00Z" }), "/expiresAt"),
        (json!({ "watchedAttributes": ["a"], "expiresAt": "tomorrow" }), "/expiresAt"),
        (json!({ "watchedAttributes": ["a"], "isActive": "yes" }), "/isActive"),
        (json!({ "watchedAttributes": ["a"], "datasetId": ["x"] }), "/datasetId/0"),
        (json!({ "watchedAttributes": ["a"], "temporalQ": {} }), "/temporalQ"),
        (json!({ "watchedAttributes": ["a"], "id": "nothing" }), "/id"),
        (
            json!({ "watchedAttributes": ["a"], "notification": { "pick": [] } }),
            "/notification/pick",
        ),
        (
            json!({ "watchedAttributes": ["a"], "notification": { "pick": ["a"], "omit": ["a"] } }),
            "/notification/omit",
        ),
        (
            json!({ "watchedAttributes": ["a"], "notification": { "pick": ["a"], "attributes": ["a"] } }),
            "/notification/attributes",
        ),
        (
            json!({ "watchedAttributes": ["a"], "notification": { "format": "x" } }),
            "/notification/format",
        ),
        (
            json!({ "watchedAttributes": ["a"], "notification": { "format": "simplified", "showChanges": true } }),
            "/notification/showChanges",
        ),
        (
            json!({ "watchedAttributes": ["a"], "notification": { "joinLevel": 2 } }),
            "/notification/joinLevel",
        ),
        (
            json!({ "watchedAttributes": ["a"], "notification": { "join": "deep" } }),
            "/notification/join",
        ),
        (
            json!({ "watchedAttributes": ["a"], "notification": { "endpoint": { "uri": "ftp://x.example/" } } }),
            "/notification/endpoint/uri",
        ),
    ];
    for (body, at) in wrong {
        let problem = world.try_subscribe("sensors", body.clone()).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::BadRequestData, "{body}");
        assert_eq!(problem.pointer.as_deref(), Some(at), "{body}: {problem}");
    }
    let number = json!({ "watchedAttributes": ["a"], "description": "個人番号 123456789018" });
    let problem = world.try_subscribe("sensors", number).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::IndividualNumber);
}

#[tokio::test]
async fn a_subscription_exists_for_its_owner_alone() {
    let world = world();
    let mine = json!({ "id": "urn:s:1", "watchedAttributes": ["a"], "notification": {} });
    world.subscribe("sensors", mine.clone()).await;
    for stranger in ["other", "town", "app"] {
        for problem in [
            world.read(stranger, "urn:s:1").await.unwrap_err(),
            world.patch(stranger, "urn:s:1", json!({ "isActive": false })).await.unwrap_err(),
            world.unsubscribe(stranger, "urn:s:1").await.unwrap_err(),
        ] {
            assert_eq!(problem.code, ProblemCode::ResourceNotFound);
        }
        assert_eq!(world.list(stranger, 10, 0).await, (json!([]), 0, false));
    }
    // Not even that the id is taken is told.
    world.subscribe("other", mine.clone()).await;
    let again = world.try_subscribe("sensors", mine).await.unwrap_err();
    assert_eq!(again.code, ProblemCode::AlreadyExists);
    world.unsubscribe("other", "urn:s:1").await.unwrap();
    assert!(world.read("sensors", "urn:s:1").await.is_ok());
}

#[tokio::test]
async fn pages_follow_one_another() {
    let world = world();
    for n in 0..5 {
        let body = json!({ "id": format!("urn:s:{n}"), "watchedAttributes": ["a"] });
        world.subscribe("sensors", body).await;
    }
    let ids = |page: &Value| -> Vec<String> {
        let ids = page.as_array().unwrap().iter();
        ids.map(|s| s["id"].as_str().unwrap().to_owned()).collect()
    };
    let (page, count, more) = world.list("sensors", 2, 1).await;
    assert_eq!((ids(&page), count, more), (vec!["urn:s:1".into(), "urn:s:2".into()], 5, true));
    let (page, _, more) = world.list("sensors", 2, 3).await;
    assert_eq!((ids(&page).len(), more), (2, false));
    assert_eq!(world.list("sensors", 0, 0).await, (json!([]), 5, true));
}

#[tokio::test]
async fn changes_count_from_the_next_change_of_an_entity() {
    let world = world();
    let id = world.subscribe("sensors", to_buildings()).await;
    world.create("sensors", building("urn:e:1", 20)).await;
    assert_eq!(world.notified().await.len(), 1);

    world.patch("sensors", &id, json!({ "isActive": false })).await.unwrap();
    assert_eq!(world.read("sensors", &id).await.unwrap()["status"], "paused");
    world.update("sensors", "urn:e:1", json!({ "temperature": 21 })).await;
    assert!(world.notified().await.is_empty());

    world.patch("sensors", &id, json!({ "isActive": null, "q": "temperature>30" })).await.unwrap();
    world.update("sensors", "urn:e:1", json!({ "temperature": 22 })).await;
    assert!(world.notified().await.is_empty());
    world.update("sensors", "urn:e:1", json!({ "temperature": 31 })).await;
    assert_eq!(world.notified().await.len(), 1);

    for (fragment, at) in [
        (json!({ "notification": null }), "/notification"),
        (json!({ "notification": { "format": "concise" } }), "/notification/endpoint"),
        (json!({ "entities": null }), "/entities"),
        (json!({ "type": "Other" }), "/type"),
        (json!({ "id": "urn:s:other" }), "/id"),
        (json!({ "expiresAt": "2020-01-01T00:00:00Z" }), "/expiresAt"),
    ] {
        let problem = world.patch("sensors", &id, fragment.clone()).await.unwrap_err();
        assert_eq!(problem.pointer.as_deref(), Some(at), "{fragment}");
    }

    world.update("sensors", "urn:e:1", json!({ "temperature": 33 })).await;
    world.unsubscribe("sensors", &id).await.unwrap();
    assert!(world.notified().await.is_empty(), "what was queued went with it");
    assert!(world.read("sensors", &id).await.is_err());
}

#[tokio::test]
async fn another_process_learns_of_subscriptions() {
    let world = world();
    let second = world.again();
    second.create("sensors", building("urn:e:1", 20)).await;
    let id = world.subscribe("sensors", to_buildings()).await;
    second.update("sensors", "urn:e:1", json!({ "temperature": 21 })).await;
    assert_eq!(world.notified().await.len(), 1);
    second.unsubscribe("sensors", &id).await.unwrap();
    world.update("sensors", "urn:e:1", json!({ "temperature": 22 })).await;
    assert!(second.notified().await.is_empty());
}

#[tokio::test]
async fn individual_numbers_are_in_no_member() {
    let world = world();
    // An invented number with a right check digit.
    for (name, value) in [
        ("description", json!("1234-5678-9018")),
        ("entities", json!([{ "type": "Building", "id": "urn:e:123456789018" }])),
        ("entities", json!([{ "type": "Building", "idPattern": "123456789018" }])),
        ("scopeQ", json!("/123456789018")),
        ("watchedAttributes", json!(["myNumber"])),
        ("unknown", json!({ "deep": [1.234_567_890_18e11] })),
        ("unknown", json!({ "個人番号": "x" })),
    ] {
        let mut body = to_buildings();
        body[name] = value.clone();
        let refused = world.try_subscribe("sensors", body).await.unwrap_err();
        assert_eq!(refused.code, ProblemCode::IndividualNumber, "{name}: {value}");
    }
}
