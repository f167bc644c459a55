//! A relying party of the xID simulator, careful enough to notice every fault.

use std::collections::HashMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use tsunagu_sandbox::xid::Options;
use tsunagu_sandbox::{Role, Running};

use super::support::{CHALLENGE, TestClock, VERIFIER, browser, location, query, seen, started};

pub(crate) const REDIRECT: &str = "http://127.0.0.1:9/login/xid/callback";

/// A relying party and the provider it is registered at.
pub(crate) struct Party {
    pub(crate) xid: Running,
    pub(crate) clock: TestClock,
    pub(crate) key: PrivateKey,
    pub(crate) http: reqwest::Client,
}

impl Party {
    pub(crate) async fn new() -> Self {
        let key = PrivateKey::generate(&ECDH_P256).unwrap();
        let clock = TestClock::at_noon();
        let options = Options {
            port: 0,
            client_id: Some("tsunagu".to_owned()),
            client_secret: Some("s3cret".to_owned()),
            redirect_uri: vec![REDIRECT.to_owned()],
            user_data_jwk: Some(public_jwk(&key).to_string()),
            admin_key: Some("admin".to_owned()),
            fault: None,
            residents: 20,
        };
        let xid = started(Role::Xid(options), &clock).await;
        Self { xid, clock, key, http: browser() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.xid.url())
    }

    /// The authorization request, with `changes` to its parameters.
    pub(crate) fn request(&self, changes: &[(&str, &str)]) -> String {
        let mut params = HashMap::from([
            ("response_type", "code"),
            ("response_mode", "query"),
            ("client_id", "tsunagu"),
            ("redirect_uri", REDIRECT),
            ("scope", "openid verification"),
            ("state", "st&te"),
            ("nonce", "n0nce"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        params.extend(changes.iter().copied());
        let url = url::Url::parse_with_params(&self.url("/oauth2/auth"), params).unwrap();
        url.into()
    }

    pub(crate) async fn choose(&self, url: &str, form: &[(&str, &str)]) -> HashMap<String, String> {
        let response = self.http.post(url).form(form).send().await.unwrap();
        assert_eq!(response.status(), 302, "{}", response.text().await.unwrap());
        query(&location(&response))
    }

    pub(crate) async fn code(&self, form: &[(&str, &str)]) -> String {
        let mut form = form.to_vec();
        form.push(("outcome", "ok"));
        let mut answer = self.choose(&self.request(&[]), &form).await;
        assert_eq!(answer["state"], "st&te");
        assert_eq!(answer["iss"], self.xid.url());
        answer.remove("code").unwrap()
    }

    /// The token request with `changes`, authenticated by Basic.
    pub(crate) async fn exchange(&self, code: &str, changes: &[(&str, &str)]) -> (u16, Value) {
        let mut form = HashMap::from([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ]);
        form.extend(changes.iter().copied());
        let request =
            self.http.post(self.url("/oauth2/token")).basic_auth("tsunagu", Some("s3cret"));
        seen(request.form(&form)).await
    }

    /// What a careful relying party makes of the ID token.
    pub(crate) async fn believed(
        &self,
        id_token: &str,
    ) -> Result<Value, jsonwebtoken::errors::Error> {
        let (_, keys) = seen(self.http.get(self.url("/.well-known/jwks.json"))).await;
        let keys: JwkSet = serde_json::from_value(keys).unwrap();
        let header = decode_header(id_token)?;
        let key = keys
            .find(&header.kid.unwrap_or_default())
            .ok_or(jsonwebtoken::errors::ErrorKind::InvalidKeyFormat)?;
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&["tsunagu"]);
        validation.set_issuer(&[self.xid.url()]);
        // the token's time is that of the test's clock
        validation.validate_exp = false;
        decode(id_token, &DecodingKey::from_jwk(key)?, &validation).map(|data| data.claims)
    }

    /// Decrypts with a derivation function that is not the server's.
    pub(crate) fn open(&self, jwe: &str) -> Value {
        let parts: Vec<Vec<u8>> =
            jwe.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        let [header, wrapped_key, iv, text, tag] = parts.try_into().unwrap();
        assert!(wrapped_key.is_empty());
        let encoded_header = jwe.split('.').next().unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!((&header["alg"], &header["enc"]), (&json!("ECDH-ES"), &json!("A256GCM")));
        assert_eq!(header["kid"], "user-data-1");
        let coordinate =
            |name: &str| URL_SAFE_NO_PAD.decode(header["epk"][name].as_str().unwrap()).unwrap();
        let epk = [&[4][..], &coordinate("x"), &coordinate("y")].concat();
        let info = [&[0, 0, 0, 7][..], b"A256GCM", &[0; 8], &256_u32.to_be_bytes()].concat();
        let mut key = [0; 32];
        agree(&self.key, UnparsedPublicKey::new(&ECDH_P256, epk), (), |z| {
            let sha256 = get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256).unwrap();
            sskdf_digest(sha256, z, &info, &mut key).map_err(|_| ())
        })
        .unwrap();
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
        let mut sealed = [text, tag].concat();
        let nonce = Nonce::try_assume_unique_for_key(&iv).unwrap();
        let opened =
            key.open_in_place(nonce, Aad::from(encoded_header.as_bytes()), &mut sealed).unwrap();
        serde_json::from_slice(opened).unwrap()
    }

    pub(crate) async fn user_data(&self, persona: &str) -> Value {
        let code = self.code(&[("persona", persona)]).await;
        let (_, tokens) = self.exchange(&code, &[]).await;
        let token = tokens["access_token"].as_str().unwrap();
        let ask = self.http.get(self.url("/v4/verification/userdata")).bearer_auth(token);
        let response = ask.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/jose");
        self.open(&response.text().await.unwrap())
    }
}

pub(crate) fn public_jwk(key: &PrivateKey) -> Value {
    let point = key.compute_public_key().unwrap();
    let point: aws_lc_rs::encoding::EcPublicKeyUncompressedBin<'_> = point.as_be_bytes().unwrap();
    let (x, y) = point.as_ref()[1..].split_at(32);
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y), "kid": "user-data-1",
           "use": "enc"})
}
