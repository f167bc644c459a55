//! Add @context (clause 5.13.2, binding 6.29.3.1).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::docs::Problems;
use crate::ngsi_ld::entities::echo_tenant;
use crate::ngsi_ld::{CONTEXTS, negotiate};
use crate::params::Params;
use crate::{Failure, Gateway};

/// Host an @context
///
/// The document is kept and served under the path in `Location`; `{base}{Location}` can then stand in the `Link` header of any request in this
/// tenant, and nothing is fetched for it. Only writers of open data may add one.
#[utoipa::path(
    post,
    path = "/ngsi-ld/v1/jsonldContexts",
    tag = "NGSI-LD @contexts",
    request_body(content(
        (serde_json::Value = "application/json"),
        (serde_json::Value = "application/ld+json"),
    ), description = "An object with the member `@context`"),
    responses(
        (status = 201, description = "Kept and durable", headers(("Location" = String, description = "Path of the @context"))),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn add(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    Params::read(&request, &[])?;
    let text = negotiate::plain(&gateway, &request, &body)?;
    let id = gateway.broker.contexts().add(&caller.view, text).await?;
    let mut response = HttpResponse::Created();
    echo_tenant(&mut response, &caller);
    response.insert_header((header::LOCATION, format!("{CONTEXTS}{id}")));
    Ok(response.finish())
}
