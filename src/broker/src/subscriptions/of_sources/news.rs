//! What subscriptions to registrations are told (clauses 5.3.2, 5.11.7): what is there when they are made or changed, and every change of a
//! registration that they are about, owed in its own transaction.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, TenantId, Timestamp};
use tsunagu_ngsi_ld::source::{Registration, Shape, render};
use tsunagu_store::{Expect, Op, StoreError, WriteSet};

use crate::sources::Records;
use crate::subscriptions::Subscriptions;
use crate::subscriptions::compiled::Compiled;
use crate::subscriptions::model::{Uid, VERSION};
use crate::subscriptions::notify::{Data, Style};
use crate::subscriptions::records::{OUTBOX, encode, timed_key};

/// Why registrations are told of (`triggerReason`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Reason {
    NewlyMatching,
    Updated,
    NoLongerMatching,
}

impl Reason {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NewlyMatching => "newlyMatching",
            Self::Updated => "updated",
            Self::NoLongerMatching => "noLongerMatching",
        }
    }
}

/// What a subscription to registrations is owed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct News {
    v: u8,
    /// When it happened.
    pub(crate) at: Timestamp,
    pub(crate) reason: Reason,
    /// The registration that changed, as it is, or as it was when it is about nothing of it any more. All that match, if none.
    pub(crate) registration: Option<Registration>,
}

impl Subscriptions {
    /// Owes a change of a registration to those who subscribed to it, and tells whom.
    pub(crate) async fn follow_source(
        &self,
        tenant: &TenantId,
        before: Option<&Registration>,
        after: Option<&Registration>,
        at: Timestamp,
        ops: &mut Vec<Op>,
    ) -> Result<Vec<Uid>, StoreError> {
        let live = self.with_index(tenant, |index| {
            let live = index.of_sources().filter(|compiled| compiled.is_live(at));
            live.cloned().collect::<Vec<_>>()
        });
        let matching = |compiled: &Compiled, registration: Option<&Registration>| {
            registration.filter(|registration| compiled.relevant(registration).is_some()).cloned()
        };
        let mut owed = Vec::new();
        for compiled in live.await? {
            let (old, new) = (matching(&compiled, before), matching(&compiled, after));
            let (reason, registration) = match (old, new) {
                (None, Some(new)) => (Reason::NewlyMatching, new),
                (Some(_), Some(new)) => (Reason::Updated, new),
                (Some(old), None) => (Reason::NoLongerMatching, old),
                (None, None) => continue,
            };
            let news = News { v: VERSION, at, reason, registration: Some(registration) };
            ops.push(self.owe(&compiled, at, encode(&news)?));
            owed.push(compiled.record.uid);
        }
        Ok(owed)
    }

    /// Owes a subscription what is there now. Its transaction and those of registrations happen one after the other, so nothing is
    /// missed in between. True if there is anything.
    pub(super) async fn owe_present(
        &self,
        tenant: &TenantId,
        compiled: &Compiled,
        at: Timestamp,
        set: &mut WriteSet,
    ) -> Result<bool, Problem> {
        let records = Records { store: &*self.parts.store, tenant };
        set.ops.push(records.state().await?.counted(0)?);
        if !compiled.is_live(at) || self.present(tenant, compiled, at).await?.is_empty() {
            return Ok(false);
        }
        let news = News { v: VERSION, at, reason: Reason::NewlyMatching, registration: None };
        let key = timed_key(compiled.record.uid, at, self.parts.ids.bytes16());
        let value = encode(&news)?;
        set.ops.push(Op::PutRecord { collection: OUTBOX, key, value, expect: Expect::Absent });
        Ok(true)
    }

    /// What a subscription is about of the registrations that there are.
    pub(in crate::subscriptions) async fn present(
        &self,
        tenant: &TenantId,
        compiled: &Compiled,
        now: Timestamp,
    ) -> Result<Vec<Registration>, StoreError> {
        let all = Records { store: &*self.parts.store, tenant }.all().await?;
        let living = all.iter().filter(|registration| !registration.is_expired(now));
        Ok(living.filter_map(|registration| compiled.relevant(registration)).collect())
    }
}

impl Style {
    /// Registrations, written. What is sent along to the sources, which can be a secret, is left out: managers can read it.
    pub(in crate::subscriptions) fn registrations(
        &self,
        registrations: &[Registration],
        reason: Reason,
    ) -> Data {
        let shape = Shape { sys_attrs: self.options.sys_attrs, ..Shape::default() };
        let written = registrations.iter().map(|one| render(one, &self.context, shape).to_string());
        let json = written.collect::<Vec<_>>().join(",").into_bytes();
        Data { json, entities: registrations.len(), reason: Some(reason), ..Data::default() }
    }
}
