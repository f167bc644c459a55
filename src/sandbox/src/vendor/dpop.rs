//! Proofs that the app holds the key which its tokens are bound to (DPoP, RFC 9449).

use std::sync::{Mutex, PoisonError};

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::json;

use super::gateway::unreachable;
use crate::http::Refusal;
use crate::jose::{self, SigningKey};
use crate::{Clock, Error};

const PROOF: &str = "dpop";
const NONCE: &str = "dpop-nonce";

/// The key of the app's tokens, and the nonce that the gateway wants to see next.
pub(super) struct Prover {
    key: SigningKey,
    clock: Clock,
    nonce: Mutex<Option<String>>,
}

impl Prover {
    /// A fresh key: it need not outlive the tokens.
    pub(super) fn new(clock: Clock) -> Result<Self, Error> {
        Ok(Self { key: SigningKey::generate()?, clock, nonce: Mutex::default() })
    }

    /// The thumbprint of the key.
    pub(super) fn thumbprint(&self) -> String {
        self.key.public().thumbprint()
    }

    /// Sends a request with a proof, and with the token that it is for. When the gateway refuses and brings a nonce, it is made and sent
    /// once more.
    pub(super) async fn send(
        &self,
        http: &reqwest::Client,
        make: impl Fn() -> Result<RequestBuilder, Refusal>,
        token: Option<&str>,
    ) -> Result<Response, Refusal> {
        let first = self.once(http, make()?, token).await?;
        let brought = self.noted(&first);
        let refused = matches!(first.status(), StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED);
        if refused && brought {
            let second = self.once(http, make()?, token).await?;
            self.noted(&second);
            return Ok(second);
        }
        Ok(first)
    }

    async fn once(
        &self,
        http: &reqwest::Client,
        request: RequestBuilder,
        token: Option<&str>,
    ) -> Result<Response, Refusal> {
        let mut request = request.build().map_err(|error| unreachable(&error))?;
        let mut target = request.url().clone();
        target.set_query(None);
        target.set_fragment(None);
        let proof = self.proof(request.method().as_str(), target.as_str(), token)?;
        let header = |text: String| {
            HeaderValue::try_from(text).map_err(|_| Error::Key("a proof is no header"))
        };
        request.headers_mut().insert(PROOF, header(proof)?);
        if let Some(token) = token {
            request.headers_mut().insert(AUTHORIZATION, header(format!("DPoP {token}"))?);
        }
        http.execute(request).await.map_err(|error| unreachable(&error))
    }

    fn proof(&self, method: &str, target: &str, token: Option<&str>) -> Result<String, Error> {
        let public = self.key.public();
        let jwk = json!({"kty": public.kty, "crv": public.crv, "x": public.x, "y": public.y});
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
        let mut claims = json!({
            "jti": jose::random_token()?,
            "htm": method,
            "htu": target,
            "iat": (self.clock)().timestamp(),
        });
        if let Some(token) = token {
            claims["ath"] = json!(jose::encode(jose::sha256(token.as_bytes())));
        }
        if let Some(nonce) = &*self.nonce.lock().unwrap_or_else(PoisonError::into_inner) {
            claims["nonce"] = json!(nonce);
        }
        jose::sign(&self.key, &header, &claims)
    }

    /// Notes the nonce that an answer brings, and says whether it is a new one.
    fn noted(&self, response: &Response) -> bool {
        let brought = response.headers().get(NONCE).and_then(|value| value.to_str().ok());
        let Some(brought) = brought else {
            return false;
        };
        let mut nonce = self.nonce.lock().unwrap_or_else(PoisonError::into_inner);
        let new = nonce.as_deref() != Some(brought);
        *nonce = Some(brought.to_owned());
        new
    }
}
