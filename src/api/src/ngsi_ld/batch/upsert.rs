//! Batch Entity Upsert (clause 5.6.8, binding 6.15).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Batch;

use super::{BatchOperationResult, answer, items};
use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::docs::{EntityBody, Problems};
use crate::params::Params;
use crate::{Failure, Gateway};

/// Create or change a batch of entities
///
/// Entities that exist are replaced; with `options=update` what is not named stays.
#[utoipa::path(
    post,
    path = "/ngsi-ld/v1/entityOperations/upsert",
    tag = "NGSI-LD batches",
    params(("options" = Option<String>, Query, description = "`replace` (as when absent) or `update`")),
    request_body(content((Vec<EntityBody> = "application/json"), (Vec<EntityBody> = "application/ld+json"))),
    responses(
        (status = 201, description = "All done and durable, some are new; the body lists the ids of the new ones", body = Vec<String>),
        (status = 204, description = "All existed, and are changed and durable"),
        (status = 207, description = "Some failed; the body says which and why", body = BatchOperationResult),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn upsert(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let params = Params::read(&request, &["options", "local"])?;
    let update = match params.get("options") {
        None | Some("replace") => false,
        Some("update") => true,
        Some(_) => return Err(crate::params::wrong("options", "is replace, update or absent")),
    };
    let items = items(&gateway, &request, &body).await?;
    let done = gateway.broker.batch(&caller.request(), Batch::Upsert { update }, items).await?;
    Ok(answer(&caller, &done))
}
