//! From what is proven about a request to what it may see and do.

use std::sync::Arc;

use tsunagu_domain::{
    Assurance, Catalogue, ClientId, Level, Problem, ProblemCode, SectorCipher, TenantId, Timestamp,
    TsunoId,
};

use crate::View;
use crate::view::{Actor, Open, Personal};

/// What the policy needs to know of a registered client.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// Turns ids for its sector; `None` for clients with the canonical-id permission.
    pub sector: Option<Arc<SectorCipher>>,
    /// Personal types (expanded) that it publishes. It writes those, and reads back only what it wrote itself.
    pub publishes: Vec<String>,
    /// May read entities that are about nobody.
    pub reads_open_data: bool,
    /// May write entities that are about nobody.
    pub writes_open_data: bool,
    /// May register context sources and subscribe to their registrations.
    pub manages_sources: bool,
}

/// Attributes of one type that a resident consented to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedType {
    /// Expanded type name.
    pub entity_type: String,
    /// Expanded attribute names, as they were in the catalogue when consent was given.
    pub attributes: Vec<String>,
}

/// A consent as the policy sees it. The caller loads it fresh for every request.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Consent id.
    pub id: String,
    /// Grows with every event of the consent.
    pub version: u64,
    /// Whom it is from.
    pub subject: TsunoId,
    /// Whom it is for.
    pub client: ClientId,
    /// Purpose code.
    pub purpose: String,
    /// What may be read.
    pub read: Vec<GrantedType>,
    /// What may be written.
    pub write: Vec<GrantedType>,
    /// First moment of its period.
    pub valid_from: Timestamp,
    /// First moment after its period.
    pub valid_until: Timestamp,
    /// Given and neither withdrawn, paused nor superseded.
    pub live: bool,
}

/// Who asks, as proven by the token, session or wiring.
#[derive(Debug, Clone)]
pub enum Principal<'a> {
    /// Nobody in particular: sees open data where the town publishes it to all.
    Anonymous {
        /// Whether this town's open data may be read without a token.
        reads_open_data: bool,
    },
    /// A consumer acting for one resident under that resident's grant.
    Consumer {
        /// The client.
        client: &'a Client,
        /// The resident of the token.
        subject: TsunoId,
        /// The grant that the token names, as it is now.
        grant: Option<&'a Arc<Grant>>,
        /// The purpose that the request states, when it states one: it must be the grant's.
        purpose: Option<&'a str>,
        /// Assurance of the resident's login.
        assurance: &'a Assurance,
    },
    /// A client on its own behalf: a publisher, or a reader of open data.
    Machine {
        /// The client.
        client: &'a Client,
    },
    /// A resident looking at their own data.
    Resident {
        /// Who.
        subject: TsunoId,
        /// Assurance of the session.
        assurance: &'a Assurance,
    },
    /// A task of the platform itself (issuing an id, linking a record), wired by hand.
    Platform {
        /// Its name, for the record of access.
        task: &'static str,
    },
}

/// One request to be decided.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The municipality.
    pub tenant: &'a TenantId,
    /// What is personal.
    pub catalogue: &'a Arc<Catalogue>,
    /// Now.
    pub now: Timestamp,
    /// Who.
    pub principal: Principal<'a>,
}

/// Why there is no view at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The token's grant is not there, not live, out of its period, or another's.
    #[error("no live consent of this resident for this client")]
    NoConsent,
    /// The request states another purpose than the consent.
    #[error("the stated purpose is not the consented one")]
    OtherPurpose,
    /// The login was too weak.
    #[error("the login does not reach assurance level 2")]
    LowAssurance,
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NoConsent => Self::new(
                ProblemCode::ConsentRequired,
                "the consent behind this token is not live (withdrawn, paused, expired or never given); ask the resident again",
            ),
            Denied::OtherPurpose => Self::new(
                ProblemCode::ConsentRequired,
                "the request states a purpose that the resident did not consent to; ask for a consent for that purpose",
            )
            .at("Purpose"),
            Denied::LowAssurance => Self::new(
                ProblemCode::StepUpRequired,
                "reading personal data needs a login at assurance level 2 or higher; send the resident to log in again",
            ),
        }
    }
}

/// Compiles what `asked` may see and do. Default deny: whatever no branch grants is not in the view.
pub fn decide(asked: &Asked<'_>) -> Result<View, Denied> {
    let view = |actor, open, personal, publishes: &[String], mask| {
        View::compile(
            asked.tenant.clone(),
            asked.now,
            Arc::clone(asked.catalogue),
            actor,
            open,
            personal,
            publishes,
            mask,
        )
    };
    match &asked.principal {
        Principal::Anonymous { reads_open_data } => {
            let open = Open { read: *reads_open_data, write: false, sources: false };
            Ok(view(Actor::Anonymous, open, Personal::None, &[], None))
        }
        Principal::Machine { client } => Ok(view(
            Actor::Client(client.id.clone()),
            Open {
                read: client.reads_open_data,
                write: client.writes_open_data,
                sources: client.manages_sources,
            },
            Personal::None,
            &client.publishes,
            client.sector.clone(),
        )),
        Principal::Consumer { client, subject, grant, purpose, assurance } => {
            let grant = grant.ok_or(Denied::NoConsent)?;
            let ours = grant.client == client.id && grant.subject == *subject;
            let in_period = (grant.valid_from..grant.valid_until).contains(&asked.now);
            if !(grant.live && ours && in_period) {
                return Err(Denied::NoConsent);
            }
            if purpose.is_some_and(|stated| stated != grant.purpose) {
                return Err(Denied::OtherPurpose);
            }
            if !assurance.reaches(Level::Substantial) {
                return Err(Denied::LowAssurance);
            }
            let open = Open { read: client.reads_open_data, write: false, sources: false };
            let personal = Personal::Granted(Arc::clone(grant));
            // A consumer has no publisher's eyes: after withdrawal not even its own writes may be read back.
            Ok(view(Actor::Client(client.id.clone()), open, personal, &[], client.sector.clone()))
        }
        Principal::Resident { subject, assurance } => {
            if !assurance.reaches(Level::Substantial) {
                return Err(Denied::LowAssurance);
            }
            let open = Open { read: true, write: false, sources: false };
            Ok(view(Actor::Resident(*subject), open, Personal::Own(*subject), &[], None))
        }
        Principal::Platform { task } => {
            let open = Open { read: true, write: true, sources: true };
            Ok(view(Actor::Platform(task), open, Personal::All, &[], None))
        }
    }
}
