//! Append Attributes (clause 5.6.3, binding 6.6.3.1).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Target;

use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::docs::{FragmentBody, Problems};
use crate::ngsi_ld::entities::{entity_id, selection, updated};
use crate::ngsi_ld::negotiate;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Append attributes
///
/// Adds attributes, and replaces those that exist unless `options=noOverwrite`.
#[utoipa::path(
    post,
    path = "/ngsi-ld/v1/entities/{entityId}/attrs",
    tag = "NGSI-LD attributes",
    params(
        ("entityId" = String, Path, description = "Entity id, a URI"),
        ("options" = Option<String>, Query, description = "`noOverwrite` keeps attributes that exist"),
    ),
    request_body(content((FragmentBody = "application/json"), (FragmentBody = "application/ld+json"))),
    responses(
        (status = 204, description = "All appended and durable"),
        (status = 207, description = "Some were not; the body says which and why"),
        (status = 404, description = "Absent or hidden", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn append(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let params = Params::read(&request, &["type", "local", "options"])?;
    let overwrite = match params.get("options") {
        None => true,
        Some("noOverwrite") => false,
        Some(_) => return Err(crate::params::wrong("options", "is noOverwrite or absent")),
    };
    let (text, context) = negotiate::document(&gateway, &request, &body).await?;
    let id = entity_id(&request)?;
    let types = selection(&params, &context)?;
    let target = Target { id: &id, types: types.as_ref() };
    let done = gateway.broker.append(&caller.request(), target, text, &context, overwrite).await?;
    Ok(updated(&caller, &done))
}
