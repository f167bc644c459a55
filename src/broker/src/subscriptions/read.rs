//! From the body of a request to a subscription: the rules of clauses 5.2.12 to 5.2.15, 5.2.22, 5.2.33, 5.8.1 and 5.8.2.

mod notification;

pub(super) use notification::CONNECTOR;
mod query;

use serde_json::{Map, Number, Value};
use tsunagu_domain::{Problem, ProblemCode, Timestamp};
use tsunagu_ngsi_ld::model::NULL;
use tsunagu_ngsi_ld::parse::{check_name, check_uri};
use tsunagu_ngsi_ld::query::ScopeQ;
use tsunagu_ngsi_ld::time::parse_date_time;
use tsunagu_ngsi_ld::{Context, Q};
use tsunagu_policy::View;

use super::model::{Selector, Subscription, Trigger};
use crate::{guard, ngsi_problem};

pub(crate) use query::{compile_geo, decoded, print, read_q};

/// Longest id of a subscription, bytes.
const MAX_ID: usize = 512;
/// Most selectors, names or pairs in one list.
const MAX_LIST: usize = 256;

/// What a body is read with.
pub(crate) struct Reading<'a> {
    pub(crate) view: &'a View,
    pub(crate) context: &'a Context,
    pub(crate) now: Timestamp,
}

/// A value that breaks a rule.
pub(crate) fn bad(pointer: &str, detail: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::BadRequestData, detail).at(pointer)
}

/// The members of a JSON object.
pub(crate) fn object(body: &str) -> Result<Map<String, Value>, Problem> {
    let malformed = "the body is not a JSON object";
    match serde_json::from_str(body) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(Problem::new(ProblemCode::InvalidRequest, malformed)),
    }
}

/// Whether a member is to be removed: JSON null, or the NGSI-LD Null (clause 5.5.4).
fn is_null(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some(NULL)
}

/// A member that may be taken away.
fn optional<T>(
    value: &Value,
    read: impl FnOnce(&Value) -> Result<T, Problem>,
) -> Result<Option<T>, Problem> {
    if is_null(value) { Ok(None) } else { read(value).map(Some) }
}

fn text(value: &Value, at: &str) -> Result<String, Problem> {
    let text = value.as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| bad(at, "this must be a string that is not empty"))
}

fn flag(value: &Value, at: &str) -> Result<bool, Problem> {
    value.as_bool().ok_or_else(|| bad(at, "this must be true or false"))
}

fn list<'v>(value: &'v Value, at: &str) -> Result<&'v [Value], Problem> {
    let items = value.as_array().filter(|items| !items.is_empty());
    let items = items.ok_or_else(|| bad(at, "this must be an array that is not empty"))?;
    if items.len() > MAX_LIST {
        return Err(bad(at, format!("this array has more than {MAX_LIST} elements")));
    }
    Ok(items)
}

fn uri(value: &Value, at: &str) -> Result<String, Problem> {
    let uri = text(value, at)?;
    check_uri(&uri).map_err(|error| ngsi_problem(error.at(at)))?;
    Ok(uri)
}

/// Seconds, more than none.
fn seconds(value: &Value, at: &str) -> Result<Number, Problem> {
    let number = value.as_number().filter(|n| n.as_f64().is_some_and(|n| n > 0.0));
    number.cloned().ok_or_else(|| bad(at, "this must be a number of seconds greater than 0"))
}

