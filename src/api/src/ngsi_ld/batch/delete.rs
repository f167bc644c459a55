//! Batch Entity Delete (clause 5.6.10, binding 6.17).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::{Batch, BatchItem};
use tsunagu_ngsi_ld::parse::batch_ids;

use super::{BatchOperationResult, answer};
use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::docs::Problems;
use crate::ngsi_ld::negotiate;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Delete a batch of entities
///
/// Personal entities are deleted only by whoever wrote all of them.
#[utoipa::path(
    post,
    path = "/ngsi-ld/v1/entityOperations/delete",
    tag = "NGSI-LD batches",
    request_body(content((Vec<String> = "application/json"), (Vec<String> = "application/ld+json"))),
    responses(
        (status = 204, description = "All deleted and durable"),
        (status = 207, description = "Some failed; the body says which and why", body = BatchOperationResult),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn delete(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    Params::read(&request, &["local"])?;
    // An @context would change nothing: ids are not expanded.
    negotiate::is_ld(&request)?;
    let ids = batch_ids(body.json(gateway.limits.max_depth)?, gateway.limits.max_batch)?;
    let items = ids.into_iter().map(BatchItem::id).collect();
    let done = gateway.broker.batch(&caller.request(), Batch::Delete, items).await?;
    Ok(answer(&caller, &done))
}
