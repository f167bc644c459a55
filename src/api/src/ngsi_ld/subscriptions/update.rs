//! Update Subscription (clause 5.8.2, binding 6.11.3.2).

use actix_web::{HttpRequest, HttpResponse, web};

use super::shared::Sent;
use super::subscription_id;
use crate::body::Capped;
use crate::ngsi_ld::asked::done;
use crate::ngsi_ld::docs::{Problems, SubscriptionBody};
use crate::{Failure, Gateway};

/// Change a subscription
///
/// Members of the body take the place of those there are, `null` removes. From now on it rests on the consent behind this token.
#[utoipa::path(
    patch,
    path = "/ngsi-ld/v1/subscriptions/{subscriptionId}",
    tag = "NGSI-LD subscriptions",
    params(("subscriptionId" = String, Path, description = "Subscription id, a URI")),
    request_body(content((SubscriptionBody = "application/json"), (SubscriptionBody = "application/ld+json"), (SubscriptionBody = "application/merge-patch+json"))),
    responses(
        (status = 204, description = "Changed and durable"),
        (status = 404, description = "This client has no such subscription", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn update(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let sent = Sent::of(&gateway, &request, &body).await?;
    let (asking, contexts) = (sent.caller.asking(&gateway)?, gateway.broker.contexts());
    let (subscriptions, id) = (&gateway.subscriptions, subscription_id(&request)?);
    subscriptions.update(&asking, &id, sent.text, &sent.context, contexts).await?;
    Ok(done(&sent.caller))
}
