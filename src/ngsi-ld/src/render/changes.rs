//! What a notification tells beside the entity: previous values, and when something was deleted (clauses 5.2.14, 5.8.6).

use super::linked::Place;
use super::{RenderOptions, Writer};
use crate::context::Context;
use crate::model::{AttrSlot, EntityDoc, Kind};
use crate::projection::Projection;

/// What changed in one entity, as far as it is to be told.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// When the entity was deleted, µs since the epoch.
    pub entity_deleted_at: Option<i64>,
    /// Attribute instances (expanded name, `datasetId`) that are gone, shown with the NGSI-LD Null, and when, µs since the epoch.
    pub deleted: Vec<(String, Option<String>, i64)>,
    /// Attribute instances with the value they had before.
    pub previous: Vec<Previous>,
}

/// What an attribute instance was.
#[derive(Debug, Clone)]
pub struct Previous {
    /// The expanded name.
    pub name: String,
    /// Its `datasetId`.
    pub dataset_id: Option<String>,
    /// Its kind then.
    pub kind: Kind,
    /// JSON of its value then, as stored.
    pub value: String,
}

/// [`render`](super::render), with changes.
pub fn render_changed(
    doc: &EntityDoc,
    p: &dyn Projection,
    ctx: &Context,
    o: &RenderOptions,
    changes: &Changes,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    let mut writer = Writer {
        p,
        ctx,
        o,
        out,
        first: true,
        past: None,
        changes: Some(changes),
        place: Place::ALONE,
    };
    let shown = writer.entity(doc);
    if !shown {
        out.truncate(start);
    }
    shown
}

/// The member that carries a previous value (clause 4.5.2 and following).
fn previous_member(kind: Kind) -> &'static str {
    match kind {
        Kind::Property | Kind::GeoProperty => "previousValue",
        Kind::Relationship => "previousObject",
        Kind::LanguageProperty => "previousLanguageMap",
        Kind::VocabProperty => "previousVocab",
        Kind::JsonProperty => "previousJson",
        Kind::ListProperty => "previousValueList",
        Kind::ListRelationship => "previousObjectList",
    }
}

impl Writer<'_> {
    fn previous_of(&self, slot: &AttrSlot<'_>) -> Option<&Previous> {
        let same =
            |p: &&Previous| p.name == slot.name() && p.dataset_id.as_deref() == slot.dataset_id();
        self.changes?.previous.iter().find(same)
    }

    pub(super) fn has_previous(&self, slot: &AttrSlot<'_>) -> bool {
        self.previous_of(slot).is_some()
    }

    pub(super) fn previous(&mut self, slot: &AttrSlot<'_>) {
        if let Some(previous) = self.previous_of(slot) {
            let Previous { kind, value, .. } = previous.clone();
            self.name(previous_member(kind));
            self.content(kind, &value);
            self.first = false;
        }
    }

    pub(super) fn deleted_at(&mut self, slot: &AttrSlot<'_>) {
        let gone = self.changes.and_then(|changes| {
            changes.deleted.iter().find(|(name, dataset, _)| {
                name == slot.name() && dataset.as_deref() == slot.dataset_id()
            })
        });
        if let Some((_, _, at)) = gone {
            self.time("deletedAt", *at);
        }
    }

    pub(super) fn entity_deleted_at(&mut self) {
        if let Some(at) = self.changes.and_then(|changes| changes.entity_deleted_at) {
            self.time("deletedAt", at);
        }
    }
}
