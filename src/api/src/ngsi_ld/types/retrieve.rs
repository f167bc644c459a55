//! Retrieve Available Entity Type Information (clause 5.7.7, binding 6.26.3.1).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Discover;

use crate::ngsi_ld::discovery::one_of;
use crate::ngsi_ld::docs::{DiscoveredType, Problems};
use crate::{Failure, Gateway};

/// Retrieve an entity type
///
/// How many entities of the type the caller sees, and their attributes.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/types/{type}",
    tag = "NGSI-LD discovery",
    params(("type" = String, Path, description = "Name of the type, a term of the @context or an IRI")),
    responses(
        (status = 200, description = "The type", content((DiscoveredType = "application/json"), (DiscoveredType = "application/ld+json"))),
        (status = 404, description = "Nothing that the caller sees has it", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security((), ("bearer" = []))
)]
pub(crate) async fn retrieve(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    one_of(&gateway, &request, "type", |name| Discover::Type(name)).await
}
