//! Register Context Source (clause 5.9.2, binding 6.8.3.1).

use actix_web::{HttpRequest, HttpResponse, web};

use super::RegistrationBody;
use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::asked::created;
use crate::ngsi_ld::docs::Problems;
use crate::ngsi_ld::negotiate;
use crate::params::Params;
use crate::{Failure, Gateway};

/// What whoever registers a source must know (clause 6.3.17).
const WARNING: &str =
    "199 tsunagu \"registered for discovery only: this broker forwards no requests to sources\"";

/// Register a context source
///
/// The registration is checked, kept and found by those who look for sources. **Requests are not forwarded to it**: this broker answers from
/// what it has itself, which the answer says once more in `NGSILD-Warning`. Only clients with `manages_sources` may register.
#[utoipa::path(
    post,
    path = "/ngsi-ld/v1/csourceRegistrations",
    tag = "NGSI-LD context sources",
    request_body(content((RegistrationBody = "application/json"), (RegistrationBody = "application/ld+json"))),
    responses(
        (status = 201, description = "Registered and durable", headers(
            ("Location" = String, description = "Path of the registration"),
            ("NGSILD-Warning" = String, description = "That nothing is forwarded"),
        )),
        (status = 409, description = "The id is taken, or another source or an entity here contradicts it", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn register(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    Params::read(&request, &[])?;
    caller.view.may_manage_sources()?;
    let (text, context) = negotiate::document(&gateway, &request, &body).await?;
    let id = gateway.sources.register(&caller.view, text, &context).await?;
    let mut response = created(&caller, "csourceRegistrations", &id);
    response.insert_header(("NGSILD-Warning", WARNING));
    Ok(response.finish())
}
