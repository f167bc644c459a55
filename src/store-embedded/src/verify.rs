//! Recomputing what follows from the data.

use std::ops::Bound;

use fjall::PersistMode;
use tsunagu_store::index::{self, Declared};
use tsunagu_store::{Found, StoreError, temporal};

use crate::engine::{DECLARED, Engine, VERSION, failed};
use crate::keys;

/// Entities in one batch of rebuilding.
const BATCH: usize = 1_000;

const ALL: keys::KeyRange = (Bound::Unbounded, Bound::Unbounded);

/// Checks everything against everything else.
pub(crate) fn verify(engine: &Engine) -> Result<Vec<String>, StoreError> {
    let reader = engine.reader();
    let last =
        reader.meta(VERSION)?.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
    let mut findings = Vec::new();
    let (mut entities, mut expected) = (0_u64, 0_u64);
    for pair in reader.pairs(&engine.entities, ALL) {
        let (key, stored) = pair?;
        entities += 1;
        let Found { version, doc } = match keys::read_entity(&stored) {
            Ok(found) => found,
            Err(error) => {
                findings.push(format!("entity {entities} in key order: {error}"));
                continue;
            }
        };
        if doc.decode().is_err() {
            findings.push(format!("the entity of version {version} does not decode"));
        }
        if version == 0 || version > last {
            findings.push(format!("an entity has version {version}, after the last, {last}"));
        }
        if keys::after_tenant(&key) != Some(doc.id().as_bytes()) {
            findings.push(format!("the entity of version {version} is stored under another's id"));
        }
        for entry in index::entries(&doc, &engine.declared) {
            expected += 1;
            if !reader.holds(&engine.index, &beside(&key, &entry))? {
                findings.push(format!("the entity of version {version} misses an index entry"));
            }
        }
    }
    let mut present = 0_u64;
    for entry in reader.keys(&engine.index, ALL) {
        entry?;
        present += 1;
    }
    // Every expected entry is looked for above, so an equal count leaves no room for others.
    if present > expected {
        let extra = present - expected;
        findings.push(format!("{extra} index entries belong to no entity as it is"));
    }
    for (at, pair) in reader.pairs(&engine.records, ALL).enumerate() {
        match keys::read_record(&pair?.1) {
            Ok(record) if record.version > 0 && record.version <= last => {}
            Ok(record) => findings
                .push(format!("a record has version {}, after the last, {last}", record.version)),
            Err(error) => findings.push(format!("record {at} in key order: {error}")),
        }
    }
    for (at, pair) in reader.pairs(&engine.instances, ALL).enumerate() {
        let (key, stored) = pair?;
        let finding = match (keys::read_instance(&key), temporal::read(stored.to_vec())) {
            (None, _) => Some("an instance of the past has no place".to_owned()),
            (_, Err(error)) => Some(error.to_string()),
            (Some((_, series, place)), Ok(doc)) => {
                temporal::misplaced(series, place, &doc).map(str::to_owned)
            }
        };
        findings.extend(finding.map(|text| format!("instance {at} in key order: {text}")));
    }
    let mut previous: Option<(Vec<u8>, u64)> = None;
    for key in reader.keys(&engine.logs, ALL) {
        let key = key?;
        let Some((log, index)) = key.split_last_chunk::<8>() else {
            findings.push("a log entry has no index".to_owned());
            continue;
        };
        let index = u64::from_be_bytes(*index);
        let expected = match &previous {
            Some((before, at)) if before.as_slice() == log => at + 1,
            _ => 0,
        };
        if index != expected {
            findings.push(format!("a log has entry {index} where {expected} is due"));
        }
        previous = Some((log.to_vec(), index));
    }
    Ok(findings)
}

/// Makes the index what `declared` asks for. Stopped half-way it is repeated at the next opening, since the list is written last.
pub(crate) fn reindex(engine: &Engine, declared: &Declared) -> Result<(), StoreError> {
    let reader = engine.reader();
    let fresh = || engine.db.batch().durability(Some(PersistMode::Buffer));
    let (mut batch, mut waiting) = (fresh(), 0);
    for pair in reader.pairs(&engine.entities, ALL) {
        let (key, stored) = pair?;
        let doc = keys::read_entity(&stored)?.doc;
        let (old, new) = (index::entries(&doc, &engine.declared), index::entries(&doc, declared));
        for entry in old.iter().filter(|entry| new.binary_search(entry).is_err()) {
            batch.remove(&engine.index, beside(&key, entry));
        }
        for entry in new {
            batch.insert(&engine.index, beside(&key, &entry), b"".as_slice());
        }
        waiting += 1;
        if waiting == BATCH {
            std::mem::replace(&mut batch, fresh()).commit().map_err(failed)?;
            waiting = 0;
        }
    }
    batch.insert(&engine.meta, DECLARED, declared.lines().join("\n").as_bytes());
    batch.durability(Some(PersistMode::SyncAll)).commit().map_err(failed)
}

/// The key of an index entry in the tenant of an entity's key.
fn beside(entity_key: &[u8], entry: &[u8]) -> Vec<u8> {
    let tenant = entity_key.iter().position(|b| *b == 0).map_or(0, |at| at + 1);
    [entity_key.get(..tenant).unwrap_or_default(), entry].concat()
}
