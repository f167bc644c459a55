//! What an entity must satisfy before anyone may write it: no individual number, and a clear answer to whom it is about.

use serde_json::Value;
use tsunagu_domain::{Catalogue, Problem, ProblemCode, SubjectPath, TsunoId, individual_number};
use tsunagu_ngsi_ld::{Attribute, Entity, Instance};

/// Refuses individual numbers: fields so named in any entity, values in personal ones. The value is never repeated.
pub(crate) fn refuse_individual_numbers(entity: &Entity, personal: bool) -> Result<(), Problem> {
    if personal && individual_number::is_in(&entity.id) {
        return Err(refused("/id"));
    }
    for (pointer, texts) in [("/type", &entity.types), ("/scope", &entity.scopes)] {
        if personal && texts.iter().any(|text| individual_number::is_in(text)) {
            return Err(refused(pointer));
        }
    }
    check_attributes(&entity.attributes, personal, &Path { above: None, name: "" })
}

/// Where an attribute stands; written out only for a refusal.
struct Path<'a> {
    above: Option<&'a Self>,
    name: &'a str,
}

impl Path<'_> {
    fn pointer(&self, last: &str) -> String {
        match self.above {
            None => format!("/{last}"),
            Some(above) => format!("{}/{last}", above.pointer(self.name)),
        }
    }
}

fn check_attributes(
    attributes: &[Attribute],
    personal: bool,
    path: &Path<'_>,
) -> Result<(), Problem> {
    let values = attributes.iter().flat_map(|attribute| &attribute.instances);
    if personal && individual_number::is_spread_over(values.map(|one| text_of(one.value.get()))) {
        return Err(refused(&path.pointer("")));
    }
    for (nth, attribute) in attributes.iter().enumerate() {
        let name = local_name(&attribute.name);
        if individual_number::is_field_name(name) || (personal && individual_number::is_in(name)) {
            // The name itself is not repeated either: it could hold the number.
            return Err(refused(&path.pointer(&format!("attribute {}", nth + 1))));
        }
        for instance in &attribute.instances {
            let texts = [&instance.dataset_id, &instance.unit_code, &instance.observed_at];
            let texts = texts.into_iter().flatten().chain(names_in(instance));
            let in_texts = personal && texts.into_iter().any(|t| individual_number::is_in(t));
            let value = instance.value.get();
            if in_texts || (personal && value_holds_one(value)) || value_names_one(value) {
                return Err(refused(&path.pointer(name)));
            }
            check_attributes(&instance.sub, personal, &Path { above: Some(path), name })?;
        }
    }
    Ok(())
}

fn refused(pointer: &str) -> Problem {
    Problem::new(
        ProblemCode::IndividualNumber,
        "an individual number (個人番号) may not be sent to this platform, even with consent; remove the field or the twelve-digit number and send the rest",
    )
    .at(pointer)
}

/// What stands between the quotes of a JSON text.
fn text_of(json: &str) -> Option<&str> {
    json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))
}

/// The last part of an IRI: what people call the term.
fn local_name(iri: &str) -> &str {
    iri.rsplit(['/', '#']).next().unwrap_or(iri)
}

fn value_holds_one(json: &str) -> bool {
    if individual_number::is_in(json) || individual_number::is_in_power(json) {
        return true;
    }
    // Escapes could hide digits, and lists spread them; such values are rare, so reading them may cost.
    let spread =
        || json.contains(['[', '{']) && json.chars().filter(|c| c.is_numeric()).count() >= 12;
    if !json.contains('\\') && !spread() {
        return false;
    }
    match serde_json::from_str::<Value>(json) {
        Ok(value) => individual_number::is_in(&value.to_string()) || any_neighbours(&value),
        Err(_) => true,
    }
}

/// Whether elements of a list or members of an object inside the value are one together.
fn any_neighbours(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            individual_number::is_spread_over(members.values().map(Value::as_str))
                || members.values().any(any_neighbours)
        }
        Value::Array(items) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            let numbers = items.iter().filter_map(Value::as_number).map(ToString::to_string);
            let numbers: Vec<String> = numbers.collect();
            let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
            let all = texts.len() + numbers.len() == items.len();
            all && individual_number::is_spread(&texts, &numbers)
                || items.iter().any(any_neighbours)
        }
        _ => false,
    }
}

/// Refuses individual numbers in a document that is no entity, and members named for them.
pub(crate) fn refuse_in_document(json: &str) -> Result<(), Problem> {
    let value: Value = serde_json::from_str(json).map_err(|_| {
        Problem::new(ProblemCode::InvalidRequest, "the body is no JSON; send a JSON object")
    })?;
    if value_holds_one(json) || names_one(&value) { Err(refused("/")) } else { Ok(()) }
}

/// Refuses names of attributes and terms that are meant for individual numbers.
pub(crate) fn refuse_names<'a>(
    pointer: &str,
    names: impl IntoIterator<Item = &'a String>,
) -> Result<(), Problem> {
    let meant = |name: &String| individual_number::is_field_name(local_name(name));
    if names.into_iter().any(meant) { Err(refused(pointer)) } else { Ok(()) }
}

