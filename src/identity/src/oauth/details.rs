//! Rich authorization requests (RFC 9396): what a consumer asks of a resident.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tsunagu_domain::Catalogue;

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
    /// Data class codes, at least one.
    pub data_classes: BTreeSet<String>,
    /// At least one.
    pub actions: BTreeSet<DataAction>,
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
            "expected a json array of {\"type\":\"resident_data\",\"purpose\",\"data_classes\",\"actions\"} and no other members".to_owned(),
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
    if detail.data_classes.is_empty() || detail.actions.is_empty() {
        return refuse("data_classes and actions must not be empty".to_owned());
    }
    let known =
        catalogue.purpose(&detail.purpose).filter(|_| client.purposes.contains(&detail.purpose));
    let Some(purpose) = known else {
        return refuse("this client is not registered for that purpose".to_owned());
    };
    for class in &detail.data_classes {
        if !client.data_classes.contains(class) || !purpose.data_classes.contains(class) {
            return refuse(
                "this client may not ask for one of the data classes under that purpose".to_owned(),
            );
        }
    }
    Ok(Some(detail))
}
