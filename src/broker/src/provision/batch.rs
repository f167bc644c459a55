//! Batch operations (clauses 5.6.7 to 5.6.10, 5.6.20): every entity goes the way it would go alone.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::StreamExt;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::Context;
use tsunagu_ngsi_ld::parse::{check_uri, id_of};

use super::Updated;
use crate::{Broker, Request, ngsi_problem};

/// How many entities are under way at once: enough to fill a group of the store's committer.
pub(super) const AT_ONCE: usize = 64;
/// How often an upsert looks again when the entity came or went meanwhile.
const LOOKS: usize = 4;

/// What is done with every entity of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    /// Batch Entity Creation (5.6.7).
    Create,
    /// Batch Entity Upsert (5.6.8).
    Upsert {
        /// Whether existing entities keep what is not named, instead of being replaced.
        update: bool,
    },
    /// Batch Entity Update (5.6.9): as appending attributes.
    Update {
        /// Whether existing attributes are replaced.
        overwrite: bool,
    },
    /// Batch Entity Merge (5.6.20).
    Merge,
    /// Batch Entity Delete (5.6.10).
    Delete,
}

/// One entity of a batch.
#[derive(Debug)]
pub struct BatchItem<'b> {
    /// Its id as the actor writes it.
    id: Option<Cow<'b, str>>,
    body: &'b str,
    context: Result<Arc<Context>, Problem>,
}

impl<'b> BatchItem<'b> {
    /// An entity or fragment, a checked JSON object, with the @context it is written in, or why there is none.
    pub fn entity(body: &'b str, context: Result<Arc<Context>, Problem>) -> Self {
        Self { id: id_of(body), body, context }
    }

    /// An entity to delete.
    pub fn id(id: Cow<'b, str>) -> Self {
        Self { id: Some(id), body: "", context: Ok(Context::core()) }
    }
}

/// What became of a batch (clause 5.2.16). Ids are as the actor wrote them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchResult {
    /// Entities that were done, each once, in order.
    pub success: Vec<String>,
    /// Those of them that were new.
    pub created: Vec<String>,
    /// What failed: the id, where the entity has one, and why. A pointer begins with the place in the array.
    pub errors: Vec<(Option<String>, Problem)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Created,
    Changed,
}

impl Broker {
    /// Does the same with every entity of a batch and answers when all of it is on disk. Entities succeed or fail one by one; those of the
    /// same id are done in order (clause 4.6.6), others side by side, so that they share the store's commits.
    ///
    /// Fails as a whole only when the store took nothing at all.
    pub async fn batch(
        &self,
        request: &Request<'_>,
        what: Batch,
        items: Vec<BatchItem<'_>>,
    ) -> Result<BatchResult, Problem> {
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (nth, item) in items.iter().enumerate() {
            match item.id.as_deref() {
                None => groups.push(vec![nth]),
                Some(id) => {
                    let place = *places.entry(id).or_insert(groups.len());
                    match groups.get_mut(place) {
                        Some(group) => group.push(nth),
                        None => groups.push(vec![nth]),
                    }
                }
            }
        }
        let all = &items;
        let done = futures_util::stream::iter(groups)
            .map(|group| self.in_order(request, what, all, group))
            .buffer_unordered(AT_ONCE);
        let mut done: Vec<_> = done.concat().await;
        done.sort_unstable_by_key(|(nth, _)| *nth);
        told(done, &items)
    }

