//! Transient entities and attributes (clause 4.22): what has ended is absent from every read at once ([`tsunagu_store::Found::live`]), and
//! taken out of the store by a change of its own soon after, with everything that follows from changes.
//!
//! What will end is on a list: a record per entity, by the moment when the first part of it ends, written with the entity.

use futures_util::StreamExt;
use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp};
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_policy::{Asked, Principal, View, decide};
use tsunagu_store::{Change, Collection, Expect, Op, Scan, WriteSet};

use crate::transaction::{Attempt, Intent};
use crate::{Broker, Request, access, ngsi_problem};

/// Ids of entities of which something ends. Key: the moment (8 bytes that sort), the id.
const ENDS: Collection = Collection("ends");
/// How many are looked at in one step.
const STEP: usize = 500;
/// How many are under way at once.
const AT_ONCE: usize = 64;
/// How often the end of one entity is tried anew when it was changed meanwhile.
const TRIES: usize = 16;
/// The list needs room in its keys for the moment.
const MAX_ID: usize = tsunagu_store::group::MAX_KEY - 8;

fn key(at: Timestamp, id: &str) -> Vec<u8> {
    // With the sign turned, bytes sort as numbers do.
    let sorted = at.cast_unsigned() ^ (1 << 63);
    [&sorted.to_be_bytes(), id.as_bytes()].concat()
}

fn parts(key: &[u8]) -> Option<(Timestamp, &str)> {
    let (at, id) = key.split_first_chunk::<8>()?;
    let at = (u64::from_be_bytes(*at) ^ (1 << 63)).cast_signed();
    Some((at, std::str::from_utf8(id).ok()?))
}

/// Keeps the list with a change.
pub(crate) fn follow(change: &Change<'_>, ops: &mut Vec<Op>) -> Result<(), Problem> {
    let listed =
        |doc: Option<&EntityDoc>| doc.and_then(|doc| doc.ends().map(|at| key(at, doc.id())));
    let (before, after) = (listed(change.before), listed(change.after));
    if before == after {
        return Ok(());
    }
    if let Some(key) = before {
        ops.push(Op::DeleteRecord { collection: ENDS, key, expect: Expect::Any });
    }
    if let Some(key) = after {
        if key.len() > MAX_ID + 8 {
            let detail = format!(
                "the id of something with expiresAt has at most {MAX_ID} bytes; leave expiresAt out, or choose a shorter id"
            );
            return Err(Problem::new(ProblemCode::BadRequestData, detail).at("/expiresAt"));
        }
        ops.push(Op::PutRecord { collection: ENDS, key, value: Vec::new(), expect: Expect::Any });
    }
    Ok(())
}

impl Broker {
    /// Takes out of a tenant's store what has ended by now, and tells of how many entities.
    ///
    /// One that cannot be changed is left for the next time; the last reason is the error then.
    pub async fn expire(&self, tenant: &TenantId) -> Result<usize, Problem> {
        let now = self.parts.clock.micros();
        let mut scan = Scan { limit: 1, ..Scan::default() };
        // Mostly nothing is due, and then there is nothing more to read.
        let next = self.parts.store.records(tenant, ENDS, &scan).await?;
        if next.iter().all(|(key, _)| parts(key).is_some_and(|(at, _)| at > now)) {
            return Ok(0);
        }
        scan.limit = STEP;
        let (mut ended, mut failed) = (0, None);
        loop {
            let listed = self.parts.store.records(tenant, ENDS, &scan).await?;
            let more = listed.len() == STEP;
            let due: Vec<Vec<u8>> = listed
                .into_iter()
                .map(|(key, _)| key)
                .take_while(|key| parts(key).is_none_or(|(at, _)| at <= now))
                .collect();
            let more = more && due.len() == STEP;
            scan.after = due.last().cloned();
            let done = futures_util::stream::iter(due)
                .map(|key| async move {
                    let ends = match parts(&key) {
                        Some((_, id)) => self.end(tenant, id).await?,
                        None => false,
                    };
                    if !ends {
                        // Nothing of it has ended, so the list is wrong.
                        let op = Op::DeleteRecord { collection: ENDS, key, expect: Expect::Any };
                        self.parts.store.commit(WriteSet::new(tenant.clone()).with(op)).await?;
                    }
                    Ok(ends)
                })
                .buffer_unordered(AT_ONCE);
            for outcome in done.collect::<Vec<Result<bool, Problem>>>().await {
                match outcome {
                    Ok(ends) => ended += usize::from(ends),
                    Err(problem) => failed = Some(problem),
                }
            }
            if !more {
                return failed.map_or(Ok(ended), Err);
            }
        }
    }

    /// Takes what has ended out of one entity, or the entity itself. False if nothing of it has.
    pub(crate) async fn end(&self, tenant: &TenantId, id: &str) -> Result<bool, Problem> {
        let view = self.timeless(tenant)?;
        let request = Request { view: &view, id: "expiry" };
        let mut lost = None;
        for _ in 0..TRIES {
            let now = self.parts.clock.micros();
            let Some(found) = self.parts.store.entity(&view, id).await? else {
                return Ok(false);
            };
            let doc = &found.doc;
            if doc.ends().is_none_or(|ends| ends > now) {
                return Ok(false);
            }
            let mut entity = doc.decode().map_err(ngsi_problem)?;
            let lives = entity.end(now);
            let access = self.parts.catalogue.is_personal(doc.types()).then(|| {
                let subject = doc.subject().and_then(|subject| subject.parse().ok());
                let mut names: Vec<String> = doc
                    .attributes()
                    .map(|slot| slot.name().to_owned())
                    .filter(|name| !lives || entity.attribute(name).is_none())
                    .collect();
                names.dedup();
                access::written(&request, now, subject, &entity.types, names)
            });
            let after = lives.then_some(&entity);
            let intent = Intent { before: Some((found.version, doc)), after, access };
            match self.attempt(&request, intent).await? {
                Attempt::Done => return Ok(true),
                Attempt::Lost(error) => lost = Some(error),
            }
        }
        Err(lost.map_or_else(Problem::not_found, Problem::from))
    }

    /// The same, when the entity was in view as it was: for one who does not see it nothing may happen, not even in the log.
    pub(crate) async fn end_seen(&self, view: &View, id: &str) -> Result<bool, Problem> {
        let timeless = self.timeless(view.tenant())?;
        let found = self.parts.store.entity(&timeless, id).await?;
        if found.is_none_or(|found| view.cut(&found.doc).is_none()) {
            return Ok(false);
        }
        self.end(view.tenant(), id).await
    }

    /// The eyes that see what has ended as well.
    fn timeless(&self, tenant: &TenantId) -> Result<View, Problem> {
        let asked = Asked {
            tenant,
            catalogue: &self.parts.catalogue,
            now: Timestamp::MIN,
            principal: Principal::Platform { task: "expiry" },
        };
        decide(&asked).map_err(|_| {
            Problem::new(ProblemCode::InternalError, "the policy refuses the platform")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{key, parts};

    #[test]
    fn the_list_is_in_order_of_time() {
        let times = [i64::MIN, -5, -1, 0, 1, 1_700_000_000_000_000, i64::MAX];
        let keys: Vec<_> = times.iter().map(|at| key(*at, "urn:a:1")).collect();
        assert!(keys.is_sorted());
        for (at, key) in times.iter().zip(&keys) {
            assert_eq!(parts(key), Some((*at, "urn:a:1")));
        }
    }
}
