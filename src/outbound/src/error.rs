//! Why a call was not made or gave nothing.

use tsunagu_domain::{Problem, ProblemCode};

/// Why the guard refused a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The scheme is not allowed.
    #[error("the url's scheme is not allowed")]
    Scheme,
    /// There is a user name or password in the URL.
    #[error("the url carries user information")]
    UserInfo,
    /// There is no host.
    #[error("the url names no host")]
    NoHost,
    /// The port is not allowed.
    #[error("the url's port is not allowed")]
    Port,
    /// The host is, or resolves to, an address that is not public and not allowed.
    #[error("the host's address is not public and not allowed by the operator")]
    Address,
}

/// A call that was not made or gave nothing. Never says what was called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The guard refused the target; nothing was sent.
    #[error("call refused: {0}")]
    Refused(#[from] Refusal),
    /// The request cannot be put into HTTP.
    #[error("the request is malformed: {0}")]
    Malformed(&'static str),
    /// The name has no address.
    #[error("the host's name could not be resolved")]
    Unresolved,
    /// No connection, or it broke.
    #[error("the connection failed")]
    Connection,
    /// The time cap was reached. Whether the other side acted is unknown.
    #[error("no complete answer in time")]
    Timeout,
    /// The answer is longer than the size cap.
    #[error("the answer is longer than allowed")]
    TooLarge,
    /// The broker refused us or the message.
    #[error("the broker did not accept the message")]
    Rejected,
    /// The HTTP client could not be set up.
    #[error("the http client could not be set up")]
    Setup,
}

impl From<OutboundError> for Problem {
    fn from(error: OutboundError) -> Self {
        Self::new(ProblemCode::BadGateway, error.to_string())
    }
}
