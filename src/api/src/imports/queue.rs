//! `GET /imports/v1/loads/{id}/queue`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use tsunagu_imports::Item;
use utoipa::ToSchema;

use super::{load_of, object};
use crate::actors::StaffCaller;
use crate::consents::personal;
use crate::{Failure, Gateway};

/// Rows of one page.
const MOST: usize = 100;

/// The parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueQuery {
    #[serde(default)]
    after: u64,
}

/// A value that waits.
#[derive(Serialize, ToSchema)]
struct QuestionBody {
    column: String,
    #[schema(example = "gaiji")]
    rule: &'static str,
    /// What is written.
    written: String,
    /// What may have been meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    repair: Option<String>,
}

/// A row that waits.
#[derive(Serialize, ToSchema)]
pub(crate) struct ItemBody {
    /// Its line in the file, from 1.
    line: u64,
    questions: Vec<QuestionBody>,
}

/// A page of the queue.
#[derive(Serialize, ToSchema)]
pub(crate) struct QueueBody {
    items: Vec<ItemBody>,
}

impl From<Item> for ItemBody {
    fn from(item: Item) -> Self {
        let questions = item.questions.into_iter().map(|question| QuestionBody {
            column: question.column,
            rule: question.rule,
            written: question.written,
            repair: question.repair,
        });
        Self { line: item.line, questions: questions.collect() }
    }
}

/// Read the values of a load that a person has to decide about
///
/// For counter and operators. Only the columns in question are shown, at most 100 rows at once. The look is an entry in the log of accesses.
#[utoipa::path(get, path = "/imports/v1/loads/{id}/queue", tag = "Imports",
    params(
        ("id" = String, Path, description = "Layout and number", example = "juki-12"),
        ("after" = Option<u64>, Query, description = "The last line of the page before"),
    ),
    responses(
        (status = 200, description = "Rows in the order of their lines", body = QueueBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not the role, a token, or a page of another site", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such load", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn queue(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    query: web::Query<QueueQuery>,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::looking(&gateway, &request, object("import-queue-read", &id)).await?;
    let id = load_of(&gateway, &caller, &id)?;
    let items = gateway.imports.queue(&caller.acting, &id, query.after, MOST).await?;
    Ok(personal(&QueueBody { items: items.into_iter().map(ItemBody::from).collect() }))
}
