//! Stored forms, which may come back damaged.

use bytes::Bytes;
use tsunagu_ngsi_ld::{Context, EntityDoc, Everything, Format, PastDoc, RenderOptions, render};

use super::{NOW, same};
use crate::Held;

/// Bytes that are taken can be looked at from every side, and what they decode to is stored and decoded to the same.
pub(super) fn entity(bytes: &[u8]) -> Held {
    let Ok(doc) = EntityDoc::from_bytes(Bytes::copy_from_slice(bytes)) else { return Ok(false) };
    let mut out = Vec::new();
    for format in [Format::Normalized, Format::Concise, Format::Simplified] {
        let options = RenderOptions { format, sys_attrs: true, ..RenderOptions::default() };
        render(&doc, &Everything, &Context::core(), &options, &mut out);
    }
    // Damage can leave text where a number was; then it is not decoded, and said so.
    let Ok(entity) = doc.decode() else { return Ok(false) };
    let stored = entity.encode();
    let again = EntityDoc::from_bytes(stored.clone().into())
        .and_then(|doc| doc.decode())
        .map_err(|error| format!("what was decoded is not stored: {}", error.detail))?;
    same("decoded again", &again.encode(), &stored)?;
    match doc.at(NOW) {
        Ok(Some(later)) if later.ends().is_some_and(|end| end <= NOW) => {
            Err("something is there after its end".to_owned())
        }
        _ => Ok(true),
    }
}

/// The same for what is kept of the past.
pub(super) fn past(bytes: &[u8]) -> Held {
    let Ok(doc) = PastDoc::from_bytes(Bytes::copy_from_slice(bytes)) else { return Ok(false) };
    let Some(slot) = doc.slot() else { return Ok(false) };
    let again = PastDoc::from_slot(slot.bytes(), doc.subject())
        .map_err(|error| format!("its slot is not stored: {}", error.detail))?;
    same("its subject", &again.subject(), &doc.subject())?;
    let bytes = again.slot().map(|slot| slot.bytes().to_vec());
    same("its slot", &bytes.as_deref(), &Some(slot.bytes()))?;
    Ok(slot.instance().decode().is_ok())
}
