//! Rich authorization requests (RFC 9396): what a consumer asks of a resident.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Catalogue, Frequency};

use super::{ErrorCode, OAuthError};
use crate::Client;

/// What may be done with data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataAction {
    /// Read.
    Read,
    /// Write.
    Write,
}

/// The types of authorization details: there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum DetailType {
    /// Data of the resident who logs in.
    #[default]
    #[serde(rename = "resident_data")]
    ResidentData,
}

/// An authorization detail of type `resident_data`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResidentData {
    /// Its type.
    pub r#type: DetailType,
    /// Purpose code.
    pub purpose: String,
    /// Codes of the data classes that the client cannot do without.
    #[serde(default)]
    pub data_classes: BTreeSet<String>,
    /// Codes of further data classes, each of which the resident may leave out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub optional_data_classes: BTreeSet<String>,
    /// At least one.
    pub actions: BTreeSet<DataAction>,
    /// How often it reads; as often as the purpose needs without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency: Option<Frequency>,
}

impl ResidentData {
    /// All classes that are asked for.
    pub fn classes(&self) -> impl Iterator<Item = &String> {
        self.data_classes.iter().chain(&self.optional_data_classes)
    }

    /// What was granted of it (RFC 9396 section 7): the classes that the resident chose, none of them optional any more.
    #[must_use]
    pub fn granted(&self, chosen: impl IntoIterator<Item = String>) -> Self {
        Self {
            data_classes: chosen.into_iter().collect(),
            optional_data_classes: BTreeSet::new(),
            ..self.clone()
        }
    }
}

/// Reads and checks `authorization_details` against what the client is registered for and what the catalogue has.
pub(super) fn read(
    text: &str,
    client: &Client,
    catalogue: &Catalogue,
) -> Result<Option<ResidentData>, OAuthError> {
    let refuse = |why: String| Err(OAuthError::new(ErrorCode::InvalidAuthorizationDetails, why));
    let Ok(mut details) = serde_json::from_str::<Vec<ResidentData>>(text) else {
        return refuse(
            "expected a json array of {\"type\":\"resident_data\",\"purpose\",\"data_classes\",\"actions\"}, optionally with \"optional_data_classes\" and \"frequency\", and no other members".to_owned(),
        );
    };
    let Some(detail) = details.pop() else {
        return Ok(None);
    };
    if !details.is_empty() {
        return refuse(
            "ask for one purpose at a time: one element of type resident_data".to_owned(),
        );
    }
    if detail.classes().next().is_none() || detail.actions.is_empty() {
        return refuse("name one data class and one action at least".to_owned());
    }
    if !detail.data_classes.is_disjoint(&detail.optional_data_classes) {
        return refuse("a data class is needed or optional, not both".to_owned());
    }
    if detail.frequency.is_some_and(|frequency| !frequency.is_valid()) {
        return refuse(
            "a frequency is {\"max\",\"per_seconds\"}: once or more in 3600, 86400 or 604800 seconds".to_owned(),
        );
    }
    let known =
        catalogue.purpose(&detail.purpose).filter(|_| client.purposes.contains(&detail.purpose));
    let Some(purpose) = known else {
        return refuse("this client is not registered for that purpose".to_owned());
    };
    for class in detail.classes() {
        if !client.data_classes.contains(class) || !purpose.data_classes.contains(class) {
            return refuse(
                "this client may not ask for one of the data classes under that purpose".to_owned(),
            );
        }
    }
    Ok(Some(detail))
}
