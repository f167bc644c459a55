//! `GET /imports/v1/layouts/{layout}/decisions` and `POST /imports/v1/layouts/{layout}/decisions/{id}/withdraw`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use tsunagu_domain::to_iso;
use tsunagu_imports::KeptDecision;
use utoipa::ToSchema;

use super::{object, of_the_town};
use crate::actors::StaffCaller;
use crate::consents::personal;
use crate::{Failure, Gateway};

/// Decisions of one page.
const MOST: usize = 100;

/// The parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionsQuery {
    #[serde(default)]
    after: Option<String>,
}

/// A value that was decided about.
#[derive(Serialize, ToSchema)]
struct DecidedValueBody {
    /// As written; absent in a decision from before it was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<String>,
    /// What is meant; absent when rows with it are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    take: Option<String>,
}

/// A decision that is kept.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeptDecisionBody {
    /// It tells nothing of the value.
    id: String,
    /// Absent in a decision from before it was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    /// Whether rows with the value are refused.
    refused: bool,
    /// For counter and operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<DecidedValueBody>,
    /// The load that it is about alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "juki-12")]
    load: Option<String>,
    /// And its line there.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// The name of the member who decided.
    by: String,
    /// ISO 8601.
    at: String,
}

/// A page of decisions.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeptDecisionsBody {
    decisions: Vec<KeptDecisionBody>,
}

impl From<KeptDecision> for KeptDecisionBody {
    fn from(kept: KeptDecision) -> Self {
        let (load, line) = kept.only.unzip();
        let value =
            kept.value.map(|value| DecidedValueBody { written: value.written, take: value.take });
        Self {
            id: kept.id,
            column: kept.column,
            refused: kept.refused,
            value,
            load: load.map(|load| load.to_string()),
            line,
            by: kept.by,
            at: to_iso(kept.at),
        }
    }
}

/// List decisions that later loads are read by
///
/// Of one layout, in the order of their ids, at most 100 at once. For counter, operators, approvers and auditors; what is written and what is meant is
/// shown to counter and operators alone. The look is an entry in the log of accesses.
#[utoipa::path(get, path = "/imports/v1/layouts/{layout}/decisions", tag = "Imports",
    params(
        ("layout" = String, Path, description = "The name of a layout", example = "juki"),
        ("after" = Option<String>, Query, description = "The last id of the page before"),
    ),
    responses(
        (status = 200, description = "The decisions", body = KeptDecisionsBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not the role, a token, or a page of another site", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such layout, or `after` is no id", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn decisions(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    layout: web::Path<String>,
    query: web::Query<DecisionsQuery>,
) -> Result<HttpResponse, Failure> {
    let what = object("import-decisions-read", &layout);
    let caller = StaffCaller::looking(&gateway, &request, what).await?;
    of_the_town(&gateway, &caller)?;
    let (by, after) = (&caller.acting, query.after.as_deref());
    let decisions = gateway.imports.decisions(by, &layout, after, MOST, true).await?;
    let decisions = decisions.into_iter().map(KeptDecisionBody::from).collect();
    Ok(personal(&KeptDecisionsBody { decisions }))
}

/// Withdraw a decision
///
/// For counter and operators. A load that is not approved yet and was read by it is read again, and its rows wait for a decision. What is published
/// stays as it is.
#[utoipa::path(post, path = "/imports/v1/layouts/{layout}/decisions/{id}/withdraw", tag = "Imports",
    params(
        ("layout" = String, Path, description = "The name of a layout", example = "juki"),
        ("id" = String, Path, description = "The id of the decision"),
    ),
    responses(
        (status = 204, description = "It holds no more"),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not the role, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such decision", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "Something else changed at the same moment", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn withdraw(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (layout, id) = path.into_inner();
    let what = object("import-decision-withdraw", &layout);
    let caller = StaffCaller::of(&gateway, &request, what).await?;
    of_the_town(&gateway, &caller)?;
    gateway.imports.withdraw(&caller.acting, &layout, &id).await?;
    Ok(HttpResponse::NoContent().finish())
}
