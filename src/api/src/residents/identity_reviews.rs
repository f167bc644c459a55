//! `GET /admin/v1/identity-reviews`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_domain::to_iso;
use tsunagu_identity::{Decided, Doubt, IdentityReview};
use tsunagu_store::access::AccessLog as _;
use utoipa::ToSchema;

use super::{IDENTITY_REVIEW, counter, looked_at};
use crate::params::Params;
use crate::{Failure, Gateway, request_id};

/// Somebody whom a provider vouched for, and who could not be let in without a person looking.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct IdentityReviewBody {
    /// What the person was told to say at the counter.
    reference: String,
    /// The identity provider they came through.
    provider: String,
    /// `address`: whether it is in the town; `person`: whether it is one of the candidates.
    #[schema(value_type = String)]
    doubt: Doubt,
    /// Tsuno IDs of residents who it may be.
    candidates: Vec<String>,
    /// ISO 8601.
    since: String,
    /// What was decided, once it was.
    #[schema(value_type = Option<Object>)]
    decided: Option<Decided>,
}

/// A page of them.
#[derive(Serialize, ToSchema)]
pub(super) struct IdentityReviewsBody {
    reviews: Vec<IdentityReviewBody>,
}

impl From<IdentityReview> for IdentityReviewBody {
    fn from(review: IdentityReview) -> Self {
        Self {
            reference: review.reference,
            provider: review.provider,
            doubt: review.doubt,
            candidates: review.candidates.iter().map(ToString::to_string).collect(),
            since: to_iso(review.since),
            decided: review.decided,
        }
    }
}

/// Who waits for a person at the counter to say who they are, or that they live here
///
/// The look is in the access log of every resident named.
#[utoipa::path(get, path = "/admin/v1/identity-reviews", tag = "Residents",
    params(
        ("limit" = Option<usize>, Query, description = "At most so many; 100 by default"),
        ("after" = Option<String>, Query, description = "The last reference of the previous page"),
    ),
    responses(
        (status = 200, description = "In no particular order", body = IdentityReviewsBody),
        (status = 403, description = "Not staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = [])))]
pub(crate) async fn identity_reviews(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let staff = counter(&gateway, &request, IDENTITY_REVIEW, "identity-reviews", "").await?;
    let params = Params::read(&request, &["limit", "after"])?;
    let limit = params.number("limit", 100, gateway.limits.max_page)?.max(1);
    let found =
        gateway.residents.identity_reviews(&staff.tenant, params.get("after"), limit).await?;
    let named = found.iter().flat_map(|review| review.candidates.iter().copied()).collect();
    let id = request_id::of(&request);
    let access = looked_at(&gateway, &staff, id, IDENTITY_REVIEW, named);
    let ticket = gateway.audit.record(&staff.tenant, &access).await?;
    let mut response = HttpResponse::Ok();
    crate::ngsi_ld::personal(&mut response, Some(&ticket));
    let reviews = found.into_iter().map(IdentityReviewBody::from).collect();
    Ok(response.json(IdentityReviewsBody { reviews }))
}
