//! Random entities about three people, and random eyes to see them with.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use serde_json::value::RawValue;
use tsunagu_domain::{
    Assurance, Catalogue, Level, SectorCipher, SectorKeys, SeededIds, TenantId, TsunoId,
};
use tsunagu_ngsi_ld::{Attribute, Entity, Instance, Kind};
use tsunagu_policy::{Asked, Client, Grant, GrantedType, Principal, View, decide};

use super::iri;

/// The people.
pub(super) static PEOPLE: LazyLock<[TsunoId; 3]> = LazyLock::new(|| {
    let ids = SeededIds::new(7);
    [(); 3].map(|()| TsunoId::generate(&ids))
});

/// The consumer's sector.
pub(super) static SECTOR: LazyLock<Arc<SectorCipher>> =
    LazyLock::new(|| Arc::new(SectorKeys::new(&[7; 32]).sector("app.example").unwrap()));

const KINDS: [&str; 4] = ["Person", "HealthActivity", "ResidentRecord", "Building"];
/// Some are in data classes, some are not; some are in those of several types.
const NAMES: [&str; 7] = ["name", "birthDate", "steps", "activityType", "address", "note", "owner"];
const WRITERS: [Option<&str>; 3] = [None, Some("app"), Some("register")];

/// One attribute, as drawn.
#[derive(Debug, Clone)]
struct Drawn {
    name: usize,
    value: usize,
    writer: usize,
    dataset: bool,
    detail: bool,
    at: i64,
}

/// One entity, as drawn.
#[derive(Debug, Clone)]
struct Sketch {
    kind: usize,
    also: Option<usize>,
    person: Option<usize>,
    attributes: Vec<Drawn>,
    scope: bool,
    at: i64,
}

/// Whose eyes.
#[derive(Debug, Clone)]
enum Who {
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
    sketches: Vec<Sketch>,
    who: Who,
    open: bool,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    (
        0..NAMES.len(),
        0..8_usize,
        0..WRITERS.len(),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
        0..5_i64,
    )
        .prop_map(|(name, value, writer, dataset, detail, at)| Drawn {
            name,
            value,
            writer,
            dataset,
            detail,
            at,
        })
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let also = prop::option::weighted(0.25, 0..KINDS.len());
    let person = prop::option::weighted(0.9, 0..3_usize);
    (
        0..KINDS.len(),
        also,
        person,
        prop::collection::vec(drawn(), 0..6),
        prop::bool::weighted(0.2),
        0..5_i64,
    )
        .prop_map(|(kind, also, person, attributes, scope, at)| Sketch {
            kind,
            also,
            person,
            attributes,
            scope,
            at,
        })
}

