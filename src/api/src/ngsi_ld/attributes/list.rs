//! Retrieve Available Attributes (clauses 5.7.8, 5.7.9, binding 6.27.3.1).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Discover;

use crate::ngsi_ld::discovery::list_of;
use crate::ngsi_ld::docs::{DiscoveredAttributes, DiscoveryParams, Problems};
use crate::{Failure, Gateway};

/// List attributes
///
/// The attributes of what the caller sees; with `details=true` an array with the types of the entities that have each.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/attributes",
    tag = "NGSI-LD discovery",
    params(DiscoveryParams),
    responses(
        (status = 200, description = "The attributes", content((DiscoveredAttributes = "application/json"), (DiscoveredAttributes = "application/ld+json")),
            headers(("NGSILD-Results-Count" = u64, description = "How many there are, when `count=true`"))),
        Problems,
    ),
    security((), ("bearer" = []))
)]
pub(crate) async fn list(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    list_of(&gateway, &request, |details| Discover::Attributes { details }).await
}
