//! Context source registrations (clauses 5.9, 5.10): kept, checked against one another and against what is here, and found again.
//!
//! They are a directory for those who ask for it. Nothing is forwarded to them: this broker answers from what it has itself, and a source
//! that would have to stand in its place is in the directory only. Who subscribed to registrations is told of every change, in its transaction.

mod expiry;
mod records;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tsunagu_domain::{Clock, IdGen, PERSON_URN, Problem, ProblemCode, TenantId};
use tsunagu_ngsi_ld::source::{Discovery, EntityInfo, Mode, Registration};
use tsunagu_ngsi_ld::{Context, Projection as _, Query, TypeSelection};
use tsunagu_policy::View;
use tsunagu_store::{EntityQuery, Expect, Op, Store};

use crate::{Subscriptions, guard, ngsi_problem};
use expiry::NextEnd;
pub(crate) use records::Records;

/// How often a change is tried anew when another was faster.
const TRIES: usize = 16;

/// The directory of context sources.
pub struct Sources {
    store: Arc<dyn Store>,
    ids: Arc<dyn IdGen>,
    clock: Arc<dyn Clock>,
    subscriptions: Arc<Subscriptions>,
    ends: Mutex<HashMap<TenantId, NextEnd>>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources(…)")
    }
}

/// A page of registrations.
#[derive(Debug, Clone, Default)]
pub struct SourcePage {
    /// The registrations, by id.
    pub registrations: Vec<Registration>,
    /// How many match in all.
    pub count: usize,
}

