//! Publishing: a connector says what its system holds, and the entities become exactly that, as far as they are its own.

use futures_util::StreamExt;
use tsunagu_domain::Problem;
use tsunagu_ngsi_ld::{Attribute, Entity, Instance, ops};

use super::{hidden::Hidden, names, subject_of, update::TRIES};
use crate::transaction::{Attempt, Intent};
use crate::{Broker, Request, access, guard, ngsi_problem};

/// How many entities are under way at once: enough to fill a group of the store's committer.
const AT_ONCE: usize = 64;

/// What became of a published entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It is new.
    Created,
    /// It was there and is changed.
    Updated,
    /// It was there exactly so.
    Unchanged,
}

impl Broker {
    /// Makes what the actor publishes of each entity exactly what is given. Attributes that it wrote before and that are missing now are
    /// removed, those of other publishers stay. Answers in the same order, when everything is on disk; entities fail one by one.
    pub async fn publish(
        &self,
        request: &Request<'_>,
        entities: Vec<Entity>,
    ) -> Vec<Result<Published, Problem>> {
        futures_util::stream::iter(entities)
            .map(|entity| self.publish_one(request, entity))
            .buffered(AT_ONCE)
            .collect()
            .await
    }

    async fn publish_one(
        &self,
        request: &Request<'_>,
        mut given: Entity,
    ) -> Result<Published, Problem> {
        let tenant = request.view.tenant();
        let personal = self.is_personal(&given);
        guard::refuse_individual_numbers(&given, personal)?;
        guard::refuse_misplaced_persons(&given, personal)?;
        if let Some(publisher) = request.view.publisher() {
            given.set_publisher(publisher);
        }
        let names = names(&given);
        let _serial = self.serial(tenant, &given.id).await;
        let whole = self.whole(tenant)?;
        let mut lost = None;
        for _ in 0..TRIES {
            let found = self.parts.store.entity(&whole, &given.id).await?;
            let mut before =
                found.as_ref().map(|found| found.doc.decode()).transpose().map_err(ngsi_problem)?;
            let mut hidden = Hidden::default();
            if let (Some(found), Some(before)) = (&found, &mut before) {
                let catalogue = &self.parts.catalogue;
                hidden = Hidden::set_aside(request.view, catalogue, &found.doc, before);
            }
            let Some(mut entity) = merged(before.as_ref(), &given, request.view.publisher()) else {
                return Ok(Published::Unchanged);
            };
            if let Err(problem) = hidden.put_back(&mut entity) {
                self.refused(request, &entity, problem).await?;
            }
            guard::settle_subject(&self.parts.catalogue, &mut entity)?;
            self.permit(request, &entity, &names).await?;
            let access = personal.then(|| {
                let now = self.parts.clock.micros();
                access::written(request, now, subject_of(&entity), &entity.types, names.clone())
            });
            let before = found.as_ref().map(|found| (found.version, &found.doc));
            let outcome = if before.is_some() { Published::Updated } else { Published::Created };
            let intent = Intent { before, after: Some(&entity), access };
            match self.attempt(request, intent).await? {
                Attempt::Done => return Ok(outcome),
                Attempt::Lost(error) => lost = Some(error),
            }
        }
        Err(lost.map_or_else(Problem::not_found, Problem::from))
    }

    fn is_personal(&self, entity: &Entity) -> bool {
        self.parts.catalogue.is_personal(entity.types.iter().map(String::as_str))
    }
}

/// The entity as it shall be, or `None` when it is that already.
fn merged(current: Option<&Entity>, given: &Entity, publisher: Option<&str>) -> Option<Entity> {
    let Some(current) = current else {
        return Some(given.clone());
    };
    let mine = |attribute: &Attribute| {
        attribute.instances.iter().all(|instance| instance.publisher.as_deref() == publisher)
    };
    let gone: Vec<&str> = current
        .attributes
        .iter()
        .filter(|a| mine(a) && given.attribute(&a.name).is_none())
        .map(|a| a.name.as_str())
        .collect();
    let changed: Vec<Attribute> = given
        .attributes
        .iter()
        .filter(|a| current.attribute(&a.name).is_none_or(|now| !same(now, a)))
        .cloned()
        .collect();
    let types = given.types.iter().all(|t| current.types.contains(t));
    if gone.is_empty() && changed.is_empty() && types {
        return None;
    }
    let mut entity = current.clone();
    entity.attributes.retain(|a| !gone.contains(&a.name.as_str()));
    let fragment = Entity { attributes: changed, types: given.types.clone(), ..Entity::default() };
    ops::append(&mut entity, fragment, true, given.modified_at);
    entity.modified_at = given.modified_at;
    entity.from_history = false;
    Some(entity)
}

/// Whether two attributes say the same, whenever they were written.
fn same(one: &Attribute, other: &Attribute) -> bool {
    let says = |a: &Instance, b: &Instance| {
        a.kind == b.kind
            && a.value.get() == b.value.get()
            && a.dataset_id == b.dataset_id
            && a.observed_at == b.observed_at
            && a.unit_code == b.unit_code
            && a.publisher == b.publisher
            && a.sub.len() == b.sub.len()
            && a.sub.iter().zip(&b.sub).all(|(a, b)| a.name == b.name && same(a, b))
    };
    one.instances.len() == other.instances.len()
        && one.instances.iter().zip(&other.instances).all(|(a, b)| says(a, b))
}
