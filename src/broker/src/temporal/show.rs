//! From windows to answers: what is left out when there is too much, and how the rest is shown.

use tsunagu_domain::Problem;
use tsunagu_ngsi_ld::model::AttrSlot;
use tsunagu_ngsi_ld::render::{Evolution, Grown, Moment, ScopeMoment, render_temporal};
use tsunagu_ngsi_ld::temporal::{Relation, TemporalQuery};
use tsunagu_ngsi_ld::{Context, RenderOptions};
use tsunagu_policy::View;

use super::window::{Attribute, Kept, Reader, Subject, Wanted, Window};
use super::{Part, Temporal};
use crate::Broker;
use crate::access::Shown;
use crate::consumption::selected;

/// An entity of an answer.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) subject: Subject,
    pub(super) window: Window,
    pub(super) scopes: Vec<ScopeMoment>,
}

impl Broker {
    /// What is asked for of one entity.
    pub(super) async fn entry(
        &self,
        view: &View,
        subject: Subject,
        temporal: &Temporal,
        options: &RenderOptions,
    ) -> Result<Entry, Problem> {
        let wanted = Wanted {
            query: &temporal.query,
            attrs: &options.attrs,
            datasets: &options.dataset_ids,
            most: temporal.most,
            now: self.parts.clock.micros(),
        };
        let reader = Reader { store: &*self.parts.store, view, of: &subject };
        let window = if temporal.methods.is_empty() {
            reader.read(&wanted).await?
        } else {
            reader.aggregate(&wanted, temporal.every, &temporal.methods).await?
        };
        let mut scopes = reader.scopes().await?;
        if !options.attrs.is_empty() {
            scopes.clear();
        }
        let scopes = scopes_within(scopes, &temporal.query);
        Ok(Entry { subject, window, scopes })
    }
}

/// The scopes of an interval: those set in it, and those valid when it began.
fn scopes_within(mut moments: Vec<ScopeMoment>, query: &TemporalQuery) -> Vec<ScopeMoment> {
    use tsunagu_ngsi_ld::temporal::TimeProperty::DeletedAt;
    if query.property == Some(DeletedAt) {
        moments.retain(|moment| moment.scopes.is_empty() && query.holds(moment.at));
        return moments;
    }
    if query.property.is_some() {
        moments.retain(|moment| !moment.scopes.is_empty());
    }
    if let Some(to) = query.to {
        moments.retain(|moment| moment.at < to);
    }
    if let Some(from) = query.from {
        let valid = moments.iter().rposition(|moment| moment.at <= from).unwrap_or(0);
        moments.drain(..valid);
        if moments.first().is_some_and(|first| first.scopes.is_empty() && first.at < from) {
            moments.remove(0);
        }
    }
    if let Some(last) = query.last {
        moments.reverse();
        moments.truncate(last);
    }
    moments
}

/// Leaves out attributes that are not to be shown.
pub(super) fn select(entries: &mut [Entry], options: &RenderOptions) {
    let shows = selected(options);
    for entry in entries {
        entry.window.attributes.retain(|attribute| shows(&attribute.name));
    }
}

/// Cuts all entities at one moment when one attribute has more than was wanted, so that an answer is whole up to there (clause 6.3.10).
pub(super) fn part(entries: &mut [Entry], temporal: &Temporal) -> Option<Part> {
    let query = &temporal.query;
    let reverse = query.last.is_some() && temporal.methods.is_empty();
    let ends = attributes(entries).filter(|attribute| attribute.more).filter_map(end);
    let end = if reverse { ends.max() } else { ends.min() }?;
    for attribute in entries.iter_mut().flat_map(|entry| &mut entry.window.attributes) {
        attribute.kept.retain(|one| if reverse { one.at >= end } else { one.at <= end });
        for (_, _, summary) in &mut attribute.summaries {
            summary.periods.retain(|period| period.to <= end);
        }
    }
    let moments = || attributes(entries).flat_map(moments);
    let part = if reverse {
        let most_recent = moments().max().unwrap_or(end);
        let from = query.to.filter(|_| query.relation.is_some()).unwrap_or(most_recent);
        Part { from, to: moments().min().unwrap_or(end), size: query.last }
    } else {
        let from = match query.relation {
            Some(Relation::After | Relation::Between) => query.from,
            _ => None,
        };
        let from = from.or_else(|| moments().min()).unwrap_or(end);
        Part { from, to: moments().max().unwrap_or(end), size: None }
    };
    Some(part)
}

fn attributes(entries: &[Entry]) -> impl Iterator<Item = &Attribute> {
    entries.iter().flat_map(|entry| &entry.window.attributes)
}

/// Where a cut attribute ends, in the direction of reading.
fn end(attribute: &Attribute) -> Option<i64> {
    let cut = attribute.summaries.iter().filter(|(_, _, summary)| summary.cut);
    let periods = cut.filter_map(|(_, _, summary)| summary.periods.last());
    periods.map(|period| period.to).min().or_else(|| attribute.kept.last().map(|one| one.at))
}

fn moments(attribute: &Attribute) -> impl Iterator<Item = i64> {
    let periods = attribute.summaries.iter().flat_map(|(_, _, summary)| &summary.periods);
    attribute.kept.iter().map(|one| one.at).chain(periods.flat_map(|p| [p.from, p.to]))
}

/// Appends an entity to an answer; false, with nothing appended, when nothing of it is shown.
pub(super) fn show(
    view: &View,
    entry: &Entry,
    temporal: &Temporal,
    context: &Context,
    options: &RenderOptions,
    out: &mut Vec<u8>,
) -> bool {
    let doc = &entry.subject.doc;
    let Some(cut) = view.cut(doc) else {
        return false;
    };
    let moment =
        |one: &'_ Kept, slot| Moment { slot, id: view.outward_instance(one.place.id), at: one.at };
    let grown = entry.window.attributes.iter().map(|attribute| Grown {
        name: &attribute.name,
        kind: attribute.kind,
        moments: attribute
            .kept
            .iter()
            .filter_map(|one| one.doc.slot().map(|slot: AttrSlot<'_>| moment(one, slot)))
            .collect(),
        summaries: attribute
            .summaries
            .iter()
            .map(|(kind, dataset, summary)| (*kind, dataset.as_deref(), summary.clone()))
            .collect(),
    });
    let evolution = Evolution {
        doc,
        deleted_at: (!entry.subject.live).then(|| doc.modified_at()),
        attributes: grown.collect(),
        scopes: entry.scopes.clone(),
        methods: temporal.methods.clone(),
    };
    // What an instance of a number takes, so that the answer does not move while it grows.
    out.reserve(128 * evolution.attributes.iter().map(|a| a.moments.len()).sum::<usize>());
    render_temporal(&evolution, &cut, context, options, temporal.form, out)
}

/// Notes what an entity shows of a person: the attributes over time may not be those that it has now.
pub(super) fn note(shown: &mut Shown, view: &View, entry: &Entry) {
    let doc = &entry.subject.doc;
    if let Some(cut) = view.cut(doc) {
        shown.add(doc, &cut, &|_| false);
        shown.name(entry.window.attributes.iter().map(|attribute| attribute.name.clone()));
    }
}
