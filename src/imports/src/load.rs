//! What a load is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tsunagu_connector_csv_drop::Encoding;
use tsunagu_domain::Timestamp;
use tsunagu_staff::Who;

/// Where a load stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoadState {
    /// A decision that its rows were read by was withdrawn: what was read is deleted, and its file is read again.
    Clearing,
    /// Its file is being read.
    Staging,
    /// Its rows that waited are being read again, with what was decided.
    Settling,
    /// It is being compared with the published one.
    Comparing,
    /// It waits for decisions, or for somebody to propose it.
    Waiting,
    /// It would end too much, or what it would end cannot be told: it can only be proposed with a reason.
    Held,
    /// It waits for a second person.
    Proposed,
    /// It is being published.
    Publishing,
    /// It is what is published.
    Published,
    /// A later one is published.
    Superseded,
    /// It will not be published: somebody said so, or there is a newer file.
    Discarded,
    /// Its file was refused whole.
    Refused,
}

impl LoadState {
    /// Whether nobody approved it yet, and it may still be approved.
    pub(crate) fn is_open(self) -> bool {
        use LoadState::{Clearing, Comparing, Held, Proposed, Settling, Staging, Waiting};
        matches!(self, Clearing | Staging | Settling | Comparing | Waiting | Held | Proposed)
    }

    /// Its name in records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clearing => "clearing",
            Self::Staging => "staging",
            Self::Settling => "settling",
            Self::Comparing => "comparing",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Proposed => "proposed",
            Self::Publishing => "publishing",
            Self::Published => "published",
            Self::Superseded => "superseded",
            Self::Discarded => "discarded",
            Self::Refused => "refused",
        }
    }
}

/// Names a load: `juki-12`, the twelfth of the layout `juki`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadId {
    /// The layout.
    pub layout: String,
    /// From 1.
    pub number: u64,
}

impl fmt::Display for LoadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.layout, self.number)
    }
}

impl FromStr for LoadId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (layout, number) = text.rsplit_once('-').ok_or(())?;
        let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let number = number.parse().ok().filter(|_| digits && !number.starts_with('0')).ok_or(())?;
        Ok(Self { layout: layout.to_owned(), number })
    }
}

/// What tells one content of a file from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stamp {
    /// Microseconds since the epoch.
    pub(crate) modified: i64,
    /// Bytes.
    pub(crate) size: u64,
    /// SHA-256, hexadecimal.
    pub(crate) digest: String,
}

/// What became of the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Rows of the file, read so far.
    pub rows: u64,
    /// Rows that will be published.
    pub accepted: u64,
    /// Rows that wait for a decision.
    pub to_decide: u64,
    /// Rows that will not be published.
    pub refused: u64,
    /// Remarks on accepted rows.
    pub warnings: u64,
    /// Rows that are not accepted and do not say whose they are.
    pub unidentified: u64,
}

/// What publishing would change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// Records that the published load has not.
    pub added: u64,
    /// Records that are other than there.
    pub changed: u64,
    /// Records of the published load that this one has no more.
    pub ended: u64,
    /// Records that are the same, or whose row is not taken over so that they stay.
    pub unchanged: u64,
}

/// Something that was done to a load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When, microseconds since the epoch.
    pub at: Timestamp,
    /// What: `uploaded`, `found`, `decided`, `withdrawn`, `held`, `proposed`, `forced`, `rolled-back`, `approved`, `published`, `superseded`, `replaced`, `discarded`,
    /// `changed-while-read`.
    pub act: String,
    /// By whom; the platform when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Who>,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A file on its way to being published. It holds nothing that is written in the file but its header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// By which layout.
    pub layout: String,
    /// From 1.
    pub number: u64,
    /// Name of the file.
    pub file: String,
    pub(crate) stamp: Stamp,
    /// How its bytes are text.
    pub encoding: Encoding,
    /// Whether it begins with a byte order mark.
    pub marked: bool,
    pub(crate) header: Vec<String>,
    /// Where it stands.
    pub state: LoadState,
    /// Grows whenever something about it changes that whoever publishes it has to know.
    pub revision: u32,
    /// What became of its rows.
    pub counts: Counts,
    /// So many findings are kept.
    pub(crate) findings: u64,
    /// What publishing would change, once it is compared.
    pub difference: Option<Difference>,
    /// The number of the load that it is compared with; `None`: nothing was published before.
    pub against: Option<u64>,
    /// How far it is published: the last name done, hexadecimal.
    pub(crate) cursor: Option<String>,
    /// Records that the platform did not take when it was published.
    pub failed: u64,
    /// Whether it may end more than the layout allows.
    pub(crate) forced: bool,
    /// Whether somebody proposed it.
    pub(crate) proposed: bool,
    /// Everybody who had a hand in it. None of them can publish it.
    pub hands: Vec<Who>,
    /// What was done, the oldest first.
    pub steps: Vec<Step>,
}

impl Load {
    /// What names it.
    pub fn id(&self) -> LoadId {
        LoadId { layout: self.layout.clone(), number: self.number }
    }

    pub(crate) fn step(&mut self, at: Timestamp, act: &str, by: Option<Who>, note: String) {
        // Whoever publishes it at last is no hand in what is published.
        if let Some(who) = by.as_ref().filter(|_| act != "approved") {
            self.hand(who.clone());
        }
        self.steps.push(Step { at, act: act.to_owned(), by, note });
        self.revision = self.revision.saturating_add(1);
    }

    /// Who handed its file over, and when, if it did not just lie there.
    pub(crate) fn uploaded(&self) -> Option<(&Who, Timestamp)> {
        let step = self.steps.iter().find(|step| step.act == "uploaded")?;
        Some((step.by.as_ref()?, step.at))
    }

    /// Somebody has a hand in it.
    pub(crate) fn hand(&mut self, who: Who) {
        if !self.hands.iter().any(|hand| hand.account == who.account) {
            self.hands.push(who);
        }
    }
}
