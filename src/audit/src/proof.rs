//! Inclusion and consistency proofs (RFC 9162, 2.1.3 and 2.1.4).

use std::ops::Range;

use crate::tree::{Hash, node_hash};

/// The root of a perfect subtree: over the leaves `index << height .. (index + 1) << height`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) height: u32,
    pub(crate) index: u64,
}

/// The perfect subtrees that make up a range of leaves, from left to right.
pub(crate) fn perfect(range: &Range<u64>) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let height = (range.end - at).ilog2();
        nodes.push(Node { height, index: at >> height });
        at += 1 << height;
    }
    nodes
}

/// The largest power of two below `n`, for n ≥ 2.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The ranges whose roots prove that leaf `index` is in the tree of `size`, from the leaf up; `None` when it is not in it.
pub(crate) fn inclusion_path(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let mut path = Vec::new();
    let mut within = 0..size;
    while within.end - within.start > 1 {
        let middle = within.start + split(within.end - within.start);
        if index < middle {
            path.push(middle..within.end);
            within.end = middle;
        } else {
            path.push(within.start..middle);
            within.start = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// The ranges whose roots prove that the tree of `first` leaves is the beginning of the tree of `second`.
pub(crate) fn consistency_path(first: u64, second: u64) -> Option<Vec<Range<u64>>> {
    if first > second {
        return None;
    }
    let mut path = Vec::new();
    if first == 0 || first == second {
        return Some(path);
    }
    let mut within = 0..second;
    while within.end != first {
        let middle = within.start + split(within.end - within.start);
        if first <= middle {
            path.push(middle..within.end);
            within.end = middle;
        } else {
            path.push(within.start..middle);
            within.start = middle;
        }
    }
    // The old tree itself is known to whoever checks; a right part of it is not.
    if within.start > 0 {
        path.push(within);
    }
    path.reverse();
    Some(path)
}

/// Whether `path` proves that `leaf` is entry `index` of the tree with `size` entries and this root (RFC 9162, 2.1.3.2).
pub fn verify_inclusion(index: u64, size: u64, leaf: &Hash, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `path` proves that the tree of `first` entries with root `old` is the beginning of the tree of `second` entries with
/// root `new` (RFC 9162, 2.1.4.2). The empty tree is the beginning of every tree.
pub fn verify_consistency(first: u64, second: u64, old: &Hash, new: &Hash, path: &[Hash]) -> bool {
    if first == second {
        return path.is_empty() && old == new;
    }
    if first == 0 {
        return path.is_empty() && *old == crate::root_of(&[]);
    }
    if first > second {
        return false;
    }
    let mut path = path.iter();
    let (mut node, mut last) = (first - 1, second - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    // A perfect old tree is its own starting point.
    let start = if first.is_power_of_two() { Some(old) } else { path.next() };
    let Some(start) = start else { return false };
    let (mut left, mut whole) = (*start, *start);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            left = node_hash(sibling, &left);
            whole = node_hash(sibling, &whole);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            whole = node_hash(&whole, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && left == *old && whole == *new
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tree::{CompactRange, leaf_hash, root_of};

    /// The root as RFC 6962 2.1 defines it, word for word.
    fn defined(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => root_of(&[]),
            [one] => *one,
            more => {
                let (left, right) =
                    more.split_at(usize::try_from(split(more.len() as u64)).unwrap());
                node_hash(&defined(left), &defined(right))
            }
        }
    }

    fn leaves(n: usize) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&(i as u64).to_be_bytes())).collect()
    }

    fn hashes(leaves: &[Hash], path: &[Range<u64>]) -> Vec<Hash> {
        let at = |n: u64| usize::try_from(n).unwrap();
        let root = |range: &Range<u64>| {
            let mut compact = CompactRange::default();
            for node in perfect(range) {
                let from = node.index << node.height;
                let part = &leaves[at(from)..at(from + (1 << node.height))];
                compact.push(node.height, defined(part));
            }
            assert_eq!(compact.root(), defined(&leaves[at(range.start)..at(range.end)]));
            compact.root()
        };
        path.iter().map(root).collect()
    }

    #[test]
    fn every_proof_of_small_trees_holds() {
        for size in 1..40 {
            let all = leaves(size);
            let root = root_of(&all);
            assert_eq!(root, defined(&all));
            for index in 0..size {
                let path = hashes(&all, &inclusion_path(index as u64, size as u64).unwrap());
                assert!(verify_inclusion(index as u64, size as u64, &all[index], &path, &root));
            }
            for first in 0..=size {
                let path = hashes(&all, &consistency_path(first as u64, size as u64).unwrap());
                let old = root_of(&all[..first]);
                assert!(
                    verify_consistency(first as u64, size as u64, &old, &root, &path),
                    "{first} of {size}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn no_mutated_inclusion_proof_holds(
            (size, index) in (1usize..600).prop_flat_map(|s| (Just(s), 0..s)),
            at in any::<prop::sample::Index>(), bit in 0usize..256, kind in 0u8..5,
        ) {
            let all = leaves(size);
            let (n, i) = (size as u64, index as u64);
            let root = root_of(&all);
            let good = hashes(&all, &inclusion_path(i, n).unwrap());
            prop_assert!(verify_inclusion(i, n, &all[index], &good, &root));
            let (mut path, mut leaf, mut wrong_root, mut wrong_index) = (good.clone(), all[index], root, i);
            match kind {
                0 if !path.is_empty() => { let p = at.index(path.len()); path[p][bit / 8] ^= 1 << (bit % 8); }
                1 if !path.is_empty() => { path.remove(at.index(good.len())); }
                2 => path.insert(at.index(good.len() + 1), leaf),
                3 => leaf[bit / 8] ^= 1 << (bit % 8),
                4 if size > 1 => wrong_index = (i + 1 + at.index(size - 1) as u64) % n,
                _ => wrong_root[bit / 8] ^= 1 << (bit % 8),
            }
            prop_assert!(!verify_inclusion(wrong_index, n, &leaf, &path, &wrong_root));
        }

        #[test]
        fn no_mutated_consistency_proof_holds(
            (second, first) in (2usize..600).prop_flat_map(|s| (Just(s), 1..s)),
            at in any::<prop::sample::Index>(), bit in 0usize..256, kind in 0u8..5,
        ) {
            let all = leaves(second);
            let (old, new) = (root_of(&all[..first]), root_of(&all));
            let good = hashes(&all, &consistency_path(first as u64, second as u64).unwrap());
            prop_assert!(verify_consistency(first as u64, second as u64, &old, &new, &good));
            let (mut path, mut wrong_old, mut wrong_new) = (good.clone(), old, new);
            match kind {
                0 => { let p = at.index(path.len()); path[p][bit / 8] ^= 1 << (bit % 8); }
                1 => { path.remove(at.index(good.len())); }
                2 => path.insert(at.index(good.len() + 1), new),
                3 => wrong_old[bit / 8] ^= 1 << (bit % 8),
                _ => wrong_new[bit / 8] ^= 1 << (bit % 8),
            }
            prop_assert!(!verify_consistency(first as u64, second as u64, &wrong_old, &wrong_new, &path));
        }
    }
}
