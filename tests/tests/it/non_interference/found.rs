//! What the comparison found, each once more by itself.

use std::sync::Arc;

use tokio::runtime::Runtime;
use tsunagu_store::testing::MemoryStore;

use super::further::Further;
use super::notified::{Story, Subscription};
use super::past::Bygone;
use super::population::{Drawn, Population, Sketch, Who};
use super::requests::Wanted;
use super::{Bench, declared};

const NAME: usize = 0;
const STEPS: usize = 2;
const APP: usize = 1;
const REGISTER: usize = 2;
const WALK: usize = 1;
const RECORD: usize = 2;
const BUILDING: usize = 3;
/// Ids as requests number them: the first entity, when it is a resident's record.
const FIRST_RECORD: usize = 7;

fn bench() -> (Runtime, Bench) {
    (Runtime::new().unwrap(), Bench::new(Arc::new(MemoryStore::with(declared()))))
}

fn holds(population: &Population, wanted: &[Wanted], further: &[Further]) {
    let (runtime, bench) = bench();
    runtime.block_on(bench.compare(population, wanted, further)).unwrap();
}

/// One entity, and an app with a consent of the first person that covers a record with these attributes.
fn record_of_one(record: Sketch, attributes: &[usize]) -> Population {
    let read = vec![(RECORD, attributes.to_vec())];
    let who = Who::App { person: 0, read, person_link: false };
    Population { sketches: vec![record], who, open: true }
}

/// The walk stood among the buildings, which told that it is one.
#[test]
fn a_hidden_type_has_no_place_in_the_order() {
    let both = Sketch { also: Some(WALK), person: Some(1), ..Sketch::of(BUILDING) };
    let population = Population {
        sketches: vec![both, Sketch::of(BUILDING)],
        who: Who::App { person: 1, read: vec![(WALK, Vec::new())], person_link: false },
        open: true,
    };
    holds(&population, &[Wanted::everything("Building,HealthActivity")], &[]);
}

/// Asking for the past of what has ended took it out at once, with an entry in the log whose index the asker is told.
#[test]
fn asking_for_what_is_hidden_and_over_leaves_no_trace() {
    let over = Drawn { ended: Some(true), ..Drawn::of(NAME, 0, REGISTER) };
    let record = Sketch { person: Some(1), attributes: vec![over], ..Sketch::of(RECORD) };
    let then = [Further::past_of(FIRST_RECORD), Further::past_of_all("ResidentRecord")];
    holds(&record_of_one(record, &[NAME]), &[], &then);
}

/// The times of an entity were its own again as soon as nothing hidden was left, and told when that had gone.
#[test]
fn times_are_those_of_what_is_seen() {
    let name = Drawn { at: 4, ..Drawn::of(NAME, 0, REGISTER) };
    let record = Sketch { person: Some(0), attributes: vec![name], ..Sketch::of(RECORD) };
    let mut seen = record_of_one(record, &[NAME]);
    if let Who::App { person_link, .. } = &mut seen.who {
        *person_link = true;
    }
    holds(&seen, &[Wanted::everything("ResidentRecord")], &[]);
}

/// Since when a scope is there was told by the time of a creation that is hidden.
#[test]
fn scopes_do_not_tell_when_a_hidden_part_was_made() {
    let late = Drawn { at: 4, ..Drawn::of(NAME, 0, REGISTER) };
    let hidden = Drawn { at: 2, ..Drawn::of(STEPS, 0, REGISTER) };
    for attributes in [vec![late, hidden.clone()], vec![hidden]] {
        let record = Sketch { person: Some(0), attributes, scope: true, ..Sketch::of(RECORD) };
        holds(&record_of_one(record, &[NAME]), &[], &[Further::past_of(FIRST_RECORD)]);
    }
}

/// What another wrote last gave a publisher's own past instances their place among the attributes.
#[test]
fn hidden_instances_do_not_order_the_past() {
    let record = Sketch {
        person: Some(0),
        attributes: vec![Drawn::of(STEPS, 1, APP), Drawn::of(NAME, 0, REGISTER)],
        past: vec![Bygone::of(Drawn::of(STEPS, 0, REGISTER))],
        ..Sketch::of(RECORD)
    };
    let who = Who::Publisher(vec![RECORD]);
    let population = Population { sketches: vec![record], who, open: true };
    holds(&population, &[], &[Further::past_of(FIRST_RECORD)]);
}

/// A record that named nobody, once deleted, left its past to an open entity of the same id.
#[test]
fn an_open_entity_has_no_personal_past() {
    let record =
        Sketch { attributes: vec![Drawn::of(NAME, 0, REGISTER)], gone: true, ..Sketch::of(RECORD) };
    let open = Sketch { again: true, ..Sketch::of(BUILDING) };
    let population = Population { sketches: vec![record, open], who: Who::Anyone, open: true };
    holds(&population, &[], &[Further::past_of(FIRST_RECORD)]);
}

fn tells(story: &Story, expected: usize) {
    let (runtime, bench) = bench();
    assert_eq!(runtime.block_on(bench.tell(story)).unwrap(), expected);
}

/// The Null stood behind another's instance of the attribute, where there was one, and among several was one of several.
#[test]
fn nulls_do_not_tell_of_hidden_instances() {
    let (mine, other) = (Drawn::of(NAME, 0, REGISTER), Drawn::of(NAME, 1, APP));
    let before = Sketch {
        person: Some(0),
        attributes: vec![Drawn { dataset: true, ..mine.clone() }, mine],
        ..Sketch::of(RECORD)
    };
    let after = Sketch { attributes: vec![other, Drawn::of(STEPS, 1, REGISTER)], ..before.clone() };
    let population =
        Population { sketches: vec![before], who: Who::Publisher(vec![RECORD]), open: true };
    let story = Story {
        population,
        subscription: Subscription::to_all_of(RECORD),
        changes: vec![(0, Some(after))],
        at_once: true,
    };
    tells(&story, 1);
}

/// That an entity was deleted came with the times of all of it.
#[test]
fn deletions_do_not_tell_when_a_hidden_part_was_made() {
    let hidden = Drawn { at: 4, ..Drawn::of(STEPS, 0, REGISTER) };
    for attributes in [vec![hidden.clone(), Drawn::of(NAME, 0, REGISTER)], vec![hidden]] {
        let record = Sketch { person: Some(0), attributes, ..Sketch::of(RECORD) };
        let story = Story {
            population: record_of_one(record, &[NAME]),
            subscription: Subscription::to_all_of(RECORD),
            changes: vec![(0, None)],
            at_once: true,
        };
        tells(&story, 1);
    }
}
