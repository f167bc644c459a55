//! `/consents/v1/{id}/deletion` and `GET /consents/v1/deletions`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_consent::DeletionOrder;
use tsunagu_domain::{Problem, ProblemCode, Timestamp, to_iso};
use tsunagu_store::access::AccessLog;
use utoipa::ToSchema;

use super::{id, own, personal};
use crate::actors::{Party, staff};
use crate::params::Params;
use crate::{Failure, Gateway, request_id};

/// What deletion orders are called in records of access.
const DELETION_TYPE: &str = "DeletionOrder";

/// What a client owes after a consent ended. Times are ISO 8601.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeletionBody {
    id: String,
    /// The consent that ended.
    consent: String,
    client: String,
    /// `withdrawn`, `expired`, `narrowed`, `revoked`.
    reason: &'static str,
    /// Codes of data classes.
    data_classes: Vec<String>,
    /// `owed` until the client has taken the order, `taken` until it says that it is done, `done`.
    state: &'static str,
    ordered_at: String,
    delete_by: String,
    /// Whether the client is late.
    overdue: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    done_at: Option<String>,
}

impl DeletionBody {
    fn new(order: &DeletionOrder, now: Timestamp) -> Self {
        Self {
            id: order.id.clone(),
            consent: order.consent.clone(),
            client: order.client.to_string(),
            reason: order.reason.as_str(),
            data_classes: order.classes().into_iter().map(str::to_owned).collect(),
            state: order.state().as_str(),
            ordered_at: to_iso(order.ordered_at),
            delete_by: to_iso(order.delete_by),
            overdue: order.overdue(now),
            taken_at: order.taken_at.map(to_iso),
            done_at: order.done_at.map(to_iso),
        }
    }
}

/// Orders that are not done, what is due first first.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeletionsBody {
    deletions: Vec<DeletionBody>,
}

/// The deletion order that the end of a consent brought about
#[utoipa::path(get, path = "/consents/v1/{id}/deletion", tag = "Consents",
    params(("id" = String, Path, description = "Consent id")),
    responses(
        (status = 200, description = "The order and how far it is", body = DeletionBody),
        (status = 404, description = "Nothing was ordered, or the consent is not one's own", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])))]
pub(crate) async fn deletion(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let party = Party::of(&gateway, &request).await?;
    let consent = own(&gateway, &party, id(&request)).await?;
    let order = gateway.ledger.deletion(party.tenant(), &consent.id).await?;
    let order = order.ok_or_else(Problem::not_found)?;
    let access = party.reads(&gateway, DELETION_TYPE, vec![order.subject]);
    gateway.audit.record(party.tenant(), &access).await?;
    Ok(personal(&DeletionBody::new(&order, gateway.clock.micros())))
}

/// Says that what was ordered is deleted
///
/// For a client that did not say so when it took the order. Repeating it changes nothing.
#[utoipa::path(post, path = "/consents/v1/{id}/deletion", tag = "Consents",
    params(("id" = String, Path, description = "Consent id: `grant_id` of the event")),
    responses(
        (status = 200, description = "The order as it is now", body = DeletionBody),
        (status = 403, description = "Only the client says so", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Nothing was ordered of this client", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])))]
pub(crate) async fn deleted(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let party = Party::of(&gateway, &request).await?;
    let consent = id(&request);
    let Party::Client(caller) = &party else {
        let detail = "that data was deleted is said by the client that had it";
        return Err(Failure::new(ProblemCode::Forbidden, detail));
    };
    own(&gateway, &party, consent).await?;
    let done = gateway.ledger.acknowledge_deletion(
        &caller.tenant,
        &caller.client.id,
        &caller.request_id,
        consent,
    );
    Ok(personal(&DeletionBody::new(&done.await?, gateway.clock.micros())))
}

/// Deletion orders that are not done, for the town hall: what is overdue comes first
#[utoipa::path(get, path = "/consents/v1/deletions", tag = "Consents",
    params(("limit" = Option<u64>, Query, description = "At most so many; 100 by default, 1000 at most")),
    responses(
        (status = 200, description = "The one due first first; persons are not named", body = DeletionsBody),
        (status = 403, description = "Not a token of staff", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])))]
pub(crate) async fn deletions(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let staff = staff(&gateway, &request).await?;
    let limit = Params::read(&request, &["limit"])?.number("limit", 100, 1000)?;
    let orders = gateway.ledger.open_deletions(&staff.tenant, limit).await?;
    // Persons are not named, yet each order is about one: it is on their record.
    let access = crate::actors::staff_reads(
        &gateway,
        &request_id::of(&request),
        &staff,
        DELETION_TYPE,
        orders.iter().map(|order| order.subject).collect(),
    );
    gateway.audit.record(&staff.tenant, &access).await?;
    let now = gateway.clock.micros();
    let deletions = orders.iter().map(|order| DeletionBody::new(order, now)).collect();
    Ok(personal(&DeletionsBody { deletions }))
}
