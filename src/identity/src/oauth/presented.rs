//! An access token in a request: presented under its scheme, by whoever holds the key or certificate that it is bound to.

use std::sync::Arc;

use crate::jose::same;

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
    /// `Bearer`, does not unbind it (RFC 9449 section 7.1). The proof is used up. A token that is bound to a certificate is sent as `Bearer`
    /// over a connection with that certificate (RFC 8705 section 3).
    pub async fn verify_presented(
        &self,
        scheme: Scheme,
        text: &str,
        possession: &Possession<'_>,
    ) -> Result<Arc<AccessToken>, TokenError> {
        let token = self.verify_access_token(text).await?;
        match (&token.binding, scheme) {
            (None, Scheme::Bearer) => {}
            (None | Some(Binding::Certificate(_)), Scheme::Dpop)
            | (Some(Binding::Key(_)), Scheme::Bearer) => {
                return Err(TokenError::Scheme);
            }
            (Some(Binding::Certificate(bound)), Scheme::Bearer) => match possession.thumbprint() {
                Some(shown) if same(&shown, bound) => {}
                Some(_) => return Err(TokenError::Certificate("with another one")),
                None => return Err(TokenError::Certificate("without one")),
            },
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
