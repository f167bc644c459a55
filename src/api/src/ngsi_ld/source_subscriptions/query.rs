//! Query Context Source Registration Subscriptions (clause 5.11.5, binding 6.12.3.2).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_domain::ProblemCode;

use crate::ngsi_ld::docs::{Problems, SubscriptionBody, SubscriptionParams, SubscriptionsParams};
use crate::ngsi_ld::subscriptions::shared::Shown;
use crate::{Failure, Gateway};

const KNOWN: [&str; 5] = ["limit", "offset", "count", "options", "local"];

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
    let shown = Shown::of(&gateway, &request, &KNOWN).await?;
    let sys_attrs = shown.sys_attrs()?;
    let page = shown.page(&gateway, bad)?;
    let asking = shown.caller.asking(&gateway)?;
    let (context, ld) = (&shown.context, shown.ld());
    let subscriptions = &gateway.subscriptions;
    let found = subscriptions
        .query_of_sources(&asking, page.limit, page.offset, context, ld, sys_attrs)
        .await?;
    Ok(shown.with_page("csourceSubscriptions", &page, found))
}

/// A page that cannot be is wrong data here (clause 5.11.5.4).
fn bad(mut failure: Failure) -> Failure {
    failure.problem.code = ProblemCode::BadRequestData;
    failure
}
