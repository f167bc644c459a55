//! From stored entities to answers, without a tree (clause 4.5.1 to 4.5.4, 4.5.16, 4.5.17).

mod changes;
mod earlier;
mod instance;
mod language;
mod linked;
mod temporal;

pub use temporal::{Evolution, Grown, Moment, ScopeMoment, TemporalForm, render_temporal};

use crate::context::Context;
use crate::json::{rewrite_into, write_string};
use crate::model::{AttrSlot, EntityDoc, Kind};
use crate::projection::Projection;
use crate::time::write_date_time;
use linked::Place;
pub use linked::{Join, JoinForm, Links, Selection, Shown, render_inline, render_linked, targets};

pub use changes::{Changes, Previous, render_changed};

/// The representation of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// Everything spelled out.
    #[default]
    Normalized,
    /// Without what can be inferred, and without loss.
    Concise,
    /// Names and values only.
    Simplified,
}

/// How to show an entity.
#[derive(Debug, Clone, Default)]
pub struct RenderOptions {
    /// The representation.
    pub format: Format,
    /// Whether `createdAt` and `modifiedAt` are shown.
    pub sys_attrs: bool,
    /// If not empty: only these members (expanded names; `id`, `type`, `scope`).
    pub pick: Vec<String>,
    /// Not these members (expanded names; `id`, `type`, `scope`).
    pub omit: Vec<String>,
    /// If not empty: only these attributes (expanded), and only entities that have one of them.
    pub attrs: Vec<String>,
    /// Natural languages wanted, as in `Accept-Language`: turns `LanguageProperty` into Property.
    pub lang: Option<String>,
    /// If not empty: only these instances; `@none` is the default instance.
    pub dataset_ids: Vec<String>,
    /// Whether the `@context` becomes a member.
    pub embed_context: bool,
    /// Which linked entities are shown; with [`render()`](render()) none.
    pub join: Option<Join>,
    /// As a `GeoJSON` Feature, with this GeoProperty (expanded) as its geometry (clause 4.5.16, 4.5.17).
    pub feature: Option<String>,
    /// Only what this version of the specification, major and minor, has words for (clause 4.3.6.8).
    pub version: Option<(u8, u8)>,
}

impl RenderOptions {
    fn selects_dataset(&self, slot: &AttrSlot<'_>) -> bool {
        let dataset = slot.dataset_id().unwrap_or("@none");
        self.dataset_ids.is_empty() || self.dataset_ids.iter().any(|d| d == dataset)
    }

    fn shows(&self, name: &str) -> bool {
        (self.pick.is_empty() || named(&self.pick, name)) && !named(&self.omit, name)
    }
}

/// Whether a list of members names this one.
fn named(list: &[String], name: &str) -> bool {
    list.iter()
        .any(|n| n == name || n.strip_prefix('@') == Some(name) || (name == "scope" && n == SCOPE))
}

const SCOPE: &str = "https://uri.etsi.org/ngsi-ld/scope";

impl RenderOptions {
    /// Whether the geometry of a Feature is taken from this attribute: it is shown, whatever else is selected, unless left out by name.
    pub fn is_geometry(&self, name: &str) -> bool {
        self.feature.as_deref() == Some(name) && !self.omit.iter().any(|n| n == name)
    }
}

pub use earlier::is_amended;

/// Appends the entity as a JSON object to `out`, as far as `p` lets it be seen.
///
/// False, with nothing appended, if nothing selected remains: no type is visible, `attrs` names no
/// attribute that is there, or `pick` nothing that is.
///
/// If `p` hides an attribute, the entity's own times are those of the attributes that remain, so
/// that they tell nothing about the others.
pub fn render(
    doc: &EntityDoc,
    p: &dyn Projection,
    ctx: &Context,
    o: &RenderOptions,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    let mut writer =
        Writer { p, ctx, o, out, first: true, past: None, changes: None, place: Place::ALONE };
    let shown = writer.entity(doc);
    if !shown {
        out.truncate(start);
    }
    shown
}

