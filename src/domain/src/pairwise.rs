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

/// One key of a sector. The first, generation 0, comes from the master secret alone; later ones from it and fresh random bytes, so that
/// who knows only one of the two cannot make them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SectorKey {
    /// How many keys the sector had before.
    pub generation: u32,
    /// The random bytes; not used for generation 0.
    pub salt: [u8; 32],
}

impl SectorKey {
    /// The key that every sector begins with.
    pub const FIRST: Self = Self { generation: 0, salt: [0; 32] };
}

impl fmt::Debug for SectorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SectorKey({}, …)", self.generation)
    }
}

impl SectorKeys {
    /// From a master secret of at least 32 bytes.
    pub fn new(master: &[u8; 32]) -> Self {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"tsunagu pairwise v1").extract(master);
        Self { prk }
    }

    /// The cipher of one sector (the host of a vendor's registered URIs, or the client itself) under its first key.
    pub fn sector(&self, sector: &str) -> Result<SectorCipher, KeyError> {
        self.rotated(sector, &SectorKey::FIRST, None)
    }

    /// The cipher of a sector whose key was changed: ids go out under `current`, and come in under `earlier` too.
    pub fn rotated(
        &self,
        sector: &str,
        current: &SectorKey,
        earlier: Option<&SectorKey>,
    ) -> Result<SectorCipher, KeyError> {
        Ok(SectorCipher {
            current: self.block_cipher(sector, current)?,
            earlier: earlier.map(|key| self.block_cipher(sector, key)).transpose()?,
        })
    }

    fn block_cipher(&self, sector: &str, of: &SectorKey) -> Result<BlockCipher, KeyError> {
        let mut key = [0; 32];
        let first = [sector.as_bytes()];
        // No name of a sector holds a zero byte.
        let later = [sector.as_bytes(), &[0], &of.salt];
        let info = if of.generation == 0 { &first[..] } else { &later };
        self.prk.expand(info, Len32).and_then(|okm| okm.fill(&mut key)).map_err(|_| KeyError)?;
        let unbound = || UnboundCipherKey::new(&AES_256, &key).map_err(|_| KeyError);
        Ok(BlockCipher {
            generation: of.generation,
            encrypt: EncryptingKey::ecb(unbound()?).map_err(|_| KeyError)?,
            decrypt: DecryptingKey::ecb(unbound()?).map_err(|_| KeyError)?,
        })
    }
}

/// One key of a sector, ready.
struct BlockCipher {
    generation: u32,
    encrypt: EncryptingKey,
    decrypt: DecryptingKey,
}

impl BlockCipher {
    fn outward(&self, mut block: [u8; 16]) -> [u8; 16] {
        // One whole block under a valid key cannot fail; should it ever, no real id may go out.
        if self.encrypt.encrypt(&mut block).is_err() {
            block = [0; 16];
        }
        block
    }

    fn inward(&self, mut block: [u8; 16]) -> [u8; 16] {
        if self.decrypt.decrypt(&mut block, DecryptionContext::None).is_err() {
            block = [0; 16];
        }
        block
    }

    fn name(&self, id: TsunoId) -> TsunoId {
        TsunoId::of_generation(self.outward(*id.as_bytes()), self.generation)
    }
}

/// Turns Tsuno IDs into one sector's pairwise ids and back.
pub struct SectorCipher {
    current: BlockCipher,
    earlier: Option<BlockCipher>,
}

impl fmt::Debug for SectorCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SectorCipher(…)")
    }
}

impl SectorCipher {
    /// The pairwise id that this sector sees for `id`.
    pub fn outward(&self, id: TsunoId) -> TsunoId {
        self.current.name(id)
    }

    /// The pairwise id that this sector saw before its key was changed, as long as that is understood.
    pub fn earlier(&self, id: TsunoId) -> Option<TsunoId> {
        self.earlier.as_ref().map(|earlier| earlier.name(id))
    }

