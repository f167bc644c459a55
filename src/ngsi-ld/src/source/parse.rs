//! From a document to a registration (clauses 5.2.8 to 5.2.11, 5.2.34, 5.9.2, 5.9.3).

use serde_json::{Map, Value};

use super::{
    EntityInfo, Information, Interval, KeyValue, Management, Mode, REGISTRATION, Registration,
};
use crate::context::Context;
use crate::error::Error;
use crate::parse::{check_geometry, check_name, check_scope, check_uri};
use crate::query::id_pattern;
use crate::time::parse_date_time;

/// Entries of one list.
const MAX_ITEMS: usize = 1_000;
/// Further members.
const MAX_PROPERTIES: usize = 100;
/// Members that only a broker writes; given back to it, they are ignored (clause 5.2.1).
const OUTPUT_ONLY: [&str; 8] = [
    "status",
    "timesSent",
    "timesFailed",
    "lastSuccess",
    "lastFailure",
    "createdAt",
    "modifiedAt",
    "deletedAt",
];
/// Operations and groups of them (clause 4.20).
const OPERATIONS: [&str; 50] = [
    "federationOps",
    "updateOps",
    "retrieveOps",
    "redirectionOps",
    "createEntity",
    "updateEntity",
    "appendAttrs",
    "updateAttrs",
    "deleteAttrs",
    "deleteEntity",
    "createBatch",
    "upsertBatch",
    "updateBatch",
    "deleteBatch",
    "upsertTemporal",
    "appendAttrsTemporal",
    "deleteAttrsTemporal",
    "updateAttrInstanceTemporal",
    "deleteAttrInstanceTemporal",
    "deleteTemporal",
    "mergeEntity",
    "replaceEntity",
    "replaceAttrs",
    "mergeBatch",
    "purgeEntity",
    "retrieveEntity",
    "queryEntity",
    "queryBatch",
    "retrieveTemporal",
    "queryTemporal",
    "retrieveEntityTypes",
    "retrieveEntityTypeDetails",
    "retrieveEntityTypeInfo",
    "retrieveAttrTypes",
    "retrieveAttrTypeDetails",
    "retrieveAttrTypeInfo",
    "createSubscription",
    "updateSubscription",
    "retrieveSubscription",
    "querySubscription",
    "deleteSubscription",
    "createEntityMap",
    "retrieveEntityMap",
    "updateEntityMap",
    "deleteEntityMap",
    "createSnapshot",
    "cloneSnapshot",
    "retrieveSnapshot",
    "updateSnapshot",
    "deleteSnapshot",
];

/// What an auxiliary source can do (clause 5.9.2.4).
const AUXILIARY: [&str; 3] = ["retrieveOps", "retrieveEntity", "queryEntity"];

impl Registration {
    /// Reads a new registration. Without an id in it, `id` is its own. `now` in µs since the epoch.
    pub fn parse(body: &str, ctx: &Context, id: &str, now: i64) -> Result<Self, Error> {
        let members = object(body)?;
        for name in ["type", "information", "endpoint"] {
            let there =
                members.contains_key(name) || name == "type" && members.contains_key("@type");
            if !there {
                return Err(bad(format!("the registration has no {name}")).at(format!("/{name}")));
            }
        }
        let mut registration = Self { id: id.to_owned(), created_at: now, ..Self::default() };
        registration.operations.push("federationOps".to_owned());
        registration.apply(members, ctx)?;
        registration.finish(now)?;
        Ok(registration)
    }

    /// Changes the members that a fragment has; `null` takes a member away.
    pub fn update(&mut self, body: &str, ctx: &Context, now: i64) -> Result<(), Error> {
        let members = object(body)?;
        let own = members.get("id").or_else(|| members.get("@id"));
        if own.is_some_and(|id| id.as_str() != Some(self.id.as_str())) {
            return Err(bad("the id in the body is not the one in the path").at("/id"));
        }
        self.apply(members, ctx)?;
        self.finish(now)
    }

    fn apply(&mut self, members: Map<String, Value>, ctx: &Context) -> Result<(), Error> {
        for (name, value) in members {
            self.member(&name, value, ctx).map_err(|error| error.under(&name))?;
        }
        Ok(())
    }

