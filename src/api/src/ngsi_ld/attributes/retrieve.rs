//! Retrieve Available Attribute Information (clause 5.7.10, binding 6.28.3.1).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Discover;

use crate::ngsi_ld::discovery::one_of;
use crate::ngsi_ld::docs::{DiscoveredAttribute, Problems};
use crate::{Failure, Gateway};

/// Retrieve an attribute
///
/// How many instances of the attribute the caller sees, what they are, and the types of the entities that have them.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/attributes/{attrId}",
    tag = "NGSI-LD discovery",
    params(("attrId" = String, Path, description = "Name of the attribute, a term of the @context or an IRI")),
    responses(
        (status = 200, description = "The attribute", content((DiscoveredAttribute = "application/json"), (DiscoveredAttribute = "application/ld+json"))),
        (status = 404, description = "Nothing that the caller sees has it", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security((), ("bearer" = []))
)]
pub(crate) async fn retrieve(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    one_of(&gateway, &request, "attrId", |name| Discover::Attribute(name)).await
}
