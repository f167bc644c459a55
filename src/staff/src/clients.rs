//! The life of a client: applied for, approved by a second person, suspended, active again, ended.
//!
//! What stops needs one person and works at once; what lets in, lets in again or cannot be taken back needs two. A client of the configuration
//! is the town's own decision and recorded as one. The registration itself is in the register of clients; here is what became of it, by whom.

mod configured;
mod steps;
mod winding_up;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tsunagu_consent::Ledger;
use tsunagu_domain::{ClientId, Problem, ProblemCode, TenantId, Timestamp, individual_number};
use tsunagu_identity::{Client, Clients, Services};
use tsunagu_store::{Collection, Op, WriteSet};

use crate::records::{self, Kept};
use crate::{Acting, Desk, Object, Via, Who};
pub use steps::{Change, Decision};

/// Client id → what became of it.
const LIVES: Collection = Collection("client-life");
/// What clients are called in records of access.
const CLIENT_TYPE: &str = "urn:tsunagu:type:Client";
/// Longest reason or note, characters.
const MAX_TEXT: usize = 2_000;

/// Where a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LifeState {
    /// Applied for, and never registered.
    Applied,
    /// Denied, and never registered.
    Denied,
    /// It may act.
    Active,
    /// It may not, until it is resumed.
    Suspended,
    /// It may never again. Its name stays for history.
    Ended,
}

impl LifeState {
    /// Its name in records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Denied => "denied",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Ended => "ended",
        }
    }
}

/// Where a registration comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The configuration: the town's own decision.
    Configuration,
    /// An application that a second person approved.
    Application,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum By {
    /// The configuration, at a start.
    Configuration,
    /// The platform itself.
    Platform,
    /// A member of staff.
    Member {
        /// Who.
        who: Who,
        /// How.
        via: Via,
    },
}

impl By {
    fn member(acting: &Acting) -> Self {
        Self::Member { who: acting.who(), via: acting.via }
    }

    /// What they are called.
    pub fn name(&self) -> &str {
        match self {
            Self::Configuration => "configuration",
            Self::Platform => "platform",
            Self::Member { who, .. } => &who.name,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Written down from the configuration, new or changed.
    Configured,
    /// Applied for, or the application was changed.
    Applied,
    /// Approved by a second person.
    Approved,
    /// Denied, or taken back.
    Denied,
    /// Suspended.
    Suspended,
    /// Active again.
    Resumed,
    /// Ended for good.
    Ended,
    /// Every consent for it has ended, and the orders to delete are out.
    WoundUp,
}

impl Act {
    /// Its name in records, in answers, and behind `client-` in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Applied => "applied",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Suspended => "suspended",
            Self::Resumed => "resumed",
            Self::Ended => "ended",
            Self::WoundUp => "wound-up",
        }
    }
}

/// One step of a life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// What.
    pub act: Act,
    /// By whom.
    pub by: By,
    /// The revision of the application that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// An application that waits for the second person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Grows with every change, over all applications of this client: an approval names the one that was seen.
    pub revision: u32,
    /// The registration as it would be.
    pub client: Client,
    /// Everybody who had a hand in it since it was begun. None of them can approve it.
    pub by: Vec<Who>,
    /// When it was last changed.
    pub at: Timestamp,
    /// Why, in their words.
    pub note: String,
}

/// What became of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Life {
    /// Which.
    pub id: ClientId,
    /// Where it stands.
    pub state: LifeState,
    /// Where its registration comes from.
    pub origin: Origin,
    /// The last revision of an application that there was.
    pub revisions: u32,
    /// What waits for the second person: a new client, or a change of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<Application>,
    /// Its steps, the oldest first.
    pub steps: Vec<Step>,
    /// Whether its consents are ended and its deletions ordered; asked of ended clients alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wound_up: bool,
}

impl Life {
    fn new(id: ClientId, origin: Origin) -> Self {
        let state = LifeState::Applied;
        let (application, steps) = (None, Vec::new());
        Self { id, state, origin, revisions: 0, application, steps, wound_up: false }
    }

    /// The step by which a member suspended it, unless a member resumed it since. The configuration does not make such a client active again.
    fn suspension(&self) -> Option<&Step> {
        let last = self.steps.iter().rfind(|s| matches!(s.act, Act::Suspended | Act::Resumed));
        last.filter(|step| step.act == Act::Suspended)
    }
}

