//! Create or Update Temporal Evolution (5.6.11), Add Attributes (5.6.12).

use tsunagu_domain::{Catalogue, Problem, ProblemCode, SubjectPath, fingerprint};
use tsunagu_ngsi_ld::model::COPY;
use tsunagu_ngsi_ld::parse::{History, parse_history, parse_history_fragment};
use tsunagu_ngsi_ld::render::ScopeMoment;
use tsunagu_ngsi_ld::time::parse_date_time;
use tsunagu_ngsi_ld::{Attribute, Context, Entity, EntityDoc, Instance, PastDoc};
use tsunagu_policy::View;
use tsunagu_store::temporal::{Series, about};
use tsunagu_store::{Expect, Op};

use super::{Owner, Provided, keep, lost};
use crate::provision::{Hidden, TRIES, inward, names, outward, subject_of};
use crate::temporal::record::{SCOPE, scope_until};
use crate::temporal::retrieve::is_forgotten;
use crate::temporal::window::Reader;
use crate::transaction::{Attempt, Intent};
use crate::{Broker, Request, Target, access, guard, ngsi_problem};

impl Broker {
    /// Adds instances to the evolution of an entity, which need not be known. The same attribute observed at the same moment again replaces
    /// what was said of it.
    pub async fn provide_evolution(
        &self,
        request: &Request<'_>,
        body: &str,
        context: &Context,
    ) -> Result<Provided, Problem> {
        let now = self.parts.clock.micros();
        let body = inward(request.view, body);
        let history = parse_history(&body, context, now).map_err(ngsi_problem);
        let history = history.map_err(|problem| outward(request.view, problem))?;
        self.add(request, None, history, now).await
    }

    /// Adds instances to the evolution of an entity that is known.
    pub async fn provide_attributes(
        &self,
        request: &Request<'_>,
        target: impl Into<Target<'_>>,
        body: &str,
        context: &Context,
    ) -> Result<Provided, Problem> {
        let now = self.parts.clock.micros();
        let target = target.into();
        let body = inward(request.view, body);
        let history = parse_history_fragment(&body, context, now).map_err(ngsi_problem);
        let mut history = history.map_err(|problem| outward(request.view, problem))?;
        let id = request.view.inward_id(target.id).into_owned();
        if !history.entity.id.is_empty() && history.entity.id != id {
            return Err(Problem::new(
                ProblemCode::BadRequestData,
                "the id in the body is not the one in the path; leave it out or make them equal",
            )
            .at("/id"));
        }
        history.entity.id = id;
        self.add(request, Some(target), history, now).await
    }

    async fn add(
        &self,
        request: &Request<'_>,
        target: Option<Target<'_>>,
        mut history: History,
        now: i64,
    ) -> Result<Provided, Problem> {
        let view = request.view;
        let tenant = view.tenant();
        let id = history.entity.id.clone();
        let _serial = self.serial(tenant, &id).await;
        let whole = self.whole(tenant)?;
        if let Some(publisher) = view.publisher() {
            history.entity.set_publisher(publisher);
        }
        let mut last_error = None;
        for _ in 0..TRIES {
            let owner = self.owner(&whole, &id).await?;
            match (&owner, target) {
                (None, Some(_)) => return Err(self.missed(request, &id).await?),
                (Some(owner), Some(target)) if !target.is(view, owner.doc()) => {
                    return Err(self.missed(request, &id).await?);
                }
                (Some(owner), None) if view.cut(owner.doc()).is_none() => {
                    // Who may not write it is told so, whether it is there or not.
                    let entity = self.merged(request, None, &history, now)?;
                    self.permit(request, &entity, &names(&history.entity)).await?;
                    return Err(Problem::new(
                        ProblemCode::AlreadyExists,
                        "an entity of this id exists already; choose another id",
                    )
                    .at("/id"));
                }
                _ => {}
            }
            let created = owner.as_ref().is_none_or(|owner| is_forgotten(&owner.subject));
            let entity = self.merged(request, owner.as_ref(), &history, now)?;
            self.permit(request, &entity, &names(&history.entity)).await?;
            let catalogue = &self.parts.catalogue;
            let about = about(catalogue, &EntityDoc::from(&entity)).map(str::to_owned);
            let about = about.as_deref();
            let mut past = rows(&history, &entity, about).map_err(ngsi_problem)?;
            let mut entity = entity;
            let given = (&history, about);
            self.add_scopes(&whole, owner.as_ref(), given, &mut entity, &mut past).await?;
            let personal =
                self.parts.catalogue.is_personal(entity.types.iter().map(String::as_str));
            let access = personal.then(|| {
                let names = names(&history.entity);
                access::written(request, now, subject_of(&entity), &entity.types, names)
            });
            let attempt = match &owner {
                Some(owner) if !owner.subject.live => {
                    let doc = EntityDoc::from(&entity);
                    past.push(Op::PutPast { doc, expect: Expect::Version(owner.version) });
                    self.commit_quietly(request, past, access.as_ref()).await?
                }
                Some(owner) if !entity.from_history && !owner.doc().types().eq(&entity.types) => {
                    entity.modified_at = now;
                    let before = Some((owner.version, owner.doc()));
                    let intent = Intent { before, after: Some(&entity), access };
                    self.attempt_with(request, intent, Some(past)).await?
                }
                Some(_) if !entity.from_history => {
                    self.commit_quietly(request, past, access.as_ref()).await?
                }
                _ => {
                    let before = owner.as_ref().map(|owner| (owner.version, owner.doc()));
                    let intent = Intent { before, after: Some(&entity), access };
                    self.attempt_with(request, intent, Some(past)).await?
                }
            };
            match attempt {
                Attempt::Done => {
                    return Ok(Provided { id: view.outward_id(&id).into_owned(), created });
                }
                Attempt::Lost(error) => last_error = Some(error),
            }
        }
        Err(lost(last_error))
    }

