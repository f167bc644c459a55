//! What is asked of a resident, and what they answered.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Catalogue, ClientId, Problem, ProblemCode, Text, Timestamp};

/// The `type` of the authorization details (RFC 9396) that ask for a consent.
pub const RESIDENT_DATA: &str = "resident_data";

/// What a client may do with the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataAction {
    /// Read it.
    Read,
    /// Create and change it.
    Write,
}

/// How often the data may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frequency {
    /// At most so many times
    pub max: u32,
    /// in so many seconds.
    pub per_seconds: u32,
}

/// What a client asks for: one member of `authorization_details` (RFC 9396).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requested {
    /// Always [`RESIDENT_DATA`].
    pub r#type: String,
    /// Purpose code.
    pub purpose: String,
    /// Codes of data classes.
    pub data_classes: Vec<String>,
    /// What for.
    pub actions: Vec<DataAction>,
    /// How often, if the client binds itself to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency: Option<Frequency>,
}

impl Requested {
    /// Reads and checks one member of `authorization_details`.
    pub fn read(json: &serde_json::Value, catalogue: &Catalogue) -> Result<Self, Problem> {
        let requested: Self = serde_json::from_value(json.clone()).map_err(|_| {
            refused("expected {type, purpose, data_classes, actions} and optionally frequency")
        })?;
        requested.check(catalogue)?;
        Ok(requested)
    }

    /// Whether the catalogue knows what is asked for and allows it for the purpose.
    pub fn check(&self, catalogue: &Catalogue) -> Result<(), Problem> {
        if self.r#type != RESIDENT_DATA {
            return Err(refused("unknown type; the one known is 'resident_data'").at("/type"));
        }
        let purpose = catalogue
            .purpose(&self.purpose)
            .ok_or_else(|| refused("the purpose is not in the catalogue").at("/purpose"))?;
        let distinct = |n: usize, all: usize| n == all && all > 0;
        let mut classes: Vec<&String> = self.data_classes.iter().collect();
        classes.sort_unstable();
        classes.dedup();
        if !distinct(classes.len(), self.data_classes.len()) {
            return Err(refused("name one data class at least, each once").at("/data_classes"));
        }
        if classes.iter().any(|code| !purpose.data_classes.contains(code)) {
            let detail = "a data class may not be asked for under this purpose";
            return Err(refused(detail).at("/data_classes"));
        }
        let mut actions = self.actions.clone();
        actions.sort_unstable();
        actions.dedup();
        if !distinct(actions.len(), self.actions.len()) {
            return Err(refused("name one action at least, each once: read, write").at("/actions"));
        }
        if self.frequency.is_some_and(|f| f.max == 0 || f.per_seconds == 0) {
            return Err(
                refused("a frequency is one or more times in one or more seconds").at("/frequency")
            );
        }
        Ok(())
    }
}

fn refused(detail: &str) -> Problem {
    Problem::new(
        ProblemCode::BadRequestData,
        format!("the authorization details are not valid: {detail}"),
    )
}

/// The notice exactly as the resident saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Version of its text.
    pub version: String,
    /// Language (BCP 47).
    pub lang: String,
    /// The bytes shown. Only their digest is kept.
    pub bytes: Vec<u8>,
    /// When it was shown, microseconds since the epoch.
    pub shown_at: Timestamp,
}

/// What a resident answered to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConsent {
    /// Who asks.
    pub client: ClientId,
    /// What the resident knows it as.
    pub client_name: Text,
    /// What it asked for.
    pub requested: Requested,
    /// The data classes that the resident chose, of those asked for.
    pub chosen: Vec<String>,
    /// For how many days.
    pub days: u32,
    /// What they were shown.
    pub notice: Notice,
    /// Screen and gesture, e.g. `consent-page/button`.
    pub method: String,
}
