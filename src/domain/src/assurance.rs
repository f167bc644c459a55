//! How sure the platform is of who is acting.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// An assurance level, 1 (self-asserted, single factor) to 3 (in person or equal, hardware-bound).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Level 1: what is unmapped or missing counts as this, never a guess.
    #[default]
    Low,
    /// Level 2.
    Substantial,
    /// Level 3.
    High,
}

impl Level {
    /// Every level, the lowest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Substantial, Self::High];

    /// Its name as an authentication context class: `acr` of tokens, `acr_values` of requests and challenges.
    pub const fn acr(self) -> &'static str {
        match self {
            Self::Low => "urn:tsunagu:acr:1",
            Self::Substantial => "urn:tsunagu:acr:2",
            Self::High => "urn:tsunagu:acr:3",
        }
    }

    /// The level of this name.
    pub fn of_acr(acr: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.acr() == acr)
    }
}

/// What a session or token carries about the proof of its actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Assurance {
    /// Identity assurance: how the person was identified at registration.
    pub ial: Level,
    /// Authentication assurance: how the person proved to be back.
    pub aal: Level,
    /// The provider's own word for it (`acr`), if it sent one.
    pub acr: Option<String>,
    /// Methods used (`amr`, RFC 8176).
    #[serde(default)]
    pub amr: Vec<String>,
    /// When the person last authenticated, microseconds since the epoch.
    pub auth_time: Timestamp,
    /// Which OpenID provider vouched.
    pub idp: String,
}

impl Assurance {
    /// The level that both identity and authentication reach.
    pub fn level(&self) -> Level {
        self.ial.min(self.aal)
    }

    /// Whether both identity and authentication reach `level`.
    pub fn reaches(&self, level: Level) -> bool {
        self.level() >= level
    }

    /// Whether the person authenticated at most `seconds` ago.
    pub fn fresh(&self, now: Timestamp, seconds: i64) -> bool {
        let age = now.saturating_sub(self.auth_time);
        (0..=seconds.saturating_mul(1_000_000)).contains(&age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weaker_of_the_two_decides() {
        let weak = Assurance { ial: Level::High, aal: Level::Low, ..Assurance::default() };
        assert!(!weak.reaches(Level::Substantial));
        let good = Assurance { aal: Level::Substantial, ..weak };
        assert!(good.reaches(Level::Substantial));
        assert_eq!(good.level(), Level::Substantial);
    }

    #[test]
    fn levels_have_names() {
        for level in Level::ALL {
            assert_eq!(Level::of_acr(level.acr()), Some(level));
        }
        assert_eq!(Level::of_acr("urn:x-id:aal2"), None);
    }

    #[test]
    fn a_login_in_the_future_is_not_fresh() {
        let at = Assurance { auth_time: 1_000_000, ..Assurance::default() };
        assert!(at.fresh(2_000_000, 1));
        assert!(!at.fresh(2_000_001, 1));
        assert!(!at.fresh(0, 300));
    }
}
