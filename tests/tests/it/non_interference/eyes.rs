//! What somebody may see, decided once more from the words of the rules and not from the policy's code.

use std::sync::Arc;

use tsunagu_domain::{Assurance, Catalogue, Level, TenantId};
use tsunagu_ngsi_ld::{Attribute, Entity, Instance};
use tsunagu_policy::{Asked, Client, Grant, GrantedType, Principal, View, decide};

use super::iri;
use super::population::{KINDS, NAMES, PEOPLE, Population, SECTOR, Who};

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
                frequency: None,
            }),
            _ => None,
        };
        let grant = grant.map(Arc::new);
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

    fn is_personal(&self, entity: &Entity) -> bool {
        entity.types.iter().any(|t| self.catalogue.personal_type(t).is_some())
    }

    /// Whether nothing of an entity can be hidden.
    pub(super) fn see_all_of(&self, entity: &Entity) -> bool {
        self.project(entity).is_some()
            && (!self.is_personal(entity) || matches!(self.who, Who::Resident(_)))
    }

    /// Whether an instance that an entity had once is seen, as far as the entity is seen as it is now.
    pub(super) fn see_once(&self, entity: &Entity, name: &str, instance: &Instance) -> bool {
        let attribute = Attribute { name: name.to_owned(), instances: vec![instance.clone()] };
        let once = Entity { attributes: vec![attribute], ..entity.clone() };
        self.project(entity).is_some()
            && self.project(&once).is_some_and(|seen| seen.attribute(name).is_some())
    }

    /// The part of an entity that these eyes see, as an entity; `None` when they see nothing.
    pub(crate) fn project(&self, entity: &Entity) -> Option<Entity> {
        if !self.is_personal(entity) {
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

/// The entity with some types and instances. Its own times are told to nobody who sees a part: in the second store they are others.
fn cut(
    entity: &Entity,
    types: &dyn Fn(&String) -> bool,
    shows: &dyn Fn(&Attribute, &Instance) -> bool,
) -> Option<Entity> {
    let mut seen = Entity { created_at: 1_000, modified_at: 2_000, ..entity.clone() };
    seen.types.retain(types);
    if seen.types.is_empty() {
        return None;
    }
    for attribute in &mut seen.attributes {
        let whole = attribute.clone();
        attribute.instances.retain(|instance| shows(&whole, instance));
    }
    seen.attributes.retain(|attribute| !attribute.instances.is_empty());
    Some(seen)
}
