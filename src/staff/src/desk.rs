//! Who acts, and what happens to those who may not.

use std::fmt;

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, ProblemCode, TenantId, TsunoId, individual_number};
use tsunagu_identity::Services;
use tsunagu_store::access::{Access, Action, Decision};

use crate::{Member, Role, Who};

/// The way by which somebody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// A session: by page or API, after a login.
    Session,
    /// The command line, where whoever has the machine says who it is.
    Shell,
}

/// A member in one request.
#[derive(Debug, Clone)]
pub struct Acting {
    /// Who.
    pub member: Member,
    /// How.
    pub via: Via,
    /// Id of the request.
    pub request: String,
}

impl Acting {
    /// What the log calls the actor: `staff:<name>`.
    pub fn actor(&self) -> String {
        format!("staff:{}", self.member.name)
    }

    /// As records name them.
    pub fn who(&self) -> Who {
        Who::from(&self.member)
    }

    /// Whether it is the same person, whatever their name and roles.
    pub fn is(&self, who: &Who) -> bool {
        self.member.account == who.account
    }
}

/// What is acted on, as the log names it.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    /// Its kind, e.g. `urn:tsunagu:type:Client`.
    pub kind: &'static str,
    /// What is done, e.g. `client-approve`.
    pub act: &'static str,
    /// Which one; empty for none in particular.
    pub id: &'a str,
    /// The resident whom it is about, who is told.
    pub subject: Option<TsunoId>,
}

/// The longest id that is named, bytes.
const ID_AT_MOST: usize = 128;

/// An id as somebody gave it, if it can be one: the log keeps what it is told for good, so that it is told no other text.
fn named(id: &str) -> &str {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.:-".contains(&b);
    if id.len() <= ID_AT_MOST && id.bytes().all(plain) && !individual_number::is_in(id) {
        id
    } else {
        "unreadable"
    }
}

impl<'a> Object<'a> {
    /// This one, by an id from outside: `unreadable` unless it is at most 128 bytes of `[A-Za-z0-9_.:-]` without an individual number.
    pub fn new(kind: &'static str, act: &'static str, id: &'a str) -> Self {
        Self::ours(kind, act, named(id))
    }

    /// This one, by words of our own.
    pub(crate) fn ours(kind: &'static str, act: &'static str, id: &'a str) -> Self {
        Self { kind, act, id, subject: None }
    }

    /// About this resident, if it is about one.
    #[must_use]
    pub fn about(self, subject: Option<TsunoId>) -> Self {
        Self { subject, ..self }
    }

    fn action(self) -> Action {
        let looks = ["-read", "-look", "-reviews", "-me"];
        if looks.iter().any(|end| self.act.ends_with(end)) || self.act == "connectors" {
            Action::Read
        } else {
            Action::Write
        }
    }
}

/// Asks for roles, and writes refusals down: one entry for each.
#[derive(Clone)]
pub struct Desk {
    services: Services,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk(…)")
    }
}

impl Desk {
    /// A desk over the log of accesses.
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    /// `Ok` when the member has one of these roles; otherwise it is written down and a [`ProblemCode::Forbidden`].
    pub async fn demand(
        &self,
        tenant: &TenantId,
        by: &Acting,
        roles: &[Role],
        object: Object<'_>,
    ) -> Result<(), Problem> {
        if by.member.has(roles) {
            return Ok(());
        }
        let needed: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        let detail = format!("this needs the role {}", needed.join(" or "));
        Err(self.refuse(tenant, by, object, "role-missing", detail).await)
    }

    /// A refusal, written down.
    pub async fn refuse(
        &self,
        tenant: &TenantId,
        by: &Acting,
        object: Object<'_>,
        why: &str,
        detail: impl Into<String>,
    ) -> Problem {
        let problem = Problem::new(ProblemCode::Forbidden, detail);
        self.refused(tenant, (&by.actor(), &by.request), object, why, problem).await
    }

    /// The problem, once it is written down that it was met; that it could not be, if so.
    pub async fn refused(
        &self,
        tenant: &TenantId,
        (actor, request): (&str, &str),
        object: Object<'_>,
        why: &str,
        problem: Problem,
    ) -> Problem {
        let mut access = self.access(actor, request, object, why);
        access.decision = Decision::Denied;
        match self.services.log.record(tenant, &access).await {
            Ok(_) => problem,
            Err(unrecorded) => unrecorded,
        }
    }

    /// The record of an act of staff: `reason` is what was done and to which, in words separated by spaces.
    pub(crate) fn access(
        &self,
        actor: &str,
        request: &str,
        object: Object<'_>,
        why: &str,
    ) -> Access {
        let words = [object.act, object.id, why];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        Access {
            at: self.services.clock.micros(),
            request: request.to_owned(),
            actor: actor.to_owned(),
            subjects: object.subject.into_iter().collect(),
            purpose: None,
            grant: None,
            grant_version: None,
            action: object.action(),
            types: vec![object.kind.to_owned()],
            attributes: Vec::new(),
            decision: Decision::Allowed,
            reason: words.join(" "),
            count: 1,
        }
    }
}
