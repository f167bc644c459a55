//! `/consents`: the connected services, one connection with its receipt, and the way to end it.

mod handlers;
mod renew;

use serde::Serialize;

use crate::dates::Day;
use crate::pages::authorize::{ClassView, FrequencyView};
use crate::render::Page;

pub(crate) use handlers::{
    ask_to_withdraw, confirm, list, notice, pause, receipt, resume, show, withdraw,
};
pub(crate) use renew::{answer, ask};

/// The model of the list.
#[derive(Debug, Serialize)]
pub(crate) struct ConsentsPage {
    /// Live consents, the newest first.
    pub(crate) live: Vec<ConsentLine>,
    /// The others, the newest first.
    pub(crate) ended: Vec<ConsentLine>,
}

/// A consent in the list.
#[derive(Debug, Serialize)]
pub(crate) struct ConsentLine {
    /// Its own page.
    pub(crate) href: String,
    /// Name of the service.
    pub(crate) client: String,
    /// Its state: the end of a key `state-…`.
    pub(crate) state: &'static str,
    /// Why.
    pub(crate) purpose: String,
    /// What the data classes are called.
    pub(crate) classes: Vec<String>,
    /// Its last day.
    pub(crate) until: Day,
    /// When it last changed.
    pub(crate) changed: Day,
    /// What else is to be noticed: keys of texts.
    pub(crate) tags: Vec<&'static str>,
}

/// The model of one consent.
#[derive(Debug, Serialize)]
pub(crate) struct ConsentPage {
    /// Its own page.
    pub(crate) href: String,
    /// Name of the service.
    pub(crate) client: String,
    /// Its state: the end of a key `state-…`.
    pub(crate) state: &'static str,
    /// Whether it is in force.
    pub(crate) live: bool,
    /// What else is to be noticed: keys of texts.
    pub(crate) tags: Vec<&'static str>,
    /// Whether the resident, of age by now, is asked to confirm what a guardian gave.
    pub(crate) confirm: bool,
    /// Whether the resident comes from withdrawing it.
    pub(crate) just_withdrawn: bool,
    /// What it covers.
    pub(crate) classes: Vec<ClassView>,
    /// `read`, `write`.
    pub(crate) actions: Vec<&'static str>,
    /// Why.
    pub(crate) purpose: String,
    /// First day.
    pub(crate) from: Day,
    /// Last day.
    pub(crate) until: Day,
    /// How long the service keeps what it received, days.
    pub(crate) retention_days: u32,
    /// How often it reads, if it bound itself to that.
    pub(crate) frequency: Option<FrequencyView>,
    /// The last day, when that is within 30 days.
    pub(crate) ends_soon: Option<Day>,
    /// What the resident is asked for in addition.
    pub(crate) asked_again: Vec<ClassView>,
    /// What happened to it, the newest first.
    pub(crate) history: Vec<EventLine>,
    /// What the service must delete, once the consent has ended.
    pub(crate) deletion: Option<DeletionView>,
    /// Number of the receipt.
    pub(crate) receipt_id: String,
}

/// How far a deletion order is.
#[derive(Debug, Serialize)]
pub(crate) struct DeletionView {
    /// The end of a key `deletion-…`: `owed`, `taken`, `done`.
    pub(crate) state: &'static str,
    /// Whether the service is late.
    pub(crate) overdue: bool,
    /// The last day.
    pub(crate) until: Day,
    /// The day on which it said that it is done.
    pub(crate) done: Option<Day>,
    /// What must be deleted.
    pub(crate) classes: Vec<String>,
}

