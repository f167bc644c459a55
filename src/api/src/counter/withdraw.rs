//! `POST /counter/v1/residents/{tsunoId}/consents/{id}/withdraw`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_consent::Counter;
use tsunagu_store::access::AccessLog as _;
use utoipa::ToSchema;

use super::{AssistedBody, clerk, read, resident};
use crate::actors::staff_reads;
use crate::body::Capped;
use crate::consents::{CONSENT_TYPE, ConsentBody, personal};
use crate::{Failure, Gateway, request_id};

/// A withdrawal at the counter.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CounterWithdrawalBody {
    /// Who helped, and how the resident was identified. Without it the withdrawal is refused.
    assisted: Option<AssistedBody>,
}

/// Takes a consent back for a resident who is present and identified, from the next request on and for good
#[utoipa::path(post, path = "/counter/v1/residents/{tsunoId}/consents/{id}/withdraw", tag = "Counter",
    params(
        ("tsunoId" = String, Path, description = "The resident"),
        ("id" = String, Path, description = "Consent id"),
    ),
    request_body = CounterWithdrawalBody,
    responses(
        (status = 200, description = "The consent as it is now", body = ConsentBody),
        (status = 403, description = "Not staff, or no record of assisted mode", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such consent of this resident", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])))]
pub(crate) async fn withdraw(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let staff = clerk(&gateway, &request, "counter-withdraw").await?;
    let subject = resident(&gateway, &staff.tenant, &request).await?;
    let body: CounterWithdrawalBody = read(&gateway, &body, "{assisted: {clerk, identity}}")?;
    let actor = &staff.actor;
    let assisted = body.assisted.map(|assisted| assisted.record(&staff));
    let by = Counter { actor, request: &request_id::of(&request) };
    let id = request.match_info().get("id").unwrap_or_default();
    let ledger = &gateway.ledger;
    let ended =
        ledger.withdraw_assisted(&staff.tenant, &by, subject, assisted.as_ref(), id).await?;
    if !ended.happened {
        let access = staff_reads(&gateway, by.request, &staff, CONSENT_TYPE, vec![subject]);
        gateway.audit.record(&staff.tenant, &access).await?;
    }
    let now = gateway.clock.micros();
    Ok(personal(&ConsentBody::new(&ended.consent, subject, now, &[])))
}
