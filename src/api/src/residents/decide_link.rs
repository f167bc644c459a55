//! `POST /admin/v1/link-reviews/{tsunoId}/decision`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_domain::{Problem, TsunoId};
use utoipa::ToSchema;

use super::{LINK_REVIEW, counter, read};
use crate::body::Capped;
use crate::{Failure, Gateway, request_id};

/// The record that a person at the counter found.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordBody {
    /// Entity id of one of the candidates.
    record: String,
}

/// Links a resident to the municipal record that a person found
///
/// One entry in the access log.
#[utoipa::path(post, path = "/admin/v1/link-reviews/{tsunoId}/decision", tag = "Residents",
    params(("tsunoId" = String, Path, description = "Who waits")),
    request_body = RecordBody,
    responses(
        (status = 204, description = "Linked"),
        (status = 400, description = "Not one of the candidates", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "This resident does not wait", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "The record was linked meanwhile", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = [])))]
pub(crate) async fn decide_link(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let staff = counter(&gateway, &request, LINK_REVIEW, "link-decide", &id).await?;
    let id: TsunoId = id.parse().map_err(|_| Problem::not_found())?;
    gateway.residents.link_review(&staff.tenant, id).await?;
    let RecordBody { record } = read(&body.0, r#"{"record":"urn:ngsi-ld:ResidentRecord:…"}"#)?;
    let request = request_id::of(&request);
    let by = tsunagu_identity::Staff { actor: &staff.actor, request: &request };
    gateway.residents.decide_link(&staff.tenant, by, id, &record).await?;
    Ok(HttpResponse::NoContent().finish())
}
