//! `POST /counter/v1/delegations/{id}/end`

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_consent::Counter;
use tsunagu_store::access::{Access, AccessLog as _};

use super::clerk;
use crate::actors::staff_reads;
use crate::consents::personal;
use crate::me::delegations::{DELEGATION_TYPE, DelegationBody};
use crate::{Failure, Gateway, request_id};

/// Ends a delegation at the counter, from the next request on
///
/// E.g. when the authority of a guardian has ended. Repeating it changes nothing.
#[utoipa::path(post, path = "/counter/v1/delegations/{id}/end", tag = "Counter",
    params(("id" = String, Path, description = "Id of the delegation")),
    responses(
        (status = 200, description = "The delegation as it is now", body = DelegationBody),
        (status = 403, description = "Not staff", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such delegation", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])))]
pub(crate) async fn end(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let staff = clerk(&gateway, &request, "counter-end").await?;
    let actor = &staff.actor;
    let by = Counter { actor, request: &request_id::of(&request) };
    let id = request.match_info().get("id").unwrap_or_default();
    let now = gateway.clock.micros();
    let before = gateway.ledger.delegation(&staff.tenant, id).await?;
    let over = before.is_some_and(|delegation| !delegation.live_at(now));
    let ended = gateway.ledger.end_at_counter(&staff.tenant, &by, id).await?;
    if over {
        // Nothing happened: the answer is a look, of both whom it names.
        let both = vec![ended.principal, ended.delegate];
        let access =
            Access { count: 1, ..staff_reads(&gateway, by.request, &staff, DELEGATION_TYPE, both) };
        gateway.audit.record(&staff.tenant, &access).await?;
    }
    Ok(personal(&DelegationBody::new(&ended, now)))
}