/// Whether a member anywhere is named for it, or a pair of key and value is.
fn names_one(value: &Value) -> bool {
    let keyed = |name: &str, value: &Value| {
        name == "key" && value.as_str().is_some_and(individual_number::is_field_name)
    };
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| {
            individual_number::is_field_name(name) || keyed(name, value) || names_one(value)
        }),
        Value::Array(items) => items.iter().any(names_one),
        _ => false,
    }
}

/// Whether an object inside the value has a member named for it.
fn value_names_one(json: &str) -> bool {
    if !json.contains('{') || !individual_number::is_field_name(json) && !json.contains('\\') {
        return false;
    }
    serde_json::from_str(json).is_ok_and(|value| names_one(&value))
}

/// Names inside of an instance.
fn names_in(instance: &Instance) -> impl Iterator<Item = &String> {
    instance.value_type.iter().chain(&instance.object_type)
}

/// Refuses ids of persons where they could not be masked, or would be shown to those who see ids unmasked: in names of types and
/// attributes anywhere, and in data about nobody.
pub(crate) fn refuse_misplaced_persons(entity: &Entity, personal: bool) -> Result<(), Problem> {
    let named = |texts: &[String]| texts.iter().any(|text| TsunoId::is_named_in(text));
    if named(&entity.types) || named(&entity.scopes) || persons_in_names(&entity.attributes) {
        return Err(Problem::new(
            ProblemCode::BadRequestData,
            "the id of a person may not be part of the name of a type, attribute or scope; put it into the object of a Relationship",
        ));
    }
    if !personal && (TsunoId::is_named_in(&entity.id) || persons_in_values(&entity.attributes)) {
        return Err(Problem::new(
            ProblemCode::BadRequestData,
            "data that point to a person belong to a type that the catalogue calls personal; leave the id of the person out, or use such a type",
        ));
    }
    Ok(())
}

fn persons_in_names(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let in_instance = |instance: &Instance| {
            names_in(instance).any(|name| TsunoId::is_named_in(name))
                || persons_in_names(&instance.sub)
        };
        TsunoId::is_named_in(&attribute.name) || attribute.instances.iter().any(in_instance)
    })
}

fn persons_in_values(attributes: &[Attribute]) -> bool {
    attributes.iter().flat_map(|attribute| &attribute.instances).any(|instance| {
        let texts = [&instance.dataset_id, &instance.unit_code, &instance.instance_id];
        texts.into_iter().flatten().any(|text| TsunoId::is_named_in(text))
            || person_in_json(instance.value.get())
            || persons_in_values(&instance.sub)
    })
}

fn person_in_json(json: &str) -> bool {
    if !json.contains('\\') {
        return TsunoId::is_named_in(json);
    }
    // Escapes could hide one.
    let plain = serde_json::from_str::<Value>(json);
    plain.map_or(true, |value| TsunoId::is_named_in(&value.to_string()))
}

/// Finds out whom the entity is about and notes it in [`Entity::subject`].
pub(crate) fn settle_subject(catalogue: &Catalogue, entity: &mut Entity) -> Result<(), Problem> {
    let mut subject: Option<TsunoId> = None;
    for entity_type in &entity.types {
        let Some(personal) = catalogue.personal_type(entity_type) else {
            continue;
        };
        let found = match &personal.subject {
            // In exactly one spelling: another would be a second entity for the same person.
            SubjectPath::Id => {
                Some(TsunoId::from_urn(&entity.id).filter(|id| id.urn() == entity.id).ok_or_else(
                    || {
                        Problem::new(
                    ProblemCode::BadRequestData,
                    "the id of an entity of this type is urn:ngsi-ld:Person:<id of a resident>",
                )
                .at("/id")
                    },
                )?)
            }
            SubjectPath::Relationship(name) => match entity.attribute(name) {
                None => None,
                Some(attribute) => Some(person_of(attribute)?),
            },
        };
        if let (Some(one), Some(other)) = (subject, found)
            && one != other
        {
            return Err(Problem::new(
                ProblemCode::BadRequestData,
                "the types of this entity say that it is about two different persons",
            ));
        }
        subject = subject.or(found);
    }
    entity.subject = subject.map(|id| id.to_string());
    Ok(())
}

fn person_of(attribute: &Attribute) -> Result<TsunoId, Problem> {
    let pointer = format!("/{}", local_name(&attribute.name));
    let wrong = || {
        Problem::new(
            ProblemCode::BadRequestData,
            "this must be one Relationship to urn:ngsi-ld:Person:<id of a resident>, without datasetId",
        )
        .at(pointer.clone())
    };
    let [instance] = attribute.instances.as_slice() else {
        return Err(wrong());
    };
    if instance.kind != tsunagu_ngsi_ld::Kind::Relationship || instance.dataset_id.is_some() {
        return Err(wrong());
    }
    let urn: String = serde_json::from_str(instance.value.get()).map_err(|_| wrong())?;
    TsunoId::from_urn(&urn).ok_or_else(wrong)
}
