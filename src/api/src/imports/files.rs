//! `POST /imports/v1/layouts/{layout}/files` and `POST /imports/v1/layouts/{layout}/checks`

use std::time::Duration;

use actix_web::http::header;
use actix_web::rt::time::timeout;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tsunagu_domain::ProblemCode;
use tsunagu_imports::{Checked, Purpose, Remark, Upload};
use utoipa::ToSchema;

use super::{object, of_the_town};
use crate::actors::StaffCaller;
use crate::consents::personal;
use crate::{Failure, Gateway};

/// How long the next piece of a file may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// The parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileQuery {
    #[serde(default)]
    name: String,
}

/// A file that was handed over.
#[derive(Serialize, ToSchema)]
pub(crate) struct FileBody {
    /// Its name.
    file: String,
}

/// Something of a file that is not as it should be, without what is written.
#[derive(Serialize, ToSchema)]
struct FindingBody {
    /// From 1; 0 when it is about the whole file.
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    #[schema(example = "date-impossible")]
    rule: &'static str,
    /// `warning`, `to-decide` or `refused`.
    weight: &'static str,
    remedy_ja: String,
    remedy_en: String,
}

/// How often a rule was broken.
#[derive(Serialize, ToSchema)]
struct RuleBody {
    rule: &'static str,
    /// `warning`, `to-decide` or `refused`.
    weight: &'static str,
    count: u64,
}

/// What would become of a file.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckedBody {
    /// Rows that would be taken over.
    accepted: u64,
    /// Rows that a person would have to decide about.
    to_decide: u64,
    /// Rows that would not be taken over; 1 when the whole file is refused.
    refused: u64,
    /// Remarks on accepted rows.
    warnings: u64,
    rules: Vec<RuleBody>,
    /// The first 100.
    findings: Vec<FindingBody>,
}

impl From<Remark> for FindingBody {
    fn from(remark: Remark) -> Self {
        let Remark { line, column, rule, weight, remedy } = remark;
        Self { line, column, rule, weight, remedy_ja: remedy.ja, remedy_en: remedy.en }
    }
}

impl From<Checked> for CheckedBody {
    fn from(checked: Checked) -> Self {
        let Checked { accepted, to_decide, refused, warnings, rules, findings } = checked;
        let rules = rules.into_iter().map(|(remark, count)| RuleBody {
            rule: remark.rule,
            weight: remark.weight,
            count,
        });
        let (rules, findings) =
            (rules.collect(), findings.into_iter().map(FindingBody::from).collect());
        Self { accepted, to_decide, refused, warnings, rules, findings }
    }
}

/// Takes the body to disk, piece by piece.
async fn received(
    gateway: &Gateway,
    caller: &StaffCaller,
    request: &HttpRequest,
    layout: &str,
    query: &FileQuery,
    purpose: Purpose,
    mut payload: web::Payload,
) -> Result<Upload, Failure> {
    of_the_town(gateway, caller)?;
    let media = request.headers().get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok());
    let media = media.unwrap_or_default().to_ascii_lowercase();
    let plain = media.starts_with("text/") || media.starts_with("application/octet-stream");
    if !plain || request.headers().contains_key(header::CONTENT_ENCODING) {
        let detail = "send the file as it is, as text/csv and without Content-Encoding";
        return Err(Failure::new(ProblemCode::UnsupportedMediaType, detail));
    }
    let by = &caller.acting;
    let mut upload = gateway.imports.receive(by, layout, &query.name, purpose).await?;
    let cut = || Failure::new(ProblemCode::InvalidRequest, "the body ended before it was whole");
    // Who falls asleep gives the place to another.
    while let Some(piece) = timeout(PATIENCE, payload.next()).await.map_err(|_| cut())? {
        upload.write(piece.map_err(|_| cut())?).await?;
    }
    Ok(upload)
}

/// Hand a file over to a layout
///
/// For operators. The body is the file as it is, of any of the encodings that a layout reads, up to `imports.max_file_bytes`. It becomes a load as soon as
/// the platform looks for files; who handed it over cannot publish it.
#[utoipa::path(post, path = "/imports/v1/layouts/{layout}/files", tag = "Imports",
    params(
        ("layout" = String, Path, description = "The name of a layout", example = "juki"),
        ("name" = String, Query, description = "The name of the file, which the pattern of the layout has to fit", example = "juki-2026-12-01.csv"),
    ),
    request_body(content = String, content_type = "text/csv"),
    responses(
        (status = 202, description = "It is there and becomes a load", body = FileBody),
        (status = 400, description = "The name cannot be that of a file of this layout, or has an individual number in it", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not an operator, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such layout", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "There is a file of this name", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 413, description = "It is too large", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 415, description = "It is not sent as a file", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 429, description = "Other files are coming in", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn hand_over(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    layout: web::Path<String>,
    query: web::Query<FileQuery>,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let purpose = Purpose::HandOver;
    let caller = StaffCaller::of(&gateway, &request, object(purpose.act(), &layout)).await?;
    let upload = received(&gateway, &caller, &request, &layout, &query, purpose, payload).await?;
    gateway.imports.hand_over(&caller.acting, upload).await?;
    Ok(HttpResponse::Accepted().json(FileBody { file: query.into_inner().name }))
}

/// Check a file without storing it
///
/// For operators. What would become of its rows, how often each rule is broken, and the first findings by line, column, rule and remedy; never a value.
#[utoipa::path(post, path = "/imports/v1/layouts/{layout}/checks", tag = "Imports",
    params(
        ("layout" = String, Path, description = "The name of a layout", example = "juki"),
        ("name" = String, Query, description = "The name of the file", example = "juki-2026-12-01.csv"),
    ),
    request_body(content = String, content_type = "text/csv"),
    responses(
        (status = 200, description = "What would become of it; nothing was stored", body = CheckedBody),
        (status = 400, description = "The name cannot be that of a file of this layout, or has an individual number in it", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not an operator, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such layout", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 413, description = "It is too large", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 415, description = "It is not sent as a file", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 429, description = "Other files are coming in", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn check(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    layout: web::Path<String>,
    query: web::Query<FileQuery>,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let purpose = Purpose::Check;
    let caller = StaffCaller::of(&gateway, &request, object(purpose.act(), &layout)).await?;
    let upload = received(&gateway, &caller, &request, &layout, &query, purpose, payload).await?;
    Ok(personal(&CheckedBody::from(gateway.imports.check(&caller.acting, upload).await?)))
}
