//! Delete Context Source Registration Subscription (clause 5.11.6, binding 6.13.3.3).

use actix_web::{HttpRequest, HttpResponse, web};

use super::subscription_id;
use crate::caller::Caller;
use crate::ngsi_ld::asked::done;
use crate::ngsi_ld::docs::Problems;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Delete a subscription to registrations
///
/// Only clients with `manages_sources` may do so.
#[utoipa::path(
    delete,
    path = "/ngsi-ld/v1/csourceSubscriptions/{subscriptionId}",
    tag = "NGSI-LD context sources",
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
    gateway.subscriptions.delete_of_sources(&asking, &id).await?;
    Ok(done(&caller))
}
