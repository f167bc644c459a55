//! Create Subscription (clause 5.8.1, binding 6.10.3.1).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::docs::{Problems, SubscriptionBody};
use crate::ngsi_ld::entities::echo_tenant;
use crate::ngsi_ld::{BASE, negotiate};
use crate::params::Params;
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
    let caller = Caller::of(&gateway, &request).await?;
    let asking = caller.asking(&gateway)?;
    Params::read(&request, &["local"])?;
    let (text, context) = negotiate::document(&gateway, &request, &body).await?;
    let contexts = gateway.broker.contexts();
    let id = gateway.subscriptions.create(&asking, text, &context, contexts).await?;
    let mut response = HttpResponse::Created();
    echo_tenant(&mut response, &caller);
    let id = url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>();
    // A colon may stand in a path segment and is what people expect to see there.
    let id = id.replace("%3A", ":").replace('+', "%20");
    response.insert_header((header::LOCATION, format!("{BASE}/subscriptions/{id}")));
    Ok(response.finish())
}
