//! Conditions on linked entities (clause 4.9): answered first, so that the entities that lead to what meets them can be found as by any
//! other condition.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use tsunagu_domain::{Problem, ProblemCode, TsunoId};
use tsunagu_ngsi_ld::query::Linked;
use tsunagu_ngsi_ld::render::targets;
use tsunagu_ngsi_ld::{EntityDoc, Projection as _, Q, Query, TypeSelection};
use tsunagu_policy::View;
use tsunagu_store::{EntityQuery, Found};

use crate::Broker;

/// Entities that may meet a condition on linked entities.
const MAX_FOUND: usize = 10_000;

/// Persons, and the types of what is about them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Whom {
    pub(super) subjects: BTreeSet<TsunoId>,
    pub(super) types: BTreeSet<String>,
}

impl Whom {
    fn add(&mut self, other: &Self) {
        self.subjects.extend(&other.subjects);
        self.types.extend(other.types.iter().cloned());
    }
}

/// What meets one condition.
#[derive(Debug)]
struct Met {
    /// The relationship (expanded) that is followed.
    name: String,
    /// Whether it is one of another attribute: then it is not looked up what leads where.
    inner: bool,
    /// By id, whom that is about, and what it leads to by further conditions.
    whom: HashMap<String, Whom>,
}

/// What conditions on linked entities were answered with.
#[derive(Debug, Default)]
pub(super) struct Answered {
    /// Whether persons were searched for it.
    pub(super) persons: bool,
    met: Vec<Met>,
}

impl Answered {
    /// Whom an entity that was selected tells of: that what it leads to meets the condition.
    fn told_by(&self, view: &View, doc: &EntityDoc) -> Whom {
        let mut whom = Whom::default();
        let Some(cut) = view.cut(doc).filter(|_| !self.met.is_empty()) else { return whom };
        for slot in doc.attributes().filter(|slot| cut.attribute(slot.name(), slot.publisher())) {
            for met in self.met.iter().filter(|met| met.name == slot.name()) {
                if met.inner {
                    for one in met.whom.values() {
                        whom.add(one);
                    }
                    continue;
                }
                for id in targets(slot.kind(), slot.instance().value) {
                    if let Some(one) = met.whom.get(&*id) {
                        whom.add(one);
                    }
                }
            }
        }
        whom
    }

    /// Whom the entities of an answer tell of so.
    pub(super) fn whom(&self, view: &View, answer: &[Found]) -> Whom {
        let mut whom = Whom::default();
        for found in answer {
            whom.add(&self.told_by(view, &found.doc));
        }
        whom
    }
}

impl Broker {
    /// Finds, as far as the view sees, what the conditions on linked entities are met by.
    pub(super) async fn answer_subqueries(
        &self,
        view: &View,
        filter: &mut Query,
    ) -> Result<Answered, Problem> {
        match &mut filter.q {
            Some(q) if q.depth() > 0 => self.answer_within(view, q).await,
            _ => Ok(Answered::default()),
        }
    }

    async fn answer_within(&self, view: &View, q: &mut Q) -> Result<Answered, Problem> {
        let mut answered = Answered::default();
        for linked in q.linked_mut() {
            // What it leads to itself comes first.
            let further = Box::pin(self.answer_within(view, &mut linked.condition)).await?;
            let (persons, met) = self.answer(view, linked, &further).await?;
            answered.persons |= further.persons || persons;
            answered.met.extend(met);
        }
        Ok(answered)
    }

    async fn answer(
        &self,
        view: &View,
        linked: &mut Linked,
        further: &Answered,
    ) -> Result<(bool, Option<Met>), Problem> {
        let types = linked.of_type.as_ref().map(|name| TypeSelection::Type(name.iri.clone()));
        let persons = match &linked.of_type {
            Some(name) => self.parts.catalogue.personal_type(&name.iri).is_some(),
            None => view.may_see_persons(),
        };
        let query = EntityQuery {
            filter: Query { types, q: Some((*linked.condition).clone()), ..Query::default() },
            limit: MAX_FOUND + 1,
            offset: 0,
            count: false,
            order: None,
        };
        let page = self.parts.store.query(view, &query).await?;
        if page.entities.len() > MAX_FOUND {
            let detail = format!(
                "more than {MAX_FOUND} entities meet the condition on linked entities; make it narrower, for example by their type: attribute{{Type:name}}"
            );
            return Err(Problem::new(ProblemCode::TooManyResults, detail).at("q"));
        }
        let ids: HashSet<String> =
            page.entities.iter().map(|found| found.doc.id().to_owned()).collect();
        linked.found = Some(Arc::new(ids));
        let Some(name) = linked.path.names.first() else { return Ok((persons, None)) };
        let mut whom = HashMap::new();
        for Found { doc, .. } in &page.entities {
            let mut one = further.told_by(view, doc);
            if self.parts.catalogue.is_personal(doc.types()) {
                one.subjects.extend(doc.subject().and_then(|s| s.parse::<TsunoId>().ok()));
                let types = doc.types().filter(|iri| view.may_see_type(iri));
                one.types.extend(types.map(str::to_owned));
            }
            if !(one.subjects.is_empty() && one.types.is_empty()) {
                whom.insert(doc.id().to_owned(), one);
            }
        }
        let inner = linked.path.names.len() > 1;
        Ok((persons, Some(Met { name: name.iri.clone(), inner, whom })))
    }
}
