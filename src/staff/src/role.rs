//! What members may do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A role. They do not contain one another: nobody may do everything unless every role was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The counter: decides who somebody is and which record is theirs, and looks at a resident's data in a case.
    Counter,
    /// Operation: clients, connectors.
    Operator,
    /// Audit: the log of accesses, provisions, breaches.
    Auditor,
    /// The second person: approves what another member asked for.
    Approver,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Counter, Self::Operator, Self::Auditor, Self::Approver];

    /// Its name in the configuration, in records and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Approver => "approver",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
