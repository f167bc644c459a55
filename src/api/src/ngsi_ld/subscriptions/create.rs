//! Create Subscription (clause 5.8.1, binding 6.10.3.1).

use actix_web::{HttpRequest, HttpResponse, web};

use super::shared::Sent;
use crate::body::Capped;
use crate::ngsi_ld::asked::created;
use crate::ngsi_ld::docs::{Problems, SubscriptionBody};
use crate::{Failure, Gateway};

/// Subscribe to changes
///
/// The subscription belongs to the client of the token, and to the resident it acts for. A notification shows what both may see at the moment it
/// is sent: it stops with the consent, and what is queued is dropped. Notifications are sent at least once, those about one entity in order.
#[utoipa::path(
    post,
    path = "/ngsi-ld/v1/subscriptions",
    tag = "NGSI-LD subscriptions",
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
    let id = subscriptions.create(&asking, sent.text, &sent.context, contexts).await?;
    Ok(created(&sent.caller, "subscriptions", &id).finish())
}
