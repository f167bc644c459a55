//! Deterministic mutations: the same start gives the same inputs.

/// Bytes of an input; longer ones take time and show nothing more.
const LONGEST: usize = 4096;

/// Numbers without meaning, the same for the same start (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Begins.
    #[must_use]
    pub fn new(start: u64) -> Self {
        Self(start)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, 0 if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    /// One of these.
    pub fn of<'t, T>(&mut self, all: &'t [T]) -> Option<&'t T> {
        all.get(self.below(all.len()))
    }
}

/// Bytes that parsers treat apart.
const ODD: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b",",
    b";",
    b":",
    b"|",
    b".",
    b"..",
    b"/",
    b"+",
    b"-",
    b"#",
    b"%",
    b"=",
    b"@",
    b"*",
    b"~",
    b"\0",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"\x7f",
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\\u0000",
    b"\\ud800",
    b"\\u3042",
    "都".as_bytes(),
    "\u{feff}".as_bytes(),
    "\u{202e}".as_bytes(),
    "𠮷".as_bytes(),
    b"null",
    b"true",
    b"0",
    b"-0",
    b"1e999",
    b"1e-999",
    b"18446744073709551616",
    b"9223372036854775807",
    b"0.1000000000000000055",
    b"urn:ngsi-ld:null",
    b"@none",
    b"@context",
    b"{}",
    b"[]",
    b"\"\"",
];

/// Another input, made of one by a few small changes; `other` lends a part at times.
#[must_use]
pub fn mutated(input: &[u8], other: &[u8], words: &[&str], chance: &mut Chance) -> Vec<u8> {
    let mut out = input.to_vec();
    for _ in 0..=chance.below(4) {
        change(&mut out, other, words, chance);
    }
    out.truncate(LONGEST);
    out
}

fn change(out: &mut Vec<u8>, other: &[u8], words: &[&str], chance: &mut Chance) {
    let (from, to) = range(out.len(), chance);
    let put: Vec<u8> = match chance.below(8) {
        // Part of the input is gone, or there twice.
        0 => Vec::new(),
        1 => {
            let part = out.get(from..to).unwrap_or_default();
            [part, part].concat()
        }
        2 => {
            let (from, to) = range(other.len(), chance);
            other.get(from..to).unwrap_or_default().to_vec()
        }
        3 => {
            let mut part = out.get(from..to).unwrap_or_default().to_vec();
            let at = chance.below(part.len());
            if let Some(byte) = part.get_mut(at) {
                *byte ^= 1 << chance.below(8);
            }
            part
        }
        4 | 5 => chance.of(ODD).copied().unwrap_or_default().to_vec(),
        _ => chance.of(words).copied().unwrap_or_default().as_bytes().to_vec(),
    };
    // A word takes the place of something, or comes in between.
    let to = if chance.below(2) == 0 && !put.is_empty() { from } else { to };
    out.splice(from..to, put);
}

/// A part of something so long: mostly short.
fn range(length: usize, chance: &mut Chance) -> (usize, usize) {
    let from = chance.below(length + 1);
    let longest = if chance.below(4) == 0 { length - from } else { (length - from).min(8) };
    (from, from + chance.below(longest + 1))
}
