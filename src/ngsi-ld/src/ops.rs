//! The algebra of updates (clause 5.5.8, 5.5.12, 5.6): a current entity and a fragment give the
//! changed entity and a report. Everything a fragment does not name stays untouched, times
//! included.

mod merge;

use crate::error::{Error, ErrorKind};
use crate::model::{Attribute, Entity, Instance, NULL};

pub use merge::{MergeOptions, merge};

/// What an update did. Names are expanded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateResult {
    /// Attributes (or `type`, `scope`, `expiresAt`) added or changed.
    pub updated: Vec<String>,
    /// Attributes left alone, and why.
    pub not_updated: Vec<(String, String)>,
    /// Instances removed: attribute and `datasetId`.
    pub deleted: Vec<(String, Option<String>)>,
}

impl UpdateResult {
    /// Whether the entity is another one than before.
    #[must_use]
    pub fn changed(&self) -> bool {
        !self.updated.is_empty() || !self.deleted.is_empty()
    }

    fn note(&mut self, name: &str) {
        if !self.updated.iter().any(|n| n == name) {
            self.updated.push(name.to_owned());
        }
    }

    fn refuse(&mut self, name: &str, reason: &str) {
        self.not_updated.push((name.to_owned(), reason.to_owned()));
    }
}

/// Adds attributes (clause 5.6.3). Instances that exist are replaced if `overwrite`, else kept and
/// reported. Types are added to those there are, and so are scopes without `overwrite`.
pub fn append(entity: &mut Entity, fragment: Entity, overwrite: bool, now: i64) -> UpdateResult {
    let mut result = UpdateResult::default();
    let scopes = if overwrite { Scopes::Replace } else { Scopes::Add };
    head(entity, &fragment, overwrite, scopes, &mut result);
    for attribute in fragment.attributes {
        for instance in attribute.instances {
            let name = &attribute.name;
            let exists = find(entity, name, instance.dataset_id.as_deref()).is_some();
            if instance.is_null() || !instance.has_value {
                result.refuse(name, "it has no value");
            } else if exists && !overwrite {
                result.refuse(name, "it exists already and overwriting was not asked for");
            } else {
                put(entity, name, instance, now);
                result.note(name);
            }
        }
    }
    finish(entity, &result, now);
    result
}

/// Puts attributes in place (PATCH of attributes, clause 5.6.2, 5.5.8), instance by instance, and adds those that
/// are new. The NGSI-LD Null deletes. A scope is replaced where there is one, else reported.
pub fn update(entity: &mut Entity, fragment: Entity, now: i64) -> UpdateResult {
    let mut result = UpdateResult::default();
    head(entity, &fragment, true, Scopes::Existing, &mut result);
    for attribute in fragment.attributes {
        for instance in attribute.instances {
            let name = &attribute.name;
            if instance.is_null() {
                if take(entity, name, instance.dataset_id.as_deref()) {
                    result.deleted.push((name.clone(), instance.dataset_id));
                } else {
                    result.refuse(name, "it does not exist");
                }
            } else if instance.has_value {
                put(entity, name, instance, now);
                result.note(name);
            } else {
                result.refuse(name, "it has no value");
            }
        }
    }
    finish(entity, &result, now);
    result
}

/// Changes members of one attribute (clause 5.6.4): what the fragment names is replaced, first
/// level only; the NGSI-LD Null removes a member, or the instance if it is the value.
///
/// [`ErrorKind::ResourceNotFound`] if there is no such instance, [`ErrorKind::BadRequestData`] if
/// the fragment is of another kind; the entity is unchanged then.
pub fn partial_update(
    entity: &mut Entity,
    fragment: Attribute,
    now: i64,
) -> Result<UpdateResult, Error> {
    let mut result = UpdateResult::default();
    let name = fragment.name;
    for change in &fragment.instances {
        let old = find(entity, &name, change.dataset_id.as_deref()).ok_or_else(missing)?;
        if change.has_kind && change.kind != old.kind && !change.is_null() {
            return Err(Error::bad("the attribute is of another type")
                .at("/type")
                .remedy("replace the attribute to change its type"));
        }
        if !change.has_kind && change.has_value && !change.is_null() {
            merge::fits(old.kind, change.value.get())
                .map_err(|reason| Error::bad(reason).remedy("give the attribute's type too"))?;
        }
    }
    for change in fragment.instances {
        let dataset = change.dataset_id.clone();
        if change.is_null() {
            take(entity, &name, dataset.as_deref());
            result.deleted.push((name.clone(), dataset));
        } else if let Some(old) = find_mut(entity, &name, dataset.as_deref()) {
            if change.has_value {
                old.value.clone_from(&change.value);
            }
            merge::metadata(old, &change);
            for sub in change.sub {
                old.sub.retain(|a| a.name != sub.name);
                let instances: Vec<Instance> = sub
                    .instances
                    .into_iter()
                    .filter(|i| i.has_value && !i.is_null())
                    .map(|i| merge::settled(i, now))
                    .collect();
                if !instances.is_empty() {
                    old.sub.push(Attribute { name: sub.name, instances });
                }
            }
            old.modified_at = now;
            old.instance_id = None;
            result.note(&name);
        }
    }
    finish(entity, &result, now);
    Ok(result)
}

/// Puts a new entity in place of another with the same id (clause 5.6.18): `createdAt` of the
/// entity, and of instances in both, stays; so does whom the entity is about.
#[must_use]
pub fn replace_entity(current: &Entity, mut new: Entity, now: i64) -> Entity {
    new.id.clone_from(&current.id);
    new.created_at = current.created_at;
    new.modified_at = now;
    if new.subject.is_none() {
        new.subject.clone_from(&current.subject);
    }
    for attribute in &mut new.attributes {
        for instance in &mut attribute.instances {
            instance.modified_at = now;
            let old = find(current, &attribute.name, instance.dataset_id.as_deref());
            instance.created_at = old.map_or(now, |old| old.created_at);
        }
    }
    new
}

