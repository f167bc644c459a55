//! An example for every body of the NGSI-LD binding, in requests and in answers: that of its shape, or one of the operation's own.

use serde_json::{Value, json};

use super::binding::Operation;

const LD_JSON: &str = "application/ld+json";
const CONTEXT: &str = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld";

/// Adds the examples of one operation.
pub(super) fn add(operation: &Operation<'_>, schemas: &Value, description: &mut Value) {
    let request = description.get_mut("requestBody");
    if let Some(content) = request.and_then(|body| body["content"].as_object_mut()) {
        for (media, content) in content {
            fill(content, asked(operation), schemas, media);
        }
    }
    let Some(responses) = description["responses"].as_object_mut() else { return };
    let usual = responses.get("200").map(|response| response["content"].clone());
    for (status, response) in responses {
        if !status.starts_with('2')
            || matches!(status.as_str(), "201" | "204") && response["content"].is_null()
        {
            continue;
        }
        if response["content"].is_null() {
            // What is shown in another way for once has the same shape.
            response["content"] = match (status.as_str(), &usual) {
                ("207", _) => json!({ "application/json": { "schema": { "type": "object" } } }),
                (_, Some(usual)) => usual.clone(),
                (_, None) => continue,
            };
        }
        let Some(content) = response["content"].as_object_mut() else { continue };
        for (media, content) in content {
            fill(content, answered(operation, status), schemas, media);
        }
    }
}

fn fill(content: &mut Value, own: Option<Value>, schemas: &Value, media: &str) {
    let shaped = || shape(&content["schema"], schemas);
    let Some(mut example) = own.or_else(shaped) else { return };
    if media == LD_JSON {
        carry_context(&mut example);
    }
    content["example"] = example;
}

/// In `application/ld+json`, each element carries its @context.
fn carry_context(example: &mut Value) {
    match example {
        Value::Object(members) if !members.contains_key("@context") => {
            members.insert("@context".to_owned(), json!(CONTEXT));
        }
        Value::Array(items) => items.iter_mut().for_each(carry_context),
        _ => {}
    }
}

/// The example that the shape itself has.
fn shape(schema: &Value, schemas: &Value) -> Option<Value> {
    if let Some(name) = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next()) {
        return named(name).or_else(|| shape(&schemas[name], schemas));
    }
    let own = schema.get("example").cloned();
    if let Some(own) = own.or_else(|| schema["examples"].as_array()?.first().cloned()) {
        return Some(own);
    }
    match (schema.get("items").and_then(|items| shape(items, schemas)), schema["type"].as_str()) {
        (Some(item), _) => Some(json!([item])),
        (None, Some("array")) => Some(json!(["urn:ngsi-ld:Building:001"])),
        _ => None,
    }
}

