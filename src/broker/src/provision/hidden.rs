//! What an actor does not see of an entity that it changes: absent while the change is made, there again afterwards.

use tsunagu_domain::{Catalogue, Problem, ProblemCode};
use tsunagu_ngsi_ld::{Attribute, Entity, EntityDoc, Projection};
use tsunagu_policy::View;

/// Attribute instances set aside.
#[derive(Debug, Default)]
pub(crate) struct Hidden(Vec<Attribute>);

impl Hidden {
    /// Takes out of a personal entity, which is stored as `doc`, what the actor neither sees nor wrote. So a change can neither read it
    /// (by keeping its value under the actor's own name) nor lose it.
    pub(crate) fn set_aside(
        view: &View,
        catalogue: &Catalogue,
        doc: &EntityDoc,
        entity: &mut Entity,
    ) -> Self {
        if !catalogue.is_personal(doc.types()) {
            return Self::default();
        }
        let cut = view.cut(doc);
        let mine = |publisher: Option<&str>| publisher.is_some() && publisher == view.publisher();
        let mut hidden = Vec::new();
        for attribute in &mut entity.attributes {
            let (shown, others) =
                std::mem::take(&mut attribute.instances).into_iter().partition(|instance| {
                    let publisher = instance.publisher.as_deref();
                    let seen =
                        cut.as_ref().is_some_and(|cut| cut.attribute(&attribute.name, publisher));
                    seen || mine(publisher)
                });
            attribute.instances = shown;
            let others: Vec<_> = others;
            if !others.is_empty() {
                hidden.push(Attribute { name: attribute.name.clone(), instances: others });
            }
        }
        entity.attributes.retain(|attribute| !attribute.instances.is_empty());
        Self(hidden)
    }

    /// Puts it back. Refused when the change has written in the place of something hidden.
    pub(crate) fn put_back(self, entity: &mut Entity) -> Result<(), Problem> {
        for hidden in self.0 {
            let Some(shown) = entity.attributes.iter_mut().find(|a| a.name == hidden.name) else {
                entity.attributes.push(hidden);
                continue;
            };
            for instance in hidden.instances {
                if shown.instance(instance.dataset_id.as_deref()).is_some() {
                    return Err(Problem::new(
                        ProblemCode::Forbidden,
                        "this client may not write one of these attributes of this entity: it belongs to another publisher",
                    ));
                }
                // The default instance comes first.
                let at = if instance.dataset_id.is_none() { 0 } else { shown.instances.len() };
                shown.instances.insert(at, instance);
            }
        }
        Ok(())
    }
}
