//! C2SP `signed-note`: a text with signatures under it, here Ed25519.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tsunagu_domain::IdGen;

use crate::tree::Hash;

const ED25519_TYPE: u8 = 1;
const SIGNATURE_BEGIN: &str = "\u{2014} ";

/// The key is not one that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a usable Ed25519 key: expected '<name>+<8 hex digits>+<base64>' with a matching key id"
)]
pub struct InvalidKey;

/// The note carries no valid signature of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNote {
    /// Not of the form text, empty line, signatures.
    #[error("not a signed note")]
    Malformed,
    /// No signature line names the key.
    #[error("the note is not signed by the expected key")]
    Unsigned,
    /// A signature line names the key, but the signature is wrong.
    #[error("the signature does not match the text")]
    WrongSignature,
}

/// The id of a key of a type under a name.
pub(crate) fn key_id(name: &str, kind: u8, public: &[u8]) -> [u8; 4] {
    let mut context = Context::new(&SHA256);
    context.update(name.as_bytes());
    context.update(&[b'\n', kind]);
    context.update(public);
    let mut id = [0; 4];
    id.copy_from_slice(&context.finish().as_ref()[..4]);
    id
}

/// Whether a key can have this name: it is not empty and has neither spaces nor a plus.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

/// The `vkey` text of a key.
pub(crate) fn key_text(name: &str, kind: u8, public: &[u8]) -> String {
    let id = u32::from_be_bytes(key_id(name, kind, public));
    let key = [&[kind], public].concat();
    format!("{name}+{id:08x}+{}", STANDARD.encode(key))
}

/// Name and bytes of a `vkey` text of this type.
pub(crate) fn read_key(text: &str, kind: u8) -> Result<(String, [u8; 32]), InvalidKey> {
    let mut parts = text.trim().splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(InvalidKey);
    };
    let bytes = STANDARD.decode(key).map_err(|_| InvalidKey)?;
    let (found, public) = bytes.split_first().ok_or(InvalidKey)?;
    let public: [u8; 32] = public.try_into().map_err(|_| InvalidKey)?;
    let expected = format!("{:08x}", u32::from_be_bytes(key_id(name, kind, &public)));
    if !is_name(name) || *found != kind || id != expected {
        return Err(InvalidKey);
    }
    Ok((name.to_owned(), public))
}

/// A signature line.
pub(crate) struct Signature<'a> {
    pub(crate) name: &'a str,
    pub(crate) id: [u8; 4],
    pub(crate) bytes: Vec<u8>,
}

/// A signature line, with its line feed.
pub(crate) fn signature_line(name: &str, id: [u8; 4], signature: &[u8]) -> String {
    let bytes = [&id[..], signature].concat();
    format!("{SIGNATURE_BEGIN}{name} {}\n", STANDARD.encode(bytes))
}

/// The text of a note, with its last line feed, and its signatures, unverified.
pub(crate) fn parse(note: &str) -> Result<(&str, Vec<Signature<'_>>), InvalidNote> {
    let (text, signatures) = note.rsplit_once("\n\n").ok_or(InvalidNote::Malformed)?;
    let text = note.get(..=text.len()).ok_or(InvalidNote::Malformed)?;
    Ok((text, lines(signatures)?))
}

/// Signature lines, each with its line feed.
pub(crate) fn lines(signatures: &str) -> Result<Vec<Signature<'_>>, InvalidNote> {
    let signatures = signatures.strip_suffix('\n').ok_or(InvalidNote::Malformed)?;
    signatures.split('\n').map(|line| signature(line).ok_or(InvalidNote::Malformed)).collect()
}

fn signature(line: &str) -> Option<Signature<'_>> {
    let (name, encoded) = line.strip_prefix(SIGNATURE_BEGIN)?.split_once(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (id, rest) = bytes.split_first_chunk()?;
    Some(Signature { name, id: *id, bytes: rest.to_vec() })
}

