//! Purge Entities (clause 5.6.21, binding 6.4.3.3).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Purge;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::Context;

use super::echo_tenant;
use super::search::{FILTERS, NOT_YET, filter};
use crate::caller::Caller;
use crate::ngsi_ld::batch::{BatchOperationResult, told};
use crate::ngsi_ld::docs::{FilterParams, Problems};
use crate::ngsi_ld::{negotiate, representation};
use crate::params::Params;
use crate::{Failure, Gateway};

/// Purge entities
///
/// Deletes every entity that matches and that the caller may delete; with `drop` or `keep`, only attributes of them.
#[utoipa::path(
    delete,
    path = "/ngsi-ld/v1/entities",
    tag = "NGSI-LD entities",
    params(
        FilterParams,
        ("attrs" = Option<String>, Query, description = "Only entities with one of these attributes"),
        ("drop" = Option<String>, Query, description = "Attributes to delete; the entities stay"),
        ("keep" = Option<String>, Query, description = "Attributes not to delete; the entities stay"),
    ),
    responses(
        (status = 204, description = "All that matched is deleted and durable"),
        (status = 207, description = "Some failed; the body says which and why", body = BatchOperationResult),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn purge(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let known = [&FILTERS[..], &["attrs", "keep", "drop"], &NOT_YET].concat();
    let params = Params::read(&request, &known)?;
    representation::refuse_unbuilt(&params, &NOT_YET)?;
    let context = negotiate::linked(&gateway, &request).await?;
    let attrs = representation::members(&params, "attrs", &context)?;
    let what = what(&params, &context)?;
    let filter = filter(&params, &context, &attrs, Vec::new())?;
    let done = gateway.broker.purge(&caller.request(), filter, &what).await?;
    if done.errors.is_empty() {
        let mut response = HttpResponse::NoContent();
        echo_tenant(&mut response, &caller);
        return Ok(response.finish());
    }
    let mut response = HttpResponse::MultiStatus();
    echo_tenant(&mut response, &caller);
    response.content_type("application/json");
    Ok(response.body(told(&done).unwrap_or_default()))
}

fn what(params: &Params, context: &Context) -> Result<Purge, Failure> {
    let kept = representation::members(params, "keep", context)?;
    let dropped = representation::members(params, "drop", context)?;
    match (kept.is_empty(), dropped.is_empty()) {
        (true, true) => Ok(Purge::Entities),
        (true, false) => Ok(Purge::Drop(dropped)),
        (false, true) => Ok(Purge::Keep(kept)),
        (false, false) => {
            let detail =
                "attributes are either kept or dropped; leave one of the two parameters out";
            Err(Problem::new(ProblemCode::BadRequestData, detail).at("drop").into())
        }
    }
}
