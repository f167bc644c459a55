//! `/entities` and `/entities/{entityId}`: one file for each verb.

mod create;
mod delete;
mod merge;
mod purge;
mod query;
mod query_by_post;
mod replace;
mod retrieve;
mod search;

use actix_web::{HttpResponse, HttpResponseBuilder};

pub(crate) use create::create;
pub(crate) use delete::delete;
pub(crate) use merge::merge;
pub(crate) use purge::purge;
pub(crate) use query::query;
pub(crate) use query_by_post::{query_by_post, read as read_query};
pub(crate) use replace::replace;
pub(crate) use retrieve::retrieve;
pub(crate) use search::{DEFAULT_PAGE, filter, geo};

// The documentation of each, for the list in `openapi`.
pub(crate) use create::__path_create;
pub(crate) use delete::__path_delete;
pub(crate) use merge::__path_merge;
pub(crate) use purge::__path_purge;
pub(crate) use query::__path_query;
pub(crate) use query_by_post::__path_query_by_post;
pub(crate) use replace::__path_replace;
pub(crate) use retrieve::__path_retrieve;

use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::{Context, TypeSelection};

use crate::Failure;
use crate::caller::{Caller, TENANT_HEADER};
use crate::params::Params;

/// The id of the entity in the path.
pub(crate) fn entity_id(request: &actix_web::HttpRequest) -> Result<String, Failure> {
    let id = path_part(request, "entityId")?;
    tsunagu_ngsi_ld::parse::check_uri(&id).map_err(|error| error.at("entityId"))?;
    Ok(id)
}

/// The types that the entity must have to be meant (clause 4.17), if the request says so.
pub(crate) fn selection(
    params: &Params,
    context: &Context,
) -> Result<Option<TypeSelection>, Failure> {
    let text = params.get("type").filter(|text| *text != "*");
    Ok(text.map(|text| TypeSelection::parse(text, context)).transpose()?)
}

/// 200, or 203 when the answer is amended for an earlier version of the specification (clause 4.3.6.8).
pub(crate) fn shown_as(amended: bool) -> HttpResponseBuilder {
    if amended { HttpResponse::NonAuthoritativeInformation() } else { HttpResponse::Ok() }
}

/// The answer to an operation on one entity whose id was left out.
pub(crate) async fn without_id() -> Result<HttpResponse, Failure> {
    let detail = "the path has no entity id; it belongs behind /entities/";
    Err(Problem::new(ProblemCode::BadRequestData, detail).at("entityId").into())
}

/// A part of the path, decoded.
pub(crate) fn path_part(request: &actix_web::HttpRequest, name: &str) -> Result<String, Failure> {
    let raw = request.match_info().get(name).unwrap_or_default();
    // What the router left encoded (such as %2F) is decoded here; broken encodings cannot name anything.
    let decoded = percent_decode(raw);
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    text.filter(|text| !text.is_empty()).ok_or_else(|| {
        crate::params::wrong(name, "in the path is not correctly percent-encoded UTF-8")
    })
}

fn percent_decode(raw: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
            let value = digit(bytes.next())? * 16 + digit(bytes.next())?;
            out.push(u8::try_from(value).ok()?);
        } else {
            out.push(byte);
        }
    }
    Some(out)
}

/// Every answer repeats the tenant header that came (clause 6.3.14).
pub(crate) fn echo_tenant(response: &mut HttpResponseBuilder, caller: &Caller) {
    if let Some(tenant) = &caller.tenant_header {
        response.insert_header((TENANT_HEADER, tenant.as_str()));
    }
}

/// 204, or 207 with what could not be done (clause 5.2.18, names expanded).
pub(crate) fn updated(caller: &Caller, updated: &tsunagu_broker::Updated) -> HttpResponse {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        updated: &'a [String],
        not_updated: Vec<NotUpdated<'a>>,
    }
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct NotUpdated<'a> {
        attribute_name: &'a str,
        reason: &'a str,
    }
    if updated.not_updated.is_empty() {
        let mut response = HttpResponse::NoContent();
        echo_tenant(&mut response, caller);
        return response.finish();
    }
    let body = Body {
        updated: &updated.updated,
        not_updated: updated
            .not_updated
            .iter()
            .map(|(name, reason)| NotUpdated { attribute_name: name, reason })
            .collect(),
    };
    let mut response = HttpResponse::MultiStatus();
    echo_tenant(&mut response, caller);
    response.json(body)
}
