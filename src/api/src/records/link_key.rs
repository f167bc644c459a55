//! `GET /records/v1/{entityId}/link-key`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_domain::{Problem, ProblemCode, TsunoId};
use utoipa::ToSchema;

use crate::consents::personal;
use crate::presented::{self, unauthorized};
use crate::{Failure, Gateway, request_id};

/// What a system calls a person.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkKeyBody {
    /// The same for all records of this person under the sector of this system, and another for every other system.
    #[schema(value_type = String, example = "0190a5a0-0000-7000-8000-000000000000")]
    link_key: TsunoId,
}

/// What a system calls the person of one of its records
///
/// For the system that published the record, once it is linked to a resident: a pseudonym by which it knows the person again. Two systems have different
/// ones for the same person and join nothing by them. A record of somebody else, one that is not linked and one that there is not are the same 404. The
/// person sees in their record of use that it was asked for.
#[utoipa::path(get, path = "/records/v1/{entityId}/link-key", tag = "Records",
    params(("entityId" = String, Path, description = "Entity id of the record", example = "urn:ngsi-ld:ResidentRecord:1")),
    responses(
        (status = 200, description = "The link key", body = LinkKeyBody),
        (status = 401, description = "No token of an active client", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not a system that publishes resident records under a sector of its own", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No linked record of this system", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = [])))]
pub(crate) async fn link_key(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    record: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let token = presented::token(&gateway, &request).await?;
    let token = token.ok_or_else(|| {
        unauthorized(&gateway, "", "this needs an access token of the system that published it")
    })?;
    let client = gateway.clients.policy(&token.tenant, &token.client).await?;
    let client = client.ok_or_else(|| {
        unauthorized(&gateway, "invalid_token", "the client of this token is suspended or gone")
    })?;
    if token.subject.is_some() || !token.has_scope("ngsi-ld") {
        let detail = "this needs a system's own token with the scope 'ngsi-ld'";
        return Err(Problem::new(ProblemCode::Forbidden, detail).into());
    }
    let id = request_id::of(&request);
    let link_key = gateway.residents.link_key(&token.tenant, &client, &id, &record).await?;
    Ok(personal(&LinkKeyBody { link_key }))
}
