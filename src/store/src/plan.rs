//! From a query and a view to candidates, and from candidates to a page.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use tsunagu_domain::PERSON_URN;
use tsunagu_ngsi_ld::query::{Indexable, Op, Order, OrderKey, Scalar as Literal};
use tsunagu_ngsi_ld::{Projection as _, Query, TypeSelection};
use tsunagu_policy::View;

use crate::index::{self, Declared, Range, Scalar};
use crate::{EntityQuery, Found, Page};

/// Where the candidates of a query come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Candidates {
    /// These ids, in this order.
    Ids(Vec<String>),
    /// The entities of these index ranges, range after range; one entity can stand in several.
    Ranges(Vec<Range>),
    /// Every entity of the tenant, by id.
    Every,
    /// None can match.
    Nothing,
}

/// Places wider than this, in degrees, hold more than a type does.
const WIDE: f64 = 10.0;

/// Chooses the most selective source for `filter` under `view`.
pub fn candidates(view: &View, filter: &Query, declared: &Declared) -> Candidates {
    if let Some(ids) = ids(filter) {
        return Candidates::Ids(ids);
    }
    let types = types(filter);
    let visible = types
        .map(|types| -> Vec<&str> { types.into_iter().filter(|t| view.may_see_type(t)).collect() });
    if visible.as_ref().is_some_and(Vec::is_empty) {
        return Candidates::Nothing;
    }
    let by_value = by_value(view, filter, declared);
    if let Some(ValueRanges::Equal(ranges)) = by_value {
        return Candidates::Ranges(ranges);
    }
    let personal =
        |types: &Vec<&str>| types.iter().all(|t| view.catalogue().personal_type(t).is_some());
    if let (Some(true), Some(subject)) = (visible.as_ref().map(personal), view.only_subject()) {
        return Candidates::Ranges(vec![index::about(&subject.to_string())]);
    }
    if let Some(ranges) = by_place(filter, visible.is_some()) {
        return Candidates::Ranges(ranges);
    }
    if let Some(ValueRanges::Between(ranges)) = by_value {
        return Candidates::Ranges(ranges);
    }
    if let Some(scope) = &filter.scope {
        return Candidates::Ranges(
            scope.candidates().into_iter().flat_map(index::scoped).collect(),
        );
    }
    match visible {
        Some(types) => Candidates::Ranges(types.into_iter().map(index::of_type).collect()),
        None => Candidates::Every,
    }
}

/// The ids that are asked for, if nothing else can match.
fn ids(filter: &Query) -> Option<Vec<String>> {
    if !filter.ids.is_empty() {
        return Some(filter.ids.clone());
    }
    let named = !filter.any_of.is_empty() && filter.any_of.iter().all(|one| !one.ids.is_empty());
    named.then(|| filter.any_of.iter().flat_map(|one| one.ids.iter().cloned()).collect())
}

/// Types of which every match has one.
fn types(filter: &Query) -> Option<Vec<&str>> {
    if let Some(types) = &filter.types {
        return Some(types.candidates());
    }
    let each = filter.any_of.iter().map(|one| one.types.as_ref().map(TypeSelection::candidates));
    let mut types: Vec<&str> = each.collect::<Option<Vec<_>>>()?.concat();
    types.sort_unstable();
    types.dedup();
    (!filter.any_of.is_empty()).then_some(types)
}

fn by_place(filter: &Query, typed: bool) -> Option<Vec<Range>> {
    let geo = filter.geo.as_ref()?;
    let boxes = geo.boxes()?;
    let wide = boxes.iter().any(|b| b.east - b.west > WIDE || b.north - b.south > WIDE);
    (!(wide && typed)).then(|| index::placed(geo.property(), boxes))
}

enum ValueRanges {
    Equal(Vec<Range>),
    Between(Vec<Range>),
}