/// `createdAt` and `modifiedAt` of an entity as a caller may know them, µs since the epoch: its own if nothing can be hidden, otherwise those of
/// the attributes that are seen; `None` if none is.
pub fn visible_times(doc: &EntityDoc, p: &dyn Projection) -> Option<(i64, i64)> {
    if p.shows_all() {
        return Some((doc.created_at(), doc.modified_at()));
    }
    let seen = doc.attributes().filter(|slot| p.attribute(slot.name(), slot.publisher()));
    let times = seen.map(|slot| (slot.created_at(), slot.modified_at()));
    times.reduce(|(created, modified), (c, m)| (created.min(c), modified.max(m)))
}

struct Writer<'a> {
    p: &'a dyn Projection,
    ctx: &'a Context,
    o: &'a RenderOptions,
    out: &'a mut Vec<u8>,
    /// Whether the object being written has no member yet.
    first: bool,
    place: Place<'a>,
    /// The identity of the instance to be written, in the temporal representation.
    past: Option<String>,
    /// What a notification tells beside the entity.
    changes: Option<&'a Changes>,
}

impl Writer<'_> {
    fn entity(&mut self, doc: &EntityDoc) -> bool {
        if !doc.types().any(|iri| self.p.entity_type(iri)) {
            return false;
        }
        self.open();
        self.id_member(doc);
        if self.o.feature.is_none() || !self.place.stands_alone() {
            let any = self.members(doc);
            let something = !self.first;
            self.context();
            self.close();
            return something && (any || self.o.attrs.is_empty() || !self.place.is_asked());
        }
        let named = !self.first;
        self.name("type");
        write_string("Feature", self.out);
        self.name("geometry");
        self.geometry(doc);
        self.name("properties");
        self.open();
        let any = self.members(doc);
        let something = named || !self.first;
        self.close();
        self.context();
        self.close();
        something && (any || self.o.attrs.is_empty() || !self.place.is_asked())
    }

    fn context(&mut self) {
        if self.o.embed_context && self.place.stands_alone() {
            self.name("@context");
            self.out.extend_from_slice(self.ctx.json().get().as_bytes());
        }
    }

    /// Writes the geometry of a Feature: that of the default instance, or else of the first, of those selected.
    fn geometry(&mut self, doc: &EntityDoc) {
        let o = self.o;
        let seen = doc.attributes().filter(|slot| {
            o.is_geometry(slot.name()) && self.p.attribute(slot.name(), slot.publisher())
        });
        let selected = seen.filter(|slot| o.selects_dataset(slot));
        let geometry = selected
            .filter(|slot| matches!(slot.kind(), Kind::GeoProperty | Kind::Property))
            .filter(|slot| crate::parse::is_geometry(slot.instance().value))
            .min_by_key(|slot| slot.dataset_id().is_some());
        match geometry {
            Some(slot) => self.value(slot.instance().value),
            None => self.out.extend_from_slice(b"null"),
        }
    }

    /// Writes everything of the entity but its id; true if there was an attribute.
    fn members(&mut self, doc: &EntityDoc) -> bool {
        self.type_member(doc);
        if !doc.scopes().is_empty() && self.shows("scope") {
            self.name("scope");
            let mut scopes = doc.scopes();
            let (one, more) = (scopes.next(), scopes.next());
            if let (Some(scope), None) = (one, more) {
                write_string(scope, self.out);
            } else {
                for (index, scope) in doc.scopes().enumerate() {
                    self.out.push(if index == 0 { b'[' } else { b',' });
                    write_string(scope, self.out);
                }
                self.out.push(b']');
            }
        }
        // Clause 6.3.11: with the other members of the system, when asked for.
        let expires = doc.expires_at().filter(|_| self.o.sys_attrs && self.shows("expiresAt"));
        if let Some(at) = expires {
            self.name("expiresAt");
            write_string(at, self.out);
        }
        if self.o.sys_attrs
            && let Some((created, modified)) = visible_times(doc, self.p)
        {
            self.times(created, modified, true);
        }
        self.entity_deleted_at();
        self.attributes(doc)
    }

    pub(super) fn id_member(&mut self, doc: &EntityDoc) {
        if self.shows("id") {
            self.name("id");
            let id = self.p.outward_id(doc.id());
            write_string(&id, self.out);
        }
    }

    pub(super) fn type_member(&mut self, doc: &EntityDoc) {
        if self.shows("type") {
            self.name("type");
            let p = self.p;
            self.terms(&mut doc.types().filter(|iri| p.entity_type(iri)));
        }
    }

    fn shows(&self, member: &str) -> bool {
        self.place.shown.shows(self.o, member)
    }

    /// Writes the attributes; true if there was one.
    fn attributes(&mut self, doc: &EntityDoc) -> bool {
        let mut any = false;
        let mut group: Vec<AttrSlot<'_>> = Vec::new();
        for slot in doc.attributes() {
            let o = self.o;
            let selected = self.place.shown.wants(o, slot.name())
                && self.p.attribute(slot.name(), slot.publisher());
            if !selected {
                continue;
            }
            // An attribute without an instance of the dataset is there all the same (clause 4.5.5).
            any = true;
            if !o.selects_dataset(&slot) {
                continue;
            }
            if group.first().is_some_and(|first| first.name() != slot.name()) {
                self.attribute(&group);
                group.clear();
            }
            group.push(slot);
        }
        if !group.is_empty() {
            self.attribute(&group);
        }
        any
    }

    fn times(&mut self, created: i64, modified: i64, entity: bool) {
        for (name, at) in [("createdAt", created), ("modifiedAt", modified)] {
            if !entity || self.shows(name) {
                self.time(name, at);
            }
        }
    }

    pub(super) fn time(&mut self, name: &str, at: i64) {
        self.name(name);
        self.moment(at);
    }

    fn moment(&mut self, at: i64) {
        self.out.push(b'"');
        write_date_time(at, self.out);
        self.out.push(b'"');
    }

    fn open(&mut self) {
        self.out.push(b'{');
        self.first = true;
    }

    fn close(&mut self) {
        self.out.push(b'}');
        self.first = false;
    }

    /// Writes a member's name, a comma before it where needed.
    fn name(&mut self, name: &str) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        write_string(name, self.out);
        self.out.push(b':');
    }

    /// Writes a compacted member name.
    fn compact_name(&mut self, iri: &str) {
        let ctx = self.ctx;
        self.name(&ctx.compact(iri));
    }

    /// Writes compacted terms: one as a string, several as an array.
    fn terms(&mut self, iris: &mut dyn Iterator<Item = &str>) {
        let start = self.out.len();
        let mut count = 0_usize;
        for iri in iris {
            if count > 0 {
                self.out.push(b',');
            }
            write_string(&self.ctx.compact(iri), self.out);
            count += 1;
        }
        if count != 1 {
            self.out.insert(start, b'[');
            self.out.push(b']');
        }
    }

    /// Writes stored JSON, identifiers shown as the projection wants them.
    fn value(&mut self, json: &str) {
        match self.p.id_marker() {
            None => self.out.extend_from_slice(json.as_bytes()),
            Some(marker) => {
                let p = self.p;
                rewrite_into(json, marker, &|id| Some(p.outward_id(id)), self.out);
            }
        }
    }

    /// Writes a stored text that may be an identifier.
    fn id(&mut self, id: &str) {
        let shown = match self.p.id_marker() {
            Some(marker) if id.contains(marker) => self.p.outward_id(id),
            _ => id.into(),
        };
        write_string(&shown, self.out);
    }
}

#[cfg(test)]
mod tests;
