//! Retrieve Available Attributes (clauses 5.7.8, 5.7.9, binding 6.27.3.1).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Discover;

use crate::caller::Caller;
use crate::ngsi_ld::discovery::answer;
use crate::ngsi_ld::docs::{DiscoveredAttributes, DiscoveryParams, Problems};
use crate::ngsi_ld::negotiate;
use crate::params::Params;
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
    let caller = Caller::of(&gateway, &request).await?;
    let media = negotiate::accepted(&request)?;
    let params = Params::read(&request, &["details", "local", "count"])?;
    let (details, count) = (params.flag("details")?, params.flag("count")?);
    params.flag("local")?;
    let context = negotiate::linked(&gateway, &request).await?;
    let what = Discover::Attributes { details };
    answer(&gateway, &caller, what, media, &context, count).await
}
