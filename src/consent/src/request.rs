//! What is asked of a resident, and what they answered.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{
    Catalogue, ClientId, Frequency, Problem, ProblemCode, Sensitivity, Text, Timestamp,
};

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

/// What a client asks for: one member of `authorization_details` (RFC 9396).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requested {
    /// Always [`RESIDENT_DATA`].
    pub r#type: String,
    /// Purpose code.
    pub purpose: String,
    /// Codes of the data classes without which the client cannot serve.
    #[serde(default)]
    pub data_classes: Vec<String>,
    /// Codes of further data classes, each of which the resident may leave out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub optional_data_classes: Vec<String>,
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
            refused("expected {type, purpose, data_classes, actions} and optionally optional_data_classes, frequency")
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
        let mut classes: Vec<&String> = self.classes().collect();
        classes.sort_unstable();
        classes.dedup();
        if !distinct(classes.len(), self.classes().count()) {
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
        if self.frequency.is_some_and(|frequency| !frequency.is_valid()) {
            let detail = "a frequency is once or more in 3600, 86400 or 604800 seconds";
            return Err(refused(detail).at("/frequency"));
        }
        Ok(())
    }

    /// All classes that are asked for.
    pub fn classes(&self) -> impl Iterator<Item = &String> {
        self.data_classes.iter().chain(&self.optional_data_classes)
    }

    /// Whether the resident may leave this class out: when the client can do without it, and always when it is sensitive, for which
    /// consent is a question of its own.
    pub fn is_optional(&self, class: &str, catalogue: &Catalogue) -> bool {
        self.optional_data_classes.iter().any(|code| code == class)
            || catalogue
                .data_class(class)
                .is_some_and(|class| class.sensitivity == Sensitivity::Sensitive)
    }

    /// The classes that one says yes or no to together.
    pub fn needed(&self, catalogue: &Catalogue) -> Vec<String> {
        self.classes().filter(|class| !self.is_optional(class, catalogue)).cloned().collect()
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
    /// The bytes shown. They are kept under their digest.
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
    /// The data classes that the resident chose: all that are needed, and of the optional ones as many as they like.
    pub chosen: Vec<String>,
    /// For how many days.
    pub days: u32,
    /// What they were shown.
    pub notice: Notice,
    /// Screen and gesture, e.g. `consent-page/button`.
    pub method: String,
}
