//! Attributes in all their representations (clause 4.5.2 to 4.5.24).

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{as_data, geometry, room, rules};
use crate::context::{Context, NGSI_LD};
use crate::error::Error;
use crate::json::{
    elements, first_byte, is_array, is_object, is_string, members, quoted, rewrite_ids, string_of,
};
use crate::model::{Attribute, Instance, Kind, MAX_NESTING, NULL, is_null, may_hold_null};

/// Members with a meaning of their own, which therefore cannot name an attribute.
fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "id" | "type"
            | "scope"
            | "value"
            | "object"
            | "languageMap"
            | "vocab"
            | "json"
            | "valueList"
            | "objectList"
            | "observedAt"
            | "unitCode"
            | "datasetId"
            | "instanceId"
            | "objectType"
            | "valueType"
            | "createdAt"
            | "modifiedAt"
            | "deletedAt"
            | "expiresAt"
            | "lang"
            | "entity"
            | "entityList"
            | "previousValue"
            | "previousObject"
            | "previousLanguageMap"
            | "previousVocab"
            | "previousJson"
            | "previousValueList"
            | "previousObjectList"
    )
}

/// Reserved names that hold the value of an attribute inside it. An attribute itself can be called so where its own type makes clear
/// that it is one (clause 4.5 forbids none of them).
fn holds_value(name: &str) -> bool {
    matches!(
        name,
        "value" | "object" | "languageMap" | "vocab" | "json" | "valueList" | "objectList"
    )
}

/// Whether a member is an attribute beyond doubt: it, or the first of its instances, says of which type.
fn says_type(value: &str) -> bool {
    let first = if is_array(value) { elements(value).next() } else { Some(Ok(value)) };
    let Some(Ok(instance)) = first else { return false };
    is_object(instance)
        && members(instance).any(|member| member.is_ok_and(|(name, _)| name == "type"))
}

/// Members that say something about a value and so cannot be part of a plain one.
fn is_metadata(name: &str) -> bool {
    matches!(
        name,
        "observedAt" | "unitCode" | "datasetId" | "objectType" | "valueType" | "expiresAt"
    )
}

const LANG_STRING: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString";

type Member<'a> = (Cow<'a, str>, &'a str);

/// What reading an attribute depends on.
#[expect(clippy::struct_excessive_bools, reason = "each allows one thing, in any combination")]
pub(super) struct Input<'c> {
    pub(super) ctx: &'c Context,
    pub(super) now: i64,
    /// Whether the NGSI-LD Null and missing values are taken.
    pub(super) fragment: bool,
    /// Whether the NGSI-LD Null is also taken inside the value of a Property, to delete a member.
    pub(super) nested_null: bool,
    /// Whether instances come over time: several of one `datasetId`, and the NGSI-LD Null tells of a deletion.
    pub(super) history: bool,
    /// Whether the document can hold the NGSI-LD Null at all: looked up once, not for every value.
    pub(super) nulls: bool,
}

pub(super) fn raw(text: &str) -> Result<Box<RawValue>, Error> {
    RawValue::from_string(text.to_owned()).map_err(|_| Error::invalid("a value is not JSON"))
}

fn get<'a>(all: &[Member<'a>], name: &str) -> Option<&'a str> {
    all.iter().find(|(n, _)| n == name).map(|(_, value)| *value)
}

impl<'c> Input<'c> {
    /// A whole entity in the present.
    pub(super) fn of(document: &str, ctx: &'c Context, now: i64) -> Self {
        let nulls = may_hold_null(document);
        Self { ctx, now, fragment: false, nested_null: false, history: false, nulls }
    }
}

