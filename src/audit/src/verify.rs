//! Verification of an exported log, with nothing but the folder and the public key.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::checkpoint::Checkpoint;
use crate::cosignature::Quorum;
use crate::entry::{self, Content};
use crate::log::{ENTRY_TYPE, REASON};
use crate::note::{InvalidNote, VerifyingKey};
use crate::report::{Finding, Report};
use crate::tiles::{TilePath, bundle_entries, tile_hashes};
use crate::tree::{FullTile, Hash, TILE_HEIGHT, TILE_WIDTH, Tree, leaf_hash};

/// What an exported folder is checked against.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The key of the log.
    pub key: VerifyingKey,
    /// Who must have cosigned its checkpoint.
    pub quorum: Quorum,
    /// Checkpoints kept before, as notes; the log must be the continuation of each.
    pub earlier: Vec<String>,
}

impl Trust {
    /// In the log's own signature alone.
    pub fn in_key(key: VerifyingKey) -> Self {
        Self { key, quorum: Quorum::default(), earlier: Vec::new() }
    }
}

/// Recomputes the whole tree from the entries in `dir` and compares it with every tile, with the signed root and size, with the roots of earlier
/// checkpoints, and the signatures with the keys; and what is kept beside the entries with what they commit to. Needs memory for one file at a time.
pub fn verify(dir: &Path, trust: &Trust) -> Report {
    let mut report = Report::default();
    let opened = fs::read_to_string(dir.join("checkpoint"))
        .map_err(|error| format!("not readable ({})", error.kind()))
        .and_then(|note| open(&note, trust, &mut report).map_err(|error| error.to_string()));
    let (checkpoint, marks) = match opened {
        Ok(opened) => opened,
        Err(why) => {
            report.found(Finding::Checkpoint(why));
            return report;
        }
    };
    report.origin.clone_from(&checkpoint.origin);
    report.size = checkpoint.size;
    report.root = STANDARD.encode(checkpoint.root);
    let (tiles, payloads) = (dir.join("tile"), dir.join("payload"));
    let known = TilePath::all(checkpoint.size).map(|path| tiles.join(path.to_string()));
    unexpected(dir, "tile", &known.collect(), &mut report);
    let known = TilePath::of_level(None, checkpoint.size).map(|path| payloads.join(path.place()));
    unexpected(dir, "payload", &known.collect(), &mut report);
    let mut walk = Walk {
        tiles,
        payloads,
        report,
        from_entries: Tree::default(),
        from_tiles: Tree::default(),
        erasures: 0,
        marks,
    };
    walk.compare_mark();
    for path in TilePath::of_level(None, checkpoint.size) {
        walk.bundle(path);
    }
    walk.partial_tiles(checkpoint.size);
    walk.finish(&checkpoint)
}

/// The checkpoint of the folder, and the roots of earlier ones by size.
fn open(
    note: &str,
    trust: &Trust,
    report: &mut Report,
) -> Result<(Checkpoint, BTreeMap<u64, Hash>), InvalidNote> {
    let checkpoint = Checkpoint::open(note, &trust.key)?;
    let cosigned = trust.quorum.look(note)?;
    for witness in &cosigned.wrong {
        report.found(Finding::Cosignature { witness: witness.clone() });
    }
    if !trust.quorum.is_met(&cosigned) {
        report.found(Finding::Quorum { found: cosigned.by.len(), needed: trust.quorum.needed });
    }
    report.witnesses = cosigned.by.into_iter().map(|(name, _)| name).collect();
    let mut marks = BTreeMap::new();
    for note in &trust.earlier {
        let earlier = Checkpoint::open(note, &trust.key)?;
        let size = earlier.size;
        if size > checkpoint.size || *marks.entry(size).or_insert(earlier.root) != earlier.root {
            report.found(Finding::Forked { size });
        }
    }
    Ok((checkpoint, marks))
}

/// Every file below a folder that a log of the signed size does not have, such as entries after its end.
fn unexpected(dir: &Path, folder: &str, known: &BTreeSet<PathBuf>, report: &mut Report) {
    let mut folders = vec![dir.join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        // A folder that is not there is told by the files missing from it.
        let Ok(listed) = fs::read_dir(&folder) else {
            continue;
        };
        for item in listed.flatten() {
            match item.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(item.path()),
                _ => files.push(item.path()),
            }
        }
    }
    files.sort();
    for file in files.iter().filter(|file| !known.contains(*file)) {
        let path = file.strip_prefix(dir).unwrap_or(file);
        report.found(Finding::Unexpected { path: path.display().to_string() });
    }
}

