//! From a load to what is published, batch by batch.

use serde_json::value::to_raw_value;
use tsunagu_connector_csv_drop::{Config, Ended, Finding, Weight};
use tsunagu_domain::{Problem, ProblemCode, Timestamp};
use tsunagu_ngsi_ld::model::Attribute;
use tsunagu_ngsi_ld::{Context, Entity, EntityDoc, Instance};
use tsunagu_store::{Expect, Op};

use crate::compare::{Pair, Walk, next};
use crate::imports::Imports;
use crate::load::{Load, LoadId, LoadState};
use crate::records::{self, FINDINGS, HEADS, Kept, MAX_FINDINGS, Noted, Row};
use crate::staging::keep;

/// So many times as many records are looked at as are written in one batch.
const SAME: usize = 20;

/// What the load has of a record when the platform does not take the change.
struct Left {
    /// Its name.
    name: Vec<u8>,
    /// What is published of it.
    was: Row,
    /// The id of its entity, which tells nothing of its key.
    id: String,
}

/// What one batch does.
#[derive(Default)]
struct Work {
    publish: Vec<(Left, Entity)>,
    delete: Vec<Left>,
    carried: Vec<Op>,
    last: Option<Vec<u8>>,
}

impl Imports {
    /// Publishes one batch of a load. Done twice, it changes nothing more: a process that is killed between the writes and the note of how far
    /// it was does it again.
    pub(crate) async fn publish_batch(
        &self,
        config: &Config,
        kept: Kept<Load>,
    ) -> Result<bool, Problem> {
        let (version, mut load) = (kept.version, kept.data);
        let cursor = load.cursor.as_deref().map(records::unhex).unwrap_or_default();
        let work = self.work(config, &load, &cursor).await?;
        let mut left = Vec::new();
        let (lefts, entities): (Vec<_>, Vec<_>) = work.publish.into_iter().unzip();
        let published = self.registry.publish(&config.name, entities).await?;
        for (was, done) in lefts.into_iter().zip(published) {
            if !taken(done)? {
                left.push(was);
            }
        }
        for was in work.delete {
            let deleted = self.registry.delete(&config.name, &config.entity_type, &was.id);
            if !taken(deleted.await?)? {
                left.push(was);
            }
        }
        let mut set = self.set();
        set.ops.extend(work.carried);
        load.failed += left.len() as u64;
        for Left { name, was, id } in left {
            note_left(&mut load, &name, id, &mut set.ops)?;
            // What is published is as it was: the next load is compared with that, and tries again.
            set.ops.push(was.put(records::in_load(&load.layout, load.number, &name)));
        }
        match work.last {
            Some(name) => load.cursor = Some(records::hex(&name)),
            None => self.finish(&mut load, &mut set.ops).await?,
        }
        set.ops.push(keep(&load, Expect::Version(version))?);
        Ok(records::try_commit(&*self.services.store, set).await?)
    }

    async fn work(&self, config: &Config, load: &Load, cursor: &[u8]) -> Result<Work, Problem> {
        let now = self.services.clock.micros();
        let mut new = Walk::new(self, &load.layout, Some(load.number), cursor);
        let mut old = Walk::new(self, &load.layout, load.against, cursor);
        let mut work = Work::default();
        // What is the same costs nothing but the reading.
        for _ in 0..config.batch_rows.saturating_mul(SAME) {
            if work.publish.len() + work.delete.len() >= config.batch_rows {
                break;
            }
            let Some(Pair { name, new, old }) = next(&mut new, &mut old).await? else { break };
            match (new, old) {
                (Some(Row::Record(new)), Some(old)) if old == new => {}
                (Some(Row::Record(new)), old) => {
                    let (id, was) = (new.id().to_owned(), old.unwrap_or(Row::Withheld));
                    let left = Left { name: name.clone(), was, id };
                    work.publish.push((left, at(decoded(&new)?, now)));
                }
                // What is published of it stays, and is what the next load is compared with.
                (Some(Row::Withheld), Some(old @ Row::Record(_))) => {
                    let key = records::in_load(&load.layout, load.number, &name);
                    work.carried.push(old.put(key));
                }
                (None, Some(Row::Record(old))) => {
                    let (id, mut entity) = (old.id().to_owned(), decoded(&old)?);
                    let left = Left { name: name.clone(), was: Row::Record(old), id };
                    match &config.ended {
                        Ended::Keep => {}
                        Ended::Delete => work.delete.push(left),
                        Ended::Mark { attribute, value } => {
                            let value = to_raw_value(value).map_err(|_| records::damaged())?;
                            let kind = tsunagu_ngsi_ld::Kind::Property;
                            let term = Context::core().expand(attribute).into_owned();
                            entity.set(term, Instance::new(kind, value, now));
                            work.publish.push((left, at(entity, now)));
                        }
                    }
                }
                (Some(Row::Withheld) | None, _) => {}
            }
            work.last = Some(name);
        }
        Ok(work)
    }

