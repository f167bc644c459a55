//! Writing a group: a few statements for any number of rows, sent together.

use futures_util::future::try_join_all;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, GenericClient, Statement};
use tsunagu_store::StoreError;
use tsunagu_store::group::Resolution;
use tsunagu_store::index::{self, Declared};

use crate::error::failed;
use crate::read::big;

const VERSION: &str = "UPDATE state SET version = $1";
const PUT_ENTITIES: &str = "INSERT INTO entity (tenant, id, version, doc) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) ON CONFLICT (tenant, id) DO UPDATE SET version = excluded.version, doc = excluded.doc";
const DELETE_ENTITIES: &str = "DELETE FROM entity e USING unnest($1::text[], $2::text[]) AS k (tenant, id) WHERE e.tenant = k.tenant AND e.id = k.id";
const PUT_ENTRIES: &str = "INSERT INTO index_entry (tenant, entry, id) SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[]) ON CONFLICT DO NOTHING";
const DELETE_ENTRIES: &str = "DELETE FROM index_entry i USING unnest($1::text[], $2::bytea[]) AS k (tenant, entry) WHERE i.tenant = k.tenant AND i.entry = k.entry";
const PUT_RECORDS: &str = "INSERT INTO record (tenant, collection, key, version, value) SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bytea[]) ON CONFLICT (tenant, collection, key) DO UPDATE SET version = excluded.version, value = excluded.value";
const DELETE_RECORDS: &str = "DELETE FROM record r USING unnest($1::text[], $2::text[], $3::bytea[]) AS k (tenant, collection, key) WHERE r.tenant = k.tenant AND r.collection = k.collection AND r.key = k.key";
const APPEND: &str = "INSERT INTO log_entry (tenant, log, index, entry) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[])";

pub(crate) struct Statements {
    version: Statement,
    put_entities: Statement,
    delete_entities: Statement,
    put_entries: Statement,
    delete_entries: Statement,
    put_records: Statement,
    delete_records: Statement,
    append: Statement,
}

/// Index entries to remove (tenant, entry) and to add (tenant, entry, id).
#[derive(Default)]
pub(crate) struct IndexChanges {
    pub(crate) removed: Vec<(String, Vec<u8>)>,
    pub(crate) added: Vec<(String, Vec<u8>, String)>,
}

type Param<'a> = &'a (dyn ToSql + Sync);

impl Statements {
    pub(crate) async fn prepare(client: &Client) -> Result<Self, StoreError> {
        let prepare = async |sql| client.prepare(sql).await.map_err(|e| failed(&e));
        Ok(Self {
            version: prepare(VERSION).await?,
            put_entities: prepare(PUT_ENTITIES).await?,
            delete_entities: prepare(DELETE_ENTITIES).await?,
            put_entries: prepare(PUT_ENTRIES).await?,
            delete_entries: prepare(DELETE_ENTRIES).await?,
            put_records: prepare(PUT_RECORDS).await?,
            delete_records: prepare(DELETE_RECORDS).await?,
            append: prepare(APPEND).await?,
        })
    }

