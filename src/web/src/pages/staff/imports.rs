//! `/staff/imports`: loads of municipal records, what a person decides about their rows, and who publishes them.

pub(crate) mod decisions;
mod handlers;
pub(crate) mod upload;

use serde::Serialize;

use crate::dates::Day;
use crate::render::Page;

pub(crate) use decisions::{decisions, withdraw};
pub(crate) use handlers::{act, decide, list, queue, show};
pub(crate) use upload::{check, hand_over};

/// The model of the list.
#[derive(Debug, Serialize)]
pub(crate) struct StaffImportsPage {
    pub(crate) layouts: Vec<LayoutLine>,
    /// Whether the member may hand files over.
    pub(crate) may_upload: bool,
    /// The latest first.
    pub(crate) loads: Vec<LoadLine>,
}

/// One layout of the list.
#[derive(Debug, Serialize)]
pub(crate) struct LayoutLine {
    /// What its pages' addresses begin with.
    pub(crate) href: String,
    pub(crate) name: String,
    pub(crate) title: String,
}

fn layout_href(layout: &str) -> String {
    format!("/staff/imports/layouts/{layout}")
}

/// The characters of a text by number.
fn points(text: &str) -> String {
    let points: Vec<String> = text.chars().map(|c| format!("U+{:04X}", u32::from(c))).collect();
    points.join(" ")
}

/// One load of the list.
#[derive(Debug, Serialize)]
pub(crate) struct LoadLine {
    pub(crate) href: String,
    pub(crate) id: String,
    pub(crate) file: String,
    /// The end of a key `import-state-…`.
    pub(crate) state: &'static str,
    /// Rows that wait for a decision.
    pub(crate) to_decide: u64,
}