impl Sources {
    /// A directory in this store, of which these subscriptions are told.
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn IdGen>,
        clock: Arc<dyn Clock>,
        subscriptions: Arc<Subscriptions>,
    ) -> Self {
        Self { store, ids, clock, subscriptions, ends: Mutex::default() }
    }

    fn records<'a>(&'a self, tenant: &'a TenantId) -> Records<'a> {
        Records { store: &*self.store, tenant }
    }

    /// Register Context Source (5.9.2): gives the id.
    pub async fn register(
        &self,
        view: &View,
        body: &str,
        context: &Context,
    ) -> Result<String, Problem> {
        view.may_manage_sources()?;
        guard::refuse_in_document(body)?;
        let own = format!("urn:ngsi-ld:ContextSourceRegistration:{}", self.ids.uuid());
        let now = self.clock.micros();
        let registration = Registration::parse(body, context, &own, now).map_err(ngsi_problem)?;
        self.change(view, &registration.id, |before| match before {
            Some(_) => Err(Problem::new(
                ProblemCode::AlreadyExists,
                "a registration of this id exists already; change it, or leave the id out",
            )
            .at("/id")),
            None => Ok(Some(registration.clone())),
        })
        .await?;
        Ok(registration.id)
    }

    /// Update Context Source Registration (5.9.3).
    pub async fn update(
        &self,
        view: &View,
        id: &str,
        body: &str,
        context: &Context,
    ) -> Result<(), Problem> {
        view.may_manage_sources()?;
        guard::refuse_in_document(body)?;
        let now = self.clock.micros();
        self.change(view, id, |before| {
            let mut registration = before.ok_or_else(Problem::not_found)?;
            registration.update(body, context, now).map_err(ngsi_problem)?;
            Ok(Some(registration))
        })
        .await
    }

    /// Delete Context Source Registration (5.9.4).
    pub async fn delete(&self, view: &View, id: &str) -> Result<(), Problem> {
        view.may_manage_sources()?;
        self.change(view, id, |before| before.ok_or_else(Problem::not_found).map(|_| None)).await
    }

    /// Retrieve Context Source Registration (5.10.1). One whose time is over is not there.
    pub async fn retrieve(&self, view: &View, id: &str) -> Result<Registration, Problem> {
        view.may_find_sources()?;
        let found = self.records(view.tenant()).one(id).await?;
        let now = self.clock.micros();
        found
            .map(|(_, registration)| registration)
            .filter(|registration| !registration.is_expired(now))
            .ok_or_else(Problem::not_found)
    }

    /// Query Context Source Registrations (5.10.2).
    pub async fn query(
        &self,
        view: &View,
        discovery: &Discovery,
        offset: usize,
        limit: usize,
    ) -> Result<SourcePage, Problem> {
        view.may_find_sources()?;
        let now = self.clock.micros();
        let mut page = SourcePage::default();
        for registration in self.records(view.tenant()).all().await? {
            if registration.is_expired(now) || !discovery.matches(&registration) {
                continue;
            }
            if page.count >= offset && page.registrations.len() < limit {
                page.registrations.push(registration);
            }
            page.count += 1;
        }
        Ok(page)
    }

    /// Changes one registration, in an order with all other changes: what is decided about them together stays true.
    async fn change(
        &self,
        view: &View,
        id: &str,
        apply: impl Fn(Option<Registration>) -> Result<Option<Registration>, Problem>,
    ) -> Result<(), Problem> {
        let records = self.records(view.tenant());
        let now = self.clock.micros();
        for _ in 0..TRIES {
            let state = records.state().await?;
            let found = records.one(id).await?;
            if found.as_ref().is_some_and(|(_, before)| before.is_expired(now)) {
                // One whose time is over makes room for another.
                self.end(view.tenant(), id, now).await?;
                continue;
            }
            let before = found.as_ref().map(|(_, before)| before);
            let after = apply(before.cloned())?;
            if let Some(after) = &after {
                refuse_persons(after)?;
                self.refuse_contradictions(view, after, now).await?;
            }
            let expect =
                found.as_ref().map_or(Expect::Absent, |(version, _)| Expect::Version(*version));
            let op = match &after {
                Some(after) => records::put(after, expect)?,
                None => records::delete(id, expect),
            };
            let change = i64::from(after.is_some()) - i64::from(found.is_some());
            let mut ops: Vec<Op> = vec![op, state.counted(change)?];
            let (tenant, after) = (view.tenant(), after.as_ref());
            let told = self.subscriptions.follow_source(tenant, before, after, now, &mut ops);
            let told = told.await?;
            if records.commit(ops).await? {
                self.subscriptions.owed(tenant, told);
                return Ok(());
            }
        }
        Err(Problem::new(
            ProblemCode::Conflict,
            "other registrations were changed at the same moment; repeat the request",
        ))
    }

    /// Refuses a source that would have alone what another source has, or what is here (5.9.2.4). What the caller does not see is not here.
    async fn refuse_contradictions(
        &self,
        view: &View,
        new: &Registration,
        now: i64,
    ) -> Result<(), Problem> {
        if !new.mode.is_proxied() {
            return Ok(());
        }
        let conflict =
            |detail: &str| Err(Problem::new(ProblemCode::Conflict, detail).at("/information"));
        for other in self.records(view.tenant()).all().await? {
            if other.id != new.id && !other.is_expired(now) && new.excludes(&other) {
                return conflict(
                    "another registration, exclusive or redirecting, has attributes of these entities already",
                );
            }
        }
        for part in &new.information {
            let attrs: Vec<String> = part.attributes().map(str::to_owned).collect();
            for entity in &part.entities {
                if self.is_here(view, entity, &attrs, new.mode).await? {
                    return conflict(
                        "entities that the registration would take over are here; delete them first, or register the source as inclusive",
                    );
                }
            }
        }
        Ok(())
    }

    async fn is_here(
        &self,
        view: &View,
        entity: &EntityInfo,
        attrs: &[String],
        mode: Mode,
    ) -> Result<bool, Problem> {
        if let Some(id) = &entity.id {
            let Some(found) = self.store.entity(view, id).await? else {
                return Ok(false);
            };
            let Some(cut) = view.cut(&found.doc) else {
                return Ok(false);
            };
            let typed = found
                .doc
                .types()
                .any(|t| cut.entity_type(t) && entity.types.iter().any(|own| own == t));
            let has = found.doc.attributes().any(|slot| {
                cut.attribute(slot.name(), slot.publisher())
                    && attrs.iter().any(|name| name == slot.name())
            });
            return Ok(typed && (has || (mode == Mode::Redirect && attrs.is_empty())));
        }
        let types = entity.types.iter().cloned().map(TypeSelection::Type).collect();
        let pattern = entity.id_pattern.as_deref().map(tsunagu_ngsi_ld::query::id_pattern);
        let filter = Query {
            types: Some(TypeSelection::Any(types)),
            id_pattern: pattern.transpose().map_err(ngsi_problem)?,
            attrs: attrs.to_vec(),
            ..Query::default()
        };
        let query = EntityQuery { filter, limit: 1, offset: 0, count: false, order: None };
        Ok(!self.store.query(view, &query).await?.entities.is_empty())
    }
}

/// A registration is open to everybody who may look for sources: it says nothing about single persons. Nor does it offer individual numbers.
fn refuse_persons(registration: &Registration) -> Result<(), Problem> {
    for (nth, part) in registration.information.iter().enumerate() {
        let names: Vec<String> = part.attributes().map(str::to_owned).collect();
        guard::refuse_names(&format!("/information/{nth}"), &names)?;
        for entity in &part.entities {
            let texts = [&entity.id, &entity.id_pattern].into_iter().flatten();
            for text in texts {
                if text.contains(PERSON_URN) {
                    let detail = "a source cannot be registered for single persons; register it for the type";
                    return Err(Problem::new(ProblemCode::BadRequestData, detail)
                        .at(format!("/information/{nth}")));
                }
            }
        }
    }
    Ok(())
}
