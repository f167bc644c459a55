//! Linked Entity retrieval (clause 4.5.23): the entities that relationships lead to, always through the view.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::render::{is_amended, targets};
use tsunagu_ngsi_ld::{
    Context, EntityDoc, Join, JoinForm, Links, Projection, Query, RenderOptions, Selection,
    Shown as ShownAs, render, render_inline, render_linked,
};
use tsunagu_policy::{Cut, View};
use tsunagu_store::{EntityQuery, Found};

use crate::Broker;
use crate::access::Shown;

/// Linked entities of one answer.
const MAX_LINKED: usize = 1_000;
/// How often linked entities may stand in one answer: one that many lead to stands in each of them.
const MAX_WRITTEN: usize = 10_000;
/// Ids asked for at once.
const BATCH: usize = 200;

/// An entity on the way, and as what it is shown.
#[derive(Clone, Copy)]
struct Step<'s> {
    shown: ShownAs<'s>,
    /// Its place in what was fetched; of an entity that was asked for, its place among those.
    at: At,
}

#[derive(Clone, Copy)]
enum At {
    Asked(usize),
    Fetched(usize),
}

/// The entities that those of an answer lead to.
pub(crate) struct Linked<'s> {
    fetched: Vec<Found>,
    /// In the order in which they are met first, as what they are shown then.
    met: Vec<(usize, ShownAs<'s>)>,
}

impl Linked<'_> {
    /// Whether something is shown otherwise in an earlier version.
    pub(super) fn is_amended(&self, view: &View, asked: &[Found], options: &RenderOptions) -> bool {
        let amended = |found: &Found| {
            view.cut(&found.doc).is_some_and(|cut| is_amended(&found.doc, &cut, options))
        };
        asked.iter().chain(&self.fetched).any(amended)
    }
}

fn too_many() -> Problem {
    Problem::new(
        ProblemCode::TooManyResults,
        format!("the answer would hold too many linked entities (more than {MAX_LINKED}, or the same ones too often); ask for fewer entities, a lower joinLevel, or pick fewer relationships"),
    )
    .at("join")
}

/// Two selections are the same when they are the same part of the request.
fn name_of(shown: ShownAs<'_>) -> Option<usize> {
    match shown {
        ShownAs::Linked(Some(selection)) => Some(std::ptr::from_ref::<Selection>(selection).addr()),
        _ => None,
    }
}

/// The ids that the visible, selected relationships of an entity hold, with what is shown behind them.
fn leads_to<'s>(
    doc: &EntityDoc,
    cut: &Cut<'_>,
    shown: ShownAs<'s>,
    options: &'s RenderOptions,
    join: &'s Join,
) -> Vec<(String, ShownAs<'s>)> {
    let mut ids = Vec::new();
    for slot in doc.attributes() {
        let name = slot.name();
        if !(shown.wants(options, name) && cut.attribute(name, slot.publisher())) {
            continue;
        }
        let behind = join.behind(shown, name);
        let found = targets(slot.kind(), slot.instance().value);
        ids.extend(found.into_iter().map(|id| (id.into_owned(), behind)));
    }
    ids
}

