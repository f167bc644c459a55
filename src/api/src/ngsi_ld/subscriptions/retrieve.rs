//! Retrieve Subscription (clause 5.8.3, binding 6.11.3.1).

use actix_web::{HttpRequest, HttpResponse, web};

use super::shared::Shown;
use super::subscription_id;
use crate::ngsi_ld::docs::{Problems, SubscriptionBody, SubscriptionParams};
use crate::ngsi_ld::negotiate;
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
    let shown = Shown::of(&gateway, &request, &["options", "local"]).await?;
    let id = subscription_id(&request)?;
    let (asking, sys_attrs) = (shown.caller.asking(&gateway)?, shown.sys_attrs()?);
    let subscriptions = &gateway.subscriptions;
    let found = subscriptions.retrieve(&asking, &id, &shown.context, shown.ld(), sys_attrs);
    let body = found.await?;
    let mut response = shown.response();
    // A subscription is the same in every version (clause 4.3.6.8).
    negotiate::Preferences::of(&request).applied(&mut response, shown.media);
    Ok(response.body(body))
}
