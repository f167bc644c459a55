//! What is written down about a share code.

use tsunagu_domain::{Timestamp, TsunoId};
use tsunagu_store::access::{Access, Action, Decision};

use crate::ShareCode;

/// What share codes are called in records of access.
const SHARE_TYPE: &str = "urn:tsunagu:type:ShareCode";

/// What is written down about a code.
pub(super) struct Noted {
    subjects: Vec<TsunoId>,
    purpose: Option<String>,
    types: Vec<String>,
    attributes: Vec<String>,
    decision: Decision,
    reason: String,
}

impl Noted {
    /// A try that led to no code, and so to nobody.
    pub(super) fn nothing(reason: &str) -> Self {
        Self {
            subjects: Vec::new(),
            purpose: None,
            types: vec![SHARE_TYPE.to_owned()],
            attributes: Vec::new(),
            decision: Decision::Denied,
            reason: reason.to_owned(),
        }
    }

    pub(super) fn of(share: &ShareCode, decision: Decision, reason: &str) -> Self {
        let attributes = share.data.iter().flat_map(|part| &part.attributes);
        let mut types: Vec<_> = share.data.iter().map(|part| part.entity_type.clone()).collect();
        types.sort_unstable();
        types.dedup();
        Self {
            subjects: vec![share.subject],
            purpose: Some(share.purpose.code.clone()),
            types,
            attributes: attributes.map(|attribute| attribute.iri.clone()).collect(),
            decision,
            reason: reason.to_owned(),
        }
    }

    pub(super) fn access(self, at: Timestamp, request: &str, actor: &str) -> Access {
        Access {
            at,
            request: request.to_owned(),
            actor: actor.to_owned(),
            subjects: self.subjects,
            purpose: self.purpose,
            grant: None,
            grant_version: None,
            action: Action::Consent,
            types: self.types,
            attributes: self.attributes,
            count: u64::from(self.decision == Decision::Allowed),
            decision: self.decision,
            reason: self.reason,
        }
    }
}
