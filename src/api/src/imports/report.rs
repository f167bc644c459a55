//! `GET /imports/v1/loads/{id}/report`

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_imports::Format;

use super::{load_of, object};
use crate::actors::StaffCaller;
use crate::{Failure, Gateway};

/// The parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportQuery {
    #[serde(default)]
    format: Option<String>,
}

/// Download what was found in the file of a load
///
/// Every finding by line, column, rule and remedy, at most 10,000; never a value. CSV is in the encoding that the file came in, NDJSON in UTF-8. For
/// counter, operators, approvers and auditors.
#[utoipa::path(get, path = "/imports/v1/loads/{id}/report", tag = "Imports",
    params(
        ("id" = String, Path, description = "Layout and number", example = "juki-12"),
        ("format" = Option<String>, Query, description = "`csv` (default) or `ndjson`"),
    ),
    responses(
        (status = 200, description = "The report", content_type = "text/csv", body = String),
        (status = 400, description = "Another format", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not the role, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such load", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn report(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    query: web::Query<ReportQuery>,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::of(&gateway, &request, object("import-look", &id)).await?;
    let id = load_of(&gateway, &caller, &id)?;
    let (format, media, end) = match query.format.as_deref() {
        None | Some("csv") => (Format::Csv, "text/csv", "csv"),
        Some("ndjson") => (Format::Ndjson, "application/x-ndjson", "ndjson"),
        Some(_) => {
            let detail = "the format is csv or ndjson";
            return Err(Problem::new(ProblemCode::BadRequestData, detail).at("format").into());
        }
    };
    let bytes = gateway.imports.report(&caller.acting, &id, format).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, media))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{id}-report.{end}\"")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(bytes))
}
