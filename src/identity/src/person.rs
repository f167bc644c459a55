//! The Person entity that this room keeps for every resident.

use serde_json::json;
use tsunagu_domain::{Problem, ProblemCode, Timestamp, TsunoId, individual_number};
use tsunagu_ngsi_ld::{Context, Entity, Instance};

use crate::login::VerifiedPerson;

/// Who is noted as the publisher of what this room writes.
pub(crate) const PUBLISHER: &str = "identity";

/// An attribute or type name of the default context, expanded.
pub(crate) fn iri(term: &str) -> String {
    Context::core().expand(term).into_owned()
}

pub(crate) fn internal(what: &str) -> Problem {
    Problem::new(ProblemCode::InternalError, what)
}

/// The attributes that verified data become.
const ATTRIBUTES: [&str; 6] = ["name", "familyName", "givenName", "birthDate", "gender", "address"];

/// Their expanded names.
pub(crate) fn attribute_names() -> Vec<String> {
    ATTRIBUTES.iter().map(|term| iri(term)).collect()
}

/// A new Person.
pub(crate) fn entity(
    id: TsunoId,
    person: &VerifiedPerson,
    now: Timestamp,
) -> Result<Entity, Problem> {
    let mut entity = Entity::new(id.urn(), iri("Person"), now);
    entity.subject = Some(id.to_string());
    apply(&mut entity, person, now)?;
    Ok(entity)
}

/// Writes verified data over what the Person says. Unchanged attributes stay untouched.
pub(crate) fn apply(
    entity: &mut Entity,
    person: &VerifiedPerson,
    now: Timestamp,
) -> Result<(), Problem> {
    let address = json!({
        "prefecture": person.prefecture,
        "city": person.city,
        "streetAddress": person.street_address,
    });
    let name = format!("{} {}", person.family_name, person.given_name);
    let values = [
        json!(name.trim()),
        json!(person.family_name),
        json!(person.given_name),
        json!(person.birth_date),
        json!(person.gender.as_str()),
        address,
    ];
    for (term, value) in ATTRIBUTES.iter().zip(values) {
        let texts = [value.as_str(), value.get("streetAddress").and_then(|v| v.as_str())];
        if texts.into_iter().flatten().any(individual_number::is_in) {
            return Err(Problem::new(
                ProblemCode::IndividualNumber,
                "the provider's data hold what looks like an individual number",
            ));
        }
        let name = iri(term);
        let mut fresh = Instance::property(&value, now)
            .map_err(|_| internal("an attribute could not be written"))?;
        fresh.publisher = Some(PUBLISHER.to_owned());
        if let Some(old) = entity.attribute(&name).and_then(|a| a.instance(None)) {
            if old.value.get() == fresh.value.get() {
                continue;
            }
            fresh.created_at = old.created_at;
        }
        entity.set(name, fresh);
        entity.modified_at = now;
    }
    Ok(())
}
