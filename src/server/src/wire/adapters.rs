//! Where rooms that do not know each other meet: one side's trait over the other side's service.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::value::RawValue;
use tokio::task::JoinSet;
use tsunagu_audit::{Answer, WitnessCalls};
use tsunagu_broker::{
    Asking, Broker, DocumentLoader, Message, Notifier, Owner, Published, Request, SendError,
    Subscriptions,
};
use tsunagu_connect::{Connectors, Delivery, Platform, SinkError, UpsertOutcome};
use tsunagu_consent::{Answered, Ledger, NotRedeemed, Recipient, Recipients, Redeemer, State};
use tsunagu_domain::{
    Assurance, Catalogue, ClientId, Clock, IdGen, Problem, ProblemCode, TenantId, TsunoId,
};
use tsunagu_identity::{Clients, LiveGrants, Redeemed, Redeeming, ShareCodes, ShareRefusal};
use tsunagu_imports::Registry;
use tsunagu_ngsi_ld::{Context, Entity, EntityDoc, Query, TypeSelection};
use tsunagu_outbound::{Method, Outbound};
use tsunagu_policy::{Asked, Policies, Principal, View};
use tsunagu_rewards::{Activities, Consents};
use tsunagu_store::{EntityQuery, Store, StoreError};
use url::Url;

/// So many entities are worth a task of their own: what waits for the store together in one.
const SHARE: usize = 64;

/// The broker, as connectors see it: each publishes under the client of its name.
pub(super) struct ConnectorPlatform {
    pub(super) broker: Arc<Broker>,
    pub(super) subscriptions: Arc<Subscriptions>,
    pub(super) clients: Arc<Clients>,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) policies: Policies,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdGen>,
    pub(super) tenant: TenantId,
    pub(super) store: Arc<dyn Store>,
}

impl ConnectorPlatform {
    async fn view(&self, connector: &str) -> Result<View, Problem> {
        let unknown = || {
            Problem::new(
                ProblemCode::Forbidden,
                "no active client of the connector's name is registered; add it to the clients, with the types it publishes",
            )
        };
        let id = connector.parse().map_err(|_| unknown())?;
        let client = self.clients.policy(&self.tenant, &id).await?.ok_or_else(unknown)?;
        let asked = Asked {
            tenant: &self.tenant,
            catalogue: &self.catalogue,
            now: self.clock.micros(),
            principal: Principal::Machine { client: &client },
        };
        self.policies.decide(&asked).map_err(Problem::from)
    }
}

impl ConnectorPlatform {
    /// Publishes entities in shares, each on whichever thread is free. Who stops waiting stops all of them.
    async fn publish_shared(
        &self,
        view: &View,
        entities: Vec<Entity>,
    ) -> Vec<Result<Published, Problem>> {
        let (id, count) = (self.ids.uuid(), entities.len());
        if count <= SHARE {
            return self.broker.publish(&Request { view, id: &id }, entities).await;
        }
        let mut shares = JoinSet::new();
        let mut rest = entities.into_iter();
        for at in (0..count).step_by(SHARE) {
            let share: Vec<Entity> = rest.by_ref().take(SHARE).collect();
            let (broker, view, id) = (Arc::clone(&self.broker), view.clone(), id.clone());
            shares.spawn(async move {
                (at, broker.publish(&Request { view: &view, id: &id }, share).await)
            });
        }
        let lost = || Problem::new(ProblemCode::InternalError, "publishing ended before an answer");
        let mut outcomes: Vec<_> = (0..count).map(|_| Err(lost())).collect();
        while let Some(share) = shares.join_next().await {
            // One that ended badly has said so in the log; its entities come again.
            let Ok((at, done)) = share else { continue };
            for (slot, outcome) in outcomes.iter_mut().skip(at).zip(done) {
                *slot = outcome;
            }
        }
        outcomes
    }
}

