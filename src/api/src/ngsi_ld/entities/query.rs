//! Query Entities (clause 5.7.2, binding 6.4.3.2).

use actix_web::{HttpRequest, HttpResponse, web};

use super::search::{FILTERS, NOT_YET, ORDERS, PAGES, Search};
use crate::caller::Caller;
use crate::ngsi_ld::docs::{
    EntityBody, FeatureCollectionBody, FilterParams, JoinParams, OrderParams, PageParams, Problems,
    RepresentationParams,
};
use crate::ngsi_ld::{negotiate, representation};
use crate::params::Params;
use crate::{Failure, Gateway};

/// Query entities
///
/// What the caller may not see neither matches nor counts nor sorts. Pages are linked by `Link` headers with `rel="next"` and `rel="prev"`.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/entities",
    tag = "NGSI-LD entities",
    params(FilterParams, OrderParams, PageParams, RepresentationParams, JoinParams),
    responses(
        (status = 200, description = "The entities of the page",
            content((Vec<EntityBody> = "application/json"), (Vec<EntityBody> = "application/ld+json"), (FeatureCollectionBody = "application/geo+json")),
            headers(("NGSILD-Results-Count" = u64, description = "How many match in all, when `count=true`"))),
        Problems,
    ),
    security((), ("bearer" = []))
)]
pub(crate) async fn query(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let media = negotiate::accepted_for_entities(&request)?;
    let own = [&representation::KNOWN[..], &representation::JOIN].concat();
    let known = [&FILTERS[..], &ORDERS, &PAGES, &own, &NOT_YET].concat();
    let params = Params::read(&request, &known)?;
    let context = negotiate::linked(&gateway, &request).await?;
    let search = Search {
        params: &params,
        selectors: Vec::new(),
        page: ("/entities", &params),
        media,
        context: &context,
    };
    search.answer(&gateway, &caller, &request).await
}
