//! A resident's own values, read through the broker, which writes the look down.

use actix_web::http::StatusCode;
use serde_json::{Map, Value};
use tsunagu_broker::{Asked, Request};
use tsunagu_consent::Delegation;
use tsunagu_domain::{Problem, ProblemCode, TsunoId};
use tsunagu_identity::Session;
use tsunagu_ngsi_ld::{Context, Format, Query, RenderOptions, TypeSelection};
use tsunagu_store::access::{Access, AccessLog as _, Action, Decision};

use crate::pages::error::Kind;
use crate::visit::{Stop, Visit};

/// The attributes (expanded names) of the resident's own Person entity, by their short names. Empty when there is no such entity.
pub(crate) async fn person(
    visit: &Visit,
    session: &Session,
    attributes: Vec<String>,
) -> Result<Map<String, Value>, Problem> {
    let view = visit.site.own_view(session)?;
    let request = Request { view: &view, id: &visit.id };
    let options =
        RenderOptions { format: Format::Simplified, attrs: attributes, ..RenderOptions::default() };
    let urn = session.tsuno_id.urn();
    let context = Context::core();
    let read = visit.site.parts.broker.retrieve(&request, &urn, &context, &options);
    match read.await {
        Ok(answer) => serde_json::from_slice(&answer.body).map_err(|_| {
            Problem::new(ProblemCode::InternalError, "an entity is not a json object")
        }),
        Err(problem) if problem.code == ProblemCode::ResourceNotFound => Ok(Map::new()),
        Err(problem) => Err(problem),
    }
}

/// What is kept about a resident and is no entity: how it is called in the record of access, and by people.
pub(crate) const RECORDS: [(&str, InWords); 10] = [
    COINS,
    CONSENTS,
    SHARE_CODES,
    DELEGATIONS,
    DELETIONS,
    ACCESS_LOG,
    IDENTITY_REVIEWS,
    LINK_REVIEWS,
    STAFF_CASES,
    AUDIT_ENTRIES,
];
/// The Japanese and the English words.
type InWords = (&'static str, &'static str);
/// Decisions about coins.
pub(crate) const COINS: (&str, InWords) =
    ("urn:tsunagu:type:Coins", ("つのコインの記録", "the record of Tsuno Coins"));
/// Consents.
pub(crate) const CONSENTS: (&str, InWords) =
    ("urn:tsunagu:type:Consent", ("同意の記録", "records of consent"));
/// Who may act for them.
pub(crate) const DELEGATIONS: (&str, InWords) =
    ("urn:tsunagu:type:Delegation", ("代わりの方の登録", "who may act for you"));
/// Codes by which they share.
pub(crate) const SHARE_CODES: (&str, InWords) =
    ("urn:tsunagu:type:ShareCode", ("共有コードの記録", "share codes"));
/// Orders to delete.
pub(crate) const DELETIONS: (&str, InWords) = (
    "urn:tsunagu:type:DeletionOrder",
    ("情報を消すように求めた記録", "orders to delete your information"),
);
/// The record of access itself.
pub(crate) const ACCESS_LOG: (&str, InWords) =
    ("urn:tsunagu:type:AccessLog", ("だれが見たかの記録", "the record of access"));

/// Who somebody is, for a person at the counter to decide.
const IDENTITY_REVIEWS: (&str, InWords) = (
    "urn:tsunagu:type:IdentityReview",
    ("窓口での本人確認の記録", "what the counter decides about who you are"),
);
/// Whose municipal record it is, for a person at the counter to decide.
const LINK_REVIEWS: (&str, InWords) = (
    "urn:tsunagu:type:LinkReview",
    ("窓口での住民記録の確認の記録", "what the counter decides about your municipal record"),
);

/// Why staff look, whose data, until when.
const STAFF_CASES: (&str, InWords) =
    ("urn:tsunagu:type:StaffCase", ("役場の用件の記録", "the record of a case at the town hall"));
/// Entries of the log, as auditors read them.
const AUDIT_ENTRIES: (&str, InWords) =
    ("urn:tsunagu:type:AuditEntry", ("監査用の利用の記録", "entries of the audit log"));

