//! `POST /counter/v1/residents/{tsunoId}/consents`

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_consent::Counter;
use utoipa::ToSchema;

use super::{AskedBody, AssistedBody, asked, clerk, read, resident};
use crate::body::Capped;
use crate::consents::ConsentBody;
use crate::{Failure, Gateway, request_id};

/// A consent that a resident gave at the counter.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CounterConsentBody {
    /// What was asked.
    asked: AskedBody,
    /// Who helped, how the resident was identified, and what was read to them. Without it the consent is refused.
    assisted: Option<AssistedBody>,
}

/// Records a consent that a resident, present and identified, gave at the counter
///
/// The clerk, the evidence and the notice stay in the event for good, and the resident sees them. Without the record of assisted mode this is refused, and the
/// attempt is on record.
#[utoipa::path(post, path = "/counter/v1/residents/{tsunoId}/consents", tag = "Counter",
    params(("tsunoId" = String, Path, description = "The resident")),
    request_body = CounterConsentBody,
    responses(
        (status = 201, description = "Given", body = ConsentBody),
        (status = 400, description = "This cannot be consented to", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not staff, or no record of assisted mode with the notice of exactly this", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such resident", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])))]
pub(crate) async fn consent(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let staff = clerk(&gateway, &request, "counter-consent").await?;
    let subject = resident(&gateway, &staff.tenant, &request).await?;
    let form = "{asked: {client, purpose, dataClasses, actions, days, lang}, assisted: {clerk, identity, noticeRead}}";
    let body: CounterConsentBody = read(&gateway, &body, form)?;
    let consent = asked(&gateway, &staff.tenant, &body.asked).await?;
    let (_, new) = gateway.ledger.counter_notice(&consent, &body.asked.lang)?;
    let actor = &staff.actor;
    let assisted = body.assisted.map(|assisted| assisted.record(&staff));
    let by = Counter { actor, request: &request_id::of(&request) };
    let ledger = &gateway.ledger;
    let given = ledger.give_assisted(&staff.tenant, &by, subject, assisted.as_ref(), &new).await?;
    let now = gateway.clock.micros();
    Ok(HttpResponse::Created()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(ConsentBody::new(&given.consent, subject, now, &[])))
}
