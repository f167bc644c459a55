//! Decisions that later loads are read by: looked at, and withdrawn.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use tsunagu_imports::KeptDecision;
use tsunagu_staff::Role;

use crate::dates::{self, Day};
use crate::locale::Lang;
use crate::render::Page;
use crate::staff_visit::StaffVisit;
use crate::visit::{Posted, Shown, Stop};

/// Decisions of one page.
const SHOWN: usize = 50;

/// The model of the page.
#[derive(Debug, Serialize)]
pub(crate) struct StaffImportDecisionsPage {
    /// The address without its last part.
    pub(crate) href: String,
    /// What people call the layout.
    pub(crate) title: String,
    pub(crate) decisions: Vec<DecisionLine>,
    /// Whether the member may withdraw.
    pub(crate) may: bool,
    /// The last id shown, when there are more.
    pub(crate) more: Option<String>,
}

/// One decision.
#[derive(Debug, Serialize)]
pub(crate) struct DecisionLine {
    pub(crate) id: String,
    /// Empty in one from before it was kept.
    pub(crate) column: String,
    pub(crate) refused: bool,
    /// Empty for who may not see it.
    pub(crate) written: String,
    /// The characters of it by number.
    pub(crate) points: String,
    pub(crate) take: String,
    /// The load that it is about alone; empty when it is about every load.
    pub(crate) load: String,
    pub(crate) line: u64,
    pub(crate) day: Day,
    pub(crate) time: String,
    pub(crate) by: String,
}

impl Page for StaffImportDecisionsPage {
    const TEMPLATE: &'static str = "staff_import_decisions.html";
}

impl DecisionLine {
    fn of(lang: Lang, kept: KeptDecision) -> Self {
        let (written, take) =
            kept.value.map(|value| (value.written, value.take)).unwrap_or_default();
        let (load, line) = kept.only.unzip();
        let written = written.unwrap_or_default();
        Self {
            id: kept.id,
            column: kept.column.unwrap_or_default(),
            refused: kept.refused,
            points: super::points(&written),
            written,
            take: take.unwrap_or_default(),
            load: load.map(|load| load.to_string()).unwrap_or_default(),
            line: line.unwrap_or_default(),
            day: dates::day(lang, kept.at),
            time: dates::time(kept.at),
            by: kept.by,
        }
    }
}

/// The form that opens the list. It is posted, so that no page of another site makes a member look.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Look {
    csrf: String,
    after: Option<String>,
}

/// `POST /staff/imports/layouts/{layout}/decisions`.
pub(crate) async fn decisions(
    visit: StaffVisit,
    layout: web::Path<String>,
    form: Posted<Look>,
) -> HttpResponse {
    let shown = match form {
        Ok(form) => looked(&visit, &layout, form.into_inner()).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn looked(visit: &StaffVisit, layout: &str, form: Look) -> Shown {
    visit.posted(&form.csrf)?;
    all(visit, layout, form.after.as_deref()).await
}

async fn all(visit: &StaffVisit, layout: &str, after: Option<&str>) -> Shown {
    let acting = visit.acting()?;
    let imports = &visit.site.parts.imports;
    let found = imports.decisions(&acting, layout, after, SHOWN, true).await?;
    let more = found.last().filter(|_| found.len() == SHOWN).map(|last| last.id.clone());
    let known = imports.layouts().find(|known| known.name == layout);
    visit.page(&StaffImportDecisionsPage {
        href: super::layout_href(layout),
        title: known.map(|known| visit.lang.pick(&known.title).to_owned()).unwrap_or_default(),
        decisions: found.into_iter().map(|kept| DecisionLine::of(visit.lang, kept)).collect(),
        may: acting.member.has(&[Role::Counter, Role::Operator]),
        more,
    })
}

/// The form of a withdrawal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Withdraw {
    csrf: String,
    id: String,
}

/// `POST /staff/imports/layouts/{layout}/withdraw`.
pub(crate) async fn withdraw(
    visit: StaffVisit,
    layout: web::Path<String>,
    form: Posted<Withdraw>,
) -> HttpResponse {
    let shown = match form {
        Ok(form) => withdrawn(&visit, &layout, &form).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn withdrawn(visit: &StaffVisit, layout: &str, form: &Withdraw) -> Shown {
    visit.posted(&form.csrf)?;
    visit.site.parts.imports.withdraw(&visit.acting()?, layout, &form.id).await?;
    all(visit, layout, None).await
}

#[cfg(test)]
mod samples {
    use super::*;

    const AT: i64 = 1_795_359_600_000_000;

    impl StaffImportDecisionsPage {
        pub(crate) fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
            let line = |refused: bool, seen: bool, load: &str| DecisionLine {
                id: "0a".repeat(32),
                column: if seen { "氏名".to_owned() } else { String::new() },
                refused,
                written: if seen { "〓田".to_owned() } else { String::new() },
                points: if seen { "U+E000 U+7530".to_owned() } else { String::new() },
                take: if seen && !refused { "𠮷田".to_owned() } else { String::new() },
                load: load.to_owned(),
                line: 3,
                day: dates::day(lang, AT),
                time: "15:04".to_owned(),
                by: "kato".to_owned(),
            };
            let of = |may: bool, decisions: Vec<DecisionLine>| Self {
                href: "/staff/imports/layouts/juki".to_owned(),
                title: "住民記録".to_owned(),
                more: decisions.last().map(|last| last.id.clone()),
                decisions,
                may,
            };
            vec![
                (
                    "staff-import-decisions",
                    of(true, vec![line(false, true, ""), line(true, true, "juki-1")]),
                ),
                ("staff-import-decisions-unseen", of(false, vec![line(false, false, "")])),
                ("staff-import-decisions-none", of(true, vec![])),
            ]
        }
    }
}
