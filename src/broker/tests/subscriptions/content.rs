//! What notifications hold (clauses 5.3.1, 5.8.6).

use serde_json::{Value, json};

use crate::world::{RECEIVER, World, building, property, to_buildings, world};

async fn one(world: &World) -> Value {
    let mut notified = world.notified().await;
    assert_eq!(notified.len(), 1, "{notified:?}");
    notified.remove(0)
}

async fn told_of(notification: Value, triggers: &[&str], act: impl AsyncFn(&World)) -> Value {
    let world = world();
    let entity = json!({
        "id": "urn:e:1", "type": "Building",
        "temperature": { "type": "Property", "value": 20, "unitCode": "CEL" },
        "label": { "type": "LanguageProperty", "languageMap": { "ja": "役場", "en": "hall" } },
        "near": { "type": "Relationship", "object": "urn:e:2" },
        "kind": { "type": "VocabProperty", "vocab": "office" },
    });
    world.create("sensors", entity).await;
    let body = json!({
        "id": "urn:s:1", "entities": [{ "type": "Building" }], "notification": notification,
        "notificationTrigger": triggers,
    });
    world.subscribe("sensors", body).await;
    act(&world).await;
    let notification = one(&world).await;
    assert_eq!(notification["type"], "Notification");
    assert_eq!(notification["subscriptionId"], "urn:s:1");
    assert!(notification["id"].as_str().unwrap().starts_with("urn:ngsi-ld:Notification:"));
    assert!(notification["notifiedAt"].as_str().unwrap().ends_with('Z'));
    assert_eq!(notification["data"].as_array().unwrap().len(), 1);
    notification["data"][0].clone()
}

#[tokio::test]
async fn representations_and_selections() {
    let warmer = async |world: &World| {
        world.update("sensors", "urn:e:1", json!({ "temperature": 21 })).await;
    };
    let updated = ["attributeUpdated"];
    let simplified = json!({ "format": "keyValues", "attributes": ["temperature", "near"] });
    let expected =
        json!({ "id": "urn:e:1", "type": "Building", "temperature": 21, "near": "urn:e:2" });
    assert_eq!(told_of(simplified, &updated, warmer).await, expected);
    let picked = json!({ "format": "concise", "pick": ["id", "temperature"] });
    assert_eq!(
        told_of(picked, &updated, warmer).await,
        json!({ "id": "urn:e:1", "temperature": 21 })
    );
    let omitted = json!({ "omit": ["type", "label", "near", "kind"] });
    let expected = json!({ "id": "urn:e:1", "temperature": property(21) });
    assert_eq!(told_of(omitted, &updated, warmer).await, expected);
    // None of the attributes wanted is there: that something changed is told all the same.
    let absent = json!({ "attributes": ["colour"] });
    assert_eq!(
        told_of(absent, &updated, warmer).await,
        json!({ "id": "urn:e:1", "type": "Building" })
    );
    let ld =
        json!({ "endpoint": { "uri": "https://r.example/", "accept": "application/ld+json" } });
    assert!(told_of(ld, &updated, warmer).await["@context"].is_string());
}

#[tokio::test]
async fn linked_entities_come_along() {
    let world = world();
    world
        .create("sensors", json!({ "id": "urn:e:2", "type": "City", "name": property("都農町") }))
        .await;
    for (join, id) in [("inline", "urn:e:1"), ("flat", "urn:e:3")] {
        let notification = json!({ "join": join, "format": "simplified" });
        let body =
            json!({ "entities": [{ "id": id, "type": "Building" }], "notification": notification });
        world.subscribe("sensors", body).await;
        let near = json!({ "type": "Relationship", "object": "urn:e:2" });
        world.create("sensors", json!({ "id": id, "type": "Building", "near": near })).await;
    }
    let told = world.notified().await;
    let of = |id: &str| told.iter().find(|n| n["data"][0]["id"] == id).unwrap();
    assert_eq!(of("urn:e:1")["data"][0]["near"]["name"], "都農町");
    let flat = of("urn:e:3")["data"].as_array().unwrap().clone();
    assert_eq!((flat.len(), &flat[1]["name"]), (2, &json!("都農町")));
}

