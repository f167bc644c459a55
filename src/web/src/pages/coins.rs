//! `/coins`, つのコイン: what activity earned, why some earned nothing, and asking the town to look at that again.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_rewards::{AppealView, AwardUid, GrantView, Outcome, State};
use tsunagu_store::access::AccessLog as _;

use crate::dates::{self, Day};
use crate::locale::Lang;
use crate::pages::own;
use crate::render::Page;
use crate::visit::{Posted, Shown, Stop, Visit};

/// The model of the page.
#[derive(Debug, Serialize)]
pub(crate) struct CoinsPage {
    /// Coins received, with separators.
    pub(crate) balance: String,
    /// Coins on their way, with separators.
    pub(crate) pending: String,
    /// Decisions, the newest first.
    pub(crate) grants: Vec<GrantLine>,
}

/// What one activity earned.
#[derive(Debug, Serialize)]
pub(crate) struct GrantLine {
    /// Day of the activity.
    pub(crate) day: Day,
    /// What the rule is called.
    pub(crate) label: String,
    /// Coins, with separators.
    pub(crate) amount: String,
    /// Whether it earned nothing.
    pub(crate) none: bool,
    /// Where it stands: the end of a key `coins-state-…`.
    pub(crate) state: &'static str,
    /// Why it earned nothing, or why it takes long.
    pub(crate) reason: Option<String>,
    /// Where the town is asked to look at it again, if it can be.
    pub(crate) ask: Option<String>,
    /// What the town was asked.
    pub(crate) appeal: Option<AppealLine>,
}

