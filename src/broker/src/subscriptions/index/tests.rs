use std::collections::HashSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::json;
use tsunagu_domain::Assurance;
use tsunagu_ngsi_ld::{Attribute, Context, Entity, Instance};
use tsunagu_policy::{Asked, Principal, View, decide};

use super::*;
use crate::subscriptions::model::{Notification, Owner, Selector, Subscription, Trigger, VERSION};
use crate::subscriptions::seen::Seen;

const NAMES: [&str; 3] = ["a", "b", "c"];
const TYPES: [&str; 3] = ["Building", "House", "Person"];
const PEOPLE: [TsunoId; 2] = [TsunoId::from_bytes([1; 16]), TsunoId::from_bytes([2; 16])];

fn iri(term: &str) -> String {
    Context::core().expand(term).into_owned()
}

fn catalogue() -> Arc<Catalogue> {
    let json = include_bytes!("../../../../../schemas/catalogue.json");
    Arc::new(Catalogue::read(json, iri).unwrap())
}

/// Sees everything, as an owner without a resident could at most.
fn everything(catalogue: &Arc<Catalogue>) -> View {
    let tenant = "tsuno".parse().unwrap();
    let principal = Principal::Platform { task: "test" };
    decide(&Asked { tenant: &tenant, catalogue, now: 0, principal }).unwrap()
}

fn subset<T: Clone + std::fmt::Debug + 'static>(of: Vec<T>) -> impl Strategy<Value = Vec<T>> {
    let most = of.len();
    proptest::sample::subsequence(of, 0..=most)
}

/// An entity: which of two, its types, and the values of its attributes.
fn entity() -> impl Strategy<Value = Option<EntityDoc>> {
    let attributes = proptest::collection::btree_map(0..NAMES.len(), 0..3i64, 0..=NAMES.len());
    let types = subset(TYPES.to_vec()).prop_filter("an entity has a type", |t| !t.is_empty());
    let some = (types, attributes, 0..2usize).prop_map(|(types, attributes, person)| {
        let mut entity = Entity::new("urn:e:1", "", 1);
        entity.types = types.iter().map(|term| iri(term)).collect();
        let personal = types.contains(&"Person");
        entity.subject = personal.then(|| PEOPLE[person].to_string());
        for (name, value) in attributes {
            let instance = Instance::property(&value, 1).unwrap();
            entity.attributes.push(Attribute { name: iri(NAMES[name]), instances: vec![instance] });
        }
        EntityDoc::from(&entity)
    });
    proptest::option::weighted(0.8, some)
}

fn selector() -> impl Strategy<Value = Selector> {
    let types = prop_oneof![
        Just(None),
        proptest::sample::select(TYPES.to_vec()).prop_map(|t| Some(iri(t))),
        Just(Some(format!("{}|{}", iri("Building"), iri("Person")))),
        Just(Some(format!("{};{}", iri("Building"), iri("House")))),
    ];
    let id = proptest::option::of(proptest::sample::select(vec!["urn:e:1", "urn:e:2"]));
    let pattern = proptest::option::of(proptest::sample::select(vec!["1$", "2$"]));
    (id, pattern, types).prop_map(|(id, pattern, types)| Selector {
        id: id.map(str::to_owned),
        id_pattern: pattern.map(str::to_owned),
        types,
    })
}

fn subscription() -> impl Strategy<Value = Subscription> {
    let q = proptest::option::of(proptest::sample::select(vec!["a>0", "b==1|c==1"]));
    (
        any::<[u8; 16]>(),
        proptest::collection::vec(selector(), 0..3),
        subset(NAMES.to_vec()),
        subset(Trigger::ALL.to_vec()),
        q,
        proptest::option::of(0..2usize),
    )
        .prop_map(|(uid, entities, watched, triggers, q, person)| {
            let names = json!({ "a": iri("a"), "b": iri("b"), "c": iri("c") });
            Subscription {
                v: VERSION,
                uid: Uid(uid),
                id: "urn:s:1".to_owned(),
                owner: Owner {
                    tenant: "tsuno".parse().unwrap(),
                    client: "app".parse().unwrap(),
                    subject: person.map(|person| PEOPLE[person]),
                    grant: None,
                    assurance: Assurance::default(),
                },
                tenant_header: None,
                name: None,
                description: None,
                entities,
                watched: watched.iter().map(|term| iri(term)).collect(),
                triggers,
                time_interval: None,
                q: q.map(str::to_owned),
                q_context: q.map(|_| names.to_string()),
                geo_q: None,
                scope_q: None,
                csf: None,
                is_active: None,
                expires_at: None,
                throttling: None,
                lang: None,
                dataset_ids: Vec::new(),
                local_only: None,
                split_entities: None,
                jsonld_context: None,
                context: "{}".to_owned(),
                notification: Notification::default(),
                created_at: 0,
                modified_at: 0,
            }
        })
}

