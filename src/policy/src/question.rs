//! From typed values to what the policies know. No JSON on the way: a decision costs microseconds.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::{Context, Entities, Entity, EntityUid, RestrictedExpression as Value};
use tsunagu_domain::{Assurance, Level, Timestamp, TsunoId, individual_number};

use crate::policies::{Types, uid};
use crate::{Denied, Grant, GrantedType, StaffCase};

/// What is known when a question is put.
pub(crate) struct Known {
    pub(crate) context: Context,
    pub(crate) entities: Entities,
}

/// What a consumer brings along.
pub(crate) struct Acting<'a> {
    pub(crate) now: Timestamp,
    pub(crate) subject: TsunoId,
    pub(crate) grant: Option<&'a Arc<Grant>>,
    pub(crate) purpose: Option<&'a str>,
    pub(crate) assurance: &'a Assurance,
}

impl Acting<'_> {
    pub(crate) fn known(&self, types: &Types) -> Result<Known, Denied> {
        let mut context = vec![
            pair("now", Value::new_long(self.now)),
            pair("subject", Value::new_entity_uid(resident(types, self.subject))),
            pair("login", login(self.assurance)?),
        ];
        context.extend(self.purpose.map(|stated| pair("purpose", text(stated))));
        let mut attributes = BTreeSet::new();
        if let Some(grant) = self.grant {
            context.push(pair("consent", consent(types, grant)?));
            attributes.extend(names(&grant.read).chain(names(&grant.write)));
        }
        let entities = attributes.into_iter().map(|(entity_type, attribute)| {
            let named_for_it = Value::new_bool(individual_number::is_name_of_term(attribute));
            let flags = HashMap::from([pair("individualNumber", named_for_it)]);
            let named = self::attribute(types, entity_type, attribute);
            Entity::new(named, flags, HashSet::new()).map_err(|_| Denied::Undecided)
        });
        let entities = entities.collect::<Result<Vec<_>, _>>()?;
        known(context, entities)
    }
}

/// Names of (type, attribute).
fn names(granted: &[GrantedType]) -> impl Iterator<Item = (&str, &str)> {
    granted.iter().flat_map(|granted| {
        granted.attributes.iter().map(|name| (granted.entity_type.as_str(), name.as_str()))
    })
}

fn consent(types: &Types, grant: &Grant) -> Result<Value, Denied> {
    let set = |granted: &[GrantedType]| {
        let all = names(granted).map(|(of, name)| attribute(types, of, name));
        Value::new_set(all.map(Value::new_entity_uid))
    };
    let record = Value::new_record([
        pair("client", Value::new_entity_uid(uid(&types.consumer, grant.client.as_str()))),
        pair("subject", Value::new_entity_uid(resident(types, grant.subject))),
        pair("purpose", text(&grant.purpose)),
        pair("live", Value::new_bool(grant.live)),
        pair("from", Value::new_long(grant.valid_from)),
        pair("until", Value::new_long(grant.valid_until)),
        pair("reads", set(&grant.read)),
        pair("writes", set(&grant.write)),
    ]);
    record.map_err(|_| Denied::Undecided)
}

/// What is known of a resident who looks at their own data.
pub(crate) fn own(assurance: &Assurance) -> Result<Known, Denied> {
    known([pair("login", login(assurance)?)], [])
}

/// What is known of a member of staff in a case.
pub(crate) fn in_case(types: &Types, case: &StaffCase, now: Timestamp) -> Result<Known, Denied> {
    let subject = case.subject.map(|subject| Value::new_entity_uid(resident(types, subject)));
    let members = [
        pair("member", Value::new_entity_uid(uid(&types.member, &case.account))),
        pair("open", Value::new_bool(case.open)),
        pair("approved", Value::new_bool(case.approved)),
        pair("from", Value::new_long(case.from)),
        pair("until", Value::new_long(case.until)),
    ];
    let subject = subject.map(|subject| pair("subject", subject));
    let case = Value::new_record(members.into_iter().chain(subject));
    let case = case.map_err(|_| Denied::Undecided)?;
    known([pair("now", Value::new_long(now)), pair("case", case)], [])
}

/// What is known of a publisher.
pub(crate) fn publishing(types: &Types, publishes: &[String]) -> Result<Known, Denied> {
    let all = publishes.iter().map(|t| Value::new_entity_uid(uid(&types.personal_type, t)));
    known([pair("publishes", Value::new_set(all))], [])
}

/// What somebody is registered for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Registration {
    pub(crate) reads_open_data: bool,
    pub(crate) writes_open_data: bool,
    pub(crate) manages_sources: bool,
}

impl Registration {
    pub(crate) fn known(self) -> Result<Known, Denied> {
        let record = Value::new_record([
            pair("readsOpenData", Value::new_bool(self.reads_open_data)),
            pair("writesOpenData", Value::new_bool(self.writes_open_data)),
            pair("managesSources", Value::new_bool(self.manages_sources)),
        ]);
        known([pair("registration", record.map_err(|_| Denied::Undecided)?)], [])
    }
}

/// What is known of a task: nothing.
pub(crate) fn nothing() -> Known {
    Known { context: Context::empty(), entities: Entities::empty() }
}

fn known(
    context: impl IntoIterator<Item = (String, Value)>,
    entities: impl IntoIterator<Item = Entity>,
) -> Result<Known, Denied> {
    let context = Context::from_pairs(context).map_err(|_| Denied::Undecided)?;
    let entities = Entities::from_entities(entities, None).map_err(|_| Denied::Undecided)?;
    Ok(Known { context, entities })
}

fn login(assurance: &Assurance) -> Result<Value, Denied> {
    let level = |level: Level| {
        Value::new_long(match level {
            Level::Low => 1,
            Level::Substantial => 2,
            Level::High => 3,
        })
    };
    let levels =
        [pair("identity", level(assurance.ial)), pair("authentication", level(assurance.aal))];
    Value::new_record(levels).map_err(|_| Denied::Undecided)
}

pub(crate) fn attribute(types: &Types, entity_type: &str, name: &str) -> EntityUid {
    uid(&types.attribute, &format!("{entity_type} {name}"))
}

pub(crate) fn resident(types: &Types, subject: TsunoId) -> EntityUid {
    uid(&types.resident, &subject.to_string())
}

fn text(text: &str) -> Value {
    Value::new_string(text.to_owned())
}

fn pair(name: &str, value: Value) -> (String, Value) {
    (name.to_owned(), value)
}
