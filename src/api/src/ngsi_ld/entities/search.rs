//! What both ways of querying entities share (clause 5.7.2): from parameters to a query, and from its answer to a response.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use tsunagu_broker::Asked;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::parse::check_name;
use tsunagu_ngsi_ld::query::{Order, OrderText, id_pattern};
use tsunagu_ngsi_ld::{Context, GeoQuery, Q, Query, ScopeQ, Selector, TypeSelection};

use super::{echo_tenant, shown_as};
use crate::caller::Caller;
use crate::ngsi_ld::negotiate::{self, Media, Preferences};
use crate::ngsi_ld::{BASE, representation};
use crate::params::{Params, wrong};
use crate::{Failure, Gateway};

/// Parameters that say which entities are meant.
pub(super) const FILTERS: [&str; 13] = [
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
    "local",
];
/// Parameters that say in which order they come.
pub(super) const ORDERS: [&str; 4] = ["orderBy", "orderFrom", "orderGeometry", "collation"];
/// Parameters of pages.
pub(super) const PAGES: [&str; 3] = ["limit", "offset", "count"];
/// In the standard, not here yet: told apart from what nobody knows.
pub(super) const NOT_YET: [&str; 1] = ["entityMap"];
/// Members that every entity has.
const SYSTEM: [&str; 6] = ["id", "type", "scope", "createdAt", "modifiedAt", "expiresAt"];
pub(crate) const DEFAULT_PAGE: usize = 20;
/// To order entities, as many as stand before the end of the page are held in memory.
const MAX_ORDERED: usize = 10_000;

/// A query as it came.
pub(super) struct Search<'a> {
    /// What is asked for, how it is to be shown, and which page of it.
    pub(super) params: &'a Params,
    /// The selectors in a body.
    pub(super) selectors: Vec<Selector>,
    /// The path behind [`BASE`], and the parameters in the URL, for the links to other pages.
    pub(super) page: (&'static str, &'a Params),
    pub(super) media: Media,
    pub(super) context: &'a Context,
}

impl Search<'_> {
    /// Answers it.
    pub(super) async fn answer(
        self,
        gateway: &Gateway,
        caller: &Caller,
        request: &HttpRequest,
    ) -> Result<HttpResponse, Failure> {
        let Self { params, selectors, page: (path, links), media, context } = self;
        representation::refuse_unbuilt(params, &NOT_YET)?;
        let preferences = Preferences::of(request);
        let options = representation::of_entities(params, context, media, preferences)?;
        let filter = filter(params, context, &options.attrs, selectors)?;
        let order = order(params, context)?;
        // FiWare clients write the count as an option.
        let count = params.flag("count")? || params.list("options")?.contains(&"count");
        let limit = params.number("limit", DEFAULT_PAGE, gateway.limits.max_page)?;
        let offset = params.number("offset", 0, usize::MAX >> 8)?;
        if limit == 0 && !count {
            return Err(wrong("limit", "may be 0 only with count=true"));
        }
        if order.is_some() && offset.saturating_add(limit) > MAX_ORDERED {
            let rule = format!("and limit together are at most {MAX_ORDERED} with orderBy");
            return Err(wrong("offset", &rule));
        }
        let asked = Asked { filter, limit, offset, count, order };
        let listing = gateway.broker.query(&caller.request(), asked, context, &options).await?;

        let mut response = shown_as(listing.amended);
        negotiate::describe(&mut response, media, context);
        preferences.applied(&mut response, media);
        echo_tenant(&mut response, caller);
        crate::ngsi_ld::personal(&mut response, listing.ticket.as_ref());
        if let Some(count) = listing.count {
            response.insert_header(("NGSILD-Results-Count", count.to_string()));
        }
        let mut page = |rel: &str, offset: usize| {
            let query = links.with("offset", offset);
            let link = format!("<{BASE}{path}?{query}>; rel=\"{rel}\"; type=\"{}\"", media.name());
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
}

/// The entities that the parameters mean: `attrs` are those that one of them must be there, `any_of` the selectors in a body. A choice that is
/// too broad is refused (clauses 5.6.21.4, 5.7.2.4).
pub(crate) fn filter(
    params: &Params,
    context: &Context,
    attrs: &[String],
    any_of: Vec<Selector>,
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
    let q = condition(params, context)?;
    if let Some(text) = params.get("csf") {
        // There are no other sources to choose from, but what is wrong is wrong (clause 5.7.2.4).
        Q::parse(text, context).map_err(|error| error.at("csf"))?;
    }
    let geo = geo(params, context)?;
    let scope = params.get("scopeQ").map(ScopeQ::parse).transpose()?;
    let local = params.get("local").map(|_| params.flag("local")).transpose()?;
    let every_type = params.get("type") == Some("*");
    if every_type && local == Some(false) {
        return Err(bad("local", "type=* asks this broker alone, so local cannot be false"));
    }
    // Clause 5.7.2.4: what every entity has does not narrow a query.
    let narrow = types.is_some()
        || !any_of.is_empty()
        || geo.is_some()
        || attrs.iter().any(|name| !SYSTEM.contains(&name.as_str()))
        || q.as_ref().is_some_and(|q| !q.is_system());
    if !narrow && !every_type && local != Some(true) {
        let detail =
            "the query is too broad; give at least one of type, attrs, q, georel, or local=true";
        return Err(Problem::new(ProblemCode::BadRequestData, detail).into());
    }
    let attrs = attrs.to_vec();
    Ok(Query { ids, types, id_pattern: pattern, attrs, any_of, q, geo, scope })
}

/// The condition `q`, read as `expandValues` and `jsonKeys` want it.
fn condition(params: &Params, context: &Context) -> Result<Option<Q>, Failure> {
    let names = |name: &str| -> Result<Vec<String>, Failure> {
        let terms = params.list(name)?.into_iter().map(|term| {
            check_name(term, context).map_err(|error| error.at(name))?;
            Ok(context.expand(term).into_owned())
        });
        terms.collect()
    };
    let (mut expand, literal) = (names("expandValues")?, names("jsonKeys")?);
    expand.retain(|name| !literal.contains(name));
    let q = params.get("q").map(|text| Q::parse_expanding(text, context, &expand));
    let q = q.transpose()?;
    q.as_ref().map_or(Ok(()), |q| representation::reaches(params, q))?;
    Ok(q)
}

pub(crate) fn geo(params: &Params, context: &Context) -> Result<Option<GeoQuery>, Failure> {
    let parts = ["georel", "geometry", "coordinates"].map(|name| params.get(name));
    match parts {
        [None, None, None] => Ok(None),
        [Some(georel), Some(geometry), Some(coordinates)] => {
            let property = params.get("geoproperty").filter(|name| !name.is_empty());
            let query = GeoQuery::parse(georel, geometry, coordinates, property, context)?;
            Ok(Some(query))
        }
        _ => Err(bad("georel", "a geo-query has georel, geometry and coordinates, all three")),
    }
}

fn order(params: &Params, context: &Context) -> Result<Option<Order>, Failure> {
    let order_by: Vec<&str> = match params.get("orderBy") {
        Some(text) => text.split(',').collect(),
        None => Vec::new(),
    };
    let text = OrderText {
        order_by: &order_by,
        collation: params.get("collation"),
        from: params.get("orderFrom"),
        geometry: params.get("orderGeometry"),
    };
    let order = Order::parse(&text, context)?;
    Ok((!order_by.is_empty()).then_some(order))
}

fn bad(place: &str, detail: &str) -> Failure {
    Problem::new(ProblemCode::BadRequestData, detail).at(place).into()
}
