//! C2SP `tlog-tiles`: the paths under which hashes and entries of a log are found, and the form of an entry bundle.

use std::fmt;
use std::str::FromStr;

use crate::tree::{Hash, TILE_HEIGHT, TILE_WIDTH};

/// The width of a full tile.
const FULL: u16 = 256;
/// Where bundles of entries are.
const BUNDLES: &str = "entries/";

/// The path is none of `tlog-tiles`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a tile path: expected <level>/<index>[.p/<width>] or entries/<index>[.p/<width>]")]
pub struct InvalidTilePath;

/// A tile of hashes, or a bundle of entries. Its text is the path below `tile/`, e.g. `0/x001/x234/067.p/8` or `entries/000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TilePath {
    /// Level of the tile; `None` for entries.
    pub level: Option<u8>,
    /// Which of its level.
    pub index: u64,
    /// How many hashes or entries, 1 to 256.
    pub width: u16,
}

impl TilePath {
    /// The tiles of this level (or entry bundles) that a log of `size` entries has.
    pub(crate) fn of_level(level: Option<u8>, size: u64) -> impl Iterator<Item = Self> {
        let height = u32::from(level.unwrap_or(0)) * TILE_HEIGHT;
        let hashes = size.checked_shr(height).unwrap_or(0);
        let (full, rest) = (hashes / TILE_WIDTH as u64, hashes % TILE_WIDTH as u64);
        let whole = (0..full).map(move |index| Self { level, index, width: FULL });
        let rest = u16::try_from(rest).ok().filter(|width| *width > 0);
        whole.chain(rest.map(|width| Self { level, index: full, width }))
    }

    /// Every file of a log of `size` entries.
    pub(crate) fn all(size: u64) -> impl Iterator<Item = Self> {
        let levels = (0u8..8).map(Some).chain([None]);
        levels.flat_map(move |level| Self::of_level(level, size))
    }

    /// The path without its level, e.g. `x001/x234/067.p/8`.
    pub(crate) fn place(&self) -> String {
        let mut path = Self { level: None, ..*self }.to_string();
        path.drain(..BUNDLES.len());
        path
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Some(level) => write!(f, "{level}/")?,
            None => f.write_str(BUNDLES)?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for (n, group) in groups.iter().enumerate().rev() {
            if n > 0 {
                write!(f, "x{group:03}/")?;
            } else {
                write!(f, "{group:03}")?;
            }
        }
        if usize::from(self.width) < TILE_WIDTH {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

impl FromStr for TilePath {
    type Err = InvalidTilePath;

    fn from_str(text: &str) -> Result<Self, InvalidTilePath> {
        let (level, rest) = text.split_once('/').ok_or(InvalidTilePath)?;
        let level = match level {
            "entries" => None,
            number => Some(number.parse().map_err(|_| InvalidTilePath)?),
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, width.parse().map_err(|_| InvalidTilePath)?),
            None => (rest, FULL),
        };
        let mut number = 0u64;
        for group in index.split('/') {
            let group: u64 = group.trim_start_matches('x').parse().map_err(|_| InvalidTilePath)?;
            number = number
                .checked_mul(1000)
                .and_then(|n| n.checked_add(group))
                .ok_or(InvalidTilePath)?;
        }
        let path = Self { level, index: number, width };
        // One tile has one spelling.
        if path.to_string() == text && level.unwrap_or(0) < 8 && width > 0 {
            Ok(path)
        } else {
            Err(InvalidTilePath)
        }
    }
}

/// Hashes as the bytes of a tile.
pub(crate) fn tile_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

/// The hashes of a tile; `None` when its length is no multiple of 32.
pub(crate) fn tile_hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| hashes.to_vec())
}

/// Entries as the bytes of a bundle: each after its length as two bytes, big-endian. `None` when one is too long.
pub(crate) fn bundle_bytes<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for entry in entries {
        out.extend_from_slice(&u16::try_from(entry.len()).ok()?.to_be_bytes());
        out.extend_from_slice(entry);
    }
    Some(out)
}

/// The entries of a bundle; `None` when it ends in the middle of one.
pub(crate) fn bundle_entries(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        bytes = rest;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use proptest::collection;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let path = TilePath { level: Some(0), index: 1_234_067, width: 256 };
        assert_eq!(path.to_string(), "0/x001/x234/067");
        let partial = TilePath { level: None, index: 5, width: 8 };
        assert_eq!(partial.to_string(), "entries/005.p/8");
        for path in [path, partial, TilePath { level: Some(2), index: 1000, width: 1 }] {
            assert_eq!(path.to_string().parse(), Ok(path));
        }
    }

    #[test]
    fn another_spelling_is_no_path() {
        for wrong in [
            "",
            "0",
            "0/",
            "0/1",
            "0/0001",
            "0/x000/001",
            "00/000",
            "8/000",
            "-1/000",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/08",
            "entries/../000",
            "0/xx01/000",
            "0/000.p/999999",
            "0/+01",
        ] {
            assert_eq!(wrong.parse::<TilePath>(), Err(InvalidTilePath), "{wrong}");
        }
    }

    #[test]
    fn the_files_of_a_log() {
        let files: Vec<String> = TilePath::all(70_000).map(|path| path.to_string()).collect();
        assert!(files.contains(&"0/273.p/112".to_owned()));
        assert!(files.contains(&"1/000".to_owned()) && files.contains(&"1/001.p/17".to_owned()));
        assert!(files.contains(&"2/000.p/1".to_owned()));
        assert_eq!(files.len(), 274 + 2 + 1 + 274);
        assert_eq!(TilePath::all(0).count(), 0);
    }

    #[test]
    fn bundles_hold_entries_of_any_length_up_to_two_bytes() {
        let entries = vec![vec![], vec![1; 65_535], b"x".to_vec()];
        let bytes = bundle_bytes(entries.iter().map(Vec::as_slice)).unwrap();
        assert_eq!(bundle_entries(&bytes).unwrap(), entries);
        assert_eq!(bundle_entries(&bytes[..bytes.len() - 1]), None);
        assert_eq!(bundle_bytes([vec![0; 65_536].as_slice()]), None);
    }

    proptest! {
        #[test]
        fn a_bundle_has_one_spelling(
            bytes in collection::vec(prop_oneof![Just(0_u8), Just(1), Just(2), any::<u8>()], 0..64)
        ) {
            if let Some(entries) = bundle_entries(&bytes) {
                prop_assert_eq!(bundle_bytes(entries), Some(bytes.clone()));
            }
        }
    }
}
