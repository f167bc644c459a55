//! `/coins`, つのコイン: what activity earned, and why some earned nothing.

use actix_web::HttpResponse;
use serde::Serialize;
use tsunagu_rewards::{GrantView, State};

use crate::dates::{self, Day};
use crate::locale::Lang;
use crate::pages::own;
use crate::render::Page;
use crate::visit::{Shown, Visit};

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
    let coins = parts
        .rewards
        .coins_of(&parts.tenant, session.tsuno_id)
        .await
        .map_err(tsunagu_domain::Problem::from)?;
    own::looks_at(visit, session, own::COINS, coins.grants.len()).await?;
    let grants = coins.grants.iter().map(|grant| GrantLine::of(visit.lang, grant));
    visit.page(&CoinsPage {
        balance: grouped(coins.balance),
        pending: grouped(coins.pending),
        grants: grants.collect(),
    })
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
        };
        let grants = vec![
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
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_separated() {
        let texts = [0, 7, 999, 1000, 1_234_567, -1000].map(grouped);
        assert_eq!(texts, ["0", "7", "999", "1,000", "1,234,567", "-1,000"]);
    }
}
