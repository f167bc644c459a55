//! Reading a stored entity in place.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::codec::{self, Cursor, MAX_NESTING, slot};
use super::{Attribute, Entity, Instance, Kind};
use crate::error::Error;
use crate::time::parse_date_time;

/// A stored entity: one buffer, read without copying, cheap to clone. Attributes can be stepped
/// over without looking into them.
#[derive(Debug, Clone)]
pub struct EntityDoc {
    bytes: Bytes,
    places: Places,
    /// When the first part of it ends, µs since the epoch; [`NEVER`] if none does.
    ends: i64,
    /// Whether parts that have ended are left out.
    trimmed: bool,
}

const NEVER: i64 = i64::MAX;
/// Where what has a fixed length stands: after the version, and after both times.
const TIMES: usize = 1;
const FLAGS: usize = TIMES + 16;
const ID: usize = FLAGS + 1;

/// Where in the bytes the parts begin whose place differs from entity to entity. Worked out once: an entity is asked for them all the time.
#[derive(Debug, Clone, Copy, Default)]
struct Places {
    types: usize,
    slots: usize,
}

impl Places {
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(bytes);
        cursor.take(FLAGS)?;
        let flags = cursor.u8()?;
        cursor.skip_text()?;
        for part in [codec::HAS_SUBJECT, codec::HAS_EXPIRES] {
            if flags & part != 0 {
                cursor.skip_text()?;
            }
        }
        let types = bytes.len() - cursor.0.len();
        cursor.skip_texts()?;
        cursor.skip_texts()?;
        Some(Self { types, slots: bytes.len() - cursor.0.len() })
    }
}

impl EntityDoc {
    /// Takes stored bytes after checking their whole structure, whatever the bytes are.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, Error> {
        let damaged = || Error::corrupt("a stored entity is damaged");
        let places = check_head(&bytes).and_then(|()| Places::of(&bytes)).ok_or_else(damaged)?;
        let mut doc = Self { bytes, places, ends: NEVER, trimmed: false };
        let slots = check_slots(doc.attributes(), 0)
            .ok_or_else(|| Error::corrupt("an attribute of a stored entity is damaged"))?;
        doc.ends = slots.min(end_of(doc.expires_at()));
        Ok(doc)
    }

    /// When the first part of the entity ends (clause 4.22), µs since the epoch: the entity, an attribute instance or one inside of it.
    #[must_use]
    pub fn ends(&self) -> Option<i64> {
        (self.ends != NEVER).then_some(self.ends)
    }

    /// The entity at a moment, µs since the epoch, without what has ended by then; `None` when it has ended itself.
    pub fn at(&self, now: i64) -> Result<Option<Self>, Error> {
        if self.ends > now {
            return Ok(Some(self.clone()));
        }
        let mut entity = self.decode()?;
        if !entity.end(now) {
            return Ok(None);
        }
        let doc = Self::from_bytes(entity.encode().into())?;
        Ok(Some(Self { trimmed: true, ..doc }))
    }

    /// Whether [`at`](Self::at) has left out something that is stored still.
    #[must_use]
    pub fn is_trimmed(&self) -> bool {
        self.trimmed
    }

    /// The stored bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes from a place on. They were checked when the document was made, so that what is read there never fails.
    fn cursor(&self, place: usize) -> Cursor<'_> {
        Cursor(self.bytes.get(place..).unwrap_or_default())
    }

    fn flags(&self) -> u8 {
        self.cursor(FLAGS).u8().unwrap_or(0)
    }

    /// An entity with these slots, as [`AttrSlot::bytes`] gives them, in the place of its attributes. Slots of one name follow one another; in
    /// a temporal evolution several can have the same `datasetId`.
    pub fn assemble(head: &Entity, slots: &[&[u8]]) -> Result<Self, Error> {
        Self::from_bytes(codec::encode_with(head, slots).into())
    }

    /// The entity's URI.
    #[must_use]
    pub fn id(&self) -> &str {
        self.cursor(ID).text().unwrap_or_default()
    }

    /// The expanded types in order.
    #[must_use]
    pub fn types(&self) -> Strings<'_> {
        Strings::at(self.cursor(self.places.types))
    }

    /// The scopes in order.
    #[must_use]
    pub fn scopes(&self) -> Strings<'_> {
        let mut cursor = self.cursor(self.places.types);
        cursor.skip_texts();
        Strings::at(cursor)
    }

    /// Whom the entity is about.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        let mut cursor = self.cursor(ID);
        cursor.skip_text()?;
        cursor.optional(self.flags() & codec::HAS_SUBJECT != 0).ok()?
    }

    /// When the entity ends, a `DateTime`.
    #[must_use]
    pub fn expires_at(&self) -> Option<&str> {
        let mut cursor = self.cursor(ID);
        cursor.skip_text()?;
        cursor.optional(self.flags() & codec::HAS_SUBJECT != 0).ok()?;
        cursor.optional(self.flags() & codec::HAS_EXPIRES != 0).ok()?
    }

    /// µs since the epoch.
    #[must_use]
    pub fn created_at(&self) -> i64 {
        self.cursor(TIMES).i64().unwrap_or(0)
    }

    /// µs since the epoch.
    #[must_use]
    pub fn modified_at(&self) -> i64 {
        self.cursor(TIMES + 8).i64().unwrap_or(0)
    }

    /// Whether it is there only because its history was provided.
    #[must_use]
    pub fn from_history(&self) -> bool {
        self.flags() & codec::FROM_HISTORY != 0
    }

    /// Everything but the attributes.
    #[must_use]
    pub fn decode_head(&self) -> Entity {
        Entity {
            id: self.id().to_owned(),
            types: self.types().map(str::to_owned).collect(),
            scopes: self.scopes().map(str::to_owned).collect(),
            expires_at: self.expires_at().map(str::to_owned),
            created_at: self.created_at(),
            modified_at: self.modified_at(),
            subject: self.subject().map(str::to_owned),
            from_history: self.from_history(),
            attributes: Vec::new(),
        }
    }

    /// Every instance of every attribute; instances of one attribute follow one another.
    #[must_use]
    pub fn attributes(&self) -> AttrSlots<'_> {
        let mut cursor = self.cursor(self.places.slots);
        AttrSlots { left: cursor.count().unwrap_or(0), cursor }
    }

    /// The whole entity.
    pub fn decode(&self) -> Result<Entity, Error> {
        Ok(Entity { attributes: decode_slots(self.attributes())?, ..self.decode_head() })
    }
}

