//! Problems as HTTP answers.

use std::fmt;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use tsunagu_broker::ngsi_problem;
use tsunagu_domain::{Problem, ProblemCode, StepUp};

/// A problem on its way out, as `application/problem+json`.
#[derive(Debug)]
pub struct Failure {
    /// What is wrong.
    pub problem: Problem,
    /// The `WWW-Authenticate` header of a 401.
    pub challenge: Option<String>,
    /// The `Allow` header of a 405.
    pub allow: Option<String>,
    /// The `Retry-After` header of a 429, seconds.
    pub retry_after: Option<u64>,
}

impl Failure {
    /// A problem with its explanation.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Problem::new(code, detail).into()
    }

    /// With a `WWW-Authenticate` header.
    #[must_use]
    pub fn challenged(mut self, challenge: String) -> Self {
        self.challenge = Some(challenge);
        self
    }
}

/// The way in that a 401 names where its maker named none (RFC 9110 section 15.5.2).
trait Challenge {
    fn challenge(&self) -> Option<&'static str>;
}

impl Challenge for ProblemCode {
    fn challenge(&self) -> Option<&'static str> {
        match self {
            // Residents come with the cookie of a login, not with a header.
            Self::Unauthorized => Some("Cookie realm=\"tsunagu\", form-action=\"/login\""),
            _ => None,
        }
    }
}

/// The challenge that tells what a login must be (RFC 9470 section 3), under a scheme with its parameters so far.
pub(crate) fn step_up(scheme: &str, needed: Option<StepUp>) -> String {
    let needed = match needed {
        Some(StepUp::Level(level)) => format!(", acr_values=\"{}\"", level.acr()),
        Some(StepUp::MaxAge(seconds)) => format!(", max_age=\"{seconds}\""),
        None => String::new(),
    };
    format!("{scheme} error=\"insufficient_user_authentication\"{needed}")
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem, challenge: None, allow: None, retry_after: None }
    }
}

impl From<tsunagu_ngsi_ld::Error> for Failure {
    fn from(error: tsunagu_ngsi_ld::Error) -> Self {
        ngsi_problem(error).into()
    }
}

impl From<tsunagu_store::StoreError> for Failure {
    fn from(error: tsunagu_store::StoreError) -> Self {
        Problem::from(error).into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.code.status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        let challenge = match (&self.challenge, self.problem.code) {
            (Some(challenge), _) => Some(challenge.clone()),
            (None, ProblemCode::StepUpRequired) => Some(step_up("Bearer", self.problem.step_up)),
            (None, code) => code.challenge().map(str::to_owned),
        };
        if let Some(challenge) = challenge {
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        if let Some(allow) = &self.allow {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if self.problem.code == ProblemCode::LengthRequired {
            // Clause 6.3.4: the status alone.
            return response.finish();
        }
        response.body(self.problem.body())
    }
}
