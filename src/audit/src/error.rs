//! What can be wrong with the log.

use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_store::StoreError;

use crate::tiles::InvalidTilePath;

/// Why the log could not be read, extended or signed.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log has fewer entries than were signed.
    #[error("the audit log has {found} entries, but {signed} were signed: entries are missing")]
    Shrunk {
        /// Entries of the last checkpoint.
        signed: u64,
        /// Entries found.
        found: u64,
    },
    /// The kept tree is not the one that was signed.
    #[error("the audit log does not match its last signed checkpoint of {signed} entries: {what}")]
    Altered {
        /// Entries of the last checkpoint.
        signed: u64,
        /// What differs.
        what: String,
    },
    /// An entry is not readable.
    #[error("entry {0} of the audit log is not readable")]
    Unreadable(u64),
    /// The index or size asked for is outside of the signed log.
    #[error("outside of the signed log, which has {0} entries")]
    OutOfRange(u64),
    /// The path names no tile.
    #[error(transparent)]
    Path(#[from] InvalidTilePath),
    /// No checkpoint has had its quorum of witnesses lately.
    #[error("too few witnesses cosign the audit log")]
    Unpublished,
    /// Reading the log is itself an access, and could not be written down.
    #[error(transparent)]
    Refused(#[from] Problem),
    /// A file of an export could not be written.
    #[error("could not write the export: {0}")]
    Export(#[from] std::io::Error),
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Store(error) => error.into(),
            AuditError::Refused(problem) => problem,
            AuditError::Unpublished => Self::new(ProblemCode::Unavailable, error.to_string()),
            AuditError::OutOfRange(_) | AuditError::Path(_) => {
                Self::new(ProblemCode::InvalidRequest, error.to_string())
            }
            AuditError::Shrunk { .. }
            | AuditError::Altered { .. }
            | AuditError::Unreadable(_)
            | AuditError::Export(_) => Self::new(
                ProblemCode::InternalError,
                "the audit log is damaged; the operator has been told",
            ),
        }
    }
}
