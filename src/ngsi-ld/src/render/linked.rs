//! Linked entities in place of, or beside, the relationships that lead to them (clause 4.5.23, 4.21).

use std::borrow::Cow;

use super::{Format, RenderOptions, Writer, named};
use crate::context::Context;
use crate::json::{elements, is_array, string_of};
use crate::model::{EntityDoc, InstanceRef, Kind};
use crate::projection::Projection;

/// Where linked entities are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinForm {
    /// Into the relationships that lead to them.
    Inline,
    /// Behind the entities that were asked for, each once.
    Flat,
}

/// Which linked entities are shown, and how.
#[derive(Debug, Clone)]
pub struct Join {
    /// Where they are put.
    pub form: JoinForm,
    /// How many relationships away they may be, at least 1.
    pub level: usize,
    /// Entities that are there already and not shown again, as the caller writes their ids.
    pub contained_by: Vec<String>,
    /// What is shown of them, by the attribute (expanded) of the entity that was asked for.
    pub linked: Vec<(String, Selection)>,
}

/// What is shown of an entity that a relationship leads to: members by expanded name, and `id`, `type`, `scope`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// If not empty: only these.
    pub pick: Vec<String>,
    /// Not these.
    pub omit: Vec<String>,
    /// What is shown of the entities that its own relationships lead to.
    pub linked: Vec<(String, Selection)>,
}

impl Selection {
    /// Whether a member is shown.
    #[must_use]
    pub fn shows(&self, name: &str) -> bool {
        (self.pick.is_empty() || named(&self.pick, name)) && !named(&self.omit, name)
    }

    /// How many relationships away the farthest selection is.
    #[must_use]
    pub fn depth(&self) -> usize {
        depth(&self.linked)
    }
}

fn depth(linked: &[(String, Selection)]) -> usize {
    linked.iter().map(|(_, selection)| 1 + selection.depth()).max().unwrap_or(0)
}

impl Join {
    /// How many relationships away the farthest selection is.
    #[must_use]
    pub fn depth(&self) -> usize {
        depth(&self.linked)
    }

    /// What is shown behind an attribute of an entity that itself is shown by `selection`; of an entity that was asked for, by `None`.
    #[must_use]
    pub fn behind<'s>(&'s self, shown: Shown<'s>, attribute: &str) -> Shown<'s> {
        let linked = match shown {
            Shown::Asked => &self.linked,
            Shown::Linked(Some(selection)) => &selection.linked,
            Shown::Linked(None) => return shown,
        };
        Shown::Linked(linked.iter().find(|(name, _)| name == attribute).map(|(_, s)| s))
    }
}

/// As what an entity is shown.
#[derive(Debug, Clone, Copy)]
pub enum Shown<'s> {
    /// It was asked for: the options say all.
    Asked,
    /// A relationship leads to it; without a selection it is shown whole.
    Linked(Option<&'s Selection>),
}

impl Shown<'_> {
    /// Whether a member (an attribute: expanded) is shown.
    #[must_use]
    pub fn shows(self, options: &RenderOptions, name: &str) -> bool {
        match self {
            Self::Asked => options.shows(name),
            Self::Linked(selection) => selection.is_none_or(|selection| selection.shows(name)),
        }
    }

    /// Whether an attribute is among those that are asked for at all.
    #[must_use]
    pub fn wants(self, options: &RenderOptions, attribute: &str) -> bool {
        let listed = match self {
            Self::Asked => options.attrs.is_empty() || options.attrs.iter().any(|a| a == attribute),
            Self::Linked(_) => true,
        };
        listed && self.shows(options, attribute)
    }
}

/// The entities at hand that relationships may lead to. Who implements it has cut them, counts them and ends them where they become too many.
pub trait Links {
    /// An entity by its id as stored, if it is there, in view, and may be shown once more.
    fn find(&self, id: &str) -> Option<(&EntityDoc, &dyn Projection)>;

