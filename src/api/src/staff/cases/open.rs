//! `POST /staff/v1/cases`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_staff::{Asked, CaseReason};
use utoipa::ToSchema;

use super::{CaseBody, object};
use crate::actors::StaffCaller;
use crate::body::Capped;
use crate::staff::json;
use crate::{Failure, Gateway};

/// A case to be opened.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenBody {
    /// `inquiry`, `procedure`, `correction`, `emergency`, `audit`, `incident`, `law`.
    #[schema(value_type = String)]
    reason: CaseReason,
    /// Why, in one's own words.
    note: String,
    /// How long it shall be open, 1 to 24.
    hours: u32,
    /// What shall be seen: `{"kind":"resident","tsunoId":"…"}`, `{"kind":"search","name":"…","birthDate":"…"}`, `{"kind":"provisions",…}` or
    /// `{"kind":"breach",…,"threshold":100}` with `from`, `until`, `recipients`, `person`, `items`, or `{"kind":"log-entries","from":0,"limit":100}`.
    #[schema(value_type = Object)]
    scope: Asked,
}

/// Open a case
///
/// One about a resident, for the role `counter`, is open at once. A search (`counter`) and an extract of the log (`auditor`) wait for a second
/// person. The resident whom it is about sees that it was opened.
#[utoipa::path(post, path = "/staff/v1/cases", tag = "Staff",
    request_body = OpenBody,
    responses(
        (status = 201, description = "Open, or waiting for approval", body = CaseBody),
        (status = 400, description = "No reason, no scope, or no time that makes sense", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not the role, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn open(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::of(&gateway, &request, object("case-open", "")).await?;
    let form =
        r#"{"reason":"inquiry","note":"…","hours":1,"scope":{"kind":"resident","tsunoId":"…"}}"#;
    let OpenBody { reason, note, hours, scope } = json(&gateway, &body, form)?;
    let cases = &gateway.cases;
    let case = cases.open(&caller.tenant, &caller.acting, reason, &note, hours, scope).await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/staff/v1/cases/{}", case.id)))
        .insert_header(("Cache-Control", "no-store"))
        .json(CaseBody::new(&case, gateway.clock.micros())))
}
