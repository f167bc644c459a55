//! Query Entities (clause 5.7.2, binding 6.4.3.2).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Asked;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::query::id_pattern;
use tsunagu_ngsi_ld::{Context, Q, Query, TypeSelection};

use super::echo_tenant;
use crate::caller::Caller;
use crate::ngsi_ld::docs::{EntityBody, FilterParams, PageParams, Problems, RepresentationParams};
use crate::ngsi_ld::{BASE, negotiate, representation};
use crate::params::{Params, wrong};
use crate::{Failure, Gateway};

/// Parameters that say which entities are meant.
pub(super) const FILTERS: [&str; 5] = ["id", "type", "idPattern", "q", "local"];
const KNOWN: [&str; 4] = ["limit", "offset", "count", "entityMap"];
/// In the standard, not here yet: told apart from what nobody knows.
pub(super) const NOT_YET: [&str; 12] = [
    "georel",
    "geometry",
    "coordinates",
    "geoproperty",
    "scopeQ",
    "csf",
    "join",
    "joinLevel",
    "containedBy",
    "orderBy",
    "expandValues",
    "jsonKeys",
];
/// Members that every entity has.
const SYSTEM: [&str; 6] = ["id", "type", "scope", "createdAt", "modifiedAt", "expiresAt"];
pub(crate) const DEFAULT_PAGE: usize = 20;

/// Query entities
///
/// What the caller may not see neither matches nor counts nor sorts. Pages are linked by `Link` headers with `rel="next"` and `rel="prev"`.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/entities",
    tag = "NGSI-LD entities",
    params(FilterParams, PageParams, RepresentationParams),
    responses(
        (status = 200, description = "The entities of the page", content((Vec<EntityBody> = "application/json"), (Vec<EntityBody> = "application/ld+json")),
            headers(("NGSILD-Results-Count" = u64, description = "How many match in all, when `count=true`"))),
        Problems,
    ),
    security((), ("bearer" = []))
)]
pub(crate) async fn query(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let media = negotiate::accepted(&request)?;
    let known = [&FILTERS[..], &KNOWN, &representation::KNOWN, &NOT_YET].concat();
    let params = Params::read(&request, &known)?;
    representation::refuse_unbuilt(&params, &NOT_YET)?;
    let context = negotiate::linked(&gateway, &request).await?;
    let options = representation::options(&params, &context, media)?;
    let filter = filter(&params, &context, &options.attrs)?;
    // FiWare clients write the count as an option.
    let count = params.flag("count")? || params.list("options")?.contains(&"count");
    let limit = params.number("limit", DEFAULT_PAGE, gateway.limits.max_page)?;
    let offset = params.number("offset", 0, usize::MAX >> 8)?;
    if limit == 0 && !count {
        return Err(wrong("limit", "may be 0 only with count=true"));
    }
    let asked = Asked { filter, limit, offset, count };
    let listing = gateway.broker.query(&caller.request(), asked, &context, &options).await?;

    let mut response = HttpResponse::Ok();
    negotiate::describe(&mut response, media, &context);
    echo_tenant(&mut response, &caller);
    crate::ngsi_ld::personal(&mut response, listing.ticket.as_ref());
    if let Some(count) = listing.count {
        response.insert_header(("NGSILD-Results-Count", count.to_string()));
    }
    let mut page = |rel: &str, offset: usize| {
        let query = params.with("offset", offset);
        let link = format!("<{BASE}/entities?{query}>; rel=\"{rel}\"; type=\"{}\"", media.name());
        response.append_header((header::LINK, link));
    };
    if offset > 0 && limit > 0 {
        page("prev", offset.saturating_sub(limit));
    }
    if listing.more {
        page("next", offset + limit);
    }
    Ok(response.body(listing.body))
}

/// The entities that the parameters mean; `attrs` are those that one of them must be there. A choice that is too broad is refused (clauses
/// 5.6.21.4, 5.7.2.4).
pub(crate) fn filter(
    params: &Params,
    context: &Context,
    attrs: &[String],
) -> Result<Query, Failure> {
    let ids: Vec<String> = params.list("id")?.into_iter().map(str::to_owned).collect();
    for id in &ids {
        tsunagu_ngsi_ld::parse::check_uri(id).map_err(|error| error.at("id"))?;
    }
    let types = match params.get("type") {
        None | Some("*") => None,
        Some(text) => Some(TypeSelection::parse(text, context)?),
    };
    let pattern = params.get("idPattern").map(id_pattern).transpose()?;
    let q = params.get("q").map(|text| Q::parse(text, context)).transpose()?;
    let local = params.get("local").map(|_| params.flag("local")).transpose()?;
    let every_type = params.get("type") == Some("*");
    if every_type && local == Some(false) {
        let detail = "type=* asks this broker alone, so local cannot be false";
        return Err(Problem::new(ProblemCode::BadRequestData, detail).at("local").into());
    }
    // Clause 5.7.2.4: what every entity has does not narrow a query.
    let narrow = types.is_some()
        || attrs.iter().any(|name| !SYSTEM.contains(&name.as_str()))
        || q.as_ref().is_some_and(|q| !q.is_system());
    if !narrow && !every_type && local != Some(true) {
        let detail = "the query is too broad; give at least one of type, attrs, q, or local=true";
        return Err(Problem::new(ProblemCode::BadRequestData, detail).into());
    }
    Ok(Query { ids, types, id_pattern: pattern, attrs: attrs.to_vec(), q })
}
