//! Reading compact JWE with ECDH-ES in direct key agreement mode and A256GCM (RFC 7516, RFC 7518 sections 4.6 and 5.3).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use serde::Deserialize;

use super::{Jwk, sha256, unb64};

const MAX_LENGTH: usize = 64 * 1024;

/// The private P-256 key to which a login provider encrypts user data.
pub struct UserDataKey(PrivateKey);

impl fmt::Debug for UserDataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserDataKey(…)")
    }
}

/// Why a key or an encrypted text could not be used. Never with any of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserDataKeyError {
    /// The key is not a private P-256 JWK.
    #[error("the key is not a private P-256 jwk with a member d")]
    Key,
    /// The text is no compact JWE of the one form taken.
    #[error("not a compact jwe with ECDH-ES and A256GCM")]
    Form,
    /// It was encrypted to another key, or changed on the way.
    #[error("the jwe does not decrypt under this key")]
    Decrypt,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
    epk: Jwk,
    apu: Option<String>,
    apv: Option<String>,
    crit: Option<serde::de::IgnoredAny>,
    // Compression beside encryption tells about the plaintext and can explode.
    zip: Option<serde::de::IgnoredAny>,
}

impl UserDataKey {
    /// Reads a private JWK.
    pub fn from_jwk(json: &str) -> Result<Self, UserDataKeyError> {
        #[derive(Deserialize)]
        struct Private {
            kty: String,
            crv: String,
            d: String,
        }
        let jwk: Private = serde_json::from_str(json).map_err(|_| UserDataKeyError::Key)?;
        let d = unb64(&jwk.d).ok_or(UserDataKeyError::Key)?;
        if jwk.kty != "EC" || jwk.crv != "P-256" {
            return Err(UserDataKeyError::Key);
        }
        PrivateKey::from_private_key(&ECDH_P256, &d).map(Self).map_err(|_| UserDataKeyError::Key)
    }

    /// Decrypts a compact JWE.
    pub fn decrypt(&self, jwe: &str) -> Result<Vec<u8>, UserDataKeyError> {
        if jwe.len() > MAX_LENGTH {
            return Err(UserDataKeyError::Form);
        }
        let parts: Vec<&str> = jwe.trim().split('.').collect();
        let &[protected, "", iv, text, tag] = parts.as_slice() else {
            return Err(UserDataKeyError::Form);
        };
        let part = |text: &str| unb64(text).ok_or(UserDataKeyError::Form);
        let header: Header =
            serde_json::from_slice(&part(protected)?).map_err(|_| UserDataKeyError::Form)?;
        let direct = header.alg == "ECDH-ES" && header.enc == "A256GCM";
        if !direct || header.crit.is_some() || header.zip.is_some() {
            return Err(UserDataKeyError::Form);
        }
        let info = |text: Option<&str>| text.map_or(Ok(Vec::new()), part);
        let parties = [info(header.apu.as_deref())?, info(header.apv.as_deref())?];
        let iv: [u8; 12] = part(iv)?.try_into().map_err(|_| UserDataKeyError::Form)?;
        let tag = part(tag)?;
        if tag.len() != 16 {
            return Err(UserDataKeyError::Form);
        }
        let point = header.epk.point().ok_or(UserDataKeyError::Form)?;
        // The library refuses points that are not on the curve.
        let z = agree(&self.0, UnparsedPublicKey::new(&ECDH_P256, &point), (), |z| Ok(z.to_vec()))
            .map_err(|()| UserDataKeyError::Decrypt)?;
        let key = derive_key(&z, "A256GCM", &parties[0], &parties[1], 256);
        let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| UserDataKeyError::Decrypt)?;
        let mut sealed = part(text)?;
        sealed.extend_from_slice(&tag);
        let nonce = Nonce::assume_unique_for_key(iv);
        let plain = LessSafeKey::new(key)
            .open_in_place(nonce, Aad::from(protected.as_bytes()), &mut sealed)
            .map_err(|_| UserDataKeyError::Decrypt)?;
        Ok(plain.to_vec())
    }
}

