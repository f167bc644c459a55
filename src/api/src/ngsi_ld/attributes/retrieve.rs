//! Retrieve Available Attribute Information (clause 5.7.10, binding 6.28.3.1).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Discover;

use crate::caller::Caller;
use crate::ngsi_ld::discovery::{answer, name};
use crate::ngsi_ld::docs::{DiscoveredAttribute, Problems};
use crate::ngsi_ld::negotiate;
use crate::params::Params;
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
    let caller = Caller::of(&gateway, &request).await?;
    let media = negotiate::accepted(&request)?;
    Params::read(&request, &["local"])?.flag("local")?;
    let context = negotiate::linked(&gateway, &request).await?;
    let name = name(&request, "attrId", &context)?;
    answer(&gateway, &caller, Discover::Attribute(&name), media, &context, false).await
}
