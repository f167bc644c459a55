//! Sessions of residents in their browser.

use std::fmt;

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Assurance, Problem, ProblemCode, TenantId, Timestamp, TsunoId};
use tsunagu_store::{Expect, Scan, WriteSet};

use crate::Services;
use crate::jose::sha256;
use crate::records::{self, CLOSED, SESSIONS};
use crate::services::seconds;

/// A session ends after this, whatever happens: 8 hours.
pub const SESSION_SECONDS: i64 = 8 * 60 * 60;
/// A session ends when it was not used for this long: 30 minutes.
pub const IDLE_SECONDS: i64 = 30 * 60;
/// Use is noted at most this often, so that reading pages does not write.
const NOTE_SECONDS: i64 = 60;

/// The name of the session cookie. `https` tells how residents reach the platform: the `__Host-` prefix makes browsers insist on
/// `Secure`, path `/` and no domain, which plain http to a loopback address cannot give.
pub fn session_cookie_name(https: bool) -> &'static str {
    if https { "__Host-tsunagu-session" } else { "tsunagu-session" }
}

/// The name of the cookie that binds a login under way to the browser that began it.
pub fn login_cookie_name(https: bool) -> &'static str {
    if https { "__Host-tsunagu-login" } else { "tsunagu-login" }
}

/// A resident who is logged in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Who.
    pub tsuno_id: TsunoId,
    /// How surely.
    pub assurance: Assurance,
    /// When it began.
    pub created: Timestamp,
    /// When it ends at the latest.
    pub expires: Timestamp,
    /// When it was last noted to be in use.
    pub used: Timestamp,
    /// To be put into every form and compared on every post.
    pub csrf: String,
    /// Id of the delegation under which the visitor acts for `tsuno_id`; nothing that a session is kept with.
    #[serde(skip)]
    pub acting: Option<String>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(…)")
    }
}

impl Session {
    /// Whether a posted form came from a page of this session.
    pub fn csrf_matches(&self, posted: &str) -> bool {
        crate::jose::same(&self.csrf, posted)
    }
}

/// A session just begun, with the value for its cookie. The store only keeps a digest of it.
#[derive(Clone, PartialEq, Eq)]
pub struct NewSession {
    /// The value of the cookie: 256 bits.
    pub cookie: String,
    /// The session.
    pub session: Session,
}

impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewSession(…)")
    }
}

/// The sessions.
#[derive(Debug, Clone)]
pub struct Sessions {
    services: Services,
}

impl Sessions {
    /// Sessions in the store.
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    /// Begins a session.
    pub async fn begin(
        &self,
        tenant: &TenantId,
        tsuno_id: TsunoId,
        assurance: Assurance,
    ) -> Result<NewSession, Problem> {
        let now = self.services.clock.micros();
        let session = Session {
            tsuno_id,
            assurance,
            created: now,
            expires: now + seconds(SESSION_SECONDS),
            used: now,
            csrf: self.services.ids.secret(),
            acting: None,
        };
        let cookie = self.services.ids.secret();
        let op =
            records::put(SESSIONS, &key(&cookie), Some(session.expires), &session, Expect::Absent)?;
        // Whose id was closed begins no session, at the very moment either.
        let open = records::delete(CLOSED, tsuno_id.as_bytes(), Expect::Absent);
        let set = WriteSet::new(tenant.clone()).with(open).with(op);
        if !records::try_commit(&*self.services.store, set).await? {
            return Err(Problem::new(ProblemCode::Conflict, "this Tsuno ID was closed"));
        }
        Ok(NewSession { cookie, session })
    }

    /// Ends every session of a resident.
    pub(crate) async fn end_all(&self, tenant: &TenantId, id: TsunoId) -> Result<(), Problem> {
        let store = &*self.services.store;
        let mut page = Scan { limit: 500, ..Scan::default() };
        loop {
            let found = records::scan::<Session>(store, tenant, SESSIONS, &page).await?;
            let Some((last, _)) = found.last() else { return Ok(()) };
            page.after = Some(last.clone());
            let theirs = found.iter().filter(|(_, kept)| kept.data.tsuno_id == id);
            let ops: Vec<_> =
                theirs.map(|(key, _)| records::delete(SESSIONS, key, Expect::Any)).collect();
            if !ops.is_empty() {
                store.commit(WriteSet { tenant: tenant.clone(), ops }).await?;
            }
        }
    }

    /// The session of a cookie, if it is alive.
    pub async fn find(&self, tenant: &TenantId, cookie: &str) -> Result<Option<Session>, Problem> {
        let store = &*self.services.store;
        let key = key(cookie);
        let now = self.services.clock.micros();
        let Some(kept) = records::read::<Session>(store, tenant, SESSIONS, &key).await? else {
            return Ok(None);
        };
        let mut session = kept.data;
        if now >= session.expires || now >= session.used + seconds(IDLE_SECONDS) {
            return Ok(None);
        }
        if now >= session.used + seconds(NOTE_SECONDS) {
            session.used = now;
            let expect = Expect::Version(kept.version);
            let op = records::put(SESSIONS, &key, Some(session.expires), &session, expect)?;
            // Losing the race means somebody else noted it, or ended the session: then it is gone for this request too.
            if !records::try_commit(store, WriteSet::new(tenant.clone()).with(op)).await?
                && records::read::<Session>(store, tenant, SESSIONS, &key).await?.is_none()
            {
                return Ok(None);
            }
        }
        Ok(Some(session))
    }

    /// Ends the session of a cookie. Ending what is not there is fine.
    pub async fn end(&self, tenant: &TenantId, cookie: &str) -> Result<(), Problem> {
        let op = records::delete(SESSIONS, &key(cookie), Expect::Any);
        self.services.store.commit(WriteSet::new(tenant.clone()).with(op)).await?;
        Ok(())
    }
}

fn key(cookie: &str) -> [u8; 32] {
    sha256(cookie.as_bytes())
}
