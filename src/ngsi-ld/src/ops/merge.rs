//! Merge (clause 5.5.12, 5.6.17): JSON merge patch for entities.

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;

use super::{Scopes, UpdateResult, find_mut, finish, head};
use crate::json::{first_byte, is_array, is_object, is_string, members, quoted, string_of};
use crate::model::{Attribute, Entity, Instance, Kind, MAX_NESTING, NULL};

/// Parameters of a merge.
#[derive(Debug, Clone, Default)]
pub struct MergeOptions {
    /// A `DateTime` for changed attributes that had an `observedAt` and are not given one.
    pub observed_at: Option<String>,
    /// The language of plain texts for a `LanguageProperty`; without it they are the default one.
    pub lang: Option<String>,
}

/// Merges a fragment into an entity: attributes that exist are changed member by member, down into
/// compound values; others are added; the NGSI-LD Null deletes whatever it stands for.
pub fn merge(
    entity: &mut Entity,
    fragment: Entity,
    options: &MergeOptions,
    now: i64,
) -> UpdateResult {
    let mut result = UpdateResult::default();
    head(entity, &fragment, true, Scopes::Replace, &mut result);
    for attribute in fragment.attributes {
        let name = attribute.name;
        for change in attribute.instances {
            let dataset = change.dataset_id.clone();
            if change.is_null() {
                if take(&mut entity.attributes, &name, dataset.as_deref()) {
                    result.deleted.push((name.clone(), dataset));
                }
            } else if let Some(old) = find_mut(entity, &name, dataset.as_deref()) {
                match instance(old.clone(), change, options, now) {
                    Ok(new) => {
                        *old = new;
                        result.note(&name);
                    }
                    Err(reason) => result.refuse(&name, reason),
                }
            } else if change.has_value {
                put(&mut entity.attributes, &name, change, now);
                result.note(&name);
            } else {
                result.refuse(&name, "it does not exist and has no value");
            }
        }
    }
    finish(entity, &result, now);
    result
}

/// Merges one instance into another, or tells why not.
fn instance(
    mut old: Instance,
    change: Instance,
    options: &MergeOptions,
    now: i64,
) -> Result<Instance, &'static str> {
    if change.has_value {
        let given = change.value.get();
        let merged = if change.has_kind && change.kind != old.kind {
            old.kind = change.kind;
            json("", given)
        } else if !change.has_kind && old.kind == Kind::LanguageProperty && is_string(given) {
            let tag = options.lang.as_deref().unwrap_or("@none");
            json(old.value.get(), &format!("{{{}:{given}}}", quoted(tag)))
        } else {
            if !change.has_kind {
                fits(old.kind, given)?;
            }
            match old.kind {
                Kind::Property | Kind::LanguageProperty => json(old.value.get(), given),
                _ => given.to_owned(),
            }
        };
        // Made of JSON texts, so it is one.
        old.value = RawValue::from_string(merged).unwrap_or(change.value.clone());
    }
    if change.observed_at.is_none()
        && old.observed_at.is_some()
        && let Some(at) = &options.observed_at
    {
        old.observed_at = Some(at.clone());
    }
    metadata(&mut old, &change);
    for attribute in change.sub {
        for sub in attribute.instances {
            let dataset = sub.dataset_id.as_deref();
            if sub.is_null() {
                take(&mut old.sub, &attribute.name, dataset);
                continue;
            }
            let exists = old
                .sub
                .iter_mut()
                .find(|a| a.name == attribute.name)
                .and_then(|a| a.instances.iter_mut().find(|i| i.dataset_id == sub.dataset_id));
            match exists {
                Some(found) => *found = instance(found.clone(), sub, options, now)?,
                None if sub.has_value => put(&mut old.sub, &attribute.name, sub, now),
                None => {}
            }
        }
    }
    old.modified_at = now;
    old.instance_id = None;
    Ok(old)
}

/// Whether a plain value, given without a type, can be the value of an attribute of that kind.
pub(super) fn fits(kind: Kind, value: &str) -> Result<(), &'static str> {
    let uri =
        |token: &str| string_of(token).is_some_and(|text| crate::parse::check_uri(&text).is_ok());
    let fitting = match kind {
        Kind::Property | Kind::JsonProperty => true,
        Kind::Relationship => uri(value),
        Kind::LanguageProperty => is_object(value) && crate::parse::is_language_map(value),
        Kind::ListProperty => is_array(value),
        Kind::GeoProperty => crate::parse::is_geometry(value),
        // Terms would have to be expanded, URIs of a list checked: the type is needed for that.
        Kind::VocabProperty | Kind::ListRelationship => false,
    };
    if fitting { Ok(()) } else { Err("a value without a type does not fit the attribute's type") }
}

