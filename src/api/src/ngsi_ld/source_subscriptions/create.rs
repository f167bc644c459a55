//! Create Context Source Registration Subscription (clause 5.11.2, binding 6.12.3.1).

use actix_web::{HttpRequest, HttpResponse, web};

use crate::body::Capped;
use crate::ngsi_ld::asked::created;
use crate::ngsi_ld::docs::{Problems, SubscriptionBody};
use crate::ngsi_ld::subscriptions::shared::Sent;
use crate::{Failure, Gateway};

/// Subscribe to registrations
///
/// Its receiver gets a `ContextSourceNotification` of the registrations that match now, and of every one that begins to match, changes or no longer
/// matches, ended ones too (`triggerReason`): the parts that match, without `contextSourceInfo`. Notifications are sent at least once, in order. Only
/// clients with `manages_sources` may subscribe.
#[utoipa::path(
    post,
    path = "/ngsi-ld/v1/csourceSubscriptions",
    tag = "NGSI-LD context sources",
    request_body(content(
        (SubscriptionBody = "application/json"),
        (SubscriptionBody = "application/ld+json"),
    )),
    responses(
        (status = 201, description = "Created and durable", headers(("Location" = String, description = "Path of the subscription"))),
        (status = 409, description = "This client has a subscription of this id already", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn create(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let sent = Sent::of(&gateway, &request, &body).await?;
    let (asking, contexts) = (sent.caller.asking(&gateway)?, gateway.broker.contexts());
    let subscriptions = &gateway.subscriptions;
    let id = subscriptions.create_of_sources(&asking, sent.text, &sent.context, contexts).await?;
    Ok(created(&sent.caller, "csourceSubscriptions", &id).finish())
}
