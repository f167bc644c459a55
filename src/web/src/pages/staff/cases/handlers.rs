//! The handlers of cases.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tsunagu_audit::Encoding;
use tsunagu_domain::{Problem, ProblemCode, Timestamp};
use tsunagu_staff::{
    Acting, Asked, Case, CaseReason, CaseState, Decision, Extracted, Object, Role,
};

use super::shown::{rows, sections};
use super::{CaseLine, StaffCasePage, StaffCasesPage, StaffOpenPage, StaffReadPage};
use crate::dates;
use crate::locale::Lang;
use crate::staff_visit::StaffVisit;
use crate::visit::{Posted, Shown, Stop, Visit};

/// Kinds of cases, and whose work they are.
pub(super) const KINDS: [(&str, Role); 5] = [
    ("resident", Role::Counter),
    ("search", Role::Counter),
    ("provisions", Role::Auditor),
    ("breach", Role::Auditor),
    ("log-entries", Role::Auditor),
];

/// The fields of the form of this kind.
pub(super) fn fields(kind: &str) -> Vec<&'static str> {
    match kind {
        "resident" => vec!["tsunoId"],
        "search" => vec!["name", "birthDate"],
        "provisions" => vec!["from", "until", "recipient", "person"],
        "breach" => vec!["from", "until", "recipient", "person", "threshold"],
        _ => vec!["index", "limit"],
    }
}

fn object<'a>(act: &'static str, id: &'a str) -> Object<'a> {
    Object::new("urn:tsunagu:type:StaffCase", act, id)
}

/// A reason in words.
fn reason(lang: Lang, reason: CaseReason) -> &'static str {
    let (ja, en) = reason.words();
    match lang {
        Lang::Ja => ja,
        Lang::En => en,
    }
}

fn state(case: &Case, now: Timestamp) -> &'static str {
    match case.state {
        CaseState::Waiting | CaseState::Open if case.is_over(now) => "over",
        CaseState::Waiting => "waiting",
        CaseState::Open => "open",
        CaseState::Denied => "denied",
        CaseState::Closed => "closed",
    }
}

fn line(lang: Lang, case: &Case, now: Timestamp) -> CaseLine {
    CaseLine {
        href: format!("/staff/cases/{}", case.id),
        id: case.id.clone(),
        kind: case.scope.kind(),
        state: state(case, now),
        reason: reason(lang, case.reason).to_owned(),
        by: case.by.name.clone(),
        day: dates::day(lang, case.opened_at),
    }
}

/// `GET /staff/cases`.
pub(crate) async fn list(visit: StaffVisit) -> HttpResponse {
    let shown = all(&visit).await;
    visit.answer(shown)
}

async fn all(visit: &StaffVisit) -> Shown {
    let acting = visit.acting()?;
    let parts = &visit.site.parts;
    let now = parts.clock.micros();
    let found = parts.cases.list(&parts.tenant, &acting).await?;
    let kinds = KINDS.iter().filter(|(_, role)| acting.member.has(&[*role]));
    visit.page(&StaffCasesPage {
        cases: found.iter().map(|case| line(visit.lang, case, now)).collect(),
        kinds: kinds.map(|(kind, _)| *kind).collect(),
    })
}

/// `GET /staff/cases/{id}`.
pub(crate) async fn show(visit: StaffVisit, id: web::Path<String>) -> HttpResponse {
    let shown = one(&visit, &id).await;
    visit.answer(shown)
}

async fn one(visit: &StaffVisit, id: &str) -> Shown {
    let acting = visit.acting()?;
    let parts = &visit.site.parts;
    let now = parts.clock.micros();
    let case = parts.cases.get(&parts.tenant, &acting, id).await?;
    visit.page(&StaffCasePage {
        line: line(visit.lang, &case, now),
        note: case.note.clone(),
        scope: rows(&case.scope),
        hours: case.hours,
        until: dates::day(visit.lang, case.until),
        until_time: dates::time(case.until),
        decided_by: case.verdict.as_ref().map(|verdict| verdict.by.name.clone()),
        may: may(&case, &acting, now),
        csv: matches!(case.scope.kind(), "provisions" | "breach"),
    })
}

/// The buttons; whether the step is taken is decided when one is pressed.
fn may(case: &Case, acting: &Acting, now: Timestamp) -> Vec<&'static str> {
    let own = acting.is(&case.by);
    match (state(case, now), own) {
        ("open", true) => vec!["read", "close"],
        ("waiting", true) => vec!["close"],
        ("waiting", false) if acting.member.has(&[Role::Approver]) => vec!["approve", "deny"],
        _ => Vec::new(),
    }
}

/// `GET /staff/cases/new`: `kind` says which.
pub(crate) async fn ask(visit: StaffVisit) -> HttpResponse {
    let kind = visit.parameter("kind").unwrap_or_default();
    let shown = form(&visit, &kind, None).await;
    visit.answer(shown)
}

