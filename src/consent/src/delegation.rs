//! Acting for somebody else: guardians, family whom a resident chose, and the counter.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, ProblemCode, Timestamp, TsunoId};

use crate::Resident;

/// The version of the form that is written.
pub(crate) const FORM: u32 = 1;
/// So long at most does a resident let family act, microseconds: a year and its last day.
pub(crate) const FAMILY_AT_MOST: Timestamp = 367 * 86_400_000_000;
/// Characters of a name or a reference.
pub(crate) const TEXT_AT_MOST: usize = 60;

/// By what authority somebody acts for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DelegationKind {
    /// The legal representative of a minor.
    Guardian,
    /// Whom the resident chose.
    Family,
}

impl DelegationKind {
    /// Its name in JSON, in events and in records of access.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guardian => "guardian",
            Self::Family => "family",
        }
    }
}

/// What a delegate may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DelegationScope {
    /// See consents and who saw the data.
    See,
    /// Give, pause and withdraw consents.
    Consent,
    /// Both.
    Both,
}

impl DelegationScope {
    /// Whether the record of access may be seen.
    pub fn sees(self) -> bool {
        matches!(self, Self::See | Self::Both)
    }

    /// Whether consents may be changed.
    pub fn consents(self) -> bool {
        matches!(self, Self::Consent | Self::Both)
    }

    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::See => "see",
            Self::Consent => "consent",
            Self::Both => "both",
        }
    }
}

/// What shows that somebody represents a minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthorityEvidence {
    /// 住民記録.
    MunicipalRecord,
    /// 戸籍.
    FamilyRegister,
    /// 後見登記, or a decision of a court.
    CourtOrder,
}

/// How the counter made sure who stood before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityEvidence {
    /// The face on the card; its number is never noted.
    MyNumberCard,
    /// 運転免許証.
    DrivingLicence,
    /// 旅券.
    Passport,
    /// 在留カード.
    ResidenceCard,
    /// Two documents without a face.
    TwoDocuments,
}

/// The authority of a guardian, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// What was seen.
    pub evidence: AuthorityEvidence,
    /// Where it is filed.
    pub reference: String,
    /// By whom it was recorded.
    pub recorded_by: String,
}

/// The end of a delegation before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// By whom: `resident`, `delegate`, or the counter.
    pub by: String,
}

/// Somebody who may act for a resident. Times are microseconds since the epoch.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// Version of this form.
    pub v: u32,
    /// Id (UUID).
    pub id: String,
    /// By what authority.
    pub kind: DelegationKind,
    /// Whose consents these are.
    pub principal: TsunoId,
    /// Who acts for them.
    pub delegate: TsunoId,
    /// What the delegate is shown as the name of the resident.
    pub principal_name: String,
    /// What the resident is shown as the name of the delegate.
    pub delegate_name: String,
    /// What the delegate may do.
    pub scope: DelegationScope,
    /// When it was made.
    pub made_at: Timestamp,
    /// First moment at which it is over; a guardian's may have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// When the minor comes of age, for a guardian.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_age: Option<Timestamp>,
    /// For a guardian.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Authority>,
    /// Its end before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// What somebody wants to do for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// See who saw their data.
    See,
    /// Look at their consents.
    Look,
    /// Change them.
    Change,
}

/// A delegation is personal: debug output, which ends in logs, shows none of it.
impl std::fmt::Debug for Delegation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delegation").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Delegation {
    /// First moment at which it is over by itself.
    pub fn ends(&self) -> Timestamp {
        let first = self.until.into_iter().chain(self.of_age).min();
        first.unwrap_or(Timestamp::MAX)
    }

    /// Whether it is in force: no task has to have run for its end.
    pub fn live_at(&self, now: Timestamp) -> bool {
        self.ended.is_none() && (self.made_at..self.ends()).contains(&now)
    }

    /// Whether its scope lets this be done, as long as it is in force. Everybody who acts may look at the consents.
    pub fn allows(&self, wish: Wish) -> bool {
        match wish {
            Wish::See => self.scope.sees(),
            Wish::Look => true,
            Wish::Change => self.scope.consents(),
        }
    }

    /// How events and records of access name who acts under it.
    pub fn actor(&self) -> String {
        format!("{}:{}", self.kind.as_str(), self.id)
    }
}

/// A clerk who acts with the resident present: the record of assisted mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assisted {
    /// Who at the counter: the member's name, or what their tool calls them.
    pub clerk: String,
    /// The account that acted: `staff:<name>` in a clerk's session, `client:<id>` of the token that their tool used.
    pub client: String,
    /// How the clerk made sure who the resident is.
    pub identity: IdentityEvidence,
    /// SHA-256 of the notice that was read to the resident, hexadecimal; none for what takes no notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_read: Option<String>,
}

/// In which capacity somebody acts.
#[derive(Debug, Clone, Copy)]
pub enum Capacity<'a> {
    /// For themselves, in a session of their own.
    Themselves,
    /// For another, in a session of the delegate's own.
    For(&'a Delegation),
    /// At the counter, with the resident present.
    Assisted(&'a Assisted),
}

/// Who acted for the resident, as an event keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ActedBy {
    /// A delegate.
    Delegate {
        /// By what authority.
        authority: DelegationKind,
        /// Id of the delegation.
        delegation: String,
        /// Who.
        delegate: TsunoId,
    },
    /// The counter.
    Counter {
        /// The record of assisted mode.
        assisted: Assisted,
    },
}

/// Under which guardian a consent was given, and whether the now adult stands by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenUnder {
    /// Id of the delegation.
    pub delegation: String,
    /// When the resident comes of age.
    pub of_age: Timestamp,
    /// When they confirmed it themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Timestamp>,
}

impl Resident<'_> {
    /// How records of access name who acts.
    pub fn actor(&self) -> String {
        match self.acting {
            Capacity::Themselves => "resident".to_owned(),
            Capacity::For(delegation) => delegation.actor(),
            Capacity::Assisted(assisted) => assisted.client.clone(),
        }
    }

    /// How events name who acts.
    pub(crate) fn named(&self) -> String {
        match self.acting {
            Capacity::Assisted(_) => "counter".to_owned(),
            Capacity::Themselves | Capacity::For(_) => self.actor(),
        }
    }

    pub(crate) fn acted_by(&self) -> Option<ActedBy> {
        match self.acting {
            Capacity::Themselves => None,
            Capacity::For(delegation) => Some(ActedBy::Delegate {
                authority: delegation.kind,
                delegation: delegation.id.clone(),
                delegate: delegation.delegate,
            }),
            Capacity::Assisted(assisted) => Some(ActedBy::Counter { assisted: assisted.clone() }),
        }
    }

    /// Refuses whoever may not change consents of the resident now.
    pub(crate) fn may_consent(&self, now: Timestamp) -> Result<(), Problem> {
        let Capacity::For(delegation) = self.acting else { return Ok(()) };
        let theirs = delegation.principal == self.subject && delegation.live_at(now);
        if theirs && delegation.scope.consents() {
            return Ok(());
        }
        let detail = "this delegation is over, or does not let you change consents";
        Err(Problem::new(ProblemCode::Forbidden, detail))
    }

    /// Refuses whoever acts for another: this is for the resident alone.
    pub(crate) fn themselves(&self) -> Result<(), Problem> {
        if matches!(self.acting, Capacity::Themselves) {
            return Ok(());
        }
        let detail = "this can be done by the resident alone, not by somebody for them";
        Err(Problem::new(ProblemCode::Forbidden, detail))
    }
}
