//! Subscriptions to registrations of context sources (clause 5.11). Whoever may manage sources has them; what they are told is in [`news`], and
//! goes to the receiver as notifications about entities do.

mod news;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::Context;
use tsunagu_ngsi_ld::source::TemporalQuery;
use tsunagu_store::{Collection, Conflict, Expect, Op, StoreError, WriteSet};

use super::Subscriptions;
use super::compiled::Compiled;
use super::manage::{Asking, Showing, SubscriptionPage, busy, key, marked, usable};
use super::model::{Subscription, VERSION};
use super::read::{Reading, bad, object, read_q};
use super::records::{DEAD_LETTERS, OUTBOX, STATES, THROTTLES, decode, purge, put, remove, state};
use super::show::shown;
use crate::{Contexts, ngsi_problem};
pub(crate) use news::{News, Reason};

/// owner + id → [`Kept`].
pub(crate) const KEPT: Collection = Collection("source-subscription");
/// How many there are in a tenant, and at most.
const COUNT: Collection = Collection("source-subscription-count");
const MAX_KEPT: i64 = 1_000;
/// How often a change is tried anew when another was faster.
const TRIES: usize = 16;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    v: u8,
    pub(crate) subscription: Subscription,
    /// The temporal query as it was given, checked.
    pub(crate) temporal: Option<Value>,
    /// A @context of nothing but the names in `csf`.
    #[serde(default)]
    pub(crate) csf_context: Option<String>,
}

/// Takes the temporal query, which only these subscriptions have, out of a body: not there, removed, or checked.
#[expect(clippy::option_option, reason = "absent, removed and given are three things")]
fn temporal(members: &mut Map<String, Value>) -> Result<Option<Option<Value>>, Problem> {
    let Some(value) = members.remove("temporalQ") else {
        return Ok(None);
    };
    if value.is_null() {
        return Ok(Some(None));
    }
    let at = "/temporalQ";
    let parts = value.as_object().ok_or_else(|| bad(at, "a temporal query is an object"))?;
    let known = ["timerel", "timeAt", "endTimeAt", "timeproperty", "type"];
    if parts.iter().any(|(name, part)| !known.contains(&name.as_str()) || !part.is_string()) {
        return Err(bad(at, "a temporal query has timerel, timeAt, endTimeAt and timeproperty"));
    }
    let read = TemporalQuery::read(|name| parts.get(name).and_then(Value::as_str));
    match read {
        Ok(Some(_)) => Ok(Some(Some(value))),
        Ok(None) => Err(bad(at, "a temporal query needs timerel")),
        Err(error) => Err(ngsi_problem(error.at(at))),
    }
}

fn count(delta: i64) -> Op {
    Op::Add { collection: COUNT, key: b"kept".to_vec(), delta, min: 0, max: MAX_KEPT }
}

