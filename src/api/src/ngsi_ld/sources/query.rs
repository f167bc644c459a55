//! Query Context Source Registrations (clause 5.10.2, binding 6.8.3.2).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::parse::{check_name, check_uri};
use tsunagu_ngsi_ld::query::id_pattern;
use tsunagu_ngsi_ld::source::{Discovery, TemporalQuery, render};
use tsunagu_ngsi_ld::{Context, Q, ScopeQ, TypeSelection};

use super::{RegistrationBody, shape};
use crate::caller::Caller;
use crate::ngsi_ld::docs::Problems;
use crate::ngsi_ld::entities::{echo_tenant, geo};
use crate::ngsi_ld::{BASE, negotiate};
use crate::params::{Params, wrong};
use crate::{Failure, Gateway};

const KNOWN: [&str; 19] = [
    "id",
    "type",
    "idPattern",
    "attrs",
    "q",
    "csf",
    "georel",
    "geometry",
    "coordinates",
    "geoproperty",
    "scopeQ",
    "timerel",
    "timeAt",
    "endTimeAt",
    "timeproperty",
    "limit",
    "offset",
    "count",
    "options",
];
const DEFAULT_PAGE: usize = 20;

/// Find context sources
///
/// Registrations whose information may have what is asked for. They are a directory: requests are not forwarded to the sources.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/csourceRegistrations",
    tag = "NGSI-LD context sources",
    params(
        ("id" = Option<String>, Query, description = "Ids of entities, comma-separated"),
        ("type" = Option<String>, Query, description = "Types of entities (clause 4.17)"),
        ("idPattern" = Option<String>, Query, description = "A regular expression for ids of entities"),
        ("attrs" = Option<String>, Query, description = "Attributes, comma-separated"),
        ("q" = Option<String>, Query, description = "Conditions on Context Source Properties (clause 4.9)"),
        ("csf" = Option<String>, Query, description = "Context source filter (clause 4.9)"),
        ("georel" = Option<String>, Query, description = "Relation to `geometry` with `coordinates` (clause 4.10)"),
        ("geometry" = Option<String>, Query, description = "Type of the geometry"),
        ("coordinates" = Option<String>, Query, description = "Coordinates of the geometry, JSON"),
        ("geoproperty" = Option<String>, Query, description = "`location` when left out"),
        ("scopeQ" = Option<String>, Query, description = "Scopes of what the source has (clause 4.19)"),
        ("timerel" = Option<String>, Query, description = "`before`, `after` or `between`"),
        ("timeAt" = Option<String>, Query, description = "A `DateTime`"),
        ("endTimeAt" = Option<String>, Query, description = "A `DateTime`, for `between`"),
        ("timeproperty" = Option<String>, Query, description = "`observedAt`, `createdAt`, `modifiedAt` or `deletedAt`"),
        ("limit" = Option<u32>, Query, description = "Page size, 0 to 1000; 0 only with `count=true`"),
        ("offset" = Option<u32>, Query, description = "Registrations to leave out first"),
        ("count" = Option<bool>, Query, description = "Whether to count all that match, in `NGSILD-Results-Count`"),
        ("options" = Option<String>, Query, description = "`sysAttrs` shows when each was created and changed"),
    ),
    responses(
        (status = 200, description = "The registrations of the page", content((Vec<RegistrationBody> = "application/json"), (Vec<RegistrationBody> = "application/ld+json")),
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
    let params = Params::read(&request, &KNOWN)?;
    let shape = shape(&caller, &params, media)?;
    let context = negotiate::linked(&gateway, &request).await?;
    let discovery = discovery(&params, &context)?;
    let count = params.flag("count")? || params.list("options")?.contains(&"count");
    let limit = params.number("limit", DEFAULT_PAGE, gateway.limits.max_page)?;
    let offset = params.number("offset", 0, usize::MAX >> 8)?;
    if limit == 0 && !count {
        return Err(wrong("limit", "may be 0 only with count=true"));
    }
    let page = gateway.sources.query(&caller.view, &discovery, offset, limit).await?;

    let mut response = HttpResponse::Ok();
    negotiate::describe(&mut response, media, &context);
    echo_tenant(&mut response, &caller);
    if count {
        response.insert_header(("NGSILD-Results-Count", page.count.to_string()));
    }
    let mut link = |rel: &str, offset: usize| {
        let query = params.with("offset", offset);
        let media = media.name();
        let link =
            format!("<{BASE}/csourceRegistrations?{query}>; rel=\"{rel}\"; type=\"{media}\"");
        response.append_header((header::LINK, link));
    };
    if offset > 0 && limit > 0 {
        link("prev", offset.saturating_sub(limit));
    }
    if limit > 0 && page.count > offset.saturating_add(limit) {
        link("next", offset + limit);
    }
    let all = page.registrations.iter().map(|found| render(found, &context, shape));
    Ok(response.body(Value::Array(all.collect()).to_string()))
}

fn discovery(params: &Params, context: &Context) -> Result<Discovery, Failure> {
    let ids: Vec<String> = params.list("id")?.into_iter().map(str::to_owned).collect();
    for id in &ids {
        check_uri(id).map_err(|error| error.at("id"))?;
    }
    let types = match params.get("type") {
        None | Some("*") => None,
        Some(text) => Some(TypeSelection::parse(text, context)?),
    };
    let attrs = params.list("attrs")?.into_iter().map(|name| {
        check_name(name, context).map_err(|error| error.at("attrs"))?;
        Ok::<_, Failure>(context.expand(name).into_owned())
    });
    let condition = |name: &str| {
        let read = |text| Q::parse(text, context).map_err(|error| error.at(name));
        let found = params.get(name).map(read).transpose()?;
        if found.as_ref().is_some_and(|q| q.depth() > 0) {
            let detail = "a source has properties, not relationships that could be followed";
            return Err(Problem::new(ProblemCode::BadRequestData, detail).at(name).into());
        }
        Ok::<_, Failure>(found)
    };
    let discovery = Discovery {
        ids,
        id_pattern: params.get("idPattern").map(id_pattern).transpose()?,
        types,
        attrs: attrs.collect::<Result<_, _>>()?,
        q: condition("q")?,
        csf: condition("csf")?,
        geo: geo(params, context)?,
        scope: params.get("scopeQ").map(ScopeQ::parse).transpose()?,
        temporal: TemporalQuery::read(|name| params.get(name))?,
    };
    let narrow = params.get("type").is_some()
        || !discovery.attrs.is_empty()
        || !discovery.ids.is_empty()
        || discovery.id_pattern.is_some()
        || discovery.q.is_some()
        || discovery.geo.is_some()
        || discovery.scope.is_some();
    if !narrow {
        let detail = "the query is too broad; give at least one of type, attrs, id, idPattern, q, georel, scopeQ";
        return Err(Problem::new(ProblemCode::BadRequestData, detail).into());
    }
    Ok(discovery)
}
