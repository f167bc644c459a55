//! Digests by which the runtime knows what it has seen.

use aws_lc_rs::digest;
use tsunagu_domain::hex;
use tsunagu_ngsi_ld::Entity;
use tsunagu_ngsi_ld::model::Attribute;

/// SHA-256 of parts, each with its length.
pub(super) fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

/// A digest of everything that the source says of an entity, apart from when.
pub(super) fn of_entity(entity: &Entity) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut part = |text: &str| {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    };
    part(&entity.id);
    for (name, list) in [("types", &entity.types), ("scopes", &entity.scopes)] {
        part(name);
        part(&list.len().to_string());
        for text in list {
            part(text);
        }
    }
    part(entity.expires_at.as_deref().unwrap_or_default());
    attributes(&entity.attributes, &mut part);
    hex(context.finish().as_ref())
}

fn attributes(list: &[Attribute], part: &mut dyn FnMut(&str)) {
    part(&list.len().to_string());
    for attribute in list {
        part(&attribute.name);
        part(&attribute.instances.len().to_string());
        for instance in &attribute.instances {
            part(instance.kind.name());
            part(instance.value.get());
            for text in [
                &instance.dataset_id,
                &instance.observed_at,
                &instance.unit_code,
                &instance.value_type,
                &instance.expires_at,
            ] {
                part(text.as_deref().unwrap_or_default());
            }
            attributes(&instance.sub, part);
        }
    }
}
