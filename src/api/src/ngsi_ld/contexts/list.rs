//! List @contexts (clause 5.13.3, binding 6.29.3.2).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::ContextKind;

use super::{Details, bad, truth};
use crate::caller::Caller;
use crate::ngsi_ld::docs::Problems;
use crate::ngsi_ld::entities::echo_tenant;
use crate::ngsi_ld::negotiate;
use crate::params::Params;
use crate::{Failure, Gateway};

/// List the @contexts
///
/// Those that are hosted in this tenant, those created implicitly, and the copies of others' that were used in it since the process began.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/jsonldContexts",
    tag = "NGSI-LD @contexts",
    params(
        ("details" = Option<bool>, Query, description = "Whether to tell what is known of each; otherwise URLs alone"),
        ("kind" = Option<String>, Query, description = "`Hosted`, `Cached` or `ImplicitlyCreated`"),
    ),
    responses((status = 200, description = "URLs, or with `details=true` what is known of each", body = Vec<Details>), Problems),
    security((), ("bearer" = []))
)]
pub(crate) async fn list(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let media = negotiate::accepted(&request)?;
    let params = Params::read(&request, &["details", "kind"])?;
    let kind = match params.get("kind") {
        None => None,
        Some("Hosted") => Some(ContextKind::Hosted),
        Some("Cached") => Some(ContextKind::Cached),
        Some("ImplicitlyCreated") => Some(ContextKind::ImplicitlyCreated),
        Some(_) => return Err(bad("kind", "is Hosted, Cached or ImplicitlyCreated")),
    };
    let with_details = truth(&params, "details")?;
    let found = gateway.broker.contexts().list(&caller.view, kind).await?;
    let mut response = HttpResponse::Ok();
    echo_tenant(&mut response, &caller);
    response.content_type(media.name());
    if with_details {
        return Ok(response.json(found.into_iter().map(Details::from).collect::<Vec<_>>()));
    }
    Ok(response.json(found.into_iter().map(|known| known.url).collect::<Vec<_>>()))
}
