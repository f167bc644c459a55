//! Query Entities with the query in a body (clause 5.7.2, binding 6.23.3.1).

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::value::RawValue;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::parse::check_uri;
use tsunagu_ngsi_ld::query::id_pattern;
use tsunagu_ngsi_ld::{Context, Selector, TypeSelection};

use super::search::{PAGES, Search};
use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::docs::{
    EntityBody, FeatureCollectionBody, PageParams, Problems, QueryBody, RepresentationParams,
};
use crate::ngsi_ld::{negotiate, representation};
use crate::params::Params;
use crate::{Failure, Gateway};

/// Selectors in one query.
const MAX_SELECTORS: usize = 100;

/// Query entities by POST
///
/// The same as by GET, with the query in the body: for what is too long for a URL. Pages, `options` and `format` are asked for in the URL.
#[utoipa::path(
    post,
    path = "/ngsi-ld/v1/entityOperations/query",
    tag = "NGSI-LD entities",
    params(PageParams, RepresentationParams),
    request_body(content((QueryBody = "application/json"), (QueryBody = "application/ld+json"))),
    responses(
        (status = 200, description = "The entities of the page",
            content((Vec<EntityBody> = "application/json"), (Vec<EntityBody> = "application/ld+json"), (FeatureCollectionBody = "application/geo+json")),
            headers(("NGSILD-Results-Count" = u64, description = "How many match in all, when `count=true`"))),
        Problems,
    ),
    security((), ("bearer" = []))
)]
pub(crate) async fn query_by_post(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let media = negotiate::accepted_for_entities(&request)?;
    let known = [&PAGES[..], &representation::KNOWN, &["local"]].concat();
    let links = Params::read(&request, &known)?;
    let (text, context) = negotiate::document(&gateway, &request, &body).await?;
    let (mut params, selectors) = read(text, &context)?;
    for (name, value) in links.iter() {
        if params.iter().any(|(seen, _)| seen == name) {
            let detail = "this is both in the body and in the URL; leave one of them out";
            return Err(bad(name, detail));
        }
        params.push((name.clone(), value.clone()));
    }
    let params = Params::of(params)?;
    let page = ("/entityOperations/query", &links);
    let search = Search { params: &params, selectors, page, media, context: &context };
    search.answer(&gateway, &caller, &request).await
}

/// Parameters with their values.
pub(crate) type Said = Vec<(String, String)>;
type Members<'a> = BTreeMap<&'a str, &'a RawValue>;

/// Reads a Query (clause 5.2.23) into the parameters that say the same in a URL, and its selectors.
pub(crate) fn read(text: &str, context: &Context) -> Result<(Said, Vec<Selector>), Failure> {
    let members = object(text, "")?;
    if text_of(&members, "type")?.as_deref() != Some("Query") {
        return Err(bad("/type", "the type of the body is Query"));
    }
    let mut params = Vec::new();
    let mut selectors = Vec::new();
    for (name, value) in &members {
        match *name {
            "type" | "@context" => {}
            "entities" => selectors = self::selectors(value, context)?,
            "attrs" | "pick" | "omit" | "datasetId" | "expandValues" | "jsonKeys"
            | "containedBy" => {
                params.push(((*name).to_owned(), strings(value, &format!("/{name}"))?.join(",")));
            }
            "q" | "csf" | "scopeQ" | "lang" | "join" => {
                params.push(((*name).to_owned(), string(value, &format!("/{name}"))?));
            }
            "joinLevel" | "entityMap" | "local" => {
                params.push(((*name).to_owned(), value.get().to_owned()));
            }
            "geoQ" => {
                let geo = object(value.get(), "/geoQ")?;
                nested(&geo, "geoQ", &GEO, &mut params)?;
            }
            "ordering" => {
                let ordering = object(value.get(), "/ordering")?;
                nested(&ordering, "ordering", &ORDERING, &mut params)?;
            }
            "temporalQ" => {
                let detail = "a temporalQ goes with queries of the temporal evolution only";
                return Err(bad("/temporalQ", detail));
            }
            _ => {
                let detail = "the body has a member that a Query does not have";
                return Err(Problem::new(ProblemCode::BadRequestData, detail).into());
            }
        }
    }
    Ok((params, selectors))
}

