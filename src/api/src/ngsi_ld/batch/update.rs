//! Batch Entity Update (clause 5.6.9, binding 6.16).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Batch;

use super::{BatchOperationResult, answer, items};
use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::docs::{FragmentBody, Problems};
use crate::params::Params;
use crate::{Failure, Gateway};

/// Append attributes to a batch of entities
///
/// As appending attributes to each of them; entities that do not exist fail.
#[utoipa::path(
    post,
    path = "/ngsi-ld/v1/entityOperations/update",
    tag = "NGSI-LD batches",
    params(("options" = Option<String>, Query, description = "`noOverwrite` keeps attributes that exist")),
    request_body(content((Vec<FragmentBody> = "application/json"), (Vec<FragmentBody> = "application/ld+json"))),
    responses(
        (status = 204, description = "All changed and durable"),
        (status = 207, description = "Some failed; the body says which and why", body = BatchOperationResult),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn update(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let params = Params::read(&request, &["options", "local"])?;
    let overwrite = match params.get("options") {
        None => true,
        Some("noOverwrite") => false,
        Some(_) => return Err(crate::params::wrong("options", "is noOverwrite or absent")),
    };
    let items = items(&gateway, &request, &body).await?;
    let done = gateway.broker.batch(&caller.request(), Batch::Update { overwrite }, items).await?;
    Ok(answer(&caller, &done))
}
