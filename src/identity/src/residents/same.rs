//! Whether somebody whom a provider vouches for is a resident already: through another provider, or with a re-issued card.
//!
//! Residents stand under keyed digests of birth date, sex and one of address and name, as municipal records do in [`crate::linking`].
//! Two keys in common are the same person, one is a doubt, none is somebody new. What was read is expected when it is written, so that two
//! providers at the same moment do not make two residents of one.

use std::collections::BTreeMap;

use tsunagu_domain::{Problem, TenantId, TsunoId};
use tsunagu_store::{Expect, Op};

use super::Residents;
use crate::records::{self, PERSON_KEYS};
use crate::unhex;

/// Two keys must agree.
const ENOUGH: usize = 2;

/// The residents under one key.
struct Shelf {
    key: Vec<u8>,
    expect: Expect,
    ids: Vec<TsunoId>,
}

/// The residents under the keys of one person, as they were read.
pub(super) struct Shelves(Vec<Shelf>);

/// Who the person may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Somebody new.
    Nobody,
    /// This resident.
    Resident(TsunoId),
    /// One of these, or somebody new.
    Unclear(Vec<TsunoId>),
}

impl Who {
    /// Residents who it may be.
    pub(super) fn candidates(self) -> Vec<TsunoId> {
        match self {
            Self::Nobody => Vec::new(),
            Self::Resident(id) => vec![id],
            Self::Unclear(candidates) => candidates,
        }
    }
}

impl Residents {
    /// Reads the residents under these keys.
    pub(super) async fn shelves(
        &self,
        tenant: &TenantId,
        keys: &[String],
    ) -> Result<Shelves, Problem> {
        let mut shelves = Vec::with_capacity(keys.len());
        for key in keys {
            let key = unhex(key);
            let store = &*self.services.store;
            let kept = records::read::<Vec<TsunoId>>(store, tenant, PERSON_KEYS, &key).await?;
            let (expect, ids) = match kept {
                Some(kept) => (Expect::Version(kept.version), kept.data),
                None => (Expect::Absent, Vec::new()),
            };
            shelves.push(Shelf { key, expect, ids });
        }
        Ok(Shelves(shelves))
    }
}

impl Shelves {
    pub(super) fn who(&self) -> Who {
        let mut agreeing: BTreeMap<TsunoId, usize> = BTreeMap::new();
        for id in self.0.iter().flat_map(|shelf| &shelf.ids) {
            *agreeing.entry(*id).or_default() += 1;
        }
        let mut certain = agreeing.iter().filter(|(_, keys)| **keys >= ENOUGH);
        match (certain.next(), certain.next()) {
            (Some((id, _)), None) => Who::Resident(*id),
            _ if agreeing.is_empty() => Who::Nobody,
            _ => Who::Unclear(agreeing.into_keys().collect()),
        }
    }

    /// The operations that put a resident under each key.
    pub(super) fn enter(self, id: TsunoId, ops: &mut Vec<Op>) -> Result<(), Problem> {
        for mut shelf in self.0 {
            if !shelf.ids.contains(&id) {
                shelf.ids.push(id);
                ops.push(records::put(PERSON_KEYS, &shelf.key, None, &shelf.ids, shelf.expect)?);
            }
        }
        Ok(())
    }

    /// The operations that take a resident away from each key.
    pub(super) fn leave(self, id: TsunoId, ops: &mut Vec<Op>) -> Result<(), Problem> {
        for mut shelf in self.0 {
            if !shelf.ids.contains(&id) {
                continue;
            }
            shelf.ids.retain(|other| *other != id);
            ops.push(if shelf.ids.is_empty() {
                records::delete(PERSON_KEYS, &shelf.key, shelf.expect)
            } else {
                records::put(PERSON_KEYS, &shelf.key, None, &shelf.ids, shelf.expect)?
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_keys_in_common_are_the_same_person_and_one_is_a_doubt() {
        let id = |byte| TsunoId::from_bytes([byte; 16]);
        let who = |shelves: &[&[u8]]| {
            let shelf = |ids: &&[u8]| Shelf {
                key: Vec::new(),
                expect: Expect::Any,
                ids: ids.iter().map(|byte| id(*byte)).collect(),
            };
            Shelves(shelves.iter().map(shelf).collect()).who()
        };
        assert_eq!(who(&[]), Who::Nobody);
        assert_eq!(who(&[&[], &[]]), Who::Nobody);
        assert_eq!(who(&[&[1], &[1]]), Who::Resident(id(1)));
        assert_eq!(who(&[&[1], &[]]), Who::Unclear(vec![id(1)]));
        // A twin at the same address is somebody else, as long as one of them is certain.
        assert_eq!(who(&[&[1, 2], &[1]]), Who::Resident(id(1)));
        assert_eq!(who(&[&[1, 2], &[1, 2]]), Who::Unclear(vec![id(1), id(2)]));
        assert_eq!(who(&[&[1], &[2]]), Who::Unclear(vec![id(1), id(2)]));
    }
}
