//! Public keys as JSON (RFC 7517, RFC 7638).

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::{b64, sha256, unb64};

/// A key of a JWK set. Members this platform does not use are ignored; keys it cannot use (RSA, other curves, encryption) are
/// tolerated in a set and never chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Jwk {
    /// Key type; `EC` is the one used.
    pub kty: String,
    /// Curve; `P-256` is the one used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// X coordinate, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// Y coordinate, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
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
        let (x, y) = (b64(x), b64(y));
        let kid =
            b64(sha256(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).as_bytes()));
        Some(Self {
            kty: "EC".to_owned(),
            crv: Some("P-256".to_owned()),
            x: Some(x),
            y: Some(y),
            kid: Some(kid),
            usage: Some("sig".to_owned()),
            alg: Some("ES256".to_owned()),
            d: None,
        })
    }

    /// The uncompressed point, if this is a P-256 key with coordinates of 32 bytes. Whether it is on the curve shows when it is used.
    pub(crate) fn point(&self) -> Option<Vec<u8>> {
        if self.kty != "EC" || self.crv.as_deref() != Some("P-256") {
            return None;
        }
        let (x, y) = (unb64(self.x.as_deref()?)?, unb64(self.y.as_deref()?)?);
        (x.len() == 32 && y.len() == 32).then(|| [&[4][..], &x, &y].concat())
    }

    fn verifies_es256(&self) -> bool {
        self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.alg.as_deref().is_none_or(|alg| alg == "ES256")
            && self.point().is_some()
    }
}

impl JwkSet {
    /// The key that an ES256 signature with this `kid` names. Without a `kid` only the single usable key of a set will do; two keys
    /// of one `kid` name none.
    pub(crate) fn find(&self, kid: Option<&str>) -> Option<&Jwk> {
        let mut usable = self.keys.iter().filter(|key| {
            key.verifies_es256() && kid.is_none_or(|kid| key.kid.as_deref() == Some(kid))
        });
        let first = usable.next()?;
        usable.next().is_none().then_some(first)
    }

    /// Whether some key carries its private part.
    pub(crate) fn has_private_part(&self) -> bool {
        self.keys.iter().any(|key| key.d.is_some())
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
        assert_eq!(set.find(Some("a")), Some(&set.keys[0]));
        assert_eq!(set.find(Some("r")), None);
        assert_eq!(set.find(None), None);
        let twice = JwkSet { keys: vec![key("a", "EC"), key("a", "EC")] };
        assert_eq!(twice.find(Some("a")), None);
        let decoy = JwkSet { keys: vec![key("r", "RSA"), key("a", "EC")] };
        assert_eq!(decoy.find(None), Some(&decoy.keys[1]));
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
}
