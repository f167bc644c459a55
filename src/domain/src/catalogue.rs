//! The catalogue: which entity types are personal, whom they are about, which data classes their attributes belong to, and for
//! what purposes a consumer may ask for them. It is data (`schemas/catalogue.json`), versioned, and never widens an old consent.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// A text in the two languages of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
}

/// How an entity of a personal type says whom it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubjectPath {
    /// Its own id is the person's.
    Id,
    /// A Relationship of this (expanded) name points to the person.
    Relationship(String),
}

/// An entity type whose instances are about a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonalType {
    /// Expanded type name.
    pub iri: String,
    /// What people call it.
    pub label: Text,
    /// Whom it is about.
    pub subject: SubjectPath,
}

/// How careful one has to be with a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sensitivity {
    /// Ordinary personal data.
    Personal,
    /// 要配慮個人情報: needs explicit, separate consent.
    Sensitive,
}

/// One attribute of a class, with what people call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassAttribute {
    /// Expanded attribute name.
    pub iri: String,
    /// What people call it.
    pub label: Text,
}

/// The attributes of one entity type that a class covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeAttributes {
    /// Expanded type name.
    pub r#type: String,
    /// Covered attributes.
    pub attributes: Vec<ClassAttribute>,
}

/// A named set of (entity type, attributes) with a sensitivity: what consent is given for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataClass {
    /// Its code, e.g. `health-activity`.
    pub code: String,
    /// What people call it.
    pub label: Text,
    /// How careful one has to be.
    pub sensitivity: Sensitivity,
    /// What it covers.
    pub covers: Vec<TypeAttributes>,
}

/// Why a consumer processes data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purpose {
    /// Its code, e.g. `health-coaching`.
    pub code: String,
    /// The sentence shown to the resident.
    pub text: Text,
    /// DPV term of the legal basis, e.g. `dpv:Consent`.
    pub legal_basis: String,
    /// How long the consumer may keep what it read, days.
    pub retention_days: u32,
    /// How long one consent may last at most, days.
    pub max_days: u32,
    /// The classes that may be asked for under this purpose.
    pub data_classes: Vec<String>,
    /// When a class gets more attributes: after so many days a consent whose resident did not agree to them ends. Without it such a
    /// consent goes on as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconsent_days: Option<u32>,
    /// Whether residents share data for it themselves, by a code that they show to whom they like.
    #[serde(default, skip_serializing_if = "is_false")]
    pub by_share_code: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The whole catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Grows with every change.
    pub version: u32,
    /// Personal entity types.
    pub personal_types: Vec<PersonalType>,
    /// Data classes.
    pub data_classes: Vec<DataClass>,
    /// Purposes.
    pub purposes: Vec<Purpose>,
}

/// The catalogue contradicts itself.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Not the expected JSON.
    #[error("the catalogue is not readable: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// A name is used twice or points nowhere.
    #[error("the catalogue is inconsistent: {0}")]
    Inconsistent(String),
}

impl Catalogue {
    /// Whether some class covers an attribute of this expanded name.
    pub fn names_attribute(&self, name: &str) -> bool {
        let covered = self.data_classes.iter().flat_map(|class| &class.covers);
        covered.flat_map(|covered| &covered.attributes).any(|attribute| attribute.iri == name)
    }

    /// Reads and checks a catalogue. Names of types and attributes without a colon are terms of the NGSI-LD default
    /// context; `expand` turns them into IRIs, so that every later decision is made on expanded names.
    pub fn read(json: &[u8], expand: impl Fn(&str) -> String) -> Result<Self, CatalogueError> {
        let mut catalogue: Self = serde_json::from_slice(json)?;
        for personal in &mut catalogue.personal_types {
            personal.iri = expand(&personal.iri);
            if let SubjectPath::Relationship(name) = &mut personal.subject {
                *name = expand(name);
            }
        }
        for covered in catalogue.data_classes.iter_mut().flat_map(|class| &mut class.covers) {
            covered.r#type = expand(&covered.r#type);
            for attribute in &mut covered.attributes {
                attribute.iri = expand(&attribute.iri);
            }
        }
        catalogue.check()?;
        Ok(catalogue)
    }

