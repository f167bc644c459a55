//! Create, update, retrieve, query and delete subscriptions (clauses 5.8.1 to 5.8.5). A subscription exists for its owner only.

use std::sync::Arc;

use tsunagu_domain::{Problem, ProblemCode, TenantId};
use tsunagu_ngsi_ld::parse::split_context;
use tsunagu_ngsi_ld::{Context, Format};
use tsunagu_policy::View;
use tsunagu_store::{Collection, Conflict, Expect, Op, Record, Scan, StoreError, WriteSet};

use super::compiled::Compiled;
use super::model::{Notification, Owner, Subscription, Uid, VERSION};
use super::read::{CONNECTOR, Reading, bad, object};
use super::records::{
    DEAD_LETTERS, MARK, MARK_KEY, OUTBOX, STATES, SUBSCRIPTIONS, THROTTLES, decode, purge, put,
    remove, state,
};
use super::{PAGE, Subscriptions};
use crate::{Belongs, Contexts, ngsi_problem};

/// How often a change is tried anew when another process was faster.
const TRIES: usize = 16;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// What the request may see.
    pub view: &'a View,
    /// For whom it acts.
    pub owner: &'a Owner,
    /// The tenant header, if one came.
    pub tenant_header: Option<&'a str>,
}

/// A page of subscriptions.
#[derive(Debug, Clone, Default)]
pub struct SubscriptionPage {
    /// A JSON array.
    pub body: Vec<u8>,
    /// How many there are in all.
    pub count: u64,
    /// Whether there are more after these.
    pub more: bool,
}

impl SubscriptionPage {
    /// With the end of its array.
    pub(super) fn closed(mut self) -> Self {
        if self.body.is_empty() {
            self.body.push(b'[');
        }
        self.body.push(b']');
        self
    }
}

/// How to show subscriptions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Showing<'a> {
    pub(crate) context: &'a Context,
    pub(crate) embed_context: bool,
    pub(crate) sys_attrs: bool,
}

/// Subscriptions of different owners never meet, so neither do their ids.
pub(super) fn prefix(owner: &Owner) -> Vec<u8> {
    let subject = owner.subject.map(|subject| subject.to_string()).unwrap_or_default();
    format!("{}\0{}\0{subject}\0", owner.tenant, owner.client).into_bytes()
}

pub(super) fn key(owner: &Owner, id: &str) -> Vec<u8> {
    [&prefix(owner), id.as_bytes()].concat()
}

/// What the @context that is kept for a subscription belongs to.
fn belongs(subscription: &Subscription) -> Belongs {
    Belongs { client: subscription.owner.client.to_string(), to: subscription.uid.0 }
}

/// Where a subscription is kept.
pub(super) fn key_of(subscription: &Subscription) -> Vec<u8> {
    key(&subscription.owner, &subscription.id)
}