    /// Whether ids of the key before the current one are understood.
    pub fn understands_earlier(&self) -> bool {
        self.earlier.is_some()
    }

    /// The 128 bits that this sector sees for an id that means something to the gateway alone.
    pub fn outward_block(&self, block: [u8; 16]) -> [u8; 16] {
        self.current.outward(block)
    }

    /// The UUID that this sector sees for one that means something to the gateway alone; `None` for what is none, in its usual text form.
    pub fn outward_uuid(&self, uuid: &str) -> Option<String> {
        read_uuid(uuid).map(|block| write_uuid(self.current.outward(block)))
    }

    /// The UUID behind one that [`Self::outward_uuid`] gave under the current key; `None` for what is no UUID.
    pub fn inward_uuid(&self, uuid: &str) -> Option<String> {
        read_uuid(uuid).map(|block| write_uuid(self.current.inward(block)))
    }

    /// The Tsuno ID behind a pairwise id of this sector, under the key that it says it is of. Any 128 bits give some id: one that was never
    /// issued, or is of a key that is not known any more, names nobody.
    pub fn inward(&self, pairwise: TsunoId) -> TsunoId {
        let earlier = self.earlier.as_ref();
        let earlier = earlier.filter(|earlier| pairwise.is_of_generation(earlier.generation));
        let key = earlier.unwrap_or(&self.current);
        TsunoId::from_bytes(key.inward(*pairwise.as_bytes()))
    }

    /// The blocks that [`Self::outward_block`] may have been given for one: under the current key, and under the earlier.
    pub fn inward_blocks(&self, block: [u8; 16]) -> impl Iterator<Item = [u8; 16]> {
        [Some(&self.current), self.earlier.as_ref()]
            .into_iter()
            .flatten()
            .map(move |key| key.inward(block))
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

fn write_uuid(block: [u8; 16]) -> String {
    uuid::Uuid::from_bytes(block).to_string()
}

/// Reads the one text form that [`write_uuid`] writes: another would come back changed.
fn read_uuid(text: &str) -> Option<[u8; 16]> {
    let block = uuid::Uuid::try_parse(text).ok()?.into_bytes();
    (write_uuid(block) == text).then_some(block)
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
    fn a_changed_key_gives_new_ids_and_understands_those_of_the_one_before() {
        let keys = SectorKeys::new(&[7; 32]);
        let key = |generation| SectorKey { generation, salt: [generation.to_be_bytes()[3]; 32] };
        let ids = SeededIds::new(5);
        for generation in 1..6 {
            let before = keys.rotated("a", &key(generation - 1), None).unwrap();
            let both = keys.rotated("a", &key(generation), Some(&key(generation - 1))).unwrap();
            let after = keys.rotated("a", &key(generation), None).unwrap();
            for _ in 0..50 {
                let id = TsunoId::generate(&ids);
                let (old, new) = (before.outward(id), both.outward(id));
                assert_ne!(old, new);
                assert_eq!((both.earlier(id), after.earlier(id)), (Some(old), None));
                assert_eq!((both.inward(old), both.inward(new), after.inward(new)), (id, id, id));
                assert_ne!(after.inward(old), id, "the earlier key is gone");
                let text = format!("urn:x:{}:y", old.urn());
                assert_eq!(both.inward_urn(&text), format!("urn:x:{}:y", id.urn()));
                assert_eq!(both.outward_urn(&id.urn()), new.urn());
                let block = *id.as_bytes();
                let found: Vec<_> = both.inward_blocks(before.outward_block(block)).collect();
                assert!(found.len() == 2 && found[1] == block && found[0] != block);
            }
        }
        // The first key is the one that sectors always had, whatever stands beside it.
        let id = TsunoId::from_bytes([9; 16]);
        let first = SectorKey { salt: [3; 32], ..SectorKey::FIRST };
        let (first, plain) = (keys.rotated("a", &first, None), keys.sector("a"));
        assert_eq!(first.unwrap().outward(id), plain.unwrap().outward(id));
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