    /// The entity as it will be: with the types given too, and when it is a copy of its history, with the last instances. Checked as if it
    /// were written so.
    fn merged(
        &self,
        request: &Request<'_>,
        owner: Option<&Owner>,
        history: &History,
        now: i64,
    ) -> Result<Entity, Problem> {
        let catalogue = &self.parts.catalogue;
        let told = |problem| outward(request.view, problem);
        let mut entity = match owner {
            Some(owner) => owner.doc().decode().map_err(ngsi_problem)?,
            None => Entity { from_history: true, ..history.entity.clone() },
        };
        for iri in &history.entity.types {
            if !entity.types.contains(iri) {
                entity.types.push(iri.clone());
            }
        }
        if entity.types.is_empty() {
            return Err(Problem::new(
                ProblemCode::BadRequestData,
                "the entity has no type and is not known; add a type, for example Building",
            )
            .at("/type"));
        }
        if owner.is_none() {
            entity.attributes.clear();
        }
        let personal = catalogue.is_personal(entity.types.iter().map(String::as_str));
        // All that was given, whenever it was.
        let given = Entity {
            id: entity.id.clone(),
            types: entity.types.clone(),
            scopes: history.scopes.iter().flat_map(|(scopes, _)| scopes.clone()).collect(),
            ..history.entity.clone()
        };
        guard::refuse_individual_numbers(&given, personal).map_err(told)?;
        guard::refuse_misplaced_persons(&given, personal)?;
        let mut latest = entity.clone();
        let hidden =
            owner.map(|owner| Hidden::set_aside(request.view, catalogue, owner.doc(), &mut latest));
        for attribute in history.last() {
            for instance in attribute.instances {
                mirror(&mut latest, &attribute.name, instance, now);
            }
        }
        if let Some(hidden) = hidden {
            hidden.put_back(&mut latest)?;
        }
        let mut about = latest.clone();
        guard::settle_subject(catalogue, &mut about)?;
        one_person(catalogue, &given)?;
        if owner.is_some_and(|owner| owner.doc().subject() != about.subject.as_deref()) {
            return Err(Problem::new(
                ProblemCode::BadRequestData,
                "the past of an entity cannot be about somebody else than the entity is",
            ));
        }
        let copies = entity.from_history || owner.is_some_and(|owner| !owner.subject.live);
        if copies {
            entity = latest;
            entity.modified_at = now;
        }
        if owner.is_some_and(|owner| !owner.subject.live) {
            // Of what is gone only names are kept, and since when it is.
            entity.modified_at = owner.map_or(now, |owner| owner.doc().modified_at());
            for attribute in &mut entity.attributes {
                for instance in &mut attribute.instances {
                    *instance = instance.deleted(entity.modified_at);
                }
            }
        }
        entity.subject = about.subject;
        Ok(entity)
    }

