//! The subscriptions of a tenant by what they look at, so that a change meets those only that can concern it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tsunagu_domain::{Catalogue, TsunoId};
use tsunagu_ngsi_ld::EntityDoc;

use super::compiled::Compiled;
use super::model::Uid;

/// Subscriptions by the attribute they watch.
#[derive(Debug, Default, Clone)]
struct Shelf {
    /// Those that watch everything.
    any: HashMap<Uid, Arc<Compiled>>,
    watched: HashMap<String, HashMap<Uid, Arc<Compiled>>>,
}

/// Shelves by the entity they look at.
#[derive(Debug, Default, Clone)]
struct Shelves {
    ids: HashMap<String, Shelf>,
    types: HashMap<String, Shelf>,
    rest: Shelf,
}

/// The subscriptions of a tenant.
#[derive(Debug, Default, Clone)]
pub(crate) struct Index {
    all: HashMap<Uid, Arc<Compiled>>,
    periodic: HashMap<Uid, Arc<Compiled>>,
    /// Those to changes of registrations.
    sources: HashMap<Uid, Arc<Compiled>>,
    /// Of clients on their own behalf.
    machines: Shelves,
    /// Of clients for a resident, as far as open data goes.
    consumers: Shelves,
    /// The same, for personal data: they see nobody else's.
    people: HashMap<TsunoId, Shelves>,
}

/// A change, as the index is asked about it.
struct Asked<'a> {
    id: &'a str,
    types: HashSet<&'a str>,
    names: HashSet<&'a str>,
}

impl Shelf {
    fn put(&mut self, compiled: &Arc<Compiled>, add: bool) {
        let uid = compiled.record.uid;
        let at = |place: &mut HashMap<Uid, Arc<Compiled>>| {
            if add {
                place.insert(uid, Arc::clone(compiled));
            } else {
                place.remove(&uid);
            }
        };
        if compiled.record.watched.is_empty() {
            at(&mut self.any);
        }
        for name in &compiled.record.watched {
            let place = self.watched.entry(name.clone()).or_default();
            at(place);
            if place.is_empty() {
                self.watched.remove(name);
            }
        }
    }

    fn take(&self, asked: &Asked<'_>, found: &mut HashMap<Uid, Arc<Compiled>>) {
        let mut add = |place: &HashMap<Uid, Arc<Compiled>>| {
            found.extend(place.iter().map(|(uid, compiled)| (*uid, Arc::clone(compiled))));
        };
        add(&self.any);
        if !self.watched.is_empty() {
            asked.names.iter().filter_map(|name| self.watched.get(*name)).for_each(add);
        }
    }
}

impl Shelves {
    fn put(&mut self, compiled: &Arc<Compiled>, add: bool) {
        for query in &compiled.queries {
            if !query.ids.is_empty() {
                for id in &query.ids {
                    self.ids.entry(id.clone()).or_default().put(compiled, add);
                }
            } else if let Some(types) = &query.types {
                for iri in types.candidates() {
                    self.types.entry(iri.to_owned()).or_default().put(compiled, add);
                }
            } else {
                self.rest.put(compiled, add);
            }
        }
    }

    fn take(&self, asked: &Asked<'_>, found: &mut HashMap<Uid, Arc<Compiled>>) {
        if let Some(shelf) = self.ids.get(asked.id) {
            shelf.take(asked, found);
        }
        for shelf in asked.types.iter().filter_map(|iri| self.types.get(*iri)) {
            shelf.take(asked, found);
        }
        self.rest.take(asked, found);
    }
}

impl Index {
    /// Adds a subscription, or takes its place.
    pub(crate) fn add(&mut self, compiled: &Arc<Compiled>) {
        self.remove(compiled.record.uid);
        self.all.insert(compiled.record.uid, Arc::clone(compiled));
        self.put(compiled, true);
    }

    /// Takes a subscription out.
    pub(crate) fn remove(&mut self, uid: Uid) {
        if let Some(compiled) = self.all.remove(&uid) {
            self.put(&compiled, false);
        }
    }

    fn put(&mut self, compiled: &Arc<Compiled>, add: bool) {
        // One that is paused matches nothing until it is changed, and then it is put anew.
        if compiled.record.is_active == Some(false) {
            return;
        }
        if compiled.record.interval().is_some() {
            if add {
                self.periodic.insert(compiled.record.uid, Arc::clone(compiled));
            } else {
                self.periodic.remove(&compiled.record.uid);
            }
            return;
        }
        if compiled.sources.is_some() {
            if add {
                self.sources.insert(compiled.record.uid, Arc::clone(compiled));
            } else {
                self.sources.remove(&compiled.record.uid);
            }
            return;
        }
        match compiled.record.owner.subject {
            None => self.machines.put(compiled, add),
            Some(subject) => {
                self.consumers.put(compiled, add);
                self.people.entry(subject).or_default().put(compiled, add);
            }
        }
    }

    /// The subscription of a uid.
    pub(crate) fn get(&self, uid: Uid) -> Option<&Arc<Compiled>> {
        self.all.get(&uid)
    }

    /// Those that are told at intervals.
    pub(crate) fn periodic(&self) -> impl Iterator<Item = &Arc<Compiled>> {
        self.periodic.values()
    }

    /// Those that are told of changes of registrations.
    pub(crate) fn of_sources(&self) -> impl Iterator<Item = &Arc<Compiled>> {
        self.sources.values()
    }

    /// Those that a change can concern: every one that it does, and as few others as types, ids and watched attributes tell apart.
    pub(crate) fn candidates(
        &self,
        catalogue: &Catalogue,
        before: Option<&EntityDoc>,
        after: Option<&EntityDoc>,
    ) -> HashMap<Uid, Arc<Compiled>> {
        let mut found = HashMap::new();
        if self.all.len() == self.periodic.len() + self.sources.len() {
            return found;
        }
        let docs = || [before, after].into_iter().flatten();
        let asked = Asked {
            id: docs().next().map_or("", EntityDoc::id),
            types: docs().flat_map(EntityDoc::types).collect(),
            names: changed_names(before, after),
        };
        self.machines.take(&asked, &mut found);
        if docs().any(|doc| !catalogue.is_personal(doc.types())) {
            self.consumers.take(&asked, &mut found);
        }
        let subjects: HashSet<&str> = docs().filter_map(EntityDoc::subject).collect();
        for subject in subjects.into_iter().filter_map(|subject| subject.parse().ok()) {
            if let Some(shelves) = self.people.get(&subject) {
                shelves.take(&asked, &mut found);
            }
        }
        found
    }
}

/// Names of attributes of which anything changed. Who may see it is asked later; hiding can make a change of an attribute out of
/// none only for the whole entity, where nothing is the same on both sides.
fn changed_names<'a>(
    before: Option<&'a EntityDoc>,
    after: Option<&'a EntityDoc>,
) -> HashSet<&'a str> {
    let (Some(before), Some(after)) = (before, after) else {
        return [before, after]
            .into_iter()
            .flatten()
            .flat_map(EntityDoc::attributes)
            .map(|slot| slot.name())
            .collect();
    };
    let mut names = HashSet::new();
    let (old, new): (Vec<_>, Vec<_>) =
        (before.attributes().collect(), after.attributes().collect());
    // A change of types can show or hide attributes that are the same.
    let types = !before.types().eq(after.types()) || before.subject() != after.subject();
    for (here, there) in [(&old, &new), (&new, &old)] {
        for slot in here {
            if types || !there.iter().any(|other| other.is_same(slot)) {
                names.insert(slot.name());
            }
        }
    }
    names
}

#[cfg(test)]
mod tests;
