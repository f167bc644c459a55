//! Client authentication: `private_key_jwt` (RFC 7523, OpenID Connect Core section 9) as FAPI 2.0 narrows it.

use std::sync::Arc;

use serde::Deserialize;
use tsunagu_domain::ClientId;
use tsunagu_store::{Expect, WriteSet};

use super::{AuthorizationServer, ErrorCode, Form, OAuthError};
use crate::clients::Known;
use crate::jose::{FAPI, Signed, sha256};
use crate::records::{self, ASSERTIONS};
use crate::services::seconds;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// An assertion may live so long, seconds.
const MAX_LIFETIME: i64 = 300;
/// The client's clock may be so far ahead, seconds.
const SKEW: i64 = 10;

/// `aud` must be one text: an array could hold another server's name too.
#[derive(Deserialize)]
struct Assertion {
    iss: String,
    sub: String,
    aud: String,
    jti: String,
    exp: i64,
    iat: Option<i64>,
    nbf: Option<i64>,
}

fn refuse<T>(why: &str) -> Result<T, OAuthError> {
    Err(OAuthError::new(ErrorCode::InvalidClient, why))
}

impl AuthorizationServer {
    /// Who posted this form, proven. The assertion is used up.
    pub(super) async fn authenticate(&self, form: &Form) -> Result<Arc<Known>, OAuthError> {
        if form.get("client_secret").is_some() {
            return refuse("clients authenticate with private_key_jwt, not with a secret");
        }
        let (Some(kind), Some(text)) =
            (form.get("client_assertion_type"), form.get("client_assertion"))
        else {
            return refuse("client_assertion_type and client_assertion are needed");
        };
        if kind != ASSERTION_TYPE {
            return refuse("the client_assertion_type is not that of a jwt");
        }
        let signed = Signed::read(text, &FAPI)
            .or_else(|e| refuse(&format!("the client assertion is refused: {e}")))?;
        let Ok(claimed) = signed.peek::<Assertion>() else {
            return refuse(
                "the client assertion needs iss, sub, aud (one text), jti and exp (a whole number)",
            );
        };
        let id = claimed.iss.parse::<ClientId>().ok();
        let known = match id.filter(|_| claimed.iss == claimed.sub) {
            Some(id) => self.clients.known(&self.tenant, &id).await?.filter(|known| known.active()),
            None => None,
        };
        // Unknown, suspended and wrongly signed are told apart for nobody who cannot sign.
        let unproven = "the client is unknown or its assertion does not verify";
        let Some(known) = known else {
            return refuse(unproven);
        };
        let Some(key) = known.key(signed.kid.as_deref(), signed.algorithm).await? else {
            return refuse(unproven);
        };
        let Ok(assertion) = signed.verify::<Assertion>(&key) else {
            return refuse(unproven);
        };
        self.check(&assertion, form)?;
        self.use_up(&assertion).await?;
        Ok(known)
    }

    fn check(&self, assertion: &Assertion, form: &Form) -> Result<(), OAuthError> {
        let now = self.services.clock.seconds();
        if assertion.aud != self.issuer {
            return refuse("the aud of the client assertion must be the issuer identifier");
        }
        if assertion.exp <= now {
            return refuse("the client assertion has expired");
        }
        if assertion.exp > now + MAX_LIFETIME + SKEW {
            return refuse("the client assertion may live for five minutes at most");
        }
        if [assertion.iat, assertion.nbf].into_iter().flatten().any(|at| at > now + SKEW) {
            return refuse("the client assertion comes from the future: check the clock");
        }
        if assertion.jti.is_empty() || assertion.jti.len() > 256 {
            return refuse("the jti of the client assertion must have 1 to 256 bytes");
        }
        if form.get("client_id").is_some_and(|id| id != assertion.sub) {
            return refuse("client_id is not the client of the assertion");
        }
        Ok(())
    }

    async fn use_up(&self, assertion: &Assertion) -> Result<(), OAuthError> {
        let key = sha256(&[assertion.iss.as_bytes(), &[0], assertion.jti.as_bytes()].concat());
        let until = Some(seconds(assertion.exp.saturating_add(SKEW)));
        let op = records::put(ASSERTIONS, &key, until, &(), Expect::Absent)?;
        let set = WriteSet::new(self.tenant.clone()).with(op);
        if records::try_commit(&*self.services.store, set).await? {
            Ok(())
        } else {
            refuse("the client assertion was used before: make one per request")
        }
    }
}
