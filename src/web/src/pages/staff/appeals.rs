//! `/staff/appeals`: what residents ask the town to look at again about coins, and its answers. A standing duty, without a case.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, TsunoId};
use tsunagu_rewards::{Answer, AwardUid, Outcome, WaitingAppeal};
use tsunagu_staff::{Acting, Object, Role};
use tsunagu_store::access::{Access, AccessLog as _, Action, Decision};

use crate::dates::{self, Day};
use crate::locale::Lang;
use crate::pages::coins::grouped;
use crate::pages::own;
use crate::render::Page;
use crate::staff_visit::StaffVisit;
use crate::visit::{Posted, Shown, Stop, Visit};

/// What appeals are called in records of refusals.
const APPEAL: &str = "urn:tsunagu:type:CoinAppeal";
/// So many are shown at once.
const SHOWN: usize = 100;

/// The model of the page.
#[derive(Debug, Serialize)]
pub(crate) struct StaffAppealsPage {
    /// Those that wait longest first.
    appeals: Vec<AppealLine>,
}

/// One that waits.
#[derive(Debug, Serialize)]
struct AppealLine {
    award: String,
    account: String,
    /// What the rule is called, and its name with the version.
    label: String,
    rule: String,
    day: Day,
    reason: Option<String>,
    /// What the resident says; empty when nothing.
    said: String,
    since: Day,
    /// Coins that can be granted, with separators.
    grantable: Option<String>,
}

impl Page for StaffAppealsPage {
    const TEMPLATE: &'static str = "staff_appeals.html";
}

fn line(lang: Lang, appeal: WaitingAppeal) -> AppealLine {
    AppealLine {
        award: appeal.award.to_string(),
        account: appeal.account,
        label: lang.pick(&appeal.label).to_owned(),
        rule: format!("{} {}", appeal.rule, appeal.rule_version),
        day: dates::of_date(lang, appeal.day),
        reason: appeal.reason_text.as_ref().map(|text| lang.pick(text).to_owned()),
        said: appeal.text,
        since: dates::day(lang, appeal.at),
        grantable: (appeal.grantable > 0).then(|| grouped(appeal.grantable)),
    }
}

async fn operator(visit: &StaffVisit, act: &'static str, id: &str) -> Result<Acting, Stop> {
    visit.as_one_of(&[Role::Operator], Object::new(APPEAL, act, id)).await
}

/// The record of a look at appeals of these people, or of an answer to one.
fn access(
    visit: &StaffVisit,
    acting: &Acting,
    action: Action,
    mut subjects: Vec<TsunoId>,
) -> Access {
    let count = subjects.len() as u64;
    subjects.sort_unstable();
    subjects.dedup();
    Access {
        at: visit.site.parts.clock.micros(),
        request: visit.id.clone(),
        actor: acting.actor(),
        subjects,
        purpose: None,
        grant: None,
        grant_version: None,
        action,
        types: vec![own::COINS.0.to_owned()],
        attributes: Vec::new(),
        decision: Decision::Allowed,
        reason: "staff".to_owned(),
        count,
    }
}

/// `GET /staff/appeals`.
pub(crate) async fn show(visit: StaffVisit) -> HttpResponse {
    let shown = waiting(&visit).await;
    visit.answer(shown)
}

async fn waiting(visit: &StaffVisit) -> Shown {
    let acting = operator(visit, "coins-appeals", "").await?;
    let parts = &visit.site.parts;
    let found = parts.rewards.appeals(&parts.tenant, SHOWN).await.map_err(Problem::from)?;
    if !found.is_empty() {
        let subjects = found.iter().map(|appeal| appeal.subject).collect();
        let access = access(visit, &acting, Action::Read, subjects);
        parts.audit.record(&parts.tenant, &access).await?;
    }
    let appeals = found.into_iter().map(|appeal| line(visit.lang, appeal));
    visit.page(&StaffAppealsPage { appeals: appeals.collect() })
}

/// The form of an answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answering {
    csrf: String,
    answer: Outcome,
    text: String,
}

/// `POST /staff/appeals/{award}`.
pub(crate) async fn answer(
    visit: StaffVisit,
    award: web::Path<String>,
    form: Posted<Answering>,
) -> HttpResponse {
    let shown = match form {
        Ok(form) => answered(&visit, &award, form.into_inner()).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn answered(visit: &StaffVisit, award: &str, form: Answering) -> Shown {
    visit.posted(&form.csrf)?;
    let acting = operator(visit, "coins-answer", award).await?;
    let parts = &visit.site.parts;
    let uid: AwardUid = award.parse().map_err(|_| Problem::not_found())?;
    let subject = parts.rewards.appealed_by(&parts.tenant, uid).await.map_err(Problem::from)?;
    let subject = subject.ok_or_else(Problem::not_found)?;
    let recorded = parts.audit.ops(&access(visit, &acting, Action::Write, vec![subject]))?;
    let answer = Answer {
        outcome: form.answer,
        text: form.text,
        by: acting.actor(),
        at: parts.clock.micros(),
    };
    parts.rewards.answer(&parts.tenant, uid, &answer, &recorded).await?;
    Ok(Visit::see_other("/staff/appeals").finish())
}

#[cfg(test)]
impl StaffAppealsPage {
    pub(crate) fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
        const AT: i64 = 1_795_359_600_000_000;
        let line = |award: &str, said: &str, grantable: Option<&str>| AppealLine {
            award: award.repeat(32),
            account: "179036RN6MWA9FDBEZ5V7M0EPVB".to_owned(),
            label: "1日5,000歩あるく".to_owned(),
            rule: "walk-5000 1".to_owned(),
            day: dates::day(lang, AT),
            reason: Some("同じ時間のほかの記録がすでに数えられています".to_owned()),
            said: said.to_owned(),
            since: dates::day(lang, AT),
            grantable: grantable.map(str::to_owned),
        };
        let appeals = vec![line("ab", "別の散歩です", Some("10")), line("cd", "", None)];
        vec![
            ("staff-appeals", Self { appeals }),
            ("staff-appeals-none", Self { appeals: Vec::new() }),
        ]
    }
}
