//! `/audit/v1`: the transparency log. Checkpoint, tiles and proofs are for everybody: they hold no personal data. What the entries say names people
//! by pseudonym and is for auditors; reading it is written down as well.

mod checkpoint;
mod entries;
mod payload;
mod proof;
mod tile;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use base64::{Engine as _, engine::general_purpose::STANDARD};

pub(crate) use checkpoint::{__path_checkpoint, checkpoint};
pub(crate) use entries::{__path_entries, entries};
pub(crate) use payload::{__path_payload, payload};
pub(crate) use proof::{__path_proof, proof};
pub(crate) use tile::{__path_tile, tile};

use crate::resource::resource;

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    cfg.service(
        web::scope("/audit/v1")
            .service(resource("/checkpoint", [(Method::GET, web::get().to(checkpoint))]))
            .service(resource("/entries", [(Method::GET, web::get().to(entries))]))
            .service(resource("/payload/{path:.*}", [(Method::GET, web::get().to(payload))]))
            .service(resource("/proof", [(Method::GET, web::get().to(proof))]))
            .service(resource("/tile/{path:.*}", [(Method::GET, web::get().to(tile))])),
    );
}

/// Hashes are sent in base64, as in checkpoints.
fn hash_text(hash: &tsunagu_audit::Hash) -> String {
    STANDARD.encode(hash)
}

/// A parameter that is a whole number.
fn number(params: &crate::params::Params, name: &str) -> Result<Option<u64>, crate::Failure> {
    let Some(text) = params.get(name) else {
        return Ok(None);
    };
    let wrong = || crate::params::wrong(name, "is a whole number");
    text.parse().map(Some).map_err(|_| wrong())
}

/// Problems of the log as answers.
fn failed(error: tsunagu_audit::AuditError) -> crate::Failure {
    tracing::warn!(%error, "the audit log did not answer");
    tsunagu_domain::Problem::from(error).into()
}
