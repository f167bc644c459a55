//! `GET /me/access-log/{index}/proof`

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_consent::Wish;
use tsunagu_domain::Problem;
use tsunagu_store::access::AccessLog as _;

use super::ACCESS_LOG_TYPE;
use crate::actors::SessionCaller;
use crate::params::Params;
use crate::{Failure, Gateway};

/// The proof that an access to one's own data is in the log, as a file (C2SP `tlog-proof`)
///
/// It carries what the entry says, names nobody else, and is verified without any server by `tsunagu audit verify-proof` or by the verifier in Python. An
/// entry about somebody else and one that there is not are the same 404.
#[utoipa::path(get, path = "/me/access-log/{index}/proof", tag = "Residents",
    params(("Tsunagu-Acting-For" = Option<String>, Header, description = "Id of the delegation under which one acts for another"), ("index" = u64, Path, description = "The `index` of an access of `/me/access-log`")),
    responses(
        (status = 200, description = "The proof", body = String, content_type = "text/plain"),
        (status = 401, description = "No session, or too weak a login", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such entry about oneself", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn proof(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::acting(&gateway, &request, Wish::See).await?;
    Params::read(&request, &[])?;
    let index = request.match_info().get("index").and_then(|text| text.parse().ok());
    let index: u64 = index.ok_or_else(Problem::not_found)?;
    let failed = Problem::from;
    gateway.audit.checkpoint(&caller.tenant).await.map_err(failed)?;
    let proof = gateway.audit.proof_file(&caller.tenant, index, Some(caller.subject())).await;
    let proof = proof.map_err(failed)?.ok_or_else(Problem::not_found)?;
    let access = caller.reads_own(&gateway, ACCESS_LOG_TYPE, 1);
    gateway.audit.record(&caller.tenant, &access).await?;
    let name = format!("attachment; filename=\"{index}.tlog-proof\"");
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, name))
        .body(proof.text()))
}
