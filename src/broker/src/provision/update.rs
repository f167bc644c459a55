//! Changes of existing entities (clauses 5.6.2, 5.6.3, 5.6.4, 5.6.5, 5.6.17, 5.6.18, 5.6.19).

use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::ops::{self, MergeOptions, UpdateResult};
use tsunagu_ngsi_ld::parse::{
    parse_attribute_fragment, parse_entity, parse_fragment, parse_merge_fragment,
};
use tsunagu_ngsi_ld::{Context, Entity};
use tsunagu_store::access::Action;

use super::hidden::Hidden;
use super::{inward, names, outward, subject_of};
use crate::transaction::{Attempt, Intent};
use crate::{Broker, Request, Target, access, guard, ngsi_problem};

/// How often a change is tried anew when another process was faster.
pub(crate) const TRIES: usize = 16;

/// What a change did, attribute by attribute, in expanded names.
pub type Updated = UpdateResult;

impl Broker {
    /// Append Attributes (5.6.3); with `overwrite` off, existing attributes stay.
    pub async fn append(
        &self,
        request: &Request<'_>,
        target: impl Into<Target<'_>>,
        body: &str,
        context: &Context,
        overwrite: bool,
    ) -> Result<Updated, Problem> {
        let now = self.parts.clock.micros();
        let fragment = self.fragment(request, body, context, now)?;
        let names = names(&fragment);
        self.change(request, target, &names, |entity| {
            Ok(ops::append(entity, fragment.clone(), overwrite, now))
        })
        .await
    }

    /// Update Attributes (5.6.2): new ones are added, the NGSI-LD Null deletes.
    pub async fn update(
        &self,
        request: &Request<'_>,
        target: impl Into<Target<'_>>,
        body: &str,
        context: &Context,
    ) -> Result<Updated, Problem> {
        let now = self.parts.clock.micros();
        let fragment = self.fragment(request, body, context, now)?;
        let names = names(&fragment);
        self.change(request, target, &names, |entity| {
            Ok(ops::update(entity, fragment.clone(), now))
        })
        .await
    }

    /// Merge Entity (5.6.17).
    pub async fn merge(
        &self,
        request: &Request<'_>,
        target: impl Into<Target<'_>>,
        body: &str,
        context: &Context,
    ) -> Result<Updated, Problem> {
        let now = self.parts.clock.micros();
        let target = target.into();
        let body = inward(request.view, body);
        let fragment = parse_merge_fragment(&body, context, now).map_err(ngsi_problem);
        let fragment = fragment.map_err(|problem| outward(request.view, problem))?;
        self.check(request, &fragment)?;
        same_id(request, target.id, &fragment)?;
        let names = names(&fragment);
        self.change(request, target, &names, |entity| {
            Ok(ops::merge(entity, fragment.clone(), &MergeOptions::default(), now))
        })
        .await
    }

    /// Replace Entity (5.6.18).
    pub async fn replace(
        &self,
        request: &Request<'_>,
        target: impl Into<Target<'_>>,
        body: &str,
        context: &Context,
    ) -> Result<Updated, Problem> {
        let now = self.parts.clock.micros();
        let target = target.into();
        let body = inward(request.view, body);
        let body = with_id(&body, &request.view.inward_id(target.id))?;
        let fragment = parse_entity(&body, context, now).map_err(ngsi_problem);
        let fragment = fragment.map_err(|problem| outward(request.view, problem))?;
        self.check(request, &fragment)?;
        same_id(request, target.id, &fragment)?;
        let names = names(&fragment);
        self.change(request, target, &names, |entity| {
            *entity = ops::replace_entity(entity, fragment.clone(), now);
            // The type counts as updated, so that replacing by an entity without attributes is a change too.
            let updated = names.iter().cloned().chain(["type".to_owned()]).collect();
            Ok(UpdateResult { updated, ..UpdateResult::default() })
        })
        .await
    }

    /// Partial Attribute Update (5.6.4).
    pub async fn partial_update(
        &self,
        request: &Request<'_>,
        target: impl Into<Target<'_>>,
        name: &str,
        body: &str,
        context: &Context,
    ) -> Result<Updated, Problem> {
        let now = self.parts.clock.micros();
        let body = inward(request.view, body);
        let fragment = parse_attribute_fragment(&body, name, context, now).map_err(ngsi_problem);
        let fragment = fragment.map_err(|problem| outward(request.view, problem))?;
        self.check_attribute(request, &fragment)?;
        let names = [fragment.name.clone()];
        self.change(request, target, &names, |entity| {
            ops::partial_update(entity, fragment.clone(), now)
        })
        .await
    }

    /// Replace Attribute (5.6.19).
    pub async fn replace_attribute(
        &self,
        request: &Request<'_>,
        target: impl Into<Target<'_>>,
        name: &str,
        body: &str,
        context: &Context,
    ) -> Result<Updated, Problem> {
        let now = self.parts.clock.micros();
        let body = inward(request.view, body);
        let fragment = parse_attribute_fragment(&body, name, context, now).map_err(ngsi_problem);
        let fragment = fragment.map_err(|problem| outward(request.view, problem))?;
        self.check_attribute(request, &fragment)?;
        let names = [fragment.name.clone()];
        self.change(request, target, &names, |entity| {
            ops::replace_attribute(entity, fragment.clone(), now)
        })
        .await
    }

    /// Delete Attribute (5.6.5): the default instance, the one of `dataset_id`, or `all`.
    pub async fn delete_attribute(
        &self,
        request: &Request<'_>,
        target: impl Into<Target<'_>>,
        name: &str,
        context: &Context,
        dataset_id: Option<&str>,
        all: bool,
    ) -> Result<Updated, Problem> {
        let now = self.parts.clock.micros();
        let name = context.expand(name).into_owned();
        let names = [name.clone()];
        self.change(request, target, &names, |entity| {
            ops::delete_attribute(entity, &name, dataset_id, all, now)
        })
        .await
    }

