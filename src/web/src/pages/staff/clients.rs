//! `/staff/clients`: the life of clients.

mod handlers;

use serde::Serialize;

use crate::dates::Day;
use crate::render::Page;

pub(crate) use handlers::{apply, ask, decide, list, show};

/// The model of the list.
#[derive(Debug, Serialize)]
pub(crate) struct StaffClientsPage {
    /// By id.
    pub(crate) clients: Vec<ClientLine>,
    /// Whether the member may apply.
    pub(crate) may_apply: bool,
}

/// One client of the list.
#[derive(Debug, Serialize)]
pub(crate) struct ClientLine {
    pub(crate) href: String,
    pub(crate) id: String,
    /// Empty when it was never registered.
    pub(crate) name: String,
    /// The end of a key `client-state-…`.
    pub(crate) state: &'static str,
    /// Whether something waits for a second person.
    pub(crate) waits: bool,
}

/// The model of one client.
#[derive(Debug, Serialize)]
pub(crate) struct StaffClientPage {
    pub(crate) href: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: &'static str,
    /// Whether it is of the configuration.
    pub(crate) configured: bool,
    /// The registration as JSON.
    pub(crate) registration: Option<String>,
    pub(crate) application: Option<ApplicationView>,
    /// The oldest first.
    pub(crate) steps: Vec<StepView>,
    /// What the member may do: ends of keys `client-do-…`.
    pub(crate) may: Vec<&'static str>,
    /// Whether the member may change what is applied for.
    pub(crate) may_apply: bool,
}

/// What waits for a second person.
#[derive(Debug, Serialize)]
pub(crate) struct ApplicationView {
    pub(crate) revision: u32,
    /// Members who had a hand in it.
    pub(crate) by: Vec<String>,
    pub(crate) note: String,
    /// The registration as it would be, as JSON.
    pub(crate) registration: String,
    /// Whether the member may approve or deny it.
    pub(crate) may_decide: bool,
    /// Whether the member had a hand in it, and may take it back.
    pub(crate) own: bool,
}

/// A step of its life.
#[derive(Debug, Serialize)]
pub(crate) struct StepView {
    pub(crate) day: Day,
    pub(crate) time: String,
    /// The end of a key `client-act-…`.
    pub(crate) act: &'static str,
    pub(crate) by: String,
    pub(crate) note: String,
    /// Whether it came from a shell.
    pub(crate) shell: bool,
}

/// The model of the form.
#[derive(Debug, Serialize)]
pub(crate) struct StaffApplyPage {
    /// What is in the field.
    pub(crate) registration: String,
    pub(crate) note: String,
    /// What is wrong with it.
    pub(crate) wrong: Option<String>,
}

impl Page for StaffClientsPage {
    const TEMPLATE: &'static str = "staff_clients.html";
}

impl Page for StaffClientPage {
    const TEMPLATE: &'static str = "staff_client.html";
}

impl Page for StaffApplyPage {
    const TEMPLATE: &'static str = "staff_apply.html";
}

#[cfg(test)]
mod samples {
    use super::*;
    use crate::dates::day;
    use crate::locale::Lang;

    const AT: i64 = 1_795_359_600_000_000;

    impl StaffClientsPage {
        pub(crate) fn samples() -> Vec<(&'static str, Self)> {
            let line = |state: &'static str| ClientLine {
                href: "/staff/clients/app".to_owned(),
                id: "app".to_owned(),
                name: "つのヘルスケア".to_owned(),
                state,
                waits: state == "applied",
            };
            let all = ["applied", "denied", "active", "suspended", "ended"];
            let full = Self { clients: all.map(line).into_iter().collect(), may_apply: true };
            let none = Self { clients: vec![], may_apply: false };
            vec![("staff-clients", full), ("staff-clients-none", none)]
        }
    }

    impl StaffClientPage {
        pub(crate) fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
            let step = |act: &'static str| StepView {
                day: day(lang, AT),
                time: "15:04".to_owned(),
                act,
                by: "inoue".to_owned(),
                note: "申請書 第1号".to_owned(),
                shell: act == "applied",
            };
            let acts = [
                "configured",
                "applied",
                "approved",
                "denied",
                "suspended",
                "resumed",
                "ended",
                "wound-up",
            ];
            let application = |own: bool| ApplicationView {
                revision: 2,
                by: vec!["inoue".to_owned()],
                note: "申請書 第1号".to_owned(),
                registration: "{}".to_owned(),
                may_decide: !own,
                own,
            };
            let of = |application, may: &[&'static str]| Self {
                href: "/staff/clients/app".to_owned(),
                id: "app".to_owned(),
                name: "つのヘルスケア".to_owned(),
                state: "active",
                configured: may.is_empty(),
                registration: Some("{}".to_owned()),
                application,
                steps: acts.map(step).into_iter().collect(),
                may: may.to_vec(),
                may_apply: true,
            };
            vec![
                ("staff-client", of(Some(application(false)), &["suspend", "resume", "end"])),
                ("staff-client-own", of(Some(application(true)), &[])),
            ]
        }
    }

    impl StaffApplyPage {
        pub(crate) fn samples() -> Vec<(&'static str, Self)> {
            let of = |wrong: Option<&str>| Self {
                registration: "{}".to_owned(),
                note: String::new(),
                wrong: wrong.map(str::to_owned),
            };
            vec![("staff-apply", of(None)), ("staff-apply-wrong", of(Some("missing field `id`")))]
        }
    }
}
