//! What was found in a file, with the value that is at fault.

use std::fmt;

use serde::{Deserialize, Serialize};
use tsunagu_connect::Refusal;
use tsunagu_domain::Text;

use crate::remedy::{known, remedy};

/// What a finding means for its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// The row is taken over, but not whole or not without doubt.
    Warning,
    /// A person has to say what is meant; until then the row is not taken over.
    ToDecide,
    /// The row is not taken over.
    Refused,
}

impl Weight {
    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::ToDecide => "to-decide",
            Self::Refused => "refused",
        }
    }
}

/// Something of a file that is not as it should be.
#[derive(Clone, PartialEq, Eq)]
pub struct Finding {
    /// Line, from 1 (the header is line 1); 0 when it is about the whole file.
    pub line: u64,
    /// Name of the column, as in the header; absent when it is about the whole row or file.
    pub column: Option<String>,
    /// Which rule, e.g. `date-impossible`.
    pub rule: &'static str,
    /// What it means for the row.
    pub weight: Weight,
    /// What is written there. It is for whoever has the file: it goes into no log and no stored report, and an individual number not even here.
    pub value: String,
    /// What may have been meant, when there is one likely answer.
    pub repair: Option<String>,
}

impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finding")
            .field("line", &self.line)
            .field("column", &self.column)
            .field("rule", &self.rule)
            .finish_non_exhaustive()
    }
}

impl Finding {
    pub(crate) fn new(line: u64, column: Option<&str>, rule: &'static str, weight: Weight) -> Self {
        let column = column.map(str::to_owned);
        Self { line, column, rule, weight, value: String::new(), repair: None }
    }

    /// As it was kept without its value.
    pub fn kept(line: u64, column: Option<&str>, rule: &str, weight: Weight) -> Self {
        Self::new(line, column, known(rule), weight)
    }

    /// Of a whole file, which is then refused.
    pub(crate) fn of_file(line: u64, column: Option<&str>, rule: &'static str) -> Self {
        Self::new(line, column, rule, Weight::Refused)
    }

    /// How to mend it.
    pub fn remedy(&self) -> Text {
        let (ja, en) = remedy(self.rule);
        Text { ja: ja.to_owned(), en: en.to_owned() }
    }

    /// The finding without any value, for logs and stored reports.
    pub fn refusal(&self, input: &str) -> Refusal {
        Refusal {
            input: input.to_owned(),
            line: self.line,
            column: self.column.clone(),
            rule: self.rule.to_owned(),
            remedy: self.remedy(),
        }
    }
}
