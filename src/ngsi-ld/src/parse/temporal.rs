//! The temporal representation as input (clauses 4.5.6 to 4.5.8, 5.2.20): the instances of each attribute over time.

use super::attribute::{Input, raw};
use super::{member_of, rules, scopes};
use crate::context::Context;
use crate::error::Error;
use crate::json::{elements, first_byte, is_object, members};
use crate::model::{Attribute, Entity};
use crate::time::parse_date_time;

/// An entity over time, as it was given.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The entity; each attribute has its instances in the order given, several with the same `datasetId`. A deletion is an instance whose value
    /// is the NGSI-LD Null.
    pub entity: Entity,
    /// The scopes, each time that they were set: scopes and since when, µs since the epoch.
    pub scopes: Vec<(Vec<String>, i64)>,
}

/// Reads a temporal representation. `now`, in µs since the epoch, becomes `createdAt` and `modifiedAt` of everything.
pub fn parse_history(body: &str, ctx: &Context, now: i64) -> Result<History, Error> {
    let history = parse_history_fragment(body, ctx, now)?;
    if history.entity.id.is_empty() {
        return Err(Error::bad("the entity has no id")
            .at("/id")
            .remedy("add an id, for example urn:ngsi-ld:Building:001"));
    }
    Ok(history)
}

/// Reads a part of a temporal representation, without `id` and `type`.
pub fn parse_history_fragment(body: &str, ctx: &Context, now: i64) -> Result<History, Error> {
    let input = Input { history: true, ..Input::of(body, ctx, now) };
    if !is_object(body) {
        return Err(Error::invalid("the body is not a JSON object"));
    }
    let mut history = History::default();
    history.entity.created_at = now;
    history.entity.modified_at = now;
    for member in members(body) {
        let (name, value) = member?;
        if name == "scope" {
            history.scopes = scope(value, now).map_err(|e| e.under(&name))?;
        } else {
            member_of(&mut history.entity, &name, value, &input).map_err(|e| e.under(&name))?;
        }
    }
    history.scopes.sort_by_key(|(_, at)| *at);
    Ok(history)
}

/// Scopes as a value, or as a Property over time.
fn scope(value: &str, now: i64) -> Result<Vec<(Vec<String>, i64)>, Error> {
    let instances: Vec<&str> = match first_byte(value) {
        b'{' => vec![value],
        b'[' => elements(value).collect::<Result<_, _>>()?,
        _ => Vec::new(),
    };
    if instances.is_empty() || !instances.iter().all(|one| is_object(one)) {
        return Ok(vec![(scopes(value, false)?, now)]);
    }
    let mut all = Vec::new();
    for (nth, instance) in instances.iter().enumerate() {
        all.push(scope_instance(instance, now).map_err(|e| e.under(&nth.to_string()))?);
    }
    Ok(all)
}

fn scope_instance(instance: &str, now: i64) -> Result<(Vec<String>, i64), Error> {
    let (mut value, mut at) = (None, now);
    for member in members(instance) {
        let (name, text) = member?;
        match name.as_ref() {
            "type" | "instanceId" | "createdAt" | "modifiedAt" | "deletedAt" => {}
            "value" => value = Some(raw(text)?),
            "observedAt" => {
                at = parse_date_time(&rules::date_time(text, "observedAt")?).unwrap_or(now);
            }
            _ => {
                return Err(Error::bad("a scope over time cannot have this member").at(name));
            }
        }
    }
    let value = value.ok_or_else(|| Error::bad("a scope over time has no value"))?;
    // None is how a deleted one is shown.
    let none = first_byte(value.get()) == b'[' && elements(value.get()).next().is_none();
    Ok((if none { Vec::new() } else { scopes(value.get(), false)? }, at))
}

impl History {
    /// The last instance of each attribute and `datasetId` by time, deletions included.
    #[must_use]
    pub fn last(&self) -> Vec<Attribute> {
        let time = |instance: &crate::model::Instance| {
            let observed = instance.observed_at.as_deref().and_then(parse_date_time);
            observed.unwrap_or(instance.modified_at)
        };
        let of = |attribute: &Attribute| {
            let mut last = Attribute { name: attribute.name.clone(), instances: Vec::new() };
            for instance in &attribute.instances {
                let dataset = &instance.dataset_id;
                match last.instances.iter_mut().find(|i| i.dataset_id == *dataset) {
                    Some(before) if time(before) <= time(instance) => *before = instance.clone(),
                    Some(_) => {}
                    None => last.instances.push(instance.clone()),
                }
            }
            // The default instance comes first.
            last.instances.sort_by_key(|i| i.dataset_id.is_some());
            last
        };
        self.entity.attributes.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{parse_history, parse_history_fragment};
    use crate::Context;

    #[test]
    fn instances_come_over_time() {
        let body = r#"{"id":"urn:a:1","type":"T","speed":[
            {"type":"Property","value":1,"observedAt":"2020-01-01T00:00:01Z"},
            {"type":"Property","value":3,"observedAt":"2020-01-01T00:00:03Z"},
            {"type":"Property","value":"urn:ngsi-ld:null","observedAt":"2020-01-01T00:00:02Z"},
            {"type":"Property","value":9,"datasetId":"urn:d:1"}],
            "scope":[{"type":"Property","value":"/B","observedAt":"2020-01-02T00:00:00Z"},{"type":"Property","value":["/A"],"observedAt":"2020-01-01T00:00:00Z"}]}"#;
        let history = parse_history(body, &Context::core(), 5).unwrap();
        assert_eq!(history.entity.attributes[0].instances.len(), 4);
        assert!(history.entity.attributes[0].instances[2].is_null());
        let last = history.last();
        assert_eq!(last[0].instances.len(), 2);
        assert_eq!(last[0].instances[0].value.get(), "3");
        assert_eq!(history.scopes[0].0, ["/A"]);
        assert_eq!(history.scopes[1].0, ["/B"]);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for wrong in [
            r#"{"type":"T","speed":[{"type":"Property","value":1}]}"#,
            r#"{"id":"urn:a:1","type":"T","expiresAt":"urn:ngsi-ld:null"}"#,
            r#"{"id":"urn:a:1","type":"T","speed":[{"type":"Property"}]}"#,
            r#"{"id":"urn:a:1","type":"T","speed":[{"type":"Property","value":1,"observedAt":"2020-01-01T00:00:00+03:00"}]}"#,
            r#"{"id":"urn:a:1","type":"T","scope":{"type":"Property","value":"/A","unitCode":"x"}}"#,
            "[]",
        ] {
            assert!(parse_history(wrong, &Context::core(), 5).is_err(), "{wrong}");
        }
        let plain = r#"{"scope":["/A","/B"],"p":{"type":"Property","value":1}}"#;
        let history = parse_history_fragment(plain, &Context::core(), 5).unwrap();
        assert_eq!(history.scopes, [(vec!["/A".to_owned(), "/B".to_owned()], 5)]);
    }
}