impl Reading<'_> {
    /// Puts what the body says into the subscription; `id` is that of the path when one is changed.
    pub(crate) fn apply(
        &self,
        subscription: &mut Subscription,
        body: &Map<String, Value>,
    ) -> Result<(), Problem> {
        // Whatever member it is in, understood or not.
        guard::refuse_in_document(&Value::Object(body.clone()).to_string())?;
        for (name, value) in body {
            let at = format!("/{name}");
            self.member(subscription, name, value, &at)?;
        }
        self.check(subscription, body.contains_key("expiresAt"))
    }

    fn member(
        &self,
        s: &mut Subscription,
        name: &str,
        value: &Value,
        at: &str,
    ) -> Result<(), Problem> {
        match name {
            "id" | "@id" => {
                let id = uri(value, at)?;
                if id.len() > MAX_ID {
                    return Err(bad(at, format!("the id is longer than {MAX_ID} bytes")));
                }
                if !s.id.is_empty() && s.id != id {
                    return Err(bad(
                        at,
                        "the id of a subscription cannot be changed; leave it out",
                    ));
                }
                s.id = id;
            }
            "type" | "@type" if value.as_str() != Some("Subscription") => {
                return Err(bad(at, "the type must be Subscription"));
            }
            "subscriptionName" => s.name = optional(value, |v| text(v, at))?,
            "description" => s.description = optional(value, |v| text(v, at))?,
            "entities" => {
                s.entities = optional(value, |v| self.selectors(v, at))?.unwrap_or_default();
            }
            "watchedAttributes" => {
                s.watched = optional(value, |v| self.names(v, at))?.unwrap_or_default();
            }
            "notificationTrigger" => {
                s.triggers = optional(value, |v| triggers(v, at))?.unwrap_or_default();
            }
            "timeInterval" => s.time_interval = optional(value, |v| seconds(v, at))?,
            "throttling" => s.throttling = optional(value, |v| seconds(v, at))?,
            "q" => {
                s.q = optional(value, |v| text(v, at))?;
                s.q_context = s.q.as_deref().map(|q| read_q(q, self.context, at)).transpose()?;
            }
            "csf" => {
                s.csf = optional(value, |v| text(v, at))?;
                if let Some(csf) = &s.csf {
                    Q::parse(&decoded(csf), self.context).map_err(|e| ngsi_problem(e.at(at)))?;
                }
            }
            "geoQ" => s.geo_q = optional(value, |v| query::geo(v, self.context, at))?,
            "scopeQ" => {
                s.scope_q = optional(value, |v| text(v, at))?;
                if let Some(scopes) = &s.scope_q {
                    ScopeQ::parse(scopes).map_err(|error| ngsi_problem(error.at(at)))?;
                }
            }
            "temporalQ" if !is_null(value) => {
                return Err(bad(
                    at,
                    "temporalQ is for subscriptions to context sources; leave it out",
                ));
            }
            "isActive" => s.is_active = optional(value, |v| flag(v, at))?,
            "expiresAt" => s.expires_at = optional(value, |v| date_time(v, at))?,
            "lang" => s.lang = optional(value, |v| text(v, at))?,
            "datasetId" => {
                s.dataset_ids = optional(value, |v| dataset_ids(v, at))?.unwrap_or_default();
            }
            "jsonldContext" => s.jsonld_context = optional(value, |v| text(v, at))?,
            "localOnly" => s.local_only = optional(value, |v| flag(v, at))?,
            "splitEntities" => s.split_entities = optional(value, |v| flag(v, at))?,
            "notification" => s.notification = self.notification(value, at)?,
            // What the broker says (Table 5.2.12-2), and what nobody knows, is no part of a subscription.
            _ => {}
        }
        Ok(())
    }

    /// What must hold between members.
    fn check(&self, s: &Subscription, expiry_given: bool) -> Result<(), Problem> {
        if s.notification.endpoint.uri.is_empty() {
            return Err(bad(
                "/notification",
                "a subscription needs a notification with an endpoint",
            ));
        }
        if s.entities.is_empty() && s.watched.is_empty() {
            return Err(bad("/entities", "give entities, watchedAttributes or both"));
        }
        if s.time_interval.is_some() {
            if s.throttling.is_some() {
                return Err(bad("/throttling", "throttling does not go with timeInterval"));
            }
            if !s.watched.is_empty() {
                return Err(bad(
                    "/watchedAttributes",
                    "watchedAttributes do not go with timeInterval, which looks at no changes",
                ));
            }
        }
        if expiry_given && s.ends().is_some_and(|end| end <= self.now) {
            return Err(bad("/expiresAt", "expiresAt lies in the past"));
        }
        let n = &s.notification;
        let pairs = n.endpoint.receiver_info.iter().chain(&n.endpoint.notifier_info);
        guard::refuse_names("/notification/endpoint", pairs.map(|pair| &pair.key))?;
        let names = s.watched.iter().chain(&n.attributes).chain(&n.pick).chain(&n.omit);
        guard::refuse_names("/notification", names)
    }

    /// Expanded names of attributes.
    fn names(&self, value: &Value, at: &str) -> Result<Vec<String>, Problem> {
        let each = list(value, at)?.iter().enumerate().map(|(nth, item)| {
            let at = format!("{at}/{nth}");
            let name = text(item, &at)?;
            check_name(&name, self.context).map_err(|error| ngsi_problem(error.at(at)))?;
            Ok(self.context.expand(&name).into_owned())
        });
        each.collect()
    }

    fn selectors(&self, value: &Value, at: &str) -> Result<Vec<Selector>, Problem> {
        let each = list(value, at)?.iter().enumerate();
        each.map(|(nth, item)| self.selector(item, &format!("{at}/{nth}"))).collect()
    }

    fn selector(&self, value: &Value, at: &str) -> Result<Selector, Problem> {
        let members = value.as_object().ok_or_else(|| bad(at, "a selector is an object"))?;
        let mut selector = Selector::default();
        let mut typed = false;
        for (name, value) in members {
            let at = format!("{at}/{name}");
            match name.as_str() {
                "id" | "@id" => {
                    selector.id = Some(self.view.inward_id(&uri(value, &at)?).into_owned());
                }
                "idPattern" => {
                    let pattern = text(value, &at)?;
                    tsunagu_ngsi_ld::query::id_pattern(&pattern)
                        .map_err(|error| ngsi_problem(error.at(&at)))?;
                    selector.id_pattern = Some(pattern);
                }
                "type" | "@type" => {
                    typed = true;
                    selector.types = query::types(value, self.context, &at)?;
                }
                _ => return Err(bad(&at, "a selector has the members id, idPattern and type")),
            }
        }
        if !typed {
            return Err(bad(
                &format!("{at}/type"),
                "a selector needs a type; * stands for every type",
            ));
        }
        // The id decides where both are given (clause 5.2.33).
        if selector.id.is_some() {
            selector.id_pattern = None;
        }
        Ok(selector)
    }
}