    /// Notes that an entity was shown.
    fn note(&self, id: &str, shown: Shown<'_>);
}

/// The ids, as stored, that a value of a relationship holds.
#[must_use]
pub fn targets(kind: Kind, value: &str) -> Vec<Cow<'_, str>> {
    match kind {
        Kind::Relationship | Kind::ListRelationship if is_array(value) => elements(value)
            .filter_map(Result::ok)
            .filter_map(|element| string_of(super::instance::object_of(element)))
            .collect(),
        Kind::Relationship | Kind::ListRelationship => string_of(value).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Like [`render`](super::render()), with linked entities from `links` inside the relationships.
pub fn render_inline(
    doc: &EntityDoc,
    p: &dyn Projection,
    ctx: &Context,
    o: &RenderOptions,
    links: &dyn Links,
    out: &mut Vec<u8>,
) -> bool {
    let level = o.join.as_ref().map_or(0, |join| join.level);
    let chain = Chain { id: doc.id(), up: None };
    let place = Place { links: Some(links), left: level, chain: Some(&chain), shown: Shown::Asked };
    whole(doc, p, ctx, o, place, out)
}

/// Like [`render`](super::render()), for an entity that a relationship leads to, without what it leads to itself.
pub fn render_linked(
    doc: &EntityDoc,
    p: &dyn Projection,
    ctx: &Context,
    o: &RenderOptions,
    shown: Shown<'_>,
    out: &mut Vec<u8>,
) -> bool {
    whole(doc, p, ctx, o, Place { shown, ..Place::ALONE }, out)
}

fn whole(
    doc: &EntityDoc,
    p: &dyn Projection,
    ctx: &Context,
    o: &RenderOptions,
    place: Place<'_>,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    let done = Writer { p, ctx, o, out, first: true, past: None, changes: None, place }.entity(doc);
    if !done {
        out.truncate(start);
    }
    done
}

/// Where an entity stands in the answer.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// What its relationships may lead to, if that is to be shown.
    links: Option<&'a dyn Links>,
    /// How many more relationships may be followed.
    left: usize,
    /// Itself and the entities it is shown in, which are not shown in it again.
    chain: Option<&'a Chain<'a>>,
    pub(super) shown: Shown<'a>,
}

impl Place<'_> {
    /// An entity that was asked for, without linked ones.
    pub(super) const ALONE: Self = Self { links: None, left: 0, chain: None, shown: Shown::Asked };

    /// Whether it stands in no other entity.
    pub(super) fn stands_alone(&self) -> bool {
        self.chain.is_none_or(|chain| chain.up.is_none())
    }

    pub(super) fn is_asked(&self) -> bool {
        matches!(self.shown, Shown::Asked)
    }
}

struct Chain<'a> {
    id: &'a str,
    up: Option<&'a Chain<'a>>,
}

impl Chain<'_> {
    fn holds(&self, id: &str) -> bool {
        self.id == id || self.up.is_some_and(|up| up.holds(id))
    }
}

impl Writer<'_> {
    /// Writes as `write` does, without linked entities.
    pub(super) fn unlinked(&mut self, write: impl FnOnce(&mut Self)) {
        let links = self.place.links.take();
        write(self);
        self.place.links = links;
    }

    /// Writes the member with the linked entities of a relationship, if there are any.
    pub(super) fn linked_member(&mut self, instance: &InstanceRef<'_>) {
        if self.place.links.is_none() || self.o.format == Format::Simplified {
            return;
        }
        let kind = instance.slot.kind();
        let (start, first) = (self.out.len(), self.first);
        let found = match kind {
            Kind::Relationship if !is_array(instance.value) => {
                self.name("entity");
                targets(kind, instance.value).iter().any(|id| self.target(instance, id))
            }
            Kind::Relationship | Kind::ListRelationship => {
                self.name(if kind == Kind::Relationship { "entity" } else { "entityList" });
                self.out.push(b'[');
                let mut any = false;
                for id in targets(kind, instance.value) {
                    let mark = self.out.len();
                    if any {
                        self.out.push(b',');
                    }
                    if self.target(instance, &id) {
                        any = true;
                    } else {
                        self.out.truncate(mark);
                    }
                }
                self.out.push(b']');
                any
            }
            _ => false,
        };
        if !found {
            self.out.truncate(start);
            self.first = first;
        }
    }

    /// Writes the linked entities in place of their ids; false when there is none.
    pub(super) fn linked_value(&mut self, instance: &InstanceRef<'_>) -> bool {
        if self.place.links.is_none() {
            return false;
        }
        let kind = instance.slot.kind();
        if !is_array(instance.value) {
            return targets(kind, instance.value).iter().any(|id| self.target(instance, id));
        }
        let start = self.out.len();
        let mut any = false;
        self.out.push(b'[');
        for (nth, id) in targets(kind, instance.value).iter().enumerate() {
            if nth > 0 {
                self.out.push(b',');
            }
            if self.target(instance, id) {
                any = true;
            } else {
                self.id(id);
            }
        }
        self.out.push(b']');
        if !any {
            self.out.truncate(start);
        }
        any
    }

    /// Writes one linked entity; false, with nothing written, when it is not to be shown here.
    fn target(&mut self, instance: &InstanceRef<'_>, id: &str) -> bool {
        let (place, o) = (self.place, self.o);
        let (Some(links), Some(join)) = (place.links, &o.join) else {
            return false;
        };
        if place.left == 0 || place.chain.is_some_and(|chain| chain.holds(id)) {
            return false;
        }
        let Some((doc, p)) = links.find(id) else {
            return false;
        };
        let start = self.out.len();
        let chain = Chain { id: doc.id(), up: place.chain };
        let shown = join.behind(place.shown, instance.slot.name());
        let inner = Place { links: Some(links), left: place.left - 1, chain: Some(&chain), shown };
        let done = Writer {
            p,
            ctx: self.ctx,
            o,
            out: &mut *self.out,
            first: true,
            past: None,
            changes: None,
            place: inner,
        }
        .entity(doc);
        if done {
            links.note(id, shown);
            self.first = false;
        } else {
            self.out.truncate(start);
        }
        done
    }
}
