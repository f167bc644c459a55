//! Files that members of staff hand over in a form, or check before they do.

use std::time::Duration;

use actix_multipart::{Field, Multipart};
use actix_web::rt::time::timeout;
use actix_web::{HttpResponse, web};
use futures_util::StreamExt;
use serde::Serialize;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_imports::{Checked, Purpose, Remark, Upload};

use crate::locale::Lang;
use crate::render::Page;
use crate::staff_visit::StaffVisit;
use crate::visit::{Shown, Stop};

/// The longest secret of a form.
const SECRET: usize = 512;
/// How long the next piece of a file may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// The model of the page after a file came.
#[derive(Debug, Serialize)]
pub(crate) struct StaffImportUploadPage {
    /// What the addresses of the layout begin with.
    pub(crate) href: String,
    pub(crate) title: String,
    /// The name of the file.
    pub(crate) file: String,
    /// Why it is not taken; empty when it is.
    pub(crate) wrong: String,
    /// Whether it is there and becomes a load.
    pub(crate) there: bool,
    /// What would become of it.
    pub(crate) checked: Option<CheckedView>,
}

/// What would become of a file.
#[derive(Debug, Serialize)]
pub(crate) struct CheckedView {
    /// Numbers of rows: ends of keys `import-rows-…`.
    pub(crate) counts: Vec<(&'static str, u64)>,
    pub(crate) rules: Vec<RuleLine>,
    pub(crate) findings: Vec<FindingLine>,
}

/// A rule that was broken.
#[derive(Debug, Serialize)]
pub(crate) struct RuleLine {
    /// The end of a key `import-weight-…`.
    pub(crate) weight: &'static str,
    pub(crate) remedy: String,
    pub(crate) count: u64,
}

/// Where something is not as it should be.
#[derive(Debug, Serialize)]
pub(crate) struct FindingLine {
    pub(crate) line: u64,
    pub(crate) column: String,
    pub(crate) weight: &'static str,
    pub(crate) remedy: String,
}

impl Page for StaffImportUploadPage {
    const TEMPLATE: &'static str = "staff_import_upload.html";
}

impl CheckedView {
    fn of(lang: Lang, checked: Checked) -> Self {
        let Checked { accepted, to_decide, refused, warnings, rules, findings } = checked;
        let remedy = |remark: &Remark| lang.pick(&remark.remedy).to_owned();
        let rules = rules.iter().map(|(remark, count)| RuleLine {
            weight: remark.weight,
            remedy: remedy(remark),
            count: *count,
        });
        let findings = findings.iter().map(|remark| FindingLine {
            line: remark.line,
            column: remark.column.clone().unwrap_or_default(),
            weight: remark.weight,
            remedy: remedy(remark),
        });
        let names = ["accepted", "to-decide", "refused", "warnings"];
        Self {
            counts: names.into_iter().zip([accepted, to_decide, refused, warnings]).collect(),
            rules: rules.collect(),
            findings: findings.collect(),
        }
    }
}

/// `POST /staff/imports/layouts/{layout}/files`.
pub(crate) async fn hand_over(
    visit: StaffVisit,
    layout: web::Path<String>,
    form: Multipart,
) -> HttpResponse {
    let shown = came(&visit, &layout, form, Purpose::HandOver).await;
    visit.answer(shown)
}

/// `POST /staff/imports/layouts/{layout}/check`.
pub(crate) async fn check(
    visit: StaffVisit,
    layout: web::Path<String>,
    form: Multipart,
) -> HttpResponse {
    let shown = came(&visit, &layout, form, Purpose::Check).await;
    visit.answer(shown)
}

async fn came(visit: &StaffVisit, layout: &str, mut form: Multipart, purpose: Purpose) -> Shown {
    // Nothing of a file is touched before it is known that a page of ours sends it.
    secret(visit, next(&mut form).await?).await?;
    let mut field = next(&mut form).await?;
    if field.name() != Some("file") {
        return Err(Stop::bad_form());
    }
    let file = field.content_disposition().and_then(|said| said.get_filename());
    let file = file.unwrap_or_default().to_owned();
    let known = visit.site.parts.imports.layouts().find(|known| known.name == layout);
    let mut page = StaffImportUploadPage {
        href: super::layout_href(layout),
        title: known.map(|known| visit.lang.pick(&known.title).to_owned()).unwrap_or_default(),
        file: String::new(),
        wrong: String::new(),
        there: false,
        checked: None,
    };
    match taken(visit, layout, &mut field, &file, purpose).await {
        Ok(checked) => {
            page.file = file;
            page.there = checked.is_none();
            page.checked = checked.map(|checked| CheckedView::of(visit.lang, checked));
        }
        Err(Stop::Problem(problem)) if is_about_the_file(&problem) => {
            // A browser shows an answer only when it has sent all of its form.
            while let Ok(Some(Ok(_))) = timeout(PATIENCE, field.next()).await {}
            page.wrong = match visit.lang {
                Lang::Ja => format!("{}（{}）", problem.code.title_ja(), problem.detail),
                Lang::En => problem.detail,
            };
        }
        Err(stop) => return Err(stop),
    }
    visit.page(&page)
}

fn is_about_the_file(problem: &Problem) -> bool {
    use ProblemCode::{
        BadRequestData, Conflict, IndividualNumber, PayloadTooLarge, TooManyRequests,
    };
    [BadRequestData, Conflict, IndividualNumber, PayloadTooLarge, TooManyRequests]
        .contains(&problem.code)
}

/// The next field; a form without it is no form of ours.
async fn next(form: &mut Multipart) -> Result<Field, Stop> {
    match form.next().await {
        Some(Ok(field)) => Ok(field),
        _ => Err(Stop::bad_form()),
    }
}

async fn secret(visit: &StaffVisit, mut field: Field) -> Result<(), Stop> {
    let mut text = Vec::new();
    while let Some(piece) = field.next().await {
        text.extend_from_slice(&piece.map_err(|_| Stop::bad_form())?);
        if text.len() > SECRET {
            return Err(Stop::bad_form());
        }
    }
    let text = String::from_utf8(text).map_err(|_| Stop::bad_form())?;
    if field.name() != Some("csrf") {
        return Err(Stop::bad_form());
    }
    visit.posted(&text).map(drop)
}

async fn taken(
    visit: &StaffVisit,
    layout: &str,
    field: &mut Field,
    file: &str,
    purpose: Purpose,
) -> Result<Option<Checked>, Stop> {
    let (acting, imports) = (visit.acting()?, &visit.site.parts.imports);
    let mut upload: Upload = imports.receive(&acting, layout, file, purpose).await?;
    // Who falls asleep gives the place to another.
    while let Some(piece) = timeout(PATIENCE, field.next()).await.map_err(|_| Stop::bad_form())? {
        upload.write(piece.map_err(|_| Stop::bad_form())?).await?;
    }
    match purpose {
        Purpose::Check => Ok(Some(imports.check(&acting, upload).await?)),
        Purpose::HandOver => {
            imports.hand_over(&acting, upload).await?;
            Ok(None)
        }
    }
}

#[cfg(test)]
mod samples {
    use super::*;

