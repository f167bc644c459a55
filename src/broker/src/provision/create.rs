//! Create Entity (clause 5.6.1).

use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::Context;
use tsunagu_ngsi_ld::parse::parse_entity;

use super::{inward, names, outward, subject_of};
use crate::transaction::{Attempt, Intent};
use crate::{Broker, Request, access, guard, ngsi_problem};

/// The created entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its id, as the actor may see it.
    pub id: String,
}

impl Broker {
    /// Creates an entity from a checked JSON body. Answers when it is on disk.
    pub async fn create(
        &self,
        request: &Request<'_>,
        body: &str,
        context: &Context,
    ) -> Result<Created, Problem> {
        let now = self.parts.clock.micros();
        let body = inward(request.view, body);
        let told = |problem| outward(request.view, problem);
        let parsed = parse_entity(&body, context, now).map_err(ngsi_problem);
        let mut entity = parsed.map_err(told)?;
        let personal = self.parts.catalogue.is_personal(entity.types.iter().map(String::as_str));
        guard::refuse_individual_numbers(&entity, personal).map_err(told)?;
        guard::refuse_misplaced_persons(&entity, personal)?;
        guard::settle_subject(&self.parts.catalogue, &mut entity)?;
        let names = if personal { names(&entity) } else { Vec::new() };
        self.permit(request, &entity, &names).await?;
        if let Some(publisher) = request.view.publisher() {
            entity.set_publisher(publisher);
        }
        let access = personal
            .then(|| access::written(request, now, subject_of(&entity), &entity.types, names));
        let intent = Intent { before: None, after: Some(&entity), access };
        match self.attempt(request, intent).await? {
            Attempt::Done => Ok(Created { id: request.view.outward_id(&entity.id).into_owned() }),
            Attempt::Lost(_) => Err(Problem::new(
                ProblemCode::AlreadyExists,
                "an entity of this id exists already; choose another id, or update it with PATCH",
            )
            .at("/id")),
        }
    }
}
