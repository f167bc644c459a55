//! The information model (clause 4.2, 4.5): entities, their attributes, and the stored form.

mod codec;
mod doc;

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::Error;

pub(crate) use codec::MAX_NESTING;
mod past;

pub use doc::{AttrSlot, AttrSlots, EntityDoc, InstanceRef, Strings};
pub use past::PastDoc;

/// The NGSI-LD Null (clause 4.5.0): in some updates, the value that deletes.
pub const NULL: &str = "urn:ngsi-ld:null";
/// In [`Instance::instance_id`]: the temporal evolution has this instance already.
pub const COPY: &str = "=";
/// In [`Instance::instance_id`]: the temporal evolution was told to forget this instance.
pub const APART: &str = "-";

/// Whether JSON text can hold [`NULL`]: a quick look that nearly every value of every write is done with. An escape could hide it.
pub(crate) fn may_hold_null(json: &str) -> bool {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(NULL));
    json.len() >= NULL.len()
        && (FINDER.find(json.as_bytes()).is_some()
            || memchr::memchr(b'\\', json.as_bytes()).is_some())
}

/// What an attribute is (clause 4.5.1 and following).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A value: any JSON but `null`.
    Property,
    /// A link to one or more entities.
    Relationship,
    /// A `GeoJSON` geometry.
    GeoProperty,
    /// Texts by language.
    LanguageProperty,
    /// One or more terms of a vocabulary, kept expanded.
    VocabProperty,
    /// Literal JSON, never interpreted.
    JsonProperty,
    /// An ordered list of values.
    ListProperty,
    /// An ordered list of links.
    ListRelationship,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Property,
        Self::Relationship,
        Self::GeoProperty,
        Self::LanguageProperty,
        Self::VocabProperty,
        Self::JsonProperty,
        Self::ListProperty,
        Self::ListRelationship,
    ];

    /// The term that stands in an attribute's `type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Property => "Property",
            Self::Relationship => "Relationship",
            Self::GeoProperty => "GeoProperty",
            Self::LanguageProperty => "LanguageProperty",
            Self::VocabProperty => "VocabProperty",
            Self::JsonProperty => "JsonProperty",
            Self::ListProperty => "ListProperty",
            Self::ListRelationship => "ListRelationship",
        }
    }

    /// The member that carries the value in the normalized representation.
    #[must_use]
    pub fn value_member(self) -> &'static str {
        match self {
            Self::Property | Self::GeoProperty => "value",
            Self::Relationship => "object",
            Self::LanguageProperty => "languageMap",
            Self::VocabProperty => "vocab",
            Self::JsonProperty => "json",
            Self::ListProperty => "valueList",
            Self::ListRelationship => "objectList",
        }
    }

    /// What stands in the place of a value that was deleted (clause 4.5.0).
    #[must_use]
    pub fn null(self) -> &'static str {
        match self {
            Self::LanguageProperty => r#"{"@none":"urn:ngsi-ld:null"}"#,
            Self::ListProperty => r#"["urn:ngsi-ld:null"]"#,
            Self::ListRelationship => r#"[{"object":"urn:ngsi-ld:null"}]"#,
            _ => r#""urn:ngsi-ld:null""#,
        }
    }

    /// The kind a `type` names.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// An entity (clause 4.5.1), names expanded. Also the shape of a fragment, where `id` and `types`
/// may be empty.
#[derive(Debug, Clone, Default)]
pub struct Entity {
    /// A URI.
    pub id: String,
    /// Expanded types, in the order given.
    pub types: Vec<String>,
    /// Scopes (clause 4.18), as given.
    pub scopes: Vec<String>,
    /// When the entity ends, a `DateTime`.
    pub expires_at: Option<String>,
    /// µs since the epoch.
    pub created_at: i64,
    /// µs since the epoch.
    pub modified_at: i64,
    /// Whom the entity is about. Opaque here, never rendered.
    pub subject: Option<String>,
    /// Whether the entity is there only because its history was provided: a copy of its last instances. Never rendered.
    pub from_history: bool,
    /// In the order given, each name once.
    pub attributes: Vec<Attribute>,
}

/// An attribute: one name, one instance per `datasetId` (clause 4.5.5).
#[derive(Debug, Clone)]
pub struct Attribute {
    /// The expanded name.
    pub name: String,
    /// At least one; the default instance, if there is one, first.
    pub instances: Vec<Instance>,
}