/// Concat KDF with SHA-256 (RFC 7518 section 4.6.2) for keys of at most 256 bits, which one round gives.
fn derive_key(z: &[u8], algorithm: &str, apu: &[u8], apv: &[u8], bits: u16) -> Vec<u8> {
    let mut input = 1_u32.to_be_bytes().to_vec();
    input.extend_from_slice(z);
    for part in [algorithm.as_bytes(), apu, apv] {
        // Bounded by the longest text taken.
        input.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        input.extend_from_slice(part);
    }
    input.extend_from_slice(&u32::from(bits).to_be_bytes());
    sha256(&input).into_iter().take(usize::from(bits / 8)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::b64;
    use super::*;

    const BOB: &str = r#"{"kty":"EC","crv":"P-256","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
        "y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck","d":"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"}"#;
    const ALICE: &str = r#"{"kty":"EC","crv":"P-256","x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
        "y":"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"}"#;

    fn alice() -> PrivateKey {
        let d = unb64("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo").unwrap();
        PrivateKey::from_private_key(&ECDH_P256, &d).unwrap()
    }

    #[test]
    fn key_agreement_gives_the_key_of_rfc_7518_appendix_c() {
        let bob: Jwk = serde_json::from_str(BOB).unwrap();
        let point = bob.point().unwrap();
        let z = agree(&alice(), UnparsedPublicKey::new(&ECDH_P256, &point), (), |z| Ok(z.to_vec()))
            .unwrap();
        assert_eq!(z[..4], [158, 86, 217, 29]);
        assert_eq!(b64(derive_key(&z, "A128GCM", b"Alice", b"Bob", 128)), "VqqN6vgjbSBcIijNcacQGg");
    }

    fn encrypt(header: &str) -> String {
        let bob: Jwk = serde_json::from_str(BOB).unwrap();
        let point = bob.point().unwrap();
        let z = agree(&alice(), UnparsedPublicKey::new(&ECDH_P256, &point), (), |z| Ok(z.to_vec()))
            .unwrap();
        let key = UnboundKey::new(&AES_256_GCM, &derive_key(&z, "A256GCM", b"", b"", 256)).unwrap();
        let mut text = b"secret".to_vec();
        let protected = b64(header);
        LessSafeKey::new(key)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key([3; 12]),
                Aad::from(protected.as_bytes()),
                &mut text,
            )
            .unwrap();
        let (text, tag) = text.split_at(6);
        format!("{protected}..{}.{}.{}", b64([3; 12]), b64(text), b64(tag))
    }

    #[test]
    fn decrypts_what_was_encrypted_to_its_key_and_nothing_else() {
        let key = UserDataKey::from_jwk(BOB).unwrap();
        let jwe = encrypt(&format!(r#"{{"alg":"ECDH-ES","enc":"A256GCM","epk":{ALICE}}}"#));
        assert_eq!(key.decrypt(&jwe).unwrap(), b"secret");
        let swapped = BOB.replace("VEmDZpDXXK8p8N0C", "VEmDZpDXXK8p8N0D");
        let other = UserDataKey::from_jwk(&swapped).unwrap();
        assert_eq!(other.decrypt(&jwe), Err(UserDataKeyError::Decrypt));
        let (front, tag) = jwe.rsplit_once('.').unwrap();
        let cut: String = tag.chars().take(16).collect();
        assert_eq!(key.decrypt(&format!("{front}.{cut}")), Err(UserDataKeyError::Form));
        let last = if jwe.ends_with('A') { "Q" } else { "A" };
        let changed: String = jwe.chars().take(jwe.len() - 1).chain(last.chars()).collect();
        assert!(key.decrypt(&changed).is_err());
    }

    #[test]
    fn other_forms_are_refused() {
        let key = UserDataKey::from_jwk(BOB).unwrap();
        for header in [
            format!(r#"{{"alg":"ECDH-ES","enc":"A128GCM","epk":{ALICE}}}"#),
            format!(r#"{{"alg":"dir","enc":"A256GCM","epk":{ALICE}}}"#),
            format!(r#"{{"alg":"ECDH-ES","enc":"A256GCM","zip":"DEF","epk":{ALICE}}}"#),
            r#"{"alg":"ECDH-ES","enc":"A256GCM"}"#.to_owned(),
        ] {
            assert_eq!(key.decrypt(&encrypt(&header)), Err(UserDataKeyError::Form), "{header}");
        }
        let off = r#"{"kty":"EC","crv":"P-256","x":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","y":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}"#;
        let off = encrypt(&format!(r#"{{"alg":"ECDH-ES","enc":"A256GCM","epk":{off}}}"#));
        assert_eq!(key.decrypt(&off), Err(UserDataKeyError::Decrypt));
        for text in ["", "....", "a.b.c.d.e", "a..c.d", "{}"] {
            assert_eq!(key.decrypt(text), Err(UserDataKeyError::Form));
        }
        assert!(UserDataKey::from_jwk(r#"{"kty":"EC","crv":"P-256"}"#).is_err());
    }
}
