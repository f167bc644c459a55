//! What was found as JSON (clauses 5.2.24 to 5.2.28).

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::value::RawValue;
use tsunagu_ngsi_ld::Context;

use super::tally::{OfAttribute, OfType, Tally};

type Json = serde_json::Result<Vec<u8>>;

pub(super) struct Told<'a> {
    pub(super) tally: &'a Tally,
    pub(super) context: &'a Context,
    pub(super) embed: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the standard's names")]
struct TypeList<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    type_list: Vec<Cow<'a, str>>,
    #[serde(rename = "@context", skip_serializing_if = "Option::is_none")]
    context: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the standard's names")]
struct AttributeList<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    attribute_list: Vec<Cow<'a, str>>,
    #[serde(rename = "@context", skip_serializing_if = "Option::is_none")]
    context: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the standard's names")]
struct Type<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    type_name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute_names: Option<Vec<Cow<'a, str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute_details: Option<Vec<Attribute<'a>>>,
    #[serde(rename = "@context", skip_serializing_if = "Option::is_none")]
    context: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the standard's names")]
struct Attribute<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    attribute_name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute_types: Option<&'a BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    type_names: Option<Vec<Cow<'a, str>>>,
    #[serde(rename = "@context", skip_serializing_if = "Option::is_none")]
    context: Option<&'a RawValue>,
}

impl<'a> Told<'a> {
    fn context(&self) -> Option<&'a RawValue> {
        self.embed.then(|| self.context.json())
    }

    fn compact(&self, names: impl Iterator<Item = &'a String>) -> Vec<Cow<'a, str>> {
        names.map(|name| self.context.compact(name)).collect()
    }

    /// `EntityTypeList`.
    pub(super) fn types(&self, id: &str) -> Json {
        let type_list = self.compact(self.tally.types.keys());
        let context = self.context();
        serde_json::to_vec(&TypeList { id, kind: "EntityTypeList", type_list, context })
    }

    /// `AttributeList`.
    pub(super) fn attributes(&self, id: &str) -> Json {
        let attribute_list = self.compact(self.tally.attributes.keys());
        let context = self.context();
        serde_json::to_vec(&AttributeList { id, kind: "AttributeList", attribute_list, context })
    }

    /// An array of `EntityType`.
    pub(super) fn types_in_detail(&self) -> Json {
        let one = |(id, of): (&'a String, &'a OfType)| Type {
            id,
            kind: "EntityType",
            type_name: self.context.compact(id),
            entity_count: None,
            attribute_names: Some(self.compact(of.attributes.keys())),
            attribute_details: None,
            context: self.context(),
        };
        serde_json::to_vec(&self.tally.types.iter().map(one).collect::<Vec<_>>())
    }

    /// An array of `Attribute`.
    pub(super) fn attributes_in_detail(&self) -> Json {
        let one = |(id, of): (&'a String, &'a OfAttribute)| Attribute {
            type_names: Some(self.compact(of.types.iter())),
            context: self.context(),
            ..self.attribute(id)
        };
        serde_json::to_vec(&self.tally.attributes.iter().map(one).collect::<Vec<_>>())
    }

    /// `EntityTypeInfo`; `None` if there is no such type.
    pub(super) fn one_type(&self, name: &str) -> Option<Json> {
        let (id, of) = self.tally.types.get_key_value(name)?;
        let details = of
            .attributes
            .iter()
            .map(|(id, kinds)| Attribute { attribute_types: Some(kinds), ..self.attribute(id) });
        Some(serde_json::to_vec(&Type {
            id,
            kind: "EntityTypeInfo",
            type_name: self.context.compact(id),
            entity_count: Some(of.entities),
            attribute_names: None,
            attribute_details: Some(details.collect()),
            context: self.context(),
        }))
    }

    /// `Attribute`; `None` if there is no such attribute.
    pub(super) fn one_attribute(&self, name: &str) -> Option<Json> {
        let (id, of) = self.tally.attributes.get_key_value(name)?;
        Some(serde_json::to_vec(&Attribute {
            attribute_count: Some(of.instances),
            attribute_types: Some(&of.kinds),
            type_names: Some(self.compact(of.types.iter())),
            context: self.context(),
            ..self.attribute(id)
        }))
    }

    fn attribute(&self, id: &'a str) -> Attribute<'a> {
        Attribute {
            id,
            kind: "Attribute",
            attribute_name: self.context.compact(id),
            attribute_count: None,
            attribute_types: None,
            type_names: None,
            context: None,
        }
    }
}
