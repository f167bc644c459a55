//! An OpenID provider of a few lines over HTTP, which can be told to misbehave.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tsunagu_identity::SigningKey;
use url::Url;

use super::world::{b64, challenge, key};

pub(crate) const CLIENT_ID: &str = "tsunagu-client";
pub(crate) const CLIENT_SECRET: &str = "s3cret & more";

/// From the claims it should sign to the ID token it sends.
type Twist = Box<dyn Fn(&SigningKey, Value) -> String + Send>;

#[derive(Clone)]
struct Login {
    nonce: String,
    challenge: String,
    redirect_uri: String,
    sub: String,
    person: Value,
}

struct State {
    key: SigningKey,
    logins: HashMap<String, Login>,
    twist: Twist,
    userinfo_sub: Option<String>,
    now: i64,
    acr: Option<&'static str>,
    jwks_calls: usize,
}

/// The provider. Codes double as access tokens.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) issuer: String,
    state: Arc<Mutex<State>>,
    recipient: Arc<(String, Vec<u8>)>,
}

impl Provider {
    pub(crate) async fn start(now: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let recipient = PrivateKey::generate(&ECDH_P256).unwrap();
        let point = recipient.compute_public_key().unwrap().as_ref().to_vec();
        let d: aws_lc_rs::encoding::EcPrivateKeyBin<'_> =
            aws_lc_rs::encoding::AsBigEndian::as_be_bytes(&recipient).unwrap();
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..]), "d": b64(d.as_ref()),
        });
        let provider = Self {
            issuer,
            state: Arc::new(Mutex::new(State {
                key: key(),
                logins: HashMap::new(),
                twist: Box::new(|key, claims| key.sign("JWT", &claims).unwrap()),
                userinfo_sub: None,
                now,
                acr: Some("urn:x-id:aal2"),
                jwks_calls: 0,
            })),
            recipient: Arc::new((jwk.to_string(), point)),
        };
        let serving = provider.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.answer(socket).await });
            }
        });
        provider
    }

    /// The private JWK to which it encrypts user data.
    pub(crate) fn user_data_key(&self) -> String {
        self.recipient.0.clone()
    }

    /// Misbehaves from now on.
    pub(crate) fn twist(&self, twist: impl Fn(&SigningKey, Value) -> String + Send + 'static) {
        self.state.lock().unwrap().twist = Box::new(twist);
    }

    pub(crate) fn userinfo_sub(&self, sub: &str) {
        self.state.lock().unwrap().userinfo_sub = Some(sub.to_owned());
    }

    pub(crate) fn acr(&self, acr: Option<&'static str>) {
        self.state.lock().unwrap().acr = acr;
    }

    /// Its clock, seconds since the epoch.
    pub(crate) fn at(&self, now: i64) {
        self.state.lock().unwrap().now = now;
    }

    pub(crate) fn new_key(&self) {
        self.state.lock().unwrap().key = key();
    }

    pub(crate) fn key(&self) -> SigningKey {
        self.state.lock().unwrap().key.clone()
    }

    pub(crate) fn jwks_calls(&self) -> usize {
        self.state.lock().unwrap().jwks_calls
    }

    /// What the person's confirmation at the provider gives: a code for this authorization URL.
    pub(crate) fn confirm(&self, authorization: &Url, sub: &str, person: Value) -> String {
        let query: HashMap<_, _> = authorization.query_pairs().into_owned().collect();
        assert!(authorization.as_str().starts_with(&format!("{}/oauth2/auth?", self.issuer)));
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("scope", "openid verification"),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(query[name], value);
        }
        let mut state = self.state.lock().unwrap();
        let code = format!("code-{}", state.logins.len());
        let login = Login {
            nonce: query["nonce"].clone(),
            challenge: query["code_challenge"].clone(),
            redirect_uri: query["redirect_uri"].clone(),
            sub: sub.to_owned(),
            person,
        };
        state.logins.insert(code.clone(), login);
        code
    }

    async fn answer(&self, mut socket: TcpStream) {
        let mut bytes = Vec::new();
        let (head, body) = loop {
            let mut part = [0; 4096];
            let read = socket.read(&mut part).await.unwrap();
            bytes.extend_from_slice(&part[..read]);
            let text = String::from_utf8(bytes.clone()).unwrap();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = header(head, "content-length").map_or(0, |n| n.parse().unwrap());
                if body.len() >= length {
                    break (head.to_owned(), body.to_owned());
                }
            }
            if read == 0 {
                return;
            }
        };
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let (status, body) = self.route(&path, &head, &body);
        let answer = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(answer.as_bytes()).await.unwrap();
    }

    fn route(&self, path: &str, head: &str, body: &str) -> (u16, String) {
        let at = |path: &str| format!("{}{path}", self.issuer);
        let bearer = header(head, "authorization")
            .and_then(|h| h.strip_prefix("Bearer ").map(str::to_owned));
        let mut state = self.state.lock().unwrap();
        let login = bearer.and_then(|token| state.logins.get(&token).cloned());
        match path {
            "/.well-known/openid-configuration" => (
                200,
                json!({
                    "issuer": self.issuer,
                    "authorization_endpoint": at("/oauth2/auth"),
                    "token_endpoint": at("/oauth2/token"),
                    "userinfo_endpoint": at("/userinfo"),
                    "jwks_uri": at("/jwks"),
                })
                .to_string(),
            ),
            "/jwks" => {
                state.jwks_calls += 1;
                let rsa = json!({"kty": "RSA", "kid": "decoy", "n": "AQAB", "e": "AQAB"});
                (200, json!({"keys": [rsa, state.key.public()]}).to_string())
            }
            "/oauth2/token" => self.token(&state, head, body),
            "/userinfo" => match login {
                Some(login) => {
                    let sub = state.userinfo_sub.clone().unwrap_or(login.sub);
                    (200, json!({ "sub": sub }).to_string())
                }
                None => (401, String::new()),
            },
            "/v4/verification/userdata" => match login {
                Some(login) => (200, self.seal(&login.person.to_string())),
                None => (401, String::new()),
            },
            _ => (404, String::new()),
        }
    }

    fn token(&self, state: &State, head: &str, body: &str) -> (u16, String) {
        use base64::Engine as _;
        let form: HashMap<_, _> =
            url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let expected = base64::engine::general_purpose::STANDARD
            .encode(format!("{CLIENT_ID}:s3cret+%26+more"));
        if header(head, "authorization") != Some(format!("Basic {expected}")) {
            return (401, json!({"error": "invalid_client"}).to_string());
        }
        let Some(login) = state.logins.get(&form["code"]).filter(|login| {
            login.challenge == challenge(&form["code_verifier"])
                && login.redirect_uri == form["redirect_uri"]
        }) else {
            return (400, json!({"error": "invalid_grant"}).to_string());
        };
        let access_token = &form["code"];
        let mut claims = json!({
            "iss": self.issuer, "sub": login.sub, "aud": CLIENT_ID, "nonce": login.nonce,
            "iat": state.now, "exp": state.now + 300, "auth_time": state.now, "amr": ["hwk", "pin"],
            "at_hash": b64(&digest(&SHA256, access_token.as_bytes()).as_ref()[..16]),
        });
        if let Some(acr) = state.acr {
            claims["acr"] = json!(acr);
        }
        let id_token = (state.twist)(&state.key, claims);
        let answer = json!({
            "access_token": access_token, "token_type": "bearer", "expires_in": 300, "id_token": id_token,
        });
        (200, answer.to_string())
    }

    /// A compact JWE with ECDH-ES and A256GCM, written here anew so that reading is not tested against itself.
    fn seal(&self, text: &str) -> String {
        let ephemeral = PrivateKey::generate(&ECDH_P256).unwrap();
        let point = ephemeral.compute_public_key().unwrap().as_ref().to_vec();
        let epk =
            json!({"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..])});
        let header = b64(json!({"alg": "ECDH-ES", "enc": "A256GCM", "epk": epk}).to_string());
        let peer = UnparsedPublicKey::new(&ECDH_P256, &self.recipient.1);
        let z = agree(&ephemeral, peer, (), |z| Ok(z.to_vec())).unwrap();
        let info = b"\0\0\0\x07A256GCM\0\0\0\0\0\0\0\0\0\0\x01\0";
        let key = digest(&SHA256, &[&[0, 0, 0, 1], z.as_slice(), info].concat());
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).unwrap());
        let mut sealed = text.as_bytes().to_vec();
        let nonce = Nonce::assume_unique_for_key([1; 12]);
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::from(header.as_bytes()), &mut sealed)
            .unwrap();
        format!("{header}..{}.{}.{}", b64([1; 12]), b64(sealed), b64(tag))
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
}