/// A client with its life.
#[derive(Debug, Clone)]
pub struct Registered {
    /// What became of it.
    pub life: Life,
    /// Its registration, once it has one.
    pub client: Option<Client>,
}

/// The lives of clients.
pub struct ClientLives {
    services: Services,
    desk: Desk,
    clients: Arc<Clients>,
    ledger: Arc<Ledger>,
}

impl fmt::Debug for ClientLives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientLives(…)")
    }
}

fn object<'a>(act: &'static str, id: &'a ClientId) -> Object<'a> {
    Object::new(CLIENT_TYPE, act, id.as_str())
}

/// A text that somebody gave as a reason: there is one, and it is not too long.
pub(crate) fn reason(text: &str, pointer: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() {
        let detail = format!("a reason of 1 to {MAX_TEXT} characters is needed");
        return Err(Problem::new(ProblemCode::BadRequestData, detail).at(pointer));
    }
    note(text, pointer)
}

/// A text that somebody may give: not too long, and without an individual number, which is never stored.
pub(crate) fn note(text: &str, pointer: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.chars().count() > MAX_TEXT {
        let detail = format!("at most {MAX_TEXT} characters");
        return Err(Problem::new(ProblemCode::BadRequestData, detail).at(pointer));
    }
    if individual_number::is_in(text) {
        let detail = "an individual number (個人番号) may not be sent to this platform";
        return Err(Problem::new(ProblemCode::IndividualNumber, detail).at(pointer));
    }
    Ok(text.to_owned())
}

impl ClientLives {
    /// Lives over the register of clients; ended ones end their consents in the ledger.
    pub fn new(services: Services, clients: Arc<Clients>, ledger: Arc<Ledger>) -> Self {
        let desk = Desk::new(services.clone());
        Self { services, desk, clients, ledger }
    }

    async fn kept(&self, tenant: &TenantId, id: &ClientId) -> Result<Option<Kept<Life>>, Problem> {
        let store = &*self.services.store;
        Ok(records::read(store, tenant, LIVES, id.as_str().as_bytes()).await?)
    }

    /// Every client that there is or was, by id.
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<Registered>, Problem> {
        let mut all = Vec::new();
        for (_, kept) in records::all::<Life>(&*self.services.store, tenant, LIVES).await? {
            let stored = self.clients.stored(tenant, &kept.data.id).await?;
            all.push(Registered { life: kept.data, client: stored.map(|(_, client)| client) });
        }
        Ok(all)
    }

    /// One of them.
    pub async fn get(
        &self,
        tenant: &TenantId,
        id: &ClientId,
    ) -> Result<Option<Registered>, Problem> {
        let Some(kept) = self.kept(tenant, id).await? else { return Ok(None) };
        let stored = self.clients.stored(tenant, id).await?;
        Ok(Some(Registered { life: kept.data, client: stored.map(|(_, client)| client) }))
    }

    /// Commits a step with its record in the log, and what goes with it; `false` when something else changed the life meanwhile.
    async fn commit(
        &self,
        tenant: &TenantId,
        before: Option<&Kept<Life>>,
        life: &Life,
        further: Vec<Op>,
        (actor, request): (&str, &str),
    ) -> Result<bool, Problem> {
        let key = life.id.as_str().as_bytes();
        let mut set = WriteSet::new(tenant.clone());
        set.ops.push(records::put(LIVES, key, None, life, records::unchanged(before))?);
        set.ops.extend(further);
        if let Some(step) = life.steps.last() {
            let act = match step.act {
                Act::Configured => "client-configured",
                Act::Applied => "client-applied",
                Act::Approved => "client-approved",
                Act::Denied => "client-denied",
                Act::Suspended => "client-suspended",
                Act::Resumed => "client-resumed",
                Act::Ended => "client-ended",
                Act::WoundUp => "client-wound-up",
            };
            let shell = matches!(&step.by, By::Member { via: Via::Shell, .. });
            let revision = step.revision.map(|revision| format!("revision-{revision}"));
            let words = revision.into_iter().chain(shell.then(|| "by-shell".to_owned()));
            let words: Vec<String> = words.collect();
            let what = object(act, &life.id);
            let access = self.desk.access(actor, request, what, &words.join(" "));
            set.ops.extend(self.services.log.ops(&access)?);
        }
        let done = records::try_commit(&*self.services.store, set).await?;
        if done {
            self.clients.renew(tenant, &life.id).await?;
        }
        Ok(done)
    }
}