/// Writes down that the resident looks at one of these records; before the page is answered.
pub(crate) async fn looks_at(
    visit: &Visit,
    session: &Session,
    (record, _): (&str, InWords),
    count: usize,
) -> Result<(), Problem> {
    let why = if visit.delegation().is_some() { "delegation" } else { "own-data" };
    let actor = visit.by(session).actor();
    let access = Access {
        count: u64::try_from(count).unwrap_or(u64::MAX),
        ..access(visit, actor, session.tsuno_id, record, why)
    };
    let parts = &visit.site.parts;
    parts.audit.record(&parts.tenant, &access).await.map(|_| ())
}

/// The record of the resident adding to one of these records.
pub(crate) fn writes(visit: &Visit, session: &Session, (record, _): (&str, InWords)) -> Access {
    let actor = visit.by(session).actor();
    let access = access(visit, actor, session.tsuno_id, record, "own-data");
    Access { action: Action::Write, count: 1, ..access }
}

/// The refusal of a delegate of what is not theirs to do, once it is written down that they tried; that it could not be, if so.
pub(crate) async fn not_for_delegates(
    visit: &Visit,
    delegation: &Delegation,
    changes: bool,
) -> Stop {
    let why = "not-for-delegates";
    let access = Access {
        action: if changes { Action::Consent } else { Action::Read },
        decision: Decision::Denied,
        ..access(visit, delegation.actor(), delegation.principal, CONSENTS.0, why)
    };
    let parts = &visit.site.parts;
    match parts.audit.record(&parts.tenant, &access).await {
        Ok(_) => Stop::Message(StatusCode::FORBIDDEN, Kind::NotForOthers),
        Err(unrecorded) => unrecorded.into(),
    }
}

/// A look at such a record that told nothing.
fn access(visit: &Visit, actor: String, subject: TsunoId, record: &str, why: &str) -> Access {
    Access {
        at: visit.site.parts.clock.micros(),
        request: visit.id.clone(),
        actor,
        subjects: vec![subject],
        purpose: None,
        grant: None,
        grant_version: None,
        action: Action::Read,
        types: vec![record.to_owned()],
        attributes: Vec::new(),
        decision: Decision::Allowed,
        reason: why.to_owned(),
        count: 0,
    }
}

/// How many entities of this (expanded) type are about the resident.
pub(crate) async fn count(
    visit: &Visit,
    session: &Session,
    entity_type: &str,
) -> Result<u64, Problem> {
    let view = visit.site.own_view(session)?;
    let request = Request { view: &view, id: &visit.id };
    let filter =
        Query { types: Some(TypeSelection::Type(entity_type.to_owned())), ..Query::default() };
    let asked = Asked { filter, limit: 0, offset: 0, count: true, order: None };
    let options = RenderOptions::default();
    let found = visit.site.parts.broker.query(&request, asked, &Context::core(), &options).await?;
    Ok(found.count.unwrap_or(0))
}

/// A value in words: a text, a number, a date, or the texts of an address in their order.
pub(crate) fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(members) => match members.get("@value") {
            Some(value) => words(value),
            None => joined(members.values()),
        },
        Value::Array(items) => joined(items.iter()),
        Value::Null | Value::Bool(_) => None,
    }
}

fn joined<'a>(values: impl Iterator<Item = &'a Value>) -> Option<String> {
    let texts: Vec<String> = values.filter_map(words).collect();
    if texts.is_empty() { None } else { Some(texts.join(" ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::words;

    #[test]
    fn values_are_put_into_words() {
        let address =
            json!({"prefecture": "宮崎県", "city": "児湯郡都農町", "streetAddress": "大字川北1"});
        assert_eq!(words(&address).unwrap(), "宮崎県 児湯郡都農町 大字川北1");
        assert_eq!(words(&json!({"@type": "Date", "@value": "1950-04-01"})).unwrap(), "1950-04-01");
        assert_eq!(words(&json!(6200)).unwrap(), "6200");
        assert_eq!(words(&json!("")), None);
        assert_eq!(words(&json!({})), None);
    }
}
