//! A change as one owner sees it: what is hidden was neither there before nor is there now.

use tsunagu_ngsi_ld::model::AttrSlot;
use tsunagu_ngsi_ld::{EntityDoc, Projection as _};
use tsunagu_policy::{Cut, View};

use super::compiled::Compiled;
use super::model::Trigger;

/// What happened to an attribute instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Created,
    Updated,
    Deleted,
}

/// One attribute instance that changed.
#[derive(Debug, Clone)]
pub(crate) struct Touched<'a> {
    pub(crate) what: What,
    pub(crate) name: &'a str,
    /// As it was, unless it was created.
    pub(crate) before: Option<AttrSlot<'a>>,
}

/// A change as far as it is seen.
pub(crate) struct Seen<'a> {
    /// The entity as it was, with its cut.
    pub(crate) before: Option<(&'a EntityDoc, Cut<'a>)>,
    /// The entity as it is, with its cut.
    pub(crate) after: Option<(&'a EntityDoc, Cut<'a>)>,
    pub(crate) touched: Vec<Touched<'a>>,
    /// Whether type, scope or expiry changed.
    head: bool,
}

fn visible<'a>(view: &'a View, doc: Option<&'a EntityDoc>) -> Option<(&'a EntityDoc, Cut<'a>)> {
    let doc = doc?;
    let cut = view.cut(doc)?;
    doc.types().any(|iri| cut.entity_type(iri)).then_some((doc, cut))
}

fn slots<'a>(side: Option<&(&'a EntityDoc, Cut<'a>)>) -> Vec<AttrSlot<'a>> {
    let Some((doc, cut)) = side else { return Vec::new() };
    doc.attributes().filter(|slot| cut.attribute(slot.name(), slot.publisher())).collect()
}

fn same_place(a: &AttrSlot<'_>, b: &AttrSlot<'_>) -> bool {
    a.name() == b.name() && a.dataset_id() == b.dataset_id()
}

impl<'a> Seen<'a> {
    /// What the view shows of a change; `None` when that is nothing.
    pub(crate) fn of(
        view: &'a View,
        before: Option<&'a EntityDoc>,
        after: Option<&'a EntityDoc>,
    ) -> Option<Self> {
        let (before, after) = (visible(view, before), visible(view, after));
        let (old, new) = (slots(before.as_ref()), slots(after.as_ref()));
        let mut touched = Vec::new();
        for slot in &new {
            match old.iter().find(|old| same_place(old, slot)) {
                Some(old) if old.is_same(slot) => {}
                Some(old) => touched.push(Touched {
                    what: What::Updated,
                    name: slot.name(),
                    before: Some(*old),
                }),
                None => {
                    touched.push(Touched { what: What::Created, name: slot.name(), before: None });
                }
            }
        }
        for slot in &old {
            if !new.iter().any(|new| same_place(new, slot)) {
                let before = Some(*slot);
                touched.push(Touched { what: What::Deleted, name: slot.name(), before });
            }
        }
        let head = match (&before, &after) {
            (Some((old, old_cut)), Some((new, new_cut))) => {
                let types = |doc: &'a EntityDoc, cut: &Cut<'_>| -> Vec<&'a str> {
                    doc.types().filter(|iri| cut.entity_type(iri)).collect()
                };
                types(old, old_cut) != types(new, new_cut)
                    || !old.scopes().eq(new.scopes())
                    || old.expires_at() != new.expires_at()
            }
            (None, None) => return None,
            _ => false,
        };
        Some(Self { before, after, touched, head })
    }

    /// The entity that conditions look at: as it is, or as it was when it is gone.
    pub(crate) fn present(&self) -> Option<&(&'a EntityDoc, Cut<'a>)> {
        self.after.as_ref().or(self.before.as_ref())
    }

    /// Whether the subscription is to be told of it.
    pub(crate) fn concerns(&self, subscription: &Compiled) -> bool {
        let watched = |touched: &&Touched<'_>| subscription.watches(touched.name);
        let some = |what: What| self.touched.iter().filter(watched).any(|t| t.what == what);
        // The whole entity counts when all of it is watched, or something of it that is.
        let whole =
            || subscription.record.watched.is_empty() || self.touched.iter().any(|t| watched(&t));
        let fires = |trigger: &Trigger| match trigger {
            Trigger::EntityCreated => self.before.is_none() && whole(),
            Trigger::EntityDeleted => self.after.is_none() && whole(),
            Trigger::EntityUpdated => {
                let head = self.head && subscription.record.watched.is_empty();
                head || self.touched.iter().any(|t| watched(&t))
            }
            Trigger::AttributeCreated => some(What::Created),
            Trigger::AttributeUpdated => some(What::Updated),
            Trigger::AttributeDeleted => some(What::Deleted),
        };
        subscription.record.triggers().iter().any(fires)
            && self.present().is_some_and(|(doc, cut)| subscription.matches(doc, cut))
    }
}
