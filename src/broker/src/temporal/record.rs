//! What a change of an entity leaves to the past.

use serde_json::value::to_raw_value;
use tsunagu_domain::{Catalogue, Problem};
use tsunagu_ngsi_ld::model::{APART, AttrSlot, COPY};
use tsunagu_ngsi_ld::time::parse_date_time;
use tsunagu_ngsi_ld::{EntityDoc, Error, ErrorKind, Instance, Kind, PastDoc};
use tsunagu_store::temporal::{self, InstanceKey};
use tsunagu_store::{Expect, Op};

use crate::ngsi_problem;

/// The name under which the scopes of an entity are kept. No attribute is called so: their names are IRIs.
pub(super) const SCOPE: &str = "scope";

/// Adds the operations that keep what a change supersedes or deletes; none when an entity is created.
pub(crate) fn record(
    catalogue: &Catalogue,
    before: Option<&EntityDoc>,
    after: Option<&EntityDoc>,
    at: i64,
    ops: &mut Vec<Op>,
) -> Result<(), Problem> {
    let Some(before) = before else {
        return Ok(());
    };
    kept(temporal::about(catalogue, before), before, after, at, ops).map_err(ngsi_problem)
}

fn kept(
    subject: Option<&str>,
    before: &EntityDoc,
    after: Option<&EntityDoc>,
    at: i64,
    ops: &mut Vec<Op>,
) -> Result<(), Error> {
    let id = before.id();
    let present: Vec<AttrSlot<'_>> =
        after.map(|doc| doc.attributes().collect()).unwrap_or_default();
    let same = |a: &AttrSlot<'_>, b: &AttrSlot<'_>| {
        a.name() == b.name() && a.dataset_id() == b.dataset_id()
    };
    let mut deletions = Vec::new();
    for (nth, slot) in before.attributes().enumerate() {
        // Mostly everything stays where it was.
        let here = present.get(nth).filter(|now| same(now, &slot));
        let now = here.or_else(|| present.iter().find(|now| same(now, &slot)));
        if now.is_some_and(|now| now.bytes() == slot.bytes()) {
            continue;
        }
        // What was to be there for a time leaves nothing when it has ended (clause 4.22).
        let ends = slot.instance().expires_at.map(str::to_owned);
        if ends.as_deref().and_then(parse_date_time).is_some_and(|ends| ends <= at) {
            continue;
        }
        if counts(&slot) {
            let doc = PastDoc::from_slot(slot.bytes(), subject)?;
            ops.push(Op::PutInstance { key: InstanceKey::derived(id, &slot), doc });
        }
        if now.is_none() {
            let mut deletion = slot.instance().decode()?.deleted(at);
            deletions.push(PastDoc::new(slot.name(), &deletion, subject)?);
            deletion.expires_at = ends;
            put(id, slot.name(), &deletion, subject, ops)?;
        }
    }
    let scopes = |doc: &EntityDoc| doc.scopes().map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (scopes(before), after.map(scopes).unwrap_or_default());
    if old != new {
        put(id, SCOPE, &scope_until(&old, at)?, subject, ops)?;
    }
    if after.is_none() {
        let mut head = before.decode_head();
        (head.modified_at, head.from_history, head.expires_at) = (at, false, None);
        let slots: Vec<&[u8]> =
            deletions.iter().filter_map(PastDoc::slot).map(|s| s.bytes()).collect();
        ops.push(Op::PutPast { doc: EntityDoc::assemble(&head, &slots)?, expect: Expect::Any });
    }
    Ok(())
}

/// Whether an instance of an entity as it is counts as the last one of its evolution.
pub(super) fn counts(slot: &AttrSlot<'_>) -> bool {
    !matches!(slot.instance().instance_id, Some(COPY | APART))
}

/// Scopes that were valid until some time.
pub(super) fn scope_until(scopes: &[String], until: i64) -> Result<Instance, Error> {
    let value = to_raw_value(scopes)
        .map_err(|_| Error::new(ErrorKind::Corrupt, "scopes cannot be written as JSON"))?;
    Ok(Instance::new(Kind::Property, value, until))
}

fn put(
    id: &str,
    name: &str,
    instance: &Instance,
    subject: Option<&str>,
    ops: &mut Vec<Op>,
) -> Result<(), Error> {
    let doc = PastDoc::new(name, instance, subject)?;
    let key = doc.slot().map(|slot| InstanceKey::derived(id, &slot));
    ops.extend(key.map(|key| Op::PutInstance { key, doc }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use tsunagu_domain::Catalogue;
    use tsunagu_ngsi_ld::{Context, Entity, EntityDoc, Instance};
    use tsunagu_store::Op;

    use super::record;

    fn entity(values: &[(&str, i64)]) -> Entity {
        let mut entity = Entity::new("urn:a:1", "urn:t", 0);
        for (name, value) in values {
            entity.set(*name, Instance::property(value, 0).unwrap());
        }
        entity
    }

    fn kept(before: Option<&Entity>, after: Option<&Entity>) -> Vec<String> {
        let doc = |entity: Option<&Entity>| entity.map(EntityDoc::from);
        let (before, after) = (doc(before), doc(after));
        let mut ops = Vec::new();
        let catalogue = include_bytes!("../../../../schemas/catalogue.json");
        let iri = |term: &str| Context::core().expand(term).into_owned();
        record(
            &Catalogue::read(catalogue, iri).unwrap(),
            before.as_ref(),
            after.as_ref(),
            7,
            &mut ops,
        )
        .unwrap();
        let shown = ops.iter().map(|op| match op {
            Op::PutInstance { doc, .. } => {
                let slot = doc.slot().unwrap();
                format!("{}={}", slot.name(), slot.instance().value)
            }
            Op::PutPast { doc, .. } => format!("past of {}", doc.attributes().count()),
            other => format!("{other:?}"),
        });
        shown.collect()
    }

    #[test]
    fn creation_leaves_nothing() {
        assert!(kept(None, Some(&entity(&[("urn:p", 1)]))).is_empty());
    }

    #[test]
    fn only_what_is_superseded_is_kept() {
        let (one, two) =
            (entity(&[("urn:p", 1), ("urn:q", 1)]), entity(&[("urn:p", 2), ("urn:q", 1)]));
        assert_eq!(kept(Some(&one), Some(&two)), ["urn:p=1"]);
        assert!(kept(Some(&one), Some(&one)).is_empty());
        let less = entity(&[("urn:q", 1)]);
        assert_eq!(kept(Some(&one), Some(&less)), ["urn:p=1", "urn:p=\"urn:ngsi-ld:null\""]);
    }

    #[test]
    fn a_deleted_entity_leaves_all_of_it() {
        let mut one = entity(&[("urn:p", 1)]);
        one.scopes = vec!["/A".to_owned()];
        let left = ["urn:p=1", "urn:p=\"urn:ngsi-ld:null\"", "scope=[\"/A\"]", "past of 1"];
        assert_eq!(kept(Some(&one), None), left);
    }

    #[test]
    fn copies_are_not_kept_twice() {
        let mut one = entity(&[("urn:p", 1)]);
        one.attributes[0].instances[0].instance_id = Some("=".to_owned());
        assert!(kept(Some(&one), Some(&entity(&[("urn:p", 2)]))).is_empty());
    }
}
