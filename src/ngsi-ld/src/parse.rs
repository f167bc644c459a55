//! From input documents to the model (clause 4.5, 5.2, 5.5.4): normalized, concise and simplified
//! representations, in any mixture, with every rule of the information model checked on the way.
//!
//! Documents are expected to have passed [`check`](crate::json::check). JSON that has not is
//! refused too, though with less help.

mod attribute;
mod batch;
mod geometry;
mod rules;
mod special;
mod temporal;

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde_json::value::RawValue;

use crate::context::Context;
use crate::error::{Error, ErrorKind};
use crate::json::{elements, first_byte, is_object, members, string_of};
use crate::model::{Attribute, Entity, NULL};
use attribute::Input;

/// Attributes of one entity, sub-attributes of one instance, instances of one attribute, types and scopes of one entity: at most so many
/// each. Everything here looks them up one by one.
pub(crate) const MAX_MEMBERS: usize = 2_000;

/// Refuses one more than [`MAX_MEMBERS`].
pub(crate) fn room(count: usize, what: &str) -> Result<(), Error> {
    if count < MAX_MEMBERS {
        return Ok(());
    }
    let detail = format!("there are more than {MAX_MEMBERS} {what}");
    Err(Error::new(ErrorKind::TooLarge, detail).remedy("divide the entity into several"))
}

pub use batch::{batch, batch_ids, id_of};
pub(crate) use geometry::check as check_geometry;
pub use rules::{check_name, check_uri};
pub(crate) use rules::{check_scope, is_plain_name};
pub use temporal::{History, parse_history, parse_history_fragment};

/// The `@context` member of a document, if it has one. The document may also be an array, whose
/// first element is then looked at.
pub fn split_context(body: &str) -> Result<Option<Box<RawValue>>, Error> {
    // Most documents have none; an escape could hide the name.
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("@context"));
    let bytes = body.as_bytes();
    if FINDER.find(bytes).is_none() && memchr::memchr(b'\\', bytes).is_none() {
        return Ok(None);
    }
    let object = match first_byte(body) {
        b'[' => match elements(body).next() {
            Some(first) => first?,
            None => return Ok(None),
        },
        _ => body,
    };
    if !is_object(object) {
        return Ok(None);
    }
    for member in members(object) {
        let (name, value) = member?;
        if name == "@context" {
            return attribute::raw(value).map(Some);
        }
    }
    Ok(None)
}

/// Reads a whole entity (create, replace, upsert). `now`, in µs since the epoch, becomes its
/// `createdAt` and `modifiedAt`; such members in the document are ignored, as clause 5.2.2 says.
pub fn parse_entity(body: &str, ctx: &Context, now: i64) -> Result<Entity, Error> {
    let entity = entity(body, &Input::of(body, ctx, now))?;
    if entity.id.is_empty() {
        return Err(Error::bad("the entity has no id")
            .at("/id")
            .remedy("add an id, for example urn:ngsi-ld:Building:001"));
    }
    if entity.types.is_empty() {
        return Err(Error::bad("the entity has no type")
            .at("/type")
            .remedy("add a type, for example Building"));
    }
    Ok(entity)
}

/// Reads an entity fragment (append, update, merge). `id` and `type` may be missing; the NGSI-LD
/// Null is taken, and attributes may leave their value out. See [`Instance::is_null`],
/// [`Instance::has_value`] and [`Instance::has_kind`].
///
/// [`Instance::is_null`]: crate::model::Instance::is_null
/// [`Instance::has_value`]: crate::model::Instance::has_value
/// [`Instance::has_kind`]: crate::model::Instance::has_kind
pub fn parse_fragment(body: &str, ctx: &Context, now: i64) -> Result<Entity, Error> {
    entity(body, &Input { fragment: true, ..Input::of(body, ctx, now) })
}

/// Reads a fragment to be merged: as [`parse_fragment`], and the NGSI-LD Null is also taken inside the value of a Property,
/// where it deletes a member (clause 5.5.4, 5.5.12).
pub fn parse_merge_fragment(body: &str, ctx: &Context, now: i64) -> Result<Entity, Error> {
    entity(body, &Input { fragment: true, nested_null: true, ..Input::of(body, ctx, now) })
}