impl From<&Entity> for EntityDoc {
    fn from(entity: &Entity) -> Self {
        let bytes = Bytes::from(entity.encode());
        // What was just written is whole.
        let places = Places::of(&bytes).unwrap_or_default();
        Self { bytes, places, ends: entity.ends(), trimmed: false }
    }
}

/// Whether everything before the attributes is what it should be.
fn check_head(bytes: &[u8]) -> Option<()> {
    let mut cursor = Cursor(bytes);
    if cursor.u8()? != codec::VERSION {
        return None;
    }
    cursor.take(FLAGS - TIMES)?;
    let flags = cursor.u8()?;
    cursor.text()?;
    cursor.optional(flags & codec::HAS_SUBJECT != 0).ok()?;
    cursor.optional(flags & codec::HAS_EXPIRES != 0).ok()?;
    Strings::read(&mut cursor)?;
    Strings::read(&mut cursor)?;
    cursor.count().map(drop)
}

/// Walks everything once and tells when the first of it ends; `None` if anything is damaged or left over.
fn check_slots(mut slots: AttrSlots<'_>, depth: usize) -> Option<i64> {
    if depth > MAX_NESTING {
        return None;
    }
    let mut ends = NEVER;
    while slots.left > 0 {
        slots.left -= 1;
        ends = ends.min(check_slot(slots.cursor.slot()?, depth)?);
    }
    slots.cursor.0.is_empty().then_some(ends)
}

/// When something with this `expiresAt` ends.
fn end_of(expires_at: Option<&str>) -> i64 {
    expires_at.and_then(parse_date_time).unwrap_or(NEVER)
}

impl Entity {
    /// When the first part ends.
    fn ends(&self) -> i64 {
        end_of(self.expires_at.as_deref()).min(first_end(&self.attributes))
    }

    /// Takes out what has ended by `now`, µs since the epoch (clause 4.22). False if that is the whole entity.
    pub fn end(&mut self, now: i64) -> bool {
        end_attributes(&mut self.attributes, now);
        end_of(self.expires_at.as_deref()) > now
    }
}

