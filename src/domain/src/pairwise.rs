//! Pairwise ids: what a vendor sees instead of a Tsuno ID.
//!
//! OpenID Connect Core 8.1 asks for an id that is stable within a sector and unlinkable across sectors. Encrypting the
//! 128-bit Tsuno ID as one AES-256 block under a key of the sector is a permutation: no table, no collision, and the
//! gateway can go back from what a vendor sends. Every other party sees 128 random-looking bits.

use std::borrow::Cow;
use std::fmt;

use aws_lc_rs::cipher::{
    AES_256, DecryptingKey, DecryptionContext, EncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::hkdf;

use crate::{PERSON_URN, TsunoId};

/// The master secret from which every sector's key is derived (HKDF-SHA-256).
pub struct SectorKeys {
    prk: hkdf::Prk,
}

impl fmt::Debug for SectorKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SectorKeys(…)")
    }
}

struct Len32;
impl hkdf::KeyType for Len32 {
    fn len(&self) -> usize {
        32
    }
}

/// A key could not be made; the crypto library refused. Nothing about the key is told.
#[derive(Debug, thiserror::Error)]
#[error("the pairwise key could not be derived")]
pub struct KeyError;

impl SectorKeys {
    /// From a master secret of at least 32 bytes.
    pub fn new(master: &[u8; 32]) -> Self {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"tsunagu pairwise v1").extract(master);
        Self { prk }
    }

    /// The cipher of one sector (the host of a vendor's registered URIs, or the client itself).
    pub fn sector(&self, sector: &str) -> Result<SectorCipher, KeyError> {
        let mut key = [0; 32];
        self.prk
            .expand(&[sector.as_bytes()], Len32)
            .and_then(|okm| okm.fill(&mut key))
            .map_err(|_| KeyError)?;
        let unbound = || UnboundCipherKey::new(&AES_256, &key).map_err(|_| KeyError);
        Ok(SectorCipher {
            encrypt: EncryptingKey::ecb(unbound()?).map_err(|_| KeyError)?,
            decrypt: DecryptingKey::ecb(unbound()?).map_err(|_| KeyError)?,
        })
    }
}

/// Turns Tsuno IDs into one sector's pairwise ids and back.
pub struct SectorCipher {
    encrypt: EncryptingKey,
    decrypt: DecryptingKey,
}

impl fmt::Debug for SectorCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SectorCipher(…)")
    }
}

impl SectorCipher {
    /// The pairwise id that this sector sees for `id`.
    pub fn outward(&self, id: TsunoId) -> TsunoId {
        TsunoId::from_bytes(self.outward_block(*id.as_bytes()))
    }

    /// The 128 bits that this sector sees for an id that means something to the gateway alone.
    pub fn outward_block(&self, mut block: [u8; 16]) -> [u8; 16] {
        // One whole block under a valid key cannot fail; should it ever, no real id may go out.
        if self.encrypt.encrypt(&mut block).is_err() {
            block = [0; 16];
        }
        block
    }

    /// The Tsuno ID behind a pairwise id of this sector. Any 128 bits give some id: one that was never issued names nobody.
    pub fn inward(&self, pairwise: TsunoId) -> TsunoId {
        TsunoId::from_bytes(self.inward_block(*pairwise.as_bytes()))
    }

    /// The inverse of [`Self::outward_block`].
    pub fn inward_block(&self, mut block: [u8; 16]) -> [u8; 16] {
        if self.decrypt.decrypt(&mut block, DecryptionContext::None).is_err() {
            block = [0; 16];
        }
        block
    }

    /// Rewrites every `urn:ngsi-ld:Person:<tsuno id>` for the sector, inside longer texts too; any other text stays.
    pub fn outward_urn<'a>(&self, urn: &'a str) -> Cow<'a, str> {
        rewrite(urn, |id| self.outward(id))
    }

    /// The inverse of [`Self::outward_urn`].
    pub fn inward_urn<'a>(&self, urn: &'a str) -> Cow<'a, str> {
        rewrite(urn, |id| self.inward(id))
    }
}

/// Replaces every id of a person in a text. An id ends where something stands that cannot belong to it.
fn rewrite(text: &str, of: impl Fn(TsunoId) -> TsunoId) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once(PERSON_URN) {
        out.push_str(before);
        out.push_str(PERSON_URN);
        rest = tail;
        if let Some((id, after)) = TsunoId::at_start(tail) {
            out.push_str(&of(id).to_string());
            rest = after;
        }
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededIds;

    #[test]
    fn there_and_back_and_different_for_each_sector() {
        let keys = SectorKeys::new(&[7; 32]);
        let (a, b) = (keys.sector("a.example").unwrap(), keys.sector("b.example").unwrap());
        let ids = SeededIds::new(4);
        for _ in 0..100 {
            let id = TsunoId::generate(&ids);
            assert_eq!(a.inward(a.outward(id)), id);
            assert_ne!(a.outward(id), id);
            assert_ne!(a.outward(id), b.outward(id));
            assert_ne!(b.inward(a.outward(id)), id);
        }
    }

    #[test]
    fn stable_over_restarts() {
        let id = TsunoId::from_bytes([9; 16]);
        let first = SectorKeys::new(&[1; 32]).sector("s").unwrap().outward(id);
        let again = SectorKeys::new(&[1; 32]).sector("s").unwrap().outward(id);
        assert_eq!(first, again);
    }

    #[test]
    fn only_person_urns_are_rewritten() {
        let cipher = SectorKeys::new(&[1; 32]).sector("s").unwrap();
        assert_eq!(cipher.outward_urn("urn:ngsi-ld:Vehicle:A1"), "urn:ngsi-ld:Vehicle:A1");
        assert_eq!(cipher.outward_urn("urn:ngsi-ld:Person:jane"), "urn:ngsi-ld:Person:jane");
        let urn = TsunoId::from_bytes([3; 16]).urn();
        let out = cipher.outward_urn(&urn).into_owned();
        assert_ne!(out, urn);
        assert_eq!(cipher.inward_urn(&out), urn);
    }

    #[test]
    fn ids_inside_longer_texts_are_rewritten_too() {
        let cipher = SectorKeys::new(&[1; 32]).sector("s").unwrap();
        let (one, two) = (TsunoId::from_bytes([3; 16]), TsunoId::from_bytes([4; 16]));
        let grouped = format!("{PERSON_URN}{}", two.grouped());
        for text in [
            format!("urn:ngsi-ld:HealthActivity:{}:2026-11-23", one.urn()),
            format!("{}-a", one.urn()),
            format!("({}), {}。", one.urn(), two.urn()),
            format!("{PERSON_URN}{}", one.urn()),
        ] {
            let out = cipher.outward_urn(&text).into_owned();
            assert!(!out.contains(&one.to_string()) && !out.contains(&two.to_string()), "{text}");
            assert_eq!(cipher.inward_urn(&out), text);
        }
        assert_eq!(cipher.outward_urn(&grouped), cipher.outward_urn(&two.urn()));
        // What goes on with letters is another name.
        let other = format!("{}x", one.urn());
        assert_eq!(cipher.outward_urn(&other), other);
    }
}
