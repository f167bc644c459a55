//! `/me/delegations`: who may act for a resident, and for whom they may act.

mod end;
mod list;
mod make;

use serde::Serialize;
use tsunagu_consent::{Delegation, DelegationKind, DelegationScope};
use tsunagu_domain::{Timestamp, to_iso};
use utoipa::ToSchema;

use super::words;

pub(crate) use end::{__path_end, end};
pub(crate) use list::{__path_list, list};
pub(crate) use make::{__path_make, make};

/// What delegations are called in records of access.
pub(crate) const DELEGATION_TYPE: &str = "Delegation";

/// A delegation. Times are ISO 8601.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DelegationBody {
    id: String,
    /// `guardian` or `family`.
    #[schema(value_type = String)]
    kind: DelegationKind,
    /// Tsuno ID of the resident.
    principal: String,
    principal_name: String,
    /// Tsuno ID of who acts for them.
    delegate: String,
    delegate_name: String,
    /// `see`, `consent` or `both`.
    #[schema(value_type = String)]
    scope: DelegationScope,
    /// Whether it is in force.
    live: bool,
    made_at: String,
    /// When it is over by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<String>,
    /// When it was ended before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// By whom: `resident`, `delegate`, `account-closed`, or the counter.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<String>,
}

impl DelegationBody {
    pub(crate) fn new(delegation: &Delegation, now: Timestamp) -> Self {
        let ended = delegation.ended.as_ref();
        let ends = delegation.ends();
        Self {
            id: delegation.id.clone(),
            kind: delegation.kind,
            principal: delegation.principal.to_string(),
            principal_name: delegation.principal_name.clone(),
            delegate: delegation.delegate.to_string(),
            delegate_name: delegation.delegate_name.clone(),
            scope: delegation.scope,
            live: delegation.live_at(now),
            made_at: to_iso(delegation.made_at),
            ends: (ends < Timestamp::MAX).then(|| to_iso(ends)),
            ended_at: ended.map(|ended| to_iso(ended.at)),
            ended_by: ended.map(|ended| words::code(ended.by.clone())),
        }
    }
}
