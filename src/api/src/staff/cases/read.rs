//! `GET /staff/v1/cases/{id}/read`

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use tsunagu_audit::Encoding;
use tsunagu_domain::ProblemCode;
use tsunagu_staff::Extracted;

use super::object;
use crate::actors::StaffCaller;
use crate::consents::personal;
use crate::params::{Params, wrong};
use crate::{Failure, Gateway};

/// Read in a case
///
/// What the case describes, for whose it is, while it is open. Each look is in the record of access of everybody whom it shows, with reason and number of
/// the case, so that a page of another site cannot cause one: as for changes this needs this site's `Origin`, the session's secret in `X-CSRF-Token`, or
/// `Sec-Fetch-Site: same-origin`, which browsers send. Provisions and breaches come as CSV too, with headings in Japanese.
#[utoipa::path(get, path = "/staff/v1/cases/{id}/read", tag = "Staff",
    params(
        ("id" = String, Path, description = "Number of the case"),
        ("form" = Option<String>, Query, description = "`json`, or `csv` for provisions and breaches; `json` by default"),
        ("X-CSRF-Token" = Option<String>, Header, description = "The session's secret, unless the Origin header is this site's or Sec-Fetch-Site is same-origin"),
        ("encoding" = Option<String>, Query, description = "Of CSV: `utf-8` with a byte order mark, or `cp932`; `utf-8` by default"),
    ),
    responses(
        (status = 200, description = "A resident, persons found, provisions, who is concerned, or entries of the log",
            content((serde_json::Value = "application/json"), (String = "text/csv"))),
        (status = 400, description = "No such form of this", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not one's own, not approved, closed or over; or a token, or sent by another site's page", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such case, or nobody of this id", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn read(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::looking(&gateway, &request, object("case-read", &id)).await?;
    let params = Params::read(&request, &["form", "encoding"])?;
    let csv = match params.get("form") {
        None | Some("json") => None,
        Some("csv") => {
            let encoding = params.get("encoding").unwrap_or("utf-8").parse::<Encoding>();
            Some(encoding.map_err(|_| wrong("encoding", "is utf-8 or cp932"))?)
        }
        Some(_) => return Err(wrong("form", "is json or csv")),
    };
    if csv.is_some() {
        // Known before anything is read: a refusal of the form must not cost an entry about residents.
        let kind = gateway.cases.kind(&caller.tenant, &caller.acting, &id).await?;
        if !matches!(kind, "provisions" | "breach") {
            let detail = "only provisions and breaches come as csv";
            return Err(Failure::new(ProblemCode::InvalidRequest, detail));
        }
    }
    let read = gateway.cases.read(&caller.tenant, &caller.acting, &id).await?;
    if let Some(encoding) = csv {
        let bytes = match &read {
            Extracted::Provisions(found) => found.csv(encoding),
            Extracted::Breach(found) => found.csv(encoding),
            _ => Vec::new(),
        };
        return Ok(HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((
                header::CONTENT_DISPOSITION,
                format!("attachment; filename=\"{id}.csv\""),
            ))
            .content_type(match encoding {
                Encoding::Utf8 => "text/csv; charset=utf-8",
                Encoding::Cp932 => "text/csv; charset=windows-31j",
            })
            .body(bytes));
    }
    Ok(personal(&body(&read)))
}

fn body(read: &Extracted) -> Value {
    match read {
        Extracted::Resident(file) => json!({
            "tsunoId": file.tsuno_id.to_string(),
            "person": file.person,
            "suspended": file.suspended,
        }),
        Extracted::Search(found) => json!({"persons": found.persons, "more": found.more}),
        Extracted::Provisions(found) => json!(found),
        Extracted::Breach(found) => json!(found),
        Extracted::LogEntries(entries) => {
            let entries =
                entries.iter().map(|entry| json!({"index": entry.index, "access": entry.access()}));
            json!({"entries": entries.collect::<Vec<_>>()})
        }
    }
}
