//! `/staff/v1/clients`: the life of clients.

mod apply;
mod change;
mod decide;
mod look;

use serde::Serialize;
use tsunagu_domain::{ClientId, Problem, to_iso};
use tsunagu_identity::Client;
use tsunagu_staff::{Application, By, Object, Registered, Step, Via};
use utoipa::ToSchema;

use crate::Failure;

pub(crate) use apply::{__path_apply, apply};
pub(crate) use change::{__path_end, __path_resume, __path_suspend, end, resume, suspend};
pub(crate) use decide::{__path_approve, __path_deny, approve, deny};
pub(crate) use look::{__path_list, __path_retrieve, list, retrieve};

/// What clients are called in records of access.
const CLIENT_TYPE: &str = "urn:tsunagu:type:Client";

fn object<'a>(act: &'static str, id: &'a str) -> Object<'a> {
    Object::new(CLIENT_TYPE, act, id)
}

/// The id in the path.
fn id(text: &str) -> Result<ClientId, Failure> {
    Ok(text.parse().map_err(|_| Problem::not_found())?)
}

/// A step of a client's life.
#[derive(Serialize, ToSchema)]
pub(crate) struct StepBody {
    /// ISO 8601.
    at: String,
    /// `configured`, `applied`, `approved`, `denied`, `suspended`, `resumed`, `ended`, `wound-up`.
    act: &'static str,
    /// The name of a member, `configuration` or `platform`.
    by: String,
    /// `session` or `shell`, for members.
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
    note: String,
}

impl From<&Step> for StepBody {
    fn from(step: &Step) -> Self {
        let via = match &step.by {
            By::Member { via: Via::Session, .. } => Some("session"),
            By::Member { via: Via::Shell, .. } => Some("shell"),
            By::Configuration | By::Platform => None,
        };
        Self {
            at: to_iso(step.at),
            act: step.act.as_str(),
            by: step.by.name().to_owned(),
            via,
            revision: step.revision,
            note: step.note.clone(),
        }
    }
}

/// What waits for a second person.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApplicationBody {
    /// What an approval has to name.
    revision: u32,
    /// The registration as it would be.
    #[schema(value_type = Object)]
    client: Client,
    /// Members who had a hand in it and cannot approve it.
    by: Vec<String>,
    /// ISO 8601.
    at: String,
    note: String,
}

impl From<&Application> for ApplicationBody {
    fn from(application: &Application) -> Self {
        Self {
            revision: application.revision,
            client: application.client.clone(),
            by: application.by.iter().map(|who| who.name.clone()).collect(),
            at: to_iso(application.at),
            note: application.note.clone(),
        }
    }
}

/// A client with what became of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClientBody {
    id: String,
    /// `applied`, `denied`, `active`, `suspended`, `ended`.
    state: &'static str,
    /// `configuration`, or `application`.
    #[schema(value_type = String)]
    origin: tsunagu_staff::Origin,
    /// The registration, once it has one.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<Client>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<ApplicationBody>,
    /// The oldest first.
    steps: Vec<StepBody>,
}

impl From<Registered> for ClientBody {
    fn from(Registered { life, client }: Registered) -> Self {
        Self {
            id: life.id.to_string(),
            state: life.state.as_str(),
            origin: life.origin,
            client,
            application: life.application.as_ref().map(ApplicationBody::from),
            steps: life.steps.iter().map(StepBody::from).collect(),
        }
    }
}