    async fn in_order(
        &self,
        request: &Request<'_>,
        what: Batch,
        items: &[BatchItem<'_>],
        group: Vec<usize>,
    ) -> Vec<(usize, Result<Done, Problem>)> {
        let mut done = Vec::with_capacity(group.len());
        for nth in group {
            if let Some(item) = items.get(nth) {
                done.push((nth, self.one_of_batch(request, what, item).await));
            }
        }
        done
    }

    async fn one_of_batch(
        &self,
        request: &Request<'_>,
        what: Batch,
        item: &BatchItem<'_>,
    ) -> Result<Done, Problem> {
        let Some(id) = item.id.as_deref() else {
            return Err(Problem::new(
                ProblemCode::BadRequestData,
                "the entity has no id; add an id, for example urn:ngsi-ld:Building:001",
            )
            .at("/id"));
        };
        check_uri(id).map_err(|error| ngsi_problem(error.at("/id")))?;
        let context = item.context.as_ref().map_err(Problem::clone)?;
        match what {
            Batch::Create => self.create(request, item.body, context).await.map(|_| Done::Created),
            Batch::Upsert { update } => self.upsert(request, id, item.body, context, update).await,
            Batch::Update { overwrite } => {
                whole(&self.append(request, id, item.body, context, overwrite).await?)
            }
            Batch::Merge => whole(&self.merge(request, id, item.body, context).await?),
            Batch::Delete => self.delete(request, id).await.map(|()| Done::Changed),
        }
    }

    /// Creates the entity, or replaces or updates the one there is.
    async fn upsert(
        &self,
        request: &Request<'_>,
        id: &str,
        body: &str,
        context: &Context,
        update: bool,
    ) -> Result<Done, Problem> {
        let stored = request.view.inward_id(id);
        let mut lost = None;
        for _ in 0..LOOKS {
            let there = self.parts.store.entity(request.view, &stored).await?.is_some();
            let done = match (there, update) {
                (false, _) => self.create(request, body, context).await.map(|_| Done::Created),
                (true, true) => {
                    let updated = self.append(request, id, body, context, true).await;
                    updated.and_then(|updated| whole(&updated))
                }
                (true, false) => {
                    self.replace(request, id, body, context).await.map(|_| Done::Changed)
                }
            };
            // It came or went since it was looked for. Where it is hidden, it stays in the way.
            let moved =
                if there { ProblemCode::ResourceNotFound } else { ProblemCode::AlreadyExists };
            match done {
                Err(problem) if problem.code == moved => lost = Some(problem),
                done => return done,
            }
        }
        Err(lost.unwrap_or_else(Problem::not_found))
    }
}

/// A change that left something out is a failure of that entity.
fn whole(updated: &Updated) -> Result<Done, Problem> {
    let Some((_, reason)) = updated.not_updated.first() else {
        return Ok(Done::Changed);
    };
    let names: Vec<&str> = updated.not_updated.iter().map(|(name, _)| name.as_str()).collect();
    Err(Problem::new(
        ProblemCode::BadRequestData,
        format!(
            "these attributes were left alone, the others are done: {} ({reason})",
            names.join(", ")
        ),
    ))
}

fn told(
    done: Vec<(usize, Result<Done, Problem>)>,
    items: &[BatchItem<'_>],
) -> Result<BatchResult, Problem> {
    let mut result = BatchResult::default();
    let mut known = HashSet::new();
    for (nth, outcome) in done {
        let id = items.get(nth).and_then(|item| item.id.as_deref());
        match outcome {
            Ok(done) => {
                let id = id.unwrap_or_default();
                if known.insert(id) {
                    result.success.push(id.to_owned());
                    if done == Done::Created {
                        result.created.push(id.to_owned());
                    }
                }
            }
            Err(mut problem) => {
                let rest = problem.pointer.take().unwrap_or_default();
                let slash = if rest.is_empty() || rest.starts_with('/') { "" } else { "/" };
                problem.pointer = Some(format!("/{nth}{slash}{rest}"));
                result.errors.push((id.map(str::to_owned), problem));
            }
        }
    }
    let down = |(_, problem): &(_, Problem)| problem.code == ProblemCode::Unavailable;
    if result.success.is_empty()
        && result.errors.iter().all(down)
        && let Some((_, problem)) = result.errors.pop()
    {
        return Err(problem);
    }
    Ok(result)
}