#[async_trait]
impl Platform for ConnectorPlatform {
    async fn upsert(
        &self,
        connector: &str,
        entities: Vec<Entity>,
    ) -> Vec<Result<UpsertOutcome, Problem>> {
        let view = match self.view(connector).await {
            Ok(view) => view,
            Err(problem) => return entities.iter().map(|_| Err(problem.clone())).collect(),
        };
        let outcomes = self.publish_shared(&view, entities).await;
        let outcome = |published| match published {
            Published::Created => UpsertOutcome::Created,
            Published::Updated => UpsertOutcome::Updated,
            Published::Unchanged => UpsertOutcome::Unchanged,
        };
        outcomes.into_iter().map(|done| done.map(outcome)).collect()
    }

    async fn subscribe(
        &self,
        connector: &str,
        subscription: Option<&serde_json::Value>,
    ) -> Result<(), Problem> {
        let view = self.view(connector).await?;
        let client = connector.parse().map_err(|_| Problem::not_found())?;
        let owner = Owner {
            tenant: self.tenant.clone(),
            client,
            subject: None,
            grant: None,
            assurance: Assurance::default(),
        };
        let asking = Asking { view: &view, owner: &owner, tenant_header: None };
        let id = format!("urn:ngsi-ld:Subscription:connector:{connector}");
        let absent = |problem: &Problem| problem.code == ProblemCode::ResourceNotFound;
        let Some(subscription) = subscription else {
            return match self.subscriptions.delete(&asking, &id, self.broker.contexts()).await {
                Err(problem) if !absent(&problem) => Err(problem),
                _ => Ok(()),
            };
        };
        let mut body = subscription.clone();
        body["id"] = id.clone().into();
        body["notification"]["endpoint"] = serde_json::json!({
            "uri": format!("connector:{connector}"), "accept": "application/json"
        });
        let (context, contexts) = (Context::core(), self.broker.contexts());
        let text = body.to_string();
        // A member that the settings no longer have is taken away.
        let mut change = body;
        for name in ["q", "geoQ", "scopeQ", "watchedAttributes", "throttling", "expiresAt"] {
            if change.get(name).is_none() {
                change[name] = serde_json::Value::Null;
            }
        }
        let change = change.to_string();
        // What waits for the connector stays when it starts again.
        match self.subscriptions.update(&asking, &id, &change, &context, contexts).await {
            Err(problem) if absent(&problem) => {
                let new = self.subscriptions.create(&asking, &text, &context, contexts);
                new.await.map(drop)
            }
            other => other,
        }
    }
}

/// Receivers of notifications: connectors of this gateway, and everybody outside.
pub(super) struct Receivers {
    pub(super) connectors: Arc<Connectors>,
    pub(super) outbound: Arc<Outbound>,
}

#[async_trait]
impl Notifier for Receivers {
    async fn notify(&self, message: &Message) -> Result<(), SendError> {
        let Some(name) = message.uri.strip_prefix("connector:") else {
            return self.outbound.notify(message).await;
        };
        let text = String::from_utf8(message.body.to_vec());
        let notification = text.ok().and_then(|text| RawValue::from_string(text).ok());
        let notification = notification
            .ok_or_else(|| SendError::Never("the notification is not JSON".to_owned()))?;
        let delivery = Delivery { id: message.id.clone(), notification };
        self.connectors.deliver(name, &delivery).await.map_err(|error| match error {
            SinkError::Later(why) => SendError::Later(why),
            SinkError::Never(why) => SendError::Never(why),
        })
    }
}

#[async_trait]
impl Registry for ConnectorPlatform {
    async fn publish(
        &self,
        layout: &str,
        entities: Vec<Entity>,
    ) -> Result<Vec<Result<(), Problem>>, Problem> {
        let view = self.view(layout).await?;
        // A client that may not publish the type of the layout is no matter of one record.
        if let Some(entity) = entities.first() {
            view.may_write(&entity.types, None, "")?;
        }
        let id = self.ids.uuid();
        let outcomes = self.broker.publish(&Request { view: &view, id: &id }, entities).await;
        Ok(outcomes.into_iter().map(|outcome| outcome.map(drop)).collect())
    }

