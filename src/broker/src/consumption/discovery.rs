//! Discovery of types and attributes (clauses 5.7.5 to 5.7.10), as far as the view sees: what is hidden has neither.

mod tally;
mod told;

use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::{Context, Query, TypeSelection};
use tsunagu_policy::View;
use tsunagu_store::EntityQuery;
use tsunagu_store::access::{Action, Ticket};

use crate::access::{self, Shown};
use crate::{Broker, Request, shapes};
use tally::Tally;

/// Personal entities looked at in one step, and at most.
const STEP: usize = 5_000;
const MOST: usize = 500_000;

/// What is asked for. Names are expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discover<'a> {
    /// The types there are (5.7.5); with the attributes of each (5.7.6).
    Types {
        /// With attributes.
        details: bool,
    },
    /// One type (5.7.7).
    Type(&'a str),
    /// The attributes there are (5.7.8); with the types that have each (5.7.9).
    Attributes {
        /// With types.
        details: bool,
    },
    /// One attribute (5.7.10).
    Attribute(&'a str),
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Discovered {
    /// JSON.
    pub body: Vec<u8>,
    /// How many types or attributes there are.
    pub count: usize,
    /// The ticket in the access log, when persons could be concerned.
    pub ticket: Option<Ticket>,
}

impl Broker {
    /// Types and attributes of what is in view now, in names of `context`, which is also put into the body when it is to be embedded.
    pub async fn discover(
        &self,
        request: &Request<'_>,
        what: Discover<'_>,
        context: &Context,
        embed: bool,
    ) -> Result<Discovered, Problem> {
        let view = request.view;
        let tenant = view.tenant();
        let mut tally = Tally::default();
        if view.sees_open_data_plainly() {
            // What has ended by now must not be counted any more.
            self.expire(tenant).await?;
            shapes::read(&*self.parts.store, tenant, &mut |shape, count| {
                let types: Vec<&str> = shape.types.iter().map(String::as_str).collect();
                let attributes = shape.attributes.iter();
                let attributes =
                    attributes.map(|(name, kind, n)| (name.as_str(), kind.as_str(), *n));
                tally.add(&types, attributes, count)
            })
            .await?;
        }
        let ticket = if view.may_see_persons() {
            let mut shown = Shown::default();
            self.count_personal(view, &mut tally, &mut shown).await?;
            let mut access =
                access::allowed(request, self.parts.clock.micros(), Action::Query, shown);
            // The answer tells of nobody in particular, unless only one person is in view.
            access.subjects = view.only_subject().into_iter().collect();
            Some(self.record(request, &access).await?)
        } else {
            None
        };
        let id = |kind: &str| format!("urn:ngsi-ld:{kind}:{}", request.id);
        let told = told::Told { tally: &tally, context, embed };
        let (count, body) = match what {
            Discover::Types { details: false } => {
                (tally.types.len(), told.types(&id("EntityTypeList")))
            }
            Discover::Types { details: true } => (tally.types.len(), told.types_in_detail()),
            Discover::Attributes { details: false } => {
                (tally.attributes.len(), told.attributes(&id("AttributeList")))
            }
            Discover::Attributes { details: true } => {
                (tally.attributes.len(), told.attributes_in_detail())
            }
            Discover::Type(name) => (1, told.one_type(name).ok_or_else(Problem::not_found)?),
            Discover::Attribute(name) => {
                (1, told.one_attribute(name).ok_or_else(Problem::not_found)?)
            }
        };
        let body = body.map_err(|_| {
            Problem::new(ProblemCode::InternalError, "the names could not be written as JSON")
        })?;
        Ok(Discovered { body, count, ticket })
    }

    async fn count_personal(
        &self,
        view: &View,
        tally: &mut Tally,
        shown: &mut Shown,
    ) -> Result<(), Problem> {
        use tsunagu_ngsi_ld::Projection as _;
        let types = self.parts.catalogue.personal_types.iter();
        let types: Vec<TypeSelection> = types
            .filter(|personal| view.may_see_type(&personal.iri))
            .map(|personal| TypeSelection::Type(personal.iri.clone()))
            .collect();
        let filter = Query { types: Some(TypeSelection::Any(types)), ..Query::default() };
        let mut query = EntityQuery { filter, limit: STEP, offset: 0, count: false, order: None };
        loop {
            let page = self.parts.store.query(view, &query).await?;
            for found in &page.entities {
                let doc = &found.doc;
                let Some(cut) = view.cut(doc) else { continue };
                let types: Vec<&str> = doc.types().filter(|iri| cut.entity_type(iri)).collect();
                let attributes = doc
                    .attributes()
                    .filter(|slot| cut.attribute(slot.name(), slot.publisher()))
                    .map(|slot| (slot.name(), slot.kind().name(), 1));
                tally.add(&types, attributes, 1)?;
                shown.add(doc, &cut, &|_| true);
            }
            query.offset += STEP;
            if page.entities.len() < STEP {
                return Ok(());
            }
            if query.offset >= MOST {
                return Err(tally::too_many());
            }
        }
    }
}
