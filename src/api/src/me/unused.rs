//! `GET /me/unused-consents`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_consent::{Part, UNUSED_DAYS, Wish};
use tsunagu_domain::Problem;
use tsunagu_store::access::AccessLog as _;
use utoipa::ToSchema;

use crate::actors::SessionCaller;
use crate::consents::{ConsentBody, personal};
use crate::params::Params;
use crate::{Failure, Gateway};

/// Consents are looked at up to so many.
const MOST: usize = 1000;

/// Consents that nobody used.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UnusedBody {
    /// They were given at least so many days ago.
    unused_days: u32,
    /// In force and never used since. One may withdraw them: `/consents/v1/{id}/withdraw`.
    consents: Vec<ConsentBody>,
}

/// One's own consents in force that no service has used since they were given, a month ago or longer
#[utoipa::path(get, path = "/me/unused-consents", tag = "Residents",
    params(("Tsunagu-Acting-For" = Option<String>, Header, description = "Id of the delegation under which one acts for another")),
    responses(
        (status = 200, description = "Newest first", body = UnusedBody),
        (status = 401, description = "No session, or too weak a login", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "A delegation that does not let one see this", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn unused(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::acting(&gateway, &request, Wish::See).await?;
    Params::read(&request, &[])?;
    let (tenant, subject) = (&caller.tenant, caller.subject());
    let part = Part { offset: 0, limit: MOST };
    let listed = gateway.ledger.of_subject(tenant, subject, part).await?;
    let uses = gateway.audit.last_uses(tenant, subject).await.map_err(Problem::from)?;
    let now = gateway.clock.micros();
    let unused = |consent: &&tsunagu_consent::Consent| consent.unused(now, uses.get(&consent.id));
    let consents: Vec<_> = listed
        .consents
        .iter()
        .filter(unused)
        .map(|consent| ConsentBody::new(consent, subject, now, &[]))
        .collect();
    let access = caller.reads_own(&gateway, "Consent", consents.len());
    gateway.audit.record(tenant, &access).await?;
    Ok(personal(&UnusedBody { unused_days: UNUSED_DAYS, consents }))
}
