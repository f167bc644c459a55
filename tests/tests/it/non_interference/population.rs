//! Random entities about three people, and somebody who looks.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use serde_json::value::RawValue;
use tsunagu_domain::{SectorCipher, SectorKeys, SeededIds, TsunoId};
use tsunagu_ngsi_ld::time::format_date_time;
use tsunagu_ngsi_ld::{Attribute, Entity, Instance, Kind};

use super::iri;
use super::past::{self, Bygone};

/// The people.
pub(super) static PEOPLE: LazyLock<[TsunoId; 3]> = LazyLock::new(|| {
    let ids = SeededIds::new(7);
    [(); 3].map(|()| TsunoId::generate(&ids))
});

/// The consumer's sector.
pub(super) static SECTOR: LazyLock<Arc<SectorCipher>> =
    LazyLock::new(|| Arc::new(SectorKeys::new(&[7; 32]).sector("app.example").unwrap()));

pub(super) const KINDS: [&str; 4] = ["Person", "HealthActivity", "ResidentRecord", "Building"];
/// Some are in data classes, some are not; some are in those of several types.
pub(super) const NAMES: [&str; 7] =
    ["name", "birthDate", "steps", "activityType", "address", "note", "owner"];
const WRITERS: [Option<&str>; 3] = [None, Some("app"), Some("register")];

/// One attribute, as drawn.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    pub(super) name: usize,
    pub(super) value: usize,
    pub(super) writer: usize,
    pub(super) dataset: bool,
    pub(super) detail: bool,
    pub(super) at: i64,
    pub(super) observed: Option<i64>,
    /// Whether it has an end, and that has come.
    pub(super) ended: Option<bool>,
}

/// One entity, as drawn.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    pub(super) kind: usize,
    pub(super) also: Option<usize>,
    pub(super) person: Option<usize>,
    pub(super) attributes: Vec<Drawn>,
    pub(super) scope: bool,
    pub(super) at: i64,
    pub(super) past: Vec<Bygone>,
    /// Whether it was deleted.
    pub(super) gone: bool,
    /// Whether it has the id of the one before.
    pub(super) again: bool,
}

/// Whose eyes.
#[derive(Debug, Clone)]
pub(super) enum Who {
    /// The app with a grant of a person: for each personal type, which attributes.
    App {
        person: usize,
        read: Vec<(usize, Vec<usize>)>,
        person_link: bool,
    },
    /// A publisher of these types.
    Publisher(Vec<usize>),
    Resident(usize),
    Anyone,
}

/// A world: entities, and who looks.
#[derive(Debug, Clone)]
pub(crate) struct Population {
    pub(super) sketches: Vec<Sketch>,
    pub(super) who: Who,
    pub(super) open: bool,
}

pub(super) fn drawn() -> impl Strategy<Value = Drawn> {
    (
        0..NAMES.len(),
        0..VALUES,
        0..WRITERS.len(),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
        0..5_i64,
        prop::option::weighted(0.3, 0..15_i64),
        prop::option::weighted(0.1, prop::bool::ANY),
    )
        .prop_map(|(name, value, writer, dataset, detail, at, observed, ended)| Drawn {
            name,
            value,
            writer,
            dataset,
            detail,
            at,
            observed,
            ended,
        })
}

pub(super) fn sketch() -> impl Strategy<Value = Sketch> {
    let also = prop::option::weighted(0.25, 0..KINDS.len());
    let person = prop::option::weighted(0.9, 0..3_usize);
    (
        0..KINDS.len(),
        also,
        person,
        prop::collection::vec(drawn(), 0..6),
        prop::bool::weighted(0.2),
        0..5_i64,
        past::any(),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.15),
    )
        .prop_map(|(kind, also, person, attributes, scope, at, past, gone, again)| Sketch {
            kind,
            also,
            person,
            attributes,
            scope,
            at,
            past,
            gone,
            again,
        })
}

pub(super) fn who() -> impl Strategy<Value = Who> {
    let attributes = prop::collection::vec(0..NAMES.len(), 0..5);
    let read = prop::collection::vec((0..3_usize, attributes), 0..3);
    prop_oneof![
        5 => (0..3_usize, read, prop::bool::ANY)
            .prop_map(|(person, read, person_link)| Who::App { person, read, person_link }),
        2 => prop::collection::vec(0..3_usize, 0..3).prop_map(Who::Publisher),
        1 => (0..3_usize).prop_map(Who::Resident),
        1 => Just(Who::Anyone),
    ]
}

/// Any world.
pub(crate) fn any() -> impl Strategy<Value = Population> {
    (prop::collection::vec(sketch(), 0..9), who(), prop::bool::weighted(0.7))
        .prop_map(|(sketches, who, open)| Population { sketches, who, open })
}

/// An attribute with one instance.
pub(crate) fn attribute(name: &str, json: &str) -> Attribute {
    let value = RawValue::from_string(json.to_owned()).unwrap();
    Attribute { name: iri(name), instances: vec![Instance::new(Kind::Property, value, 0)] }
}

/// How many different values there are.
const VALUES: usize = 12;

