//! The first pass over a file: its digest, and what its bytes are.

use std::io::{self, Read};

use aws_lc_rs::digest;
use encoding_rs::{Decoder, DecoderResult, SHIFT_JIS, UTF_8};
use tsunagu_domain::hex;

use crate::Encoding;

/// What the first pass found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// SHA-256 of the bytes, lower-case hex.
    pub(crate) digest: String,
    /// `None`: none of the encodings gives text.
    pub(crate) encoding: Option<Encoding>,
    /// Whether it begins with a byte order mark.
    pub(crate) marked: bool,
    /// How many bytes there are.
    pub(crate) bytes: u64,
}

/// More than one byte in a hundred that cannot be decoded means that it is another encoding, or no text.
const TOLERATED: u64 = 100;

/// Reads everything once, in constant memory.
pub(crate) fn scan(mut file: impl Read, wanted: Encoding) -> io::Result<Scanned> {
    let mut digest = digest::Context::new(&digest::SHA256);
    let mut utf8 = Errors::new(UTF_8.new_decoder_without_bom_handling());
    let mut cp932 = Errors::new(SHIFT_JIS.new_decoder_without_bom_handling());
    let (mut head, mut size, mut zeros) = ([0u8; 3], 0u64, [0u64; 2]);
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let n = file.read(&mut bytes)?;
        let read = bytes.get(..n).unwrap_or_default();
        digest.update(read);
        for (byte, at) in read.iter().zip(size..) {
            if let Some(slot) = usize::try_from(at).ok().and_then(|at| head.get_mut(at)) {
                *slot = *byte;
            }
            if *byte == 0 {
                zeros[usize::from(at % 2 == 1)] += 1;
            }
        }
        size += n as u64;
        utf8.feed(read, n == 0);
        cp932.feed(read, n == 0);
        if n == 0 {
            break;
        }
    }
    let found = match (head, zeros) {
        _ if wanted != Encoding::Auto => Some(wanted),
        ([0xEF, 0xBB, 0xBF], _) => Some(Encoding::Utf8),
        ([0xFF, 0xFE, _], _) => Some(Encoding::Utf16Le),
        ([0xFE, 0xFF, _], _) => Some(Encoding::Utf16Be),
        // The commas and line ends of UTF-16 have one zero byte each; other text has none.
        (_, [even, odd]) if even + odd > 0 => {
            Some(if odd > even { Encoding::Utf16Le } else { Encoding::Utf16Be })
        }
        _ => {
            let (encoding, errors) = if utf8.count <= cp932.count {
                (Encoding::Utf8, utf8.count)
            } else {
                (Encoding::Cp932, cp932.count)
            };
            (errors.saturating_mul(TOLERATED) <= size).then_some(encoding)
        }
    };
    let digest = hex(digest.finish().as_ref());
    let marked = matches!(head, [0xEF, 0xBB, 0xBF] | [0xFF, 0xFE, _] | [0xFE, 0xFF, _]);
    Ok(Scanned { digest, encoding: found, marked, bytes: size })
}

/// Counts what a decoder cannot decode.
struct Errors {
    decoder: Decoder,
    text: Vec<u8>,
    count: u64,
}

impl Errors {
    fn new(decoder: Decoder) -> Self {
        Self { decoder, text: vec![0; 16 * 1024], count: 0 }
    }

    fn feed(&mut self, mut bytes: &[u8], last: bool) {
        loop {
            let (result, read, _) =
                self.decoder.decode_to_utf8_without_replacement(bytes, &mut self.text, last);
            bytes = bytes.get(read..).unwrap_or_default();
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => self.count += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> Option<Encoding> {
        scan(bytes, Encoding::Auto).unwrap().encoding
    }

    #[test]
    fn encodings_are_found_out() {
        let text = "住民番号,氏名\r\n0001,髙橋　花子\r\n0002,都農　太郎\r\n";
        let cp932 = SHIFT_JIS.encode(text).0.into_owned();
        assert_eq!(found(text.as_bytes()), Some(Encoding::Utf8));
        assert_eq!(found(format!("\u{FEFF}{text}").as_bytes()), Some(Encoding::Utf8));
        assert_eq!(found(b"a,b\r\n1,2\r\n"), Some(Encoding::Utf8));
        assert_eq!(found(&cp932), Some(Encoding::Cp932));
        let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(found(&le), Some(Encoding::Utf16Le));
        assert_eq!(found(&be), Some(Encoding::Utf16Be));
        assert_eq!(found(&[&[0xFF, 0xFE], &le[..]].concat()), Some(Encoding::Utf16Le));
    }

    #[test]
    fn one_broken_row_does_not_hide_the_encoding_and_noise_is_none() {
        let row = SHIFT_JIS.encode("0001,髙橋　花子\r\n").0.into_owned();
        let mut file = row.repeat(100);
        file.extend([0x8A, b'\r', b'\n']);
        file.extend(row);
        assert_eq!(found(&file), Some(Encoding::Cp932));
        assert_eq!(found(&[0xFF; 300]), None);
    }
}
