//! Proofs of possession (DPoP, RFC 9449): that a request comes from whoever holds a private key.

mod nonce;
mod seen;
mod target;

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use tsunagu_domain::{IdGen, Problem, Timestamp};
use tsunagu_store::Store;

use super::AuthorizationServer;
use crate::jose::{FAPI, Signed, b64, same, sha256};

use nonce::Nonces;
use seen::Seen;

/// A proof is good for so long, seconds: a replay is remembered for as long.
const PROOF_SECONDS: i64 = 60;
/// The client's clock may be so far ahead or behind, seconds.
const SKEW: i64 = 10;
const LONGEST_JTI: usize = 256;

/// What a request brings to show that it comes from the holder of a key: a DPoP proof, or the certificate of its connection.
#[derive(Clone, Copy, Default)]
pub struct Possession<'r> {
    /// The method of the request.
    pub method: &'r str,
    /// Its target as the client wrote it: scheme, authority and path.
    pub target: &'r str,
    /// The proof in its `DPoP` header.
    pub proof: Option<&'r str>,
    /// The certificate of its TLS connection, DER, as a proxy that is believed tells it.
    pub certificate: Option<&'r [u8]>,
}

impl Possession<'_> {
    /// The thumbprint of the certificate, `x5t#S256` (RFC 8705 section 3.1).
    pub(super) fn thumbprint(&self) -> Option<String> {
        self.certificate.map(|der| b64(sha256(der)))
    }
}

impl fmt::Debug for Possession<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Possession")
            .field("proof", &self.proof.is_some())
            .field("certificate", &self.certificate.is_some())
            .finish_non_exhaustive()
    }
}

/// Why a proof does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// It is missing, malformed, about another request, late, or not signed by the key that it names.
    #[error("the DPoP proof is refused: {0}")]
    Invalid(&'static str),
    /// It carries no nonce of this server that is still good; the answer brings one.
    #[error("the DPoP proof needs the nonce that comes with this answer")]
    Nonce,
    /// It was used before.
    #[error("the DPoP proof was used before: make one per request")]
    Replayed,
    /// It could not be checked, so it does not count.
    #[error("the DPoP proof could not be checked: {0}")]
    Unavailable(Problem),
}

/// Nonces that are given out, and proofs that were used.
#[derive(Debug)]
pub struct Proofs {
    nonces: Nonces,
    seen: Seen,
}

impl Proofs {
    /// For the only process that works on its store. Used proofs are remembered in memory; a proof has to carry a nonce of this very
    /// process, so that a restart makes what it forgot worthless.
    pub fn of_one_process(ids: &dyn IdGen) -> Self {
        Self { nonces: Nonces::new(ids.secret().as_bytes()), seen: Seen::in_memory() }
    }

    /// For replicas, which share the secret and the store: each takes the nonces of all, and a used proof is a record.
    pub fn of_replicas(secret: &[u8; 32], store: Arc<dyn Store>) -> Self {
        Self { nonces: Nonces::new(secret), seen: Seen::in_store(store) }
    }
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    ath: Option<String>,
    nonce: Option<String>,
}

fn refuse<T>(why: &'static str) -> Result<T, ProofError> {
    Err(ProofError::Invalid(why))
}

impl AuthorizationServer {
    /// A nonce to make the next proof with.
    pub fn dpop_nonce(&self) -> String {
        self.proofs.nonces.issue(self.services.clock.seconds())
    }

    /// Checks a proof (RFC 9449 section 4.3), uses it up and gives the thumbprint of its key (RFC 7638). `token` is the access token that
    /// it comes with, at a resource server.
    pub(super) async fn prove(
        &self,
        possession: &Possession<'_>,
        token: Option<&str>,
    ) -> Result<String, ProofError> {
        let now = self.services.clock.seconds();
        let Some(text) = possession.proof else {
            return refuse("it is missing");
        };
        let (claims, jkt) = signed_by_its_key(text)?;
        about(&claims, possession, token)?;
        if claims.iat > now + SKEW || claims.iat < now - PROOF_SECONDS - SKEW {
            return refuse("its iat is not now: check the clock");
        }
        if !claims.nonce.is_some_and(|nonce| self.proofs.nonces.is_good(&nonce, now)) {
            return Err(ProofError::Nonce);
        }
        let name = sha256(&[jkt.as_bytes(), &[0], claims.jti.as_bytes()].concat());
        let until = claims.iat.saturating_add(PROOF_SECONDS + SKEW + 1);
        self.use_proof(&name, crate::services::seconds(until)).await?;
        Ok(jkt)
    }

    async fn use_proof(&self, name: &[u8; 32], until: Timestamp) -> Result<(), ProofError> {
        let now = self.services.clock.micros();
        let first = self.proofs.seen.first_time(&self.tenant, name, now, until).await;
        if first.map_err(ProofError::Unavailable)? { Ok(()) } else { Err(ProofError::Replayed) }
    }
}

fn signed_by_its_key(text: &str) -> Result<(Claims, String), ProofError> {
    let Ok(signed) = Signed::read(text, &FAPI) else {
        return refuse("it is no jws with PS256, ES256 or EdDSA and a public jwk in its header");
    };
    if signed.typ.as_deref() != Some("dpop+jwt") {
        return refuse("its typ must be dpop+jwt");
    }
    let Some(key) = &signed.offered else {
        return refuse("its header needs the public key as jwk");
    };
    if key.is_private() {
        return refuse("its jwk holds a private key, which is not secret any more");
    }
    let jkt = key.thumbprint().filter(|_| key.verifies(signed.algorithm));
    let Some(jkt) = jkt else {
        return refuse("its jwk is no key for its alg");
    };
    match signed.verify(key) {
        Ok(claims) => Ok((claims, jkt)),
        Err(crate::jose::JwsError::Claims) => {
            refuse("it needs jti, htm, htu, iat (a whole number) and, with a token, ath")
        }
        Err(_) => refuse("its signature does not verify"),
    }
}

/// Whether the claims are about this request.
fn about(
    claims: &Claims,
    possession: &Possession<'_>,
    token: Option<&str>,
) -> Result<(), ProofError> {
    if claims.jti.is_empty() || claims.jti.len() > LONGEST_JTI {
        return refuse("its jti must have 1 to 256 bytes");
    }
    if claims.htm != possession.method {
        return refuse("its htm is another method");
    }
    let named = target::normalized(&claims.htu);
    if named.is_none() || named != target::normalized(possession.target) {
        return refuse("its htu is another address");
    }
    let ath = claims.ath.as_deref().unwrap_or_default();
    if token.is_some_and(|token| !same(ath, &b64(sha256(token.as_bytes())))) {
        return refuse("its ath is not the digest of the access token");
    }
    Ok(())
}
