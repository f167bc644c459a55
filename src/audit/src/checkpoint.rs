//! C2SP `tlog-checkpoint`: the signed size and root of a log.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tsunagu_domain::TenantId;

use crate::note::{InvalidNote, Signer, VerifyingKey};
use crate::tree::Hash;

/// The origin of a tenant's log, which is also the name of its key: `tsunagu/<tenant>`.
pub fn origin(tenant: &TenantId) -> String {
    format!("tsunagu/{tenant}")
}

/// The state of a log at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The checkpoint as a signed note.
    pub fn sign(&self, signer: &Signer) -> String {
        let root = STANDARD.encode(self.root);
        signer.sign(&self.origin, &format!("{}\n{}\n{root}\n", self.origin, self.size))
    }

    /// The checkpoint of a note that `key` signed; its origin must be the key's name. Extension lines are ignored.
    pub fn open(note: &str, key: &VerifyingKey) -> Result<Self, InvalidNote> {
        let text = key.open(note)?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(InvalidNote::Malformed);
        };
        let number: u64 = size.parse().map_err(|_| InvalidNote::Malformed)?;
        let root = STANDARD.decode(root).map_err(|_| InvalidNote::Malformed)?;
        let root: Hash = root.try_into().map_err(|_| InvalidNote::Malformed)?;
        // One number has one spelling, and one key signs one log.
        if number.to_string() != size || origin != key.name() {
            return Err(InvalidNote::Malformed);
        }
        Ok(Self { origin: origin.to_owned(), size: number, root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_is_read_and_nothing_else() {
        let signer = Signer::from_seed(&[3; 32]).unwrap();
        let point = Checkpoint { origin: "tsunagu/tsuno".to_owned(), size: 7, root: [9; 32] };
        let note = point.sign(&signer);
        let key = signer.verifying_key("tsunagu/tsuno");
        assert_eq!(Checkpoint::open(&note, &key).unwrap(), point);
        assert!(Checkpoint::open(&note.replace("\n7\n", "\n8\n"), &key).is_err());
        for text in
            ["tsunagu/tsuno\n07\nAAAA\n", "tsunagu/other\n7\nAAAA\n", "tsunagu/tsuno\n7\nAAAA\n"]
        {
            let note = signer.sign("tsunagu/tsuno", text);
            assert_eq!(Checkpoint::open(&note, &key), Err(InvalidNote::Malformed), "{text}");
        }
    }
}
