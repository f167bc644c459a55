//! Subscriptions to registrations of context sources (clause 5.11): kept and given back. Nobody is notified yet, and whoever subscribes is
//! told so; what the standard would have notified can be asked for as the registrations themselves.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::Context;
use tsunagu_ngsi_ld::source::TemporalQuery;
use tsunagu_store::{Collection, Conflict, Expect, Op, Scan, StoreError, WriteSet};

use super::manage::{Asking, Showing, SubscriptionPage, busy, key, prefix, usable};
use super::model::{Subscription, VERSION};
use super::read::{Reading, bad, object};
use super::records::{State, decode, put, remove};
use super::show::shown;
use super::{PAGE, Subscriptions};
use crate::{Contexts, ngsi_problem};

/// owner + id → [`Kept`].
const KEPT: Collection = Collection("source-subscription");
/// How many there are in a tenant, and at most.
const COUNT: Collection = Collection("source-subscription-count");
const MAX_KEPT: i64 = 1_000;
/// How often a change is tried anew when another was faster.
const TRIES: usize = 16;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    v: u8,
    subscription: Subscription,
    /// The temporal query as it was given, checked.
    temporal: Option<Value>,
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
        let id = subscription.id.clone();
        let kept = Kept { v: VERSION, subscription, temporal };
        let op = put(KEPT, key(asking.owner, &id), &kept, Expect::Absent)?;
        let set = WriteSet::new(asking.view.tenant().clone()).with(op).with(count(1));
        match self.parts.store.commit(set).await {
            Ok(_) => Ok(id),
            Err(StoreError::Conflict { conflict: Conflict::Exists, .. }) => Err(Problem::new(
                ProblemCode::AlreadyExists,
                "a subscription of this id exists already; choose another id, or change it with PATCH",
            )
            .at("/id")),
            Err(StoreError::Conflict { conflict: Conflict::OutOfBounds, .. }) => Err(Problem::new(
                ProblemCode::Forbidden,
                format!("{MAX_KEPT} such subscriptions are kept already; delete some"),
            )),
            Err(error) => Err(error.into()),
        }
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
        for _ in 0..TRIES {
            let (version, mut kept) = self.kept(asking, id).await?;
            let reading = Reading { view: asking.view, context, now };
            reading.apply(&mut kept.subscription, &members)?;
            usable(asking, &kept.subscription, contexts).await?;
            kept.subscription.modified_at = now;
            if let Some(temporal) = &temporal {
                kept.temporal.clone_from(temporal);
            }
            let op = put(KEPT, key(asking.owner, id), &kept, Expect::Version(version))?;
            let set = WriteSet::new(asking.view.tenant().clone()).with(op);
            match self.parts.store.commit(set).await {
                Ok(_) => return Ok(()),
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
        self.show_kept(asking, kept, &Showing { context, embed_context, sys_attrs }, &mut body);
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
        let mut page = SubscriptionPage { body: vec![b'['], ..SubscriptionPage::default() };
        let mut written = 0;
        let mut scan = Scan { prefix: prefix(asking.owner), limit: PAGE, ..Scan::default() };
        loop {
            let tenant = asking.view.tenant();
            let found = self.parts.store.records(tenant, KEPT, &scan).await?;
            let Some((last, _)) = found.last() else { break };
            scan.after = Some(last.clone());
            for (_, record) in found {
                page.count += 1;
                if page.count <= offset as u64 {
                    continue;
                }
                if written == limit {
                    page.more = true;
                    continue;
                }
                if written > 0 {
                    page.body.push(b',');
                }
                written += 1;
                self.show_kept(asking, decode(&record.value)?, &showing, &mut page.body);
            }
        }
        page.body.push(b']');
        Ok(page)
    }

    /// Delete Context Source Registration Subscription (5.11.6).
    pub async fn delete_of_sources(&self, asking: &Asking<'_>, id: &str) -> Result<(), Problem> {
        asking.view.may_manage_sources()?;
        let op = remove(KEPT, key(asking.owner, id), Expect::Present);
        let set = WriteSet::new(asking.view.tenant().clone()).with(op).with(count(-1));
        match self.parts.store.commit(set).await {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict { conflict: Conflict::Missing, .. }) => {
                Err(Problem::not_found())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn kept(&self, asking: &Asking<'_>, id: &str) -> Result<(u64, Kept), Problem> {
        let key = key(asking.owner, id);
        let record = self.parts.store.record(asking.view.tenant(), KEPT, &key).await?;
        let record = record.ok_or_else(Problem::not_found)?;
        Ok((record.version, decode(&record.value)?))
    }

    fn show_kept(&self, asking: &Asking<'_>, kept: Kept, showing: &Showing<'_>, out: &mut Vec<u8>) {
        let now = self.parts.clock.micros();
        let s = &kept.subscription;
        let mut members = shown(s, &State::default(), asking.view, showing, now);
        if s.triggers.is_empty() {
            // Registrations have no attributes whose changes could be meant.
            members.remove("notificationTrigger");
        }
        if let Some(temporal) = kept.temporal {
            members.insert("temporalQ".to_owned(), temporal);
        }
        // A tree of strings and numbers is always JSON.
        out.extend(serde_json::to_vec(&members).unwrap_or_default());
    }
}
