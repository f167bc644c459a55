//! One attempt to log in.

use std::fmt;

use serde::{Deserialize, Serialize};
use tsunagu_domain::IdGen;

use crate::jose::{b64, sha256};

/// The fresh values that tie request and answer of one login together.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// `state`.
    pub state: String,
    /// `nonce`.
    pub nonce: String,
    /// PKCE verifier.
    pub code_verifier: String,
    /// Where the provider sends the browser back.
    pub redirect_uri: String,
    /// Whether the person shall authenticate anew, also where the provider knows them still.
    #[serde(default)]
    pub anew: bool,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attempt(…)")
    }
}

impl Attempt {
    /// Fresh values.
    pub fn new(ids: &dyn IdGen, redirect_uri: String, anew: bool) -> Self {
        Self {
            state: ids.secret(),
            nonce: ids.secret(),
            code_verifier: ids.secret(),
            redirect_uri,
            anew,
        }
    }

    /// PKCE challenge, method S256.
    pub fn code_challenge(&self) -> String {
        b64(sha256(self.code_verifier.as_bytes()))
    }
}

/// The query with which a provider sends the browser back. Members nobody uses (`session_state`, `scope`) are ignored.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
pub struct CallbackQuery {
    /// `code`.
    pub code: Option<String>,
    /// `state`.
    pub state: Option<String>,
    /// `error`.
    pub error: Option<String>,
    /// `iss` (RFC 9207).
    pub iss: Option<String>,
}

impl fmt::Debug for CallbackQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackQuery(…)")
    }
}