fn first_end(attributes: &[Attribute]) -> i64 {
    let instances = attributes.iter().flat_map(|attribute| &attribute.instances);
    let ends = instances.map(|i| end_of(i.expires_at.as_deref()).min(first_end(&i.sub)));
    ends.min().unwrap_or(NEVER)
}

fn end_attributes(attributes: &mut Vec<Attribute>, now: i64) {
    for attribute in attributes.iter_mut() {
        attribute.instances.retain(|instance| end_of(instance.expires_at.as_deref()) > now);
        for instance in &mut attribute.instances {
            end_attributes(&mut instance.sub, now);
        }
    }
    attributes.retain(|attribute| !attribute.instances.is_empty());
}

/// [`check_slots`] for one slot.
pub(super) fn check_slot(bytes: &[u8], depth: usize) -> Option<i64> {
    let instance = AttrSlot::read(bytes)?.read_instance()?;
    Some(end_of(instance.expires_at).min(check_slots(instance.sub, depth + 1)?))
}

fn decode_slots(slots: AttrSlots<'_>) -> Result<Vec<Attribute>, Error> {
    let mut attributes: Vec<Attribute> = Vec::new();
    for slot in slots {
        let instance = slot.instance().decode()?;
        match attributes.last_mut() {
            Some(last) if last.name == slot.name => last.instances.push(instance),
            _ => {
                attributes
                    .push(Attribute { name: slot.name.to_owned(), instances: vec![instance] });
            }
        }
    }
    Ok(attributes)
}

/// Texts in a stored document.
#[derive(Debug, Clone)]
pub struct Strings<'a> {
    cursor: Cursor<'a>,
    left: usize,
}

impl<'a> Strings<'a> {
    const EMPTY: Self = Self { cursor: Cursor(&[]), left: 0 };

    /// The list that begins there.
    fn at(mut cursor: Cursor<'a>) -> Self {
        Self { left: cursor.count().unwrap_or(0), cursor }
    }

    /// Reads the list and moves `cursor` behind it.
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let left = cursor.count()?;
        let strings = Self { cursor: *cursor, left };
        for _ in 0..left {
            cursor.text()?;
        }
        Some(strings)
    }

    /// Whether none is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.left = self.left.checked_sub(1)?;
        self.cursor.text()
    }
}

/// The attribute instances of a document, or of an attribute.
#[derive(Debug, Clone)]
pub struct AttrSlots<'a> {
    cursor: Cursor<'a>,
    left: usize,
}

impl AttrSlots<'_> {
    const EMPTY: Self = Self { cursor: Cursor(&[]), left: 0 };

    /// Whether none is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }
}

impl<'a> Iterator for AttrSlots<'a> {
    type Item = AttrSlot<'a>;

    fn next(&mut self) -> Option<AttrSlot<'a>> {
        self.left = self.left.checked_sub(1)?;
        AttrSlot::read(self.cursor.slot()?)
    }
}

/// The head of one attribute instance: what is needed to decide whether to look further.
#[derive(Debug, Clone, Copy)]
pub struct AttrSlot<'a> {
    kind: Kind,
    flags: u16,
    created_at: i64,
    modified_at: i64,
    name: &'a str,
    dataset_id: Option<&'a str>,
    publisher: Option<&'a str>,
    body: Cursor<'a>,
    bytes: &'a [u8],
}

