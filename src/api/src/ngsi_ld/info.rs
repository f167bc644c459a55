//! Retrieve Context Source Identity (clause 5.15.1, 5.2.40, binding 6.33).

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_domain::to_iso;
use tsunagu_ngsi_ld::Context;
use utoipa::ToSchema;

use super::docs::Problems;
use super::entities::echo_tenant;
use super::negotiate;
use crate::caller::Caller;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Who this broker is, for brokers that forward to it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceIdentity {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Names this broker and tenant where loops are looked for.
    context_source_alias: String,
    /// How long the process runs, an ISO 8601 duration.
    context_source_uptime: String,
    /// The broker's time, a `DateTime` in UTC.
    context_source_time_at: String,
    #[serde(rename = "@context", skip_serializing_if = "Option::is_none")]
    context: Option<&'static str>,
}

/// Which broker this is
///
/// The name under which this broker and tenant appear where loops of forwarding are looked for, how long the process runs, and its time.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/info/sourceIdentity",
    tag = "NGSI-LD entities",
    responses((status = 200, description = "Name, uptime and time", body = SourceIdentity), Problems),
    security((), ("bearer" = []))
)]
pub(crate) async fn source_identity(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let media = negotiate::accepted(&request)?;
    Params::read(&request, &[])?;
    let host = gateway.base_url.split_once("://").map_or("", |(_, host)| host);
    let alias = format!("{}-{}", host.replace([':', '/'], "-"), caller.view.tenant());
    let now = gateway.clock.micros();
    let embed = media == negotiate::Media::LdJson;
    let identity = SourceIdentity {
        id: format!("urn:ngsi-ld:ContextSourceIdentity:{alias}"),
        kind: "ContextSourceIdentity",
        context_source_alias: alias,
        context_source_uptime: format!("PT{}S", (now - gateway.started).max(0) / 1_000_000),
        context_source_time_at: to_iso(now),
        context: embed.then_some(tsunagu_ngsi_ld::CORE_CONTEXT_URL),
    };
    let mut response = HttpResponse::Ok();
    negotiate::describe(&mut response, media, &Context::core());
    echo_tenant(&mut response, &caller);
    Ok(response.body(serde_json::to_vec(&identity).unwrap_or_default()))
}