#[tokio::test]
async fn features_are_told_as_a_collection() {
    let world = world();
    let endpoint = json!({ "uri": "https://r.example/", "accept": "application/geo+json" });
    let body =
        json!({ "entities": [{ "type": "Building" }], "notification": { "endpoint": endpoint } });
    world.subscribe("sensors", body).await;
    let mut entity = building("urn:e:1", 20);
    let point = json!({ "type": "Point", "coordinates": [131.56, 32.26] });
    entity["location"] = json!({ "type": "GeoProperty", "value": point });
    world.create("sensors", entity).await;
    let data = one(&world).await["data"].clone();
    assert_eq!(data["type"], "FeatureCollection");
    assert!(data["@context"].is_string());
    let feature = &data["features"][0];
    assert_eq!((&feature["type"], &feature["geometry"]), (&json!("Feature"), &point));
    assert_eq!(feature["properties"]["temperature"]["value"], 20);
}

#[tokio::test]
async fn previous_values_are_told_when_asked_for() {
    let changes = json!({ "showChanges": true, "attributes": ["temperature", "kind"] });
    let expected = json!({
        "id": "urn:e:1", "type": "Building",
        "temperature": { "type": "Property", "value": 21, "previousValue": 20 },
        "kind": { "type": "VocabProperty", "vocab": "shop", "previousVocab": "office" },
    });
    let told = told_of(changes, &["attributeUpdated"], async |world: &World| {
        let kind = json!({ "type": "VocabProperty", "vocab": "shop" });
        world
            .update("sensors", "urn:e:1", json!({ "temperature": property(21), "kind": kind }))
            .await;
    });
    assert_eq!(told.await, expected);
}

#[tokio::test]
async fn what_is_gone_is_told_by_the_null() {
    let gone = async |world: &World| {
        world.delete_attribute("sensors", "urn:e:1", "label").await;
    };
    let told = told_of(json!({ "attributes": ["label"] }), &["attributeDeleted"], gone).await;
    let nothing = json!({ "@none": "urn:ngsi-ld:null" });
    assert_eq!(told["label"], json!({ "type": "LanguageProperty", "languageMap": nothing }));
    let shown = json!({ "attributes": ["label"], "showChanges": true, "sysAttrs": true });
    let told = told_of(shown, &["attributeDeleted"], gone).await;
    assert_eq!(told["label"]["previousLanguageMap"]["en"], "hall");
    assert!(told["label"]["deletedAt"].is_string() && told.get("deletedAt").is_none());

    let all_gone = async |world: &World| world.delete("sensors", "urn:e:1").await;
    let told = told_of(json!({}), &["entityDeleted"], all_gone).await;
    assert_eq!(told.as_object().unwrap().len(), 3, "id, type and deletedAt: {told}");
    assert!(told["deletedAt"].is_string());
    let told = told_of(json!({ "showChanges": true }), &["entityDeleted"], all_gone).await;
    assert_eq!(told["near"]["previousObject"], "urn:e:2");
    assert_eq!(told["near"]["object"], "urn:ngsi-ld:null");
    assert_eq!(told["temperature"]["previousValue"], 20);
}

#[tokio::test]
async fn each_change_is_told_as_it_was() {
    let world = world();
    world.create("sensors", building("urn:e:1", 20)).await;
    let body =
        json!({ "entities": [{ "type": "Building" }], "notification": { "format": "simplified" } });
    world.subscribe("sensors", body).await;
    for temperature in 21..30 {
        world.update("sensors", "urn:e:1", json!({ "temperature": temperature })).await;
    }
    let told = crate::world::values(&world.notified().await, "temperature");
    assert_eq!(told, (21..30).map(Value::from).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_has_ended_while_it_was_queued_is_not_told() {
    let world = world();
    let mut body = to_buildings();
    body["notification"] = json!({ "format": "simplified", "showChanges": false });
    world.subscribe("sensors", body).await;
    let ends = |value: i64| json!({ "type": "Property", "value": value, "expiresAt": "2026-11-23T01:00:00Z" });
    world.set_down(RECEIVER, true);
    world
        .create(
            "sensors",
            json!({ "id": "urn:e:1", "type": "Building", "alarm": ends(1), "floor": property(1) }),
        )
        .await;
    // A change of nothing but what ends, and an entity that ends.
    world.update("sensors", "urn:e:1", json!({ "alarm": ends(2) })).await;
    let all = json!({ "id": "urn:e:2", "type": "Building", "floor": property(2), "expiresAt": "2026-11-23T01:00:00Z" });
    world.create("sensors", all).await;
    assert!(world.deliver().await.failed > 0);
    world.set_down(RECEIVER, false);
    world.pass(2 * 3600);
    let told = world.notified().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["data"], json!([{ "id": "urn:e:1", "type": "Building", "floor": 1 }]));
}
