//! C2SP `tlog-proof`: one text that proves, without any server, that an entry is in a log.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::checkpoint::Checkpoint;
use crate::cosignature::{Cosigned, Quorum};
use crate::entry::{self, Content};
use crate::note::{self, InvalidNote, VerifyingKey};
use crate::proof::verify_inclusion;
use crate::tree::{Hash, leaf_hash};

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A proof, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// What the leaf hash is made from, and what the entry says: entry of the tree, then what opens its commitment. Not authenticated by itself.
    pub extra: Option<Vec<u8>>,
    /// Index of the entry.
    pub index: u64,
    /// Siblings from the leaf up.
    pub path: Vec<Hash>,
    /// The checkpoint, with the signatures under it.
    pub checkpoint: String,
}

/// The text is no proof, or does not prove.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProof {
    /// Not of the form of `tlog-proof`.
    #[error("not a tlog-proof")]
    Malformed,
    /// The checkpoint is not signed by the log.
    #[error("the checkpoint is not valid: {0}")]
    Checkpoint(#[from] InvalidNote),
    /// The entry is not where the proof says.
    #[error("the entry is not in the log at this place")]
    NotIncluded,
    /// What the proof says of the entry is not what it commits to.
    #[error("the entry does not say what the proof says")]
    Untrue,
    /// A line of a witness is not its signature.
    #[error("the cosignature of {0} is wrong")]
    WrongCosignature(String),
    /// Too few witnesses cosigned.
    #[error("{found} witnesses cosigned, {needed} are needed")]
    Quorum {
        /// How many did.
        found: usize,
        /// How many must.
        needed: usize,
    },
}

/// What was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The log at the time of the proof.
    pub checkpoint: Checkpoint,
    /// Index of the entry.
    pub index: u64,
    /// What the entry says.
    pub content: Content,
    /// Who witnessed it.
    pub cosigned: Cosigned,
}

impl TlogProof {
    /// As text.
    pub fn text(&self) -> String {
        let mut lines = vec![HEADER.to_owned()];
        lines.extend(self.extra.as_ref().map(|extra| format!("extra {}", STANDARD.encode(extra))));
        lines.push(format!("index {}", self.index));
        lines.extend(self.path.iter().map(note::hash_text));
        format!("{}\n\n{}", lines.join("\n"), self.checkpoint)
    }

    /// From text.
    pub fn read(text: &str) -> Result<Self, InvalidProof> {
        let (head, checkpoint) = text.split_once("\n\n").ok_or(InvalidProof::Malformed)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(InvalidProof::Malformed);
        }
        let extra = match lines.next_if(|line| line.starts_with("extra ")) {
            None => None,
            Some(line) => {
                let encoded = line.strip_prefix("extra ").unwrap_or_default();
                Some(STANDARD.decode(encoded).map_err(|_| InvalidProof::Malformed)?)
            }
        };
        let index = lines.next().and_then(|line| note::number(line.strip_prefix("index ")?));
        let path = lines.map(note::hash).collect::<Option<Vec<Hash>>>();
        let (Some(index), Some(path)) = (index, path) else {
            return Err(InvalidProof::Malformed);
        };
        Ok(Self { extra, index, path, checkpoint: checkpoint.to_owned() })
    }

    /// Checks everything against the key of the log and the witnesses. The proof must carry what the entry says.
    pub fn verify(&self, key: &VerifyingKey, quorum: &Quorum) -> Result<Proven, InvalidProof> {
        let checkpoint = Checkpoint::open(&self.checkpoint, key)?;
        let cosigned = quorum.look(&self.checkpoint)?;
        if let Some(name) = cosigned.wrong.first() {
            return Err(InvalidProof::WrongCosignature(name.clone()));
        }
        if !quorum.is_met(&cosigned) {
            return Err(InvalidProof::Quorum { found: cosigned.by.len(), needed: quorum.needed });
        }
        let stored = self.extra.as_deref().ok_or(InvalidProof::Malformed)?;
        let (leaf, payload) = entry::split(stored);
        let hash = leaf_hash(leaf);
        if !verify_inclusion(self.index, checkpoint.size, &hash, &self.path, &checkpoint.root) {
            return Err(InvalidProof::NotIncluded);
        }
        let content = entry::open(leaf, payload).map_err(|_| InvalidProof::Untrue)?;
        Ok(Proven { checkpoint, index: self.index, content, cosigned })
    }
}
