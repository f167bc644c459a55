//! New names of residents for old ones, after the key of a sector was changed.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use tsunagu_consent::Part;
use tsunagu_domain::{Problem, TsunoId, to_iso};
use tsunagu_identity::{ErrorCode, Form, OAuthError};
use tsunagu_store::access::AccessLog as _;
use utoipa::ToSchema;

use super::endpoints::OAuthErrorBody;
use super::{OAuthFailure, answer, form};
use crate::body::Capped;
use crate::consents::CONSENT_TYPE;
use crate::{Gateway, actors, request_id};

/// A request for new names.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct NamesForm {
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`
    client_assertion_type: String,
    /// As for a pushed request, with a jti of its own.
    client_assertion: String,
    /// So many of one's consents are passed over.
    offset: Option<u32>,
    /// So many of them are looked at, 1000 at most and without it.
    limit: Option<u32>,
}

/// A resident's name as it was and as it is.
#[derive(Serialize, ToSchema)]
struct NamesBody {
    /// The live consent by which the client knows them.
    consent: String,
    /// The name before the key was changed.
    #[schema(value_type = String)]
    earlier: TsunoId,
    /// The name now.
    #[schema(value_type = String)]
    current: TsunoId,
}

/// New names for old ones.
#[derive(Serialize, ToSchema)]
pub(crate) struct AllNamesBody {
    /// How many consents the client has, of whatever state: there are no more behind `offset` and `limit` beyond them.
    total: u64,
    /// Until when the earlier names are understood; absent when they are not, and there are no names then.
    #[serde(rename = "earlierUntil", skip_serializing_if = "Option::is_none")]
    earlier_until: Option<String>,
    names: Vec<NamesBody>,
}

/// Get new names of residents for old ones
///
/// After the town changed the key of a sector, its clients know residents by new identifiers. Until the old ones are not understood any more, a client
/// can ask for both names of every resident whose consent it has at that moment.
#[utoipa::path(post, path = "/oauth/pairwise-ids", tag = "Authorization",
    request_body(content = NamesForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Both names of each resident", body = AllNamesBody),
        (status = 400, description = "Refused", body = OAuthErrorBody),
        (status = 401, description = "The client did not prove who it is", body = OAuthErrorBody),
    ))]
pub(crate) async fn names(
    gateway: Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, OAuthFailure> {
    let form = form(&request, &body)?;
    let client = gateway.authorization.client_of(&form).await?;
    let part = Part { offset: number(&form, "offset", 0)?, limit: number(&form, "limit", 1_000)? };
    let told = tell(&gateway, &request, &client.id, &client.sector, part).await;
    Ok(answer(StatusCode::OK, &told.map_err(OAuthError::from)?))
}

async fn tell(
    gateway: &Gateway,
    request: &HttpRequest,
    client: &tsunagu_domain::ClientId,
    sector: &str,
    part: Part,
) -> Result<AllNamesBody, Problem> {
    let (tenant, now) = (gateway.authorization.tenant(), gateway.clock.micros());
    let state = gateway.clients.sectors().state(tenant, sector).await?;
    let listed = gateway.ledger.of_client(tenant, client, part).await?;
    let mut told = Vec::new();
    let mut subjects: Vec<TsunoId> = Vec::new();
    for consent in listed.consents.iter().filter(|consent| consent.live_at(now)) {
        let names = gateway.authorization.names(client, consent.subject).await?;
        if let Some((earlier, current)) = names {
            told.push(NamesBody { consent: consent.id.clone(), earlier, current });
            subjects.push(consent.subject);
        }
    }
    let (actor, count) = (format!("client:{client}"), subjects.len());
    let id = request_id::of(request);
    let access = actors::read(gateway, &id, actor, subjects, CONSENT_TYPE, "pairwise-ids", count);
    gateway.audit.record(tenant, &access).await?;
    let earlier_until = state.earlier_until.map(to_iso);
    Ok(AllNamesBody { total: listed.total, earlier_until, names: told })
}

fn number(form: &Form, name: &str, default: usize) -> Result<usize, OAuthError> {
    let Some(text) = form.get(name) else { return Ok(default) };
    let number = text.parse::<usize>().ok().filter(|number| name == "offset" || *number <= 1_000);
    number.ok_or_else(|| {
        let detail = format!("the parameter '{name}' is not a whole number in its bounds");
        OAuthError::new(ErrorCode::InvalidRequest, detail)
    })
}
