//! The handlers: which loads are shown, and what is done to them.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_imports::{Answer, Item, Load, LoadId, LoadState};
use tsunagu_staff::{Acting, Role};

use super::{
    ImportStepView, LayoutLine, LoadLine, QueueLine, StaffImportPage, StaffImportQueuePage,
    StaffImportsPage, layout_href, points,
};
use crate::dates;
use crate::staff_visit::StaffVisit;
use crate::visit::{Posted, Shown, Stop, Visit};

/// Rows of one page of the queue.
const SHOWN: usize = 50;

/// The numbers of rows, in the order shown.
pub(super) const COUNTS: [&str; 6] =
    ["rows", "accepted", "to-decide", "refused", "warnings", "unidentified"];
/// The numbers of records, in the order shown.
pub(super) const CHANGES: [&str; 4] = ["added", "changed", "ended", "unchanged"];
/// Rules that a person decides about.
pub(super) const RULES: [&str; 7] = [
    "gaiji",
    "character-reference",
    "number-damaged",
    "zeros-lost",
    "date-serial",
    "date-two-digit-year",
    "date-era-code",
];

fn id(text: &str) -> Result<LoadId, Problem> {
    text.parse().map_err(|()| Problem::not_found())
}

fn href(id: &LoadId) -> String {
    format!("/staff/imports/{id}")
}

/// `GET /staff/imports`.
pub(crate) async fn list(visit: StaffVisit) -> HttpResponse {
    let shown = all(&visit).await;
    visit.answer(shown)
}

async fn all(visit: &StaffVisit) -> Shown {
    let acting = visit.acting()?;
    let loads = visit.site.parts.imports.list(&acting).await?;
    let line = |load: Load| LoadLine {
        href: href(&load.id()),
        id: load.id().to_string(),
        state: load.state.as_str(),
        to_decide: load.counts.to_decide,
        file: load.file,
    };
    let layouts = visit.site.parts.imports.layouts().map(|layout| LayoutLine {
        href: layout_href(&layout.name),
        name: layout.name.clone(),
        title: visit.lang.pick(&layout.title).to_owned(),
    });
    let (layouts, loads) = (layouts.collect(), loads.into_iter().map(line).collect());
    let may_upload = acting.member.has(&[Role::Operator]);
    visit.page(&StaffImportsPage { layouts, may_upload, loads })
}

/// `GET /staff/imports/{id}`.
pub(crate) async fn show(visit: StaffVisit, name: web::Path<String>) -> HttpResponse {
    let shown = one(&visit, &name).await;
    visit.answer(shown)
}

async fn one(visit: &StaffVisit, name: &str) -> Shown {
    let acting = visit.acting()?;
    let load = visit.site.parts.imports.get(&acting, &id(name)?).await?;
    let counts = load.counts;
    let numbers = [
        counts.rows,
        counts.accepted,
        counts.to_decide,
        counts.refused,
        counts.warnings,
        counts.unidentified,
    ];
    let changes = load.difference.map(|found| {
        let numbers = [found.added, found.changed, found.ended, found.unchanged];
        CHANGES.into_iter().zip(numbers).collect()
    });
    let hand = load.hands.iter().any(|who| acting.is(who));
    let approver = acting.member.has(&[Role::Approver]);
    let proposed = load.state == LoadState::Proposed;
    visit.page(&StaffImportPage {
        href: href(&load.id()),
        report: format!("/imports/v1/loads/{}/report", load.id()),
        id: load.id().to_string(),
        state: load.state.as_str(),
        revision: load.revision,
        counts: COUNTS.into_iter().zip(numbers).collect(),
        changes: changes.unwrap_or_default(),
        failed: load.failed,
        hands: load.hands.iter().map(|who| who.name.clone()).collect(),
        may_decide: counts.to_decide > 0
            && is_open(load.state)
            && acting.member.has(&[Role::Counter, Role::Operator]),
        may_publish: proposed && approver && !hand,
        own: proposed && hand,
        may: may(&load, &acting),
        steps: load
            .steps
            .iter()
            .map(|step| ImportStepView {
                day: dates::day(visit.lang, step.at),
                time: dates::time(step.at),
                act: step.act.clone(),
                by: step.by.as_ref().map(|who| who.name.clone()).unwrap_or_default(),
                note: step.note.clone(),
            })
            .collect(),
        file: load.file,
    })
}

fn is_open(state: LoadState) -> bool {
    use LoadState::{Comparing, Held, Settling, Waiting};
    [Settling, Comparing, Waiting, Held].contains(&state)
}