    /// Sends everything of a group; the caller commits.
    pub(crate) async fn run(
        &self,
        client: &Client,
        resolution: Resolution,
        declared: &Declared,
    ) -> Result<(), StoreError> {
        let mut puts: Columns<(Vec<&str>, Vec<&str>, Vec<i64>, Vec<&[u8]>)> = Columns::default();
        let mut gone: Columns<(Vec<&str>, Vec<&str>)> = Columns::default();
        let mut fresh: Columns<(Vec<&str>, Vec<Vec<u8>>, Vec<&str>)> = Columns::default();
        let mut stale: Columns<(Vec<&str>, Vec<Vec<u8>>)> = Columns::default();
        for change in &resolution.entities {
            let (tenant, id) = (change.key.0.as_str(), change.key.1.as_str());
            let after = change.after.as_ref().map(|(_, doc)| doc);
            let entries = index::difference(change.before.as_ref(), after, declared);
            for entry in entries.removed {
                stale.push(|(tenants, all)| {
                    tenants.push(tenant);
                    all.push(entry);
                });
            }
            for entry in entries.added {
                fresh.push(|(tenants, all, ids)| {
                    tenants.push(tenant);
                    all.push(entry);
                    ids.push(id);
                });
            }
            match &change.after {
                Some((version, doc)) => puts.push(|(tenants, ids, versions, docs)| {
                    tenants.push(tenant);
                    ids.push(id);
                    versions.push(big(*version));
                    docs.push(doc.bytes());
                }),
                None => gone.push(|(tenants, ids)| {
                    tenants.push(tenant);
                    ids.push(id);
                }),
            }
        }
        let mut kept: Columns<(Vec<&str>, Vec<&str>, Vec<&[u8]>, Vec<i64>, Vec<&[u8]>)> =
            Columns::default();
        let mut dropped: Columns<(Vec<&str>, Vec<&str>, Vec<&[u8]>)> = Columns::default();
        for ((tenant, collection, key), after) in &resolution.records {
            match after {
                Some((version, value)) => {
                    kept.push(|(tenants, collections, keys, versions, values)| {
                        tenants.push(tenant.as_str());
                        collections.push(collection.0);
                        keys.push(key);
                        versions.push(big(*version));
                        values.push(value);
                    })
                }
                None => dropped.push(|(tenants, collections, keys)| {
                    tenants.push(tenant.as_str());
                    collections.push(collection.0);
                    keys.push(key);
                }),
            }
        }
        let mut appended: Columns<(Vec<&str>, Vec<&str>, Vec<i64>, Vec<&[u8]>)> =
            Columns::default();
        for ((tenant, log), index, entry) in &resolution.appends {
            appended.push(|(tenants, logs, indexes, entries)| {
                tenants.push(tenant.as_str());
                logs.push(log.0);
                indexes.push(big(*index));
                entries.push(entry);
            });
        }
        let version = big(resolution.version);
        let (p, g, f, s) = (&puts.columns, &gone.columns, &fresh.columns, &stale.columns);
        let (k, d, a) = (&kept.columns, &dropped.columns, &appended.columns);
        let all: [(usize, &Statement, Vec<Param<'_>>); 8] = [
            (1, &self.version, vec![&version]),
            (puts.rows, &self.put_entities, vec![&p.0, &p.1, &p.2, &p.3]),
            (gone.rows, &self.delete_entities, vec![&g.0, &g.1]),
            (stale.rows, &self.delete_entries, vec![&s.0, &s.1]),
            (fresh.rows, &self.put_entries, vec![&f.0, &f.1, &f.2]),
            (
                kept.rows,
                &self.put_records,
                vec![&k.0, &k.1, &k.2, &k.3, &k.4],
            ),
            (dropped.rows, &self.delete_records, vec![&d.0, &d.1, &d.2]),
            (appended.rows, &self.append, vec![&a.0, &a.1, &a.2, &a.3]),
        ];
        let needed = all.iter().filter(|(rows, _, _)| *rows > 0);
        let sent = needed.map(|(_, statement, params)| client.execute(*statement, params));
        try_join_all(sent).await.map(drop).map_err(|e| failed(&e))
    }
}

/// The columns of some rows, as the database takes them.
#[derive(Default)]
struct Columns<T> {
    rows: usize,
    columns: T,
}

impl<T> Columns<T> {
    fn push(&mut self, row: impl FnOnce(&mut T)) {
        row(&mut self.columns);
        self.rows += 1;
    }
}

impl IndexChanges {
    /// Writes them inside a transaction.
    pub(crate) async fn write(&self, client: &impl GenericClient) -> Result<(), StoreError> {
        let tenants: Vec<&str> = self
            .removed
            .iter()
            .map(|(tenant, _)| tenant.as_str())
            .collect();
        let entries: Vec<&[u8]> = self
            .removed
            .iter()
            .map(|(_, entry)| entry.as_slice())
            .collect();
        let removed = client.execute(DELETE_ENTRIES, &[&tenants, &entries]).await;
        removed.map_err(|e| failed(&e))?;
        let tenants: Vec<&str> = self
            .added
            .iter()
            .map(|(tenant, _, _)| tenant.as_str())
            .collect();
        let entries: Vec<&[u8]> = self
            .added
            .iter()
            .map(|(_, entry, _)| entry.as_slice())
            .collect();
        let ids: Vec<&str> = self.added.iter().map(|(_, _, id)| id.as_str()).collect();
        let added = client
            .execute(PUT_ENTRIES, &[&tenants, &entries, &ids])
            .await;
        added.map(drop).map_err(|e| failed(&e))
    }
}