fn triggers(value: &Value, at: &str) -> Result<Vec<Trigger>, Problem> {
    let mut triggers: Vec<Trigger> = Vec::new();
    for (nth, item) in list(value, at)?.iter().enumerate() {
        let named = Trigger::ALL.into_iter().find(|trigger| item.as_str() == Some(trigger.name()));
        let Some(trigger) = named else {
            let known = Trigger::ALL.map(Trigger::name).join(", ");
            return Err(bad(&format!("{at}/{nth}"), format!("a trigger is one of {known}")));
        };
        if !triggers.contains(&trigger) {
            triggers.push(trigger);
        }
    }
    Ok(triggers)
}

fn date_time(value: &Value, at: &str) -> Result<String, Problem> {
    let text = text(value, at)?;
    if parse_date_time(&text).is_none() {
        let detail = "this is no DateTime; write it in UTC, for example 2030-04-01T00:00:00Z";
        return Err(bad(at, detail));
    }
    Ok(text)
}

fn dataset_ids(value: &Value, at: &str) -> Result<Vec<String>, Problem> {
    if value.is_string() {
        return dataset_id(value, at).map(|id| vec![id]);
    }
    let each = list(value, at)?.iter().enumerate();
    each.map(|(nth, item)| dataset_id(item, &format!("{at}/{nth}"))).collect()
}

fn dataset_id(value: &Value, at: &str) -> Result<String, Problem> {
    if value.as_str() == Some("@none") { Ok("@none".to_owned()) } else { uri(value, at) }
}
