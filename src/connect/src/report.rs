//! Reports of what was taken over and what was not.

use serde::{Deserialize, Serialize};

/// A report lists at most so many refusals (and as many warnings); the numbers stay exact.
pub const MAX_REFUSALS: usize = 1_000;

/// Something of the input that was not taken over. It never holds the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Name of the file or resource.
    pub input: String,
    /// Line, from 1 (the header is line 1); 0 when it is about the whole input.
    pub line: u64,
    /// Name of the column, as in the header; absent when it is about the whole row or input.
    pub column: Option<String>,
    /// Which rule refused it, e.g. `date-impossible`.
    pub rule: String,
    /// How to mend it, in Japanese and English.
    pub remedy: tsunagu_domain::Text,
}

/// Something that was taken over, but not whole. The same shape as a refusal.
pub type Warning = Refusal;

/// What became of the rows of a batch or a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowReport {
    /// Rows taken over, changed or not.
    pub accepted: u64,
    /// Rows (or whole inputs) not taken over.
    pub refused_count: u64,
    /// What is wrong with them, the first [`MAX_REFUSALS`] findings.
    pub refused: Vec<Refusal>,
    /// Remarks on accepted rows.
    pub warning_count: u64,
    /// The first [`MAX_REFUSALS`] of them.
    pub warnings: Vec<Warning>,
}

impl RowReport {
    /// Notes that one row (or input) was not taken over, with everything that is wrong with it.
    pub fn refuse(&mut self, why: impl IntoIterator<Item = Refusal>) {
        self.refused_count += 1;
        let room = MAX_REFUSALS.saturating_sub(self.refused.len());
        self.refused.extend(why.into_iter().take(room));
    }

    /// Notes a warning.
    pub fn warn(&mut self, warning: Warning) {
        self.warning_count += 1;
        if self.warnings.len() < MAX_REFUSALS {
            self.warnings.push(warning);
        }
    }

    /// Adds a later report.
    pub fn extend(&mut self, later: Self) {
        self.accepted += later.accepted;
        self.refused_count += later.refused_count;
        self.warning_count += later.warning_count;
        let room = MAX_REFUSALS.saturating_sub(self.refused.len());
        self.refused.extend(later.refused.into_iter().take(room));
        let room = MAX_REFUSALS.saturating_sub(self.warnings.len());
        self.warnings.extend(later.warnings.into_iter().take(room));
    }

    /// Whether there was anything.
    pub fn is_empty(&self) -> bool {
        self.accepted == 0 && self.refused_count == 0 && self.warning_count == 0
    }
}