impl Input<'_> {
    /// Checks and expands the name of an attribute of an entity, which has this value.
    pub(super) fn entity_attribute_name(&self, name: &str, value: &str) -> Result<String, Error> {
        if holds_value(name) && says_type(value) {
            return Ok(self.ctx.expand(name).into_owned());
        }
        self.attribute_name(name)
    }

    /// The same where the path names the attribute; a bare value is then refused under such a name.
    pub(super) fn path_attribute_name(&self, name: &str, body: &str) -> Result<String, Error> {
        if holds_value(name) && (is_object(body) || is_array(body)) {
            return Ok(self.ctx.expand(name).into_owned());
        }
        self.attribute_name(name)
    }

    /// Checks and expands the name of an attribute.
    pub(super) fn attribute_name(&self, name: &str) -> Result<String, Error> {
        let reserved = || {
            Error::bad("a reserved name stands where an attribute is expected")
                .at(name)
                .remedy("rename the attribute")
        };
        if is_reserved(name) || name.starts_with('@') {
            return Err(reserved());
        }
        rules::check_name(name, self.ctx).map_err(|e| e.at(name))?;
        let iri = self.ctx.expand(name).into_owned();
        // The whole IRI, a prefix or a term of the user's can stand for it too, and it would be shown by its own name.
        if Context::core_term(&iri).is_some_and(is_reserved) {
            return Err(reserved());
        }
        Ok(iri)
    }

    /// Reads every instance of an attribute out of the value of a member.
    pub(super) fn attribute(&self, value: &str, depth: usize) -> Result<Vec<Instance>, Error> {
        if depth >= MAX_NESTING {
            return Err(Error::bad("attributes are nested too deeply"));
        }
        let instances = match first_byte(value) {
            b'{' => self.object(value, depth)?,
            b'[' if self.is_instances(value)? => {
                let mut instances = Vec::new();
                for (index, element) in elements(value).enumerate() {
                    let text = element?;
                    let instance = self.one(&collect(text)?, text, false, depth);
                    instances.push(instance.map_err(|e| e.under(&index.to_string()))?);
                }
                instances
            }
            _ => vec![self.plain(value)?],
        };
        if self.history && depth == 0 {
            return Ok(instances);
        }
        in_order(instances)
    }

    /// Reads the body of a request about one attribute.
    pub(super) fn attribute_fragment(&self, body: &str) -> Result<Vec<Instance>, Error> {
        let one = |text: &str| {
            if is_object(text) {
                let mut all = collect(text)?;
                all.retain(|(name, _)| name != "@context");
                self.one(&all, text, true, 0)
            } else {
                self.plain(text)
            }
        };
        if !is_array(body) || !self.is_instances(body)? {
            return in_order(vec![one(body)?]);
        }
        let each = elements(body).enumerate();
        let instances =
            each.map(|(index, text)| one(text?).map_err(|e| e.under(&index.to_string())));
        in_order(instances.collect::<Result<_, _>>()?)
    }

    /// An object: one instance, or several in the `dataset` form of the simplified representation.
    fn object(&self, value: &str, depth: usize) -> Result<Vec<Instance>, Error> {
        let all = collect(value)?;
        let [(only, sets)] = all.as_slice() else {
            return Ok(vec![self.one(&all, value, false, depth)?]);
        };
        if only != "dataset" || !is_object(sets) || !by_dataset(sets) {
            return Ok(vec![self.one(&all, value, false, depth)?]);
        }
        let mut instances = Vec::new();
        for member in members(sets) {
            let (dataset, value) = member?;
            let place = |e: Error| e.under(&dataset).under("dataset");
            let mut instance = match first_byte(value) {
                b'{' => self.one(&collect(value)?, value, false, depth),
                _ => self.plain(value),
            }
            .map_err(place)?;
            if dataset != "@none" {
                instance.dataset_id = Some(dataset.into_owned());
            }
            instances.push(instance);
        }
        Ok(instances)
    }

    /// Whether every element of an array is an attribute instance, rather than part of a value.
    fn is_instances(&self, array: &str) -> Result<bool, Error> {
        let mut any = false;
        for element in elements(array) {
            let element = element?;
            if !is_object(element) {
                return Ok(false);
            }
            let all = collect(element)?;
            let typed = get(&all, "type").and_then(string_of).and_then(|t| self.kind(&t));
            let valued = Kind::ALL.iter().any(|k| get(&all, k.value_member()).is_some());
            if typed.is_none() && !valued {
                return Ok(false);
            }
            any = true;
        }
        Ok(any)
    }

    fn kind(&self, name: &str) -> Option<Kind> {
        Kind::from_name(name).or_else(|| {
            let iri = self.ctx.expand(name);
            Kind::from_name(iri.strip_prefix("https://uri.etsi.org/ngsi-ld/")?)
        })
    }

    /// A value without anything around it: a Property, or a `GeoProperty` if it is a geometry.
    fn plain(&self, value: &str) -> Result<Instance, Error> {
        let kind = match geometry::parts(value) {
            Some(_) if is_object(value) => Kind::GeoProperty,
            _ => Kind::Property,
        };
        let mut instance = Instance::new(kind, self.value(kind, value)?, self.now);
        instance.has_kind = kind == Kind::GeoProperty;
        Ok(instance)
    }

    /// One instance from the members of an object. `whole` is the object's own text; `bare` tells
    /// that the object cannot be a plain value, because the request is about an attribute.
    fn one(
        &self,
        all: &[Member<'_>],
        whole: &str,
        bare: bool,
        depth: usize,
    ) -> Result<Instance, Error> {
        let type_name = match get(all, "type").or_else(|| get(all, "@type")) {
            Some(text) if is_string(text) => string_of(text),
            _ => None,
        };
        if let Some(kind) = type_name.as_deref().and_then(|name| self.kind(name)) {
            return self.members(kind, true, all, depth);
        }
        match inferred(all) {
            Some(kind) if type_name.is_none() => self.members(kind, true, all, depth),
            Some(_) => Err(Error::bad("the type of the attribute is unknown").at("/type").remedy(
                "use one of Property, Relationship, GeoProperty, LanguageProperty, \
                         VocabProperty, JsonProperty, ListProperty, ListRelationship",
            )),
            None if geometry::parts(whole).is_some() => self.plain(whole),
            None if bare => {
                if type_name.is_some() {
                    return Err(Error::bad("the type of the attribute is unknown").at("/type"));
                }
                self.members(Kind::Property, false, all, depth)
            }
            None => {
                let metadata = all.iter().any(|(name, _)| is_metadata(name));
                if metadata && type_name.is_none() {
                    return self.members(Kind::Property, false, all, depth);
                }
                self.plain(whole)
            }
        }
    }

    /// Reads the members of an instance whose kind is known.
    fn members(
        &self,
        kind: Kind,
        has_kind: bool,
        all: &[Member<'_>],
        depth: usize,
    ) -> Result<Instance, Error> {
        let member = kind.value_member();
        let value = get(all, member).map(|value| self.value(kind, value));
        let value = value.transpose().map_err(|e| e.under(member))?;
        let has_value = value.is_some();
        let value = value.unwrap_or_else(|| RawValue::NULL.to_owned());
        let mut instance = Instance { has_value, has_kind, ..Instance::new(kind, value, self.now) };
        for (name, value) in all.iter().filter(|(name, _)| name != member) {
            self.member(&mut instance, name, value, depth).map_err(|e| e.under(name))?;
        }
        if !instance.has_value && !self.fragment {
            return Err(Error::bad(format!("a {} has no {member}", kind.name()))
                .remedy(format!("add the member {member}")));
        }
        Ok(instance)
    }

    fn member(
        &self,
        instance: &mut Instance,
        name: &str,
        value: &str,
        depth: usize,
    ) -> Result<(), Error> {
        let kind = instance.kind;
        // Without a type or value, what may stand here is only known to the attribute updated.
        let open = !instance.has_kind;
        let simple = open || matches!(kind, Kind::Property | Kind::ListProperty);
        let linking = open || matches!(kind, Kind::Relationship | Kind::ListRelationship);
        match name {
            "observedAt" => {
                instance.observed_at =
                    Some(self.or_null(value, &|v| rules::date_time(v, "observedAt"))?);
            }
            "expiresAt" => instance.expires_at = Some(self.expiry(value)?),
            "datasetId" => {
                let text = text(value, "datasetId")?;
                if text != "@none" {
                    rules::check_uri(&text)?;
                }
                if text == NULL {
                    return Err(Error::bad("datasetId cannot be the NGSI-LD Null"));
                }
                instance.dataset_id = (text != "@none").then(|| text.into_owned());
            }
            "unitCode" if simple => {
                instance.unit_code =
                    Some(self.or_null(value, &|v| Ok(text(v, "unitCode")?.into()))?);
            }
            "valueType" if simple => {
                instance.value_type = Some(self.or_null(value, &|v| {
                    Ok(self.ctx.expand(&text(v, "valueType")?).into_owned())
                })?);
            }
            // Texts in languages have one datatype only, which goes without saying.
            "valueType" if kind == Kind::LanguageProperty => {
                if self.ctx.expand(&text(value, "valueType")?) != LANG_STRING {
                    return Err(Error::bad("the valueType of a LanguageProperty is langString"));
                }
            }
            "objectType" if linking => {
                rules::each_string(value, "objectType", &mut |name| {
                    if !(self.fragment && name == NULL) {
                        rules::check_name(name, self.ctx)?;
                    }
                    instance.object_type.push(self.ctx.expand(name).into_owned());
                    Ok(())
                })?;
            }
            // Read before the others; or made by the system and ignored when given (clause 5.2.2).
            "type" | "@type" | "createdAt" | "modifiedAt" | "deletedAt" | "instanceId" => {}
            // The core @context knows these inside ngsildproof only.
            "entityIdSealed" | "entityTypeSealed" => {
                let instances = self.attribute(value, depth + 1)?;
                instance.sub.push(Attribute { name: format!("{NGSI_LD}{name}"), instances });
            }
            _ if is_reserved(name) => {
                return Err(Error::bad(format!("a {} cannot have this member", kind.name()))
                    .remedy("remove it, or correct the type of the attribute"));
            }
            _ => {
                let iri = self.attribute_name(name).map_err(|mut e| {
                    e.pointer = None;
                    e
                })?;
                if instance.sub.iter().any(|a| a.name == iri) {
                    return Err(Error::bad("two members stand for the same attribute")
                        .remedy("keep one of them"));
                }
                let instances = self.attribute(value, depth + 1)?;
                room(instance.sub.len(), "attributes of the attribute")?;
                instance.sub.push(Attribute { name: iri, instances });
            }
        }
        Ok(())
    }

    /// `expiresAt`: a `DateTime`. One that has passed already ends something at once (clause 4.22).
    pub(super) fn expiry(&self, value: &str) -> Result<String, Error> {
        self.or_null(value, &|v| rules::date_time(v, "expiresAt"))
    }

    /// In a fragment, the NGSI-LD Null stands for the removal of a member.
    fn or_null(
        &self,
        value: &str,
        read: &dyn Fn(&str) -> Result<String, Error>,
    ) -> Result<String, Error> {
        match string_of(value) {
            Some(text) if self.fragment && text == NULL => Ok(NULL.to_owned()),
            _ => read(value),
        }
    }

    /// Checks the value of a kind; a `VocabProperty` is expanded too.
    pub(super) fn value(&self, kind: Kind, value: &str) -> Result<Box<RawValue>, Error> {
        if first_byte(value) == b'n' && kind != Kind::JsonProperty {
            return Err(Error::bad("a value is null").remedy(if self.fragment {
                "use \"urn:ngsi-ld:null\" to delete"
            } else {
                "leave the attribute out"
            }));
        }
        if (self.fragment || self.history) && self.nulls && is_null(value) {
            return raw(value);
        }
        // Clause 5.5.4: inside a value only merging knows it.
        let plain = matches!(kind, Kind::Property | Kind::ListProperty);
        let refused =
            if self.fragment { plain && !self.nested_null } else { kind != Kind::JsonProperty };
        if refused && self.nulls && has_null(value) {
            return Err(Error::bad("the NGSI-LD Null cannot be a value here")
                .remedy("leave it out, or merge the entity"));
        }
        match kind {
            Kind::Property => {}
            Kind::JsonProperty => {
                if !matches!(first_byte(value), b'{' | b'[' | b'n') {
                    return Err(Error::bad("json is neither an object nor an array nor null")
                        .remedy("make the attribute a Property"));
                }
            }
            Kind::GeoProperty => match string_of(value) {
                // Clause 4.7.2: a geometry may come as a text.
                Some(text) if is_object(&text) => {
                    let value = raw(&text).map_err(as_data)?;
                    geometry::check(value.get())?;
                    return Ok(value);
                }
                _ => geometry::check(value)?,
            },
            Kind::Relationship => {
                rules::each_string(value, "object", &mut |uri| rules::check_uri(uri))?;
            }
            Kind::LanguageProperty => language_map(value)?,
            Kind::ListProperty => {
                if !is_array(value) {
                    return Err(Error::bad("valueList is not an array"));
                }
            }
            Kind::ListRelationship => object_list(value)?,
            Kind::VocabProperty => return raw(&self.vocab(value)?),
        }
        raw(value)
    }

    fn vocab(&self, value: &str) -> Result<String, Error> {
        let mut terms = Vec::new();
        rules::each_string(value, "vocab", &mut |term| {
            terms.push(quoted(&self.ctx.expand(term)));
            Ok(())
        })?;
        Ok(if is_array(value) { format!("[{}]", terms.join(",")) } else { terms.concat() })
    }
}

/// The kind that the member with the value tells, where no `type` does.
fn inferred(all: &[Member<'_>]) -> Option<Kind> {
    if let Some(value) = get(all, Kind::Property.value_member()) {
        let geometry = is_object(value) && geometry::parts(value).is_some();
        return Some(if geometry { Kind::GeoProperty } else { Kind::Property });
    }
    Kind::ALL.into_iter().find(|kind| get(all, kind.value_member()).is_some())
}

fn collect(object: &str) -> Result<Vec<Member<'_>>, Error> {
    members(object).collect()
}

/// Whether the members of an object are named by a `datasetId` each.
fn by_dataset(object: &str) -> bool {
    let mut names = members(object).peekable();
    names.peek().is_some()
        && names.all(|member| {
            member.is_ok_and(|(name, _)| name == "@none" || rules::check_uri(&name).is_ok())
        })
}

/// Whether the NGSI-LD Null occurs anywhere in a value.
fn has_null(value: &str) -> bool {
    let found = || rewrite_ids(value, NULL, &|text| (text == NULL).then(String::new));
    may_hold_null(value) && matches!(found(), Cow::Owned(_))
}

fn text<'a>(value: &'a str, what: &str) -> Result<Cow<'a, str>, Error> {
    string_of(value)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Error::bad(format!("{what} is not a string")))
}

