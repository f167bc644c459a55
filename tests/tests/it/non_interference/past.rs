//! Random pasts: what entities were before, and what there was of those that are gone.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::value::RawValue;
use tsunagu_ngsi_ld::{Entity, EntityDoc, Instance, Kind, PastDoc};
use tsunagu_store::temporal::{InstanceKey, NOBODY};
use tsunagu_store::{Expect, Op};

use super::eyes::Eyes;
use super::iri;
use super::population::{Drawn, NAMES, PEOPLE, Population, drawn};

/// Whom an entity was about then.
#[derive(Debug, Clone)]
enum About {
    TheSame,
    Person(usize),
    /// Something open, or something personal that named nobody.
    Nobody(bool),
}

#[derive(Debug, Clone)]
enum What {
    Value,
    Deletion,
    Scopes,
}

/// An instance of the past, as drawn.
#[derive(Debug, Clone)]
pub(crate) struct Bygone {
    drawn: Drawn,
    about: About,
    what: What,
}

impl Bygone {
    /// A value, when the entity was about whom it is about.
    pub(super) fn of(drawn: Drawn) -> Self {
        Self { drawn, about: About::TheSame, what: What::Value }
    }
}

fn bygone() -> impl Strategy<Value = Bygone> {
    let about = prop_oneof![
        6 => Just(About::TheSame),
        1 => (0..3_usize).prop_map(About::Person),
        1 => prop::bool::ANY.prop_map(About::Nobody),
    ];
    let what =
        prop_oneof![6 => Just(What::Value), 1 => Just(What::Deletion), 1 => Just(What::Scopes)];
    (drawn(), about, what).prop_map(|(drawn, about, what)| Bygone { drawn, about, what })
}

pub(super) fn any() -> impl Strategy<Value = Vec<Bygone>> {
    prop::collection::vec(bygone(), 0..5)
}

/// An instance of the past.
#[derive(Debug, Clone)]
struct Row {
    entity: String,
    name: String,
    instance: Instance,
    subject: Option<String>,
}

/// Everything that a store holds of entities.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    pub(super) present: Vec<Entity>,
    /// What was kept of those that are gone.
    gone: Vec<Entity>,
    rows: Vec<Row>,
}

/// Not the name of an attribute: those are IRIs.
const SCOPE: &str = "scope";

impl Row {
    fn doc(&self) -> PastDoc {
        PastDoc::new(&self.name, &self.instance, self.subject.as_deref()).unwrap()
    }

    fn key(&self) -> InstanceKey {
        InstanceKey::derived(&self.entity, &self.doc().slot().unwrap())
    }
}

/// Whom the past of an entity is about.
fn about(entity: &Entity) -> Option<String> {
    let personal = entity.types.iter().any(|name| *name != iri("Building"));
    entity.subject.clone().or_else(|| personal.then(|| NOBODY.to_owned()))
}

/// Scopes that were valid until some time.
fn scopes_until(at: i64) -> Instance {
    let value = RawValue::from_string(r#"["/town"]"#.to_owned()).unwrap();
    Instance::new(Kind::Property, value, at)
}

impl Population {
    /// Everything as it is stored. No id is in use twice.
    pub(crate) fn holdings(&self) -> Holdings {
        let mut all = Holdings::default();
        let ids = self.ids();
        for (sketch, id) in self.sketches.iter().zip(&ids) {
            let entity = sketch.entity(id.clone(), &ids);
            let known = |entities: &[Entity]| entities.iter().any(|other| other.id == *id);
            if known(if sketch.gone { &all.gone } else { &all.present }) {
                continue;
            }
            for bygone in &sketch.past {
                let subject = match bygone.about {
                    About::TheSame => about(&entity),
                    About::Person(nth) => Some(PEOPLE[nth].to_string()),
                    About::Nobody(personal) => personal.then(|| NOBODY.to_owned()),
                };
                let at = bygone.drawn.at;
                let (name, instance) = match bygone.what {
                    What::Value => (iri(NAMES[bygone.drawn.name]), bygone.drawn.instance(&ids)),
                    What::Deletion => {
                        (iri(NAMES[bygone.drawn.name]), bygone.drawn.instance(&ids).deleted(at))
                    }
                    What::Scopes => (SCOPE.to_owned(), scopes_until(at)),
                };
                all.rows.push(Row { entity: id.clone(), name, instance, subject });
            }
            if sketch.gone {
                all.delete(entity);
            } else {
                all.present.push(entity);
            }
        }
        // One instance has one place.
        let mut places = BTreeSet::new();
        all.rows.retain(|row| {
            let key = row.key();
            places.insert((key.entity.clone(), key.suffix()))
        });
        all
    }
}

impl Holdings {
    /// What a deletion leaves.
    fn delete(&mut self, mut entity: Entity) {
        let (at, subject) = (entity.modified_at + 1, about(&entity));
        for attribute in &mut entity.attributes {
            for instance in &mut attribute.instances {
                let deletion = instance.deleted(at);
                let left = std::mem::replace(instance, deletion.clone());
                for instance in [left, deletion] {
                    self.rows.push(Row {
                        entity: entity.id.clone(),
                        name: attribute.name.clone(),
                        instance,
                        subject: subject.clone(),
                    });
                }
            }
        }
        if !entity.scopes.is_empty() {
            self.rows.push(Row {
                entity: entity.id.clone(),
                name: SCOPE.to_owned(),
                instance: scopes_until(at),
                subject,
            });
        }
        entity.modified_at = at;
        self.gone.push(entity);
    }

    /// What of it somebody sees: instances of the past as far as the entity is seen as it is now, or was last, and about the same.
    pub(crate) fn seen(&self, eyes: &Eyes) -> Self {
        let present = self.present.iter().filter_map(|entity| eyes.project(entity)).collect();
        let gone = self.gone.iter().filter_map(|entity| {
            // That it is gone, and since when, is seen of whatever is seen.
            let seen = eyes.project(entity)?;
            Some(Entity { modified_at: entity.modified_at, ..seen })
        });
        let rows = self.rows.iter().filter(|row| {
            let of = |all: &[Entity]| {
                all.iter()
                    .find(|entity| entity.id == row.entity && eyes.project(entity).is_some())
                    .cloned()
            };
            of(&self.present).or_else(|| of(&self.gone)).is_some_and(|of| {
                // What was kept before there was a name for nobody is about nobody, too.
                let unnamed = row.subject.is_none() && about(&of).as_deref() == Some(NOBODY);
                (about(&of) == row.subject || unnamed)
                    && if row.name == SCOPE {
                        eyes.see_all_of(&of)
                    } else {
                        eyes.see_once(&of, &row.name, &row.instance)
                    }
            })
        });
        Self { present, gone: gone.collect(), rows: rows.cloned().collect() }
    }

    /// The operations that put it into a store.
    pub(crate) fn ops(&self) -> Vec<Op> {
        let put = |entity| Op::PutEntity { doc: EntityDoc::from(entity), expect: Expect::Absent };
        let past = |entity| Op::PutPast { doc: EntityDoc::from(entity), expect: Expect::Absent };
        let row = |row: &Row| Op::PutInstance { key: row.key(), doc: row.doc() };
        let present = self.present.iter().map(put);
        present.chain(self.gone.iter().map(past)).chain(self.rows.iter().map(row)).collect()
    }
}
