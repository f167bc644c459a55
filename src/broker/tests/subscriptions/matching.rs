//! Which changes concern which subscription (clause 5.8.6).

use serde_json::{Value, json};

use crate::world::{World, building, property, world};

async fn subscribe(world: &World, name: &str, mut body: Value) {
    body["id"] = json!(format!("urn:s:{name}"));
    world.subscribe("sensors", body).await;
}

/// Who was told, by name, sorted.
async fn told(world: &World) -> Vec<String> {
    let notified = world.notified().await;
    let name = |n: &Value| n["subscriptionId"].as_str().unwrap().replace("urn:s:", "");
    let mut names: Vec<String> = notified.iter().map(name).collect();
    names.sort();
    names
}

fn near(longitude: f64, latitude: f64) -> Value {
    let relation = "near;maxDistance==1000";
    json!({ "georel": relation, "geometry": "Point", "coordinates": [longitude, latitude] })
}

#[tokio::test]
async fn entities_attributes_and_conditions_choose() {
    let world = world();
    for (name, body) in [
        ("type", json!({ "entities": [{ "type": "Building" }] })),
        ("other-type", json!({ "entities": [{ "type": "House" }] })),
        ("either", json!({ "entities": [{ "type": "House|Building" }] })),
        ("both", json!({ "entities": [{ "type": "House;Building" }] })),
        ("id", json!({ "entities": [{ "id": "urn:e:1", "type": "Building" }] })),
        ("other-id", json!({ "entities": [{ "id": "urn:e:2", "type": "Building" }] })),
        ("pattern", json!({ "entities": [{ "idPattern": "1$", "type": "*" }] })),
        ("second", json!({ "entities": [{ "type": "House" }, { "type": "Building" }] })),
        ("watched", json!({ "watchedAttributes": ["temperature"] })),
        (
            "unwatched",
            json!({ "entities": [{ "type": "Building" }], "watchedAttributes": ["floor"] }),
        ),
        ("q", json!({ "entities": [{ "type": "Building" }], "q": "temperature>20" })),
        ("near", json!({ "entities": [{ "type": "Building" }], "geoQ": near(131.56, 32.26) })),
        ("far", json!({ "entities": [{ "type": "Building" }], "geoQ": near(139.7, 35.6) })),
        ("scope", json!({ "entities": [{ "type": "Building" }], "scopeQ": "/Tsuno/#" })),
        ("not-scope", json!({ "entities": [{ "type": "Building" }], "scopeQ": "/Tokyo" })),
        ("not-q", json!({ "entities": [{ "type": "Building" }], "q": "temperature>50" })),
    ] {
        subscribe(&world, name, body).await;
    }
    let mut entity = building("urn:e:1", 20);
    entity["scope"] = json!("/Tsuno/Kawakita");
    let point = json!({ "type": "Point", "coordinates": [131.56, 32.26] });
    entity["location"] = json!({ "type": "GeoProperty", "value": point });
    world.create("sensors", entity).await;
    told(&world).await;
    world.update("sensors", "urn:e:1", json!({ "temperature": 25 })).await;
    assert_eq!(
        told(&world).await,
        ["either", "id", "near", "pattern", "q", "scope", "second", "type", "watched"]
    );
}

#[tokio::test]
async fn triggers_say_which_changes() {
    let world = world();
    for trigger in [
        "entityCreated",
        "entityUpdated",
        "entityDeleted",
        "attributeCreated",
        "attributeUpdated",
        "attributeDeleted",
    ] {
        let body =
            json!({ "entities": [{ "type": "Building" }], "notificationTrigger": [trigger] });
        subscribe(&world, trigger, body).await;
    }
    subscribe(&world, "default", json!({ "entities": [{ "type": "Building" }] })).await;

    world.create("sensors", building("urn:e:1", 20)).await;
    assert_eq!(
        told(&world).await,
        ["attributeCreated", "default", "entityCreated", "entityUpdated"]
    );
    world.update("sensors", "urn:e:1", json!({ "temperature": 21 })).await;
    assert_eq!(told(&world).await, ["attributeUpdated", "default", "entityUpdated"]);
    world.update("sensors", "urn:e:1", json!({ "humidity": property(3) })).await;
    assert_eq!(told(&world).await, ["attributeCreated", "default", "entityUpdated"]);
    world.delete_attribute("sensors", "urn:e:1", "humidity").await;
    assert_eq!(told(&world).await, ["attributeDeleted", "entityUpdated"]);
    world.delete("sensors", "urn:e:1").await;
    assert_eq!(told(&world).await, ["attributeDeleted", "entityDeleted", "entityUpdated"]);
}
