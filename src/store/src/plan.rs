//! From a query and a view to candidates, and from candidates to a page.

use std::ops::ControlFlow;

use tsunagu_ngsi_ld::{Comparison, Query, Scalar};
use tsunagu_policy::View;

use crate::index::{self, Declared, Range};
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
    if let Some(range) = by_value(filter, declared) {
        return Candidates::Ranges(vec![range]);
    }
    let types = filter
        .types
        .as_ref()
        .map(tsunagu_ngsi_ld::TypeSelection::any_of);
    if let Some(types) = &types {
        let visible: Vec<&String> = types.iter().filter(|t| view.may_see_type(t)).collect();
        if visible.is_empty() {
            return Candidates::Nothing;
        }
        let personal = visible
            .iter()
            .all(|t| view.catalogue().personal_type(t).is_some());
        if let (true, Some(subject)) = (personal, view.only_subject()) {
            return Candidates::Ranges(vec![index::about(&subject.to_string())]);
        }
        return Candidates::Ranges(visible.into_iter().map(|t| index::of_type(t)).collect());
    }
    Candidates::Every
}

fn by_value(filter: &Query, declared: &Declared) -> Option<Range> {
    let q = filter.q.as_ref()?;
    q.indexable().into_iter().find_map(|condition| {
        if !declared.0.iter().any(|name| name == condition.attribute) {
            return None;
        }
        match condition.comparison {
            Comparison::Equal(scalar) => Some(index::equal(condition.attribute, &scalar)),
            Comparison::Between(low, high) => {
                Some(index::between(condition.attribute, &low, &high))
            }
            Comparison::AtLeast(Scalar::Number(low)) => Some(index::between(
                condition.attribute,
                &Scalar::Number(low),
                &Scalar::Number(f64::INFINITY),
            )),
            Comparison::AtMost(Scalar::Number(high)) => Some(index::between(
                condition.attribute,
                &Scalar::Number(f64::NEG_INFINITY),
                &Scalar::Number(high),
            )),
            Comparison::AtLeast(_) | Comparison::AtMost(_) => None,
        }
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
        Self {
            view,
            query,
            matched: 0,
            page: Page::default(),
        }
    }

    /// Takes the candidate if something of it is in view and that part matches. `Break` when the page needs no more.
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
        if full && !self.query.count {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// The page.
    pub fn finish(mut self) -> Page {
        self.page.count = self.query.count.then_some(self.matched);
        self.page
    }
}
