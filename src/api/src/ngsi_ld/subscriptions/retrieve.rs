//! Retrieve Subscription (clause 5.8.3, binding 6.11.3.1).

use actix_web::{HttpRequest, HttpResponse, web};

use super::{subscription_id, sys_attrs};
use crate::caller::Caller;
use crate::ngsi_ld::docs::{Problems, SubscriptionBody, SubscriptionParams};
use crate::ngsi_ld::entities::echo_tenant;
use crate::ngsi_ld::negotiate::{self, Media};
use crate::params::Params;
use crate::{Failure, Gateway};

/// Retrieve a subscription
///
/// With its state: whether it is active, and how its notifications fared. Subscriptions of others do not exist here.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/subscriptions/{subscriptionId}",
    tag = "NGSI-LD subscriptions",
    params(("subscriptionId" = String, Path, description = "Subscription id, a URI"), SubscriptionParams),
    responses(
        (status = 200, description = "The subscription", content((SubscriptionBody = "application/json"), (SubscriptionBody = "application/ld+json"))),
        (status = 404, description = "This client has no such subscription", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn retrieve(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let asking = caller.asking(&gateway)?;
    let media = negotiate::accepted(&request)?;
    let params = Params::read(&request, &["options", "local"])?;
    let context = negotiate::linked(&gateway, &request).await?;
    let id = subscription_id(&request)?;
    let (ld, sys_attrs) = (media == Media::LdJson, sys_attrs(&params)?);
    let body = gateway.subscriptions.retrieve(&asking, &id, &context, ld, sys_attrs).await?;
    let mut response = HttpResponse::Ok();
    negotiate::describe(&mut response, media, &context);
    // A subscription is the same in every version (clause 4.3.6.8).
    negotiate::Preferences::of(&request).applied(&mut response, media);
    echo_tenant(&mut response, &caller);
    Ok(response.body(body))
}