/// The ranges of the first condition on a declared attribute. Bounds of the same attribute narrow one numeric range, beside which stand the
/// entities with more than one value, of which one may meet one bound and another the other.
fn by_value(view: &View, filter: &Query, declared: &Declared) -> Option<ValueRanges> {
    let conditions = filter.q.as_ref()?.indexable();
    let is_declared = |c: &&Indexable<'_>| declared.0.iter().any(|name| name == c.attribute);
    let first = conditions.iter().find(is_declared)?;
    let mut low = f64::NEG_INFINITY;
    let mut high = f64::INFINITY;
    for condition in conditions.iter().filter(|c| c.attribute == first.attribute) {
        match (condition.op, condition.value) {
            (Op::Equal, Literal::Number { value, .. }) => {
                let equal = index::equal(first.attribute, &Scalar::Number(*value));
                return Some(ValueRanges::Equal(vec![equal]));
            }
            (Op::Equal, Literal::Bool(value)) => {
                let equal = index::equal(first.attribute, &Scalar::Bool(*value));
                return Some(ValueRanges::Equal(vec![equal]));
            }
            // A text can also stand for a term of a vocabulary, which is stored expanded.
            // Ids inside texts are compared as a masked actor sees them, which an index cannot know.
            (Op::Equal, Literal::Text { text, iri })
                if !(view.is_masked() && text.contains(PERSON_URN)) =>
            {
                let of = |text: &str| {
                    index::equal(first.attribute, &Scalar::Text(text.to_owned().into()))
                };
                let mut ranges = vec![of(text)];
                if iri != text {
                    ranges.push(of(iri));
                }
                return Some(ValueRanges::Equal(ranges));
            }
            (Op::Greater | Op::GreaterEqual, Literal::Number { value, .. }) => {
                low = low.max(*value);
            }
            (Op::Less | Op::LessEqual, Literal::Number { value, .. }) => {
                high = high.min(*value);
            }
            _ => {}
        }
    }
    let bounded = low > f64::NEG_INFINITY || high < f64::INFINITY;
    bounded.then(|| {
        let (low, high) = (Scalar::Number(low), Scalar::Number(high));
        let between = index::between(first.attribute, &low, &high);
        ValueRanges::Between(vec![between, index::many(first.attribute)])
    })
}

/// Collects a page from candidates offered in order.
#[derive(Debug)]
pub struct Gather<'a> {
    view: &'a View,
    query: &'a EntityQuery,
    matched: u64,
    page: Page,
    /// With an order, the first of it so far, the last of them on top.
    first: BinaryHeap<Ranked<'a>>,
}

/// A match and its place in the order.
#[derive(Debug)]
struct Ranked<'a> {
    order: &'a Order,
    key: OrderKey,
    found: Found,
}

impl Ord for Ranked<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.compare(&self.key, &other.key)
    }
}

impl PartialOrd for Ranked<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked<'_> {}

impl<'a> Gather<'a> {
    /// An empty page.
    pub fn new(view: &'a View, query: &'a EntityQuery) -> Self {
        Self { view, query, matched: 0, page: Page::default(), first: BinaryHeap::new() }
    }

    /// Takes the candidate, [as it is now](Found::live), if something of it is in view and that part matches. `Break` when the page needs no more.
    pub fn offer(&mut self, found: Found) -> ControlFlow<()> {
        let enough = self.is_enough();
        if enough.is_break() {
            return enough;
        }
        let Some(cut) = self.view.cut(&found.doc) else {
            return ControlFlow::Continue(());
        };
        if !self.query.filter.matches(&found.doc, &cut) {
            return ControlFlow::Continue(());
        }
        self.matched += 1;
        if let Some(order) = self.query.order.as_ref().filter(|_| self.query.limit > 0) {
            let key = order.key(&found.doc, &cut);
            self.first.push(Ranked { order, key, found });
            if self.first.len() > self.query.offset.saturating_add(self.query.limit) {
                self.first.pop();
            }
        } else if self.page.entities.len() < self.query.limit
            && self.matched > self.query.offset as u64
        {
            self.page.entities.push(found);
        }
        self.is_enough()
    }

    fn is_enough(&self) -> ControlFlow<()> {
        // Until all have been seen, any may come first in an order.
        let ordered = self.query.order.is_some() && self.query.limit > 0;
        let full = self.page.entities.len() >= self.query.limit;
        if full && !ordered && !self.query.count {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Whether the entity would stand at this index entry if it were only what the view shows of it. Where it stands by something hidden it
    /// must be passed over, or its place among the others would tell of it; it is met again where it stands by what is seen.
    pub fn stands_at(&self, found: &Found, entry: &[u8], declared: &Declared) -> bool {
        let doc = &found.doc;
        let Some(cut) = self.view.cut(doc) else {
            // It is nowhere in view, so it need not be met again.
            return true;
        };
        // What has ended is left out already.
        let hides = doc.is_trimmed()
            || doc.types().any(|iri| !cut.entity_type(iri))
            || doc.attributes().any(|slot| !cut.attribute(slot.name(), slot.publisher()));
        !hides
            || index::entries_seen(doc, declared, &cut)
                .binary_search_by(|seen| seen.as_slice().cmp(entry))
                .is_ok()
    }

    /// The page.
    pub fn finish(mut self) -> Page {
        self.page.count = self.query.count.then_some(self.matched);
        let ordered = self.first.into_sorted_vec().into_iter().skip(self.query.offset);
        self.page.entities.extend(ordered.map(|ranked| ranked.found));
        self.page
    }
}