    impl StaffImportUploadPage {
        pub(crate) fn samples() -> Vec<(&'static str, Self)> {
            let of = |wrong: &str, there: bool, checked: Option<CheckedView>| Self {
                href: "/staff/imports/layouts/juki".to_owned(),
                title: "住民記録".to_owned(),
                file: "juki-2026-12-01.csv".to_owned(),
                wrong: wrong.to_owned(),
                there,
                checked,
            };
            let finding = |weight: &'static str| FindingLine {
                line: 3,
                column: if weight == "refused" { String::new() } else { "氏名".to_owned() },
                weight,
                remedy: "文字を確かめてください".to_owned(),
            };
            let rule = |weight: &'static str| RuleLine {
                weight,
                remedy: "文字を確かめてください".to_owned(),
                count: 2,
            };
            let weights = ["warning", "to-decide", "refused"];
            let counts = vec![("accepted", 1), ("to-decide", 2), ("refused", 2), ("warnings", 1)];
            let checked = CheckedView {
                counts: counts.clone(),
                rules: weights.map(rule).into_iter().collect(),
                findings: weights.map(finding).into_iter().collect(),
            };
            let good = CheckedView { counts, rules: vec![], findings: vec![] };
            vec![
                ("staff-import-upload", of("", true, None)),
                ("staff-import-upload-wrong", of("the file needs a name", false, None)),
                ("staff-import-checked", of("", false, Some(checked))),
                ("staff-import-checked-good", of("", false, Some(good))),
            ]
        }
    }
}