/// The model of one load.
#[derive(Debug, Serialize)]
pub(crate) struct StaffImportPage {
    pub(crate) href: String,
    /// The address of the report without its form.
    pub(crate) report: String,
    pub(crate) id: String,
    pub(crate) file: String,
    pub(crate) state: &'static str,
    pub(crate) revision: u32,
    /// Numbers of rows: ends of keys `import-rows-…`.
    pub(crate) counts: Vec<(&'static str, u64)>,
    /// Numbers of records: ends of keys `import-change-…`; empty before it is compared.
    pub(crate) changes: Vec<(&'static str, u64)>,
    /// Records that were not taken when it was published.
    pub(crate) failed: u64,
    /// Members who had a hand in it.
    pub(crate) hands: Vec<String>,
    /// Whether rows wait, and the member may decide.
    pub(crate) may_decide: bool,
    /// Whether the member may publish it.
    pub(crate) may_publish: bool,
    /// Whether it waits for a second person, which the member is not.
    pub(crate) own: bool,
    /// What else the member may do: ends of keys `import-do-…`.
    pub(crate) may: Vec<&'static str>,
    /// The oldest first.
    pub(crate) steps: Vec<ImportStepView>,
}

/// A step of a load.
#[derive(Debug, Serialize)]
pub(crate) struct ImportStepView {
    pub(crate) day: Day,
    pub(crate) time: String,
    /// The end of a key `import-act-…`.
    pub(crate) act: String,
    /// Empty for the platform.
    pub(crate) by: String,
    pub(crate) note: String,
}

/// The model of the queue.
#[derive(Debug, Serialize)]
pub(crate) struct StaffImportQueuePage {
    pub(crate) href: String,
    pub(crate) id: String,
    pub(crate) rows: Vec<QueueLine>,
    /// What is wrong with the decision that was just given.
    pub(crate) wrong: Option<String>,
    /// The last line shown, when there are more.
    pub(crate) more: Option<u64>,
}

/// A value that waits.
#[derive(Debug, Serialize)]
pub(crate) struct QueueLine {
    pub(crate) line: u64,
    /// Its place on the page.
    pub(crate) at: usize,
    pub(crate) column: String,
    /// The end of a key `import-rule-…`.
    pub(crate) rule: &'static str,
    pub(crate) written: String,
    /// The characters of it by number.
    pub(crate) points: String,
    pub(crate) repair: String,
}

impl Page for StaffImportsPage {
    const TEMPLATE: &'static str = "staff_imports.html";
}

impl Page for StaffImportPage {
    const TEMPLATE: &'static str = "staff_import.html";
}

impl Page for StaffImportQueuePage {
    const TEMPLATE: &'static str = "staff_import_queue.html";
}

#[cfg(test)]
mod samples {
    use super::*;
    use crate::dates::day;
    use crate::locale::Lang;

    const AT: i64 = 1_795_359_600_000_000;
    const STATES: [&str; 12] = [
        "clearing",
        "staging",
        "settling",
        "comparing",
        "waiting",
        "held",
        "proposed",
        "publishing",
        "published",
        "superseded",
        "discarded",
        "refused",
    ];
    const ACTS: [&str; 14] = [
        "uploaded",
        "found",
        "decided",
        "withdrawn",
        "held",
        "proposed",
        "forced",
        "rolled-back",
        "approved",
        "published",
        "superseded",
        "replaced",
        "discarded",
        "changed-while-read",
    ];

    impl StaffImportsPage {
        pub(crate) fn samples() -> Vec<(&'static str, Self)> {
            let line = |state: &'static str| LoadLine {
                href: "/staff/imports/juki-1".to_owned(),
                id: "juki-1".to_owned(),
                file: "juki.csv".to_owned(),
                state,
                to_decide: 2,
            };
            let layout = LayoutLine {
                href: "/staff/imports/layouts/juki".to_owned(),
                name: "juki".to_owned(),
                title: "住民記録".to_owned(),
            };
            let loads = STATES.map(line).into_iter().collect();
            let none = Self { layouts: vec![], may_upload: false, loads: vec![] };
            let full = Self { layouts: vec![layout], may_upload: true, loads };
            vec![("staff-imports", full), ("staff-imports-none", none)]
        }
    }

    impl StaffImportPage {
        pub(crate) fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
            let step = |act: &str| ImportStepView {
                day: day(lang, AT),
                time: "15:04".to_owned(),
                act: act.to_owned(),
                by: if act == "decided" { "inoue".to_owned() } else { String::new() },
                note: "毎月の更新".to_owned(),
            };
            let of = |may_publish: bool, own: bool, may: &[&'static str]| Self {
                href: "/staff/imports/juki-1".to_owned(),
                report: "/imports/v1/loads/juki-1/report".to_owned(),
                id: "juki-1".to_owned(),
                file: "juki.csv".to_owned(),
                state: "proposed",
                revision: 3,
                counts: handlers::COUNTS.map(|name| (name, 1)).to_vec(),
                changes: handlers::CHANGES.map(|name| (name, 1)).to_vec(),
                failed: 1,
                hands: vec!["inoue".to_owned()],
                may_decide: true,
                may_publish,
                own,
                may: may.to_vec(),
                steps: ACTS.map(step).into_iter().collect(),
            };
            vec![
                ("staff-import", of(true, false, &["propose", "force", "discard", "rollback"])),
                ("staff-import-own", of(false, true, &[])),
            ]
        }
    }

    impl StaffImportQueuePage {
        pub(crate) fn samples() -> Vec<(&'static str, Self)> {
            let line = |(at, rule): (usize, &'static str)| QueueLine {
                line: 3,
                at,
                column: "氏名".to_owned(),
                rule,
                written: "〓田".to_owned(),
                points: "U+E000 U+7530".to_owned(),
                repair: "𠮷田".to_owned(),
            };
            let of = |rows: Vec<QueueLine>, wrong: Option<&str>| Self {
                href: "/staff/imports/juki-1".to_owned(),
                id: "juki-1".to_owned(),
                more: (!rows.is_empty()).then_some(3),
                rows,
                wrong: wrong.map(str::to_owned),
            };
            let all = handlers::RULES.into_iter().enumerate().map(line).collect();
            vec![
                ("staff-import-queue", of(all, Some("this text cannot be taken over either"))),
                ("staff-import-queue-none", of(vec![], None)),
            ]
        }
    }
}
