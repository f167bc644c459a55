//! Public keys as JSON (RFC 7517, RFC 7638).

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Algorithm, b64, sha256, unb64};

/// A key of a JWK set. Members this platform does not use are ignored; keys it cannot use (other types and curves, encryption) are
/// tolerated in a set and never chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Jwk {
    /// Key type; `EC`, `RSA` and `OKP` are used.
    pub kty: String,
    /// Curve; `P-256` and `Ed25519` are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// X coordinate, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// Y coordinate, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// RSA modulus, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// RSA exponent, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    /// Key id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// `sig` or `enc`.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// Algorithm it is meant for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// The private part. Only ever read to be refused: it has no place in a public set.
    #[serde(default, skip_serializing)]
    pub(crate) d: Option<PrivatePart>,
}

/// That a private part was there. What it was is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PrivatePart;

impl<'de> Deserialize<'de> for PrivatePart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// A set of keys (RFC 7517 section 5).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JwkSet {
    /// The keys.
    pub keys: Vec<Jwk>,
}

impl Jwk {
    /// The public key of an uncompressed P-256 point; its `kid` is its thumbprint.
    pub(crate) fn from_point(point: &[u8]) -> Option<Self> {
        let (&4, coordinates) = point.split_first()? else {
            return None;
        };
        if coordinates.len() != 64 {
            return None;
        }
        let (x, y) = coordinates.split_at(32);
        let key = Self {
            kty: "EC".to_owned(),
            crv: Some("P-256".to_owned()),
            x: Some(b64(x)),
            y: Some(b64(y)),
            usage: Some("sig".to_owned()),
            alg: Some("ES256".to_owned()),
            ..Self::default()
        };
        Some(Self { kid: Some(key.thumbprint()?), ..key })
    }

    /// The thumbprint (RFC 7638 section 3, RFC 8037 appendix A.3); `None` of a key that this platform cannot use.
    pub(crate) fn thumbprint(&self) -> Option<String> {
        // Members are base64url once their bytes could be read, so nothing in them has to be escaped.
        let text = |member: &Option<String>| member.clone().unwrap_or_default();
        let canonical = if self.point().is_some() {
            let (x, y) = (text(&self.x), text(&self.y));
            format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
        } else if self.rsa().is_some() {
            let (e, n) = (text(&self.e), text(&self.n));
            format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
        } else {
            self.ed25519()?;
            format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(&self.x))
        };
        Some(b64(sha256(canonical.as_bytes())))
    }

    /// The uncompressed point, if this is a P-256 key with coordinates of 32 bytes. Whether it is on the curve shows when it is used.
    pub(crate) fn point(&self) -> Option<Vec<u8>> {
        if self.kty != "EC" || self.crv.as_deref() != Some("P-256") {
            return None;
        }
        let (x, y) = (unb64(self.x.as_deref()?)?, unb64(self.y.as_deref()?)?);
        (x.len() == 32 && y.len() == 32).then(|| [&[4][..], &x, &y].concat())
    }

    /// Modulus and exponent, if this is an RSA key. Whether they are large enough shows when they are used.
    pub(crate) fn rsa(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        if self.kty != "RSA" {
            return None;
        }
        Some((unb64(self.n.as_deref()?)?, unb64(self.e.as_deref()?)?))
    }

    /// The public key, if this is an Ed25519 key.
    pub(crate) fn ed25519(&self) -> Option<Vec<u8>> {
        if self.kty != "OKP" || self.crv.as_deref() != Some("Ed25519") {
            return None;
        }
        unb64(self.x.as_deref()?).filter(|bytes| bytes.len() == 32)
    }

    /// Whether it is a key for signatures of this algorithm.
    pub(crate) fn verifies(&self, algorithm: Algorithm) -> bool {
        let meant = |name: &str| Algorithm::named(name) == Some(algorithm);
        let fits = match algorithm {
            Algorithm::Ps256 => self.rsa().is_some(),
            Algorithm::Es256 => self.point().is_some(),
            Algorithm::EdDsa => self.ed25519().is_some(),
        };
        fits && self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.alg.as_deref().is_none_or(meant)
    }

    /// Whether it carries its private part.
    pub(crate) fn is_private(&self) -> bool {
        self.d.is_some()
    }
}

impl JwkSet {
    /// The key that a signature of this algorithm with this `kid` names. Without a `kid` only the single usable key of a set will do;
    /// two keys of one `kid` name none.
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Jwk> {
        let mut usable = self.keys.iter().filter(|key| {
            key.verifies(algorithm) && kid.is_none_or(|kid| key.kid.as_deref() == Some(kid))
        });
        let first = usable.next()?;
        usable.next().is_none().then_some(first)
    }

    /// Whether some key carries its private part.
    pub(crate) fn has_private_part(&self) -> bool {
        self.keys.iter().any(Jwk::is_private)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_chosen_only_when_it_is_the_only_one_that_fits() {
        let key = |kid: &str, kty: &str| Jwk {
            kid: Some(kid.to_owned()),
            kty: kty.to_owned(),
            ..Jwk::from_point(&[&[4][..], &[1; 64]].concat()).unwrap()
        };
        let set = JwkSet { keys: vec![key("a", "EC"), key("b", "EC"), key("r", "RSA")] };
        assert_eq!(set.find(Some("a"), Algorithm::Es256), Some(&set.keys[0]));
        assert_eq!(set.find(Some("r"), Algorithm::Es256), None);
        assert_eq!(set.find(None, Algorithm::Es256), None);
        let twice = JwkSet { keys: vec![key("a", "EC"), key("a", "EC")] };
        assert_eq!(twice.find(Some("a"), Algorithm::Es256), None);
        let decoy = JwkSet { keys: vec![key("r", "RSA"), key("a", "EC")] };
        assert_eq!(decoy.find(None, Algorithm::Es256), Some(&decoy.keys[1]));
    }

    #[test]
    fn a_private_part_is_noticed_and_never_written() {
        let set: JwkSet = serde_json::from_str(
            r#"{"keys":[{"kty":"EC","crv":"P-256","x":"a","y":"b","d":"c"}]}"#,
        )
        .unwrap();
        assert!(set.has_private_part());
        assert!(!serde_json::to_string(&set).unwrap().contains("\"d\""));
    }

    #[test]
    fn thumbprints_are_those_of_the_standards() {
        let read = |text: &str| serde_json::from_str::<Jwk>(text).unwrap();
        // RFC 7638 section 3.1.
        let rsa = read(
            r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
        );
        assert_eq!(
            rsa.thumbprint().as_deref(),
            Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
        );
        assert!(!rsa.verifies(Algorithm::Ps256), "its alg says RS256");
        // RFC 8037 appendix A.3.
        let okp = read(
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        );
        assert_eq!(
            okp.thumbprint().as_deref(),
            Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
        );
        assert!(okp.verifies(Algorithm::EdDsa) && !okp.verifies(Algorithm::Es256));
        assert_eq!(read(r#"{"kty":"oct","k":"AAAA"}"#).thumbprint(), None);
    }
}