impl Subscriptions {
    /// Create Context Source Registration Subscription (5.11.2).
    pub async fn create_of_sources(
        &self,
        asking: &Asking<'_>,
        body: &str,
        context: &Context,
        contexts: &Contexts,
    ) -> Result<String, Problem> {
        asking.view.may_manage_sources()?;
        let now = self.parts.clock.micros();
        let mut members = object(body)?;
        let temporal = temporal(&mut members)?.flatten();
        let mut subscription = self.blank(asking, context, now);
        Reading { view: asking.view, context, now }.apply(&mut subscription, &members)?;
        if !members.contains_key("type") && !members.contains_key("@type") {
            return Err(bad("/type", "the type must be Subscription"));
        }
        if subscription.id.is_empty() {
            subscription.id = format!("urn:ngsi-ld:Subscription:{}", self.parts.ids.uuid());
        }
        usable(asking, &subscription, contexts).await?;
        let csf_context = csf_names(&subscription, context)?;
        let (id, uid) = (subscription.id.clone(), subscription.uid);
        let kept = Kept { v: VERSION, subscription, temporal, csf_context };
        let op = put(KEPT, key(asking.owner, &id), &kept, Expect::Absent)?;
        let compiled = Arc::new(Compiled::of_sources(kept)?);
        let tenant = asking.view.tenant();
        let set = WriteSet::new(tenant.clone()).with(op).with(count(1));
        let _changing = self.changing.lock().await;
        for _ in 0..TRIES {
            let before = self.reload(tenant).await?;
            let mut set = set.clone();
            let told = self.owe_present(tenant, &compiled, now, &mut set).await?;
            match self.parts.store.commit(marked(&set, before)).await {
                Ok(receipt) => {
                    self.learn(tenant, before, receipt.version, |index| index.add(&compiled));
                    if told {
                        self.owed(tenant, vec![uid]);
                    }
                    return Ok(id);
                }
                Err(StoreError::Conflict { conflict: Conflict::Exists, op: 0 }) => {
                    return Err(Problem::new(
                        ProblemCode::AlreadyExists,
                        "a subscription of this id exists already; choose another id, or change it with PATCH",
                    )
                    .at("/id"));
                }
                Err(StoreError::Conflict { conflict: Conflict::OutOfBounds, .. }) => {
                    return Err(Problem::new(
                        ProblemCode::Forbidden,
                        format!("{MAX_KEPT} such subscriptions are kept already; delete some"),
                    ));
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(busy())
    }

    /// Update Context Source Registration Subscription (5.11.3).
    pub async fn update_of_sources(
        &self,
        asking: &Asking<'_>,
        id: &str,
        body: &str,
        context: &Context,
        contexts: &Contexts,
    ) -> Result<(), Problem> {
        asking.view.may_manage_sources()?;
        let now = self.parts.clock.micros();
        let mut members = object(body)?;
        let temporal = temporal(&mut members)?;
        let tenant = asking.view.tenant();
        let _changing = self.changing.lock().await;
        for _ in 0..TRIES {
            let before = self.reload(tenant).await?;
            let (version, mut kept) = self.kept(asking, id).await?;
            let reading = Reading { view: asking.view, context, now };
            reading.apply(&mut kept.subscription, &members)?;
            usable(asking, &kept.subscription, contexts).await?;
            kept.subscription.owner = asking.owner.clone();
            kept.subscription.modified_at = now;
            if let Some(temporal) = &temporal {
                kept.temporal.clone_from(temporal);
            }
            if members.contains_key("csf") {
                kept.csf_context = csf_names(&kept.subscription, context)?;
            }
            let uid = kept.subscription.uid;
            let op = put(KEPT, key(asking.owner, id), &kept, Expect::Version(version))?;
            let compiled = Arc::new(Compiled::of_sources(kept)?);
            let mut set = WriteSet::new(tenant.clone()).with(op);
            self.owe_present(tenant, &compiled, now, &mut set).await?;
            set.ops.extend(self.impatient(tenant, uid).await?);
            match self.parts.store.commit(marked(&set, before)).await {
                Ok(receipt) => {
                    self.learn(tenant, before, receipt.version, |index| index.add(&compiled));
                    self.owed(tenant, vec![uid]);
                    return Ok(());
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(busy())
    }

    /// Retrieve Context Source Registration Subscription (5.11.4).
    pub async fn retrieve_of_sources(
        &self,
        asking: &Asking<'_>,
        id: &str,
        context: &Context,
        embed_context: bool,
        sys_attrs: bool,
    ) -> Result<Vec<u8>, Problem> {
        asking.view.may_manage_sources()?;
        let (_, kept) = self.kept(asking, id).await?;
        let mut body = Vec::with_capacity(1024);
        let showing = Showing { context, embed_context, sys_attrs };
        self.show_kept(asking, kept, &showing, &mut body).await?;
        Ok(body)
    }

    /// Query Context Source Registration Subscriptions (5.11.5), by id.
    pub async fn query_of_sources(
        &self,
        asking: &Asking<'_>,
        limit: usize,
        offset: usize,
        context: &Context,
        embed_context: bool,
        sys_attrs: bool,
    ) -> Result<SubscriptionPage, Problem> {
        asking.view.may_manage_sources()?;
        let showing = Showing { context, embed_context, sys_attrs };
        let (mut page, records) = self.page_of(asking, KEPT, limit, offset).await?;
        for (nth, record) in records.iter().enumerate() {
            page.body.push(if nth == 0 { b'[' } else { b',' });
            let kept = decode(&record.value)?;
            self.show_kept(asking, kept, &showing, &mut page.body).await?;
        }
        Ok(page.closed())
    }

    /// Delete Context Source Registration Subscription (5.11.6), with what is queued for it.
    pub async fn delete_of_sources(&self, asking: &Asking<'_>, id: &str) -> Result<(), Problem> {
        asking.view.may_manage_sources()?;
        let tenant = asking.view.tenant();
        let changing = self.changing.lock().await;
        for _ in 0..TRIES {
            let before = self.reload(tenant).await?;
            let (version, kept) = self.kept(asking, id).await?;
            let uid = kept.subscription.uid;
            let set = WriteSet::new(tenant.clone())
                .with(remove(KEPT, key(asking.owner, id), Expect::Version(version)))
                .with(count(-1))
                .with(remove(STATES, uid.0.to_vec(), Expect::Any))
                .with(remove(THROTTLES, uid.0.to_vec(), Expect::Any));
            match self.parts.store.commit(marked(&set, before)).await {
                Ok(receipt) => {
                    self.learn(tenant, before, receipt.version, |index| index.remove(uid));
                    drop(changing);
                    // Whatever a change under way still adds is dropped by the deliverer, which finds no subscription for it.
                    for collection in [OUTBOX, DEAD_LETTERS] {
                        purge(&*self.parts.store, tenant, collection, uid).await?;
                    }
                    return Ok(());
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(busy())
    }

    async fn kept(&self, asking: &Asking<'_>, id: &str) -> Result<(u64, Kept), Problem> {
        let key = key(asking.owner, id);
        let record = self.parts.store.record(asking.view.tenant(), KEPT, &key).await?;
        let record = record.ok_or_else(Problem::not_found)?;
        Ok((record.version, decode(&record.value)?))
    }

    async fn show_kept(
        &self,
        asking: &Asking<'_>,
        kept: Kept,
        showing: &Showing<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        let now = self.parts.clock.micros();
        let s = &kept.subscription;
        let (_, state) = state(&*self.parts.store, asking.view.tenant(), s.uid).await?;
        let mut members = shown(s, &state, asking.view, showing, now);
        if s.triggers.is_empty() {
            // Registrations have no attributes whose changes could be meant.
            members.remove("notificationTrigger");
        }
        if let Some(temporal) = kept.temporal {
            members.insert("temporalQ".to_owned(), temporal);
        }
        // A tree of strings and numbers is always JSON.
        out.extend(serde_json::to_vec(&members).unwrap_or_default());
        Ok(())
    }
}

/// A @context of the names in the filter of sources, if there is one.
fn csf_names(subscription: &Subscription, context: &Context) -> Result<Option<String>, Problem> {
    subscription.csf.as_deref().map(|csf| read_q(csf, context, "/csf")).transpose()
}