struct Walk {
    tiles: PathBuf,
    payloads: PathBuf,
    report: Report,
    /// The tree that the entries give.
    from_entries: Tree,
    /// The tree that the lowest tiles give.
    from_tiles: Tree,
    /// How many entries were erased, whole or in part, by what the entries say.
    erasures: u64,
    /// Roots of earlier checkpoints.
    marks: BTreeMap<u64, Hash>,
}

impl Walk {
    fn read(&mut self, path: TilePath) -> Option<Vec<u8>> {
        let shift = u32::from(path.level.unwrap_or(0)) * TILE_HEIGHT;
        let index = (path.index * TILE_WIDTH as u64) << shift;
        match fs::read(self.tiles.join(path.to_string())) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.report.found(Finding::Missing { path: format!("tile/{path}"), index });
                None
            }
            Err(_) => {
                self.malformed(path, index);
                None
            }
        }
    }

    fn malformed(&mut self, path: TilePath, index: u64) {
        self.report.found(Finding::Malformed { path: format!("tile/{path}"), index });
    }

    /// The hashes of a tile, with its length checked.
    fn tile(&mut self, path: TilePath) -> Option<Vec<Hash>> {
        let bytes = self.read(path)?;
        let hashes = tile_hashes(&bytes).filter(|hashes| hashes.len() == usize::from(path.width));
        if hashes.is_none() {
            let shift = u32::from(path.level.unwrap_or(0)) * TILE_HEIGHT;
            self.malformed(path, (path.index * TILE_WIDTH as u64) << shift);
        }
        hashes
    }

    fn bundle(&mut self, path: TilePath) {
        let first = path.index * TILE_WIDTH as u64;
        let expected = self.tile(TilePath { level: Some(0), ..path });
        let mut full = Vec::new();
        for hash in expected.iter().flatten() {
            self.from_tiles.push(*hash, &mut full);
        }
        let Some(bytes) = self.read(path) else { return };
        let Some(entries) = bundle_entries(&bytes) else {
            self.malformed(path, first);
            return;
        };
        let found: Vec<Hash> = entries.iter().map(|bytes| leaf_hash(bytes)).collect();
        self.report.entries += found.len() as u64;
        if let Some(expected) = &expected {
            for finding in compare(first, expected, &found) {
                self.report.found(finding);
            }
        }
        let unchanged: Vec<bool> =
            expected.iter().flatten().zip(&found).map(|(a, b)| a == b).collect();
        self.statements(path, first, &entries, &unchanged);
        full.clear();
        for hash in found {
            self.from_entries.push(hash, &mut full);
            self.compare_mark();
        }
        for tile in full.iter().filter(|tile| tile.level > 0) {
            self.upper(tile);
        }
    }

    /// What the entries of a bundle say, with what is kept beside them.
    fn statements(&mut self, path: TilePath, first: u64, entries: &[&[u8]], unchanged: &[bool]) {
        let name = format!("payload/{}", path.place());
        let bytes = match fs::read(self.payloads.join(path.place())) {
            Ok(bytes) => bytes,
            // A log of the first version has no such files.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if entries.iter().any(|entry| entry::open(entry, &[]) == Ok(Content::Erased)) {
                    self.report.found(Finding::Missing { path: name, index: first });
                    return;
                }
                vec![0; 2 * entries.len()]
            }
            Err(_) => Vec::new(),
        };
        let payloads = bundle_entries(&bytes).filter(|payloads| payloads.len() == entries.len());
        let Some(payloads) = payloads else {
            self.report.found(Finding::Malformed { path: name, index: first });
            return;
        };
        let all = (first..).zip(entries).zip(payloads).zip(unchanged);
        for (((index, leaf), payload), _) in all.filter(|(_, unchanged)| **unchanged) {
            match entry::open(leaf, payload) {
                Ok(Content::Erased) => self.report.erased += 1,
                Ok(Content::Access { access, erased }) => {
                    self.report.erased += u64::from(erased > 0);
                    if access.reason == REASON && access.types == [ENTRY_TYPE] {
                        self.erasures = self.erasures.saturating_add(access.count);
                    }
                }
                Err(_) => self.report.found(Finding::Unreadable { index }),
            }
        }
    }

    /// Compares the tree so far with an earlier checkpoint of its size.
    fn compare_mark(&mut self) {
        let size = self.from_entries.size();
        let mark = self.marks.get(&size).filter(|root| **root != self.from_entries.root());
        if mark.is_some() {
            self.report.found(Finding::Forked { size });
        }
    }

    /// Compares a tile above the lowest level with what the entries give.
    fn upper(&mut self, tile: &FullTile) {
        let width = u16::try_from(tile.hashes.len()).unwrap_or(u16::MAX);
        let path = TilePath { level: Some(tile.level), index: tile.index, width };
        let Some(hashes) = self.tile(path) else {
            return;
        };
        if let Some(at) = hashes.iter().zip(&tile.hashes).position(|(a, b)| a != b) {
            let hash = tile.index * TILE_WIDTH as u64 + at as u64;
            let index = hash << (u32::from(tile.level) * TILE_HEIGHT);
            self.report.found(Finding::Tile { path: format!("tile/{path}"), index });
        }
    }

    fn partial_tiles(&mut self, size: u64) {
        let computed: HashMap<u8, Vec<Hash>> =
            (0u8..).zip(self.from_entries.levels().to_vec()).collect();
        for level in 1u8..8 {
            let partial = TilePath::of_level(Some(level), size).last();
            let Some(path) = partial.filter(|path| usize::from(path.width) < TILE_WIDTH) else {
                continue;
            };
            match computed.get(&level) {
                Some(hashes) if hashes.len() == usize::from(path.width) => {
                    self.upper(&FullTile { level, index: path.index, hashes: hashes.clone() });
                }
                // Entries are missing, which is told already; the tile is read all the same.
                _ => drop(self.tile(path)),
            }
        }
    }

    fn finish(mut self, checkpoint: &Checkpoint) -> Report {
        if self.report.erased > self.erasures {
            let (erased, recorded) = (self.report.erased, self.erasures);
            self.report.found(Finding::Erased { erased, recorded });
        }
        let found = self.from_entries.size();
        if found != checkpoint.size {
            self.report.found(Finding::Size { signed: checkpoint.size, found });
        }
        if self.from_entries.root() != checkpoint.root {
            let tiles_match = self.from_tiles.root() == checkpoint.root;
            self.report.found(Finding::Root { tiles_match });
        }
        self.report
    }
}