/// Takes over the members of a fragment that are not its value; the NGSI-LD Null removes.
pub(super) fn metadata(old: &mut Instance, change: &Instance) {
    let set = |old: &mut Option<String>, new: &Option<String>| {
        if let Some(text) = new {
            *old = (text != NULL).then(|| text.clone());
        }
    };
    set(&mut old.observed_at, &change.observed_at);
    set(&mut old.unit_code, &change.unit_code);
    set(&mut old.value_type, &change.value_type);
    set(&mut old.expires_at, &change.expires_at);
    if !change.object_type.is_empty() {
        old.object_type = change.object_type.iter().filter(|t| *t != NULL).cloned().collect();
    }
    if change.publisher.is_some() {
        old.publisher.clone_from(&change.publisher);
    }
}

/// An instance as it is stored when there was none before: whatever is null is not there.
pub(super) fn settled(mut instance: Instance, now: i64) -> Instance {
    let drop_null = |text: &mut Option<String>| {
        if text.as_deref() == Some(NULL) {
            *text = None;
        }
    };
    drop_null(&mut instance.observed_at);
    drop_null(&mut instance.unit_code);
    drop_null(&mut instance.value_type);
    drop_null(&mut instance.expires_at);
    instance.object_type.retain(|t| t != NULL);
    let may_delete = matches!(instance.kind, Kind::Property | Kind::LanguageProperty);
    if may_delete && instance.value.get().contains(NULL) {
        let value = RawValue::from_string(json("", instance.value.get()));
        instance.value = value.unwrap_or(instance.value);
    }
    instance.has_kind = true;
    instance.created_at = now;
    instance.modified_at = now;
    for attribute in &mut instance.sub {
        let all = std::mem::take(&mut attribute.instances).into_iter();
        attribute.instances =
            all.filter(|i| i.has_value && !i.is_null()).map(|i| settled(i, now)).collect();
    }
    instance.sub.retain(|a| !a.instances.is_empty());
    instance
}

/// Puts an instance in place of the one with the same `datasetId`, or adds it.
pub(super) fn put(attributes: &mut Vec<Attribute>, name: &str, instance: Instance, now: i64) {
    let mut instance = settled(instance, now);
    let Some(attribute) = attributes.iter_mut().find(|a| a.name == name) else {
        attributes.push(Attribute { name: name.to_owned(), instances: vec![instance] });
        return;
    };
    match attribute.instances.iter_mut().find(|i| i.dataset_id == instance.dataset_id) {
        Some(old) => {
            instance.created_at = old.created_at;
            *old = instance;
        }
        None if instance.dataset_id.is_none() => attribute.instances.insert(0, instance),
        None => attribute.instances.push(instance),
    }
}

/// Removes an instance, and the attribute with its last one. False if there was none.
pub(super) fn take(attributes: &mut Vec<Attribute>, name: &str, dataset_id: Option<&str>) -> bool {
    let Some(attribute) = attributes.iter_mut().find(|a| a.name == name) else {
        return false;
    };
    let before = attribute.instances.len();
    attribute.instances.retain(|i| i.dataset_id.as_deref() != dataset_id);
    let taken = attribute.instances.len() < before;
    if attribute.instances.is_empty() {
        attributes.retain(|a| a.name != name);
    }
    taken
}

/// JSON merge patch (RFC 7396) on texts, with the NGSI-LD Null as the value that deletes. What is
/// not changed keeps its text.
fn json(target: &str, patch: &str) -> String {
    merged(target, patch, 0)
}

fn merged(target: &str, patch: &str, depth: usize) -> String {
    if !is_object(patch) || depth > MAX_NESTING {
        return patch.to_owned();
    }
    let deletes = |value: &str| {
        first_byte(value) == b'"' && string_of(value).is_some_and(|text| text == NULL)
    };
    let changes: Vec<_> = members(patch).filter_map(Result::ok).collect();
    let by_name: HashMap<&str, &str> =
        changes.iter().map(|(name, new)| (name.as_ref(), *new)).collect();
    let mut out: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    if is_object(target) {
        for (name, old) in members(target).filter_map(Result::ok) {
            match by_name.get(name.as_ref()) {
                Some(new) if deletes(new) => {}
                Some(new) => {
                    out.push(format!("{}:{}", quoted(&name), merged(old, new, depth + 1)));
                }
                None => out.push(format!("{}:{old}", quoted(&name))),
            }
            known.insert(name);
        }
    }
    for (name, new) in &changes {
        if !deletes(new) && !known.contains(name) {
            out.push(format!("{}:{}", quoted(name), merged("", new, depth + 1)));
        }
    }
    format!("{{{}}}", out.join(","))
}
