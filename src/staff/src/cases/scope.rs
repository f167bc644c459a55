//! What may be seen in a case.

use std::collections::BTreeSet;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};
use tsunagu_audit::Which;
use tsunagu_domain::{Problem, ProblemCode, Timestamp, TsunoId};

use crate::{Role, clients};

const JAPAN_SECONDS: i32 = 9 * 3600;
/// Longest criterion, characters.
const MAX_CRITERION: usize = 100;
/// Entries of the log in one case.
const MAX_ENTRIES: u64 = 1_000;

/// Which entries of the log an extract is made of; every condition that is there must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extract {
    /// Not before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// To these clients; none is to all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub recipients: BTreeSet<String>,
    /// About this person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<TsunoId>,
    /// Of these items, expanded names; none is of all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub items: BTreeSet<String>,
}

impl From<&Extract> for Which {
    fn from(extract: &Extract) -> Self {
        Self {
            from: extract.from.unwrap_or(0),
            until: extract.until,
            recipients: extract.recipients.clone(),
            person: extract.person,
            items: extract.items.clone(),
        }
    }
}

/// What may be seen in a case, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Scope {
    /// What the platform knows about one resident.
    Resident {
        /// Who.
        tsuno_id: TsunoId,
    },
    /// The residents who meet all of these.
    Search {
        /// Full name, as verified.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// ISO 8601.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        birth_date: Option<String>,
    },
    /// The record of provisions (個人情報保護法 29).
    Provisions(Extract),
    /// Who is concerned by a leak (個人情報保護法 26, 68).
    Breach {
        /// Of what leaked.
        extract: Extract,
        /// Reports are due above so many persons.
        threshold: u64,
    },
    /// Entries of the log of accesses.
    LogEntries {
        /// Index of the first.
        from: u64,
        /// At most so many.
        limit: u64,
    },
}

impl Scope {
    /// Its name in answers.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Resident { .. } => "resident",
            Self::Search { .. } => "search",
            Self::Provisions(_) => "provisions",
            Self::Breach { .. } => "breach",
            Self::LogEntries { .. } => "log-entries",
        }
    }

    /// The resident whom it is about, when it is one.
    pub fn subject(&self) -> Option<TsunoId> {
        match self {
            Self::Resident { tsuno_id } => Some(*tsuno_id),
            _ => None,
        }
    }

    /// Whether it is about several residents, so that a second person has to approve it.
    pub fn needs_two(&self) -> bool {
        self.subject().is_none()
    }

    /// Whose work it is.
    pub(crate) fn role(&self) -> Role {
        match self {
            Self::Resident { .. } | Self::Search { .. } => Role::Counter,
            Self::Provisions(_) | Self::Breach { .. } | Self::LogEntries { .. } => Role::Auditor,
        }
    }
}

/// What is asked to be seen, as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Asked {
    /// See [`Scope::Resident`].
    Resident {
        /// Who.
        #[serde(rename = "tsunoId")]
        tsuno_id: TsunoId,
    },
    /// See [`Scope::Search`]; one of the two at least.
    Search {
        /// Full name.
        #[serde(default)]
        name: Option<String>,
        /// ISO 8601.
        #[serde(rename = "birthDate", default)]
        birth_date: Option<String>,
    },
    /// See [`Scope::Provisions`].
    Provisions {
        /// A day in Japan, or a time with its zone.
        #[serde(default)]
        from: Option<String>,
        /// See `from`.
        #[serde(default)]
        until: Option<String>,
        /// Ids of clients.
        #[serde(default)]
        recipients: BTreeSet<String>,
        /// A Tsuno ID.
        #[serde(default)]
        person: Option<TsunoId>,
        /// Expanded names.
        #[serde(default)]
        items: BTreeSet<String>,
    },
    /// See [`Scope::Breach`].
    Breach {
        /// A day in Japan, or a time with its zone.
        #[serde(default)]
        from: Option<String>,
        /// See `from`.
        #[serde(default)]
        until: Option<String>,
        /// Ids of clients.
        #[serde(default)]
        recipients: BTreeSet<String>,
        /// A Tsuno ID.
        #[serde(default)]
        person: Option<TsunoId>,
        /// Expanded names.
        #[serde(default)]
        items: BTreeSet<String>,
        /// 100 when left out.
        #[serde(default = "hundred")]
        threshold: u64,
    },
    /// See [`Scope::LogEntries`].
    LogEntries {
        /// Index of the first.
        from: u64,
        /// At most so many, 1 to 1000.
        limit: u64,
    },
}

fn hundred() -> u64 {
    100
}

fn wrong(pointer: &str, detail: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::BadRequestData, detail).at(pointer)
}

/// The moment that people mean: a day in Japan such as `2026-11-01`, or a time with its zone.
pub fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_micros());
    }
    let midnight = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_time(NaiveTime::MIN);
    let local = midnight.and_local_timezone(FixedOffset::east_opt(JAPAN_SECONDS)?);
    Some(local.single()?.timestamp_micros())
}

fn time(text: Option<String>, pointer: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let detail = "a day such as 2026-11-01, or a time such as 2026-11-01T09:00:00+09:00";
    moment(&text).map(Some).ok_or_else(|| wrong(pointer, detail))
}

/// A criterion goes into a query between quotation marks.
fn criterion(text: Option<String>, pointer: &str) -> Result<Option<String>, Problem> {
    let Some(text) = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let text = clients::note(&text, pointer)?;
    let tricky = |c: char| c.is_control() || matches!(c, '"' | '\\');
    if text.chars().count() > MAX_CRITERION || text.contains(tricky) {
        return Err(wrong(pointer, "a name or a date, without quotation marks"));
    }
    Ok(Some(text))
}

impl Asked {
    /// Checked, as it is kept.
    pub fn scope(self) -> Result<Scope, Problem> {
        Ok(match self {
            Self::Resident { tsuno_id } => Scope::Resident { tsuno_id },
            Self::Search { name, birth_date } => {
                let name = criterion(name, "/scope/name")?;
                let birth_date = criterion(birth_date, "/scope/birthDate")?;
                let day = |text: &String| NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok();
                if birth_date.as_ref().is_some_and(|text| !day(text)) {
                    return Err(wrong("/scope/birthDate", "a date such as 1985-03-15"));
                }
                if name.is_none() && birth_date.is_none() {
                    return Err(wrong("/scope", "a search needs a name or a date of birth"));
                }
                Scope::Search { name, birth_date }
            }
            Self::Provisions { from, until, recipients, person, items } => {
                let (from, until) = (time(from, "/scope/from")?, time(until, "/scope/until")?);
                Scope::Provisions(Extract { from, until, recipients, person, items })
            }
            Self::Breach { from, until, recipients, person, items, threshold } => {
                let (from, until) = (time(from, "/scope/from")?, time(until, "/scope/until")?);
                let extract = Extract { from, until, recipients, person, items };
                Scope::Breach { extract, threshold }
            }
            Self::LogEntries { from, limit } => {
                if !(1..=MAX_ENTRIES).contains(&limit) {
                    return Err(wrong("/scope/limit", format!("1 to {MAX_ENTRIES}")));
                }
                Scope::LogEntries { from, limit }
            }
        })
    }
}