/// Says how the hashes of a bundle's entries differ from those of its tile.
fn compare(first: u64, expected: &[Hash], found: &[Hash]) -> Vec<Finding> {
    let same = expected.iter().zip(found).take_while(|(a, b)| a == b).count();
    if same == expected.len() && same == found.len() {
        return Vec::new();
    }
    let index = first + same as u64;
    let (missing, extra) =
        (expected.len().saturating_sub(found.len()), found.len().saturating_sub(expected.len()));
    if missing > 0 && expected.get(same + missing..) == found.get(same..) {
        return vec![Finding::Dropped { index, count: missing as u64 }];
    }
    if extra > 0 && found.get(same + extra..) == expected.get(same..) {
        return vec![Finding::Inserted { index, count: extra as u64 }];
    }
    let wrong: Vec<u64> = (first..)
        .zip(expected.iter().zip(found))
        .filter(|(_, (a, b))| a != b)
        .map(|(index, _)| index)
        .collect();
    let sorted = |hashes: &[Hash]| {
        let mut hashes = hashes.to_vec();
        hashes.sort_unstable();
        hashes
    };
    if missing == 0 && extra == 0 && sorted(expected) == sorted(found) {
        let last = wrong.last().copied().unwrap_or(index);
        return vec![Finding::Reordered { index, last }];
    }
    let mut findings: Vec<Finding> =
        wrong.into_iter().map(|index| Finding::Changed { index }).collect();
    let end = first + expected.len().min(found.len()) as u64;
    if missing > 0 {
        findings.push(Finding::Dropped { index: end, count: missing as u64 });
    }
    if extra > 0 {
        findings.push(Finding::Inserted { index: end, count: extra as u64 });
    }
    findings
}