/// Something that happened to a consent.
#[derive(Debug, Serialize)]
pub(crate) struct EventLine {
    /// Day.
    pub(crate) day: Day,
    /// Time of day.
    pub(crate) time: String,
    /// What: the end of a key `event-…`.
    pub(crate) what: &'static str,
    /// Who acted in place of the resident: the end of a key `event-by-…`, and their name.
    pub(crate) by: Option<(&'static str, String)>,
}

/// The model of the notice that was answered.
#[derive(Debug, Serialize)]
pub(crate) struct NoticePage {
    /// The page of the consent.
    pub(crate) href: String,
    /// Name of the service.
    pub(crate) client: String,
    /// When it was shown.
    pub(crate) day: Day,
    /// Its language, which may be another than the page's.
    pub(crate) notice_lang: String,
    /// Its exact bytes.
    pub(crate) notice: String,
    /// Whether it is text in lines and no HTML.
    pub(crate) plain: bool,
    /// Their SHA-256, hexadecimal.
    pub(crate) digest: String,
}

/// The model of the question whether to withdraw.
#[derive(Debug, Serialize)]
pub(crate) struct WithdrawPage {
    /// The page of the consent.
    pub(crate) href: String,
    /// Name of the service.
    pub(crate) client: String,
    /// What the service must delete.
    pub(crate) classes: Vec<String>,
}

/// The notice of what is new: its bytes depend on nothing but this model and the language.
#[derive(Debug, Serialize)]
pub(crate) struct RenewalNotice {
    /// Name of the service.
    pub(crate) client: String,
    /// What is new.
    pub(crate) added: Vec<ClassView>,
    /// What was agreed to before.
    pub(crate) classes: Vec<ClassView>,
    /// `read`, `write`: what may be done with what is new.
    pub(crate) actions: Vec<&'static str>,
    /// Why.
    pub(crate) purpose: String,
    /// The last day, as before.
    pub(crate) until: Day,
    /// How long the service keeps what it received, days.
    pub(crate) retention_days: u32,
    /// The last day without an answer, if the service cannot go on without it.
    pub(crate) deadline: Option<Day>,
}

/// The model of the question about what is new.
#[derive(Debug, Serialize)]
pub(crate) struct RenewPage {
    /// The page of the consent.
    pub(crate) href: String,
    /// Name of the service.
    pub(crate) client: String,
    /// The notice as HTML.
    pub(crate) notice: String,
    /// SHA-256 of the notice, hexadecimal.
    pub(crate) notice_digest: String,
    /// When it was shown, microseconds since the epoch.
    pub(crate) shown_at: i64,
    /// Whether the resident answered another notice.
    pub(crate) changed: bool,
}

impl Page for RenewalNotice {
    const TEMPLATE: &'static str = "renewal.html";
}

impl Page for RenewPage {
    const TEMPLATE: &'static str = "renew.html";
}

impl Page for ConsentsPage {
    const TEMPLATE: &'static str = "consents.html";
}

impl Page for ConsentPage {
    const TEMPLATE: &'static str = "consent.html";
}

impl Page for NoticePage {
    const TEMPLATE: &'static str = "shown.html";
}

impl Page for WithdrawPage {
    const TEMPLATE: &'static str = "withdraw.html";
}

#[cfg(test)]
mod samples {
    use super::*;
    use crate::dates::day;
    use crate::locale::Lang;

    const AT: i64 = 1_795_359_600_000_000;
    const CLIENT: &str = "つのヘルスケア";
    const PURPOSE: &str =
        "歩数などの記録をもとに健康づくりの助言を行い、つのコインの付与を申請するため";

    fn line(lang: Lang, state: &'static str) -> ConsentLine {
        ConsentLine {
            href: "/consents/0e1b".to_owned(),
            client: CLIENT.to_owned(),
            state,
            purpose: PURPOSE.to_owned(),
            classes: vec!["お名前とご住所".to_owned(), "歩数などの健康活動".to_owned()],
            until: day(lang, AT + 365 * 86_400_000_000),
            changed: day(lang, AT),
            tags: match state {
                "given" => vec!["consents-asked", "consents-confirm"],
                "resumed" => vec!["consents-shared", "consents-ends-soon"],
                _ => vec![],
            },
        }
    }

    impl ConsentsPage {
        pub(crate) fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
            let ended = ["refused", "withdrawn", "paused", "expired", "superseded", "revoked"];
            let full = Self {
                live: vec![line(lang, "given"), line(lang, "resumed")],
                ended: ended.into_iter().map(|state| line(lang, state)).collect(),
            };
            vec![("consents", full), ("consents-none", Self { live: vec![], ended: vec![] })]
        }
    }