fn who() -> impl Strategy<Value = Who> {
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

/// What attributes hold: few different values, so that conditions meet them; some name people.
fn value(number: usize) -> (Kind, String) {
    let person = |nth: usize| format!("{:?}", PEOPLE[nth].urn());
    match number {
        0 => (Kind::Property, "1".to_owned()),
        1 => (Kind::Property, "5".to_owned()),
        2 => (Kind::Property, "\"a\"".to_owned()),
        3 => (Kind::Property, format!("{{\"who\":{}}}", person(1))),
        4 => (Kind::Relationship, person(0)),
        6 => (Kind::GeoProperty, r#"{"type":"Point","coordinates":[131.56,32.25]}"#.to_owned()),
        7 => (Kind::GeoProperty, r#"{"type":"Point","coordinates":[131.9,32.9]}"#.to_owned()),
        _ => (Kind::Relationship, person(2)),
    }
}

impl Drawn {
    fn instance(&self) -> Instance {
        let (kind, json) = value(self.value);
        let mut instance = Instance::new(kind, RawValue::from_string(json).unwrap(), self.at);
        instance.modified_at = self.at * 3;
        instance.publisher = WRITERS[self.writer].map(str::to_owned);
        instance.dataset_id = self.dataset.then(|| "urn:d:1".to_owned());
        if self.detail {
            instance.sub = vec![attribute("note", "\"detail\"")];
        }
        instance
    }
}

impl Population {
    /// A small world where something is hidden, for sure.
    pub(crate) fn sample() -> Self {
        let steps =
            |value| Drawn { name: 2, value, writer: 1, dataset: false, detail: false, at: 1 };
        let walk = |person, value| Sketch {
            kind: 1,
            also: None,
            person: Some(person),
            attributes: vec![steps(value)],
            scope: false,
            at: 1,
        };
        Self {
            sketches: vec![walk(0, 0), walk(1, 1)],
            who: Who::App { person: 0, read: vec![(1, vec![2, 3])], person_link: true },
            open: true,
        }
    }

    /// A walk that is also a building, which the app does not see, and a building.
    pub(crate) fn of_two_types() -> Self {
        let sketch = |also, person| Sketch {
            kind: 3,
            also,
            person,
            attributes: Vec::new(),
            scope: false,
            at: 0,
        };
        Self {
            sketches: vec![sketch(Some(1), Some(1)), sketch(None, None)],
            who: Who::App { person: 1, read: vec![(1, Vec::new())], person_link: false },
            open: true,
        }
    }

    /// The entities as they are stored: ids are unique.
    pub(crate) fn entities(&self) -> Vec<Entity> {
        let mut entities: Vec<Entity> = Vec::new();
        for (nth, sketch) in self.sketches.iter().enumerate() {
            let entity = sketch.entity(nth);
            if entities.iter().all(|other| other.id != entity.id) {
                entities.push(entity);
            }
        }
        entities
    }
}

impl Sketch {
    fn entity(&self, nth: usize) -> Entity {
        let kind = KINDS[self.kind];
        // Only of a Person does the id say whom it is about.
        let also = self.also.filter(|also| *also != self.kind && *also != 0);
        let mut types = vec![iri(kind)];
        types.extend(also.map(|also| iri(KINDS[also])));
        let person = self.person.map_or(PEOPLE[0], |nth| PEOPLE[nth]);
        let id = match kind {
            "Person" => person.urn(),
            _ => format!("urn:ngsi-ld:{kind}:{nth}"),
        };
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
            let (name, instance) = (iri(NAMES[drawn.name]), drawn.instance());
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

/// Somebody who looks. What they may see is decided here once more, from the words of the rules and not from the policy's code.
pub(crate) struct Eyes {
    who: Who,
    open: bool,
    catalogue: Arc<Catalogue>,
}

impl Eyes {
    pub(crate) fn of(population: &Population, catalogue: &Arc<Catalogue>) -> Self {
        let Population { who, open, .. } = population.clone();
        Self { who, open, catalogue: Arc::clone(catalogue) }
    }

    /// The types and attributes of the grant: a type granted twice has the attributes of both.
    fn granted(&self) -> Vec<GrantedType> {
        let Who::App { read, person_link, .. } = &self.who else {
            return Vec::new();
        };
        read.iter()
            .map(|(kind, names)| {
                let mut attributes: Vec<String> =
                    names.iter().map(|name| iri(NAMES[*name])).collect();
                attributes.extend(person_link.then(|| iri("person")));
                GrantedType { entity_type: iri(KINDS[*kind]), attributes }
            })
            .collect()
    }

    /// The policy's view.
    pub(crate) fn view(&self, tenant: &TenantId, now: i64) -> View {
        let sector = match self.who {
            Who::App { .. } => Some(Arc::clone(&SECTOR)),
            _ => None,
        };
        let published = match &self.who {
            Who::Publisher(kinds) => kinds.iter().map(|kind| iri(KINDS[*kind])).collect(),
            _ => Vec::new(),
        };
        let name = if matches!(self.who, Who::App { .. }) { "app" } else { "register" };
        let client = Client {
            id: name.parse().unwrap(),
            sector,
            publishes: published,
            reads_open_data: self.open,
            writes_open_data: false,
            manages_sources: false,
        };
        let assurance =
            Assurance { ial: Level::Substantial, aal: Level::Substantial, ..Assurance::default() };
        let grant = match self.who {
            Who::App { person, .. } => Some(Grant {
                id: "grant".to_owned(),
                version: 1,
                subject: PEOPLE[person],
                client: client.id.clone(),
                purpose: "health-coaching".to_owned(),
                read: self.granted(),
                write: Vec::new(),
                valid_from: 0,
                valid_until: i64::MAX,
                live: true,
            }),
            _ => None,
        };
        let principal = match self.who {
            Who::App { person, .. } => Principal::Consumer {
                client: &client,
                subject: PEOPLE[person],
                grant: grant.as_ref(),
                purpose: None,
                assurance: &assurance,
            },
            Who::Publisher(_) => Principal::Machine { client: &client },
            Who::Resident(person) => {
                Principal::Resident { subject: PEOPLE[person], assurance: &assurance }
            }
            Who::Anyone => Principal::Anonymous { reads_open_data: self.open },
        };
        let asked = Asked { tenant, catalogue: &self.catalogue, now, principal };
        decide(&asked).unwrap()
    }

    /// The part of an entity that these eyes see, as an entity; `None` when they see nothing.
    pub(crate) fn project(&self, entity: &Entity) -> Option<Entity> {
        let personal = entity.types.iter().any(|t| self.catalogue.personal_type(t).is_some());
        if !personal {
            let open = self.open || matches!(self.who, Who::Resident(_));
            return open.then(|| entity.clone());
        }
        let about = |person: usize| entity.subject.as_deref() == Some(&PEOPLE[person].to_string());
        match &self.who {
            Who::Anyone => None,
            Who::Resident(person) => about(*person).then(|| entity.clone()),
            Who::App { person, .. } if !about(*person) => None,
            Who::App { .. } => {
                let granted = self.granted();
                let fitting: Vec<&GrantedType> =
                    granted.iter().filter(|g| entity.types.contains(&g.entity_type)).collect();
                let may = |name: &String| fitting.iter().any(|g| g.attributes.contains(name));
                cut(entity, &|t| fitting.iter().any(|g| g.entity_type == *t), &|attribute, _| {
                    may(&attribute.name)
                })
            }
            Who::Publisher(kinds) => {
                let kinds: Vec<String> = kinds.iter().map(|kind| iri(KINDS[*kind])).collect();
                let mine = |instance: &Instance| instance.publisher.as_deref() == Some("register");
                let any = entity.attributes.iter().flat_map(|a| &a.instances).any(mine);
                any.then(|| cut(entity, &|t| kinds.contains(t), &|_, instance| mine(instance)))?
            }
        }
    }
}

/// The entity with some types and instances; with its own times only when nothing of it is hidden.
fn cut(
    entity: &Entity,
    types: &dyn Fn(&String) -> bool,
    shows: &dyn Fn(&Attribute, &Instance) -> bool,
) -> Option<Entity> {
    let mut seen = entity.clone();
    seen.types.retain(types);
    if seen.types.is_empty() {
        return None;
    }
    let count =
        |entity: &Entity| entity.attributes.iter().map(|a| a.instances.len()).sum::<usize>();
    for attribute in &mut seen.attributes {
        let whole = attribute.clone();
        attribute.instances.retain(|instance| shows(&whole, instance));
    }
    seen.attributes.retain(|attribute| !attribute.instances.is_empty());
    if count(&seen) == count(entity) {
        return Some(seen);
    }
    let instances = || seen.attributes.iter().flat_map(|attribute| &attribute.instances);
    let created = instances().map(|instance| instance.created_at).min();
    let modified = instances().map(|instance| instance.modified_at).max();
    if let (Some(created), Some(modified)) = (created, modified) {
        (seen.created_at, seen.modified_at) = (created, modified);
    } else {
        // Such an entity shows no times. Something hidden that is always the same says so in the second store.
        (seen.created_at, seen.modified_at) = (0, 0);
        seen.attributes.push(attribute("hidden", "true"));
    }
    Some(seen)
}
