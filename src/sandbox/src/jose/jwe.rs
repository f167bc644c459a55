//! Compact JWE with ECDH-ES in direct key agreement mode and A256GCM.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use serde_json::json;

use super::{Jwk, encode, sha256};
use crate::Error;

const ENCRYPTION: &str = "A256GCM";

/// Encrypts `plaintext` to a public key (RFC 7516, 5.1; RFC 7518, 4.6 and 5.3).
pub(crate) fn encrypt(to: &Jwk, plaintext: &[u8]) -> Result<String, Error> {
    let unusable = Error::Key("the recipient's key is not a P-256 key");
    let Some(point) = to.point() else {
        return Err(unusable);
    };
    let failed = || Error::Key("the message could not be encrypted");
    let ephemeral = PrivateKey::generate(&ECDH_P256).map_err(|_| failed())?;
    let epk = ephemeral.compute_public_key().map_err(|_| failed())?;
    let epk = Jwk::from_point(epk.as_ref()).ok_or_else(failed)?;
    let shared = shared_secret(&ephemeral, &point).ok_or(unusable)?;
    let key = derive_key(&shared, ENCRYPTION, b"", b"", 256);
    let header = encode(
        json!({"alg": "ECDH-ES", "enc": ENCRYPTION, "epk": epk, "kid": to.kid, "typ": "JWE"})
            .to_string(),
    );
    let mut iv = [0; 12];
    aws_lc_rs::rand::fill(&mut iv).map_err(|_| failed())?;
    let mut text = plaintext.to_vec();
    let tag = UnboundKey::new(&AES_256_GCM, &key)
        .and_then(|key| {
            LessSafeKey::new(key).seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(iv),
                Aad::from(header.as_bytes()),
                &mut text,
            )
        })
        .map_err(|_| failed())?;
    // the second part is the encrypted key: empty in direct agreement
    Ok(format!("{header}..{}.{}.{}", encode(iv), encode(text), encode(tag)))
}

fn shared_secret(mine: &PrivateKey, theirs: &[u8]) -> Option<Vec<u8>> {
    agree(mine, UnparsedPublicKey::new(&ECDH_P256, theirs), (), |z| Ok(z.to_vec())).ok()
}

/// Concat KDF with SHA-256 (RFC 7518, 4.6.2) for keys of at most 256 bits, which one round gives.
fn derive_key(z: &[u8], algorithm: &str, apu: &[u8], apv: &[u8], bits: u32) -> Vec<u8> {
    let mut input = 1_u32.to_be_bytes().to_vec();
    input.extend_from_slice(z);
    for part in [algorithm.as_bytes(), apu, apv] {
        // algorithm names and party infos are a few bytes long
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        input.extend_from_slice(&length.to_be_bytes());
        input.extend_from_slice(part);
    }
    input.extend_from_slice(&bits.to_be_bytes());
    let length = usize::try_from(bits / 8).unwrap_or(0);
    sha256(&input).as_ref().iter().copied().take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::decode;

    #[test]
    fn key_agreement_follows_rfc_7518_appendix_c() {
        let alice = decode("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo").unwrap();
        let alice = PrivateKey::from_private_key(&ECDH_P256, &alice).unwrap();
        let bob = Jwk {
            kty: "EC".to_owned(),
            crv: "P-256".to_owned(),
            x: "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ".to_owned(),
            y: "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck".to_owned(),
            kid: None,
            usage: None,
            alg: None,
        };
        let z = shared_secret(&alice, &bob.point().unwrap()).unwrap();
        assert_eq!(z.get(..4), Some(&[158, 86, 217, 29][..]));
        let key = derive_key(&z, "A128GCM", b"Alice", b"Bob", 128);
        assert_eq!(encode(key), "VqqN6vgjbSBcIijNcacQGg");
    }

    #[test]
    fn a_point_off_the_curve_is_refused() {
        let off = Jwk::from_point(&[&[4][..], &[1; 64]].concat()).unwrap();
        assert!(encrypt(&off, b"x").is_err());
    }
}
