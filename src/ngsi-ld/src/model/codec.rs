//! The bytes of a stored entity.
//!
//! ```text
//! doc   := version:u8 created:i64 modified:i64 flags:u8 id [subject] [expires] types scopes slots
//! past  := version:u8 subject slot           an instance of the past, see [`super::PastDoc`]
//! slots := count (length:u32 slot)*        length in bytes, so that a reader can step over a slot
//! slot  := kind:u8 flags:u16 created:i64 modified:i64 name [dataset] [publisher]
//!          value [observed] [unit] [valueType] [expires] [instanceId] [objectTypes] [slots]
//! text  := length UTF-8     types, scopes, objectTypes := count text*
//! ```
//!
//! Counts and lengths are LEB128; fixed-width integers are little-endian.

use super::{Entity, Instance, Kind};

/// The version written, and the only one read so far.
pub(super) const VERSION: u8 = 1;
/// Attributes of attributes: how deep a document may nest them.
pub(crate) const MAX_NESTING: usize = 64;

pub(super) const HAS_SUBJECT: u8 = 1;
pub(super) const HAS_EXPIRES: u8 = 2;
pub(super) const FROM_HISTORY: u8 = 4;

pub(super) mod slot {
    pub(crate) const DATASET: u16 = 1;
    pub(crate) const PUBLISHER: u16 = 1 << 1;
    pub(crate) const OBSERVED: u16 = 1 << 2;
    pub(crate) const UNIT: u16 = 1 << 3;
    pub(crate) const VALUE_TYPE: u16 = 1 << 4;
    pub(crate) const EXPIRES: u16 = 1 << 5;
    pub(crate) const INSTANCE_ID: u16 = 1 << 6;
    pub(crate) const OBJECT_TYPE: u16 = 1 << 7;
    pub(crate) const SUB: u16 = 1 << 8;
    pub(crate) const ALL: u16 = (1 << 9) - 1;
}

pub(super) fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::Property => 0,
        Kind::Relationship => 1,
        Kind::GeoProperty => 2,
        Kind::LanguageProperty => 3,
        Kind::VocabProperty => 4,
        Kind::JsonProperty => 5,
        Kind::ListProperty => 6,
        Kind::ListRelationship => 7,
    }
}

pub(super) fn kind_of(code: u8) -> Option<Kind> {
    Some(match code {
        0 => Kind::Property,
        1 => Kind::Relationship,
        2 => Kind::GeoProperty,
        3 => Kind::LanguageProperty,
        4 => Kind::VocabProperty,
        5 => Kind::JsonProperty,
        6 => Kind::ListProperty,
        7 => Kind::ListRelationship,
        _ => return None,
    })
}

pub(super) fn encode(entity: &Entity) -> Vec<u8> {
    let mut out = encode_head(entity);
    put_slots(&mut out, &entity.attributes);
    out
}

