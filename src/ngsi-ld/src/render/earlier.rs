//! Answers in the words of earlier versions of the specification (clause 4.3.6.8).

use super::RenderOptions;
use crate::model::{AttrSlots, EntityDoc, Kind};
use crate::projection::Projection;

/// What stands in for a kind of attribute that a version, major and minor, does not have.
pub(super) fn kind_in(kind: Kind, version: (u8, u8)) -> Kind {
    let since = match kind {
        Kind::Property | Kind::Relationship | Kind::GeoProperty => return kind,
        Kind::LanguageProperty => (1, 4),
        Kind::VocabProperty | Kind::JsonProperty | Kind::ListProperty | Kind::ListRelationship => {
            (1, 8)
        }
    };
    match kind {
        _ if version >= since => kind,
        Kind::ListRelationship => Kind::Relationship,
        _ => Kind::Property,
    }
}

/// Whether showing the entity in an earlier version changes something of it.
pub fn is_amended(doc: &EntityDoc, p: &dyn Projection, o: &RenderOptions) -> bool {
    let Some(version) = o.version else {
        return false;
    };
    doc.attributes()
        .filter(|slot| o.attrs.is_empty() || o.attrs.iter().any(|a| a == slot.name()))
        .filter(|slot| o.shows(slot.name()) && p.attribute(slot.name(), slot.publisher()))
        .filter(|slot| o.selects_dataset(slot))
        .any(|slot| {
            kind_in(slot.kind(), version) != slot.kind() || any_inside(slot.instance().sub, version)
        })
}

fn any_inside(mut slots: AttrSlots<'_>, version: (u8, u8)) -> bool {
    slots.any(|slot| {
        kind_in(slot.kind(), version) != slot.kind() || any_inside(slot.instance().sub, version)
    })
}
