//! `/entityOperations/…` (binding 6.14 to 6.18, 6.31): one file for each operation.

mod create;
mod delete;
mod merge;
mod update;
mod upsert;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use std::collections::HashMap;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::value::RawValue;
use tsunagu_broker::{BatchItem, BatchResult, ngsi_problem};
use tsunagu_domain::{Problem, ProblemCode, TenantId};
use tsunagu_ngsi_ld::Context;
use tsunagu_ngsi_ld::parse::{batch, split_context};
use utoipa::ToSchema;

pub(crate) use create::create;
pub(crate) use delete::delete;
pub(crate) use merge::merge;
pub(crate) use update::update;
pub(crate) use upsert::upsert;

// The documentation of each, for the list in `openapi`.
pub(crate) use create::__path_create;
pub(crate) use delete::__path_delete;
pub(crate) use merge::__path_merge;
pub(crate) use update::__path_update;
pub(crate) use upsert::__path_upsert;

use super::entities::echo_tenant;
use super::negotiate;
use crate::body::Capped;
use crate::caller::{Caller, decided_tenant};
use crate::openapi::ProblemBody;
use crate::resource::resource;
use crate::{Failure, Gateway};

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    cfg.service(resource("/entityOperations/create", [(Method::POST, web::post().to(create))]))
        .service(resource("/entityOperations/upsert", [(Method::POST, web::post().to(upsert))]))
        .service(resource("/entityOperations/update", [(Method::POST, web::post().to(update))]))
        .service(resource("/entityOperations/merge", [(Method::POST, web::post().to(merge))]))
        .service(resource("/entityOperations/delete", [(Method::POST, web::post().to(delete))]));
}

/// How many different @contexts one batch may bring along: each may have to be fetched.
const MAX_CONTEXTS: usize = 32;

/// What became of a batch (clause 5.2.16).
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct BatchOperationResult {
    /// Ids of the entities that were done.
    success: Vec<String>,
    /// What failed.
    errors: Vec<BatchEntityError>,
}

/// Why one entity of a batch failed (clause 5.2.17).
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct BatchEntityError {
    /// Its id, if it has one.
    #[serde(rename = "entityId")]
    entity_id: Option<String>,
    /// Why; the pointer begins with its place in the array.
    error: ProblemBody,
}

type Shared = Result<Arc<Context>, Problem>;

/// The entities of the body, each with the @context it is written in (clause 6.3.5): its own in `application/ld+json`, that of the `Link`
/// header otherwise. What is wrong with the @context of one entity concerns that entity alone.
async fn items<'b>(
    gateway: &Gateway,
    request: &HttpRequest,
    body: &'b Capped,
) -> Result<Vec<BatchItem<'b>>, Failure> {
    let ld = negotiate::is_ld(request)?;
    // The array is one level more.
    let text = body.json(gateway.limits.max_depth + 1)?;
    let link = negotiate::link(request)?;
    if ld && link.is_some() {
        let detail =
            "application/ld+json carries its @context in each entity; leave the Link header out";
        return Err(Problem::new(ProblemCode::BadRequestData, detail).at("Link").into());
    }
    let entities = batch(text, gateway.limits.max_batch)?;
    let tenant = decided_tenant(request)?;
    let linked = if ld { Context::core() } else { negotiate::linked(gateway, request).await? };
    let mut known: HashMap<String, Shared> = HashMap::new();
    let mut items = Vec::with_capacity(entities.len());
    for entity in entities {
        let own = split_context(entity).map_err(ngsi_problem);
        let context = match own {
            Ok(Some(local)) if ld => resolved(gateway, &tenant, &mut known, &local).await,
            Ok(None) if !ld => Ok(Arc::clone(&linked)),
            Ok(Some(_)) => Err(Problem::new(
                ProblemCode::BadRequestData,
                "application/json may not carry an @context member; send application/ld+json, or a Link header",
            )
            .at("/@context")),
            Ok(None) => Err(Problem::new(
                ProblemCode::BadRequestData,
                "each entity of application/ld+json needs an @context member; add one, or send application/json",
            )
            .at("/@context")),
            Err(problem) => Err(problem),
        };
        items.push(BatchItem::entity(entity, context));
    }
    Ok(items)
}

/// Resolves each different @context once, also one that cannot be had.
async fn resolved(
    gateway: &Gateway,
    tenant: &TenantId,
    known: &mut HashMap<String, Shared>,
    local: &RawValue,
) -> Shared {
    if let Some(context) = known.get(local.get()) {
        return context.clone();
    }
    if known.len() >= MAX_CONTEXTS {
        return Err(Problem::new(
            ProblemCode::BadRequestData,
            format!("the batch has more than {MAX_CONTEXTS} different @contexts; divide it"),
        )
        .at("/@context"));
    }
    let context = gateway.broker.contexts().of(tenant, local).await;
    known.insert(local.get().to_owned(), context.clone());
    context
}

/// 207 with what failed, or else 201 with the ids of what is new, or 204.
fn answer(caller: &Caller, result: &BatchResult) -> HttpResponse {
    let (status, body) = if !result.errors.is_empty() {
        (StatusCode::MULTI_STATUS, told(result))
    } else if !result.created.is_empty() {
        (StatusCode::CREATED, serde_json::to_vec(&result.created))
    } else {
        let mut response = HttpResponse::NoContent();
        echo_tenant(&mut response, caller);
        return response.finish();
    };
    let mut response = HttpResponse::build(status);
    echo_tenant(&mut response, caller);
    response.content_type("application/json");
    response.body(body.unwrap_or_default())
}

/// The body of a 207.
pub(crate) fn told(result: &BatchResult) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Body<'a> {
        success: &'a [String],
        errors: Vec<Entry<'a>>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Entry<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        entity_id: Option<&'a str>,
        error: Box<RawValue>,
    }
    let mut errors = Vec::with_capacity(result.errors.len());
    for (id, problem) in &result.errors {
        let error = String::from_utf8(problem.body()).unwrap_or_default();
        let error = RawValue::from_string(error)?;
        errors.push(Entry { entity_id: id.as_deref(), error });
    }
    serde_json::to_vec(&Body { success: &result.success, errors })
}
