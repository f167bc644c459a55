//! An instance of the past as it is stored: the slot that it was, and whom the entity was about then.

use bytes::Bytes;

use super::codec::{self, Cursor};
use super::doc::{AttrSlot, check_slot};
use super::{Instance, is_null};
use crate::error::Error;
use crate::time::parse_date_time;

const VERSION: u8 = 1;

/// One instance of an attribute in the temporal evolution of an entity, read without copying.
#[derive(Debug, Clone)]
pub struct PastDoc {
    bytes: Bytes,
    /// Where the slot begins, behind version and subject.
    slot: usize,
}

impl PastDoc {
    /// Takes stored bytes after checking their structure.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, Error> {
        let sound = parts(&bytes).and_then(|(_, slot)| check_slot(slot, 0).map(|_| slot.len()));
        let slot = sound.ok_or_else(|| Error::corrupt("an instance of the past is damaged"))?;
        Ok(Self { slot: bytes.len() - slot, bytes })
    }

    /// From an instance and whom the entity is about.
    pub fn new(name: &str, instance: &Instance, subject: Option<&str>) -> Result<Self, Error> {
        let mut slot = Vec::with_capacity(128);
        codec::encode_slot(name, instance, &mut slot);
        Self::from_slot(&slot, subject)
    }

    /// From a slot as [`AttrSlot::bytes`] gives it.
    pub fn from_slot(slot: &[u8], subject: Option<&str>) -> Result<Self, Error> {
        let mut out = Vec::with_capacity(slot.len() + 40);
        out.push(VERSION);
        codec::put_text(&mut out, subject.unwrap_or_default());
        out.extend_from_slice(slot);
        Self::from_bytes(out.into())
    }

    /// The stored bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Whom the entity was about.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        parts(&self.bytes).map(|(subject, _)| subject).filter(|subject| !subject.is_empty())
    }

    /// The instance; `None` never, since the bytes were checked.
    #[must_use]
    pub fn slot(&self) -> Option<AttrSlot<'_>> {
        AttrSlot::read(self.bytes.get(self.slot..)?)
    }
}

fn parts(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let mut cursor = Cursor(bytes);
    if cursor.u8()? != VERSION {
        return None;
    }
    Some((cursor.text()?, cursor.0))
}

impl AttrSlot<'_> {
    /// Whether the instance says that the attribute was deleted.
    #[must_use]
    pub fn is_deletion(&self) -> bool {
        is_null(self.instance().value)
    }

    /// By what the instances of a series are ordered: when it was observed, or else when it was written. µs since the epoch.
    #[must_use]
    pub fn time(&self) -> i64 {
        let observed = self.instance().observed_at.and_then(parse_date_time);
        observed.unwrap_or_else(|| self.modified_at())
    }
}

#[cfg(test)]
mod tests {
    use super::PastDoc;
    use crate::model::{Entity, EntityDoc, Instance, Kind};

    #[test]
    fn keeps_the_slot_and_the_subject() {
        let mut entity = Entity::new("urn:a:1", "urn:t", 3);
        entity.set("urn:p", Instance::property(&7, 3).unwrap());
        let doc = EntityDoc::from(&entity);
        let slot = doc.attributes().next().unwrap();
        let past = PastDoc::from_slot(slot.bytes(), Some("me")).unwrap();
        assert_eq!(past.subject(), Some("me"));
        assert_eq!(past.slot().unwrap().bytes(), slot.bytes());
        let same = PastDoc::new("urn:p", &entity.attributes[0].instances[0], Some("me")).unwrap();
        assert_eq!(same.bytes(), past.bytes());
        assert_eq!(PastDoc::from_slot(slot.bytes(), None).unwrap().subject(), None);
        for cut in 0..past.bytes().len() {
            assert!(PastDoc::from_bytes(past.bytes().slice(..cut)).is_err(), "{cut}");
        }
    }

    #[test]
    fn assembles_an_entity_of_several_instances() {
        let mut entity = Entity::new("urn:a:1", "urn:t", 3);
        entity.set("urn:p", Instance::property(&7, 3).unwrap());
        let doc = EntityDoc::from(&entity);
        let slot = doc.attributes().next().unwrap();
        let twice = EntityDoc::assemble(&doc.decode_head(), &[slot.bytes(), slot.bytes()]).unwrap();
        assert_eq!(twice.attributes().count(), 2);
        assert_eq!(twice.id(), "urn:a:1");
    }

    #[test]
    fn deletions_are_known() {
        for kind in Kind::ALL {
            let value = serde_json::value::RawValue::from_string("[]".to_owned()).unwrap();
            let mut instance = Instance::new(kind, value, 1);
            instance.dataset_id = Some("urn:d".to_owned());
            let gone = instance.deleted(9);
            let past = PastDoc::new("urn:p", &gone, None).unwrap();
            let slot = past.slot().unwrap();
            assert!(slot.is_deletion());
            assert_eq!((slot.time(), slot.created_at(), slot.dataset_id()), (9, 1, Some("urn:d")));
        }
    }
}