/// What attributes hold: few different values, so that conditions meet them; some name people, some other entities.
fn value(number: usize, ids: &[String]) -> (Kind, String) {
    let entity = |nth: usize| ids.get(nth % ids.len().max(1)).map_or("urn:x:0", String::as_str);
    let person = |nth: usize| format!("{:?}", PEOPLE[nth].urn());
    match number {
        0 => (Kind::Property, "1".to_owned()),
        1 => (Kind::Property, "5".to_owned()),
        2 => (Kind::Property, "\"a\"".to_owned()),
        3 => (Kind::Property, format!("{{\"who\":{}}}", person(1))),
        4 => (Kind::Relationship, person(0)),
        6 => (Kind::GeoProperty, r#"{"type":"Point","coordinates":[131.56,32.25]}"#.to_owned()),
        7 => (Kind::GeoProperty, r#"{"type":"Point","coordinates":[131.9,32.9]}"#.to_owned()),
        8..11 => (Kind::Relationship, format!("{:?}", entity(number - 8))),
        11 => (Kind::Relationship, format!("[{:?},{:?}]", entity(3), entity(4))),
        _ => (Kind::Relationship, person(2)),
    }
}

impl Drawn {
    /// An attribute of this name and value by this writer.
    pub(super) fn of(name: usize, value: usize, writer: usize) -> Self {
        let (dataset, detail, at, observed, ended) = (false, false, 1, None, None);
        Self { name, value, writer, dataset, detail, at, observed, ended }
    }

    pub(super) fn instance(&self, ids: &[String]) -> Instance {
        let (kind, json) = value(self.value, ids);
        let mut instance = Instance::new(kind, RawValue::from_string(json).unwrap(), self.at);
        instance.modified_at = self.at * 3;
        instance.publisher = WRITERS[self.writer].map(str::to_owned);
        instance.dataset_id = self.dataset.then(|| "urn:d:1".to_owned());
        if self.detail {
            instance.sub = vec![attribute("note", "\"detail\"")];
        }
        instance.observed_at = self.observed.map(format_date_time);
        let ends = |ended| if ended { "2026-11-01T00:00:00Z" } else { "2027-01-01T00:00:00Z" };
        instance.expires_at = self.ended.map(ends).map(str::to_owned);
        instance
    }
}

impl Population {
    /// A small world where something is hidden, for sure.
    pub(crate) fn sample() -> Self {
        let walk = |person, value| Sketch {
            person: Some(person),
            attributes: vec![Drawn::of(2, value, 1)],
            ..Sketch::of(1)
        };
        Self {
            sketches: vec![walk(0, 0), walk(1, 1)],
            who: Who::App { person: 0, read: vec![(1, vec![2, 3])], person_link: true },
            open: true,
        }
    }

    /// Every id, in the order of the sketches.
    pub(super) fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for (nth, sketch) in self.sketches.iter().enumerate() {
            let before = ids.last().filter(|id| sketch.again && !id.contains(":Person:"));
            ids.push(match before {
                Some(before) if KINDS[sketch.kind] != "Person" => before.clone(),
                _ => sketch.id(nth),
            });
        }
        ids
    }
}

impl Sketch {
    /// An entity about nobody, without attributes.
    pub(super) fn of(kind: usize) -> Self {
        let (also, person, attributes, past) = (None, None, Vec::new(), Vec::new());
        let (scope, at, gone, again) = (false, 1, false, false);
        Self { kind, also, person, attributes, scope, at, past, gone, again }
    }

    fn id(&self, nth: usize) -> String {
        match KINDS[self.kind] {
            "Person" => self.person.map_or(PEOPLE[0], |nth| PEOPLE[nth]).urn(),
            kind => format!("urn:ngsi-ld:{kind}:{nth}"),
        }
    }

    /// What an entity of that id becomes: a person stays who they are.
    pub(super) fn instead(&self, id: &str, ids: &[String]) -> Entity {
        let mut instead = self.clone();
        if let Some(nth) = PEOPLE.iter().position(|person| person.urn() == id) {
            (instead.kind, instead.person) = (0, Some(nth));
        } else if instead.kind == 0 {
            instead.kind = 1;
        }
        instead.entity(id.to_owned(), ids)
    }

    /// The entity of that id; `ids` are those that attributes may name.
    pub(super) fn entity(&self, id: String, ids: &[String]) -> Entity {
        let kind = KINDS[self.kind];
        // Only of a Person does the id say whom it is about.
        let also = self.also.filter(|also| *also != self.kind && *also != 0);
        let mut types = vec![iri(kind)];
        types.extend(also.map(|also| iri(KINDS[also])));
        let person = self.person.map_or(PEOPLE[0], |nth| PEOPLE[nth]);
        let personal = self.kind != 3 || also.is_some_and(|also| also != 3);
        let about = (personal && (kind == "Person" || self.person.is_some())).then_some(person);
        let mut attributes: Vec<Attribute> = Vec::new();
        if let Some(person) = about
            && kind != "Person"
        {
            let urn = RawValue::from_string(format!("{:?}", person.urn())).unwrap();
            let mut link = Instance::new(Kind::Relationship, urn, self.at);
            link.publisher = Some("register".to_owned());
            attributes.push(Attribute { name: iri("person"), instances: vec![link] });
        }
        for drawn in &self.attributes {
            let (name, instance) = (iri(NAMES[drawn.name]), drawn.instance(ids));
            match attributes.iter_mut().find(|attribute| attribute.name == name) {
                None => attributes.push(Attribute { name, instances: vec![instance] }),
                Some(attribute) if attribute.instance(instance.dataset_id.as_deref()).is_none() => {
                    // The default instance is the first.
                    let at =
                        if instance.dataset_id.is_none() { 0 } else { attribute.instances.len() };
                    attribute.instances.insert(at, instance);
                }
                Some(_) => {}
            }
        }
        let times = attributes.iter().flat_map(|attribute| &attribute.instances);
        let modified_at = times.map(|instance| instance.modified_at).max().unwrap_or(0) + self.at;
        Entity {
            id,
            types,
            scopes: if self.scope { vec!["/town".to_owned()] } else { Vec::new() },
            expires_at: None,
            created_at: self.at,
            modified_at,
            subject: about.map(|person| person.to_string()),
            from_history: false,
            attributes,
        }
    }
}
