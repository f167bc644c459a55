//! Retrieve Available Entity Types (clauses 5.7.5, 5.7.6, binding 6.25.3.1).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Discover;

use crate::ngsi_ld::discovery::list_of;
use crate::ngsi_ld::docs::{DiscoveredTypes, DiscoveryParams, Problems};
use crate::{Failure, Gateway};

/// List entity types
///
/// The types of what the caller sees; with `details=true` an array with the attributes of each.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/types",
    tag = "NGSI-LD discovery",
    params(DiscoveryParams),
    responses(
        (status = 200, description = "The types", content((DiscoveredTypes = "application/json"), (DiscoveredTypes = "application/ld+json")),
            headers(("NGSILD-Results-Count" = u64, description = "How many there are, when `count=true`"))),
        Problems,
    ),
    security((), ("bearer" = []))
)]
pub(crate) async fn list(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    list_of(&gateway, &request, |details| Discover::Types { details }).await
}
