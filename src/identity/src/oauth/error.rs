//! Errors as OAuth says them (RFC 6749 section 5.2 and its relatives).

use serde::{Serialize, Serializer};
use tsunagu_domain::Problem;
use tsunagu_store::StoreError;

use super::ProofError;

/// The `error` codes in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// Malformed, a parameter missing, twice or not allowed.
    InvalidRequest,
    /// The client is unknown, or did not authenticate.
    InvalidClient,
    /// The code is not valid (any more), or not for this client, redirect URI or verifier.
    InvalidGrant,
    /// This client may not use this grant type.
    UnauthorizedClient,
    /// Not a grant type of this server.
    UnsupportedGrantType,
    /// Not `code`.
    UnsupportedResponseType,
    /// An unknown scope.
    InvalidScope,
    /// RFC 9396.
    InvalidAuthorizationDetails,
    /// RFC 8707.
    InvalidTarget,
    /// The resident refused.
    AccessDenied,
    /// `prompt=none`, and the resident would have to log in (`OpenID` Connect Core section 3.1.2.6).
    LoginRequired,
    /// `prompt=none`, and the resident would have to do more than log in as they did.
    InteractionRequired,
    /// `prompt=none`, and the resident would have to consent.
    ConsentRequired,
    /// The login is not, and will not be, as `acr_values`, `max_age` or `prompt` ask (RFC 9470 section 5).
    UnmetAuthenticationRequirements,
    /// RFC 6750, and for a `request_uri` RFC 9101: unknown, expired, used, or another client's.
    InvalidRequestUri,
    /// The access token is not valid.
    InvalidToken,
    /// RFC 9449 section 5: the proof is missing or does not count.
    InvalidDpopProof,
    /// RFC 9449 section 8: the proof needs the nonce that comes with the answer.
    UseDpopNonce,
    /// The token lacks a scope.
    InsufficientScope,
    /// A fault of this server.
    ServerError,
    /// A part of this server does not answer.
    TemporarilyUnavailable,
}

impl ErrorCode {
    /// As it stands in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidAuthorizationDetails => "invalid_authorization_details",
            Self::InvalidTarget => "invalid_target",
            Self::AccessDenied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::InteractionRequired => "interaction_required",
            Self::ConsentRequired => "consent_required",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidToken => "invalid_token",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::InsufficientScope => "insufficient_scope",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// An error answer. The description is for developers and never holds personal data or secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{error_description}")]
pub struct OAuthError {
    /// The code.
    pub error: ErrorCode,
    /// What is wrong and how to mend it.
    pub error_description: String,
}

impl OAuthError {
    /// An error with its explanation.
    pub fn new(error: ErrorCode, description: impl Into<String>) -> Self {
        Self { error, error_description: description.into() }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self.error {
            ErrorCode::InvalidClient | ErrorCode::InvalidToken => 401,
            ErrorCode::InsufficientScope => 403,
            ErrorCode::ServerError => 500,
            ErrorCode::TemporarilyUnavailable => 503,
            _ => 400,
        }
    }
}

impl From<ProofError> for OAuthError {
    fn from(error: ProofError) -> Self {
        let code = match error {
            ProofError::Unavailable(problem) => return problem.into(),
            ProofError::Nonce => ErrorCode::UseDpopNonce,
            ProofError::Invalid(_) | ProofError::Replayed => ErrorCode::InvalidDpopProof,
        };
        Self::new(code, error.to_string())
    }
}

impl From<Problem> for OAuthError {
    fn from(problem: Problem) -> Self {
        let error = match problem.code.status() {
            502 | 503 | 409 => ErrorCode::TemporarilyUnavailable,
            _ => ErrorCode::ServerError,
        };
        Self::new(error, problem.detail)
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}

impl From<crate::KeyFailure> for OAuthError {
    fn from(failure: crate::KeyFailure) -> Self {
        Self::new(ErrorCode::ServerError, failure.to_string())
    }
}
