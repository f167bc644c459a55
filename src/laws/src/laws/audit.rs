//! What the verifier of the access log reads: signed notes, keys, paths of tiles.

use std::sync::LazyLock;

use tsunagu_audit::{Checkpoint, Signer, TilePath, VerifyingKey};

use super::same;
use crate::Held;

pub(super) const WORDS: &[&str] = &[
    "tsunagu/tsuno",
    "\n\n",
    "— ",
    "\n",
    "+",
    "=",
    "entries/",
    "000",
    "x001/",
    ".p/",
    "0/",
    "7/",
    "255",
    "256",
];

/// A key of no importance, and the one thing that it ever signed.
static SIGNED: LazyLock<Option<(VerifyingKey, Checkpoint)>> = LazyLock::new(|| {
    let signer = Signer::from_seed(&[3; 32]).ok()?;
    let signed = Checkpoint { origin: "tsunagu/tsuno".to_owned(), size: 7, root: [9; 32] };
    Some((signer.verifying_key("tsunagu/tsuno"), signed))
});

/// Nothing opens but what was signed, and a key has one spelling.
pub(super) fn note(bytes: &[u8]) -> Held {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(false) };
    let (key, signed) = SIGNED.as_ref().ok_or("the key of the tests is none")?;
    let opened = Checkpoint::open(text, key);
    if let Ok(checkpoint) = &opened {
        same("what was opened", checkpoint, signed)?;
    }
    let read = text.parse::<VerifyingKey>();
    if let Ok(key) = &read {
        same("a key", &key.to_string().as_str(), &text.trim())?;
    }
    Ok(opened.is_ok() || read.is_ok())
}

/// A path has one spelling.
pub(super) fn tile(bytes: &[u8]) -> Held {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(false) };
    let Ok(path) = text.parse::<TilePath>() else { return Ok(false) };
    same("a path", &path.to_string().as_str(), &text)?;
    Ok(true)
}
