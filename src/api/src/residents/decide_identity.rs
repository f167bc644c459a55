//! `POST /admin/v1/identity-reviews/{reference}/decision`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_domain::TsunoId;
use tsunagu_identity::Decided;
use utoipa::ToSchema;

use super::{IDENTITY_REVIEW, counter, read};
use crate::body::Capped;
use crate::{Failure, Gateway, request_id};

/// What a person at the counter says.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "decision", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum DecisionBody {
    /// It is this resident: the identity leads to their Tsuno ID.
    SameAs {
        /// Tsuno ID of one of the candidates.
        #[serde(rename = "tsunoId")]
        #[schema(value_type = String)]
        tsuno_id: TsunoId,
    },
    /// A resident without a Tsuno ID yet.
    New,
    /// Not to be let in.
    Refused,
}

/// Decides about somebody who waits
///
/// It takes effect at their next login, as long as the provider says the same about them then. One entry in the access log.
#[utoipa::path(post, path = "/admin/v1/identity-reviews/{reference}/decision", tag = "Residents",
    params(("reference" = String, Path, description = "What the person was told to say")),
    request_body = DecisionBody,
    responses(
        (status = 204, description = "Decided"),
        (status = 400, description = "Not one of the candidates, or no decision", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "Nobody waits under this reference", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = [])))]
pub(crate) async fn decide_identity(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    reference: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let staff = counter(&gateway, &request, IDENTITY_REVIEW, "identity-decide", &reference).await?;
    gateway.residents.identity_review(&staff.tenant, &reference).await?;
    let form =
        r#"{"decision":"same-as","tsunoId":"…"}, {"decision":"new"} or {"decision":"refused"}"#;
    let decided = match read(&body.0, form)? {
        DecisionBody::SameAs { tsuno_id } => Decided::SameAs(tsuno_id),
        DecisionBody::New => Decided::New,
        DecisionBody::Refused => Decided::Refused,
    };
    let id = request_id::of(&request);
    let by = tsunagu_identity::Staff { actor: &staff.actor, request: &id };
    gateway.residents.decide_identity(&staff.tenant, by, &reference, decided).await?;
    Ok(HttpResponse::NoContent().finish())
}