    async fn delete(
        &self,
        layout: &str,
        entity_type: &str,
        id: &str,
    ) -> Result<Result<(), Problem>, Problem> {
        let view = self.view(layout).await?;
        // Likewise.
        view.may_write(&[Context::core().expand(entity_type).into_owned()], None, "")?;
        let request_id = self.ids.uuid();
        let request = Request { view: &view, id: &request_id };
        Ok(match self.broker.delete(&request, id).await {
            Err(problem) if problem.code == ProblemCode::ResourceNotFound => Ok(()),
            other => other,
        })
    }

    async fn subjects(&self, ids: &[String]) -> Result<Vec<TsunoId>, Problem> {
        let asked = Asked {
            tenant: &self.tenant,
            catalogue: &self.catalogue,
            now: self.clock.micros(),
            principal: Principal::Platform { task: "import-queue" },
        };
        let view = self.policies.decide(&asked).map_err(Problem::from)?;
        let mut subjects = BTreeSet::new();
        for id in ids {
            let found = self.store.entity(&view, id).await?;
            subjects.extend(found.and_then(|found| found.doc.subject()?.parse::<TsunoId>().ok()));
        }
        Ok(subjects.into_iter().collect())
    }
}

/// Consents, as the authorization server sees them.
pub(super) struct ConsentGrants {
    pub(super) ledger: Arc<Ledger>,
    pub(super) clock: Arc<dyn Clock>,
}

#[async_trait]
impl LiveGrants for ConsentGrants {
    async fn is_live(&self, tenant: &TenantId, grant_id: &str) -> Result<bool, Problem> {
        let now = self.clock.micros();
        Ok(self.ledger.live_grant(tenant, grant_id, now).await?.is_some())
    }

    async fn acts(&self, tenant: &TenantId, delegation: &str) -> Result<bool, Problem> {
        let now = self.clock.micros();
        let found = self.ledger.delegation(tenant, delegation).await?;
        Ok(found.is_some_and(|found| found.live_at(now)))
    }
}

/// Share codes, as the authorization server redeems them.
pub(super) struct LedgerShares {
    pub(super) ledger: Arc<Ledger>,
}

#[async_trait]
impl ShareCodes for LedgerShares {
    async fn redeem(
        &self,
        tenant: &TenantId,
        by: Redeeming<'_>,
        code: &str,
    ) -> Result<Redeemed, ShareRefusal> {
        let redeemer = Redeemer {
            client: by.client,
            name: by.name,
            purposes: by.purposes,
            data_classes: by.data_classes,
            bound: by.bound,
            request: by.request,
        };
        let (consent, assurance) =
            self.ledger.redeem(tenant, &redeemer, code).await.map_err(refusal)?;
        Ok(Redeemed {
            subject: consent.subject,
            data_classes: consent.data.iter().map(|part| part.class.clone()).collect(),
            grant: consent.id,
            purpose: consent.purpose.code,
            assurance,
        })
    }
}

fn refusal(refused: NotRedeemed) -> ShareRefusal {
    match refused {
        NotRedeemed::Unknown => ShareRefusal::Unknown,
        NotRedeemed::NotRegistered => ShareRefusal::NotRegistered,
        NotRedeemed::Unbound => ShareRefusal::Unbound,
        NotRedeemed::TooMany => ShareRefusal::TooMany,
        NotRedeemed::Failed(problem) => ShareRefusal::Failed(problem),
    }
}

/// Clients as the ledger's deletion orders reach them.
pub(super) struct ClientEvents {
    pub(super) clients: Arc<Clients>,
    pub(super) outbound: Arc<Outbound>,
}

#[async_trait]
impl Recipients for ClientEvents {
    async fn find(
        &self,
        tenant: &TenantId,
        client: &ClientId,
        subject: TsunoId,
    ) -> Result<Option<Recipient>, Problem> {
        // Whether it is active or not: what a suspended or ended client received is to be deleted all the same.
        let (Some(registered), Some(principal)) = (
            self.clients.get(tenant, client).await?,
            self.clients.outward(tenant, client, subject).await?,
        ) else {
            return Ok(None);
        };
        let endpoint = registered.events_uri.as_ref().map(ToString::to_string);
        Ok(Some(Recipient { endpoint, principal }))
    }

