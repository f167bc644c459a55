//! A subscription as its owner reads it (clause 5.2.12).

use serde_json::{Map, Value, json};
use tsunagu_domain::Problem;
use tsunagu_ngsi_ld::time::format_date_time;
use tsunagu_ngsi_ld::{Context, TypeSelection};
use tsunagu_policy::View;

use super::Subscriptions;
use super::manage::{Asking, Showing};
use super::model::{Endpoint, GeoQ, Notification, Pair, Selector, Subscription, Trigger};
use super::read;
use super::records::{State, state};

impl Subscriptions {
    /// Appends a subscription with what the broker knows of it.
    pub(super) async fn show(
        &self,
        asking: &Asking<'_>,
        subscription: &Subscription,
        showing: &Showing<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        let tenant = asking.view.tenant();
        let (_, state) = state(&*self.parts.store, tenant, subscription.uid).await?;
        let now = self.parts.clock.micros();
        let shown = shown(subscription, &state, asking.view, showing, now);
        // A tree of strings and numbers is always JSON.
        out.extend(serde_json::to_vec(&shown).unwrap_or_default());
        Ok(())
    }
}

pub(super) fn shown(
    s: &Subscription,
    state: &State,
    view: &View,
    showing: &Showing<'_>,
    now: i64,
) -> Map<String, Value> {
    let context = showing.context;
    let mut out = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(name.to_owned(), value);
        }
    };
    let some = |text: &Option<String>| text.clone().map(Value::String);
    put("id", Some(json!(s.id)));
    put("type", Some(json!("Subscription")));
    put("subscriptionName", some(&s.name));
    put("description", some(&s.description));
    let entities: Vec<Value> = s.entities.iter().map(|e| selector(e, view, context)).collect();
    put("entities", (!entities.is_empty()).then_some(Value::Array(entities)));
    put("watchedAttributes", names(&s.watched, context));
    let triggers: Vec<&str> = s.triggers().iter().copied().map(Trigger::name).collect();
    put("notificationTrigger", s.time_interval.is_none().then(|| json!(triggers)));
    put("timeInterval", s.time_interval.clone().map(Value::Number));
    put("q", some(&s.q));
    put("geoQ", s.geo_q.as_ref().map(|geo| geo_q(geo, context)));
    put("scopeQ", some(&s.scope_q));
    put("csf", some(&s.csf));
    put("isActive", s.is_active.map(Value::Bool));
    put("notification", Some(notification(&s.notification, state, context)));
    put("expiresAt", some(&s.expires_at));
    put("throttling", s.throttling.clone().map(Value::Number));
    put("lang", some(&s.lang));
    put("datasetId", (!s.dataset_ids.is_empty()).then(|| json!(s.dataset_ids)));
    put("jsonldContext", some(&s.jsonld_context));
    put("localOnly", s.local_only.map(Value::Bool));
    put("splitEntities", s.split_entities.map(Value::Bool));
    put("status", Some(json!(s.status(now).name())));
    if showing.sys_attrs {
        put("createdAt", Some(json!(format_date_time(s.created_at))));
        put("modifiedAt", Some(json!(format_date_time(s.modified_at))));
    }
    let embedded = || serde_json::from_str(context.json().get()).ok();
    put("@context", showing.embed_context.then(embedded).flatten());
    out
}

/// Names as the reader's @context has them; members of entities are no terms of a vocabulary.
fn names(names: &[String], context: &Context) -> Option<Value> {
    let each = |name: &String| match name.as_str() {
        "id" | "type" | "scope" | "createdAt" | "modifiedAt" | "expiresAt" => json!(name),
        iri => json!(context.compact(iri)),
    };
    (!names.is_empty()).then(|| Value::Array(names.iter().map(each).collect()))
}

fn geo_q(geo: &GeoQ, context: &Context) -> Value {
    let coordinates: Value = serde_json::from_str(&geo.coordinates).unwrap_or_default();
    let mut out = Map::new();
    out.insert("georel".to_owned(), json!(geo.georel));
    out.insert("geometry".to_owned(), json!(geo.geometry));
    out.insert("coordinates".to_owned(), coordinates);
    if let Some(property) = &geo.geoproperty {
        out.insert("geoproperty".to_owned(), json!(context.compact(property)));
    }
    Value::Object(out)
}

fn selector(selector: &Selector, view: &View, context: &Context) -> Value {
    let mut out = Map::new();
    if let Some(id) = &selector.id {
        out.insert("id".to_owned(), json!(view.outward_id(id)));
    }
    if let Some(pattern) = &selector.id_pattern {
        out.insert("idPattern".to_owned(), json!(pattern));
    }
    let types = match &selector.types {
        None => "*".to_owned(),
        Some(expanded) => TypeSelection::parse(expanded, &Context::core())
            .map(|types| read::print(&types, &|iri| context.compact(iri)))
            .unwrap_or_default(),
    };
    out.insert("type".to_owned(), json!(types));
    Value::Object(out)
}

fn notification(n: &Notification, state: &State, context: &Context) -> Value {
    let mut out = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(name.to_owned(), value);
        }
    };
    put("attributes", names(&n.attributes, context));
    put("pick", names(&n.pick, context));
    put("omit", names(&n.omit, context));
    put("format", n.format.clone().map(Value::String));
    put("showChanges", n.show_changes.map(Value::Bool));
    put("sysAttrs", n.sys_attrs.map(Value::Bool));
    put("join", n.join.clone().map(Value::String));
    put("joinLevel", n.join_level.map(Value::from));
    put("endpoint", Some(endpoint(&n.endpoint)));
    // What is counted is there once there is something to count.
    let sent = state.last_notification.is_some();
    let failed = state.last_failure > state.last_success;
    put("status", sent.then(|| json!(if failed { "failed" } else { "ok" })));
    put("timesSent", sent.then(|| json!(state.times_sent)));
    put("timesFailed", (state.times_failed > 0).then(|| json!(state.times_failed)));
    let moment = |at: Option<i64>| at.map(|at| json!(format_date_time(at)));
    put("lastNotification", moment(state.last_notification));
    put("lastSuccess", moment(state.last_success));
    put("lastFailure", moment(state.last_failure));
    Value::Object(out)
}

fn endpoint(endpoint: &Endpoint) -> Value {
    let mut out = Map::new();
    out.insert("uri".to_owned(), json!(endpoint.uri));
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(name.to_owned(), value);
        }
    };
    put("accept", endpoint.accept.clone().map(Value::String));
    put("timeout", endpoint.timeout.map(Value::from));
    put("cooldown", endpoint.cooldown.map(Value::from));
    let pairs = |pairs: &[Pair]| {
        let each = |pair: &Pair| json!({ "key": pair.key, "value": pair.value });
        (!pairs.is_empty()).then(|| Value::Array(pairs.iter().map(each).collect()))
    };
    put("receiverInfo", pairs(&endpoint.receiver_info));
    put("notifierInfo", pairs(&endpoint.notifier_info));
    Value::Object(out)
}