impl Subscriptions {
    /// Create Subscription (5.8.1). Answers with its id when it is on disk.
    pub async fn create(
        &self,
        asking: &Asking<'_>,
        body: &str,
        context: &Context,
        contexts: &Contexts,
    ) -> Result<String, Problem> {
        let now = self.parts.clock.micros();
        let members = object(body)?;
        let mut new = self.blank(asking, context, now);
        let reading = Reading { view: asking.view, context, now };
        reading.apply(&mut new, &members)?;
        if !members.contains_key("type") && !members.contains_key("@type") {
            return Err(bad("/type", "the type must be Subscription"));
        }
        if new.id.is_empty() {
            new.id = format!("urn:ngsi-ld:Subscription:{}", self.parts.ids.uuid());
        }
        usable(asking, &new, contexts).await?;
        // Notifications name their @context in a header, so it needs a URL (5.13.1).
        let mut kept = Vec::new();
        let own = split_context(body).map_err(ngsi_problem)?.filter(|_| contexts.hosts());
        if let Some(local) = own
            && new.jsonld_context.is_none()
            && context.url().is_none()
        {
            let (url, ops) = contexts.implicit(&local, belongs(&new))?;
            new.jsonld_context = Some(url);
            kept = ops;
        }
        let compiled = Arc::new(Compiled::new(new)?);
        let record = &compiled.record;
        let tenant = asking.view.tenant();
        let op = put(SUBSCRIPTIONS, key(asking.owner, &record.id), record, Expect::Absent)?;
        let mut set = WriteSet::new(tenant.clone()).with(op);
        set.ops.extend(kept);
        let _changing = self.changing.lock().await;
        for _ in 0..TRIES {
            let before = self.reload(tenant).await?;
            match self.parts.store.commit(marked(&set, before)).await {
                Ok(receipt) => {
                    self.learn(tenant, before, receipt.version, |index| index.add(&compiled));
                    return Ok(record.id.clone());
                }
                Err(StoreError::Conflict { conflict: Conflict::Exists, op: 0 }) => {
                    return Err(Problem::new(
                        ProblemCode::AlreadyExists,
                        "a subscription of this id exists already; choose another id, or change it with PATCH",
                    )
                    .at("/id"));
                }
                Err(StoreError::Conflict { conflict: Conflict::OutOfBounds, .. }) => {
                    return Err(Contexts::full());
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(busy())
    }

    /// Update Subscription (5.8.2): members of the fragment take the place of those there are, null removes.
    pub async fn update(
        &self,
        asking: &Asking<'_>,
        id: &str,
        body: &str,
        context: &Context,
        contexts: &Contexts,
    ) -> Result<(), Problem> {
        let now = self.parts.clock.micros();
        let members = object(body)?;
        let tenant = asking.view.tenant();
        let key = key(asking.owner, id);
        let _changing = self.changing.lock().await;
        for _ in 0..TRIES {
            let before = self.reload(tenant).await?;
            let (version, mut changed) = self.own(asking, &key).await?;
            let named = changed.jsonld_context.clone();
            let reading = Reading { view: asking.view, context, now };
            reading.apply(&mut changed, &members)?;
            // The @context of its notifications stays the one it was made in: names are kept expanded.
            changed.owner = asking.owner.clone();
            changed.modified_at = now;
            usable(asking, &changed, contexts).await?;
            let compiled = Arc::new(Compiled::new(changed)?);
            let record = &compiled.record;
            let op = put(SUBSCRIPTIONS, key.clone(), record, Expect::Version(version))?;
            let mut set = WriteSet::new(tenant.clone()).with(op);
            if let Some(url) = named.filter(|url| record.jsonld_context.as_ref() != Some(url)) {
                set.ops.extend(contexts.forget_implicit(tenant, &url, &belongs(record)).await?);
            }
            set.ops.extend(self.impatient(tenant, record.uid).await?);
            match self.parts.store.commit(marked(&set, before)).await {
                Ok(receipt) => {
                    self.learn(tenant, before, receipt.version, |index| index.add(&compiled));
                    self.owed(tenant, vec![record.uid]);
                    return Ok(());
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(busy())
    }

    /// Retrieve Subscription (5.8.3).
    pub async fn retrieve(
        &self,
        asking: &Asking<'_>,
        id: &str,
        context: &Context,
        embed_context: bool,
        sys_attrs: bool,
    ) -> Result<Vec<u8>, Problem> {
        let (_, subscription) = self.own(asking, &key(asking.owner, id)).await?;
        let showing = Showing { context, embed_context, sys_attrs };
        let mut body = Vec::with_capacity(1024);
        self.show(asking, &subscription, &showing, &mut body).await?;
        Ok(body)
    }

    /// Query Subscriptions (5.8.4), by id.
    pub async fn query(
        &self,
        asking: &Asking<'_>,
        limit: usize,
        offset: usize,
        context: &Context,
        embed_context: bool,
        sys_attrs: bool,
    ) -> Result<SubscriptionPage, Problem> {
        let showing = Showing { context, embed_context, sys_attrs };
        let (mut page, records) = self.page_of(asking, SUBSCRIPTIONS, limit, offset).await?;
        for (nth, record) in records.iter().enumerate() {
            page.body.push(if nth == 0 { b'[' } else { b',' });
            let subscription: Subscription = decode(&record.value)?;
            self.show(asking, &subscription, &showing, &mut page.body).await?;
        }
        Ok(page.closed())
    }

    /// A page, empty yet, and what belongs on it of what an owner has in a collection, by id.
    pub(super) async fn page_of(
        &self,
        asking: &Asking<'_>,
        collection: Collection,
        limit: usize,
        offset: usize,
    ) -> Result<(SubscriptionPage, Vec<Record>), StoreError> {
        let mut page = SubscriptionPage::default();
        let mut on_it = Vec::new();
        let mut scan = Scan { prefix: prefix(asking.owner), limit: PAGE, ..Scan::default() };
        loop {
            let tenant = asking.view.tenant();
            let found = self.parts.store.records(tenant, collection, &scan).await?;
            let Some((last, _)) = found.last() else { return Ok((page, on_it)) };
            scan.after = Some(last.clone());
            for (_, record) in found {
                page.count += 1;
                if page.count <= offset as u64 {
                    continue;
                }
                if on_it.len() == limit {
                    page.more = true;
                } else {
                    on_it.push(record);
                }
            }
        }
    }

    /// Delete Subscription (5.8.5), with what is queued for it.
    pub async fn delete(
        &self,
        asking: &Asking<'_>,
        id: &str,
        contexts: &Contexts,
    ) -> Result<(), Problem> {
        let tenant = asking.view.tenant();
        let key = key(asking.owner, id);
        let changing = self.changing.lock().await;
        for _ in 0..TRIES {
            let before = self.reload(tenant).await?;
            let (version, subscription) = self.own(asking, &key).await?;
            let uid = subscription.uid;
            let mut set = WriteSet::new(tenant.clone());
            set.ops.push(remove(SUBSCRIPTIONS, key.clone(), Expect::Version(version)));
            set.ops.push(remove(STATES, uid.0.to_vec(), Expect::Any));
            set.ops.push(remove(THROTTLES, uid.0.to_vec(), Expect::Any));
            if let Some(url) = &subscription.jsonld_context {
                set.ops
                    .extend(contexts.forget_implicit(tenant, url, &belongs(&subscription)).await?);
            }
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

    /// Ends the wait after failures, if there is one: the endpoint is another, or the same one mended.
    pub(super) async fn impatient(
        &self,
        tenant: &TenantId,
        uid: Uid,
    ) -> Result<Option<Op>, StoreError> {
        let (known, mut kept) = state(&*self.parts.store, tenant, uid).await?;
        let Some(known) = known.filter(|_| kept.attempts > 0) else { return Ok(None) };
        (kept.attempts, kept.due) = (0, 0);
        put(STATES, uid.0.to_vec(), &kept, Expect::Version(known)).map(Some)
    }

    /// A subscription that says nothing yet.
    pub(super) fn blank(&self, asking: &Asking<'_>, context: &Context, now: i64) -> Subscription {
        Subscription {
            v: VERSION,
            uid: Uid(self.parts.ids.bytes16()),
            id: String::new(),
            owner: asking.owner.clone(),
            tenant_header: asking.tenant_header.map(str::to_owned),
            name: None,
            description: None,
            entities: Vec::new(),
            watched: Vec::new(),
            triggers: Vec::new(),
            time_interval: None,
            q: None,
            q_context: None,
            geo_q: None,
            scope_q: None,
            csf: None,
            is_active: None,
            expires_at: None,
            throttling: None,
            lang: None,
            dataset_ids: Vec::new(),
            local_only: None,
            split_entities: None,
            jsonld_context: None,
            context: context.json().get().to_owned(),
            notification: Notification::default(),
            created_at: now,
            modified_at: now,
        }
    }

    async fn own(&self, asking: &Asking<'_>, key: &[u8]) -> Result<(u64, Subscription), Problem> {
        let record = self.parts.store.record(asking.view.tenant(), SUBSCRIPTIONS, key).await?;
        let record = record.ok_or_else(Problem::not_found)?;
        Ok((record.version, decode(&record.value)?))
    }
}

pub(super) fn busy() -> Problem {
    Problem::new(
        ProblemCode::Conflict,
        "other subscriptions were changed at the same moment again and again; repeat the request",
    )
}

/// The set, and the mark that tells every process of it.
pub(super) fn marked(set: &WriteSet, before: Option<u64>) -> WriteSet {
    let expect = before.map_or(Expect::Absent, Expect::Version);
    set.clone().with(Op::PutRecord {
        collection: MARK,
        key: MARK_KEY.to_vec(),
        value: Vec::new(),
        expect,
    })
}

/// The @context of notifications must be one that can be had.
pub(super) async fn usable(
    asking: &Asking<'_>,
    subscription: &Subscription,
    contexts: &Contexts,
) -> Result<(), Problem> {
    let uri = &subscription.notification.endpoint.uri;
    let connector = uri.strip_prefix(CONNECTOR).and_then(|rest| rest.strip_prefix(':'));
    if connector.is_some_and(|name| name != subscription.owner.client.as_str()) {
        return Err(bad(
            "/notification/endpoint/uri",
            "a connector is notified by subscriptions of its own client alone",
        ));
    }
    let Some(url) = &subscription.jsonld_context else {
        return Ok(());
    };
    let found = contexts.at(asking.view.tenant(), url).await;
    found.map(drop).map_err(|problem| problem.at("/jsonldContext"))
}

impl Notification {
    /// The representation asked for.
    pub(crate) fn representation(&self) -> Format {
        match self.format.as_deref() {
            Some("concise") => Format::Concise,
            Some("keyValues" | "simplified") => Format::Simplified,
            _ => Format::Normalized,
        }
    }
}
