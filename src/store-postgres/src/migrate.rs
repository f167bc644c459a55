//! Making the tables, and rebuilding the index when other attributes are declared.

use tokio_postgres::{Client, Transaction};
use tsunagu_store::StoreError;
use tsunagu_store::index::{self, Declared};

use crate::committer::LOCK;
use crate::error::failed;
use crate::read::{self, number};
use crate::write;

/// What was ever done, in order. Never change one that was released; add another.
const MIGRATIONS: [&str; 2] = [include_str!("migrate/0001.sql"), include_str!("migrate/0002.sql")];

/// Entities in one step of rebuilding.
const BATCH: i64 = 1_000;

/// Brings the tables up to this program and the index to `declared`. One process at a time.
pub(crate) async fn migrate(
    client: &mut Client,
    schema: Option<&str>,
    declared: &Declared,
) -> Result<(), StoreError> {
    let transaction = client.transaction().await.map_err(|e| failed(&e))?;
    transaction.query_one(LOCK, &[]).await.map_err(|e| failed(&e))?;
    if let Some(schema) = schema {
        let create = format!("CREATE SCHEMA IF NOT EXISTS {schema}");
        transaction.batch_execute(&create).await.map_err(|e| failed(&e))?;
    }
    tables(&transaction).await?;
    let row = transaction.query_one("SELECT declared FROM state", &[]).await;
    let old: Vec<String> = row.and_then(|row| row.try_get(0)).map_err(|e| failed(&e))?;
    if old != declared.lines() {
        reindex(&transaction, &Declared::of_lines(old), declared).await?;
        let set = "UPDATE state SET declared = $1";
        transaction.execute(set, &[&declared.lines()]).await.map_err(|e| failed(&e))?;
    }
    transaction.commit().await.map_err(|e| failed(&e))
}

async fn tables(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let versions = "CREATE TABLE IF NOT EXISTS tsunagu_schema (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())";
    transaction.batch_execute(versions).await.map_err(|e| failed(&e))?;
    let last = "SELECT coalesce(max(version), 0) FROM tsunagu_schema";
    let row = transaction.query_one(last, &[]).await.map_err(|e| failed(&e))?;
    let done: i32 = row.try_get(0).map_err(|e| failed(&e))?;
    let done = usize::try_from(done).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        return Err(StoreError::Unavailable(format!(
            "the tables have version {done}, which is newer than version {} of this program; start the newer program",
            MIGRATIONS.len()
        )));
    }
    for (version, migration) in (1_i32..).zip(MIGRATIONS).skip(done) {
        transaction.batch_execute(migration).await.map_err(|e| failed(&e))?;
        let note = "INSERT INTO tsunagu_schema (version) VALUES ($1)";
        transaction.execute(note, &[&version]).await.map_err(|e| failed(&e))?;
    }
    Ok(())
}

async fn reindex(
    transaction: &Transaction<'_>,
    old: &Declared,
    new: &Declared,
) -> Result<(), StoreError> {
    let next = "SELECT tenant, id, version, doc FROM entity WHERE (tenant, id) > ($1, $2) ORDER BY tenant, id LIMIT $3";
    let (mut tenant, mut id) = (String::new(), String::new());
    loop {
        let rows =
            transaction.query(next, &[&tenant, &id, &BATCH]).await.map_err(|e| failed(&e))?;
        let mut changes = write::IndexChanges::default();
        for row in &rows {
            (tenant, id) =
                (row.try_get(0).map_err(|e| failed(&e))?, row.try_get(1).map_err(|e| failed(&e))?);
            let doc = read::found(number(row, 2)?, row.try_get(3).map_err(|e| failed(&e))?)?.doc;
            let (before, after) = (index::entries(&doc, old), index::entries(&doc, new));
            let gone = before.iter().filter(|entry| after.binary_search(entry).is_err());
            changes.removed.extend(gone.map(|entry| (tenant.clone(), entry.clone())));
            // All of them: what another layout kept of these is not known.
            changes
                .added
                .extend(after.into_iter().map(|entry| (tenant.clone(), entry, id.clone())));
        }
        changes.write(transaction).await?;
        if rows.is_empty() {
            return Ok(());
        }
    }
}
