//! Batch Entity Creation (clause 5.6.7, binding 6.14).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Batch;

use super::{BatchOperationResult, answer, items};
use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::docs::{EntityBody, Problems};
use crate::params::Params;
use crate::{Failure, Gateway};

/// Create a batch of entities
///
/// Each entity is created as by itself: those of one id in order, the others side by side. Answers when everything is durable.
#[utoipa::path(
    post,
    path = "/ngsi-ld/v1/entityOperations/create",
    tag = "NGSI-LD batches",
    request_body(content((Vec<EntityBody> = "application/json"), (Vec<EntityBody> = "application/ld+json"))),
    responses(
        (status = 201, description = "All created and durable; the body lists their ids", body = Vec<String>),
        (status = 207, description = "Some failed; the body says which and why", body = BatchOperationResult),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn create(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    Params::read(&request, &["local"])?;
    let items = items(&gateway, &request, &body).await?;
    let done = gateway.broker.batch(&caller.request(), Batch::Create, items).await?;
    Ok(answer(&caller, &done))
}
