//! Counting types and attributes.

use std::collections::{BTreeMap, BTreeSet};

use tsunagu_domain::{Problem, ProblemCode};

/// How many different names, and pairs of a type and an attribute, one answer can be made from.
const MOST: usize = 100_000;

/// What is known of a type.
#[derive(Debug, Default)]
pub(super) struct OfType {
    /// Entities of it.
    pub(super) entities: u64,
    /// Its attributes and their kinds.
    pub(super) attributes: BTreeMap<String, BTreeSet<String>>,
}

/// What is known of an attribute.
#[derive(Debug, Default)]
pub(super) struct OfAttribute {
    /// Instances of it.
    pub(super) instances: u64,
    /// What it is.
    pub(super) kinds: BTreeSet<String>,
    /// Types of the entities that have it.
    pub(super) types: BTreeSet<String>,
}

/// Types and attributes by expanded name.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) types: BTreeMap<String, OfType>,
    pub(super) attributes: BTreeMap<String, OfAttribute>,
    pairs: usize,
}

impl Tally {
    /// Adds so many entities that have these types and these attributes (name, kind, instances).
    pub(super) fn add<'a>(
        &mut self,
        types: &[&str],
        attributes: impl Iterator<Item = (&'a str, &'a str, u64)>,
        entities: u64,
    ) -> Result<(), Problem> {
        for name in types {
            let of = entry(&mut self.types, name);
            of.entities = of.entities.saturating_add(entities);
        }
        for (name, kind, instances) in attributes {
            let of = entry(&mut self.attributes, name);
            of.instances = of.instances.saturating_add(instances.saturating_mul(entities));
            insert(&mut of.kinds, kind);
            for of_type in types {
                if insert(&mut of.types, of_type) {
                    self.pairs += 1;
                }
                let kinds = entry(&mut entry(&mut self.types, of_type).attributes, name);
                insert(kinds, kind);
            }
        }
        if self.pairs + self.types.len() + self.attributes.len() > MOST {
            return Err(too_many());
        }
        Ok(())
    }
}

/// The answer would be larger than anyone can use.
pub(super) fn too_many() -> Problem {
    Problem::new(
        ProblemCode::TooManyResults,
        "there are too many types and attributes to list; query the entities instead",
    )
}

fn entry<'m, V: Default>(map: &'m mut BTreeMap<String, V>, name: &str) -> &'m mut V {
    map.entry(name.to_owned()).or_default()
}

fn insert(set: &mut BTreeSet<String>, name: &str) -> bool {
    !set.contains(name) && set.insert(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn entities_and_instances_are_counted_apart() {
        let mut tally = Tally::default();
        let speed = || [("speed", "Property", 2), ("owner", "Relationship", 1)].into_iter();
        tally.add(&["Car", "Vehicle"], speed(), 3).ok();
        tally.add(&["Vehicle"], [("speed", "ListProperty", 1)].into_iter(), 1).ok();
        let vehicle = tally.types.get("Vehicle").map(|t| (t.entities, t.attributes.len()));
        assert_eq!(vehicle, Some((4, 2)));
        let speed = tally.attributes.get("speed");
        assert_eq!(speed.map(|a| (a.instances, a.kinds.len(), a.types.len())), Some((7, 2, 2)));
    }
}