pub(super) fn language_map(value: &str) -> Result<(), Error> {
    if !is_object(value) {
        return Err(Error::bad("languageMap is not an object"));
    }
    for member in members(value) {
        let (tag, texts) = member?;
        let valid = tag == "@none"
            || (!tag.is_empty()
                && tag.split('-').all(|part| {
                    (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
                }));
        if !valid {
            return Err(Error::bad("a key of languageMap is not a language tag")
                .at(format!("/{tag}"))
                .remedy("use tags such as ja, en or @none"));
        }
        rules::each_string(texts, "a text", &mut |_| Ok(())).map_err(|e| as_data(e).under(&tag))?;
    }
    Ok(())
}

fn object_list(value: &str) -> Result<(), Error> {
    if !is_array(value) {
        return Err(Error::bad("objectList is not an array"));
    }
    for (index, element) in elements(value).enumerate() {
        let element = element?;
        let uri =
            if is_object(element) { get(&collect(element)?, "object") } else { Some(element) };
        let Some(uri) = uri.and_then(string_of) else {
            return Err(Error::bad("an element of objectList is neither a URI nor has an object")
                .at(format!("/{index}")));
        };
        rules::check_uri(&uri).map_err(|e| e.under(&index.to_string()))?;
    }
    Ok(())
}

/// The default instance first, each `datasetId` once.
fn in_order(mut instances: Vec<Instance>) -> Result<Vec<Instance>, Error> {
    room(instances.len().saturating_sub(1), "instances of the attribute")?;
    instances.sort_by_key(|i| i.dataset_id.is_some());
    for (index, instance) in instances.iter().enumerate() {
        if instances.iter().skip(index + 1).any(|other| other.dataset_id == instance.dataset_id) {
            return Err(Error::bad("two instances of the attribute have the same datasetId")
                .remedy("give each instance but one a datasetId of its own"));
        }
    }
    Ok(instances)
}