    fn check(&self) -> Result<(), CatalogueError> {
        let wrong = |what: String| Err(CatalogueError::Inconsistent(what));
        let mut seen = HashSet::new();
        let codes = self.data_classes.iter().map(|class| ("data class", class.code.as_str()));
        let purposes = self.purposes.iter().map(|purpose| ("purpose", purpose.code.as_str()));
        let types = self.personal_types.iter().map(|t| ("personal type", t.iri.as_str()));
        for name in codes.chain(purposes).chain(types) {
            if !seen.insert(name) {
                return wrong(format!("{} '{}' is defined twice", name.0, name.1));
            }
        }
        for class in &self.data_classes {
            for covered in &class.covers {
                if self.personal_type(&covered.r#type).is_none() {
                    return wrong(format!(
                        "data class '{}' covers '{}', which is no personal type",
                        class.code, covered.r#type
                    ));
                }
            }
        }
        for purpose in &self.purposes {
            if let Some(code) = purpose.data_classes.iter().find(|c| self.data_class(c).is_none()) {
                return wrong(format!("purpose '{}' names no data class '{code}'", purpose.code));
            }
        }
        Ok(())
    }

    /// The personal type of this expanded name.
    pub fn personal_type(&self, iri: &str) -> Option<&PersonalType> {
        self.personal_types.iter().find(|t| t.iri == iri)
    }

    /// Whether any of these expanded types is personal.
    pub fn is_personal<'a>(&self, types: impl IntoIterator<Item = &'a str>) -> bool {
        types.into_iter().any(|iri| self.personal_type(iri).is_some())
    }

    /// The data class of this code.
    pub fn data_class(&self, code: &str) -> Option<&DataClass> {
        self.data_classes.iter().find(|class| class.code == code)
    }

    /// The purpose of this code.
    pub fn purpose(&self, code: &str) -> Option<&Purpose> {
        self.purposes.iter().find(|purpose| purpose.code == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{"version":1,
      "personal_types":[{"iri":"Person","label":{"ja":"人","en":"Person"},"subject":"id"},
                        {"iri":"Walk","label":{"ja":"歩","en":"Walk"},"subject":{"relationship":"person"}}],
      "data_classes":[{"code":"walks","label":{"ja":"歩","en":"walks"},"sensitivity":"personal",
        "covers":[{"type":"Walk","attributes":[{"iri":"steps","label":{"ja":"歩数","en":"steps"}}]}]}],
      "purposes":[{"code":"coach","text":{"ja":"助言","en":"coaching"},"legal_basis":"dpv:Consent",
        "retention_days":30,"max_days":365,"data_classes":["walks"]}]}"#;

    fn read(json: &str) -> Result<Catalogue, CatalogueError> {
        Catalogue::read(json.as_bytes(), |term| format!("https://example.org/{term}"))
    }

    #[test]
    fn names_are_expanded_once_and_for_all() {
        let catalogue = read(SMALL).unwrap();
        assert!(catalogue.is_personal(["https://example.org/Walk"]));
        assert!(!catalogue.is_personal(["Walk"]));
        let class = catalogue.data_class("walks").unwrap();
        assert_eq!(class.covers[0].attributes[0].iri, "https://example.org/steps");
    }

    #[test]
    fn a_catalogue_that_contradicts_itself_is_refused() {
        for (from, to) in [
            (r#""data_classes":["walks"]"#, r#""data_classes":["walk"]"#),
            (r#"{"type":"Walk""#, r#"{"type":"Run""#),
            (r#"{"iri":"Walk""#, r#"{"iri":"Person""#),
            (r#""version":1"#, r#""version":1,"colour":2"#),
        ] {
            assert!(read(&SMALL.replace(from, to)).is_err(), "{to}");
        }
    }
}