impl<'a> AttrSlot<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor(bytes);
        let code = cursor.u8()?;
        let kind = codec::kind_of(code)?;
        let flags = cursor.u16()?;
        if flags & !slot::ALL != 0 {
            return None;
        }
        Some(Self {
            kind,
            flags,
            created_at: cursor.i64()?,
            modified_at: cursor.i64()?,
            name: cursor.text()?,
            dataset_id: cursor.optional(flags & slot::DATASET != 0).ok()?,
            publisher: cursor.optional(flags & slot::PUBLISHER != 0).ok()?,
            body: cursor,
            bytes,
        })
    }

    /// The slot as it is stored.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The expanded name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Absent in the default instance.
    #[must_use]
    pub fn dataset_id(&self) -> Option<&'a str> {
        self.dataset_id
    }

    /// The client that wrote it.
    #[must_use]
    pub fn publisher(&self) -> Option<&'a str> {
        self.publisher
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the instance has an `observedAt`.
    #[must_use]
    pub fn is_observed(&self) -> bool {
        self.flags & slot::OBSERVED != 0
    }

    /// Whether the instance has an `expiresAt`.
    #[must_use]
    pub fn expires(&self) -> bool {
        self.flags & slot::EXPIRES != 0
    }

    /// µs since the epoch.
    #[must_use]
    pub fn created_at(&self) -> i64 {
        self.created_at
    }

    /// µs since the epoch.
    #[must_use]
    pub fn modified_at(&self) -> i64 {
        self.modified_at
    }

    /// Whether nothing at all differs, times included.
    #[must_use]
    pub fn is_same(&self, other: &AttrSlot<'_>) -> bool {
        let head = |slot: &AttrSlot<'_>| (slot.flags, slot.created_at, slot.modified_at);
        self.kind == other.kind
            && head(self) == head(other)
            && self.name == other.name
            && self.dataset_id == other.dataset_id
            && self.publisher == other.publisher
            && self.body.0 == other.body.0
    }

    /// The rest of the instance.
    #[must_use]
    pub fn instance(&self) -> InstanceRef<'a> {
        // Checked when the document was made, so the alternative is never taken.
        self.read_instance().unwrap_or(InstanceRef {
            slot: *self,
            value: "null",
            observed_at: None,
            unit_code: None,
            value_type: None,
            expires_at: None,
            instance_id: None,
            object_type: Strings::EMPTY,
            sub: AttrSlots::EMPTY,
        })
    }

    fn read_instance(&self) -> Option<InstanceRef<'a>> {
        let mut cursor = self.body;
        let has = |flag| self.flags & flag != 0;
        Some(InstanceRef {
            slot: *self,
            value: cursor.text()?,
            observed_at: cursor.optional(has(slot::OBSERVED)).ok()?,
            unit_code: cursor.optional(has(slot::UNIT)).ok()?,
            value_type: cursor.optional(has(slot::VALUE_TYPE)).ok()?,
            expires_at: cursor.optional(has(slot::EXPIRES)).ok()?,
            instance_id: cursor.optional(has(slot::INSTANCE_ID)).ok()?,
            object_type: if has(slot::OBJECT_TYPE) {
                Strings::read(&mut cursor)?
            } else {
                Strings::EMPTY
            },
            sub: if has(slot::SUB) {
                AttrSlots { left: cursor.count()?, cursor }
            } else {
                AttrSlots { left: 0, cursor }
            },
        })
    }
}

/// One attribute instance, borrowed from the document.
#[derive(Debug, Clone)]
pub struct InstanceRef<'a> {
    /// Kind, times, `datasetId`, publisher.
    pub slot: AttrSlot<'a>,
    /// The JSON text of the value.
    pub value: &'a str,
    /// A `DateTime`.
    pub observed_at: Option<&'a str>,
    /// A UN/CEFACT unit code.
    pub unit_code: Option<&'a str>,
    /// The expanded datatype of a Property's value.
    pub value_type: Option<&'a str>,
    /// When the attribute ends, a `DateTime`.
    pub expires_at: Option<&'a str>,
    /// The identity of this instance in the temporal evolution.
    pub instance_id: Option<&'a str>,
    /// Expanded types of the entities a Relationship points at.
    pub object_type: Strings<'a>,
    /// Properties of the property.
    pub sub: AttrSlots<'a>,
}

impl InstanceRef<'_> {
    /// The whole instance.
    pub fn decode(&self) -> Result<Instance, Error> {
        let value = RawValue::from_string(self.value.to_owned())
            .map_err(|_| Error::corrupt("a value of a stored entity is not JSON"))?;
        Ok(Instance {
            kind: self.slot.kind,
            value,
            has_value: true,
            has_kind: true,
            dataset_id: self.slot.dataset_id.map(str::to_owned),
            observed_at: self.observed_at.map(str::to_owned),
            unit_code: self.unit_code.map(str::to_owned),
            value_type: self.value_type.map(str::to_owned),
            object_type: self.object_type.clone().map(str::to_owned).collect(),
            expires_at: self.expires_at.map(str::to_owned),
            instance_id: self.instance_id.map(str::to_owned),
            created_at: self.slot.created_at,
            modified_at: self.slot.modified_at,
            publisher: self.slot.publisher.map(str::to_owned),
            sub: decode_slots(self.sub.clone())?,
        })
    }
}
