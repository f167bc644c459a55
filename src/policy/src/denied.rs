//! Why there is no view.

use tsunagu_domain::{Level, Problem, ProblemCode, StepUp};

use crate::policies::Verdict;

/// The policies that refuse a view as a whole, the first reason first.
const REFUSALS: [(&str, Denied); 4] = [
    ("no-live-consent", Denied::NoConsent),
    ("other-purpose", Denied::OtherPurpose),
    ("weak-login", Denied::LowAssurance),
    ("case-not-open", Denied::CaseNotOpen),
];

/// Why there is no view at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// The case of the member of staff is closed, over, denied, not approved, or another's.
    #[error("the case is not open")]
    CaseNotOpen,
    /// A policy that the town added refuses.
    #[error("the policy '{0}' of the town refuses")]
    ByTown(String),
    /// The policies gave no answer.
    #[error("the policies gave no answer")]
    Undecided,
}

impl Denied {
    /// From the policies that denied; none of them means that none permitted.
    pub(crate) fn by(verdict: &Verdict) -> Self {
        let first = REFUSALS.iter().find(|(policy, _)| verdict.by.contains(*policy));
        match (first, verdict.by.first()) {
            (Some((_, denied)), _) => denied.clone(),
            (None, Some(policy)) => Self::ByTown(policy.clone()),
            (None, None) => Self::Undecided,
        }
    }

    /// The policy that refused, for the record of access.
    pub fn policy(&self) -> &str {
        let known = REFUSALS.iter().find(|(_, denied)| denied == self);
        match self {
            Self::ByTown(policy) => policy,
            _ => known.map_or("undecided", |(policy, _)| policy),
        }
    }
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
            Denied::LowAssurance => Self::step_up(
                StepUp::Level(Level::Substantial),
                "reading personal data needs a login at assurance level 2 or higher; send the resident to log in again",
            ),
            Denied::CaseNotOpen => Self::new(
                ProblemCode::Forbidden,
                "the case is not open for this; open another with its reason",
            ),
            Denied::ByTown(policy) => Self::new(
                ProblemCode::Forbidden,
                format!("the town does not allow this (policy '{policy}'); ask the town"),
            ),
            Denied::Undecided => Self::new(
                ProblemCode::InternalError,
                "the policies gave no answer, so nothing is shown; the operator finds more in the log",
            ),
        }
    }
}
