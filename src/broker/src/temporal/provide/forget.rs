//! Delete Temporal Evolution (5.6.16), Delete Attribute (5.6.13).

use tsunagu_domain::Problem;
use tsunagu_ngsi_ld::model::APART;
use tsunagu_ngsi_ld::{Context, Projection as _};
use tsunagu_store::access::Action;
use tsunagu_store::temporal::Series;
use tsunagu_store::{Expect, Op};

use super::{lost, put_back};
use crate::provision::{Hidden, TRIES};
use crate::temporal::record::counts;
use crate::temporal::retrieve::is_forgotten;
use crate::transaction::{Attempt, Intent};
use crate::{Broker, Request, Target, access, ngsi_problem};

impl Broker {
    /// Forgets all of the past of an entity. What it is now stays, unless it is only a copy of its history.
    pub async fn forget_evolution(
        &self,
        request: &Request<'_>,
        target: impl Into<Target<'_>>,
    ) -> Result<(), Problem> {
        let (view, target) = (request.view, target.into());
        let id = view.inward_id(target.id);
        let _serial = self.serial(view.tenant(), &id).await;
        let mut last_error = None;
        for _ in 0..TRIES {
            let owner = self.seen_owner(request, target, &id).await?;
            let doc = owner.doc();
            if let Err(problem) = view.may_delete(doc) {
                if self.parts.catalogue.is_personal(doc.types()) {
                    let subject = doc.subject().and_then(|s| s.parse().ok());
                    let types = doc.types().map(str::to_owned).collect();
                    let now = self.parts.clock.micros();
                    let entry =
                        access::denied(request, now, Action::Write, subject, types, &problem);
                    self.parts.access.record(view.tenant(), &entry).await?;
                }
                return Err(problem);
            }
            let instances = self.remembered(view, doc, &|_| true).await?;
            if instances.is_empty() && is_forgotten(&owner.subject) {
                return Err(self.missed(request, &id).await?);
            }
            let names = doc.attributes().map(|slot| slot.name().to_owned()).collect();
            let access = self.written(request, doc, names);
            let mut ops = self.forgetting(request, doc, &instances, access.as_ref()).await?;
            if self.parts.store.past(view, &id).await?.is_some() {
                ops.push(Op::DeletePast { id: id.clone().into_owned(), expect: Expect::Any });
            }
            let attempt = if owner.subject.live && doc.from_history() {
                let before = Some((owner.version, doc));
                let intent = Intent { before, after: None, access };
                self.attempt_with(request, intent, Some(ops)).await?
            } else {
                if owner.subject.live {
                    let mut entity = doc.decode().map_err(ngsi_problem)?;
                    for attribute in &mut entity.attributes {
                        for instance in &mut attribute.instances {
                            instance.instance_id = Some(APART.to_owned());
                        }
                    }
                    ops.push(put_back(&owner, &entity));
                }
                self.commit_quietly(request, ops, access.as_ref()).await?
            };
            match attempt {
                Attempt::Done => return Ok(()),
                Attempt::Lost(error) => last_error = Some(error),
            }
        }
        Err(lost(last_error))
    }

    /// Forgets the past of an attribute: of the default instance, of one `datasetId`, or `all`. What the entity is now stays, unless it is
    /// only a copy of its history.
    pub async fn forget_attribute(
        &self,
        request: &Request<'_>,
        target: impl Into<Target<'_>>,
        name: &str,
        context: &Context,
        dataset_id: Option<&str>,
        all: bool,
    ) -> Result<(), Problem> {
        let (view, target) = (request.view, target.into());
        let id = view.inward_id(target.id);
        let name = context.expand(name).into_owned();
        let _serial = self.serial(view.tenant(), &id).await;
        let mut last_error = None;
        for _ in 0..TRIES {
            let owner = self.seen_owner(request, target, &id).await?;
            let doc = owner.doc();
            let mut entity = doc.decode().map_err(ngsi_problem)?;
            let names = [name.clone()];
            self.permit(request, &entity, &names).await?;
            let one = Series::of(&name, dataset_id);
            let meant = |series: Series| if all { series.is_of(&name) } else { series == one };
            let instances = self.remembered(view, doc, &meant).await?;
            let present = |dataset: Option<&str>| all || dataset == dataset_id;
            let cut = view.cut(doc);
            let now = doc.attributes().any(|slot| {
                owner.subject.live
                    && slot.name() == name
                    && cut.as_ref().is_some_and(|cut| cut.attribute(&name, slot.publisher()))
                    && present(slot.dataset_id())
                    && counts(&slot)
            });
            if instances.is_empty() && !now {
                return Err(self.missed(request, &id).await?);
            }
            let access = self.written(request, doc, names.to_vec());
            let mut ops = self.forgetting(request, doc, &instances, access.as_ref()).await?;
            let hidden = Hidden::set_aside(view, &self.parts.catalogue, doc, &mut entity);
            let attempt = if doc.from_history() {
                if let Some(attribute) = entity.attributes.iter_mut().find(|a| a.name == name) {
                    attribute.instances.retain(|one| !present(one.dataset_id.as_deref()));
                }
                entity.attributes.retain(|attribute| !attribute.instances.is_empty());
                hidden.put_back(&mut entity)?;
                entity.modified_at = self.parts.clock.micros();
                let before = Some((owner.version, doc));
                let intent = Intent { before, after: Some(&entity), access };
                self.attempt_with(request, intent, Some(ops)).await?
            } else {
                if owner.subject.live {
                    let attributes = entity.attributes.iter_mut().filter(|a| a.name == name);
                    for instance in attributes.flat_map(|a| &mut a.instances) {
                        if present(instance.dataset_id.as_deref()) {
                            instance.instance_id = Some(APART.to_owned());
                        }
                    }
                    hidden.put_back(&mut entity)?;
                    ops.push(put_back(&owner, &entity));
                }
                self.commit_quietly(request, ops, access.as_ref()).await?
            };
            match attempt {
                Attempt::Done => return Ok(()),
                Attempt::Lost(error) => last_error = Some(error),
            }
        }
        Err(lost(last_error))
    }
}
