use proptest::prelude::*;
use serde_json::value::RawValue;

use super::{Attribute, Entity, EntityDoc, Instance, Kind};
use crate::error::ErrorKind;

fn text() -> impl Strategy<Value = String> {
    "[a-z都\"\\\\:/ ]{0,8}"
}

fn some_text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(text())
}

fn instance(depth: u32) -> BoxedStrategy<Instance> {
    let sub = if depth == 0 { Just(Vec::new()).boxed() } else { attributes(depth - 1) };
    let heads = (0..Kind::ALL.len(), text(), any::<(i64, i64)>(), some_text());
    let metadata = (some_text(), some_text(), some_text(), some_text(), some_text());
    (heads, metadata, proptest::collection::vec(text(), 0..3), sub)
        .prop_map(|((kind, value, times, publisher), metadata, object_type, sub)| {
            let (observed_at, unit_code, value_type, expires_at, instance_id) = metadata;
            let value = RawValue::from_string(crate::json::quoted(&value)).unwrap();
            Instance {
                publisher,
                observed_at,
                unit_code,
                value_type,
                expires_at,
                instance_id,
                object_type,
                sub,
                created_at: times.0,
                modified_at: times.1,
                ..Instance::new(Kind::ALL[kind], value, 0)
            }
        })
        .boxed()
}

/// Attributes with names of their own, each with up to three instances.
fn attributes(depth: u32) -> BoxedStrategy<Vec<Attribute>> {
    let one = proptest::collection::vec(instance(depth), 1..4);
    proptest::collection::vec(one, 0..4)
        .prop_map(|all| {
            let number = |(index, mut instances): (usize, Vec<Instance>)| {
                for (dataset, instance) in instances.iter_mut().enumerate().skip(1) {
                    instance.dataset_id = Some(format!("urn:d:{dataset}"));
                }
                Attribute { name: format!("urn:a:{index}"), instances }
            };
            all.into_iter().enumerate().map(number).collect()
        })
        .boxed()
}

fn entity() -> impl Strategy<Value = Entity> {
    let texts = || proptest::collection::vec(text(), 0..3);
    (text(), texts(), texts(), (some_text(), some_text()), any::<(i64, i64)>(), attributes(2))
        .prop_map(|(id, types, scopes, (expires_at, subject), times, attributes)| Entity {
            id,
            types,
            scopes,
            expires_at,
            created_at: times.0,
            modified_at: times.1,
            from_history: subject.is_some(),
            subject,
            attributes,
        })
}

fn shown(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

proptest! {
    #[test]
    fn stored_entities_come_back(entity in entity()) {
        let bytes = entity.encode();
        let doc = EntityDoc::from_bytes(bytes.clone().into()).unwrap();
        let back = doc.decode().unwrap();
        prop_assert_eq!(shown(&back), shown(&entity));
        prop_assert_eq!(back.encode(), bytes);
        prop_assert_eq!(doc.id(), entity.id);
        prop_assert_eq!(doc.subject(), entity.subject.as_deref());
        prop_assert_eq!(doc.types().collect::<Vec<_>>(), entity.types);
        prop_assert_eq!(doc.scopes().collect::<Vec<_>>(), entity.scopes);
        let count: usize = entity.attributes.iter().map(|a| a.instances.len()).sum();
        prop_assert_eq!(doc.attributes().count(), count);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(doc) = EntityDoc::from_bytes(bytes.into()) {
            let _either = doc.decode();
        }
    }

    #[test]
    fn damage_is_survived(entity in entity(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = entity.encode();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        if let Ok(doc) = EntityDoc::from_bytes(bytes.clone().into()) {
            let _either = doc.decode();
            for slot in doc.attributes() {
                let _read = slot.instance().sub.count();
            }
        }
        bytes = entity.encode();
        bytes.truncate(cut.index(bytes.len()));
        prop_assert_eq!(EntityDoc::from_bytes(bytes.into()).unwrap_err().kind, ErrorKind::Corrupt);
    }
}

#[test]
fn other_versions_are_refused() {
    let mut bytes = Entity::new("urn:e:1", "urn:t", 0).encode();
    bytes[0] = 2;
    assert_eq!(EntityDoc::from_bytes(bytes.into()).unwrap_err().kind, ErrorKind::Corrupt);
}

/// The stored form is a promise: these bytes were written by version 1.
#[test]
fn version_1_stays_readable() {
    let mut entity = Entity::new("urn:e:1", "urn:t", 7);
    entity.subject = Some("s".to_owned());
    entity.set("urn:a", Instance::property(&5, 8).unwrap());
    let mut bytes = vec![1, 7, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1];
    bytes.extend(b"\x07urn:e:1\x01s\x01\x05urn:t\x00\x01");
    bytes.extend([27, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(b"\x05urn:a\x015");
    assert_eq!(entity.encode(), bytes);
    assert_eq!(
        shown(&EntityDoc::from_bytes(bytes.into()).unwrap().decode().unwrap()),
        shown(&entity)
    );
}

#[test]
fn what_has_ended_is_left_out() {
    let mut entity = Entity::new("urn:a:1", "urn:t", 0);
    let property = |expires_at: Option<&str>| {
        let mut instance = Instance::property(&1, 0).unwrap();
        instance.expires_at = expires_at.map(str::to_owned);
        instance
    };
    entity.set("urn:stays", property(None));
    entity.set("urn:ends", property(Some("1970-01-01T00:00:02Z")));
    let mut around = property(None);
    let inner = property(Some("1970-01-01T00:00:01Z"));
    around.sub.push(Attribute { name: "urn:sub".to_owned(), instances: vec![inner] });
    entity.set("urn:around", around);
    entity.expires_at = Some("1970-01-01T00:00:03Z".to_owned());
    let doc = EntityDoc::from_bytes(entity.encode().into()).unwrap();
    assert_eq!(doc.ends(), Some(1_000_000));
    assert_eq!(EntityDoc::from(&entity).ends(), doc.ends());

    let names = |doc: &EntityDoc| doc.attributes().map(|s| s.name().to_owned()).collect::<Vec<_>>();
    let before = doc.at(999_999).unwrap().unwrap();
    assert!(!before.is_trimmed() && before.bytes() == doc.bytes());
    let without_sub = doc.at(1_000_000).unwrap().unwrap();
    assert!(without_sub.is_trimmed() && names(&without_sub).len() == 3);
    assert!(without_sub.attributes().all(|slot| slot.instance().sub.is_empty()));
    assert_eq!(without_sub.ends(), Some(2_000_000));
    let without_one = doc.at(2_000_000).unwrap().unwrap();
    assert_eq!(names(&without_one), ["urn:stays", "urn:around"]);
    assert!(doc.at(3_000_000).unwrap().is_none());
    assert!(EntityDoc::from(&Entity::new("urn:a:2", "urn:t", 0)).ends().is_none());
}
