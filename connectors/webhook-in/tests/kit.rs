//! The connector against the cases that every connector passes, signed in each way.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::io::Write as _;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tsunagu_connect::testkit::{self, ReceiverRig, Record, Sent};
use tsunagu_connect::{Kind, Ready, Settings};
use tsunagu_connector_webhook_in::WebhookIn;

const URI: &str = "https://data.town.example/connectors/v1/kit/messages";
const SHARED: &[u8] = b"an invented secret of 32 bytes!!";

/// A file that holds a secret, as a town would mount it.
fn secret(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{text}").unwrap();
    file
}

fn settings(scheme: &Value) -> Settings {
    serde_json::from_value(json!({
        "name": "clinic", "kind": "webhook-in", "title": { "ja": "健診", "en": "Clinic" },
        "mapping": {
            "name": "visits",
            "type": "Visit",
            "id": "'urn:ngsi-ld:Visit:' + string(record.number)",
            "attributes": { "revision": { "value": "record.revision" } },
            "samples": [{
                "name": "a visit",
                "input": { "number": 7, "revision": 1 },
                "expect": [{ "id": "urn:ngsi-ld:Visit:7", "type": "Visit", "revision": 1 }]
            }]
        },
        "settings": { "records": "/data", "scheme": scheme }
    }))
    .unwrap()
}

fn ready(scheme: &Value) -> Ready {
    let kinds: Vec<Box<dyn Kind>> = vec![Box::new(WebhookIn)];
    tsunagu_connect::validate(&kinds, &[settings(scheme)]).unwrap().remove(0)
}

fn body(records: &[Record]) -> Vec<u8> {
    let record = |record: &Record| json!({ "number": record.id, "revision": record.revision });
    let records: Vec<Value> = records.iter().map(record).collect();
    json!({ "type": "visits", "data": records }).to_string().into_bytes()
}

fn headers<const N: usize>(headers: [(&str, String); N]) -> Vec<(String, String)> {
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Standard Webhooks with a shared secret.
struct Shared(tempfile::NamedTempFile);

impl ReceiverRig for Shared {
    fn ready(&self) -> Ready {
        let old = json!({ "file": self.0.path() });
        ready(&json!({ "standard-webhooks": { "secrets": [old] } }))
    }

    fn call(&self, id: &str, records: &[Record], now: i64) -> Sent {
        let (body, at) = (body(records), (now / 1_000_000).to_string());
        let content = [id.as_bytes(), b".", at.as_bytes(), b".", &body].concat();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SHARED), &content);
        let signature = format!("v1,{}", STANDARD.encode(tag.as_ref()));
        let headers = headers([
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", at),
            ("webhook-signature", signature),
        ]);
        Sent { headers, body }
    }
}

/// Standard Webhooks with a key pair.
struct Asymmetric(Ed25519KeyPair);

impl ReceiverRig for Asymmetric {
    fn ready(&self) -> Ready {
        let key = format!("whpk_{}", STANDARD.encode(self.0.public_key().as_ref()));
        ready(&json!({ "standard-webhooks": { "public_keys": [key] } }))
    }

    fn call(&self, id: &str, records: &[Record], now: i64) -> Sent {
        let (body, at) = (body(records), (now / 1_000_000).to_string());
        let content = [id.as_bytes(), b".", at.as_bytes(), b".", &body].concat();
        let signature = STANDARD.encode(self.0.sign(&content).as_ref());
        let headers = headers([
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", at),
            ("webhook-signature", format!("v1,AAAA v1a,{signature}")),
        ]);
        Sent { headers, body }
    }
}

/// HTTP Message Signatures.
enum Signer {
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
    Hmac(tempfile::NamedTempFile),
}