    impl ConsentPage {
        pub(crate) fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
            let event = |state| EventLine {
                day: day(lang, AT),
                time: crate::dates::time(AT + 32_000_000_000),
                what: state,
                by: match state {
                    "withdrawn" => Some(("guardian", "太郎".to_owned())),
                    "paused" => Some(("family", "花子".to_owned())),
                    "given" => Some(("counter", "窓口3".to_owned())),
                    _ => None,
                },
            };
            let deletion = |state, overdue| DeletionView {
                state,
                overdue,
                until: day(lang, AT),
                done: (state == "done").then(|| day(lang, AT)),
                classes: vec!["お名前とご住所".to_owned()],
            };
            let of = |state, live, history: &[&'static str]| Self {
                href: "/consents/0e1b".to_owned(),
                client: CLIENT.to_owned(),
                state,
                live,
                tags: if state == "expired" { vec!["consents-shared"] } else { vec![] },
                confirm: live,
                just_withdrawn: state == "withdrawn",
                classes: ClassView::samples(),
                actions: vec!["read", "write"],
                purpose: PURPOSE.to_owned(),
                from: day(lang, AT),
                until: day(lang, AT + 365 * 86_400_000_000),
                retention_days: 365,
                frequency: live.then_some(FrequencyView { max: 24, per: "day" }),
                ends_soon: live.then(|| day(lang, AT)),
                asked_again: if live { ClassView::samples() } else { vec![] },
                history: history.iter().map(|state| event(state)).collect(),
                deletion: None,
                receipt_id: "6f1c0e2a-1b7d-4b6e-9a55-0d3a9be2c111".to_owned(),
            };
            let all = [
                "withdrawn",
                "resumed",
                "paused",
                "reconsented",
                "reconsent-declined",
                "catalogue-widened",
                "ends-soon",
                "given",
                "share-code",
                "confirmed",
                "refused",
                "expired",
                "superseded",
                "revoked",
            ];
            vec![
                ("consent", of("given", true, &["given"])),
                (
                    "consent-withdrawn",
                    Self { deletion: Some(deletion("owed", true)), ..of("withdrawn", false, &all) },
                ),
                (
                    "consent-taken",
                    Self {
                        deletion: Some(deletion("taken", false)),
                        ..of("expired", false, &["expired"])
                    },
                ),
                (
                    "consent-deleted",
                    Self {
                        deletion: Some(deletion("done", false)),
                        ..of("withdrawn", false, &["withdrawn"])
                    },
                ),
                ("consent-paused", of("paused", false, &["paused"])),
            ]
        }
    }

    impl RenewalNotice {
        pub(crate) fn samples(lang: Lang) -> Vec<Self> {
            let of = |deadline| Self {
                client: CLIENT.to_owned(),
                added: ClassView::samples(),
                classes: ClassView::samples(),
                actions: vec!["read", "write"],
                purpose: PURPOSE.to_owned(),
                until: day(lang, AT),
                retention_days: 365,
                deadline,
            };
            vec![of(None), of(Some(day(lang, AT)))]
        }
    }

    impl RenewPage {
        pub(crate) fn samples(notice: &str) -> Vec<(&'static str, Self)> {
            let of = |changed| Self {
                href: "/consents/0e1b".to_owned(),
                client: CLIENT.to_owned(),
                notice: notice.to_owned(),
                notice_digest: "9f86d081884c7d65".to_owned(),
                shown_at: AT,
                changed,
            };
            vec![("renew", of(false)), ("renew-changed", of(true))]
        }
    }

    impl NoticePage {
        pub(crate) fn samples(lang: Lang, notice: &str) -> Vec<(&'static str, Self)> {
            let page = |plain, notice: &str| Self {
                href: "/consents/0e1b".to_owned(),
                client: CLIENT.to_owned(),
                day: day(lang, AT),
                notice_lang: "ja".to_owned(),
                notice: notice.to_owned(),
                plain,
                digest: "9f86d081884c7d65".to_owned(),
            };
            vec![("shown", page(false, notice)), ("shown-shared", page(true, "見せる情報\n・歩数"))]
        }
    }

    impl WithdrawPage {
        pub(crate) fn samples() -> Vec<(&'static str, Self)> {
            let page = Self {
                href: "/consents/0e1b".to_owned(),
                client: CLIENT.to_owned(),
                classes: vec!["お名前とご住所".to_owned(), "歩数などの健康活動".to_owned()],
            };
            vec![("withdraw", page)]
        }
    }
}
