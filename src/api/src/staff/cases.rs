//! `/staff/v1/cases`: why staff see personal data, whose, until when; and the reading itself.

mod decide;
mod look;
mod open;
mod read;

use serde::Serialize;
use tsunagu_domain::{Timestamp, to_iso};
use tsunagu_staff::{Case, CaseState, Extract, Object, Scope};
use utoipa::ToSchema;

pub(crate) use decide::{__path_approve, __path_close, __path_deny, approve, close, deny};
pub(crate) use look::{__path_list, __path_retrieve, list, retrieve};
pub(crate) use open::{__path_open, open};
pub(crate) use read::{__path_read, read};

/// What cases are called in records of access.
const CASE_TYPE: &str = "urn:tsunagu:type:StaffCase";

fn object<'a>(act: &'static str, id: &'a str) -> Object<'a> {
    Object::new(CASE_TYPE, act, id)
}

/// What may be seen in a case.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum ScopeBody {
    Resident {
        tsuno_id: String,
    },
    Search {
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        birth_date: Option<String>,
    },
    Provisions(ExtractBody),
    Breach {
        extract: ExtractBody,
        threshold: u64,
    },
    LogEntries {
        from: u64,
        limit: u64,
    },
}

/// Which entries an extract is made of.
#[derive(Serialize)]
pub(crate) struct ExtractBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    recipients: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    items: Vec<String>,
}

impl From<&Extract> for ExtractBody {
    fn from(extract: &Extract) -> Self {
        Self {
            from: extract.from.map(to_iso),
            until: extract.until.map(to_iso),
            recipients: extract.recipients.iter().cloned().collect(),
            person: extract.person.map(|person| person.to_string()),
            items: extract.items.iter().cloned().collect(),
        }
    }
}

impl From<&Scope> for ScopeBody {
    fn from(scope: &Scope) -> Self {
        match scope {
            Scope::Resident { tsuno_id } => Self::Resident { tsuno_id: tsuno_id.to_string() },
            Scope::Search { name, birth_date } => {
                Self::Search { name: name.clone(), birth_date: birth_date.clone() }
            }
            Scope::Provisions(extract) => Self::Provisions(extract.into()),
            Scope::Breach { extract, threshold } => {
                Self::Breach { extract: extract.into(), threshold: *threshold }
            }
            Scope::LogEntries { from, limit } => Self::LogEntries { from: *from, limit: *limit },
        }
    }
}

/// A case.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseBody {
    id: String,
    /// `inquiry`, `procedure`, `correction`, `emergency`, `audit`, `incident`, `law`.
    reason: &'static str,
    note: String,
    /// What may be seen, with its `kind`: `resident`, `search`, `provisions`, `breach`, `log-entries`.
    #[schema(value_type = Object)]
    scope: ScopeBody,
    /// The name of the member whose case it is.
    by: String,
    /// ISO 8601.
    #[serde(rename = "openedAt")]
    opened_at: String,
    /// How long it is open, once it is.
    hours: u32,
    /// `waiting`, `open`, `over`, `denied`, `closed`.
    state: &'static str,
    /// First moment after its period; while it waits, of waiting. ISO 8601.
    until: String,
    /// The second person who approved or denied it.
    #[serde(rename = "decidedBy", skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
}

impl CaseBody {
    fn new(case: &Case, now: Timestamp) -> Self {
        let state = match case.state {
            CaseState::Waiting | CaseState::Open if case.is_over(now) => "over",
            CaseState::Waiting => "waiting",
            CaseState::Open => "open",
            CaseState::Denied => "denied",
            CaseState::Closed => "closed",
        };
        Self {
            id: case.id.clone(),
            reason: case.reason.as_str(),
            note: case.note.clone(),
            scope: (&case.scope).into(),
            by: case.by.name.clone(),
            opened_at: to_iso(case.opened_at),
            hours: case.hours,
            state,
            until: to_iso(case.until),
            decided_by: case.verdict.as_ref().map(|verdict| verdict.by.name.clone()),
        }
    }
}
