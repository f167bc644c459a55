//! Modify Attribute Instance (5.6.14), Delete Attribute Instance (5.6.15).

use tsunagu_domain::Problem;
use tsunagu_ngsi_ld::model::{APART, COPY};
use tsunagu_ngsi_ld::parse::parse_attribute_fragment;
use tsunagu_ngsi_ld::{Attribute, Context, Entity, EntityDoc, Instance, PastDoc, ops};
use tsunagu_policy::View;
use tsunagu_store::Op;
use tsunagu_store::temporal::{InstanceKey, InstanceRange, Place, Series, about};

use super::add::mirror;
use super::{Owner, keep, lost, put_back};
use crate::provision::{TRIES, inward, outward};
use crate::temporal::record::counts;
use crate::transaction::{Attempt, Intent};
use crate::{Broker, Request, Target, guard, ngsi_problem};

/// Which instance: its attribute by name and itself, as the actor writes them.
#[derive(Debug, Clone, Copy)]
pub struct InstanceName<'a> {
    /// Not expanded.
    pub attribute: &'a str,
    /// A URI.
    pub instance: &'a str,
}

/// An instance that was found.
struct Hit {
    series: Series,
    place: Place,
    doc: PastDoc,
    /// Whether it is what the entity is now.
    present: bool,
}

impl Broker {
    /// Changes an instance as a partial update would; its identity stays.
    pub async fn modify_instance(
        &self,
        request: &Request<'_>,
        target: impl Into<Target<'_>>,
        name: InstanceName<'_>,
        body: &str,
        context: &Context,
    ) -> Result<(), Problem> {
        let view = request.view;
        let now = self.parts.clock.micros();
        let body = inward(view, body);
        let fragment = parse_attribute_fragment(&body, name.attribute, context, now);
        let fragment = fragment.map_err(ngsi_problem).map_err(|p| outward(view, p))?;
        let change = |old: Instance| {
            let mut fragment = fragment.clone();
            for change in &mut fragment.instances {
                change.dataset_id.clone_from(&old.dataset_id);
                change.publisher = view.publisher().map(str::to_owned);
            }
            let attributes = vec![Attribute { name: fragment.name.clone(), instances: vec![old] }];
            let mut entity = Entity { attributes, ..Entity::default() };
            ops::partial_update(&mut entity, fragment, now).map_err(ngsi_problem)?;
            let changed = entity.attributes.into_iter().next();
            Ok(changed.and_then(|attribute| attribute.instances.into_iter().next()))
        };
        self.with_instance(request, target.into(), name, context, &change).await
    }

    /// Forgets an instance.
    pub async fn forget_instance(
        &self,
        request: &Request<'_>,
        target: impl Into<Target<'_>>,
        name: InstanceName<'_>,
        context: &Context,
    ) -> Result<(), Problem> {
        self.with_instance(request, target.into(), name, context, &|_| Ok(None)).await
    }

    /// Puts something in the place of an instance, or nothing.
    async fn with_instance(
        &self,
        request: &Request<'_>,
        target: Target<'_>,
        name: InstanceName<'_>,
        context: &Context,
        change: &(dyn Fn(Instance) -> Result<Option<Instance>, Problem> + Sync),
    ) -> Result<(), Problem> {
        let view = request.view;
        let id = view.inward_id(target.id);
        let attribute = context.expand(name.attribute).into_owned();
        let _serial = self.serial(view.tenant(), &id).await;
        let mut last_error = None;
        for _ in 0..TRIES {
            let owner = self.seen_owner(request, target, &id).await?;
            let doc = owner.doc();
            let mut entity = doc.decode().map_err(ngsi_problem)?;
            let names = [attribute.clone()];
            self.permit(request, &entity, &names).await?;
            let mut hit = None;
            for wanted in view.inward_instances(name.instance) {
                hit = self.hit(view, &owner, &attribute, wanted).await?;
                if hit.is_some() {
                    break;
                }
            }
            let Some(hit) = hit else {
                return Err(self.missed(request, &id).await?);
            };
            let slot = hit.doc.slot().ok_or_else(Problem::not_found)?;
            let old = slot.instance().decode().map_err(ngsi_problem)?;
            let dataset = old.dataset_id.clone();
            let mut new = change(Instance { instance_id: None, ..old })?;
            if let Some(new) = &mut new {
                self.check_instance(request, doc, &attribute, new)?;
            }
            let key =
                InstanceKey { entity: doc.id().to_owned(), series: hit.series, place: hit.place };
            let mut past = vec![Op::DeleteInstance { key }];
            if let Some(new) = &new {
                let about = about(&self.parts.catalogue, doc);
                let kept = PastDoc::new(&attribute, new, about).map_err(ngsi_problem)?;
                let put = keep(doc.id(), hit.place.id, kept);
                // At the same place one operation decides.
                if let Some(Op::PutInstance { key, .. }) = &put
                    && key.place == hit.place
                {
                    past.clear();
                }
                past.extend(put);
            }
            let access = self.written(request, doc, names.to_vec());
            let attempt = if doc.from_history() && owner.subject.live {
                let whole = self.whole(view.tenant())?;
                self.refresh(&whole, &owner, &mut entity, &attribute, &hit, new).await?;
                let before = Some((owner.version, doc));
                let intent = Intent { before, after: Some(&entity), access };
                self.attempt_with(request, intent, Some(past)).await?
            } else {
                if hit.present {
                    let mark = if new.is_some() { COPY } else { APART };
                    let present = entity.attributes.iter_mut().filter(|a| a.name == attribute);
                    for instance in present.flat_map(|a| &mut a.instances) {
                        if instance.dataset_id == dataset {
                            instance.instance_id = Some(mark.to_owned());
                        }
                    }
                    past.push(put_back(&owner, &entity));
                }
                self.commit_quietly(request, past, access.as_ref()).await?
            };
            match attempt {
                Attempt::Done => return Ok(()),
                Attempt::Lost(error) => last_error = Some(error),
            }
        }
        Err(lost(last_error))
    }