impl Signer {
    fn sign(&self, base: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed25519(pair) => pair.sign(base).as_ref().to_vec(),
            Self::Ecdsa(pair) => pair.sign(&SystemRandom::new(), base).unwrap().as_ref().to_vec(),
            Self::Hmac(_) => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SHARED), base).as_ref().to_vec()
            }
        }
    }

    /// Signed over these components.
    fn over(&self, components: &str, id: &str, records: &[Record], now: i64) -> Sent {
        let body = body(records);
        let digest = STANDARD.encode(digest::digest(&digest::SHA256, &body).as_ref());
        let digest = format!("sha-256=:{digest}:");
        let created = now / 1_000_000;
        let input = format!("({components});created={created};keyid=\"clinic-1\";nonce=\"{id}\"");
        let mut base = String::new();
        for component in components.split(' ').filter(|name| !name.is_empty()) {
            let value = match component {
                "\"@method\"" => "POST",
                "\"@target-uri\"" => URI,
                "\"@authority\"" => "data.town.example",
                "\"@path\"" => "/connectors/v1/kit/messages",
                "\"content-digest\"" => &digest,
                other => unreachable!("{other}"),
            };
            writeln!(base, "{component}: {value}").unwrap();
        }
        write!(base, "\"@signature-params\": {input}").unwrap();
        let signature = STANDARD.encode(self.sign(base.as_bytes()));
        let headers = headers([
            ("content-digest", digest),
            ("signature-input", format!("sig1={input}")),
            ("signature", format!("sig1=:{signature}:")),
        ]);
        Sent { headers, body }
    }
}

impl ReceiverRig for Signer {
    fn ready(&self) -> Ready {
        let key = match self {
            Self::Ed25519(pair) => {
                json!({ "ed25519": STANDARD.encode(pair.public_key().as_ref()) })
            }
            Self::Ecdsa(pair) => {
                json!({ "ecdsa-p256-sha256": STANDARD.encode(pair.public_key().as_ref()) })
            }
            Self::Hmac(file) => json!({ "hmac-sha256": { "file": file.path() } }),
        };
        ready(&json!({ "http-signatures": { "keys": { "clinic-1": key } } }))
    }

    fn call(&self, id: &str, records: &[Record], now: i64) -> Sent {
        self.over(r#""@method" "@target-uri" "content-digest""#, id, records, now)
    }
}

#[tokio::test]
async fn passes_the_kit_with_standard_webhooks() {
    testkit::receiver(&Shared(secret(&format!("whsec_{}", STANDARD.encode(SHARED))))).await;
    testkit::receiver(&Asymmetric(Ed25519KeyPair::generate().unwrap())).await;
}

#[tokio::test]
async fn passes_the_kit_with_http_message_signatures() {
    testkit::receiver(&Signer::Ed25519(Ed25519KeyPair::generate().unwrap())).await;
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    testkit::receiver(&Signer::Ecdsa(pair)).await;
    let file = secret(std::str::from_utf8(SHARED).unwrap());
    testkit::receiver(&Signer::Hmac(file)).await;
}

#[tokio::test]
async fn a_signature_that_leaves_out_what_matters_proves_nothing() {
    let kit = testkit::Kit::default();
    let signer = Signer::Ed25519(Ed25519KeyPair::generate().unwrap());
    let parts = signer.ready().build(&kit.host()).await.unwrap();
    let receiver = parts.receiver.unwrap();
    let now = tsunagu_domain::Clock::micros(&*kit.clock);
    let accepted = |sent: &Sent, method: &str, uri: &str| {
        let (headers, body) = (&sent.headers[..], &sent.body[..]);
        receiver.accept(&tsunagu_connect::Incoming { method, uri, headers, body, now }).is_ok()
    };
    for (components, good) in [
        (r#""@method" "@target-uri" "content-digest""#, true),
        (r#""content-digest" "@authority" "@path" "@method""#, true),
        (r#""@method" "@target-uri""#, false),
        (r#""@method" "content-digest""#, false),
        (r#""@target-uri" "content-digest""#, false),
        (r#""@method" "@path" "content-digest""#, false),
        (r#""@method" "@method" "@target-uri" "content-digest""#, false),
        ("", false),
    ] {
        let sent = signer.over(components, "m-1", &testkit::records(1), now);
        assert_eq!(accepted(&sent, "POST", URI), good, "{components}");
        assert!(!accepted(&sent, "PUT", URI), "another method");
        let elsewhere = URI.replace("kit", "other");
        assert!(!accepted(&sent, "POST", &elsewhere), "another connector's address");
    }
}
