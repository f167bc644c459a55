//! `GET /admin/v1/link-reviews`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_domain::{TsunoId, to_iso};
use tsunagu_identity::ReviewReason;
use tsunagu_store::access::AccessLog as _;
use utoipa::ToSchema;

use super::{LINK_REVIEW, counter, looked_at};
use crate::params::{Params, wrong};
use crate::{Failure, Gateway, request_id};

/// A resident whose municipal record a person must find.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LinkReviewBody {
    /// Who.
    tsuno_id: String,
    /// `none`: no record agrees on anything; `uncertain`: some do, but not well enough; `several` agree well enough; `ended`: the one that does says
    /// that the person left or died.
    #[schema(value_type = String)]
    reason: ReviewReason,
    /// Entity ids of records that agree on something, the best first.
    candidates: Vec<String>,
    /// How well each of them agrees, 0 to 100, in the same order.
    scores: Vec<u8>,
    /// ISO 8601.
    since: String,
}

/// A page of them.
#[derive(Serialize, ToSchema)]
pub(super) struct LinkReviewsBody {
    reviews: Vec<LinkReviewBody>,
}

/// Whose municipal record could not be found with certainty
///
/// The look is in the access log of every resident named.
#[utoipa::path(get, path = "/admin/v1/link-reviews", tag = "Residents",
    params(
        ("limit" = Option<usize>, Query, description = "At most so many; 100 by default"),
        ("after" = Option<String>, Query, description = "The last Tsuno ID of the previous page"),
    ),
    responses(
        (status = 200, description = "In no particular order", body = LinkReviewsBody),
        (status = 403, description = "Not staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = [])))]
pub(crate) async fn link_reviews(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let staff = counter(&gateway, &request, LINK_REVIEW, "link-reviews", "").await?;
    let params = Params::read(&request, &["limit", "after"])?;
    let limit = params.number("limit", 100, gateway.limits.max_page)?.max(1);
    let after = params.get("after").map(str::parse::<TsunoId>).transpose();
    let after = after.map_err(|_| wrong("after", "is a Tsuno ID"))?;
    let found = gateway.residents.reviews(&staff.tenant, after, limit).await?;
    let named = found.iter().map(|review| review.tsuno_id).collect();
    let id = request_id::of(&request);
    let access = looked_at(&gateway, &staff, id, LINK_REVIEW, named);
    let ticket = gateway.audit.record(&staff.tenant, &access).await?;
    let mut response = HttpResponse::Ok();
    crate::ngsi_ld::personal(&mut response, Some(&ticket));
    let reviews = found.into_iter().map(|review| LinkReviewBody {
        tsuno_id: review.tsuno_id.to_string(),
        reason: review.reason,
        candidates: review.candidates,
        scores: review.scores,
        since: to_iso(review.since),
    });
    Ok(response.json(LinkReviewsBody { reviews: reviews.collect() }))
}
