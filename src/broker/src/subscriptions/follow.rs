//! From a change to what is owed, in the transaction of the change.

use std::sync::PoisonError;

use async_trait::async_trait;
use tsunagu_domain::{Problem, TenantId};
use tsunagu_policy::View;
use tsunagu_store::{Change, Consequence, Expect, Guard, Op};

use super::Subscriptions;
use super::compiled::Compiled;
use super::model::{Owner, Uid};
use super::records::{OUTBOX, Owed, THROTTLES, timed_key};
use super::seen::Seen;

#[async_trait]
impl Consequence for Subscriptions {
    async fn follow(&self, change: &Change<'_>, ops: &mut Vec<Op>) -> Result<(), Problem> {
        let (before, after) = (change.before, change.after);
        let catalogue = &self.parts.catalogue;
        let candidates =
            self.with_index(change.tenant, |index| index.candidates(catalogue, before, after));
        let candidates = candidates.await?;
        let mut owed: Vec<Uid> = Vec::new();
        // Most candidates of one change belong to few owners.
        let mut views: Vec<(&Owner, Option<View>)> = Vec::new();
        let mut value: Option<Vec<u8>> = None;
        for compiled in candidates.values() {
            if !compiled.is_live(change.at) {
                continue;
            }
            let owner = &compiled.record.owner;
            let known = views.iter().find(|(known, _)| *known == owner);
            let view = if let Some((_, view)) = known {
                view.clone()
            } else {
                let view = self.parts.owners.view(change.tenant, owner).await?;
                views.push((owner, view.clone()));
                view
            };
            let Some(view) = view else { continue };
            let seen = Seen::of(&view, before, after);
            if !seen.is_some_and(|seen| seen.concerns(compiled)) {
                continue;
            }
            let value = value.get_or_insert_with(|| {
                let (before, after) = (before.cloned(), after.cloned());
                Owed { at: change.at, before, after }.encode()
            });
            ops.push(self.owe(compiled, change.at, value.clone()));
            owed.push(compiled.record.uid);
        }
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if !owed.is_empty() {
            pending.insert(name_of(change), owed);
        } else if !pending.is_empty() {
            pending.remove(&name_of(change));
        }
        Ok(())
    }

    fn committed(&self, change: &Change<'_>) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.is_empty() {
            return;
        }
        let owed = pending.remove(&name_of(change));
        drop(pending);
        if let Some(owed) = owed {
            self.owed(change.tenant, owed);
        }
    }
}

fn name_of(change: &Change<'_>) -> (TenantId, String) {
    let id = change.before.or(change.after).map_or("", |doc| doc.id());
    (change.tenant.clone(), id.to_owned())
}

impl Subscriptions {
    /// The operation that owes a notification, unless throttling forbids it at this moment (clause 5.8.6).
    pub(super) fn owe(&self, compiled: &Compiled, at: i64, value: Vec<u8>) -> Op {
        let uid = compiled.record.uid;
        let key = timed_key(uid, at, self.parts.ids.bytes16());
        let put = Op::PutRecord { collection: OUTBOX, key, value, expect: Expect::Absent };
        let Some(throttle) = compiled.record.throttle() else { return put };
        // The counter holds when the last notification was owed; what may be racing is decided inside the transaction.
        let waited = Guard::Room {
            collection: THROTTLES,
            key: uid.0.to_vec(),
            delta: 0,
            min: i64::MIN,
            max: at.saturating_sub(throttle),
        };
        let now = Op::PutRecord {
            collection: THROTTLES,
            key: uid.0.to_vec(),
            value: at.to_be_bytes().to_vec(),
            expect: Expect::Any,
        };
        Op::When { guards: vec![waited], then: vec![put, now], otherwise: Vec::new() }
    }
}
