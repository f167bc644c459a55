//! What a consent covers, in the words that the resident was told.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{
    Catalogue, DataClass, Problem, ProblemCode, Sensitivity, SubjectPath, Text, Timestamp,
    TypeAttributes,
};

use crate::{DataAction, Requested};

/// Why the data is processed, as the resident was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentedPurpose {
    /// Code.
    pub code: String,
    /// The sentence shown.
    pub text: Text,
}

/// An attribute as the resident was told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentedAttribute {
    /// Expanded name.
    pub iri: String,
    /// What people call it.
    pub label: Text,
}

/// The part of a data class that lies in one entity type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentedData {
    /// Code of the data class.
    pub class: String,
    /// What people call the class.
    pub label: Text,
    /// How careful one has to be with it.
    pub sensitivity: Sensitivity,
    /// Expanded type name.
    pub entity_type: String,
    /// What the class covered of it when the consent was given.
    pub attributes: Vec<ConsentedAttribute>,
    /// What may be done. The person's own entity holds what the platform verified and is never written by a client.
    pub actions: Vec<DataAction>,
    /// Whether the resident could have left it out and still have consented to the rest.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The notice that was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeShown {
    /// Version of its text.
    pub version: String,
    /// Language.
    pub lang: String,
    /// SHA-256 of the exact bytes shown, hexadecimal.
    pub sha256: String,
    /// When it was shown.
    pub shown_at: Timestamp,
}

/// What the chosen classes cover in the catalogue as it is now.
pub(crate) fn resolve(
    requested: &Requested,
    chosen: &[String],
    catalogue: &Catalogue,
) -> Result<Vec<ConsentedData>, Problem> {
    let mut resolved = Vec::new();
    for code in chosen {
        let class = catalogue.data_class(code).ok_or_else(|| {
            Problem::new(ProblemCode::BadRequestData, "a data class is not in the catalogue")
        })?;
        let optional = requested.is_optional(code, catalogue);
        resolved.extend(parts_of(class, &requested.actions, optional, catalogue));
    }
    if resolved.is_empty() {
        return Err(Problem::new(
            ProblemCode::BadRequestData,
            "the consent would cover nothing: a client cannot write a person's verified data",
        ));
    }
    Ok(resolved)
}

/// What a class covers of each entity type, with the actions that it admits there.
pub(crate) fn parts_of(
    class: &DataClass,
    actions: &[DataAction],
    optional: bool,
    catalogue: &Catalogue,
) -> Vec<ConsentedData> {
    let part = |covered: &TypeAttributes| {
        let person = catalogue
            .personal_type(&covered.r#type)
            .is_none_or(|personal| personal.subject == SubjectPath::Id);
        let mut actions = actions.to_vec();
        actions.retain(|action| *action == DataAction::Read || !person);
        let attributes = covered.attributes.iter().map(|attribute| ConsentedAttribute {
            iri: attribute.iri.clone(),
            label: attribute.label.clone(),
        });
        let part = ConsentedData {
            class: class.code.clone(),
            label: class.label.clone(),
            sensitivity: class.sensitivity,
            entity_type: covered.r#type.clone(),
            attributes: attributes.collect(),
            actions,
            optional,
        };
        (!part.actions.is_empty()).then_some(part)
    };
    class.covers.iter().filter_map(part).collect()
}

/// What the classes of a consent cover in this catalogue beyond what was consented to: with the same actions, and nothing of other classes.
pub(crate) fn beyond(data: &[ConsentedData], catalogue: &Catalogue) -> Vec<ConsentedData> {
    let mut classes: Vec<&str> = data.iter().map(|part| part.class.as_str()).collect();
    classes.sort_unstable();
    classes.dedup();
    let mut beyond = Vec::new();
    for class in classes.into_iter().filter_map(|code| catalogue.data_class(code)) {
        let ours = || data.iter().filter(|part| part.class == class.code);
        let mut actions: Vec<DataAction> = ours().flat_map(|part| part.actions.clone()).collect();
        actions.sort_unstable();
        actions.dedup();
        let optional = ours().all(|part| part.optional);
        let present: Vec<_> = ours().cloned().collect();
        beyond.extend(without(&parts_of(class, &actions, optional, catalogue), &present));
    }
    beyond
}

/// Puts what was added beside what was there, each type of a class once.
pub(crate) fn merge(data: &mut Vec<ConsentedData>, added: Vec<ConsentedData>) {
    for part in added {
        let same = |ours: &&mut ConsentedData| {
            ours.class == part.class && ours.entity_type == part.entity_type
        };
        match data.iter_mut().find(same) {
            Some(ours) => ours.attributes.extend(part.attributes),
            None => data.push(part),
        }
    }
}

/// What is in `data` and not in `other`.
pub(crate) fn without(data: &[ConsentedData], other: &[ConsentedData]) -> Vec<ConsentedData> {
    let left = data.iter().map(|part| {
        let same = |other: &&ConsentedData| {
            other.class == part.class && other.entity_type == part.entity_type
        };
        let kept = |iri: &str| {
            let mut attributes = other.iter().filter(same).flat_map(|other| &other.attributes);
            attributes.any(|attribute| attribute.iri == iri)
        };
        let mut left = part.clone();
        left.attributes.retain(|attribute| !kept(&attribute.iri));
        left
    });
    left.filter(|part| !part.attributes.is_empty()).collect()
}
