//! `/delegates`, 代わりの方: who may act for a resident, for whom they may act, and the choice for whom they do.

mod handlers;

use serde::Serialize;

use crate::dates::Day;
use crate::render::Page;

pub(crate) use handlers::{act, add, end, myself, show};

/// The model of the page.
#[derive(Debug, Serialize)]
pub(crate) struct DelegatesPage {
    /// Who may act for the resident, or might.
    pub(crate) for_me: Vec<DelegateLine>,
    /// For whom the resident may act.
    pub(crate) by_me: Vec<DelegateLine>,
    /// Whether somebody can be added now; otherwise the resident has to log in again.
    pub(crate) fresh: bool,
    /// Where to log in again.
    pub(crate) login: String,
    /// Whether what was asked for cannot be.
    pub(crate) wrong: bool,
}

/// A delegation in a list.
#[derive(Debug, Serialize)]
pub(crate) struct DelegateLine {
    /// Its id.
    pub(crate) id: String,
    /// Name of the other.
    pub(crate) name: String,
    /// `guardian` or `family`.
    pub(crate) kind: &'static str,
    /// `see`, `consent` or `both`.
    pub(crate) scope: &'static str,
    /// Whether it is in force.
    pub(crate) live: bool,
    /// The last day, if there is one.
    pub(crate) until: Option<Day>,
    /// Whether this resident can end it here.
    pub(crate) can_end: bool,
}

impl Page for DelegatesPage {
    const TEMPLATE: &'static str = "delegates.html";
}

#[cfg(test)]
impl DelegatesPage {
    pub(crate) fn samples(lang: crate::locale::Lang) -> Vec<(&'static str, Self)> {
        const AT: i64 = 1_795_359_600_000_000;
        let line = |name: &str, kind, scope, live, can_end| DelegateLine {
            id: "0e1b".to_owned(),
            name: name.to_owned(),
            kind,
            scope,
            live,
            until: live.then(|| crate::dates::day(lang, AT)),
            can_end,
        };
        let all = |can_end| {
            vec![
                line("都農 花子", "family", "both", true, true),
                line("都農 太郎", "guardian", "see", true, can_end),
                line("都農 次郎", "family", "consent", false, false),
            ]
        };
        let of = |for_me, by_me, fresh, wrong| Self {
            for_me,
            by_me,
            fresh,
            login: "/login/xid".to_owned(),
            wrong,
        };
        vec![
            ("delegates", of(all(false), all(true), true, true)),
            ("delegates-none", of(vec![], vec![], false, false)),
        ]
    }
}
