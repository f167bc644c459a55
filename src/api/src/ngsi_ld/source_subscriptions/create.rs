//! Create Context Source Registration Subscription (clause 5.11.2, binding 6.12.3.1).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::docs::{Problems, SubscriptionBody};
use crate::ngsi_ld::entities::echo_tenant;
use crate::ngsi_ld::{BASE, negotiate};
use crate::params::Params;
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
    let caller = Caller::of(&gateway, &request).await?;
    let asking = caller.asking(&gateway)?;
    Params::read(&request, &["local"])?;
    let (text, context) = negotiate::document(&gateway, &request, &body).await?;
    let contexts = gateway.broker.contexts();
    let id = gateway.subscriptions.create_of_sources(&asking, text, &context, contexts).await?;
    let mut response = HttpResponse::Created();
    echo_tenant(&mut response, &caller);
    let id = url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>();
    // A colon may stand in a path segment and is what people expect to see there.
    let id = id.replace("%3A", ":").replace('+', "%20");
    response.insert_header((header::LOCATION, format!("{BASE}/csourceSubscriptions/{id}")));
    Ok(response.finish())
}
