//! Moving out and coming back, as the register tells it.

use async_trait::async_trait;
use tsunagu_domain::{Problem, TsunoId};
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_store::{Change, Consequence, Op};

use super::standing::Suspension;
use crate::linking::has_ended;
use crate::person::{self, iri};

/// The rule that a linked record which ends in the register stops what is for residents, and one that goes on starts it again, in the
/// transaction that changes the record. Nothing is deleted.
#[derive(Debug)]
pub struct Moves;

/// Whose record it is, and whether it has ended. `None` when it is nobody's.
fn told(doc: Option<&EntityDoc>) -> Result<Option<(TsunoId, bool)>, Problem> {
    let record_type = iri("ResidentRecord");
    let Some(doc) = doc.filter(|doc| doc.types().any(|t| t == record_type)) else {
        return Ok(None);
    };
    // Most records are nobody's yet.
    let person = iri("person");
    if !doc.attributes().any(|slot| slot.name() == person) {
        return Ok(None);
    }
    let record = doc.decode().map_err(|_| person::internal("a stored record is damaged"))?;
    let person = record.attribute(&person).and_then(|person| person.instance(None));
    let person = person.and_then(|person| serde_json::from_str::<String>(person.value.get()).ok());
    let id = person.and_then(|urn| TsunoId::from_urn(&urn));
    Ok(id.map(|id| (id, has_ended(&record))))
}

#[async_trait]
impl Consequence for Moves {
    async fn follow(&self, change: &Change<'_>, ops: &mut Vec<Op>) -> Result<(), Problem> {
        let Some((id, ended)) = told(change.after)? else { return Ok(()) };
        let before = told(change.before)?.is_some_and(|(_, ended)| ended);
        match (before, ended) {
            (false, true) => ops.push(Suspension::MovedOut.begin(id, change.at)?),
            (true, false) => ops.push(Suspension::MovedOut.end(id)),
            (true, true) | (false, false) => {}
        }
        Ok(())
    }
}