/// Whether the owner could be concerned: with a resident, of persons only that one.
fn may_see(compiled: &Compiled, docs: [Option<&EntityDoc>; 2], catalogue: &Catalogue) -> bool {
    let Some(subject) = compiled.record.owner.subject else { return true };
    docs.into_iter().flatten().any(|doc| {
        !catalogue.is_personal(doc.types())
            || doc.subject().is_some_and(|about| about == subject.to_string())
    })
}

proptest! {
    #[test]
    fn the_index_finds_what_looking_at_all_finds(
        subscriptions in proptest::collection::vec(subscription(), 0..12),
        gone in proptest::collection::vec(any::<bool>(), 12),
        before in entity(),
        after in entity(),
    ) {
        let catalogue = catalogue();
        let view = everything(&catalogue);
        let mut index = Index::default();
        let all: Vec<Arc<Compiled>> =
            subscriptions.into_iter().map(|s| Arc::new(Compiled::new(s).unwrap())).collect();
        for compiled in &all {
            index.add(compiled);
        }
        let mut kept = Vec::new();
        for (compiled, gone) in all.iter().zip(&gone) {
            if *gone {
                index.remove(compiled.record.uid);
            } else {
                kept.push(compiled);
            }
        }
        let (before, after) = (before.as_ref(), after.as_ref());
        let concerned = |compiled: &Compiled| {
            Seen::of(&view, before, after).is_some_and(|seen| seen.concerns(compiled))
                && may_see(compiled, [before, after], &catalogue)
        };
        let by_all: HashSet<Uid> =
            kept.iter().filter(|c| concerned(c)).map(|c| c.record.uid).collect();
        let candidates = index.candidates(&catalogue, before, after);
        let by_index: HashSet<Uid> =
            candidates.values().filter(|c| concerned(c)).map(|c| c.record.uid).collect();
        prop_assert_eq!(by_index, by_all);
        prop_assert!(candidates.keys().all(|uid| kept.iter().any(|c| c.record.uid == *uid)));
    }
}

#[test]
fn ten_thousand_that_look_elsewhere_are_no_candidates() {
    let catalogue = catalogue();
    let mut index = Index::default();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let template = subscription().new_tree(&mut runner).unwrap().current();
    for n in 0..10_000u32 {
        let mut one = Subscription { q: None, q_context: None, ..template.clone() };
        one.uid.0[..4].copy_from_slice(&n.to_be_bytes());
        one.owner.subject = (n % 3 == 0).then_some(PEOPLE[0]);
        one.entities = vec![Selector {
            id: (n % 2 == 0).then(|| format!("urn:e:other-{n}")),
            types: Some(iri(if n % 5 == 0 { "House" } else { "Building" })),
            id_pattern: None,
        }];
        // Those with the very type of the entity watch something else.
        one.watched = vec![format!("https://v.example/{n}")];
        index.add(&Arc::new(Compiled::new(one).unwrap()));
    }
    let doc = |value: i64| {
        let mut entity = Entity::new("urn:e:1", iri("Building"), 1);
        entity.set(iri("a"), Instance::property(&value, 1).unwrap());
        EntityDoc::from(&entity)
    };
    let found = index.candidates(&catalogue, Some(&doc(1)), Some(&doc(2)));
    assert!(found.is_empty(), "{}", found.len());
}
