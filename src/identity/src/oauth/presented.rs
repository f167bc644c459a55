//! An access token in a request: presented under its scheme, by whoever holds the key that it is bound to.

use std::sync::Arc;

use super::{AccessToken, AuthorizationServer, Binding, Possession, ProofError, TokenError};

/// The scheme of an `Authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750.
    Bearer,
    /// RFC 9449 section 7.1.
    Dpop,
}

impl AuthorizationServer {
    /// Verifies an access token as a request presents it. A bound token needs its key; to leave the proof out, or to send the token as
    /// `Bearer`, does not unbind it (RFC 9449 section 7.1). The proof is used up.
    pub async fn verify_presented(
        &self,
        scheme: Scheme,
        text: &str,
        possession: &Possession<'_>,
    ) -> Result<Arc<AccessToken>, TokenError> {
        let token = self.verify_access_token(text).await?;
        match (&token.binding, scheme) {
            (None, Scheme::Bearer) => {}
            (None, Scheme::Dpop) | (Some(Binding::Key(_)), Scheme::Bearer) => {
                return Err(TokenError::Scheme);
            }
            (Some(Binding::Key(jkt)), Scheme::Dpop) => {
                if self.prove(possession, Some(text)).await? != *jkt {
                    let why = "it is signed with another key than the token is bound to";
                    return Err(ProofError::Invalid(why).into());
                }
            }
        }
        Ok(token)
    }
}