    fn member(&mut self, name: &str, value: Value, ctx: &Context) -> Result<(), Error> {
        let gone = is_null(&value);
        match name {
            "@context" => {}
            "id" | "@id" => {
                let id = text(&value)?;
                check_uri(&id)?;
                self.id = id;
            }
            "type" | "@type" if value.as_str() == Some(REGISTRATION) => {}
            "type" | "@type" => return Err(bad(format!("the type is not {REGISTRATION}"))),
            "information" | "endpoint" if gone => {
                return Err(bad("a registration needs this member; it cannot be removed"));
            }
            "information" => {
                self.information = list(&value)?
                    .iter()
                    .enumerate()
                    .map(|(nth, part)| {
                        information(part, ctx).map_err(|e| e.under(&nth.to_string()))
                    })
                    .collect::<Result<_, _>>()?;
                if self.information.is_empty() {
                    return Err(bad("the list is empty; say what the source has"));
                }
            }
            "endpoint" => {
                let uri = text(&value)?;
                check_uri(&uri)?;
                if !(uri.starts_with("http://") || uri.starts_with("https://")) {
                    return Err(bad("the endpoint is not an http or https URI"));
                }
                self.endpoint = uri;
            }
            "registrationName" => self.name = optional(&value, text)?,
            "description" => self.description = optional(&value, text)?,
            "tenant" => self.tenant = optional(&value, text)?,
            "contextSourceAlias" => self.alias = optional(&value, text)?,
            "observationInterval" => self.observation_interval = optional(&value, interval)?,
            "managementInterval" => self.management_interval = optional(&value, interval)?,
            "location" | "observationSpace" | "operationSpace" if gone => {
                self.places.remove(name);
            }
            "location" | "observationSpace" | "operationSpace" => {
                // A GeoProperty spelled out is taken as well.
                let geometry = match value.get("value") {
                    Some(inner) if value.get("type").is_some_and(|kind| kind == "GeoProperty") => {
                        inner.clone()
                    }
                    _ => value,
                };
                check_geometry(&geometry.to_string())?;
                self.places.insert(name.to_owned(), geometry);
            }
            "expiresAt" => self.expires_at = optional(&value, date_time)?,
            "contextSourceInfo" if gone => self.info.clear(),
            "contextSourceInfo" => self.info = pairs(&value)?,
            "scope" if gone => self.scopes.clear(),
            "scope" => {
                self.scopes = texts(&value)?;
                self.scopes.iter().try_for_each(|scope| check_scope(scope))?;
            }
            "mode" if gone => self.mode = Mode::default(),
            "mode" => self.mode = mode(&value)?,
            "operations" if gone => self.operations = vec!["federationOps".to_owned()],
            "operations" => self.operations = operations(&value)?,
            "refreshRate" => self.refresh_rate = optional(&value, duration)?,
            "management" => self.management = optional(&value, management)?,
            _ if OUTPUT_ONLY.contains(&name) => {}
            _ => {
                check_name(name, ctx)?;
                let term = name;
                let name = ctx.expand(term).into_owned();
                if Context::core_term(&name).is_some_and(|own| own != term) {
                    return Err(bad("a member of the standard is named in another way")
                        .remedy("use its name"));
                }
                if gone {
                    self.properties.remove(&name);
                } else {
                    self.properties.insert(name, value);
                }
            }
        }
        Ok(())
    }

    /// What must be true of the whole.
    fn finish(&mut self, now: i64) -> Result<(), Error> {
        if self.is_expired(now) {
            return Err(bad("the registration would have ended already").at("/expiresAt"));
        }
        if self.properties.len() > MAX_PROPERTIES {
            return Err(bad(format!("there are more than {MAX_PROPERTIES} further members")));
        }
        let reads = |name: &String| AUXILIARY.contains(&name.as_str());
        if self.mode == Mode::Auxiliary && !self.operations.iter().all(reads) {
            return Err(bad("an auxiliary source can only be read from")
                .at("/operations")
                .remedy("name retrieveOps, retrieveEntity or queryEntity only"));
        }
        if self.mode == Mode::Exclusive {
            for (nth, part) in self.information.iter().enumerate() {
                let single = |entity: &EntityInfo| entity.id.is_some();
                if part.attributes().next().is_none()
                    || part.entities.is_empty()
                    || !part.entities.iter().all(single)
                {
                    return Err(bad("an exclusive source has attributes of single entities")
                        .at(format!("/information/{nth}"))
                        .remedy("give each entity by its id, and name the attributes"));
                }
            }
        }
        self.modified_at = now;
        Ok(())
    }
}

