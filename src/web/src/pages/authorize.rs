//! `/oauth/authorize`: the question whether a service may use one's data, and the answer.

mod ask;
mod decide;
mod notice;
mod wording;

use serde::Serialize;

use crate::render::Page;
pub(crate) use ask::ask;
pub(crate) use decide::{Answer, TO_ANSWER, decide};
pub(crate) use wording::NOTICE_VERSION;

pub(crate) use notice::{ClassView, FrequencyView, Notice};

/// The model of the consent page.
#[derive(Debug, Serialize)]
pub(crate) struct AuthorizePage {
    /// Name of the service.
    pub(crate) client: String,
    /// Its id and its pushed request, for the form.
    pub(crate) client_id: String,
    /// See `client_id`.
    pub(crate) request_uri: String,
    /// The notice as HTML: the very bytes that the ledger keeps the digest of.
    pub(crate) notice: String,
    /// SHA-256 of the notice, hexadecimal.
    pub(crate) notice_digest: String,
    /// When it was shown, microseconds since the epoch.
    pub(crate) shown_at: i64,
    /// Whether the resident answered a notice that is no longer the one to be shown.
    pub(crate) changed: bool,
    /// What one may leave out: each with a box of its own, none of them ticked.
    pub(crate) choices: Vec<Choice>,
    /// Whether the resident agreed and ticked nothing where nothing else is asked for.
    pub(crate) nothing_chosen: bool,
    /// The resident's own values, as they are now.
    pub(crate) values: Vec<OwnValue>,
}

/// A data class that may be left out.
#[derive(Debug, Serialize)]
pub(crate) struct Choice {
    /// Its code.
    pub(crate) code: String,
    /// What it is called.
    pub(crate) label: String,
    /// Whether it is 要配慮個人情報.
    pub(crate) sensitive: bool,
}

/// What an attribute says now.
#[derive(Debug, Serialize)]
pub(crate) struct OwnValue {
    /// What the attribute is called.
    pub(crate) label: String,
    /// Its value; `None` when there is none.
    pub(crate) text: Option<String>,
    /// The key of a text that says it, when the value is a code.
    pub(crate) coded: Option<&'static str>,
    /// How many records there are, when it is not one value.
    pub(crate) count: Option<u64>,
}

impl Page for AuthorizePage {
    const TEMPLATE: &'static str = "authorize.html";
}

#[cfg(test)]
impl AuthorizePage {
    pub(crate) fn samples(notice: &str) -> Vec<(&'static str, Self)> {
        let value = |label: &str, text: Option<&str>| OwnValue {
            label: label.to_owned(),
            text: text.map(str::to_owned),
            coded: None,
            count: None,
        };
        let coded = |key| OwnValue { coded: Some(key), ..value("性別", Some("code")) };
        let of = |changed, values| Self {
            client: "つのヘルスケア".to_owned(),
            client_id: "tsuno-healthcare".to_owned(),
            request_uri: "urn:ietf:params:oauth:request_uri:abc".to_owned(),
            notice: notice.to_owned(),
            notice_digest: "9f86d081884c7d65".to_owned(),
            shown_at: 1_795_359_600_000_000,
            changed,
            choices: vec![],
            nothing_chosen: false,
            values,
        };
        let choice = |code: &str, label: &str, sensitive| Choice {
            code: code.to_owned(),
            label: label.to_owned(),
            sensitive,
        };
        let choices = vec![
            choice("basic", "生年月日と性別", false),
            choice("resident-record", "住民記録", true),
        ];
        let values = vec![
            value("氏名", Some("都農 花子")),
            value("住所", Some("宮崎県 児湯郡都農町 大字川北4874番地2")),
            coded("value-female"),
            coded("value-male"),
            coded("value-other"),
            value("生年月日", None),
            OwnValue { count: Some(12), ..value("歩数などの健康活動", None) },
        ];
        vec![
            ("authorize", of(false, values)),
            ("authorize-changed", of(true, vec![])),
            ("authorize-choices", Self { choices, nothing_chosen: true, ..of(false, vec![]) }),
        ]
    }
}
