//! What operators and approvers do with loads.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{load_of, object};
use crate::actors::StaffCaller;
use crate::body::Capped;
use crate::staff::json;
use crate::{Failure, Gateway};

const NOTE: &str = r#"{"note":"…"}"#;

/// A reason.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoadNoteBody {
    /// Why.
    #[serde(default)]
    note: String,
}

/// What is published.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublishBody {
    /// The revision of the load that was seen.
    revision: u32,
}

/// What was proposed.
#[derive(Serialize, ToSchema)]
pub(crate) struct RolledBackBody {
    /// The load before, which an approver can publish again.
    #[schema(example = "juki-11")]
    proposed: String,
}

/// Propose a load for publication
///
/// For operators. An approver who had no hand in it publishes it. A load that is held has to be forced.
#[utoipa::path(post, path = "/imports/v1/loads/{id}/propose", tag = "Imports",
    params(("id" = String, Path, description = "Layout and number", example = "juki-12")),
    request_body = LoadNoteBody,
    responses(
        (status = 204, description = "It waits for a second person"),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not an operator, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such load", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "It does not wait", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn propose(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::of(&gateway, &request, object("import-propose", &id)).await?;
    let id = load_of(&gateway, &caller, &id)?;
    let LoadNoteBody { note } = json(&gateway, &body, NOTE)?;
    gateway.imports.propose(&caller.acting, &id, &note).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Propose a load that is held
///
/// For operators, with the reason why so much may end. A second person is needed all the same.
#[utoipa::path(post, path = "/imports/v1/loads/{id}/force", tag = "Imports",
    params(("id" = String, Path, description = "Layout and number", example = "juki-12")),
    request_body = LoadNoteBody,
    responses(
        (status = 204, description = "It waits for a second person"),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not an operator, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such load", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "It is not held", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn force(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::of(&gateway, &request, object("import-force", &id)).await?;
    let id = load_of(&gateway, &caller, &id)?;
    let LoadNoteBody { note } = json(&gateway, &body, NOTE)?;
    gateway.imports.force(&caller.acting, &id, &note).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Publish a load
///
/// For approvers who neither proposed it nor decided about its rows. It must be the revision that was seen. What became of it is told by the load.
#[utoipa::path(post, path = "/imports/v1/loads/{id}/publish", tag = "Imports",
    params(("id" = String, Path, description = "Layout and number", example = "juki-12")),
    request_body = PublishBody,
    responses(
        (status = 204, description = "It is being published"),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not an approver, a hand in it, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such load", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "Nothing waits, or another revision", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn publish(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::of(&gateway, &request, object("import-publish", &id)).await?;
    let id = load_of(&gateway, &caller, &id)?;
    let PublishBody { revision } = json(&gateway, &body, r#"{"revision":1}"#)?;
    gateway.imports.publish(&caller.acting, &id, revision).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Give a load up
///
/// For operators and approvers, with a reason, as long as it is not published. Its rows are deleted.
#[utoipa::path(post, path = "/imports/v1/loads/{id}/discard", tag = "Imports",
    params(("id" = String, Path, description = "Layout and number", example = "juki-12")),
    request_body = LoadNoteBody,
    responses(
        (status = 204, description = "It is given up"),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not the role, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such load", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "It is published", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn discard(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::of(&gateway, &request, object("import-discard", &id)).await?;
    let id = load_of(&gateway, &caller, &id)?;
    let LoadNoteBody { note } = json(&gateway, &body, NOTE)?;
    gateway.imports.discard(&caller.acting, &id, &note).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Roll a load back
///
/// For operators, with a reason: proposes to publish again what was published before. An approver publishes it as any other load.
#[utoipa::path(post, path = "/imports/v1/loads/{id}/rollback", tag = "Imports",
    params(("id" = String, Path, description = "Layout and number of the published load", example = "juki-12")),
    request_body = LoadNoteBody,
    responses(
        (status = 202, description = "The load before is proposed", body = RolledBackBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not an operator, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such load", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "It is not published, there is none before, or another one is under way", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn rollback(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::of(&gateway, &request, object("import-rollback", &id)).await?;
    let id = load_of(&gateway, &caller, &id)?;
    let LoadNoteBody { note } = json(&gateway, &body, NOTE)?;
    let proposed = gateway.imports.roll_back(&caller.acting, &id, &note).await?;
    Ok(HttpResponse::Accepted().json(RolledBackBody { proposed: proposed.to_string() }))
}