/// A number as notes spell it: decimal, without leading zeroes.
pub(crate) fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// A hash in base64.
pub(crate) fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// A hash in base64.
pub(crate) fn hash_text(hash: &Hash) -> String {
    STANDARD.encode(hash)
}

/// The private key that signs checkpoints. One key serves every tenant: the name in the key id tells them apart.
pub struct Signer(Ed25519KeyPair);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(…)")
    }
}

impl Signer {
    /// From the 32 secret bytes of RFC 8032.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, InvalidKey> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(|_| InvalidKey)
    }

    /// A fresh key; the secret bytes are returned with it, for keeping.
    pub fn generate(ids: &dyn IdGen) -> Result<(Self, [u8; 32]), InvalidKey> {
        let seed = ids.bytes();
        Ok((Self::from_seed(&seed)?, seed))
    }

    /// The public key under this name.
    pub fn verifying_key(&self, name: &str) -> VerifyingKey {
        let mut public = [0; 32];
        public.copy_from_slice(self.0.public_key().as_ref());
        VerifyingKey { name: name.to_owned(), public }
    }

    /// `text`, which ends with a line feed, with the signature of `name` under it.
    pub fn sign(&self, name: &str, text: &str) -> String {
        let id = key_id(name, ED25519_TYPE, self.0.public_key().as_ref());
        let line = signature_line(name, id, self.0.sign(text.as_bytes()).as_ref());
        format!("{text}\n{line}")
    }
}

/// A public key with its name. Its text is the `vkey` form of `signed-note`: `<name>+<key id>+<base64(0x01 ‖ key)>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    public: [u8; 32],
}

impl VerifyingKey {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The signed text of `note`, with its last line feed, if this key signed it. Signatures of others are ignored.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, InvalidNote> {
        let (text, signatures) = parse(note)?;
        let mut result = Err(InvalidNote::Unsigned);
        for Signature { name, id, bytes } in signatures {
            if name != self.name || id != key_id(&self.name, ED25519_TYPE, &self.public) {
                continue;
            }
            let key = UnparsedPublicKey::new(&ED25519, &self.public);
            if key.verify(text.as_bytes(), &bytes).is_err() {
                return Err(InvalidNote::WrongSignature);
            }
            result = Ok(text);
        }
        result
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&key_text(&self.name, ED25519_TYPE, &self.public))
    }
}

impl FromStr for VerifyingKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let (name, public) = read_key(text, ED25519_TYPE)?;
        Ok(Self { name, public })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the `signed-note` specification.
    const VKEY: &str = "example.com/foo+530cbc9d+AQsAL3eBLCRl52nrEUrbK2oXlFdZs9RdlTpbpIGpMSTi";

    #[test]
    fn the_key_text_of_others_is_read() {
        // PRIVATE+KEY and vkey of golang.org/x/mod/sumdb/note's documentation.
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let key: VerifyingKey = text.parse().unwrap();
        assert_eq!(key.to_string(), text);
        let note = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n\
                    \n\
                    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        assert!(key.open(note).unwrap().ends_with("problem is.\n"));
        assert_eq!(key.open(&note.replace("answer", "anwser")), Err(InvalidNote::WrongSignature));
        assert!(VKEY.parse::<VerifyingKey>().is_err(), "an id that does not match is refused");
    }

    #[test]
    fn signed_by_another_or_another_name_is_not_signed() {
        let signer = Signer::from_seed(&[1; 32]).unwrap();
        let note = signer.sign("tsunagu/a", "text\n");
        assert_eq!(signer.verifying_key("tsunagu/a").open(&note), Ok("text\n"));
        assert_eq!(signer.verifying_key("tsunagu/b").open(&note), Err(InvalidNote::Unsigned));
        let other = Signer::from_seed(&[2; 32]).unwrap().verifying_key("tsunagu/a");
        assert_eq!(other.open(&note), Err(InvalidNote::Unsigned));
        let text = signer.verifying_key("tsunagu/a").to_string();
        assert_eq!(text.parse(), Ok(signer.verifying_key("tsunagu/a")));
    }
}
