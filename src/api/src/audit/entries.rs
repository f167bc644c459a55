//! `GET /audit/v1/entries`

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use tsunagu_store::access::Access;
use utoipa::ToSchema;

use super::{failed, hash_text, number};
use crate::actors::auditor;
use crate::params::Params;
use crate::{Failure, Gateway};

/// One entry.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntryBody {
    /// Its place in the log.
    index: u64,
    /// Its leaf hash, base64.
    leaf: String,
    /// The entry of the tree, base64: a commitment to what it says.
    entry: String,
    /// What opens the commitment, base64: persons and statement with their salts. Empty when erased.
    payload: String,
    /// What it says: who, whom, when, why, which names, how decided. Absent when erased.
    #[schema(value_type = Object)]
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<Access>,
}

/// Entries from an index on.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntriesBody {
    /// In order.
    entries: Vec<EntryBody>,
}

/// Entries of the log, for auditors
///
/// Reading them is itself an entry that the residents named in them can see.
#[utoipa::path(get, path = "/audit/v1/entries", tag = "Audit",
    params(
        ("from" = Option<u64>, Query, description = "Index of the first; 0 by default"),
        ("limit" = Option<u64>, Query, description = "At most so many; 100 by default, 1000 at most"),
    ),
    responses(
        (status = 200, description = "Entries, fewer at the end", body = EntriesBody),
        (status = 401, description = "No auditor's token", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The token has not the scope `audit`", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])))]
pub(crate) async fn entries(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let (tenant, reader) = auditor(&gateway, &request).await?;
    let params = Params::read(&request, &["from", "limit"])?;
    let from = number(&params, "from")?.unwrap_or(0);
    let limit = params.number("limit", 100, 1000)?;
    let read = gateway.audit.read_entries(&tenant, &reader, from, limit).await.map_err(failed)?;
    let entries = read.into_iter().map(|entry| EntryBody {
        index: entry.index,
        leaf: hash_text(&entry.leaf_hash()),
        entry: STANDARD.encode(&entry.leaf),
        payload: STANDARD.encode(&entry.payload),
        access: entry.access().cloned(),
    });
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(EntriesBody { entries: entries.collect() }))
}
