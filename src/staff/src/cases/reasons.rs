//! Why somebody looks, from a list; and how residents are told.

use serde::{Deserialize, Serialize};
use tsunagu_store::access::{Access, Action};

/// The list. It is short, so that residents can be told in words of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseReason {
    /// The resident asked.
    Inquiry,
    /// A notification or procedure of the resident.
    Procedure,
    /// Something about the resident is to be corrected.
    Correction,
    /// Life or body is in danger, or there is a disaster.
    Emergency,
    /// The audit.
    Audit,
    /// Something leaked, or may have.
    Incident,
    /// The law asks for it.
    Law,
}

impl CaseReason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Inquiry,
        Self::Procedure,
        Self::Correction,
        Self::Emergency,
        Self::Audit,
        Self::Incident,
        Self::Law,
    ];

    /// Its name in records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inquiry => "inquiry",
            Self::Procedure => "procedure",
            Self::Correction => "correction",
            Self::Emergency => "emergency",
            Self::Audit => "audit",
            Self::Incident => "incident",
            Self::Law => "law",
        }
    }

    /// In words, Japanese and English.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Inquiry => ("ご本人からの問い合わせ", "the resident's own question"),
            Self::Procedure => ("届出や手続き", "a notification or procedure"),
            Self::Correction => ("内容の訂正", "a correction"),
            Self::Emergency => ("生命や身体の保護、災害", "danger to life or body, or a disaster"),
            Self::Audit => ("監査", "the audit"),
            Self::Incident => ("漏えいなどの調査", "the investigation of an incident"),
            Self::Law => ("法令による求め", "a request under the law"),
        }
    }
}

/// What a resident is told about a look of staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Why, in Japanese and English.
    pub why: (&'static str, &'static str),
    /// The case, where it was in one.
    pub case: Option<String>,
}

/// Whether this was done at the counter, with the resident present or for the record of who represents them: by a member in a session, or with the
/// token of a tool.
pub fn at_counter(access: &Access) -> bool {
    // What clients do about consents themselves.
    let own = access.reason.starts_with("share-code-") || access.reason == "deleted";
    let desk = ["staff:", "client:"].iter().any(|kind| access.actor.starts_with(kind));
    access.action == Action::Consent && desk && !own
}

/// What to tell about this access; `None` when it was not one of a member of staff, or was done for the resident [at the counter](at_counter).
pub fn told(access: &Access) -> Option<Told> {
    access.actor.strip_prefix("staff:").filter(|_| !at_counter(access))?;
    let words: Vec<&str> = access.reason.split(' ').collect();
    let reason = |word: &str| CaseReason::ALL.into_iter().find(|r| r.as_str() == word);
    let found = words.iter().enumerate().find_map(|(at, word)| Some((at, reason(word)?)));
    let duty = || ("窓口での確認の仕事", "the counter's standing duty");
    Some(match found {
        Some((at, reason)) => {
            Told { why: reason.words(), case: words.get(at + 1).map(|id| (*id).to_owned()) }
        }
        None => Told { why: duty(), case: None },
    })
}