    /// It is what is published now, and the one before is kept to roll back to.
    async fn finish(&self, load: &mut Load, ops: &mut Vec<Op>) -> Result<(), Problem> {
        let now = self.services.clock.micros();
        let head = self.head(&load.layout).await?.ok_or_else(Problem::not_found)?;
        let mut next = head.data.clone();
        let before = next.published.replace(load.number).filter(|number| *number != load.number);
        let oldest = std::mem::replace(&mut next.former, before);
        if let Some(number) =
            oldest.filter(|number| Some(*number) != next.former && *number != load.number)
        {
            next.purge.push(number);
        }
        next.current = next.current.filter(|number| *number != load.number);
        if let Some(number) = before {
            let id = LoadId { layout: load.layout.clone(), number };
            let mut former = self.kept(&id).await?;
            former.data.state = LoadState::Superseded;
            former.data.step(now, "superseded", None, String::new());
            ops.push(keep(&former.data, Expect::Version(former.version))?);
        }
        load.state = LoadState::Published;
        load.cursor = None;
        load.step(now, "published", None, String::new());
        let expect = Expect::Version(head.version);
        ops.push(records::put(HEADS, load.layout.as_bytes(), None, &next, expect)?);
        Ok(())
    }
}

/// Whether the platform took it; an error when that is no matter of the record, and the batch comes again: the platform does not answer or cannot
/// now, or somebody else changed the record at the same moment.
fn taken(done: Result<(), Problem>) -> Result<bool, Problem> {
    use ProblemCode::{Conflict, TooManyRequests};
    match done {
        Ok(()) => Ok(true),
        Err(problem)
            if matches!(problem.code, Conflict | TooManyRequests)
                || problem.code.status() >= 500 =>
        {
            Err(problem)
        }
        Err(_) => Ok(false),
    }
}

/// Tells of a record that was not taken, in the same place however often the batch comes.
fn note_left(load: &mut Load, name: &[u8], id: String, ops: &mut Vec<Op>) -> Result<(), Problem> {
    if load.findings == MAX_FINDINGS {
        return Ok(());
    }
    load.findings += 1;
    let finding = Finding::kept(0, None, "platform", Weight::Refused);
    let noted = Noted { record: Some(id), ..Noted::from(&finding) };
    let place = [&0u64.to_be_bytes()[..], name].concat();
    let key = records::in_load(&load.layout, load.number, &place);
    ops.push(records::put(FINDINGS, &key, None, &noted, Expect::Any)?);
    Ok(())
}

fn decoded(doc: &EntityDoc) -> Result<Entity, Problem> {
    doc.decode().map_err(|_| records::damaged())
}

/// The entity as made at this moment; rows are kept without one, so that the same rows are the same bytes.
fn at(mut entity: Entity, now: Timestamp) -> Entity {
    (entity.created_at, entity.modified_at) = (now, now);
    timed(&mut entity.attributes, now);
    entity
}

fn timed(attributes: &mut [Attribute], now: Timestamp) {
    for instance in attributes.iter_mut().flat_map(|attribute| &mut attribute.instances) {
        (instance.created_at, instance.modified_at) = (now, now);
        timed(&mut instance.sub, now);
    }
}