/// Of the shapes of the binding, by name.
pub(super) fn named(name: &str) -> Option<Value> {
    Some(match name {
        "EntityBody" => json!({
            "id": "urn:ngsi-ld:Building:001",
            "type": "Building",
            "name": { "type": "Property", "value": "都農町役場" },
            "location": { "type": "GeoProperty", "value": { "type": "Point", "coordinates": [131.56, 32.26] } }
        }),
        "FeatureBody" => json!({
            "id": "urn:ngsi-ld:Building:001",
            "type": "Feature",
            "geometry": { "type": "Point", "coordinates": [131.56, 32.26] },
            "properties": { "type": "Building", "name": { "type": "Property", "value": "都農町役場" } }
        }),
        "FeatureCollectionBody" => json!({ "type": "FeatureCollection", "features": [] }),
        "QueryBody" => json!({
            "type": "Query",
            "entities": [{ "type": "Building", "idPattern": "^urn:ngsi-ld:Building:.*" }],
            "pick": ["id", "name"],
            "q": "floors>2",
            "geoQ": { "georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": [131.56, 32.26] },
            "scopeQ": "/Tsuno/#",
            "ordering": { "orderBy": ["name;asc"], "collation": "ja" }
        }),
        "FragmentBody" => {
            json!({ "temperature": { "type": "Property", "value": 21.5, "observedAt": "2026-11-23T09:00:00Z" } })
        }
        "TemporalBody" => json!({
            "id": "urn:ngsi-ld:Building:001",
            "type": "Building",
            "temperature": [
                { "type": "Property", "value": 21.5, "observedAt": "2026-11-23T09:00:00Z" },
                { "type": "Property", "value": 22, "observedAt": "2026-11-23T10:00:00Z" }
            ]
        }),
        "TemporalQueryBody" => json!({
            "type": "Query",
            "entities": [{ "type": "Building" }],
            "q": "temperature>20",
            "temporalQ": { "timerel": "after", "timeAt": "2026-11-23T00:00:00Z", "lastN": 10 }
        }),
        "SubscriptionBody" => json!({
            "type": "Subscription",
            "entities": [{ "type": "AirQualityObserved" }],
            "watchedAttributes": ["NO2"],
            "q": "NO2>40",
            "notification": {
                "attributes": ["NO2"],
                "format": "concise",
                "endpoint": { "uri": "https://app.example/notifications", "accept": "application/json" }
            }
        }),
        "DiscoveredTypes" => {
            json!({ "id": "urn:ngsi-ld:EntityTypeList:1", "type": "EntityTypeList", "typeList": ["Building", "Vehicle"] })
        }
        "DiscoveredType" => json!({
            "id": "https://uri.etsi.org/ngsi-ld/default-context/Building", "type": "EntityTypeInfo", "typeName": "Building", "entityCount": 2,
            "attributeDetails": [{ "id": "https://uri.etsi.org/ngsi-ld/default-context/name", "type": "Attribute", "attributeName": "name", "attributeTypes": ["Property"] }]
        }),
        "DiscoveredAttributes" => {
            json!({ "id": "urn:ngsi-ld:AttributeList:1", "type": "AttributeList", "attributeList": ["name"] })
        }
        "DiscoveredAttribute" => json!({
            "id": "https://uri.etsi.org/ngsi-ld/default-context/name", "type": "Attribute", "attributeName": "name", "attributeCount": 2,
            "attributeTypes": ["Property"], "typeNames": ["Building"]
        }),
        "RegistrationBody" => json!({
            "type": "ContextSourceRegistration",
            "information": [{ "entities": [{ "type": "Building" }], "propertyNames": ["name"] }],
            "endpoint": "https://broker.example/ngsi-ld/v1"
        }),
        "BatchOperationResult" => json!({
            "success": ["urn:ngsi-ld:Building:001"],
            "errors": [{
                "entityId": "urn:ngsi-ld:Building:002",
                "error": {
                    "type": "https://uri.etsi.org/ngsi-ld/errors/AlreadyExists", "title": "Already exists", "status": 409,
                    "detail": "an entity of this id exists already", "pointer": "/1/id", "titleJa": "すでに存在します"
                }
            }]
        }),
        "Details" => json!({
            "URL": "https://tsunagu.example/ngsi-ld/v1/jsonldContexts/8d9c2d3f", "localId": "8d9c2d3f", "kind": "Hosted",
            "createdAt": "2026-11-23T09:00:00Z", "numberOfHits": 3
        }),
        "SourceIdentity" => json!({
            "id": "urn:ngsi-ld:ContextSourceIdentity:tsunagu.example", "type": "ContextSourceIdentity",
            "contextSourceAlias": "tsunagu.example", "contextSourceUptime": "PT3600S", "contextSourceTimeAt": "2026-11-23T09:00:00Z",
            "@context": CONTEXT
        }),
        _ => return None,
    })
}

/// What an operation is asked, where that is not the example of its shape.
fn asked(operation: &Operation<'_>) -> Option<Value> {
    let reading =
        || json!({ "type": "Property", "value": 21.5, "observedAt": "2026-11-23T09:00:00Z" });
    Some(match (operation.method, operation.path) {
        ("post", "/entityOperations/delete") => {
            json!(["urn:ngsi-ld:Building:001", "urn:ngsi-ld:Building:002"])
        }
        ("post", "/entityOperations/update" | "/entityOperations/merge") => {
            json!([{ "id": "urn:ngsi-ld:Building:001", "type": "Building", "temperature": reading() }])
        }
        ("post", "/jsonldContexts") => {
            json!({ "@context": { "temperature": "https://example.org/terms#temperature" } })
        }
        ("patch", "/entities/{entityId}/attrs/{attrId}") => {
            json!({ "value": 22, "observedAt": "2026-11-23T10:00:00Z" })
        }
        ("put", "/entities/{entityId}/attrs/{attrId}") => reading(),
        ("patch", "/subscriptions/{subscriptionId}" | "/csourceSubscriptions/{subscriptionId}") => {
            json!({ "isActive": false })
        }
        ("patch", "/csourceRegistrations/{registrationId}") => {
            json!({ "endpoint": "https://other.example" })
        }
        ("post", "/csourceSubscriptions") => json!({
            "type": "Subscription",
            "entities": [{ "type": "Building" }],
            "notification": { "endpoint": { "uri": "https://app.example/registrations", "accept": "application/json" } }
        }),
        ("post", "/temporal/entities/{entityId}/attrs") => json!({ "temperature": [reading()] }),
        ("patch", "/temporal/entities/{entityId}/attrs/{attrId}/{instanceId}") => {
            json!({ "temperature": [reading()] })
        }
        _ => return None,
    })
}

/// What an operation answers, likewise.
fn answered(operation: &Operation<'_>, status: &str) -> Option<Value> {
    Some(match (operation.path, status) {
        ("/entities/{entityId}/attrs", "207") => json!({
            "updated": ["temperature"],
            "notUpdated": [{ "attributeName": "name", "reason": "the attribute exists already" }]
        }),
        ("/jsonldContexts/{contextId}", "200") => {
            json!({ "@context": { "temperature": "https://example.org/terms#temperature" } })
        }
        ("/jsonldContexts", "200") => {
            json!(["https://tsunagu.example/ngsi-ld/v1/jsonldContexts/8d9c2d3f"])
        }
        _ => return None,
    })
}
