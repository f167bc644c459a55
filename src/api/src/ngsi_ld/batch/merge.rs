//! Batch Entity Merge (clause 5.6.20, binding 6.31).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Batch;

use super::{BatchOperationResult, answer, items};
use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::docs::{FragmentBody, Problems};
use crate::params::Params;
use crate::{Failure, Gateway};

/// Merge into a batch of entities
///
/// As merging into each of them: `urn:ngsi-ld:null` deletes, what is not named stays.
#[utoipa::path(
    post,
    path = "/ngsi-ld/v1/entityOperations/merge",
    tag = "NGSI-LD batches",
    request_body(content((Vec<FragmentBody> = "application/json"), (Vec<FragmentBody> = "application/ld+json"))),
    responses(
        (status = 204, description = "All merged and durable"),
        (status = 207, description = "Some failed; the body says which and why", body = BatchOperationResult),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn merge(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    Params::read(&request, &["local"])?;
    let items = items(&gateway, &request, &body).await?;
    let done = gateway.broker.batch(&caller.request(), Batch::Merge, items).await?;
    Ok(answer(&caller, &done))
}
