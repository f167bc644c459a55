//! From a registration to an answer.

use serde_json::{Map, Value, json};

use super::{EntityInfo, Information, Interval, Management, REGISTRATION, Registration};
use crate::context::Context;
use crate::time::format_date_time;

/// How a registration is shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shape {
    /// Whether `createdAt` and `modifiedAt` are shown.
    pub sys_attrs: bool,
    /// Whether what is sent along to the source, which can be a secret, is shown.
    pub secrets: bool,
    /// Whether the `@context` becomes a member.
    pub embed_context: bool,
}

/// The registration as JSON, names compacted.
#[must_use]
pub fn render(registration: &Registration, ctx: &Context, shape: Shape) -> Value {
    let r = registration;
    let mut out = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(name.to_owned(), value);
        }
    };
    let text = |text: &Option<String>| text.clone().map(Value::from);
    put("id", Some(r.id.clone().into()));
    put("type", Some(REGISTRATION.into()));
    put("registrationName", text(&r.name));
    put("description", text(&r.description));
    let parts: Vec<Value> = r.information.iter().map(|part| information(part, ctx)).collect();
    put("information", Some(parts.into()));
    put("tenant", text(&r.tenant));
    put("contextSourceAlias", text(&r.alias));
    put("observationInterval", r.observation_interval.as_ref().map(interval));
    put("managementInterval", r.management_interval.as_ref().map(interval));
    for (name, geometry) in &r.places {
        put(name, Some(geometry.clone()));
    }
    put("expiresAt", text(&r.expires_at));
    put("endpoint", Some(r.endpoint.clone().into()));
    if shape.secrets && !r.info.is_empty() {
        let pairs = r.info.iter().map(|pair| json!({"key": pair.key, "value": pair.value}));
        put("contextSourceInfo", Some(pairs.collect::<Vec<_>>().into()));
    }
    put("scope", one_or_many(&r.scopes));
    put("mode", Some(r.mode.name().into()));
    put("operations", Some(r.operations.clone().into()));
    put("refreshRate", text(&r.refresh_rate));
    put("management", r.management.as_ref().map(management));
    for (name, value) in &r.properties {
        put(&ctx.compact(name), Some(value.clone()));
    }
    if shape.sys_attrs {
        put("createdAt", Some(format_date_time(r.created_at).into()));
        put("modifiedAt", Some(format_date_time(r.modified_at).into()));
    }
    if shape.embed_context {
        put("@context", serde_json::from_str(ctx.json().get()).ok());
    }
    Value::Object(out)
}

fn one_or_many(texts: &[String]) -> Option<Value> {
    match texts {
        [] => None,
        [one] => Some(one.clone().into()),
        many => Some(many.to_vec().into()),
    }
}

fn compacted(names: &[String], ctx: &Context) -> Vec<String> {
    names.iter().map(|name| ctx.compact(name).into_owned()).collect()
}

fn information(part: &Information, ctx: &Context) -> Value {
    let mut out = Map::new();
    if !part.entities.is_empty() {
        let entities = part.entities.iter().map(|entity| entity_info(entity, ctx));
        out.insert("entities".to_owned(), entities.collect::<Vec<_>>().into());
    }
    for (name, names) in
        [("propertyNames", &part.properties), ("relationshipNames", &part.relationships)]
    {
        if !names.is_empty() {
            out.insert(name.to_owned(), compacted(names, ctx).into());
        }
    }
    Value::Object(out)
}

fn entity_info(entity: &EntityInfo, ctx: &Context) -> Value {
    let mut out = Map::new();
    for (name, text) in [("id", &entity.id), ("idPattern", &entity.id_pattern)] {
        if let Some(text) = text {
            out.insert(name.to_owned(), text.clone().into());
        }
    }
    if let Some(types) = one_or_many(&compacted(&entity.types, ctx)) {
        out.insert("type".to_owned(), types);
    }
    Value::Object(out)
}

fn interval(interval: &Interval) -> Value {
    let mut out = json!({"startAt": interval.start_at});
    if let (Some(end), Some(members)) = (&interval.end_at, out.as_object_mut()) {
        members.insert("endAt".to_owned(), end.clone().into());
    }
    out
}

fn management(management: &Management) -> Value {
    let mut out = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(name.to_owned(), value);
        }
    };
    put("localOnly", management.local_only.map(Value::from));
    put("cacheDuration", management.cache_duration.clone().map(Value::from));
    put("timeout", management.timeout.map(number));
    put("cooldown", management.cooldown.map(number));
    Value::Object(out)
}

/// A number as people write it: whole where it is.
fn number(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "only what is the same afterwards is used")]
    let whole = value as i64;
    #[expect(clippy::cast_precision_loss, reason = "compared with where it came from")]
    let same = (whole as f64 - value).abs() < f64::EPSILON;
    if same { whole.into() } else { value.into() }
}
