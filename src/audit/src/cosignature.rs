//! C2SP `tlog-cosignature`, version 1 with Ed25519: a witness says when it saw a checkpoint as the consistent continuation of all that it saw before.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::note::{self, InvalidKey, InvalidNote, Signature};

/// The type byte of Ed25519 cosignatures in key ids and `vkey` texts.
const COSIGNATURE_TYPE: u8 = 4;
const TIMESTAMP: usize = 8;

/// What is signed: header, time, and the text of the checkpoint.
fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// The private key of a witness, with its name.
pub struct Cosigner {
    name: String,
    pair: Ed25519KeyPair,
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cosigner").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Cosigner {
    /// From the 32 secret bytes of RFC 8032. A name is a URL without a scheme; it has no space and no plus.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, InvalidKey> {
        if !note::is_name(name) {
            return Err(InvalidKey);
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| InvalidKey)?;
        Ok(Self { name: name.to_owned(), pair })
    }

    /// The public key.
    pub fn key(&self) -> WitnessKey {
        let mut public = [0; 32];
        public.copy_from_slice(self.pair.public_key().as_ref());
        WitnessKey { name: self.name.clone(), public }
    }

    /// A signature line over the text of a checkpoint, at a time in seconds since the epoch.
    pub fn cosign(&self, text: &str, time: u64) -> String {
        let signed = self.pair.sign(message(time, text).as_bytes());
        let bytes = [&time.to_be_bytes()[..], signed.as_ref()].concat();
        note::signature_line(&self.name, self.key().id(), &bytes)
    }
}

/// The public key of a witness. Its text is a `vkey` of type 4: `<name>+<key id>+<base64(0x04 ‖ key)>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    public: [u8; 32],
}

impl WitnessKey {
    /// The name of the witness.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; 4] {
        note::key_id(&self.name, COSIGNATURE_TYPE, &self.public)
    }

    /// When this witness cosigned the note, seconds since the epoch; `None` when no line is of its key.
    pub fn cosigned(&self, note: &str) -> Result<Option<u64>, InvalidNote> {
        let (text, signatures) = note::parse(note)?;
        let mut latest = None;
        for Signature { name, id, bytes } in signatures {
            if name != self.name || id != self.id() {
                continue;
            }
            let (time, signature) =
                bytes.split_first_chunk::<TIMESTAMP>().ok_or(InvalidNote::WrongSignature)?;
            let time = u64::from_be_bytes(*time);
            let key = UnparsedPublicKey::new(&ED25519, &self.public);
            let message = message(time, text);
            if i64::try_from(time).is_err() || key.verify(message.as_bytes(), signature).is_err() {
                return Err(InvalidNote::WrongSignature);
            }
            latest = latest.max(Some(time));
        }
        Ok(latest)
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&note::key_text(&self.name, COSIGNATURE_TYPE, &self.public))
    }
}

impl FromStr for WitnessKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let (name, public) = note::read_key(text, COSIGNATURE_TYPE)?;
        Ok(Self { name, public })
    }
}

/// Which witnesses are believed, and how many of them must have cosigned a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quorum {
    /// Their keys.
    pub witnesses: Vec<WitnessKey>,
    /// How many; 0 asks for none.
    pub needed: usize,
}

/// How far a note meets a quorum.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cosigned {
    /// Who cosigned it, and when, seconds since the epoch.
    pub by: Vec<(String, u64)>,
    /// Whose line is there but is not a signature of theirs.
    pub wrong: Vec<String>,
}

impl Quorum {
    /// Who of these witnesses cosigned the note.
    pub fn look(&self, note: &str) -> Result<Cosigned, InvalidNote> {
        let mut found = Cosigned::default();
        for witness in &self.witnesses {
            match witness.cosigned(note) {
                Ok(Some(time)) => found.by.push((witness.name.clone(), time)),
                Ok(None) => {}
                Err(InvalidNote::WrongSignature) => found.wrong.push(witness.name.clone()),
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Whether enough of them cosigned it.
    pub fn is_met(&self, found: &Cosigned) -> bool {
        found.by.len() >= self.needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the `tlog-cosignature` specification has a key that is not published; this one is our own.
    #[test]
    fn a_cosignature_is_of_its_text_its_time_and_its_key() {
        let witness = Cosigner::from_seed("witness.example/w1", &[8; 32]).unwrap();
        let text = "tsunagu/tsuno\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
        let signed = crate::Signer::from_seed(&[1; 32]).unwrap().sign("tsunagu/tsuno", text);
        let note = format!("{signed}{}", witness.cosign(text, 1_700_000_000));
        assert_eq!(witness.key().cosigned(&note), Ok(Some(1_700_000_000)));
        assert_eq!(witness.key().cosigned(&signed), Ok(None));
        let key: WitnessKey = witness.key().to_string().parse().unwrap();
        assert_eq!(key, witness.key());
        let altered = note.replacen("\n7\n", "\n8\n", 1);
        assert_eq!(key.cosigned(&altered), Err(InvalidNote::WrongSignature));
        let other = Cosigner::from_seed("witness.example/w1", &[9; 32]).unwrap().key();
        assert_eq!(other.cosigned(&note), Ok(None), "another key of the same name");
        assert!(key.to_string().parse::<crate::VerifyingKey>().is_err(), "types are apart");
        let quorum = Quorum { witnesses: vec![key, other], needed: 1 };
        assert!(quorum.is_met(&quorum.look(&note).unwrap()));
        assert!(!quorum.is_met(&quorum.look(&signed).unwrap()));
        assert_eq!(quorum.look(&altered).unwrap().wrong, ["witness.example/w1"]);
        for name in ["", "a b", "a+b", "a\nb"] {
            assert!(Cosigner::from_seed(name, &[8; 32]).is_err(), "{name:?}");
        }
    }
}
