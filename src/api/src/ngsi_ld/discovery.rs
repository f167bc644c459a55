//! What the paths of discovery share (clauses 5.7.5 to 5.7.10).

use actix_web::{HttpRequest, HttpResponse};
use tsunagu_broker::Discover;
use tsunagu_ngsi_ld::Context;
use tsunagu_ngsi_ld::parse::check_name;

use super::entities::{echo_tenant, path_part};
use super::negotiate::{self, Media};
use crate::caller::Caller;
use crate::params::Params;
use crate::{Failure, Gateway};

/// All types, or all attributes.
pub(crate) async fn list_of(
    gateway: &Gateway,
    request: &HttpRequest,
    what: impl FnOnce(bool) -> Discover<'static>,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(gateway, request).await?;
    let media = negotiate::accepted(request)?;
    let params = Params::read(request, &["details", "local", "count"])?;
    let (details, count) = (params.flag("details")?, params.flag("count")?);
    params.flag("local")?;
    let context = negotiate::linked(gateway, request).await?;
    answer(gateway, &caller, what(details), media, &context, count).await
}

/// The type or attribute that a part of the path names.
pub(crate) async fn one_of(
    gateway: &Gateway,
    request: &HttpRequest,
    part: &str,
    what: impl FnOnce(&str) -> Discover<'_>,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(gateway, request).await?;
    let media = negotiate::accepted(request)?;
    Params::read(request, &["local"])?.flag("local")?;
    let context = negotiate::linked(gateway, request).await?;
    let name = name(request, part, &context)?;
    answer(gateway, &caller, what(&name), media, &context, false).await
}

/// The name of a type or attribute in the path, expanded.
fn name(request: &HttpRequest, part: &str, context: &Context) -> Result<String, Failure> {
    let name = path_part(request, part)?;
    check_name(&name, context).map_err(|error| error.at(part))?;
    Ok(context.expand(&name).into_owned())
}

/// What is found of `what`.
async fn answer(
    gateway: &Gateway,
    caller: &Caller,
    what: Discover<'_>,
    media: Media,
    context: &Context,
    count: bool,
) -> Result<HttpResponse, Failure> {
    let embed = media == Media::LdJson;
    let found = gateway.broker.discover(&caller.request(), what, context, embed).await?;
    let mut response = HttpResponse::Ok();
    negotiate::describe(&mut response, media, context);
    echo_tenant(&mut response, caller);
    crate::ngsi_ld::personal(&mut response, found.ticket.as_ref());
    if count {
        response.insert_header(("NGSILD-Results-Count", found.count.to_string()));
    }
    Ok(response.body(found.body))
}