/// Puts new instances of an attribute in place of those with the same `datasetId` (clause 5.6.19); others stay.
///
/// [`ErrorKind::ResourceNotFound`] if one of them does not exist, [`ErrorKind::BadRequestData`] if an instance has
/// no value.
pub fn replace_attribute(
    entity: &mut Entity,
    attribute: Attribute,
    now: i64,
) -> Result<UpdateResult, Error> {
    if attribute.instances.iter().any(|i| !i.has_value || i.is_null()) {
        return Err(Error::bad("the attribute has no value"));
    }
    let Some(old) = entity.attributes.iter_mut().find(|a| a.name == attribute.name) else {
        return Err(missing());
    };
    if attribute.instances.iter().any(|i| old.instance(i.dataset_id.as_deref()).is_none()) {
        return Err(missing());
    }
    let mut result = UpdateResult::default();
    for instance in attribute.instances {
        let mut instance = merge::settled(instance, now);
        if let Some(before) = old.instances.iter_mut().find(|i| i.dataset_id == instance.dataset_id)
        {
            instance.created_at = before.created_at;
            *before = instance;
        }
    }
    result.note(&attribute.name);
    finish(entity, &result, now);
    Ok(result)
}

/// Removes one instance of an attribute, or `all` (clause 5.6.5). `dataset_id` is `None` for the
/// default instance. [`ErrorKind::ResourceNotFound`] if there is nothing to remove.
pub fn delete_attribute(
    entity: &mut Entity,
    name: &str,
    dataset_id: Option<&str>,
    all: bool,
    now: i64,
) -> Result<UpdateResult, Error> {
    let mut result = UpdateResult::default();
    // The scope can be deleted as if it were an attribute (clause 5.6.5).
    if name == SCOPE && entity.attribute(name).is_none() && !entity.scopes.is_empty() {
        entity.scopes.clear();
        result.deleted.push(("scope".to_owned(), None));
    } else if all {
        let gone = entity.attributes.iter().filter(|a| a.name == name);
        result.deleted = gone
            .flat_map(|a| &a.instances)
            .map(|i| (name.to_owned(), i.dataset_id.clone()))
            .collect();
        entity.attributes.retain(|a| a.name != name);
    } else if take(entity, name, dataset_id) {
        result.deleted.push((name.to_owned(), dataset_id.map(str::to_owned)));
    }
    if result.deleted.is_empty() {
        return Err(missing());
    }
    finish(entity, &result, now);
    Ok(result)
}

fn missing() -> Error {
    Error::new(ErrorKind::ResourceNotFound, "the entity has no such attribute instance")
}

/// What a fragment's scopes do to those of the entity.
#[derive(Clone, Copy)]
enum Scopes {
    /// They take their place.
    Replace,
    /// They come beside them.
    Add,
    /// They take their place, where there are any.
    Existing,
}

const SCOPE: &str = "https://uri.etsi.org/ngsi-ld/scope";

/// Types, scope and expiry of a fragment.
fn head(
    entity: &mut Entity,
    fragment: &Entity,
    overwrite: bool,
    scopes: Scopes,
    result: &mut UpdateResult,
) {
    for iri in &fragment.types {
        if !entity.types.contains(iri) {
            entity.types.push(iri.clone());
            result.note("type");
        }
    }
    if !fragment.scopes.is_empty() {
        let given = fragment.scopes.iter().filter(|s| *s != NULL).cloned();
        let changed = match scopes {
            Scopes::Existing if entity.scopes.is_empty() => {
                result.refuse("scope", "it does not exist");
                Vec::new()
            }
            Scopes::Existing | Scopes::Replace => given.collect(),
            Scopes::Add => {
                let mut all = entity.scopes.clone();
                all.extend(given.filter(|scope| !entity.scopes.contains(scope)));
                all
            }
        };
        if entity.scopes != changed {
            entity.scopes = changed;
            result.note("scope");
        }
    }
    if fragment.expires_at.is_some() && (overwrite || entity.expires_at.is_none()) {
        let expires_at = fragment.expires_at.clone().filter(|at| at != NULL);
        if entity.expires_at != expires_at {
            entity.expires_at = expires_at;
            result.note("expiresAt");
        }
    }
}

fn finish(entity: &mut Entity, result: &UpdateResult, now: i64) {
    if result.changed() {
        entity.modified_at = now;
        entity.from_history = false;
    }
}

fn find<'e>(entity: &'e Entity, name: &str, dataset_id: Option<&str>) -> Option<&'e Instance> {
    entity.attribute(name)?.instance(dataset_id)
}

fn find_mut<'e>(
    entity: &'e mut Entity,
    name: &str,
    dataset_id: Option<&str>,
) -> Option<&'e mut Instance> {
    let attribute = entity.attributes.iter_mut().find(|a| a.name == name)?;
    attribute.instances.iter_mut().find(|i| i.dataset_id.as_deref() == dataset_id)
}

/// Puts an instance in place of the one with the same `datasetId`, or adds it.
fn put(entity: &mut Entity, name: &str, instance: Instance, now: i64) {
    merge::put(&mut entity.attributes, name, instance, now);
}

fn take(entity: &mut Entity, name: &str, dataset_id: Option<&str>) -> bool {
    merge::take(&mut entity.attributes, name, dataset_id)
}

#[cfg(test)]
mod tests;
