//! Sessions of staff in their browser.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use tsunagu_domain::{Assurance, Level, Problem, TenantId, Timestamp};
use tsunagu_identity::{Authenticated, IDLE_SECONDS, SESSION_SECONDS, Services};
use tsunagu_store::access::{Access, Action, Decision};
use tsunagu_store::{Expect, WriteSet};

use crate::records::{self, SESSIONS};
use crate::{Account, Desk, Member, Members, Object};

/// Use is noted at most this often, so that reading pages does not write.
const NOTE: Timestamp = 60_000_000;
const SECOND: Timestamp = 1_000_000;

/// The name of the cookie; not that of residents, so that somebody who is both keeps the two apart.
pub fn staff_cookie_name(https: bool) -> &'static str {
    if https { "__Host-tsunagu-staff" } else { "tsunagu-staff" }
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    name: String,
    account: Account,
    assurance: Assurance,
    /// When it ends at the latest.
    expires: Timestamp,
    /// When it was last noted to be in use.
    used: Timestamp,
    csrf: String,
}

/// A member who is logged in, with the roles of this moment.
#[derive(Clone, PartialEq, Eq)]
pub struct StaffSession {
    /// Who.
    pub member: Member,
    /// How surely.
    pub assurance: Assurance,
    /// To be put into every form and compared on every post.
    pub csrf: String,
}

impl fmt::Debug for StaffSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaffSession(…)")
    }
}

impl StaffSession {
    /// Whether a posted form came from a page of this session.
    pub fn csrf_matches(&self, posted: &str) -> bool {
        verify_slices_are_equal(self.csrf.as_bytes(), posted.as_bytes()).is_ok()
    }
}

/// What became of a login of staff.
#[derive(Clone, PartialEq, Eq)]
pub enum NewStaffSession {
    /// A session just begun, with the value for its cookie: 256 bits, of which the store keeps a digest.
    Begun(String),
    /// The account is no member's, or its member has no role.
    Unknown,
    /// The provider did not make sure enough who it is: authentication below level 2.
    TooWeak,
}

impl fmt::Debug for NewStaffSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewStaffSession(…)")
    }
}

/// The sessions.
#[derive(Debug, Clone)]
pub struct StaffSessions {
    services: Services,
    members: Members,
}

impl StaffSessions {
    /// Sessions in the store.
    pub fn new(services: Services, members: Members) -> Self {
        Self { services, members }
    }

    /// Begins a session for whom a provider vouches. Of the assurance the authentication counts: who the person behind the account is, the town
    /// hall knows itself. A refusal is one entry, by the member's name where there is one.
    pub async fn begin(
        &self,
        tenant: &TenantId,
        who: &Authenticated,
        request: &str,
    ) -> Result<NewStaffSession, Problem> {
        let account = Account::of(&who.issuer, &who.subject);
        let Some(member) = self.members.with(tenant, &account).await? else {
            self.refused(tenant, "platform:staff-login", request, "unknown").await?;
            return Ok(NewStaffSession::Unknown);
        };
        if who.assurance.aal < Level::Substantial {
            let actor = format!("staff:{}", member.name);
            self.refused(tenant, &actor, request, "too-weak").await?;
            return Ok(NewStaffSession::TooWeak);
        }
        let now = self.services.clock.micros();
        let session = Stored {
            name: member.name,
            account,
            assurance: who.assurance.clone(),
            expires: now + SESSION_SECONDS * SECOND,
            used: now,
            csrf: self.services.ids.secret(),
        };
        let cookie = self.services.ids.secret();
        let until = Some(session.expires);
        let op = records::put(SESSIONS, &key(&cookie), until, &session, Expect::Absent)?;
        self.services.store.commit(WriteSet::new(tenant.clone()).with(op)).await?;
        Ok(NewStaffSession::Begun(cookie))
    }

    async fn refused(
        &self,
        tenant: &TenantId,
        actor: &str,
        request: &str,
        why: &str,
    ) -> Result<(), Problem> {
        let what = Object::new("urn:tsunagu:type:StaffMember", "staff-login", "");
        let access = Access {
            action: Action::Identify,
            decision: Decision::Denied,
            ..Desk::new(self.services.clone()).access(actor, request, what, why)
        };
        self.services.log.record(tenant, &access).await.map(|_| ())
    }

    /// The session of a cookie, if it is alive and its member still has a role.
    pub async fn find(
        &self,
        tenant: &TenantId,
        cookie: &str,
    ) -> Result<Option<StaffSession>, Problem> {
        let (store, key) = (&*self.services.store, key(cookie));
        let now = self.services.clock.micros();
        let Some(kept) = records::read::<Stored>(store, tenant, SESSIONS, &key).await? else {
            return Ok(None);
        };
        let mut session = kept.data;
        if now >= session.expires || now >= session.used + IDLE_SECONDS * SECOND {
            return Ok(None);
        }
        if now >= session.used + NOTE {
            session.used = now;
            let expect = Expect::Version(kept.version);
            let op = records::put(SESSIONS, &key, Some(session.expires), &session, expect)?;
            // Losing the race means somebody else noted it, or ended the session: then it is gone for this request too.
            if !records::try_commit(store, WriteSet::new(tenant.clone()).with(op)).await?
                && records::read::<Stored>(store, tenant, SESSIONS, &key).await?.is_none()
            {
                return Ok(None);
            }
        }
        let member = self.members.named(tenant, &session.name).await?;
        let member = member.filter(|member| member.account == session.account);
        let Stored { assurance, csrf, .. } = session;
        Ok(member.map(|member| StaffSession { member, assurance, csrf }))
    }

    /// Ends the session of a cookie. Ending what is not there is fine.
    pub async fn end(&self, tenant: &TenantId, cookie: &str) -> Result<(), Problem> {
        let op = records::delete(SESSIONS, &key(cookie), Expect::Any);
        self.services.store.commit(WriteSet::new(tenant.clone()).with(op)).await?;
        Ok(())
    }
}

fn key(cookie: &str) -> Vec<u8> {
    digest(&SHA256, cookie.as_bytes()).as_ref().to_vec()
}