/// One instance of an attribute.
#[derive(Debug, Clone)]
pub struct Instance {
    /// What it is.
    pub kind: Kind,
    /// The content of the member [`Kind::value_member`] names. `VocabProperty` values are
    /// expanded, everything else is as given.
    pub value: Box<RawValue>,
    /// False only in a fragment that changes other members and leaves the value alone.
    pub has_value: bool,
    /// False only in a fragment that leaves the kind to be inferred.
    pub has_kind: bool,
    /// Absent in the default instance.
    pub dataset_id: Option<String>,
    /// A `DateTime`.
    pub observed_at: Option<String>,
    /// A UN/CEFACT unit code.
    pub unit_code: Option<String>,
    /// The expanded datatype of a Property's value.
    pub value_type: Option<String>,
    /// Expanded types of the entities a Relationship points at.
    pub object_type: Vec<String>,
    /// When the attribute ends, a `DateTime`.
    pub expires_at: Option<String>,
    /// How this instance stands to the temporal evolution of the entity; [`COPY`] or [`APART`], otherwise it is its last one.
    pub instance_id: Option<String>,
    /// µs since the epoch.
    pub created_at: i64,
    /// µs since the epoch.
    pub modified_at: i64,
    /// The client that wrote it. Never rendered.
    pub publisher: Option<String>,
    /// Properties of the property.
    pub sub: Vec<Attribute>,
}

impl Entity {
    /// An entity of one type without attributes. `now` in µs since the epoch.
    pub fn new(id: impl Into<String>, type_iri: impl Into<String>, now: i64) -> Self {
        Self {
            id: id.into(),
            types: vec![type_iri.into()],
            created_at: now,
            modified_at: now,
            ..Self::default()
        }
    }

    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The attribute of that expanded name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| a.name == name)
    }

    /// Sets an attribute to a single default instance, in place of whatever was there.
    pub fn set(&mut self, name: impl Into<String>, instance: Instance) {
        let attribute = Attribute { name: name.into(), instances: vec![instance] };
        match self.attributes.iter_mut().find(|a| a.name == attribute.name) {
            Some(old) => *old = attribute,
            None => self.attributes.push(attribute),
        }
    }

    /// Notes who writes every attribute of this entity or fragment.
    pub fn set_publisher(&mut self, publisher: &str) {
        for attribute in &mut self.attributes {
            attribute.set_publisher(publisher);
        }
    }
}

impl Attribute {
    /// The instance with that `datasetId`; `None` asks for the default instance.
    #[must_use]
    pub fn instance(&self, dataset_id: Option<&str>) -> Option<&Instance> {
        self.instances.iter().find(|i| i.dataset_id.as_deref() == dataset_id)
    }

    /// Notes who writes every instance of this attribute.
    pub fn set_publisher(&mut self, publisher: &str) {
        for instance in &mut self.instances {
            instance.publisher = Some(publisher.to_owned());
        }
    }
}

impl Instance {
    /// An instance with a value and nothing else. `now` in µs since the epoch.
    #[must_use]
    pub fn new(kind: Kind, value: Box<RawValue>, now: i64) -> Self {
        Self {
            kind,
            value,
            has_value: true,
            has_kind: true,
            dataset_id: None,
            observed_at: None,
            unit_code: None,
            value_type: None,
            object_type: Vec::new(),
            expires_at: None,
            instance_id: None,
            created_at: now,
            modified_at: now,
            publisher: None,
            sub: Vec::new(),
        }
    }

    /// A Property of any serializable value.
    pub fn property(value: &impl Serialize, now: i64) -> Result<Self, Error> {
        let raw = serde_json::value::to_raw_value(value)
            .map_err(|_| Error::bad("the value cannot be written as JSON"))?;
        Ok(Self::new(Kind::Property, raw, now))
    }

    /// A Relationship to one entity.
    pub fn relationship(object: &str, now: i64) -> Result<Self, Error> {
        let mut instance = Self::property(&object, now)?;
        instance.kind = Kind::Relationship;
        Ok(instance)
    }

    /// Whether the value is the NGSI-LD Null in one of the forms of clause 4.5.0, which only
    /// occurs in fragments.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.has_value && is_null(self.value.get())
    }

    /// What the temporal evolution keeps, and a notification tells, of the deletion of this instance (clauses 4.5.7, 5.8.6). `now` in µs since the epoch.
    #[must_use]
    pub fn deleted(&self, now: i64) -> Self {
        let null = RawValue::from_string(self.kind.null().to_owned());
        Self {
            dataset_id: self.dataset_id.clone(),
            publisher: self.publisher.clone(),
            created_at: self.created_at,
            ..Self::new(self.kind, null.unwrap_or_else(|_| RawValue::NULL.to_owned()), now)
        }
    }
}

/// Whether a value is the NGSI-LD Null in one of its forms.
pub(crate) fn is_null(text: &str) -> bool {
    if text.len() > 64 || !may_hold_null(text) {
        return false;
    }
    let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    Kind::ALL.iter().any(|kind| kind.null() == compact)
}

#[cfg(test)]
mod tests;
