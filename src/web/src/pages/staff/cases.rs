//! `/staff/cases`: why staff see personal data, whose, until when; and what is seen.

mod handlers;
mod shown;

use serde::Serialize;

use crate::dates::Day;
use crate::render::Page;

pub(crate) use handlers::{act, ask, list, open, show};

/// The model of the list.
#[derive(Debug, Serialize)]
pub(crate) struct StaffCasesPage {
    /// The newest first.
    pub(crate) cases: Vec<CaseLine>,
    /// Kinds of cases that the member may open: ends of keys `case-kind-…`.
    pub(crate) kinds: Vec<&'static str>,
}

/// One case of the list.
#[derive(Debug, Serialize)]
pub(crate) struct CaseLine {
    pub(crate) href: String,
    pub(crate) id: String,
    /// The end of a key `case-kind-…`.
    pub(crate) kind: &'static str,
    /// The end of a key `case-state-…`.
    pub(crate) state: &'static str,
    pub(crate) reason: String,
    pub(crate) by: String,
    pub(crate) day: Day,
}

/// The model of one case.
#[derive(Debug, Serialize)]
pub(crate) struct StaffCasePage {
    pub(crate) line: CaseLine,
    pub(crate) note: String,
    /// What may be seen.
    pub(crate) scope: Vec<Row>,
    pub(crate) hours: u32,
    /// The end of its period.
    pub(crate) until: Day,
    pub(crate) until_time: String,
    /// The second person.
    pub(crate) decided_by: Option<String>,
    /// What the member may do: ends of keys `case-do-…`.
    pub(crate) may: Vec<&'static str>,
    /// Whether what is seen comes as CSV too.
    pub(crate) csv: bool,
}

/// The form of a new case.
#[derive(Debug, Serialize)]
pub(crate) struct StaffOpenPage {
    /// The end of a key `case-kind-…`.
    pub(crate) kind: &'static str,
    /// The fields of this kind: names, and ends of keys `case-field-…`.
    pub(crate) fields: Vec<&'static str>,
    /// Codes and words.
    pub(crate) reasons: Vec<(&'static str, &'static str)>,
    /// Whether a second person has to approve it.
    pub(crate) two: bool,
    pub(crate) wrong: Option<String>,
}

/// What is seen in a case.
#[derive(Debug, Serialize)]
pub(crate) struct StaffReadPage {
    pub(crate) href: String,
    pub(crate) id: String,
    /// Persons, provisions, entries.
    pub(crate) sections: Vec<Section>,
    /// Whether there is more than is shown.
    pub(crate) more: bool,
}

/// One of what is seen.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
}

/// A name and a value.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// The end of a key `case-row-…`, where it is one of ours.
    pub(crate) key: Option<&'static str>,
    /// Otherwise what it is called.
    pub(crate) label: String,
    pub(crate) value: String,
}

impl Row {
    fn ours(key: &'static str, value: impl Into<String>) -> Self {
        Self { key: Some(key), label: String::new(), value: value.into() }
    }
}

impl Page for StaffCasesPage {
    const TEMPLATE: &'static str = "staff_cases.html";
}

impl Page for StaffCasePage {
    const TEMPLATE: &'static str = "staff_case.html";
}

impl Page for StaffOpenPage {
    const TEMPLATE: &'static str = "staff_open.html";
}

impl Page for StaffReadPage {
    const TEMPLATE: &'static str = "staff_read.html";
}

#[cfg(test)]
mod samples {
    use super::handlers::{KINDS, fields};
    use super::shown::ROWS;
    use super::*;
    use crate::dates::day;
    use crate::locale::Lang;

    const AT: i64 = 1_795_359_600_000_000;
    const STATES: [&str; 5] = ["waiting", "open", "over", "denied", "closed"];

    fn line(lang: Lang, kind: &'static str, state: &'static str) -> CaseLine {
        CaseLine {
            href: "/staff/cases/20261130-3f9a11c2".to_owned(),
            id: "20261130-3f9a11c2".to_owned(),
            kind,
            state,
            reason: "ご本人からの問い合わせ".to_owned(),
            by: "kato".to_owned(),
            day: day(lang, AT),
        }
    }

    fn rows() -> Vec<Row> {
        let named =
            Row { key: None, label: "氏名".to_owned(), value: "都農 花子".to_owned() };
        ROWS.map(|key| Row::ours(key, "x")).into_iter().chain([named]).collect()
    }

    impl StaffCasesPage {
        pub(crate) fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
            let of = |state| line(lang, "resident", state);
            let kinds = KINDS.map(|(kind, _)| kind).to_vec();
            let full = Self { cases: STATES.map(of).into_iter().collect(), kinds };
            vec![("staff-cases", full), ("staff-cases-none", Self { cases: vec![], kinds: vec![] })]
        }
    }

    impl StaffCasePage {
        pub(crate) fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
            let of = |may: &[&'static str], csv: bool| Self {
                line: line(lang, "breach", "open"),
                note: "調査のため".to_owned(),
                scope: rows(),
                hours: 2,
                until: day(lang, AT),
                until_time: "15:04".to_owned(),
                decided_by: csv.then(|| "ueda".to_owned()),
                may: may.to_vec(),
                csv,
            };
            vec![
                ("staff-case", of(&["read", "close"], true)),
                ("staff-case-waiting", of(&["approve", "deny"], false)),
            ]
        }
    }

    impl StaffOpenPage {
        pub(crate) fn samples() -> Vec<(String, Self)> {
            let of = |(kind, two): (&'static str, bool)| Self {
                kind,
                fields: fields(kind),
                reasons: vec![("inquiry", "ご本人からの問い合わせ")],
                two,
                wrong: two.then(|| "a date such as 1985-03-15".to_owned()),
            };
            let named = |page: Self| (format!("staff-open-{}", page.kind), page);
            KINDS.map(|(kind, _)| named(of((kind, kind != "resident")))).into_iter().collect()
        }
    }

    impl StaffReadPage {
        pub(crate) fn samples() -> Vec<(&'static str, Self)> {
            let of = |sections: Vec<Section>, more| Self {
                href: "/staff/cases/20261130-3f9a11c2".to_owned(),
                id: "20261130-3f9a11c2".to_owned(),
                sections,
                more,
            };
            let section = Section { title: "都農 花子".to_owned(), rows: rows() };
            let summary = Section { title: String::new(), rows: rows() };
            vec![
                ("staff-read", of(vec![summary, section], true)),
                ("staff-read-none", of(vec![], false)),
            ]
        }
    }
}
