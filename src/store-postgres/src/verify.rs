//! Recomputing what follows from the data.

use std::collections::HashSet;

use deadpool_postgres::{Client, Transaction};
use tokio_postgres::IsolationLevel;
use tokio_postgres::types::ToSql;
use tsunagu_store::StoreError;
use tsunagu_store::index::{self, Declared};

use crate::error::failed;
use crate::past;
use crate::read::{bytes, found, number};

/// Entities looked at in one step.
const STEP: i64 = 1_000;

/// Checks everything against everything else, in one snapshot.
pub(crate) async fn verify(
    client: &mut Client,
    declared: &Declared,
) -> Result<Vec<String>, StoreError> {
    let transaction = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
    let transaction = transaction.read_only(true).start().await.map_err(|e| failed(&e))?;
    let last = count(&transaction, "SELECT version FROM state", &[]).await?;
    let mut findings = Vec::new();
    let expected = entities(&transaction, declared, last, &mut findings).await?;
    let present = count(&transaction, "SELECT count(*) FROM index_entry", &[]).await?;
    // Every expected entry is looked for, so an equal count leaves no room for others.
    if present > expected {
        let extra = present - expected;
        findings.push(format!("{extra} index entries belong to no entity as it is"));
    }
    let sql =
        "SELECT count(*) FROM record WHERE version < 1 OR version > (SELECT version FROM state)";
    match count(&transaction, sql, &[]).await? {
        0 => {}
        wrong => findings.push(format!("{wrong} records have a version after the last, {last}")),
    }
    let sql = "SELECT count(*) FROM (SELECT 1 FROM log_entry GROUP BY tenant, log HAVING min(index) <> 0 OR max(index) + 1 <> count(*)) gaps";
    match count(&transaction, sql, &[]).await? {
        0 => {}
        wrong => findings.push(format!("{wrong} logs have gaps")),
    }
    past::verify(&transaction, STEP, &mut findings).await?;
    transaction.commit().await.map_err(|e| failed(&e))?;
    Ok(findings)
}

/// Checks the entities and gives how many index entries they need.
async fn entities(
    transaction: &Transaction<'_>,
    declared: &Declared,
    last: u64,
    findings: &mut Vec<String>,
) -> Result<u64, StoreError> {
    let next = "SELECT tenant, id, version, doc FROM entity WHERE (tenant, id) > ($1, $2) ORDER BY tenant, id LIMIT $3";
    let there = "SELECT i.tenant, i.entry, i.id FROM unnest($1::text[], $2::bytea[]) AS k (tenant, entry) JOIN index_entry i ON i.tenant = k.tenant AND i.entry = k.entry";
    let (mut tenant, mut id) = (String::new(), String::new());
    let mut all = 0;
    loop {
        let rows = transaction.query(next, &[&tenant, &id, &STEP]).await.map_err(|e| failed(&e))?;
        let (mut tenants, mut entries, mut owners) = (Vec::new(), Vec::new(), Vec::new());
        for row in &rows {
            tenant = row.try_get(0).map_err(|e| failed(&e))?;
            id = row.try_get(1).map_err(|e| failed(&e))?;
            let version = number(row, 2)?;
            let doc = match found(version, bytes(row, 3)?) {
                Ok(found) => found.doc,
                Err(error) => {
                    findings.push(error.to_string());
                    continue;
                }
            };
            if doc.decode().is_err() {
                findings.push(format!("the entity of version {version} does not decode"));
            }
            if version == 0 || version > last {
                findings.push(format!("an entity has version {version}, after the last, {last}"));
            }
            if doc.id() != id {
                findings
                    .push(format!("the entity of version {version} is stored under another's id"));
            }
            for entry in index::entries(&doc, declared) {
                tenants.push(tenant.clone());
                entries.push(entry);
                owners.push((id.clone(), version));
            }
        }
        all += entries.len() as u64;
        let present =
            transaction.query(there, &[&tenants, &entries]).await.map_err(|e| failed(&e))?;
        let mut known = HashSet::new();
        for row in &present {
            let of: (String, Vec<u8>, String) = (
                row.try_get(0).map_err(|e| failed(&e))?,
                row.try_get(1).map_err(|e| failed(&e))?,
                row.try_get(2).map_err(|e| failed(&e))?,
            );
            known.insert(of);
        }
        for ((tenant, entry), (id, version)) in tenants.into_iter().zip(entries).zip(owners) {
            if !known.contains(&(tenant, entry, id)) {
                findings.push(format!("the entity of version {version} misses an index entry"));
            }
        }
        if rows.is_empty() {
            return Ok(all);
        }
    }
}

async fn count(
    transaction: &Transaction<'_>,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<u64, StoreError> {
    let row = transaction.query_one(sql, params).await.map_err(|e| failed(&e))?;
    number(&row, 0)
}