/// Reads an attribute fragment (partial update or replacement of one attribute): one instance or an
/// array of instances. `name` is the attribute's name as in the path, not expanded.
pub fn parse_attribute_fragment(
    body: &str,
    name: &str,
    ctx: &Context,
    now: i64,
) -> Result<Attribute, Error> {
    let input = Input { fragment: true, ..Input::of(body, ctx, now) };
    let name = input.path_attribute_name(name, body)?;
    let mut attribute = Attribute { name, instances: input.attribute_fragment(body)? };
    special::check(&mut attribute, &input)?;
    Ok(attribute)
}

fn entity(body: &str, input: &Input<'_>) -> Result<Entity, Error> {
    if !is_object(body) {
        return Err(Error::invalid("the body is not a JSON object"));
    }
    let mut entity = Entity { created_at: input.now, modified_at: input.now, ..Entity::default() };
    for member in members(body) {
        let (name, value) = member?;
        member_of(&mut entity, &name, value, input).map_err(|e| e.under(&name))?;
    }
    Ok(entity)
}

fn member_of(entity: &mut Entity, name: &str, value: &str, input: &Input<'_>) -> Result<(), Error> {
    match name {
        "id" | "@id" => {
            let id = string_of(value).ok_or_else(|| Error::bad("the id is not a string"))?;
            check_uri(&id)?;
            if id == NULL {
                return Err(Error::bad("the id is the NGSI-LD Null").remedy("give a real id"));
            }
            entity.id = id.into_owned();
        }
        "type" | "@type" => entity.types = types(value, input.ctx)?,
        "scope" => entity.scopes = scopes(value, input.fragment)?,
        "expiresAt" => entity.expires_at = Some(input.expiry(value)?),
        // Members the system makes: ignored when given (clause 5.2.2).
        "@context" | "createdAt" | "modifiedAt" | "deletedAt" => {}
        _ => {
            let iri = input.entity_attribute_name(name, value).map_err(|mut e| {
                e.pointer = None;
                e
            })?;
            if entity.attributes.iter().any(|a| a.name == iri) {
                return Err(Error::bad("two members stand for the same attribute")
                    .remedy("keep one, or make them instances with a datasetId each"));
            }
            room(entity.attributes.len(), "attributes in the entity")?;
            let mut attribute = Attribute { name: iri, instances: input.attribute(value, 0)? };
            special::check(&mut attribute, input)?;
            entity.attributes.push(attribute);
        }
    }
    Ok(())
}

fn types(value: &str, ctx: &Context) -> Result<Vec<String>, Error> {
    let mut types: Vec<String> = Vec::new();
    rules::each_string(value, "type", &mut |name| {
        check_name(name, ctx)?;
        let iri = ctx.expand(name).into_owned();
        if iri.starts_with('@') {
            return Err(Error::bad("a reserved name stands where a type is expected"));
        }
        if !types.contains(&iri) {
            room(types.len(), "types of the entity")?;
            types.push(iri);
        }
        Ok(())
    })?;
    Ok(types)
}

fn scopes(value: &str, fragment: bool) -> Result<Vec<String>, Error> {
    let mut scopes: Vec<String> = Vec::new();
    rules::each_string(value, "scope", &mut |scope| {
        if !(fragment && scope == NULL) {
            check_scope(scope)?;
        }
        if !scopes.iter().any(|s| s == scope) {
            room(scopes.len(), "scopes of the entity")?;
            scopes.push(scope.to_owned());
        }
        Ok(())
    })?;
    Ok(scopes)
}

/// Whether a value would be taken for a geometry.
pub(crate) fn is_geometry(value: &str) -> bool {
    geometry::parts(value).is_some()
}

/// The type and the coordinates of something that claims to be a geometry.
pub(crate) fn geometry_parts(value: &str) -> Option<(std::borrow::Cow<'_, str>, &str)> {
    geometry::parts(value)
}

/// Whether a value can be a `languageMap`.
pub(crate) fn is_language_map(value: &str) -> bool {
    attribute::language_map(value).is_ok()
}

/// Turns an error about the shape of a request into one about its data.
fn as_data(mut error: Error) -> Error {
    error.kind = ErrorKind::BadRequestData;
    error
}

#[cfg(test)]
mod tests;