impl Broker {
    /// Gathers what the entities of an answer lead to. One that is hidden is as one that is not there.
    pub(crate) async fn gather_linked<'s>(
        &self,
        view: &View,
        asked: &[Found],
        options: &'s RenderOptions,
        join: &'s Join,
    ) -> Result<Linked<'s>, Problem> {
        let known: HashMap<&str, usize> =
            asked.iter().enumerate().map(|(at, found)| (found.doc.id(), at)).collect();
        let contained = contained(view, join);
        let mut linked = Linked { fetched: Vec::new(), met: Vec::new() };
        let mut places: HashMap<String, Option<usize>> = HashMap::new();
        let mut done: HashSet<(String, Option<usize>)> = HashSet::new();
        let mut front: Vec<Step<'s>> =
            (0..asked.len()).map(|at| Step { shown: ShownAs::Asked, at: At::Asked(at) }).collect();
        for _ in 0..join.level {
            let mut next: Vec<(String, ShownAs<'s>)> = Vec::new();
            for step in &front {
                let doc = match step.at {
                    At::Asked(at) => asked.get(at).map(|found| &found.doc),
                    At::Fetched(at) => linked.fetched.get(at).map(|found| &found.doc),
                };
                let Some((doc, cut)) = doc.and_then(|doc| Some((doc, view.cut(doc)?))) else {
                    continue;
                };
                for (id, shown) in leads_to(doc, &cut, step.shown, options, join) {
                    if !contained.contains(&id) && done.insert((id.clone(), name_of(shown))) {
                        next.push((id, shown));
                    }
                }
            }
            let missing = next
                .iter()
                .map(|(id, _)| id)
                .filter(|id| !known.contains_key(id.as_str()) && !places.contains_key(id.as_str()));
            let missing: HashSet<String> = missing.cloned().collect();
            self.fetch(view, missing, &mut linked.fetched, &mut places).await?;
            front.clear();
            for (id, shown) in next {
                if let Some(at) = known.get(id.as_str()) {
                    front.push(Step { shown, at: At::Asked(*at) });
                } else if let Some(Some(at)) = places.get(&id) {
                    front.push(Step { shown, at: At::Fetched(*at) });
                    if linked.met.iter().all(|(met, _)| met != at) {
                        linked.met.push((*at, shown));
                    }
                }
            }
        }
        Ok(linked)
    }

    async fn fetch(
        &self,
        view: &View,
        ids: HashSet<String>,
        fetched: &mut Vec<Found>,
        places: &mut HashMap<String, Option<usize>>,
    ) -> Result<(), Problem> {
        let mut ids: Vec<String> = ids.into_iter().collect();
        ids.sort_unstable();
        for batch in ids.chunks(BATCH) {
            let query = EntityQuery {
                filter: Query { ids: batch.to_vec(), ..Query::default() },
                limit: batch.len(),
                offset: 0,
                count: false,
                order: None,
            };
            let page = self.parts.store.query(view, &query).await?;
            places.extend(batch.iter().map(|id| (id.clone(), None)));
            for found in page.entities {
                places.insert(found.doc.id().to_owned(), Some(fetched.len()));
                fetched.push(found);
            }
            if fetched.len() > MAX_LINKED || places.len() > MAX_WRITTEN {
                return Err(too_many());
            }
        }
        Ok(())
    }

    /// Renders the entities of an answer with their linked ones, separated by commas. Notes what is personal; gives how many were written.
    pub(crate) fn render_joined(
        &self,
        view: &View,
        asked: &[Found],
        linked: &Linked<'_>,
        (context, options): (&Context, &RenderOptions),
        shown: &mut Shown,
        out: &mut Vec<u8>,
    ) -> Result<usize, Problem> {
        let Some(join) = &options.join else {
            return Ok(0);
        };
        let resolver = Resolver::new(view, asked, linked, join);
        let mut written = 0_usize;
        let mut one = |out: &mut Vec<u8>, write: &mut dyn FnMut(&mut Vec<u8>) -> bool| {
            let mark = out.len();
            if written > 0 {
                out.push(b',');
            }
            if write(out) {
                written += 1;
                true
            } else {
                out.truncate(mark);
                false
            }
        };
        for found in asked {
            let Some(cut) = view.cut(&found.doc) else { continue };
            let done = one(out, &mut |out| match join.form {
                JoinForm::Inline => {
                    render_inline(&found.doc, &cut, context, options, &resolver, out)
                }
                JoinForm::Flat => render(&found.doc, &cut, context, options, out),
            });
            if done && self.parts.catalogue.is_personal(found.doc.types()) {
                shown.add(&found.doc, &cut, &|name| ShownAs::Asked.wants(options, name));
            }
        }
        if join.form == JoinForm::Flat {
            for (at, seen_as) in &linked.met {
                let Some(found) = linked.fetched.get(*at) else { continue };
                let Some(cut) = view.cut(&found.doc) else { continue };
                let done = one(out, &mut |out| {
                    render_linked(&found.doc, &cut, context, options, *seen_as, out)
                });
                if done && self.parts.catalogue.is_personal(found.doc.types()) {
                    shown.add(&found.doc, &cut, &|name| seen_as.wants(options, name));
                }
            }
        }
        if resolver.left.get() == 0 {
            return Err(too_many());
        }
        let personal = |doc: &EntityDoc| self.parts.catalogue.is_personal(doc.types());
        for ((id, _), names) in resolver.noted.take() {
            if let Some((doc, cut)) =
                resolver.by_id.get(id.as_str()).filter(|(doc, _)| personal(doc))
            {
                shown.add(doc, cut, &|name| {
                    names.as_ref().is_none_or(|selection| selection.shows(name))
                });
            }
        }
        Ok(written)
    }
}

/// The ids, as stored, of the entities that the caller has already.
fn contained(view: &View, join: &Join) -> HashSet<String> {
    join.contained_by.iter().map(|id| view.inward_id(id).into_owned()).collect()
}

type Noted = HashMap<(String, Option<usize>), Option<Selection>>;

/// What was gathered, at hand for rendering.
struct Resolver<'a> {
    by_id: HashMap<&'a str, (&'a EntityDoc, Cut<'a>)>,
    /// How many linked entities may still be written.
    left: Cell<usize>,
    /// What was written, as what, once each.
    noted: RefCell<Noted>,
}

impl<'a> Resolver<'a> {
    fn new(view: &'a View, asked: &'a [Found], linked: &'a Linked<'_>, join: &Join) -> Self {
        let contained = contained(view, join);
        let by_id = asked
            .iter()
            .chain(&linked.fetched)
            .filter(|found| !contained.contains(found.doc.id()))
            .filter_map(|found| Some((found.doc.id(), (&found.doc, view.cut(&found.doc)?))))
            .collect();
        Self { by_id, left: Cell::new(MAX_WRITTEN), noted: RefCell::default() }
    }
}

impl Links for Resolver<'_> {
    fn find(&self, id: &str) -> Option<(&EntityDoc, &dyn Projection)> {
        let (doc, cut) = self.by_id.get(id)?;
        self.left.set(self.left.get().checked_sub(1)?);
        Some((doc, cut))
    }

    fn note(&self, id: &str, shown: ShownAs<'_>) {
        let selection = match shown {
            ShownAs::Linked(selection) => selection,
            ShownAs::Asked => None,
        };
        let key = (id.to_owned(), name_of(shown));
        self.noted.borrow_mut().entry(key).or_insert_with(|| selection.cloned());
    }
}
