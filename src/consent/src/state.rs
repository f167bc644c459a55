//! Where a consent stands.

use serde::{Deserialize, Serialize};

/// Where a consent stands (DPV: `ConsentStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Given, and in force within its period.
    Given,
    /// Asked for and not given.
    Refused,
    /// Taken back for good.
    Withdrawn,
    /// Out of force until resumed.
    Paused,
    /// In force again.
    Resumed,
    /// Past its period.
    Expired,
    /// Replaced by a newer one for the same client and purpose.
    Superseded,
    /// Ended by the town: its client is registered no more (DPV: `ConsentRevoked`).
    Revoked,
}

impl State {
    /// Whether a consent in this state is in force within its period.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Given | Self::Resumed)
    }

    /// Its name in stored and sent JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Revoked => "revoked",
        }
    }
}
