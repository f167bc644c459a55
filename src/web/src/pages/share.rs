//! `/share`, その場で見せる: codes that a resident shows to somebody, who then sees what the resident chose.

mod handlers;
mod qr;

use serde::Serialize;

use crate::dates::Day;
use crate::pages::authorize::Choice;
use crate::render::Page;

pub(crate) use handlers::{cancel, confirm, make, show};

/// The model of the page.
#[derive(Debug, Serialize)]
pub(crate) struct SharePage {
    /// The codes of the resident, the newest first.
    pub(crate) codes: Vec<CodeLine>,
    /// What can be shared; `None` when the resident has to log in again for it.
    pub(crate) form: Option<ShareForm>,
    /// Where to log in again.
    pub(crate) login: String,
    /// Whether the resident asked for what cannot be shared.
    pub(crate) wrong: bool,
}

/// What can be shared.
#[derive(Debug, Serialize)]
pub(crate) struct ShareForm {
    /// Code and sentence of the purposes.
    pub(crate) purposes: Vec<(String, String)>,
    /// The data classes, a box each.
    pub(crate) classes: Vec<Choice>,
    /// For how long, in minutes: the end of a key `share-minutes-…`.
    pub(crate) minutes: Vec<u32>,
}

/// A code in the list.
#[derive(Debug, Serialize)]
pub(crate) struct CodeLine {
    /// Its first eight characters.
    pub(crate) id: String,
    /// The end of a key `share-state-…`.
    pub(crate) state: &'static str,
    /// What the data classes are called.
    pub(crate) classes: Vec<String>,
    /// When it was made.
    pub(crate) made: Day,
    /// See `made`.
    pub(crate) made_time: String,
    /// Until when the data can be seen.
    pub(crate) until: Day,
    /// See `until`.
    pub(crate) until_time: String,
    /// Who used it: name and the page of the consent.
    pub(crate) used_by: Vec<(String, String)>,
    /// Whether taking it back ends anything.
    pub(crate) open: bool,
}

/// The model of the question before a code is made.
#[derive(Debug, Serialize)]
pub(crate) struct ConfirmPage {
    /// The notice, in lines.
    pub(crate) notice: String,
    /// Its SHA-256, hexadecimal.
    pub(crate) notice_digest: String,
    /// When it was shown, microseconds since the epoch.
    pub(crate) shown_at: i64,
    /// What is shared.
    pub(crate) purpose: String,
    /// Codes of the data classes.
    pub(crate) classes: Vec<String>,
    /// For how long.
    pub(crate) minutes: u32,
    /// How often the code can be used.
    pub(crate) uses: u32,
}

/// The model of a code that was just made.
#[derive(Debug, Serialize)]
pub(crate) struct CodePage {
    /// The code.
    pub(crate) code: String,
    /// The same as SVG.
    pub(crate) qr: String,
    /// Its first eight characters.
    pub(crate) id: String,
    /// Until when it can be used.
    pub(crate) redeem_until: String,
}

impl Page for SharePage {
    const TEMPLATE: &'static str = "share.html";
}

impl Page for ConfirmPage {
    const TEMPLATE: &'static str = "share_confirm.html";
}

impl Page for CodePage {
    const TEMPLATE: &'static str = "share_code.html";
}

#[cfg(test)]
mod samples {
    use super::*;
    use crate::dates::day;
    use crate::locale::Lang;

    const AT: i64 = 1_795_359_600_000_000;

    impl SharePage {
        pub(crate) fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
            let code = |state, open, used_by: &[&str]| CodeLine {
                id: "7K3M9PQX".to_owned(),
                state,
                classes: vec!["お名前とご住所".to_owned()],
                made: day(lang, AT),
                made_time: "9:00".to_owned(),
                until: day(lang, AT),
                until_time: "10:00".to_owned(),
                used_by: used_by
                    .iter()
                    .map(|name| ((*name).to_owned(), "/consents/0e1b".to_owned()))
                    .collect(),
                open,
            };
            let choice = |code: &str, label: &str, sensitive| Choice {
                code: code.to_owned(),
                label: label.to_owned(),
                sensitive,
            };
            let form = |purposes: &[&str]| ShareForm {
                purposes: purposes.iter().map(|p| ((*p).to_owned(), (*p).to_owned())).collect(),
                classes: vec![
                    choice("contact", "お名前とご住所", false),
                    choice("resident-record", "住民記録", true),
                ],
                minutes: handlers::MINUTES.to_vec(),
            };
            let all = vec![
                code("open", true, &[]),
                code("used", true, &["つの医院"]),
                code("expired", false, &[]),
                code("cancelled", false, &[]),
                code("locked", false, &[]),
            ];
            let of =
                |codes, form, wrong| Self { codes, form, login: "/login/xid".to_owned(), wrong };
            vec![
                ("share", of(all, Some(form(&["one"])), false)),
                ("share-wrong", of(vec![], Some(form(&["one", "two"])), true)),
                ("share-login", of(vec![], None, false)),
            ]
        }
    }

    impl ConfirmPage {
        pub(crate) fn samples() -> Vec<(&'static str, Self)> {
            let page = Self {
                notice: "次のデータを見ることができます。\n・お名前とご住所".to_owned(),
                notice_digest: "9f86d081884c7d65".to_owned(),
                shown_at: AT,
                purpose: "consultation".to_owned(),
                classes: vec!["contact".to_owned()],
                minutes: 60,
                uses: 1,
            };
            vec![("share-confirm", page)]
        }
    }

    impl CodePage {
        pub(crate) fn samples() -> Vec<(&'static str, Self)> {
            let code = "7K3M9-PQX01-23456-789AB-CDEFG-HJKMN-PQRST";
            let page = Self {
                code: code.to_owned(),
                qr: qr::svg(code).unwrap(),
                id: "7K3M9PQX".to_owned(),
                redeem_until: "9:10".to_owned(),
            };
            vec![("share-code", page)]
        }
    }
}