/// What the town was asked about a decision, and answered.
#[derive(Debug, Serialize)]
pub(crate) struct AppealLine {
    /// What the resident said; empty when nothing.
    said: String,
    day: Day,
    /// The end of a key `coins-answer-…`, and why.
    answer: Option<(&'static str, String)>,
}

/// The model of the page that asks the town.
#[derive(Debug, Serialize)]
pub(crate) struct AppealPage {
    /// What it is about.
    line: GrantLine,
    /// The page's own address.
    href: String,
    /// What was said and cannot be kept.
    said: String,
    /// Whether that is so.
    wrong: bool,
}

impl Page for AppealPage {
    const TEMPLATE: &'static str = "appeal.html";
}

impl Page for CoinsPage {
    const TEMPLATE: &'static str = "coins.html";
}

/// `GET /coins`.
pub(crate) async fn show(visit: Visit) -> HttpResponse {
    let shown = coins(&visit).await;
    visit.answer(shown)
}

async fn coins(visit: &Visit) -> Shown {
    let session = visit.resident().await?;
    let parts = &visit.site.parts;
    let coins =
        parts.rewards.coins_of(&parts.tenant, session.tsuno_id).await.map_err(Problem::from)?;
    own::looks_at(visit, session, own::COINS, coins.grants.len()).await?;
    let grants = coins.grants.iter().map(|grant| GrantLine::of(visit.lang, grant));
    visit.page(&CoinsPage {
        balance: grouped(coins.balance),
        pending: grouped(coins.pending),
        grants: grants.collect(),
    })
}

/// `GET /coins/{award}/appeal`.
pub(crate) async fn ask(visit: Visit, award: web::Path<String>) -> HttpResponse {
    let shown = question(&visit, &award, None).await;
    visit.answer(shown)
}

/// The page, or one of which `said` cannot be kept.
async fn question(visit: &Visit, award: &str, said: Option<&str>) -> Shown {
    let session = visit.resident().await?;
    let parts = &visit.site.parts;
    let uid: AwardUid = award.parse().map_err(|_| Problem::not_found())?;
    let coins = parts.rewards.coins_of(&parts.tenant, session.tsuno_id).await;
    let coins = coins.map_err(Problem::from)?;
    let grant = coins.grants.iter().find(|grant| grant.award == uid);
    let grant = grant.ok_or_else(Problem::not_found)?;
    own::looks_at(visit, session, own::COINS, 1).await?;
    if !grant.can_appeal {
        return Ok(Visit::see_other("/coins").finish());
    }
    let page = AppealPage {
        line: GrantLine::of(visit.lang, grant),
        href: address(uid),
        said: said.unwrap_or_default().to_owned(),
        wrong: said.is_some(),
    };
    let status = if page.wrong { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    visit.page_with(status, &page, &[])
}

/// The form that asks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asking {
    csrf: String,
    #[serde(default)]
    text: String,
}

/// `POST /coins/{award}/appeal`.
pub(crate) async fn appeal(
    visit: Visit,
    award: web::Path<String>,
    form: Posted<Asking>,
) -> HttpResponse {
    let shown = match form {
        Ok(form) => asked(&visit, &award, &form).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn asked(visit: &Visit, award: &str, form: &Asking) -> Shown {
    let session = visit.posted(&form.csrf).await?;
    let parts = &visit.site.parts;
    let uid: AwardUid = award.parse().map_err(|_| Problem::not_found())?;
    let recorded = parts.audit.ops(&own::writes(visit, session, own::COINS))?;
    let (of, now) = ((session.tsuno_id, uid), parts.clock.micros());
    match parts.rewards.appeal(&parts.tenant, of, &form.text, now, &recorded).await {
        Ok(()) => Ok(Visit::see_other("/coins").finish()),
        // Asked before, perhaps by the same button: the list says how it stands.
        Err(problem) if problem.code == ProblemCode::Conflict => {
            Ok(Visit::see_other("/coins").finish())
        }
        Err(problem)
            if matches!(
                problem.code,
                ProblemCode::InvalidRequest | ProblemCode::IndividualNumber
            ) =>
        {
            question(visit, award, Some(&form.text)).await
        }
        Err(problem) => Err(problem.into()),
    }
}

fn address(award: AwardUid) -> String {
    format!("/coins/{award}/appeal")
}

impl AppealLine {
    fn of(lang: Lang, appeal: &AppealView) -> Self {
        let outcome = |outcome| match outcome {
            Outcome::Grant => "grant",
            Outcome::Uphold => "uphold",
        };
        let answer = appeal.answer.as_ref();
        Self {
            said: appeal.text.clone(),
            day: dates::day(lang, appeal.at),
            answer: answer.map(|answer| (outcome(answer.outcome), answer.text.clone())),
        }
    }
}

impl GrantLine {
    fn of(lang: Lang, grant: &GrantView) -> Self {
        Self {
            day: dates::of_date(lang, grant.day),
            label: lang.pick(&grant.label).to_owned(),
            amount: grouped(grant.amount),
            none: grant.amount == 0,
            state: match grant.state {
                State::Received => "received",
                State::Eligible => "eligible",
                State::Rejected => "rejected",
                State::Reserved => "reserved",
                State::Sent => "sent",
                State::Unknown => "unknown",
                State::Confirmed => "confirmed",
                State::Reversed => "reversed",
            },
            reason: grant.reason_text.as_ref().map(|text| lang.pick(text).to_owned()),
            ask: grant.can_appeal.then(|| address(grant.award)),
            appeal: grant.appeal.as_ref().map(|appeal| AppealLine::of(lang, appeal)),
        }
    }
}

/// A number with a comma between thousands.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + 8);
    if number < 0 {
        out.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
impl CoinsPage {
    pub(crate) fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
        let line = |state, amount, reason: Option<&str>| GrantLine {
            day: dates::day(lang, 1_795_359_600_000_000),
            label: "5,000歩あるいた日".to_owned(),
            amount: grouped(amount),
            none: amount == 0,
            state,
            reason: reason.map(str::to_owned),
            ask: None,
            appeal: None,
        };
        let asked = |said: &str, answer| AppealLine {
            said: said.to_owned(),
            day: dates::day(lang, 1_795_402_800_000_000),
            answer,
        };
        let granted = ("grant", "別の時間の記録でした".to_owned());
        let upheld = ("uphold", "同じ散歩の記録が二つありました".to_owned());
        let appealed = |appeal| GrantLine {
            appeal: Some(appeal),
            ..line("rejected", 0, Some("同じ時間のほかの記録がすでに数えられています"))
        };
        let grants = vec![
            GrantLine {
                ask: Some(format!("/coins/{}/appeal", "ab".repeat(32))),
                ..line("rejected", 0, Some("1日の上限に達しています"))
            },
            appealed(asked("別の散歩です", None)),
            appealed(asked("", Some(upheld))),
            GrantLine { appeal: Some(asked("", Some(granted))), ..line("confirmed", 50, None) },
            line("confirmed", 50, None),
            line("sent", 50, None),
            line("reserved", 50, None),
            line("unknown", 50, Some("コインの発行元に確認しています")),
            line("rejected", 0, Some("この日の上限までもらっています")),
            line("received", 50, None),
            line("eligible", 50, None),
            line("reversed", 50, Some("記録の取り消し")),
        ];
        vec![
            ("coins", Self { balance: grouped(1250), pending: grouped(100), grants }),
            ("coins-none", Self { balance: grouped(0), pending: grouped(0), grants: vec![] }),
        ]
    }
}

#[cfg(test)]
impl AppealPage {
    pub(crate) fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
        let page = |said: &str| {
            let (_, mut coins) = CoinsPage::samples(lang).remove(0);
            let line = coins.grants.remove(0);
            let href = line.ask.clone().unwrap_or_default();
            Self { line, href, said: said.to_owned(), wrong: !said.is_empty() }
        };
        vec![("coins-appeal", page("")), ("coins-appeal-wrong", page("長い話"))]
    }
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_separated() {
        let texts = [0, 7, 999, 1000, 1_234_567, -1000].map(grouped);
        assert_eq!(texts, ["0", "7", "999", "1,000", "1,234,567", "-1,000"]);
    }
}
