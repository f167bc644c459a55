//! A witness of logs (C2SP `tlog-witness`): it cosigns a checkpoint only when it is the continuation of the last one that it cosigned, so a log
//! can neither be rolled back nor be shown in two forms to whoever asks for its cosignature.

mod folder;

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use crate::checkpoint::Checkpoint;
use crate::note::{self, InvalidNote};
use crate::proof::verify_consistency;
use crate::tree::Hash;
use crate::{Cosigner, VerifyingKey};

pub use folder::FolderMemory;

/// The specification allows no more; a tree has no more levels.
const MAX_PROOF: usize = 63;

/// What a witness remembers: for each log the last checkpoint that it cosigned.
pub trait Memory: Send + Sync {
    /// The note kept for this origin; an error when there is one that cannot be read.
    fn last(&self, origin: &str) -> io::Result<Option<String>>;

    /// Keeps the note durably in the place of the last one.
    fn keep(&self, origin: &str, note: &str) -> io::Result<()>;
}

/// The answer to a call, for HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status of HTTP.
    pub status: u16,
    /// Media type of the body.
    pub media_type: &'static str,
    /// The body.
    pub body: String,
}

impl Answer {
    fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, media_type: "text/plain; charset=utf-8", body: body.into() }
    }

    /// The size of the last cosigned checkpoint, for a log that has lost count.
    fn size(size: u64) -> Self {
        Self { status: 409, media_type: "text/x.tlog.size", body: format!("{size}\n") }
    }
}

/// A witness of some logs.
pub struct Witness {
    cosigner: Cosigner,
    logs: Vec<VerifyingKey>,
    memory: Mutex<Box<dyn Memory>>,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness").field("cosigner", &self.cosigner).finish_non_exhaustive()
    }
}

impl Witness {
    /// A witness of the logs with these keys; the name of a key is the origin of its log.
    pub fn new(cosigner: Cosigner, logs: Vec<VerifyingKey>, memory: Box<dyn Memory>) -> Self {
        Self { cosigner, logs, memory: Mutex::new(memory) }
    }

    /// `add-checkpoint`, at a time in seconds since the epoch: checks the checkpoint against the last one, keeps it, then cosigns it.
    pub fn add_checkpoint(&self, body: &str, now: u64) -> Answer {
        let Some(call) = AddCheckpoint::read(body) else {
            return Answer::text(400, "expected: old size, proof, empty line, checkpoint\n");
        };
        let origin = call.note.split('\n').next().unwrap_or_default();
        let mut keys = self.logs.iter().filter(|key| key.name() == origin).peekable();
        if keys.peek().is_none() {
            return Answer::text(404, "this log is not known here\n");
        }
        let opened = keys.find_map(|key| match Checkpoint::open(&call.note, key) {
            Err(InvalidNote::Unsigned | InvalidNote::WrongSignature) => None,
            opened => Some(opened),
        });
        let checkpoint = match opened {
            None => return Answer::text(403, "not signed by a key of this log\n"),
            Some(Err(_)) => return Answer::text(400, "not a checkpoint\n"),
            Some(Ok(checkpoint)) => checkpoint,
        };
        if call.old > checkpoint.size {
            return Answer::text(400, "the old size is greater than that of the checkpoint\n");
        }
        // Checking and keeping are one step: two calls at once must not undo each other.
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        match self.compare(&**memory, &call, &checkpoint) {
            Ok(None) => {}
            Ok(Some(refusal)) => return refusal,
            Err(error) => return broken(&error),
        }
        if let Err(error) = memory.keep(origin, &call.note) {
            return broken(&error);
        }
        let text = note::parse(&call.note).map(|(text, _)| text).unwrap_or_default();
        Answer::text(200, self.cosigner.cosign(text, now))
    }

    fn compare(
        &self,
        memory: &dyn Memory,
        call: &AddCheckpoint,
        new: &Checkpoint,
    ) -> io::Result<Option<Answer>> {
        let unreadable = || io::Error::new(io::ErrorKind::InvalidData, "the kept note is damaged");
        let last = match memory.last(&new.origin)? {
            None => None,
            Some(note) => {
                let kept = self.logs.iter().find_map(|key| Checkpoint::open(&note, key).ok());
                Some(kept.ok_or_else(unreadable)?)
            }
        };
        let size = last.as_ref().map_or(0, |last| last.size);
        if call.old != size {
            return Ok(Some(Answer::size(size)));
        }
        let Some(last) = last.filter(|last| last.size > 0) else {
            let refusal = || Answer::text(422, "nothing is proven from size 0\n");
            return Ok((!call.proof.is_empty()).then(refusal));
        };
        if last.size == new.size && last.root != new.root {
            tracing::error!(
                origin = new.origin,
                size = new.size,
                "a log showed two roots of one size"
            );
            return Ok(Some(Answer::size(size)));
        }
        if verify_consistency(last.size, new.size, &last.root, &new.root, &call.proof) {
            return Ok(None);
        }
        tracing::error!(
            origin = new.origin,
            size = new.size,
            "a log is not the continuation of itself"
        );
        Ok(Some(Answer::text(422, "the proof does not show that the log only grew\n")))
    }
}

fn broken(error: &io::Error) -> Answer {
    tracing::error!(%error, "the memory of the witness failed: nothing is cosigned");
    Answer::text(500, "the memory of the witness failed\n")
}

/// The body of `add-checkpoint`.
#[derive(Debug, PartialEq, Eq)]
struct AddCheckpoint {
    old: u64,
    proof: Vec<Hash>,
    note: String,
}

impl AddCheckpoint {
    fn read(body: &str) -> Option<Self> {
        let (head, note) = body.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old = note::number(lines.next()?.strip_prefix("old ")?)?;
        let proof: Vec<Hash> = lines.map(note::hash).collect::<Option<_>>()?;
        (proof.len() <= MAX_PROOF).then(|| Self { old, proof, note: note.to_owned() })
    }
}

/// The body of `add-checkpoint` for a checkpoint that continues one of `old` entries.
pub(crate) fn add_checkpoint_body(old: u64, proof: &[Hash], note: &str) -> String {
    let mut body = format!("old {old}\n");
    for hash in proof {
        body += &note::hash_text(hash);
        body.push('\n');
    }
    body.push('\n');
    body + note
}
