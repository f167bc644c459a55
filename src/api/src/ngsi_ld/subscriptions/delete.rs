//! Delete Subscription (clause 5.8.5, binding 6.11.3.3).

use actix_web::{HttpRequest, HttpResponse, web};

use super::subscription_id;
use crate::caller::Caller;
use crate::ngsi_ld::asked::done;
use crate::ngsi_ld::docs::Problems;
use crate::params::Params;
use crate::{Failure, Gateway};

/// End a subscription
///
/// What is queued for it is dropped.
#[utoipa::path(
    delete,
    path = "/ngsi-ld/v1/subscriptions/{subscriptionId}",
    tag = "NGSI-LD subscriptions",
    params(("subscriptionId" = String, Path, description = "Subscription id, a URI")),
    responses(
        (status = 204, description = "Ended and durable"),
        (status = 404, description = "This client has no such subscription", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn delete(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let asking = caller.asking(&gateway)?;
    Params::read(&request, &["local"])?;
    let id = subscription_id(&request)?;
    gateway.subscriptions.delete(&asking, &id, gateway.broker.contexts()).await?;
    Ok(done(&caller))
}
