//! Tokens and assertions (ES256).

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tsunagu_domain::{Clock as _, IdGen as _, SystemClock, SystemIds, TenantId, TsunoId};
use tsunagu_sandbox::KeyPair;
use tsunagu_store::{Collection, Scan, Store};

use super::load;

/// A key that signs.
pub struct Signer {
    pair: EcdsaKeyPair,
    kid: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl Signer {
    /// Of a client.
    pub fn of_client(keys: &KeyPair) -> anyhow::Result<Self> {
        let part = |name: &str| -> anyhow::Result<Vec<u8>> {
            let text = keys.private[name].as_str().context("an incomplete JWK")?;
            Ok(URL_SAFE_NO_PAD.decode(text)?)
        };
        let point = [vec![4], part("x")?, part("y")?].concat();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &part("d")?,
            &point,
        )?;
        let kid = keys.private["kid"].as_str().context("a JWK without kid")?.to_owned();
        Ok(Self { pair, kid })
    }

    /// Of the gateway itself, as it keeps it in its store.
    pub async fn of_gateway(store: &dyn Store, tenant: &TenantId) -> anyhow::Result<Self> {
        let newest = Scan { limit: 1, reverse: true, ..Scan::default() };
        let found = store.records(tenant, Collection("signing-key"), &newest).await?;
        let (_, record) = found.into_iter().next().context("the gateway has no signing key")?;
        let stored: Value = serde_json::from_slice(&record.value)?;
        let text = |name: &str| stored["data"][name].as_str().context("an unknown form of key");
        let pkcs8 = STANDARD.decode(text("pkcs8")?)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8)?;
        Ok(Self { pair, kid: text("kid")?.to_owned() })
    }

    fn sign(&self, typ: &str, claims: &Value) -> anyhow::Result<String> {
        let header = json!({ "alg": "ES256", "typ": typ, "kid": self.kid });
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes())?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The access token of an app for a resident, as the gateway would issue it after a login and a consent. `sub` is the app's own id of them.
    pub fn for_resident(
        &self,
        issuer: &str,
        client: &str,
        sub: TsunoId,
        grant: &str,
    ) -> anyhow::Result<String> {
        let now = SystemClock.seconds();
        self.sign(
            "at+jwt",
            &json!({
                "iss": issuer, "aud": format!("{issuer}/ngsi-ld"), "sub": sub.to_string(),
                "client_id": client, "iat": now, "exp": now + 7200, "jti": SystemIds.uuid(),
                "scope": "openid", "grant_id": grant, "auth_time": now, "acr": "urn:x-id:aal2",
                "amr": ["hwk"], "ial": "substantial", "aal": "substantial", "idp": "xid",
            }),
        )
    }

    /// A client's own access token, from the token endpoint (RFC 6749 4.4 with RFC 7523).
    pub fn for_machine(
        &self,
        address: SocketAddr,
        issuer: &str,
        client: &str,
    ) -> anyhow::Result<String> {
        let now = SystemClock.seconds();
        let assertion = self.sign(
            "JWT",
            &json!({
                "iss": client, "sub": client, "aud": issuer, "jti": SystemIds.uuid(),
                "iat": now, "exp": now + 60,
            }),
        )?;
        let form = format!(
            "grant_type=client_credentials&client_id={client}&scope=ngsi-ld&client_assertion={assertion}\
             &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
        );
        let request = format!(
            "POST /oauth/token HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}",
            form.len()
        );
        let answer = load::once(address, request.as_bytes())?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == 200, "no token: {text}");
        let body: Value = serde_json::from_slice(&answer.body)?;
        Ok(body["access_token"].as_str().context("an answer without token")?.to_owned())
    }
}
