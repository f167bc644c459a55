//! `GET /me/consents`

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_consent::Wish;

use crate::actors::{Party, SessionCaller};
use crate::consents::{ConsentsBody, listed};
use crate::{Failure, Gateway};

/// One's own consents, as `/consents/v1` in a session
#[utoipa::path(get, path = "/me/consents", tag = "Residents",
    params(
        ("Tsunagu-Acting-For" = Option<String>, Header, description = "Id of the delegation under which one acts for another"),
        ("offset" = Option<u64>, Query, description = "Leaving out so many of the newest"),
        ("limit" = Option<u64>, Query, description = "At most so many; 100 by default, 1000 at most"),
    ),
    responses(
        (status = 200, description = "Newest first", body = ConsentsBody),
        (status = 401, description = "No session, or too weak a login", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn consents(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let party = Party::Resident(SessionCaller::acting(&gateway, &request, Wish::Look).await?);
    listed(&gateway, &request, &party).await
}
