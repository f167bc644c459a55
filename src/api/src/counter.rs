//! `/counter/v1`: what a clerk does with a resident present, or records about who represents whom.

mod consent;
mod end;
mod guardian;
mod notice;
mod withdraw;

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tsunagu_consent::{
    Assisted, CounterConsent, DataAction, IdentityEvidence, RESIDENT_DATA, Requested,
};
use tsunagu_domain::{ClientId, Problem, ProblemCode, TenantId, TsunoId};
use tsunagu_staff::{Object, Role};
use utoipa::ToSchema;

pub(crate) use consent::{__path_consent, consent};
pub(crate) use end::{__path_end, end};
pub(crate) use guardian::{__path_guardian, guardian};
pub(crate) use notice::{__path_notice, notice};
pub(crate) use withdraw::{__path_withdraw, withdraw};

use crate::actors::{Staff, on_duty};
use crate::body::Capped;
use crate::params::wrong;
use crate::resource::resource;
use crate::{Failure, Gateway};

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    cfg.service(
        web::scope("/counter/v1")
            .service(resource("/notice", [(Method::POST, web::post().to(notice))]))
            .service(resource("/guardians", [(Method::POST, web::post().to(guardian))]))
            .service(resource("/delegations/{id}/end", [(Method::POST, web::post().to(end))]))
            .service(resource(
                "/residents/{tsunoId}/consents",
                [(Method::POST, web::post().to(consent))],
            ))
            .service(resource(
                "/residents/{tsunoId}/consents/{id}/withdraw",
                [(Method::POST, web::post().to(withdraw))],
            )),
    );
}

/// What is done at the counter, as the record of access names it.
const COUNTER: &str = "urn:tsunagu:type:CounterAct";

/// A member of staff whose duty the counter is, or a tool of the town hall.
async fn clerk(
    gateway: &Gateway,
    request: &HttpRequest,
    act: &'static str,
) -> Result<Staff, Failure> {
    on_duty(gateway, request, Role::Counter, Object::new(COUNTER, act, "")).await
}

/// What a resident is asked at the counter.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AskedBody {
    /// Client id of who would get the data.
    client: String,
    /// Purpose code that the client is registered for.
    #[schema(example = "health-coaching")]
    purpose: String,
    /// Codes of the data classes that the resident chose.
    data_classes: Vec<String>,
    /// `read`, `write`.
    #[schema(value_type = Vec<String>)]
    actions: Vec<DataAction>,
    /// For how many days.
    #[schema(example = 365)]
    days: u32,
    /// The language that the notice is read in: `ja` or `en`.
    #[schema(example = "ja")]
    lang: String,
}

/// The record of assisted mode.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AssistedBody {
    /// Who at the counter, as a tool of the town hall says. In a session of staff it is the member whose session it is, whatever is said here.
    clerk: Option<String>,
    /// How the resident was identified: `my-number-card` (its face; never its number), `driving-licence`, `passport`, `residence-card`, `two-documents`.
    #[schema(value_type = String)]
    identity: IdentityEvidence,
    /// SHA-256 of the notice that was read to the resident, as `/counter/v1/notice` gave it.
    notice_read: Option<String>,
}

impl AssistedBody {
    fn record(self, staff: &Staff) -> Assisted {
        let Self { clerk, identity, notice_read } = self;
        Assisted { clerk: staff.clerk(clerk), client: staff.actor.clone(), identity, notice_read }
    }
}

/// What is asked, if the client is registered for it.
async fn asked(
    gateway: &Gateway,
    tenant: &TenantId,
    body: &AskedBody,
) -> Result<CounterConsent, Failure> {
    let id: ClientId = body.client.parse().map_err(|_| wrong("client", "is the id of a client"))?;
    let client = gateway.clients.get(tenant, &id).await?;
    let client = client.filter(|client| client.kind.consumes());
    let client = client.ok_or_else(|| wrong("client", "is the id of a client that reads data"))?;
    let registered = client.purposes.contains(&body.purpose)
        && body.data_classes.iter().all(|class| client.data_classes.contains(class));
    if !registered {
        let detail = "the client is not registered for this purpose and all of these data classes";
        return Err(Problem::new(ProblemCode::BadRequestData, detail).at("dataClasses").into());
    }
    Ok(CounterConsent {
        client: id,
        client_name: client.name.clone(),
        requested: Requested {
            r#type: RESIDENT_DATA.to_owned(),
            purpose: body.purpose.clone(),
            data_classes: body.data_classes.clone(),
            optional_data_classes: Vec::new(),
            actions: body.actions.clone(),
            frequency: None,
        },
        chosen: body.data_classes.clone(),
        days: body.days,
    })
}

/// The resident of the path.
async fn resident(
    gateway: &Gateway,
    tenant: &TenantId,
    request: &HttpRequest,
) -> Result<TsunoId, Failure> {
    let id = request.match_info().get("tsunoId").unwrap_or_default();
    known(gateway, tenant, id).await
}

/// A resident of this id.
async fn known(gateway: &Gateway, tenant: &TenantId, id: &str) -> Result<TsunoId, Failure> {
    let id: TsunoId = id.parse().map_err(|_| Problem::not_found())?;
    match gateway.residents.get(tenant, id).await? {
        Some(_) => Ok(id),
        None => Err(Problem::not_found().into()),
    }
}

fn read<T: DeserializeOwned>(gateway: &Gateway, body: &Capped, form: &str) -> Result<T, Failure> {
    let text = body.json(gateway.limits.max_depth)?;
    serde_json::from_str(text)
        .map_err(|_| Failure::new(ProblemCode::InvalidRequest, format!("the body must be {form}")))
}
