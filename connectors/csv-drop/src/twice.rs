//! Records that a file may give twice, found beforehand in memory that does not grow with the rows.
//!
//! Each name marks one bit of a table of fixed size. A bit marked a second time makes its names suspects: all that are really given twice, and
//! of the others a few in a hundred. Only suspects are remembered by name.

use std::collections::HashSet;

/// At most so many bits, twice: 32 MiB. For five million rows one name in twenty-five is a suspect.
const MOST_BITS: u64 = 1 << 27;
const LEAST_BITS: u64 = 1 << 10;

/// Which names may come twice, and which of these came already.
pub(crate) struct Twice {
    once: Vec<u64>,
    again: Vec<u64>,
    mask: u64,
    taken: HashSet<[u8; 16]>,
}

impl Twice {
    /// For a file of so many bytes.
    pub(crate) fn for_bytes(bytes: u64) -> Self {
        let bits = bytes.clamp(LEAST_BITS, MOST_BITS).next_power_of_two();
        let words = usize::try_from(bits / 64).unwrap_or(0);
        Self { once: vec![0; words], again: vec![0; words], mask: bits - 1, taken: HashSet::new() }
    }

    fn place(&self, name: [u8; 16]) -> (usize, u64) {
        let head = name.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        let bit = head & self.mask;
        (usize::try_from(bit / 64).unwrap_or(0), 1 << (bit % 64))
    }

    /// The first time through: notes that a row has this name.
    pub(crate) fn note(&mut self, name: [u8; 16]) {
        let (word, bit) = self.place(name);
        if let (Some(once), Some(again)) = (self.once.get_mut(word), self.again.get_mut(word)) {
            *again |= *once & bit;
            *once |= bit;
        }
    }

    /// The first time through is over.
    pub(crate) fn noted(&mut self) {
        self.once = Vec::new();
    }

    /// Whether an earlier row may have the name.
    pub(crate) fn suspects(&self, name: [u8; 16]) -> bool {
        let (word, bit) = self.place(name);
        self.again.get(word).is_some_and(|again| again & bit != 0)
    }

    /// Takes a name; `false` when it was taken before.
    pub(crate) fn take(&mut self, name: [u8; 16]) -> bool {
        !self.suspects(name) || self.taken.insert(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: u32) -> [u8; 16] {
        let mut name = [0; 16];
        let mixed = u64::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17);
        name[..8].copy_from_slice(&mixed.wrapping_mul(0xD6E8_FEB8_6659_FD93).to_be_bytes());
        name[12..].copy_from_slice(&n.to_be_bytes());
        name
    }

    #[test]
    fn every_second_time_is_found_and_nothing_else_is_taken_for_one() {
        let mut twice = Twice::for_bytes(100_000);
        let rows: Vec<u32> = (0..10_000).chain([7, 7, 4_242]).collect();
        for n in &rows {
            twice.note(name(*n));
        }
        twice.noted();
        let again: Vec<u32> = rows.into_iter().filter(|n| !twice.take(name(*n))).collect();
        assert_eq!(again, [7, 7, 4_242]);
        assert!(twice.taken.len() < 2_000, "{} names are remembered", twice.taken.len());
    }
}