    /// Puts the scopes given among those that there were.
    async fn add_scopes(
        &self,
        whole: &View,
        owner: Option<&Owner>,
        (history, about): (&History, Option<&str>),
        entity: &mut Entity,
        ops: &mut Vec<Op>,
    ) -> Result<(), Problem> {
        if history.scopes.is_empty() {
            return Ok(());
        }
        let mut moments = Vec::new();
        if let Some(owner) = owner {
            let reader = Reader { store: &*self.parts.store, view: whole, of: &owner.subject };
            moments = reader.scopes().await?;
            let scopes = |series| series == Series::of(SCOPE, None);
            for (series, one) in self.remembered(whole, owner.doc(), &scopes).await? {
                let key = tsunagu_store::temporal::InstanceKey {
                    entity: entity.id.clone(),
                    series,
                    place: one.place,
                };
                ops.push(Op::DeleteInstance { key });
            }
        }
        // What the entity is now is not changed by its past.
        let until = if entity.from_history { None } else { moments.last().map(|last| last.at) };
        for (scopes, at) in &history.scopes {
            if until.is_none_or(|until| *at < until) {
                moments.retain(|moment| moment.at != *at);
                moments.push(ScopeMoment { scopes: scopes.clone(), at: *at });
            }
        }
        moments.sort_by_key(|moment| moment.at);
        let mut before: &[String] = &[];
        for moment in &moments {
            let row = scope_until(before, moment.at)
                .and_then(|instance| PastDoc::new(SCOPE, &instance, about));
            let row = row.map_err(ngsi_problem)?;
            let at = moment.at.to_be_bytes();
            let name = fingerprint(&[b"scope", entity.id.as_bytes(), &at]);
            ops.extend(keep(&entity.id, name, row));
            before = &moment.scopes;
        }
        if entity.from_history {
            entity.scopes = moments.last().map(|last| last.scopes.clone()).unwrap_or_default();
        }
        Ok(())
    }
}

/// Every instance given as one of the past.
fn rows(
    history: &History,
    entity: &Entity,
    about: Option<&str>,
) -> Result<Vec<Op>, tsunagu_ngsi_ld::Error> {
    let mut ops = Vec::new();
    for attribute in &history.entity.attributes {
        for (nth, instance) in attribute.instances.iter().enumerate() {
            let doc = PastDoc::new(&attribute.name, instance, about)?;
            let id = identity(entity, attribute, instance, nth);
            ops.extend(keep(&entity.id, id, doc));
        }
    }
    Ok(ops)
}

/// The same when the same is observed again, by the same publisher if it is about a person.
fn identity(entity: &Entity, attribute: &Attribute, instance: &Instance, nth: usize) -> [u8; 16] {
    let observed = instance.observed_at.as_deref().and_then(parse_date_time);
    let moment = match observed {
        Some(at) => format!("observed {at}"),
        None => format!("written {} {nth}", instance.modified_at),
    };
    let publisher = instance.publisher.as_deref().filter(|_| entity.subject.is_some());
    fingerprint(&[
        b"provided",
        entity.id.as_bytes(),
        attribute.name.as_bytes(),
        instance.dataset_id.as_deref().unwrap_or_default().as_bytes(),
        moment.as_bytes(),
        publisher.unwrap_or_default().as_bytes(),
    ])
}

/// Puts an instance into a copy, unless a later one is there.
pub(super) fn mirror(entity: &mut Entity, name: &str, mut instance: Instance, now: i64) {
    let time = |one: &Instance| {
        one.observed_at.as_deref().and_then(parse_date_time).unwrap_or(one.modified_at)
    };
    let dataset = instance.dataset_id.clone();
    let old = entity.attribute(name).and_then(|a| a.instance(dataset.as_deref()));
    if old.is_some_and(|old| time(old) > time(&instance)) {
        return;
    }
    let created_at = old.map_or(now, |old| old.created_at);
    if let Some(attribute) = entity.attributes.iter_mut().find(|a| a.name == name) {
        attribute.instances.retain(|one| one.dataset_id != dataset);
    }
    if !instance.is_null() {
        instance.instance_id = Some(COPY.to_owned());
        instance.created_at = created_at;
        match entity.attributes.iter_mut().find(|a| a.name == name) {
            Some(attribute) if dataset.is_none() => attribute.instances.insert(0, instance),
            Some(attribute) => attribute.instances.push(instance),
            None => entity
                .attributes
                .push(Attribute { name: name.to_owned(), instances: vec![instance] }),
        }
    }
    entity.attributes.retain(|attribute| !attribute.instances.is_empty());
}

/// Whom it is about must have been the same person all the time.
fn one_person(catalogue: &Catalogue, given: &Entity) -> Result<(), Problem> {
    for entity_type in &given.types {
        let Some(personal) = catalogue.personal_type(entity_type) else {
            continue;
        };
        let SubjectPath::Relationship(name) = &personal.subject else {
            continue;
        };
        let Some(attribute) = given.attribute(name) else {
            continue;
        };
        let mut values = attribute.instances.iter().map(|one| (one.value.get(), &one.dataset_id));
        let first = values.next();
        if values.any(|other| Some(other) != first) {
            return Err(Problem::new(
                ProblemCode::BadRequestData,
                "an entity over time can be about one person only",
            ));
        }
    }
    Ok(())
}
