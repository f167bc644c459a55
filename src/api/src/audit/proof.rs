//! `GET /audit/v1/proof`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_domain::{Problem, ProblemCode};
use utoipa::ToSchema;

use super::{failed, hash_text, number};
use crate::actors::named_tenant;
use crate::params::Params;
use crate::{Failure, Gateway};

/// That an entry is in the log (RFC 9162, 2.1.3). Hashes in base64.
#[derive(Serialize, ToSchema)]
pub(crate) struct InclusionBody {
    /// Index of the entry.
    index: u64,
    /// Size of the tree.
    size: u64,
    /// Leaf hash of the entry.
    leaf: String,
    /// Siblings from the leaf up.
    path: Vec<String>,
    /// Root of the tree.
    root: String,
}

/// That the log only grew (RFC 9162, 2.1.4). Hashes in base64.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConsistencyBody {
    /// Size of the older tree.
    first: u64,
    /// Size of the newer tree.
    second: u64,
    /// The proof.
    path: Vec<String>,
    /// Root of the older tree.
    first_root: String,
    /// Root of the newer tree.
    second_root: String,
}

/// A proof of inclusion (`index`, `size`) or of consistency (`first`, `second`)
#[utoipa::path(get, path = "/audit/v1/proof", tag = "Audit",
    params(
        ("index" = Option<u64>, Query, description = "Index of the entry to prove"),
        ("size" = Option<u64>, Query, description = "Size of the tree; the signed one by default"),
        ("first" = Option<u64>, Query, description = "Size of the older tree"),
        ("second" = Option<u64>, Query, description = "Size of the newer tree; the signed one by default"),
    ),
    responses(
        (status = 200, description = "The proof; with `first`, a proof of consistency", body = InclusionBody),
        (status = 400, description = "Outside of the signed log", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn proof(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let params = Params::read(&request, &["index", "size", "first", "second"])?;
    let tenant = named_tenant(&gateway, &request)?;
    let texts = |path: &[tsunagu_audit::Hash]| path.iter().map(hash_text).collect();
    match (number(&params, "index")?, number(&params, "first")?) {
        (Some(index), None) => {
            let size = number(&params, "size")?;
            let proof = gateway.audit.inclusion(&tenant, index, size).await.map_err(failed)?;
            Ok(HttpResponse::Ok().json(InclusionBody {
                index: proof.index,
                size: proof.size,
                leaf: hash_text(&proof.leaf),
                path: texts(&proof.path),
                root: hash_text(&proof.root),
            }))
        }
        (None, Some(first)) => {
            let second = number(&params, "second")?;
            let proof = gateway.audit.consistency(&tenant, first, second).await.map_err(failed)?;
            Ok(HttpResponse::Ok().json(ConsistencyBody {
                first: proof.first,
                second: proof.second,
                path: texts(&proof.path),
                first_root: hash_text(&proof.first_root),
                second_root: hash_text(&proof.second_root),
            }))
        }
        _ => {
            let detail = "name either index (and size) or first (and second)";
            Err(Problem::new(ProblemCode::InvalidRequest, detail).into())
        }
    }
}