/// An entity with these slots instead of its attributes.
pub(super) fn encode_with(entity: &Entity, slots: &[&[u8]]) -> Vec<u8> {
    let mut out = encode_head(entity);
    put_count(&mut out, slots.len());
    for slot in slots {
        out.extend_from_slice(&u32::try_from(slot.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(slot);
    }
    out
}

/// One slot alone.
pub(super) fn encode_slot(name: &str, instance: &Instance, out: &mut Vec<u8>) {
    put_slot(out, name, instance);
}

fn encode_head(entity: &Entity) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.push(VERSION);
    out.extend_from_slice(&entity.created_at.to_le_bytes());
    out.extend_from_slice(&entity.modified_at.to_le_bytes());
    let mut flags = 0;
    if entity.subject.is_some() {
        flags |= HAS_SUBJECT;
    }
    if entity.expires_at.is_some() {
        flags |= HAS_EXPIRES;
    }
    if entity.from_history {
        flags |= FROM_HISTORY;
    }
    out.push(flags);
    put_text(&mut out, &entity.id);
    put_optional(&mut out, entity.subject.as_deref());
    put_optional(&mut out, entity.expires_at.as_deref());
    put_texts(&mut out, &entity.types);
    put_texts(&mut out, &entity.scopes);
    out
}

fn put_slots(out: &mut Vec<u8>, attributes: &[super::Attribute]) {
    let count = attributes.iter().map(|a| a.instances.len()).sum();
    put_count(out, count);
    for attribute in attributes {
        for instance in &attribute.instances {
            let start = out.len();
            out.extend_from_slice(&[0; 4]);
            put_slot(out, &attribute.name, instance);
            // An entity of 4 GiB never gets here: input is capped far below.
            let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
            if let Some(place) = out.get_mut(start..start + 4) {
                place.copy_from_slice(&length.to_le_bytes());
            }
        }
    }
}

fn put_slot(out: &mut Vec<u8>, name: &str, instance: &Instance) {
    let present = [
        (instance.dataset_id.is_some(), slot::DATASET),
        (instance.publisher.is_some(), slot::PUBLISHER),
        (instance.observed_at.is_some(), slot::OBSERVED),
        (instance.unit_code.is_some(), slot::UNIT),
        (instance.value_type.is_some(), slot::VALUE_TYPE),
        (instance.expires_at.is_some(), slot::EXPIRES),
        (instance.instance_id.is_some(), slot::INSTANCE_ID),
        (!instance.object_type.is_empty(), slot::OBJECT_TYPE),
        (!instance.sub.is_empty(), slot::SUB),
    ];
    let flags = present.iter().filter(|(here, _)| *here).fold(0, |all, (_, flag)| all | flag);
    out.push(kind_code(instance.kind));
    out.extend_from_slice(&u16::to_le_bytes(flags));
    out.extend_from_slice(&instance.created_at.to_le_bytes());
    out.extend_from_slice(&instance.modified_at.to_le_bytes());
    put_text(out, name);
    put_optional(out, instance.dataset_id.as_deref());
    put_optional(out, instance.publisher.as_deref());
    put_text(out, instance.value.get());
    put_optional(out, instance.observed_at.as_deref());
    put_optional(out, instance.unit_code.as_deref());
    put_optional(out, instance.value_type.as_deref());
    put_optional(out, instance.expires_at.as_deref());
    put_optional(out, instance.instance_id.as_deref());
    if !instance.object_type.is_empty() {
        put_texts(out, &instance.object_type);
    }
    if !instance.sub.is_empty() {
        put_slots(out, &instance.sub);
    }
}

fn put_count(out: &mut Vec<u8>, mut count: usize) {
    while count >= 0x80 {
        out.push(u8::try_from(count & 0x7f).unwrap_or(0) | 0x80);
        count >>= 7;
    }
    out.push(u8::try_from(count).unwrap_or(0));
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn put_optional(out: &mut Vec<u8>, text: Option<&str>) {
    if let Some(text) = text {
        put_text(out, text);
    }
}

fn put_texts(out: &mut Vec<u8>, texts: &[String]) {
    put_count(out, texts.len());
    for text in texts {
        put_text(out, text);
    }
}

/// A text that should be there is not.
pub(super) struct Damaged;

/// A place in stored bytes. Every read is checked; `None` means damage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// The bytes of one slot.
    pub(super) fn slot(&mut self) -> Option<&'a [u8]> {
        let length = self.array().map(u32::from_le_bytes)?;
        self.take(usize::try_from(length).ok()?)
    }

    pub(super) fn count(&mut self) -> Option<usize> {
        let mut count = 0_usize;
        for shift in (0..35).step_by(7) {
            let byte = self.u8()?;
            count |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(count);
            }
        }
        None
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = self.count()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    /// Steps over a text without looking into it.
    pub(super) fn skip_text(&mut self) -> Option<()> {
        let length = self.count()?;
        self.take(length).map(drop)
    }

    /// Steps over texts after their count, and gives the count.
    pub(super) fn skip_texts(&mut self) -> Option<usize> {
        let count = self.count()?;
        for _ in 0..count {
            self.skip_text()?;
        }
        Some(count)
    }

    pub(super) fn optional(&mut self, present: bool) -> Result<Option<&'a str>, Damaged> {
        if present { self.text().map(Some).ok_or(Damaged) } else { Ok(None) }
    }
}