/// What a member holds.
#[derive(Clone, Copy)]
enum Holds {
    Text,
    Texts,
    /// An array, or the same as text.
    Coordinates,
}

/// Members of a `GeoQuery` (clause 5.2.13) and the parameters that say the same.
const GEO: [(&str, &str, Holds); 4] = [
    ("georel", "georel", Holds::Text),
    ("geometry", "geometry", Holds::Text),
    ("coordinates", "coordinates", Holds::Coordinates),
    ("geoproperty", "geoproperty", Holds::Text),
];

/// Members of `OrderingParams` (clause 5.2.43), likewise.
const ORDERING: [(&str, &str, Holds); 4] = [
    ("orderBy", "orderBy", Holds::Texts),
    ("collation", "collation", Holds::Text),
    ("coordinates", "orderFrom", Holds::Coordinates),
    ("geometry", "orderGeometry", Holds::Text),
];

fn nested(
    members: &Members<'_>,
    parent: &str,
    known: &[(&str, &str, Holds)],
    params: &mut Said,
) -> Result<(), Failure> {
    for (name, value) in members {
        let Some((_, param, holds)) = known.iter().find(|(member, _, _)| member == name) else {
            return Err(bad(&format!("/{parent}"), "there is a member that is not known here"));
        };
        let place = format!("/{parent}/{name}");
        let text = match holds {
            Holds::Text => string(value, &place)?,
            Holds::Texts => strings(value, &place)?.join(","),
            Holds::Coordinates if value.get().starts_with('[') => value.get().to_owned(),
            Holds::Coordinates => {
                // A text in a geo-query is what earlier versions had; elsewhere it was never allowed.
                let text = string(value, &place)?;
                if parent != "geoQ" {
                    return Err(bad(&place, "coordinates are an array"));
                }
                text
            }
        };
        params.push(((*param).to_owned(), text));
    }
    Ok(())
}

fn selectors(value: &RawValue, context: &Context) -> Result<Vec<Selector>, Failure> {
    let items: Vec<&RawValue> = serde_json::from_str(value.get())
        .map_err(|_| bad("/entities", "this is an array of selectors"))?;
    if items.is_empty() || items.len() > MAX_SELECTORS {
        let detail = format!("there are 1 to {MAX_SELECTORS} selectors");
        return Err(bad("/entities", &detail));
    }
    let each = items.iter().enumerate().map(|(nth, item)| {
        selector(&object(item.get(), &format!("/entities/{nth}"))?, nth, context)
    });
    each.collect()
}

/// Reads an `EntitySelector` (clause 5.2.33).
fn selector(members: &Members<'_>, nth: usize, context: &Context) -> Result<Selector, Failure> {
    let place = |name: &str| format!("/entities/{nth}/{name}");
    if members.keys().any(|name| !["id", "idPattern", "type"].contains(name)) {
        return Err(bad(&format!("/entities/{nth}"), "a selector has id, idPattern and type only"));
    }
    let types = match text_of(members, "type").map_err(|_| bad(&place("type"), "this is a text"))? {
        None => return Err(bad(&place("type"), "a selector has a type; * is any")),
        Some(text) if text == "*" => None,
        Some(text) => {
            let types = TypeSelection::parse(&text, context);
            Some(types.map_err(|error| error.at(place("type")))?)
        }
    };
    let ids = match members.get("id") {
        None => Vec::new(),
        Some(value) if value.get().starts_with('[') => strings(value, &place("id"))?,
        Some(value) => vec![string(value, &place("id"))?],
    };
    for id in &ids {
        check_uri(id).map_err(|error| error.at(place("id")))?;
    }
    let pattern = members.get("idPattern").map(|value| string(value, &place("idPattern")));
    let id_pattern = match pattern.transpose()? {
        None => None,
        Some(text) => Some(id_pattern(&text).map_err(|error| error.at(place("idPattern")))?),
    };
    Ok(Selector { ids, id_pattern, types })
}

fn object<'a>(text: &'a str, place: &str) -> Result<Members<'a>, Failure> {
    // Names with escapes are none that are known.
    serde_json::from_str(text)
        .map_err(|_| bad(place, "this is a JSON object, its names written without escapes"))
}

fn text_of(members: &Members<'_>, name: &str) -> Result<Option<String>, Failure> {
    members.get(name).map(|value| string(value, &format!("/{name}"))).transpose()
}

