//! Query Context Source Registration Subscriptions (clause 5.11.5, binding 6.12.3.2).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_domain::ProblemCode;

use super::sys_attrs;
use crate::caller::Caller;
use crate::ngsi_ld::BASE;
use crate::ngsi_ld::docs::{Problems, SubscriptionBody, SubscriptionParams, SubscriptionsParams};
use crate::ngsi_ld::entities::echo_tenant;
use crate::ngsi_ld::negotiate::{self, Media};
use crate::params::{Params, wrong};
use crate::{Failure, Gateway};

const KNOWN: [&str; 5] = ["limit", "offset", "count", "options", "local"];
const DEFAULT_PAGE: usize = 20;

/// List subscriptions to registrations
///
/// Those of the client of the token, by id. Pages are linked by `Link` headers with `rel="next"` and `rel="prev"`.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/csourceSubscriptions",
    tag = "NGSI-LD context sources",
    params(SubscriptionsParams, SubscriptionParams),
    responses(
        (status = 200, description = "The subscriptions of the page", content((Vec<SubscriptionBody> = "application/json"), (Vec<SubscriptionBody> = "application/ld+json")),
            headers(("NGSILD-Results-Count" = u64, description = "How many there are in all, when `count=true`"))),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn query(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let asking = caller.asking(&gateway)?;
    let media = negotiate::accepted(&request)?;
    let params = Params::read(&request, &KNOWN)?;
    let context = negotiate::linked(&gateway, &request).await?;
    let (ld, sys_attrs) = (media == Media::LdJson, sys_attrs(&params)?);
    let count = params.flag("count")? || params.list("options")?.contains(&"count");
    let limit = params.number("limit", DEFAULT_PAGE, gateway.limits.max_page).map_err(bad)?;
    let offset = params.number("offset", 0, usize::MAX >> 8).map_err(bad)?;
    if limit == 0 && !count {
        return Err(bad(wrong("limit", "may be 0 only with count=true")));
    }
    let found =
        gateway.subscriptions.query_of_sources(&asking, limit, offset, &context, ld, sys_attrs);
    let page = found.await?;
    let mut response = HttpResponse::Ok();
    negotiate::describe(&mut response, media, &context);
    echo_tenant(&mut response, &caller);
    if count {
        response.insert_header(("NGSILD-Results-Count", page.count.to_string()));
    }
    let mut link = |rel: &str, offset: usize| {
        let query = params.with("offset", offset);
        let link = format!(
            "<{BASE}/csourceSubscriptions?{query}>; rel=\"{rel}\"; type=\"{}\"",
            media.name()
        );
        response.append_header((header::LINK, link));
    };
    if offset > 0 && limit > 0 {
        link("prev", offset.saturating_sub(limit));
    }
    if page.more && limit > 0 {
        link("next", offset + limit);
    }
    Ok(response.body(page.body))
}

/// A page that cannot be is wrong data here (clause 5.11.5.4).
fn bad(mut failure: Failure) -> Failure {
    failure.problem.code = ProblemCode::BadRequestData;
    failure
}
