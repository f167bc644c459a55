//! `POST /imports/v1/loads/{id}/decisions`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_imports::Answer;
use utoipa::ToSchema;

use super::{load_of, object};
use crate::actors::StaffCaller;
use crate::body::Capped;
use crate::staff::json;
use crate::{Failure, Gateway};

/// A decision about a value: the text that is meant, or that rows with it are refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoadDecisionBody {
    /// A line in which it waits.
    line: u64,
    column: String,
    #[serde(default)]
    take: Option<String>,
    #[serde(default)]
    refuse: bool,
}

/// Decide about a value that waits
///
/// For counter and operators. It holds for every row of the layout with the same value in the same column, in this load and in later ones. Nothing can
/// be decided once the load is proposed, and who decided cannot publish it.
#[utoipa::path(post, path = "/imports/v1/loads/{id}/decisions", tag = "Imports",
    params(("id" = String, Path, description = "Layout and number", example = "juki-12")),
    request_body = LoadDecisionBody,
    responses(
        (status = 204, description = "It is decided"),
        (status = 400, description = "The text cannot be taken over either", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not the role, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such load, or nothing waits there", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "The load does not wait", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn decide(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::of(&gateway, &request, object("import-decide", &id)).await?;
    let id = load_of(&gateway, &caller, &id)?;
    let form = r#"{"line":1,"column":"…","take":"…"} or with "refuse":true"#;
    let LoadDecisionBody { line, column, take, refuse } = json(&gateway, &body, form)?;
    let answer = match (take, refuse) {
        (Some(text), false) => Answer::Take(text),
        (None, true) => Answer::Refuse,
        _ => {
            let detail = "either take or refuse is needed";
            return Err(Problem::new(ProblemCode::BadRequestData, detail).at("/take").into());
        }
    };
    gateway.imports.decide(&caller.acting, &id, line, &column, answer).await?;
    Ok(HttpResponse::NoContent().finish())
}
