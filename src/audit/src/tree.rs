//! The Merkle tree of RFC 6962 (RFC 9162, 2.1), grown entry by entry.

use aws_lc_rs::digest::{Context, SHA256, digest};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// How many hashes a full tile has.
pub(crate) const TILE_WIDTH: usize = 256;
/// How many levels of the tree one level of tiles holds.
pub(crate) const TILE_HEIGHT: u32 = 8;

fn hash(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// The hash of a log entry: SHA-256(0x00 ‖ entry).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    hash(&[&[0], entry])
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    hash(&[&[1], left, right])
}

/// The root of the tree over these leaf hashes; without any, SHA-256 of nothing.
pub fn root_of(leaves: &[Hash]) -> Hash {
    let mut range = CompactRange::default();
    for leaf in leaves {
        range.push(0, *leaf);
    }
    range.root()
}

/// Perfect subtrees from left to right, each smaller than the one before: enough to know the root.
#[derive(Debug, Default)]
pub(crate) struct CompactRange(Vec<(u32, Hash)>);

impl CompactRange {
    /// Adds the root of the next perfect subtree, over 2^`height` leaves.
    pub(crate) fn push(&mut self, mut height: u32, mut hash: Hash) {
        while let Some((_, left)) = self.0.pop_if(|(top, _)| *top == height) {
            hash = node_hash(&left, &hash);
            height += 1;
        }
        self.0.push((height, hash));
    }

    pub(crate) fn root(&self) -> Hash {
        let mut hashes = self.0.iter().rev().map(|(_, hash)| *hash);
        let Some(last) = hashes.next() else {
            let mut empty = [0; 32];
            empty.copy_from_slice(digest(&SHA256, b"").as_ref());
            return empty;
        };
        hashes.fold(last, |right, left| node_hash(&left, &right))
    }
}

/// A tile that has just become full: it never changes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FullTile {
    pub(crate) level: u8,
    pub(crate) index: u64,
    pub(crate) hashes: Vec<Hash>,
}

/// A tree that remembers of its tiles only the ones that are not full: at most 255 hashes a level, whatever its size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree of this size with these partial tiles; `None` when they do not belong to that size.
    pub(crate) fn from_parts(size: u64, levels: Vec<Vec<Hash>>) -> Option<Self> {
        let width = |level: usize| {
            let shift = u32::try_from(level).unwrap_or(u32::MAX).saturating_mul(TILE_HEIGHT);
            size.checked_shr(shift).unwrap_or(0)
        };
        let fits = levels
            .iter()
            .enumerate()
            .all(|(level, hashes)| hashes.len() as u64 == width(level) % TILE_WIDTH as u64);
        (fits && width(levels.len()) == 0).then_some(Self { size, levels })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The partial tiles, lowest level first.
    pub(crate) fn levels(&self) -> &[Vec<Hash>] {
        &self.levels
    }

    /// Appends a leaf; tiles that become full by it are handed out.
    pub(crate) fn push(&mut self, leaf: Hash, full: &mut Vec<FullTile>) {
        let mut carry = leaf;
        let mut rest = self.size;
        for level in 0u8.. {
            let at = usize::from(level);
            if self.levels.len() == at {
                self.levels.push(Vec::new());
            }
            let pending = &mut self.levels[at];
            pending.push(carry);
            if pending.len() < TILE_WIDTH {
                break;
            }
            rest >>= TILE_HEIGHT;
            let hashes = std::mem::take(pending);
            carry = root_of(&hashes);
            full.push(FullTile { level, index: rest, hashes });
        }
        self.size += 1;
    }

    pub(crate) fn root(&self) -> Hash {
        let mut range = CompactRange::default();
        for (level, hashes) in self.levels.iter().enumerate().rev() {
            let height = u32::try_from(level).unwrap_or(u32::MAX).saturating_mul(TILE_HEIGHT);
            for hash in hashes {
                range.push(height, *hash);
            }
        }
        range.root()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_tiles_give_the_same_root_as_all_leaves() {
        let mut tree = Tree::default();
        let mut full = Vec::new();
        let mut leaves = Vec::new();
        for n in 0u32..70_000 {
            if n % 9973 == 0 || n == 256 || n == 65_536 || n == 65_537 {
                assert_eq!(tree.root(), root_of(&leaves), "at {n}");
                assert_eq!(
                    Tree::from_parts(tree.size(), tree.levels().to_vec()),
                    Some(tree.clone())
                );
                assert_eq!(Tree::from_parts(tree.size() + 1, tree.levels().to_vec()), None);
            }
            let leaf = leaf_hash(&n.to_be_bytes());
            leaves.push(leaf);
            tree.push(leaf, &mut full);
        }
        let level_1: Vec<&FullTile> = full.iter().filter(|tile| tile.level == 1).collect();
        assert_eq!(level_1.len(), 1);
        assert_eq!(level_1[0].index, 0);
        assert_eq!(level_1[0].hashes[3], root_of(&leaves[768..1024]));
        let lowest: Vec<u64> = full.iter().filter(|t| t.level == 0).map(|t| t.index).collect();
        assert_eq!(lowest, (0..273).collect::<Vec<u64>>());
    }
}