    fn fragment(
        &self,
        request: &Request<'_>,
        body: &str,
        context: &Context,
        now: i64,
    ) -> Result<Entity, Problem> {
        let body = inward(request.view, body);
        let fragment = parse_fragment(&body, context, now).map_err(ngsi_problem);
        let fragment = fragment.map_err(|problem| outward(request.view, problem))?;
        // Whether the entity is personal is only known once it is read; then it is checked as a whole.
        self.check(request, &fragment)?;
        Ok(fragment)
    }

    fn check(&self, request: &Request<'_>, fragment: &Entity) -> Result<(), Problem> {
        let types = fragment.types.iter().map(String::as_str);
        guard::refuse_individual_numbers(fragment, self.parts.catalogue.is_personal(types))
            .map_err(|problem| outward(request.view, problem))
    }

    fn check_attribute(
        &self,
        request: &Request<'_>,
        fragment: &tsunagu_ngsi_ld::Attribute,
    ) -> Result<(), Problem> {
        let entity = Entity { attributes: vec![fragment.clone()], ..Entity::default() };
        self.check(request, &entity)
    }

    /// Reads, changes and writes back one entity, serially, keeping what the actor does not see.
    pub(super) async fn change(
        &self,
        request: &Request<'_>,
        target: impl Into<Target<'_>>,
        names: &[String],
        apply: impl Fn(&mut Entity) -> Result<Updated, tsunagu_ngsi_ld::Error>,
    ) -> Result<Updated, Problem> {
        let tenant = request.view.tenant();
        let target = target.into();
        let id = request.view.inward_id(target.id);
        let _serial = self.serial(tenant, &id).await;
        let whole = self.whole(tenant)?;
        let mut lost = None;
        for _ in 0..TRIES {
            let found = self.parts.store.entity(&whole, &id).await?;
            let Some(found) = found.filter(|found| target.is(request.view, &found.doc)) else {
                let problem = Problem::not_found();
                self.note_missed(request, &id, Action::Write, &problem).await?;
                return Err(problem);
            };
            let mut entity = found.doc.decode().map_err(ngsi_problem)?;
            self.permit(request, &entity, names).await?;
            let catalogue = &self.parts.catalogue;
            let hidden = Hidden::set_aside(request.view, catalogue, &found.doc, &mut entity);
            let told = |problem| outward(request.view, problem);
            let updated = apply(&mut entity).map_err(ngsi_problem).map_err(told)?;
            if !updated.changed() {
                return Ok(updated);
            }
            stamp(&mut entity, &updated, request.view.publisher());
            if let Err(problem) = hidden.put_back(&mut entity) {
                self.refused(request, &entity, problem).await?;
            }
            let personal = catalogue.is_personal(entity.types.iter().map(String::as_str));
            guard::refuse_individual_numbers(&entity, personal).map_err(told)?;
            guard::refuse_misplaced_persons(&entity, personal)?;
            guard::settle_subject(catalogue, &mut entity)?;
            // Who sets the end of a person's entity deletes it, with what others wrote.
            if personal && entity.expires_at.as_deref() != found.doc.expires_at() {
                let may = request.view.may_delete(&found.doc);
                if let Err(problem) = may {
                    self.refused(request, &entity, problem).await?;
                }
            }
            // The change may have added types or moved it to another person: that must be allowed too.
            self.permit(request, &entity, names).await?;
            let access = personal.then(|| {
                let now = self.parts.clock.micros();
                access::written(request, now, subject_of(&entity), &entity.types, names.to_vec())
            });
            let intent =
                Intent { before: Some((found.version, &found.doc)), after: Some(&entity), access };
            match self.attempt(request, intent).await? {
                Attempt::Done => return Ok(updated),
                Attempt::Lost(error) => lost = Some(error),
            }
        }
        Err(lost.map_or_else(Problem::not_found, Problem::from))
    }
}

/// Every instance that was written belongs to the writer.
fn stamp(entity: &mut Entity, updated: &Updated, publisher: Option<&str>) {
    let Some(publisher) = publisher else { return };
    for attribute in &mut entity.attributes {
        if updated.updated.contains(&attribute.name) {
            attribute.set_publisher(publisher);
        }
    }
}

fn same_id(request: &Request<'_>, id: &str, fragment: &Entity) -> Result<(), Problem> {
    if fragment.id.is_empty() || fragment.id == request.view.inward_id(id) {
        return Ok(());
    }
    Err(Problem::new(
        ProblemCode::BadRequestData,
        "the id in the body is not the one in the path; leave it out or make them equal",
    )
    .at("/id"))
}

/// A replacing body may leave the id out: the path has it.
fn with_id<'a>(body: &'a str, id: &str) -> Result<std::borrow::Cow<'a, str>, Problem> {
    #[derive(serde::Deserialize)]
    struct Id {
        #[serde(alias = "@id")]
        id: Option<serde::de::IgnoredAny>,
    }
    let has = serde_json::from_str::<Id>(body).is_ok_and(|found| found.id.is_some());
    let Some(rest) = body.trim_start().strip_prefix('{').filter(|_| !has) else {
        return Ok(body.into());
    };
    let id = serde_json::to_string(id)
        .map_err(|_| Problem::new(ProblemCode::InvalidRequest, "the id in the path is no text"))?;
    let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
    Ok(format!("{{\"id\":{id}{comma}{rest}").into())
}
