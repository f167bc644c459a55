//! Text as bytes of a file. Nothing is lost silently and nothing is invented: a character that the encoding lacks becomes 〓, never a reference
//! such as `&#134071;`, and every change is told.

use encoding_rs::{Encoder, EncoderResult, SHIFT_JIS};

use crate::characters::{is_private_use, is_variation_selector, substitute};

/// The encoding of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// UTF-8; the byte order mark is the writer's affair.
    Utf8,
    /// UTF-16, little end first.
    Utf16Le,
    /// UTF-16, big end first.
    Utf16Be,
    /// Windows code page 932.
    Cp932,
}

impl Target {
    /// The byte order mark of a file in it, where there is one.
    pub fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf8 => &[0xEF, 0xBB, 0xBF],
            Self::Utf16Le => &[0xFF, 0xFE],
            Self::Utf16Be => &[0xFE, 0xFF],
            Self::Cp932 => &[],
        }
    }
}

/// Why a character is not written as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The encoding has the same sign at another place, as ～ for 〜.
    SameSign,
    /// The encoding has the character, but not the glyph that was selected.
    Glyph,
    /// The encoding lacks it.
    Lacking,
}

/// A character that was not written as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// Characters before it, from 0.
    pub at: usize,
    /// What it is.
    pub from: char,
    /// What was written; `None`: nothing.
    pub to: Option<char>,
    /// Why.
    pub why: Why,
    /// The usual substitute, for a person to decide about; it was not written.
    pub substitute: Option<char>,
}

/// Signs that Unicode has twice and code page 932 once: which of the two is written depends on who made the table.
const TWINS: [(char, char); 8] = [
    ('\u{301C}', '\u{FF5E}'),
    ('\u{2212}', '\u{FF0D}'),
    ('\u{2016}', '\u{2225}'),
    ('\u{2014}', '\u{2015}'),
    ('\u{00A2}', '\u{FFE0}'),
    ('\u{00A3}', '\u{FFE1}'),
    ('\u{00AC}', '\u{FFE2}'),
    ('\u{00A5}', '\u{FFE5}'),
];

/// Writes a text, and tells what could not be written as it is.
pub fn encode(text: &str, target: Target) -> (Vec<u8>, Vec<Changed>) {
    match target {
        Target::Utf8 => (text.as_bytes().to_vec(), Vec::new()),
        Target::Utf16Le => (text.encode_utf16().flat_map(u16::to_le_bytes).collect(), Vec::new()),
        Target::Utf16Be => (text.encode_utf16().flat_map(u16::to_be_bytes).collect(), Vec::new()),
        Target::Cp932 => cp932(text),
    }
}

fn cp932(text: &str) -> (Vec<u8>, Vec<Changed>) {
    let mut encoder = SHIFT_JIS.new_encoder();
    let (mut bytes, mut changes) = (Vec::with_capacity(text.len()), Vec::new());
    for (at, c) in text.chars().enumerate() {
        let twin = TWINS.iter().find(|(from, _)| *from == c).map(|(_, to)| *to);
        let (to, why) = match twin {
            Some(twin) => (Some(twin), Why::SameSign),
            None if is_variation_selector(c) => (None, Why::Glyph),
            // The encoder would write the backslash for it.
            None if c != '\u{203E}' && !is_private_use(c) && put(&mut encoder, c, &mut bytes) => {
                continue;
            }
            None => (Some('〓'), Why::Lacking),
        };
        if let Some(to) = to {
            put(&mut encoder, to, &mut bytes);
        }
        changes.push(Changed { at, from: c, to, why, substitute: substitute(c) });
    }
    (bytes, changes)
}

/// Whether the encoding has the character, which is then written.
fn put(encoder: &mut Encoder, c: char, bytes: &mut Vec<u8>) -> bool {
    let (mut source, mut out) = ([0; 4], [0; 8]);
    let (result, _, written) =
        encoder.encode_from_utf8_without_replacement(c.encode_utf8(&mut source), &mut out, false);
    let whole = result == EncoderResult::InputEmpty;
    if whole {
        bytes.extend(out.get(..written).unwrap_or_default());
    }
    whole
}
