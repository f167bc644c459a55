//! Reading in a case: what was described, while it is open, by whose it is.

use serde_json::{Map, Value};
use tsunagu_audit::{Breach, LoggedEntry, Provisions, Reader, Which};
use tsunagu_broker::{Asked as Search, Request};
use tsunagu_domain::{Problem, ProblemCode, TenantId, TsunoId};
use tsunagu_identity::Suspension;
use tsunagu_ngsi_ld::{Context, Format, Q, Query, RenderOptions, TypeSelection};
use tsunagu_policy::{Asked, Principal, View};

use super::{Case, CaseState, Cases, Extract, Scope, kept_object};
use crate::Acting;

/// A search shows so many residents at most.
const MAX_FOUND: usize = 100;

/// What the platform knows about one resident.
#[derive(Debug, Clone, PartialEq)]
pub struct ResidentFile {
    /// Who.
    pub tsuno_id: TsunoId,
    /// The attributes of the Person, by short names.
    pub person: Map<String, Value>,
    /// Why what is for residents has stopped, if it has.
    pub suspended: Vec<Suspension>,
}

/// Residents who meet the criteria.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchResult {
    /// The Persons, by short names.
    pub persons: Vec<Value>,
    /// Whether there are more than are shown.
    pub more: bool,
}

/// What was read in a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Extracted {
    /// About one resident.
    Resident(ResidentFile),
    /// Of a search.
    Search(SearchResult),
    /// The record of provisions.
    Provisions(Provisions),
    /// Who is concerned by a leak.
    Breach(Breach),
    /// Entries of the log.
    LogEntries(Vec<LoggedEntry>),
}

fn unreadable() -> Problem {
    Problem::new(ProblemCode::InternalError, "what was read is no json of persons")
}

impl Cases {
    /// Reads what the case is about. It is on record with the case, for everybody whom it is about, before it is answered; a refusal is one entry
    /// too. Only its owner reads, with the role that the work belongs to, while it is open.
    pub async fn read(
        &self,
        tenant: &TenantId,
        by: &Acting,
        id: &str,
    ) -> Result<Extracted, Problem> {
        let case = self.kept(tenant, id).await?.data;
        let view = self.view(tenant, by, &case).await?;
        let reader = || Reader {
            actor: by.actor(),
            request: by.request.clone(),
            reason: view
                .allowed_by(false)
                .chain([case.said().as_str()])
                .collect::<Vec<_>>()
                .join(" "),
        };
        match &case.scope {
            Scope::Resident { tsuno_id } => {
                self.resident(tenant, by, &view, *tsuno_id).await.map(Extracted::Resident)
            }
            Scope::Search { name, birth_date } => {
                let criteria = [("name", name.as_ref()), ("birthDate", birth_date.as_ref())];
                self.search(by, &view, &criteria).await.map(Extracted::Search)
            }
            Scope::Provisions(extract) => {
                self.provisions(tenant, &reader(), extract).await.map(Extracted::Provisions)
            }
            Scope::Breach { extract, threshold } => {
                let found = self.provisions(tenant, &reader(), extract).await?;
                Ok(Extracted::Breach(found.breach(*threshold)))
            }
            Scope::LogEntries { from, limit } => {
                let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
                let read = self.audit.read_entries(tenant, &reader(), *from, limit).await;
                Ok(Extracted::LogEntries(read?))
            }
        }
    }

    /// The view of the case, by the policies; who has none is written down.
    async fn view(&self, tenant: &TenantId, by: &Acting, case: &Case) -> Result<View, Problem> {
        let said = case.said();
        let what = kept_object("case-read", &said).about(case.scope.subject());
        if !by.is(&case.by) {
            let detail = "only whose case it is reads in it";
            return Err(self.desk.refuse(tenant, by, what, "not-own", detail).await);
        }
        self.desk.demand(tenant, by, &[case.scope.role()], what).await?;
        let now = self.services.clock.micros();
        let why = match case.state {
            CaseState::Waiting => Some(("not-approved", "a second person has not approved it yet")),
            CaseState::Denied => Some(("denied", "a second person denied it")),
            CaseState::Closed => Some(("closed", "it is closed")),
            CaseState::Open if case.is_over(now) => Some(("over", "its time is over")),
            CaseState::Open => None,
        };
        if let Some((why, detail)) = why {
            return Err(self.desk.refuse(tenant, by, what, why, detail).await);
        }
        let facts = case.facts();
        let asked = Asked {
            tenant,
            catalogue: &self.services.catalogue,
            now,
            principal: Principal::Staff {
                name: &by.member.name,
                account: by.member.account.as_str(),
                case: &facts,
            },
        };
        match self.policies.decide(&asked) {
            Ok(view) => Ok(view),
            Err(denied) => {
                let why = denied.policy().to_owned();
                let actor = by.actor();
                let told = self.desk.refused(
                    tenant,
                    (&actor, &by.request),
                    what,
                    &why,
                    Problem::from(denied),
                );
                Err(told.await)
            }
        }
    }

    async fn resident(
        &self,
        tenant: &TenantId,
        by: &Acting,
        view: &View,
        tsuno_id: TsunoId,
    ) -> Result<ResidentFile, Problem> {
        let request = Request { view, id: &by.request };
        let options = RenderOptions { format: Format::Simplified, ..RenderOptions::default() };
        let urn = tsuno_id.urn();
        let read = self.broker.retrieve(&request, &urn, &Context::core(), &options).await?;
        let person = serde_json::from_slice(&read.body).map_err(|_| unreadable())?;
        let suspended = self.residents.suspensions(tenant, tsuno_id).await?;
        Ok(ResidentFile { tsuno_id, person, suspended })
    }

    async fn search(
        &self,
        by: &Acting,
        view: &View,
        criteria: &[(&str, Option<&String>)],
    ) -> Result<SearchResult, Problem> {
        let context = Context::core();
        let named = criteria.iter().filter_map(|(name, value)| Some((name, (*value)?)));
        let q: Vec<String> = named.map(|(name, value)| format!("{name}==\"{value}\"")).collect();
        let q = Q::parse(&q.join(";"), &context).map_err(tsunagu_broker::ngsi_problem)?;
        let person = context.expand("Person").into_owned();
        let filter =
            Query { types: Some(TypeSelection::Type(person)), q: Some(q), ..Query::default() };
        let search = Search { filter, limit: MAX_FOUND, offset: 0, count: false, order: None };
        let request = Request { view, id: &by.request };
        let options = RenderOptions { format: Format::Simplified, ..RenderOptions::default() };
        let found = self.broker.query(&request, search, &context, &options).await?;
        let persons = serde_json::from_slice(&found.body).map_err(|_| unreadable())?;
        Ok(SearchResult { persons, more: found.more })
    }

    async fn provisions(
        &self,
        tenant: &TenantId,
        reader: &Reader,
        extract: &Extract,
    ) -> Result<Provisions, Problem> {
        Ok(self.audit.provisions(tenant, reader, &Which::from(extract)).await?)
    }
}