async fn form(visit: &StaffVisit, kind: &str, wrong: Option<String>) -> Shown {
    let known = KINDS.iter().find(|(known, _)| *known == kind);
    let (kind, role) = known.ok_or_else(Problem::not_found)?;
    visit.as_one_of(&[*role], object("case-open", "")).await?;
    let words = |each: CaseReason| (each.as_str(), reason(visit.lang, each));
    visit.page(&StaffOpenPage {
        kind,
        fields: fields(kind),
        reasons: CaseReason::ALL.into_iter().map(words).collect(),
        two: *kind != "resident",
        wrong,
    })
}

/// The form of a new case; which fields it has depends on its kind.
pub(crate) type Opening = Vec<(String, String)>;

/// `POST /staff/cases/new`.
pub(crate) async fn open(visit: StaffVisit, form: Posted<Opening>) -> HttpResponse {
    let shown = match form {
        Ok(form) => opened(&visit, &form).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn opened(visit: &StaffVisit, fields: &[(String, String)]) -> Shown {
    let field = |name: &str| {
        let found = fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    };
    visit.posted(field("csrf").unwrap_or_default())?;
    let acting = visit.acting()?;
    let parts = &visit.site.parts;
    let kind = field("kind").ok_or_else(Stop::bad_form)?;
    let asked = serde_json::from_value::<Asked>(scope(kind, field));
    let reason = field("reason").ok_or_else(Stop::bad_form)?;
    let reason = CaseReason::ALL.into_iter().find(|known| known.as_str() == reason);
    let reason = reason.ok_or_else(Stop::bad_form)?;
    let hours = field("hours").and_then(|hours| hours.parse().ok()).unwrap_or(0);
    let asked = match asked {
        Ok(asked) => asked,
        Err(error) => return form(visit, kind, Some(error.to_string())).await,
    };
    let note = field("note").unwrap_or_default();
    match parts.cases.open(&parts.tenant, &acting, reason, note, hours, asked).await {
        Ok(case) => Ok(Visit::see_other(&format!("/staff/cases/{}", case.id)).finish()),
        Err(problem) if problem.code == ProblemCode::BadRequestData => {
            form(visit, kind, Some(problem.detail)).await
        }
        Err(problem) => Err(problem.into()),
    }
}

/// What the fields ask for, as the API has it.
fn scope<'a>(kind: &str, field: impl Fn(&str) -> Option<&'a str>) -> Value {
    let mut scope = Map::from_iter([("kind".to_owned(), json!(kind))]);
    for name in fields(kind) {
        let Some(value) = field(name) else { continue };
        let (name, value) = match name {
            "recipient" => ("recipients", json!([value])),
            "threshold" | "limit" => (name, number(value)),
            "index" => ("from", number(value)),
            _ => (name, json!(value)),
        };
        scope.insert(name.to_owned(), value);
    }
    Value::Object(scope)
}

fn number(text: &str) -> Value {
    text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number))
}

/// The form of what is done to a case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Act {
    csrf: String,
    #[serde(default)]
    note: String,
    /// Of reading: `csv`, or a page.
    #[serde(default)]
    form: String,
}

/// `POST /staff/cases/{id}/{act}`.
pub(crate) async fn act(
    visit: StaffVisit,
    path: web::Path<(String, String)>,
    form: Posted<Act>,
) -> HttpResponse {
    let shown = match form {
        Ok(form) => acted(&visit, &path.0, &path.1, &form).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn acted(visit: &StaffVisit, id: &str, act: &str, form: &Act) -> Shown {
    visit.posted(&form.csrf)?;
    let acting = visit.acting()?;
    let parts = &visit.site.parts;
    let (cases, tenant) = (&parts.cases, &parts.tenant);
    match act {
        "approve" => cases.decide(tenant, &acting, id, Decision::Approve, &form.note).await?,
        "deny" => cases.decide(tenant, &acting, id, Decision::Deny, &form.note).await?,
        "close" => cases.close(tenant, &acting, id).await?,
        "read" => return read(visit, &acting, id, &form.form).await,
        _ => return Err(Problem::not_found().into()),
    }
    Ok(Visit::see_other(&format!("/staff/cases/{id}")).finish())
}

async fn read(visit: &StaffVisit, acting: &Acting, id: &str, form: &str) -> Shown {
    let parts = &visit.site.parts;
    let read = parts.cases.read(&parts.tenant, acting, id).await?;
    let csv = match &read {
        Extracted::Provisions(found) if form == "csv" => Some(found.csv(Encoding::Utf8)),
        Extracted::Breach(found) if form == "csv" => Some(found.csv(Encoding::Utf8)),
        _ => None,
    };
    if let Some(bytes) = csv {
        let file = format!("attachment; filename=\"{id}.csv\"");
        return Ok(crate::security::headers(HttpResponse::Ok(), &[])
            .insert_header((header::CONTENT_DISPOSITION, file))
            .content_type("text/csv; charset=utf-8")
            .body(bytes));
    }
    let more = matches!(&read, Extracted::Search(found) if found.more);
    visit.page(&StaffReadPage {
        href: format!("/staff/cases/{id}"),
        id: id.to_owned(),
        sections: sections(visit.lang, &parts.catalogue, &read),
        more,
    })
}