fn bad(detail: impl Into<String>) -> Error {
    Error::bad(detail)
}

fn object(body: &str) -> Result<Map<String, Value>, Error> {
    match serde_json::from_str(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(bad("the body is not a JSON object")),
        Err(_) => Err(Error::invalid("the body is not JSON")),
    }
}

fn is_null(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some(crate::model::NULL)
}

fn optional<T>(
    value: &Value,
    read: impl Fn(&Value) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    if is_null(value) { Ok(None) } else { read(value).map(Some) }
}

fn text(value: &Value) -> Result<String, Error> {
    match value.as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(bad("this member is a text that is not empty")),
    }
}

fn list(value: &Value) -> Result<&[Value], Error> {
    match value.as_array() {
        Some(items) if items.len() <= MAX_ITEMS => Ok(items),
        Some(_) => Err(bad(format!("this list has more than {MAX_ITEMS} entries"))),
        None => Err(bad("this member is a list")),
    }
}

/// One text, or a list of some.
fn texts(value: &Value) -> Result<Vec<String>, Error> {
    if value.is_string() {
        return Ok(vec![text(value)?]);
    }
    let items = list(value)?;
    if items.is_empty() {
        return Err(bad("this list is empty; leave the member out"));
    }
    items.iter().map(text).collect()
}

fn date_time(value: &Value) -> Result<String, Error> {
    let text = value.as_str().filter(|text| parse_date_time(text).is_some());
    text.map(str::to_owned).ok_or_else(|| {
        bad("this member is not a DateTime")
            .remedy("write it in UTC, for example 2026-04-01T00:00:00Z")
    })
}

fn members(value: &Value) -> Result<&Map<String, Value>, Error> {
    value.as_object().ok_or_else(|| bad("this member is an object"))
}

/// Reads the members of an object that has no others.
fn each(
    value: &Value,
    mut read: impl FnMut(&str, &Value) -> Result<bool, Error>,
) -> Result<(), Error> {
    for (name, value) in members(value)? {
        let known = read(name, value).map_err(|error| error.under(name))?;
        if !known {
            return Err(bad("there is no such member here").at("").under(name));
        }
    }
    Ok(())
}

fn names(value: &Value, ctx: &Context) -> Result<Vec<String>, Error> {
    let names = texts(value)?;
    names
        .into_iter()
        .map(|name| {
            check_name(&name, ctx)?;
            Ok(ctx.expand(&name).into_owned())
        })
        .collect()
}