    async fn push(&self, endpoint: &str, token: String) -> Result<Answered, String> {
        let url = endpoint.parse().map_err(|_| "the endpoint is no absolute URL".to_owned())?;
        let request = tsunagu_outbound::Request::new(Method::POST, url)
            .body("application/secevent+jwt", token)
            .header("accept", "application/json");
        let sent = self.outbound.send(request.map_err(|error| error.to_string())?).await;
        let response = sent.map_err(|error| error.to_string())?;
        Ok(Answered { status: response.status, body: response.body.to_vec() })
    }
}

/// Consents, as the delivery of coins asks about them.
pub(super) struct Withdrawals {
    pub(super) ledger: Arc<Ledger>,
}

#[async_trait]
impl Consents for Withdrawals {
    async fn withdrawn(&self, tenant: &TenantId, consent: &str) -> Result<bool, StoreError> {
        let found = self.ledger.get(tenant, consent).await;
        let found = found.map_err(|problem| StoreError::Unavailable(problem.to_string()))?;
        Ok(found.is_some_and(|consent| consent.state == State::Withdrawn))
    }
}

/// Stored activities, as rules are tried on them.
pub(super) struct StoredActivities {
    pub(super) store: Arc<dyn Store>,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) policies: Policies,
    pub(super) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Activities for StoredActivities {
    async fn page(
        &self,
        tenant: &TenantId,
        entity_type: &str,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<EntityDoc>, StoreError> {
        let asked = Asked {
            tenant,
            catalogue: &self.catalogue,
            now: self.clock.micros(),
            principal: Principal::Platform { task: "reward-simulation" },
        };
        let refused = |_| StoreError::Unavailable("the policy refuses the platform".to_owned());
        let view = self.policies.decide(&asked).map_err(refused)?;
        let types = Some(TypeSelection::Type(entity_type.to_owned()));
        let filter = Query { types, ..Query::default() };
        let query = EntityQuery { filter, limit, offset, count: false, order: None };
        let page = self.store.query(&view, &query).await?;
        Ok(page.entities.into_iter().map(|found| found.doc).collect())
    }
}

/// A witness, as the log of accesses asks it.
pub(super) struct WitnessHttp {
    pub(super) outbound: Arc<Outbound>,
    /// Of its `add-checkpoint`.
    pub(super) url: Url,
}

#[async_trait]
impl WitnessCalls for WitnessHttp {
    async fn add_checkpoint(&self, body: String) -> Result<Answer, String> {
        let request = tsunagu_outbound::Request::new(Method::POST, self.url.clone())
            .body("text/plain; charset=utf-8", body);
        let response = self.outbound.send(request).await.map_err(|error| error.to_string())?;
        let body = String::from_utf8(response.body.to_vec()).map_err(|error| error.to_string())?;
        Ok(Answer { status: response.status, media_type: "", body })
    }
}

/// The outside, as the broker's @contexts see it.
pub(super) struct FetchDocuments {
    pub(super) outbound: Arc<Outbound>,
}

#[async_trait]
impl DocumentLoader for FetchDocuments {
    async fn load(&self, url: &str) -> Result<String, Problem> {
        let gone = |why: &str| {
            Problem::new(
                ProblemCode::LdContextNotAvailable,
                format!("the @context {url} could not be had ({why}); pin it, or send its definitions inline"),
            )
            .at("@context")
        };
        let target = url.parse().map_err(|_| gone("it is no absolute URL"))?;
        let response =
            self.outbound.get(&target).await.map_err(|error| gone(&error.to_string()))?;
        if !response.is_success() {
            return Err(gone(&format!("status {}", response.status)));
        }
        String::from_utf8(response.body.to_vec()).map_err(|_| gone("it is not UTF-8"))
    }
}
