//! Retrieve Context Source Registration Subscription (clause 5.11.4, binding 6.13.3.1).

use actix_web::{HttpRequest, HttpResponse, web};

use super::subscription_id;
use crate::ngsi_ld::docs::{Problems, SubscriptionBody, SubscriptionParams};
use crate::ngsi_ld::subscriptions::shared::Shown;
use crate::{Failure, Gateway};

/// Retrieve a subscription to registrations
///
/// Subscriptions of others do not exist here.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/csourceSubscriptions/{subscriptionId}",
    tag = "NGSI-LD context sources",
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
    let found =
        subscriptions.retrieve_of_sources(&asking, &id, &shown.context, shown.ld(), sys_attrs);
    let body = found.await?;
    let mut response = shown.response();
    Ok(response.body(body))
}