    /// The instance of that identity, if the actor sees it.
    async fn hit(
        &self,
        view: &View,
        owner: &Owner,
        attribute: &str,
        wanted: [u8; 16],
    ) -> Result<Option<Hit>, Problem> {
        let doc = owner.doc();
        let present =
            doc.attributes().filter(|slot| owner.subject.live && slot.name() == attribute);
        for slot in present.filter(counts) {
            let key = InstanceKey::derived(doc.id(), &slot);
            let seen = view.cut(doc).is_some_and(|cut| {
                tsunagu_ngsi_ld::Projection::attribute(&cut, slot.name(), slot.publisher())
            });
            if key.place.id == wanted && seen {
                let past = PastDoc::from_slot(slot.bytes(), doc.subject()).map_err(ngsi_problem)?;
                let InstanceKey { series, place, .. } = key;
                return Ok(Some(Hit { series, place, doc: past, present: true }));
            }
        }
        let of = |series: Series| series.is_of(attribute);
        for series in self.parts.store.series(view, doc).await?.into_iter().filter(|s| of(*s)) {
            let mut range = Some(InstanceRange::all(series, super::STEP));
            while let Some(next) = range {
                let chunk = self.parts.store.instances(view, doc, &next).await?;
                let found = chunk.instances.into_iter().find(|one| one.place.id == wanted);
                if let Some(one) = found {
                    let (place, doc) = (one.place, one.doc);
                    return Ok(Some(Hit { series, place, doc, present: false }));
                }
                range = chunk.last.and_then(|last| next.after(last));
            }
        }
        Ok(None)
    }

    /// Makes the copy that an entity is of its history follow a change of one instance.
    async fn refresh(
        &self,
        whole: &View,
        owner: &Owner,
        entity: &mut Entity,
        name: &str,
        hit: &Hit,
        new: Option<Instance>,
    ) -> Result<(), Problem> {
        let dataset_id = hit.doc.slot().and_then(|slot| slot.dataset_id().map(str::to_owned));
        let dataset_id = dataset_id.as_deref();
        let now = self.parts.clock.micros();
        if let Some(attribute) = entity.attributes.iter_mut().find(|a| a.name == name) {
            attribute.instances.retain(|one| one.dataset_id.as_deref() != dataset_id);
        }
        entity.attributes.retain(|attribute| !attribute.instances.is_empty());
        let range =
            InstanceRange { reverse: true, ..InstanceRange::all(Series::of(name, dataset_id), 2) };
        let chunk = self.parts.store.instances(whole, owner.doc(), &range).await?;
        let mut others = chunk.instances.iter().filter(|one| one.place.id != hit.place.id);
        if let Some(slot) = others.next().and_then(|one| one.doc.slot()) {
            mirror(entity, name, slot.instance().decode().map_err(ngsi_problem)?, now);
        }
        if let Some(new) = new {
            mirror(entity, name, new, now);
        }
        entity.modified_at = now;
        Ok(())
    }

    /// A changed instance must satisfy what any instance must.
    fn check_instance(
        &self,
        request: &Request<'_>,
        doc: &EntityDoc,
        name: &str,
        instance: &Instance,
    ) -> Result<(), Problem> {
        let attribute = Attribute { name: name.to_owned(), instances: vec![instance.clone()] };
        let mut entity = Entity { attributes: vec![attribute], ..doc.decode_head() };
        let personal = self.parts.catalogue.is_personal(doc.types());
        guard::refuse_individual_numbers(&entity, personal)
            .map_err(|p| outward(request.view, p))?;
        guard::refuse_misplaced_persons(&entity, personal)?;
        guard::settle_subject(&self.parts.catalogue, &mut entity)?;
        if entity.subject.is_some() && entity.subject.as_deref() != doc.subject() {
            return Err(Problem::new(
                tsunagu_domain::ProblemCode::BadRequestData,
                "the past of an entity cannot be about somebody else than the entity is",
            ));
        }
        Ok(())
    }
}
