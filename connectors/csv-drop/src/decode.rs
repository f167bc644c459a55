//! From bytes in one of the encodings to UTF-8, as a stream.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE};

use crate::Encoding;

const CHUNK: usize = 16 * 1024;

/// The decoder of an encoding that has been found out; a byte order mark is taken away.
pub(crate) fn decoder(encoding: Encoding) -> Decoder {
    match encoding {
        Encoding::Auto | Encoding::Utf8 => UTF_8,
        Encoding::Cp932 => SHIFT_JIS,
        Encoding::Utf16Le => UTF_16LE,
        Encoding::Utf16Be => UTF_16BE,
    }
    .new_decoder_with_bom_removal()
}

/// Reads bytes and gives UTF-8. What cannot be decoded becomes U+FFFD, which [`crate::Layout`] refuses row by row.
pub(crate) struct Decoding<R> {
    inner: R,
    decoder: Decoder,
    bytes: Vec<u8>,
    /// Of `bytes`, not yet decoded.
    waiting: std::ops::Range<usize>,
    text: Vec<u8>,
    /// Of `text`, not yet given.
    ready: std::ops::Range<usize>,
    ended: bool,
}

impl<R: Read> Decoding<R> {
    pub(crate) fn new(inner: R, encoding: Encoding) -> Self {
        // One byte may become three; the rest leaves room for what the decoder still holds.
        let (bytes, text) = (vec![0; CHUNK], vec![0; CHUNK * 3 + 64]);
        Self {
            inner,
            decoder: decoder(encoding),
            bytes,
            waiting: 0..0,
            text,
            ready: 0..0,
            ended: false,
        }
    }
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !self.ended {
            if self.waiting.is_empty() {
                let n = self.inner.read(&mut self.bytes)?;
                self.waiting = 0..n;
            }
            let last = self.waiting.is_empty();
            let input = self.bytes.get(self.waiting.clone()).unwrap_or_default();
            let (result, read, written, _) =
                self.decoder.decode_to_utf8(input, &mut self.text, last);
            self.waiting.start += read;
            self.ready = 0..written;
            self.ended = last && matches!(result, CoderResult::InputEmpty);
        }
        let given = self.ready.len().min(out.len());
        let from = self.ready.start;
        if let (Some(to), Some(source)) = (out.get_mut(..given), self.text.get(from..from + given))
        {
            to.copy_from_slice(source);
        }
        self.ready.start += given;
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8], encoding: Encoding) -> String {
        let mut text = String::new();
        Decoding::new(bytes, encoding).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn all_encodings_over_many_chunks() {
        let text = "住民番号,氏名\r\n0001,髙橋　花子\r\n".repeat(3_000);
        assert_eq!(decode(text.as_bytes(), Encoding::Utf8), text);
        assert_eq!(decode(format!("\u{FEFF}{text}").as_bytes(), Encoding::Utf8), text);
        let (cp932, _, lossy) = SHIFT_JIS.encode(&text);
        assert!(!lossy);
        assert_eq!(decode(&cp932, Encoding::Cp932), text);
        let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(&le, Encoding::Utf16Le), text);
        let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decode(&[&[0xFE, 0xFF], &be[..]].concat(), Encoding::Utf16Be), text);
    }

    #[test]
    fn a_cut_character_is_marked() {
        assert_eq!(decode(&[b'a', 0x8A], Encoding::Cp932), "a\u{FFFD}");
        assert_eq!(decode(&[b'a', 0xE9], Encoding::Utf8), "a\u{FFFD}");
    }
}