fn information(value: &Value, ctx: &Context) -> Result<Information, Error> {
    let mut found = Information::default();
    each(value, |name, value| {
        match name {
            "entities" => {
                let each = list(value)?.iter().enumerate().map(|(nth, entity)| {
                    entity_info(entity, ctx).map_err(|error| error.under(&nth.to_string()))
                });
                found.entities = each.collect::<Result<_, _>>()?;
                if found.entities.is_empty() {
                    return Err(bad("this list is empty; leave the member out"));
                }
            }
            "propertyNames" => found.properties = names(value, ctx)?,
            "relationshipNames" => found.relationships = names(value, ctx)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if found == Information::default() {
        return Err(bad("this part says nothing")
            .remedy("give entities, propertyNames or relationshipNames"));
    }
    Ok(found)
}

fn entity_info(value: &Value, ctx: &Context) -> Result<EntityInfo, Error> {
    let mut found = EntityInfo::default();
    each(value, |name, value| {
        match name {
            "id" | "@id" => {
                let id = text(value)?;
                check_uri(&id)?;
                found.id = Some(id);
            }
            "idPattern" => {
                let pattern = text(value)?;
                id_pattern(&pattern).map_err(|error| error.at(""))?;
                found.id_pattern = Some(pattern);
            }
            "type" | "@type" => found.types = names(value, ctx)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if found.types.is_empty() {
        return Err(bad("the entities have no type").at("/type"));
    }
    Ok(found)
}

fn interval(value: &Value) -> Result<Interval, Error> {
    let (mut start_at, mut end_at) = (None, None);
    each(value, |name, value| {
        match name {
            "startAt" => start_at = Some(date_time(value)?),
            "endAt" => end_at = optional(value, date_time)?,
            "type" if value == "TimeInterval" => {}
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let start_at = start_at.ok_or_else(|| bad("the interval has no startAt").at("/startAt"))?;
    let end = end_at.as_deref().and_then(parse_date_time);
    if end.is_some_and(|end| parse_date_time(&start_at).is_some_and(|start| end < start)) {
        return Err(bad("the interval ends before it starts").at("/endAt"));
    }
    Ok(Interval { start_at, end_at })
}

fn pairs(value: &Value) -> Result<Vec<KeyValue>, Error> {
    let pair = |value: &Value| {
        let (mut key, mut found) = (None, None);
        each(value, |name, value| {
            let text = value.as_str().map(str::to_owned);
            let text = text.ok_or_else(|| bad("key and value are texts"))?;
            match name {
                "key" => key = Some(text),
                "value" => found = Some(text),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        match (key, found) {
            (Some(key), Some(value)) if !key.is_empty() => Ok(KeyValue { key, value }),
            _ => Err(bad("a pair has a key and a value")),
        }
    };
    list(value)?
        .iter()
        .enumerate()
        .map(|(nth, value)| pair(value).map_err(|error| error.under(&nth.to_string())))
        .collect()
}

fn mode(value: &Value) -> Result<Mode, Error> {
    let all = [Mode::Inclusive, Mode::Exclusive, Mode::Redirect, Mode::Auxiliary];
    let found = all.into_iter().find(|mode| value.as_str() == Some(mode.name()));
    found.ok_or_else(|| bad("the mode is inclusive, exclusive, redirect or auxiliary"))
}

fn operations(value: &Value) -> Result<Vec<String>, Error> {
    let operations = texts(value)?;
    if operations.iter().all(|name| OPERATIONS.contains(&name.as_str())) {
        return Ok(operations);
    }
    Err(bad("an operation is not one of the standard")
        .remedy("name operations or groups of clause 4.20, for example retrieveOps"))
}

/// An ISO 8601 duration of whole or decimal numbers: `P1Y2M3W4DT5H6M7.8S`.
fn duration(value: &Value) -> Result<String, Error> {
    let text = text(value)?;
    let valid = || {
        let rest = text.strip_prefix('P')?;
        let (date, time) = match rest.split_once('T') {
            Some((date, time)) if !time.is_empty() => (date, time),
            Some(_) => return None,
            None => (rest, ""),
        };
        let parts =
            [(date, "YMWD"), (time, "HMS")].into_iter().try_fold(0, |count, (part, units)| {
                let mut order = units.chars();
                let mut number = String::new();
                let mut count = count;
                for c in part.chars() {
                    if c.is_ascii_digit() || c == '.' {
                        number.push(c);
                    } else if order.any(|unit| unit == c) && number.parse::<f64>().is_ok() {
                        number.clear();
                        count += 1;
                    } else {
                        return None;
                    }
                }
                number.is_empty().then_some(count)
            })?;
        (parts > 0).then_some(())
    };
    if valid().is_none() {
        return Err(bad("this member is not an ISO 8601 duration").remedy("write it as PT5M"));
    }
    Ok(text)
}

fn management(value: &Value) -> Result<Management, Error> {
    let mut found = Management::default();
    let positive = |value: &Value| {
        let number = value.as_f64().filter(|number| *number > 0.0);
        number.ok_or_else(|| bad("this member is a number greater than 0"))
    };
    let truth = |value: &Value| value.as_bool().ok_or_else(|| bad("this member is true or false"));
    each(value, |name, value| {
        match name {
            "localOnly" => found.local_only = Some(truth(value)?),
            "cacheDuration" => found.cache_duration = Some(duration(value)?),
            "timeout" => found.timeout = Some(positive(value)?),
            "cooldown" => found.cooldown = Some(positive(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(found)
}
