//! What is proven about a request: the input of a decision.

use std::sync::Arc;

use tsunagu_domain::{
    Assurance, Catalogue, ClientId, Frequency, SectorCipher, TenantId, Timestamp, TsunoId,
};

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
    /// How often the data may be read; as often as needed without it.
    pub frequency: Option<Frequency>,
}

/// A case of a member of staff as the policy sees it. The caller loads it fresh for every request.
#[derive(Debug, Clone)]
pub struct StaffCase {
    /// Its id and its reason, as the record of access names them.
    pub said: String,
    /// The account of the member whose case it is.
    pub account: String,
    /// The resident whom it is about; `None` when it is about several.
    pub subject: Option<TsunoId>,
    /// Opened and neither closed nor denied.
    pub open: bool,
    /// Whether a second person approved it.
    pub approved: bool,
    /// First moment of its period.
    pub from: Timestamp,
    /// First moment after its period.
    pub until: Timestamp,
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
    /// A member of staff looking in a case of theirs.
    Staff {
        /// What the log calls them.
        name: &'a str,
        /// The account behind the name.
        account: &'a str,
        /// The case, as it is now.
        case: &'a StaffCase,
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
