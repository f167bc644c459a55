//! The form of a request.

use std::fmt;

use tsunagu_domain::individual_number;

use super::{ErrorCode, OAuthError};

const MAX_LENGTH: usize = 64 * 1024;
/// Parameters that nobody but their maker can read anything in.
const SECRET: [&str; 11] = [
    "client_assertion",
    "client_secret",
    "code",
    "code_challenge",
    "code_verifier",
    "id_token_hint",
    "refresh_token",
    "request",
    "request_uri",
    "share_code",
    "token",
];
/// May come several times (RFC 8707 section 2).
const MANY: &str = "resource";
/// No request has nearly as many parameters.
const MOST: usize = 100;

/// The parameters of a posted form. A parameter given twice refuses the request, but for `resource`; an empty one counts as absent (RFC 6749
/// section 3.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    pub fn read(body: &[u8]) -> Result<Self, OAuthError> {
        if body.len() > MAX_LENGTH {
            return Err(OAuthError::new(ErrorCode::InvalidRequest, "the form is too long"));
        }
        Self::from_pairs(url::form_urlencoded::parse(body).into_owned())
    }

    /// From pairs already decoded.
    pub fn from_pairs(
        pairs: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, OAuthError> {
        let mut form: Vec<(String, String)> = Vec::new();
        for (name, value) in pairs {
            if form.len() == MOST {
                return Err(OAuthError::new(
                    ErrorCode::InvalidRequest,
                    "there are too many parameters",
                ));
            }
            if name != MANY && form.iter().any(|(known, _)| *known == name) {
                return Err(OAuthError::new(
                    ErrorCode::InvalidRequest,
                    "a parameter is given twice",
                ));
            }
            // What is random or signed may hold any digits; the rest is kept or shown.
            if !SECRET.contains(&name.as_str()) && individual_number::is_in(&value) {
                return Err(OAuthError::new(
                    ErrorCode::InvalidRequest,
                    "a parameter holds an individual number (個人番号), which may not be sent to this platform",
                ));
            }
            form.push((name, value));
        }
        Ok(Self(form))
    }

    /// A parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Every value of `resource`.
    pub(super) fn resources(&self) -> impl Iterator<Item = &str> {
        let all = self.0.iter().filter(|(name, value)| name == MANY && !value.is_empty());
        all.map(|(_, value)| value.as_str())
    }

    /// A parameter that must be there.
    pub fn required(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| {
            OAuthError::new(ErrorCode::InvalidRequest, format!("the parameter '{name}' is missing"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_without_number_are_refused() {
        let body = |n: usize| (0..n).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        assert!(Form::read(body(MOST).as_bytes()).is_ok());
        assert!(Form::read(body(MOST + 1).as_bytes()).is_err());
    }

    #[test]
    fn t76_individual_numbers_are_refused() {
        let read = |body: &str| Form::read(body.as_bytes());
        for body in ["state=1234-5678-9018", "login_hint=%EF%BC%9123456789018", "x=123456789018"] {
            let refused = read(body).unwrap_err();
            assert!(!format!("{refused:?} {refused}").contains("9018"), "{body}");
        }
        assert!(read("state=123456789012&code=123456789018&nonce=x123456789018").is_ok());
    }
}
