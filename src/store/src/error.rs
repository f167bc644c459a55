//! What a store refuses or fails with.

use tsunagu_domain::{Problem, ProblemCode};

/// Which precondition of a write set did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// Expected absent, but it is there.
    Exists,
    /// Expected there, but it is absent.
    Missing,
    /// It was changed by someone else since it was read.
    Changed,
    /// A counter would leave its bounds.
    OutOfBounds,
}

/// Why an operation of the store did not happen. Nothing of a failed write set is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The precondition of operation `op` (its index in the set, depth first) did not hold.
    #[error("a precondition of the write did not hold ({conflict:?} at operation {op})")]
    Conflict {
        /// Index of the operation.
        op: usize,
        /// What did not hold.
        conflict: Conflict,
    },
    /// The engine or its disk failed or is closing; the outcome of a write is unknown only if this says so.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The write set holds something that no backend takes; nothing was tried.
    #[error("the store refuses the write: {0}")]
    Refused(&'static str),
    /// Stored bytes are not what was written.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { conflict: Conflict::Exists, .. } => {
                Self::new(ProblemCode::AlreadyExists, "something of that id exists already")
            }
            StoreError::Conflict { .. } => Self::new(
                ProblemCode::Conflict,
                "something else changed this at the same moment; read it again and repeat the request",
            ),
            StoreError::Unavailable(_) => Self::new(
                ProblemCode::Unavailable,
                "the store does not answer; if this was a write, read before repeating it",
            ),
            StoreError::Refused(why) => Self::new(ProblemCode::BadRequestData, why),
            StoreError::Corrupt(_) => Self::new(
                ProblemCode::InternalError,
                "stored data is damaged; the operator has been told",
            ),
        }
    }
}
