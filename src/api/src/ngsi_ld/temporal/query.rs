//! Query Temporal Evolution of Entities (clause 5.7.4, binding 6.18.3.2).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::AskedEvolutions;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::{Context, Selector};

use super::{ask, cover};
use crate::caller::Caller;
use crate::ngsi_ld::docs::{
    FilterParams, PageParams, Problems, RepresentationParams, TemporalBody,
};
use crate::ngsi_ld::entities::{DEFAULT_PAGE, echo_tenant, filter};
use crate::ngsi_ld::{BASE, negotiate, representation};
use crate::params::{Params, wrong};
use crate::{Failure, Gateway};

const KNOWN: [&str; 17] = [
    "id",
    "type",
    "idPattern",
    "q",
    "georel",
    "geometry",
    "coordinates",
    "geoproperty",
    "scopeQ",
    "csf",
    "expandValues",
    "jsonKeys",
    "limit",
    "offset",
    "count",
    "local",
    "orderBy",
];
/// In the standard, not here yet.
const NOT_YET: [&str; 1] = ["entityMap"];

/// Query the temporal evolution of entities
///
/// Conditions on values hold of any instance within the interval. What the caller may not see neither matches nor counts; deleted entities are
/// found too. Pages are linked by `Link` headers.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/temporal/entities",
    tag = "NGSI-LD temporal evolution",
    params(FilterParams, PageParams, ask::TemporalParams, RepresentationParams),
    responses(
        (status = 200, description = "The entities of the page over time", content((Vec<TemporalBody> = "application/json"), (Vec<TemporalBody> = "application/ld+json")),
            headers(("NGSILD-Results-Count" = u64, description = "How many match in all, when `count=true`"))),
        (status = 206, description = "There was too much: the part of the time that `Content-Range` names", headers(("Content-Range" = String, description = "`date-time`, from, to, number"))),
        Problems,
    ),
    security((), ("bearer" = []))
)]
pub(crate) async fn query(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let known = [&KNOWN[..], &ask::KNOWN, &representation::KNOWN, &NOT_YET].concat();
    let params = Params::read(&request, &known)?;
    let context = negotiate::linked(&gateway, &request).await?;
    let asked = Asked { params: &params, selectors: Vec::new(), links: &params };
    answer(&gateway, &request, &caller, asked, &context, "/temporal/entities").await
}

/// A query as it came.
pub(super) struct Asked<'a> {
    pub(super) params: &'a Params,
    /// The selectors in a body.
    pub(super) selectors: Vec<Selector>,
    /// The parameters in the URL, for the links to other pages.
    pub(super) links: &'a Params,
}

/// The answer to a query, however it came.
pub(super) async fn answer(
    gateway: &Gateway,
    request: &HttpRequest,
    caller: &Caller,
    asked: Asked<'_>,
    context: &Context,
    path: &str,
) -> Result<HttpResponse, Failure> {
    let Asked { params, selectors, links } = asked;
    let media = negotiate::accepted(request)?;
    representation::refuse_unbuilt(params, &NOT_YET)?;
    let (temporal, options) = ask::read(gateway, params, context, media)?;
    let filter = filter(params, context, &options.attrs, selectors)?;
    if temporal.query.relation.is_none() {
        let detail = "a temporal query needs an interval; add timerel and timeAt";
        return Err(Problem::new(ProblemCode::BadRequestData, detail).at("timerel").into());
    }
    let by_id = match params.get("orderBy") {
        None => None,
        Some("id" | "id;asc") => Some(false),
        Some("id;desc") => Some(true),
        Some(_) => {
            let detail = "a temporal query can be ordered by id only, ascending or descending";
            return Err(Problem::new(ProblemCode::BadRequestData, detail).at("orderBy").into());
        }
    };
    let count = params.flag("count")? || params.list("options")?.contains(&"count");
    let limit = params.number("limit", DEFAULT_PAGE, gateway.limits.max_page)?;
    let offset = params.number("offset", 0, usize::MAX >> 8)?;
    if limit == 0 && !count {
        return Err(wrong("limit", "may be 0 only with count=true"));
    }
    let asked = AskedEvolutions { filter, by_id, limit, offset, count };
    let broker = &gateway.broker;
    let page =
        broker.query_evolutions(&caller.request(), asked, &temporal, context, &options).await?;

    let mut response = HttpResponse::Ok();
    negotiate::describe(&mut response, media, context);
    echo_tenant(&mut response, caller);
    crate::ngsi_ld::personal(&mut response, page.evolved.ticket.as_ref());
    cover(&mut response, page.evolved.part);
    if let Some(count) = page.count {
        response.insert_header(("NGSILD-Results-Count", count.to_string()));
    }
    let mut link = |rel: &str, offset: usize| {
        let query = links.with("offset", offset);
        let link = format!("<{BASE}{path}?{query}>; rel=\"{rel}\"; type=\"{}\"", media.name());
        response.append_header((header::LINK, link));
    };
    if offset > 0 && limit > 0 {
        link("prev", offset.saturating_sub(limit));
    }
    if page.more && limit > 0 {
        link("next", offset + limit);
    }
    Ok(response.body(page.evolved.body))
}
