//! What the law asks of the log: the record of what was provided to whom (個人情報保護法 29), and who is concerned when something leaked (26, 68).
//!
//! Both are read from the entries, and reading them is itself on record for everybody who is in them.

mod csv;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tsunagu_domain::{TenantId, Timestamp, TsunoId, to_iso};
use tsunagu_store::access::{Access, AccessLog as _, Action, Decision};

use crate::log::{AuditLog, ENTRY_TYPE, LOG, Reader};
use crate::{AuditError, Content, LoggedEntry};

pub use csv::{Encoding, InvalidEncoding};

/// Entries read at once.
const BATCH: usize = 1000;
/// Persons named in one entry about reading.
const PERSONS: usize = 1000;
/// Actors outside the town hall, to whom data is provided.
const CLIENT: &str = "client:";

/// Which provisions are asked for; every condition that is there must hold.
#[derive(Debug, Clone, Default)]
pub struct Which {
    /// Not before.
    pub from: Timestamp,
    /// Before; `None` is up to now.
    pub until: Option<Timestamp>,
    /// To these recipients, client ids; empty is to all.
    pub recipients: BTreeSet<String>,
    /// About this person.
    pub person: Option<TsunoId>,
    /// Of these items, expanded names; empty is of all.
    pub items: BTreeSet<String>,
}

impl Which {
    fn meets(&self, access: &Access, recipient: &str) -> bool {
        access.at >= self.from
            && self.until.is_none_or(|until| access.at < until)
            && (self.recipients.is_empty() || self.recipients.contains(recipient))
            && (self.items.is_empty() || access.attributes.iter().any(|a| self.items.contains(a)))
    }
}

/// One provision of data about one person to one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Provision {
    /// When, ISO 8601.
    pub at: String,
    /// To whom: the id of a client.
    pub recipient: String,
    /// About whom, by Tsuno ID.
    pub person: String,
    /// What: expanded names of attributes.
    pub items: Vec<String>,
    /// Expanded types of entities.
    pub types: Vec<String>,
    /// For what.
    pub purpose: Option<String>,
    /// The consent that was obtained for it; `None` when it was provided on another ground, which `ground` names.
    pub consent: Option<String>,
    /// Version of the consent.
    pub consent_version: Option<u64>,
    /// Why it was allowed, as a code.
    pub ground: String,
    /// Index of the entry, for its proof.
    pub entry: u64,
}

/// The record of provisions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Provisions {
    /// In the order of the log.
    pub provisions: Vec<Provision>,
    /// Entries that were erased, of which nobody can say whether they were provisions.
    pub erased: u64,
}

/// Someone whose data was provided.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Concerned {
    /// Who, by Tsuno ID.
    pub person: String,
    /// First and last time, ISO 8601.
    pub first: String,
    /// See `first`.
    pub last: String,
    /// How often.
    pub times: u64,
    /// To whom.
    pub recipients: BTreeSet<String>,
    /// What.
    pub items: BTreeSet<String>,
}

/// Who is concerned by a leak.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Breach {
    /// How many persons.
    pub persons: u64,
    /// Reports are due above so many persons; from one on when the data is sensitive, which this does not know.
    pub threshold: u64,
    /// Whether there are more.
    pub above_threshold: bool,
    /// Each of them, by Tsuno ID.
    pub concerned: Vec<Concerned>,
    /// Entries that were erased, which may have concerned others.
    pub erased: u64,
}

impl Provisions {
    /// Who is concerned if all of this leaked. Public bodies report above 100 persons.
    pub fn breach(&self, threshold: u64) -> Breach {
        let mut all: BTreeMap<&str, Concerned> = BTreeMap::new();
        for provision in &self.provisions {
            let one = all.entry(&provision.person).or_insert_with(|| Concerned {
                person: provision.person.clone(),
                first: provision.at.clone(),
                last: provision.at.clone(),
                ..Concerned::default()
            });
            // Entries of one moment may stand in another order than their times; ISO 8601 sorts as text.
            one.first = one.first.clone().min(provision.at.clone());
            one.last = one.last.clone().max(provision.at.clone());
            one.times += 1;
            one.recipients.insert(provision.recipient.clone());
            one.items.extend(provision.items.iter().cloned());
        }
        let persons = all.len() as u64;
        Breach {
            persons,
            threshold,
            above_threshold: persons > threshold,
            concerned: all.into_values().collect(),
            erased: self.erased,
        }
    }
}

impl AuditLog {
    /// What was provided to clients. It is on record, for everybody in it, before it is answered.
    pub async fn provisions(
        &self,
        tenant: &TenantId,
        reader: &Reader,
        which: &Which,
    ) -> Result<Provisions, AuditError> {
        let mut found = Provisions::default();
        let mut persons = BTreeSet::new();
        let mut from = 0;
        loop {
            let stored = self.store().log_entries(tenant, LOG, from, BATCH).await?;
            if stored.is_empty() {
                break;
            }
            for bytes in &stored {
                let entry = LoggedEntry::read(from, bytes);
                let entry = entry.map_err(|_| AuditError::Unreadable(from))?;
                from += 1;
                match &entry.content {
                    Content::Erased => found.erased += 1,
                    Content::Access { access, erased } => {
                        found.erased += u64::from(*erased > 0);
                        provided(access, entry.index, which, &mut found, &mut persons);
                    }
                }
            }
        }
        let persons: Vec<TsunoId> = persons.into_iter().collect();
        // Also a search that found nobody is on record.
        let empty: &[TsunoId] = &[];
        for part in persons.chunks(PERSONS).chain(persons.is_empty().then_some(empty)) {
            self.record(tenant, &self.extract(reader, part)).await?;
        }
        Ok(found)
    }

    fn extract(&self, reader: &Reader, persons: &[TsunoId]) -> Access {
        Access {
            at: self.now(),
            request: reader.request.clone(),
            actor: reader.actor.clone(),
            subjects: persons.to_vec(),
            purpose: None,
            grant: None,
            grant_version: None,
            action: Action::Query,
            types: vec![ENTRY_TYPE.to_owned()],
            attributes: Vec::new(),
            decision: Decision::Allowed,
            reason: reader.reason.clone(),
            count: persons.len() as u64,
        }
    }
}

fn provided(
    access: &Access,
    entry: u64,
    which: &Which,
    found: &mut Provisions,
    persons: &mut BTreeSet<TsunoId>,
) {
    let gives = match access.action {
        Action::Read | Action::Query | Action::Notify | Action::Identify => true,
        Action::Write | Action::Consent | Action::Link => false,
    };
    let Some(recipient) = access.actor.strip_prefix(CLIENT) else {
        return;
    };
    // An auditor reading the log is no recipient of the data that it is about.
    let of_log = access.types.iter().all(|name| name == ENTRY_TYPE);
    if !gives || of_log || access.decision == Decision::Denied || !which.meets(access, recipient) {
        return;
    }
    for subject in &access.subjects {
        if which.person.is_some_and(|person| person != *subject) {
            continue;
        }
        persons.insert(*subject);
        found.provisions.push(Provision {
            at: to_iso(access.at),
            recipient: recipient.to_owned(),
            person: subject.to_string(),
            items: access.attributes.clone(),
            types: access.types.clone(),
            purpose: access.purpose.clone(),
            consent: access.grant.clone(),
            consent_version: access.grant_version,
            ground: access.reason.clone(),
            entry,
        });
    }
}