/// The buttons; whether the step is taken is decided when one is pressed.
fn may(load: &Load, acting: &Acting) -> Vec<&'static str> {
    let operator = acting.member.has(&[Role::Operator]);
    let either = acting.member.has(&[Role::Operator, Role::Approver]);
    match load.state {
        LoadState::Waiting if operator => vec!["propose", "discard"],
        LoadState::Held if operator => vec!["force", "discard"],
        LoadState::Published if operator => vec!["rollback"],
        LoadState::Proposed | LoadState::Waiting | LoadState::Held if either => vec!["discard"],
        _ => Vec::new(),
    }
}

/// The form of every step.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Act {
    csrf: String,
    /// The revision that was on the page.
    revision: Option<u32>,
    #[serde(default)]
    note: String,
}

/// `POST /staff/imports/{id}/{act}`.
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

async fn acted(visit: &StaffVisit, name: &str, act: &str, form: &Act) -> Shown {
    visit.posted(&form.csrf)?;
    let (acting, load) = (visit.acting()?, id(name)?);
    let imports = &visit.site.parts.imports;
    let mut to = load.clone();
    match act {
        "propose" => imports.propose(&acting, &load, &form.note).await?,
        "force" => imports.force(&acting, &load, &form.note).await?,
        "publish" => {
            let revision = form.revision.ok_or_else(Stop::bad_form)?;
            imports.publish(&acting, &load, revision).await?;
        }
        "discard" => imports.discard(&acting, &load, &form.note).await?,
        "rollback" => to = imports.roll_back(&acting, &load, &form.note).await?,
        _ => return Err(Problem::not_found().into()),
    }
    Ok(Visit::see_other(&href(&to)).finish())
}

/// The form that opens the queue. It is posted, so that no page of another site makes a member look.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Look {
    csrf: String,
    #[serde(default)]
    after: u64,
}

/// `POST /staff/imports/{id}/queue`.
pub(crate) async fn queue(
    visit: StaffVisit,
    name: web::Path<String>,
    form: Posted<Look>,
) -> HttpResponse {
    let shown = match form {
        Ok(form) => looked(&visit, &name, &form).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn looked(visit: &StaffVisit, name: &str, form: &Look) -> Shown {
    visit.posted(&form.csrf)?;
    waiting(visit, name, form.after, None).await
}

async fn waiting(visit: &StaffVisit, name: &str, after: u64, wrong: Option<String>) -> Shown {
    let (acting, load) = (visit.acting()?, id(name)?);
    let items = visit.site.parts.imports.queue(&acting, &load, after, SHOWN).await?;
    let more = items.last().filter(|_| items.len() == SHOWN).map(|item| item.line);
    let rows = lines(items);
    visit.page(&StaffImportQueuePage { href: href(&load), id: load.to_string(), rows, wrong, more })
}

fn lines(items: Vec<Item>) -> Vec<QueueLine> {
    let mut lines = Vec::new();
    for Item { line, questions } in items {
        for question in questions {
            let rule = RULES.into_iter().find(|rule| *rule == question.rule);
            lines.push(QueueLine {
                line,
                at: lines.len(),
                column: question.column,
                rule: rule.unwrap_or("gaiji"),
                points: points(&question.written),
                written: question.written,
                repair: question.repair.unwrap_or_default(),
            });
        }
    }
    lines
}

/// The form of a decision.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decide {
    csrf: String,
    line: u64,
    column: String,
    take: String,
    /// `take` or `refuse`.
    answer: String,
}

/// `POST /staff/imports/{id}/decide`.
pub(crate) async fn decide(
    visit: StaffVisit,
    name: web::Path<String>,
    form: Posted<Decide>,
) -> HttpResponse {
    let shown = match form {
        Ok(form) => decided(&visit, &name, form.into_inner()).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn decided(visit: &StaffVisit, name: &str, form: Decide) -> Shown {
    visit.posted(&form.csrf)?;
    let answer = match form.answer.as_str() {
        "take" => Answer::Take(form.take),
        "refuse" => Answer::Refuse,
        _ => return Err(Stop::bad_form()),
    };
    let (acting, load) = (visit.acting()?, id(name)?);
    let imports = &visit.site.parts.imports;
    let wrong = match imports.decide(&acting, &load, form.line, &form.column, answer).await {
        Ok(()) => None,
        Err(problem)
            if [ProblemCode::BadRequestData, ProblemCode::IndividualNumber]
                .contains(&problem.code) =>
        {
            Some(problem.detail)
        }
        Err(problem) => return Err(problem.into()),
    };
    let after = form.line.saturating_sub(u64::from(wrong.is_some()));
    waiting(visit, name, after, wrong).await
}
