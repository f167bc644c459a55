//! Query Subscriptions (clause 5.8.4, binding 6.10.3.2).

use actix_web::{HttpRequest, HttpResponse, web};

use super::shared::Shown;
use crate::ngsi_ld::docs::{Problems, SubscriptionBody, SubscriptionParams, SubscriptionsParams};
use crate::{Failure, Gateway};

const KNOWN: [&str; 5] = ["limit", "offset", "count", "options", "local"];

/// List subscriptions
///
/// Those of the client of the token and the resident it acts for, by id. Pages are linked by `Link` headers with `rel="next"` and `rel="prev"`.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/subscriptions",
    tag = "NGSI-LD subscriptions",
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
    let shown = Shown::of(&gateway, &request, &KNOWN).await?;
    let sys_attrs = shown.sys_attrs()?;
    let page = shown.page(&gateway, std::convert::identity)?;
    let asking = shown.caller.asking(&gateway)?;
    let (context, ld) = (&shown.context, shown.ld());
    let subscriptions = &gateway.subscriptions;
    let found =
        subscriptions.query(&asking, page.limit, page.offset, context, ld, sys_attrs).await?;
    Ok(shown.with_page("subscriptions", &page, found))
}