fn string(value: &RawValue, place: &str) -> Result<String, Failure> {
    serde_json::from_str(value.get()).map_err(|_| bad(place, "this is a text"))
}

/// One text or more.
fn strings(value: &RawValue, place: &str) -> Result<Vec<String>, Failure> {
    let wrong = || bad(place, "this is an array of texts, not empty");
    let texts: Vec<String> = serde_json::from_str(value.get()).map_err(|_| wrong())?;
    if texts.is_empty() { Err(wrong()) } else { Ok(texts) }
}

fn bad(place: &str, detail: &str) -> Failure {
    Problem::new(ProblemCode::BadRequestData, detail).at(place).into()
}

#[cfg(test)]
mod tests {
    use tsunagu_ngsi_ld::Context;

    use super::read;

    #[test]
    fn a_body_says_what_parameters_say() {
        let body = r#"{"type":"Query","entities":[{"type":"A|B","id":["urn:x:1","urn:x:2"]},{"type":"*","idPattern":"^urn"}],
            "attrs":["a","b"],"q":"a>1","scopeQ":"/a","lang":"ja","@context":"http://x.example/",
            "geoQ":{"georel":"within","geometry":"Point","coordinates":[1, 2],"geoproperty":"place"},
            "ordering":{"orderBy":["a;desc","b"],"collation":"ja","coordinates":[3,4],"geometry":"Point"}}"#;
        let (params, selectors) = read(body, &Context::core()).ok().unwrap();
        let get = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        for (name, value) in [
            ("attrs", "a,b"),
            ("q", "a>1"),
            ("scopeQ", "/a"),
            ("lang", "ja"),
            ("georel", "within"),
            ("coordinates", "[1, 2]"),
            ("geoproperty", "place"),
            ("orderBy", "a;desc,b"),
            ("orderFrom", "[3,4]"),
            ("orderGeometry", "Point"),
            ("collation", "ja"),
        ] {
            assert_eq!(get(name), Some(value), "{name}");
        }
        assert_eq!(params.len(), 12);
        assert_eq!(selectors.len(), 2);
        assert_eq!(selectors[0].ids, ["urn:x:1", "urn:x:2"]);
        assert!(selectors[1].types.is_none() && selectors[1].id_pattern.is_some());
    }

    #[test]
    fn broken_bodies_are_refused() {
        for (members, place) in [
            (r#""type":"NotQuery""#, "/type"),
            (r#""type":["Query"]"#, "/type"),
            (r#""entities":[]"#, "/entities"),
            (r#""entities":{}"#, "/entities"),
            (r#""entities":[{"id":"urn:x:1"}]"#, "/entities/0/type"),
            (r#""entities":[{"type":5}]"#, "/entities/0/type"),
            (r#""entities":[{"type":"A"},{"type":"A","id":"no uri"}]"#, "/entities/1/id"),
            (r#""entities":[{"type":"A","id":["urn:x:1",5]}]"#, "/entities/0/id"),
            (r#""entities":[{"type":"A","idPattern":"("}]"#, "/entities/0/idPattern"),
            (r#""entities":[{"type":"A","more":1}]"#, "/entities/0"),
            (r#""attrs":[]"#, "/attrs"),
            (r#""attrs":"a""#, "/attrs"),
            (r#""q":42"#, "/q"),
            (r#""geoQ":"near""#, "/geoQ"),
            (r#""geoQ":{"georel":1}"#, "/geoQ/georel"),
            (r#""geoQ":{"coordinates":5}"#, "/geoQ/coordinates"),
            (r#""geoQ":{"more":5}"#, "/geoQ"),
            (r#""ordering":{"coordinates":"8,40"}"#, "/ordering/coordinates"),
            (r#""ordering":{"geometry":5}"#, "/ordering/geometry"),
            (r#""temporalQ":{}"#, "/temporalQ"),
        ] {
            let kind = if members.starts_with("\"type\"") { "" } else { r#""type":"Query","# };
            let failure = read(&format!("{{{kind}{members}}}"), &Context::core()).err().unwrap();
            assert_eq!(failure.problem.pointer.as_deref(), Some(place), "{members}");
        }
        assert!(read(r#"{"type":"Query","more":1}"#, &Context::core()).is_err());
        assert!(read("[]", &Context::core()).is_err());
    }
}
