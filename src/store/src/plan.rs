//! From a query and a view to candidates, and from candidates to a page.

use std::ops::ControlFlow;

use tsunagu_domain::PERSON_URN;
use tsunagu_ngsi_ld::query::{Indexable, Op, Scalar as Literal};
use tsunagu_ngsi_ld::{Projection as _, Query};
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

/// Chooses the most selective source for `filter` under `view`.
pub fn candidates(view: &View, filter: &Query, declared: &Declared) -> Candidates {
    if !filter.ids.is_empty() {
        return Candidates::Ids(filter.ids.clone());
    }
    if let Some(ranges) = by_value(view, filter, declared) {
        return Candidates::Ranges(ranges);
    }
    if let Some(types) = &filter.types {
        let types = types.candidates();
        let visible: Vec<&str> = types.into_iter().filter(|t| view.may_see_type(t)).collect();
        if visible.is_empty() {
            return Candidates::Nothing;
        }
        let personal = visible.iter().all(|t| view.catalogue().personal_type(t).is_some());
        if let (true, Some(subject)) = (personal, view.only_subject()) {
            return Candidates::Ranges(vec![index::about(&subject.to_string())]);
        }
        return Candidates::Ranges(visible.into_iter().map(index::of_type).collect());
    }
    Candidates::Every
}

/// The ranges of the first condition on a declared attribute. Bounds of the same attribute narrow one numeric range, beside which stand the
/// entities with more than one value, of which one may meet one bound and another the other.
fn by_value(view: &View, filter: &Query, declared: &Declared) -> Option<Vec<Range>> {
    let conditions = filter.q.as_ref()?.indexable();
    let is_declared = |c: &&Indexable<'_>| declared.0.iter().any(|name| name == c.attribute);
    let first = conditions.iter().find(is_declared)?;
    let mut low = f64::NEG_INFINITY;
    let mut high = f64::INFINITY;
    for condition in conditions.iter().filter(|c| c.attribute == first.attribute) {
        match (condition.op, condition.value) {
            (Op::Equal, Literal::Number { value, .. }) => {
                return Some(vec![index::equal(first.attribute, &Scalar::Number(*value))]);
            }
            (Op::Equal, Literal::Bool(value)) => {
                return Some(vec![index::equal(first.attribute, &Scalar::Bool(*value))]);
            }
            // A text can also stand for a term of a vocabulary, which is stored expanded.
            // Ids inside texts are compared as a masked actor sees them, which an index cannot know.
            (Op::Equal, Literal::Text { text, iri })
                if !(view.is_masked() && text.contains(PERSON_URN)) =>
            {
                let of = |text: &str| {
                    index::equal(first.attribute, &Scalar::Text(text.to_owned().into()))
                };
                return Some(vec![of(text), of(iri)]);
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
        vec![index::between(first.attribute, &low, &high), index::many(first.attribute)]
    })
}

/// Collects a page from candidates offered in order.
#[derive(Debug)]
pub struct Gather<'a> {
    view: &'a View,
    query: &'a EntityQuery,
    matched: u64,
    page: Page,
}

impl<'a> Gather<'a> {
    /// An empty page.
    pub fn new(view: &'a View, query: &'a EntityQuery) -> Self {
        Self { view, query, matched: 0, page: Page::default() }
    }

    /// Takes the candidate, [as it is now](Found::live), if something of it is in view and that part matches. `Break` when the page needs no more.
    pub fn offer(&mut self, found: Found) -> ControlFlow<()> {
        let full = self.page.entities.len() >= self.query.limit;
        if full && !self.query.count {
            return ControlFlow::Break(());
        }
        let matches = self
            .view
            .cut(&found.doc)
            .is_some_and(|cut| self.query.filter.matches(&found.doc, &cut));
        if matches {
            self.matched += 1;
            if !full && self.matched > self.query.offset as u64 {
                self.page.entities.push(found);
            }
        }
        let full = self.page.entities.len() >= self.query.limit;
        if full && !self.query.count { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
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
        self.page
    }
}
