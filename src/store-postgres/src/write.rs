//! Writing a group: a few statements for any number of rows, sent together.

use futures_util::future::try_join_all;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, GenericClient, Statement};
use tsunagu_store::StoreError;
use tsunagu_store::group::{EntityChange, Resolution};
use tsunagu_store::index::{self, Declared, Difference};

use crate::error::failed;
use crate::past;
use crate::read::big;

const VERSION: &str = "UPDATE state SET version = $1";
const PUT_ENTITIES: &str = "INSERT INTO entity (tenant, id, version, doc) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) ON CONFLICT (tenant, id) DO UPDATE SET version = excluded.version, doc = excluded.doc";
const DELETE_ENTITIES: &str = "DELETE FROM entity e USING unnest($1::text[], $2::text[]) AS k (tenant, id) WHERE e.tenant = k.tenant AND e.id = k.id";
const PUT_ENTRIES: &str = "INSERT INTO index_entry (tenant, entry, id) SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[]) ON CONFLICT DO NOTHING";
const DELETE_ENTRIES: &str = "DELETE FROM index_entry i USING unnest($1::text[], $2::bytea[]) AS k (tenant, entry) WHERE i.tenant = k.tenant AND i.entry = k.entry";
const PUT_RECORDS: &str = "INSERT INTO record (tenant, collection, key, version, value) SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bytea[]) ON CONFLICT (tenant, collection, key) DO UPDATE SET version = excluded.version, value = excluded.value";
const DELETE_RECORDS: &str = "DELETE FROM record r USING unnest($1::text[], $2::text[], $3::bytea[]) AS k (tenant, collection, key) WHERE r.tenant = k.tenant AND r.collection = k.collection AND r.key = k.key";
const APPEND: &str = "INSERT INTO log_entry (tenant, log, index, entry) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[])";
const REDACT: &str = "UPDATE log_entry l SET entry = k.entry FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) AS k (tenant, log, index, entry) WHERE l.tenant = k.tenant AND l.log = k.log AND l.index = k.index";

pub(crate) struct Statements {
    version: Statement,
    put_entities: Statement,
    delete_entities: Statement,
    put_entries: Statement,
    delete_entries: Statement,
    put_records: Statement,
    delete_records: Statement,
    append: Statement,
    redact: Statement,
    past: past::Statements,
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
            redact: prepare(REDACT).await?,
            past: past::Statements::prepare(client).await?,
        })
    }

    /// Sends everything of a group; the caller commits.
    pub(crate) async fn run(
        &self,
        client: &Client,
        resolution: &Resolution,
        declared: &Declared,
    ) -> Result<(), StoreError> {
        let difference = |change: &EntityChange| {
            let after = change.after.as_ref().map(|(_, doc)| doc);
            index::difference(change.before.as_ref(), after, declared)
        };
        let differences: Vec<Difference> = resolution.entities.iter().map(difference).collect();
        let (mut put, mut gone) = (Rows::default(), Rows::default());
        let (mut fresh, mut stale) = (Rows::default(), Rows::default());
        for (change, difference) in resolution.entities.iter().zip(&differences) {
            let (tenant, id) = (change.key.0.as_str(), change.key.1.as_str());
            for entry in &difference.removed {
                stale.push(tenant, id, entry, 0, &[]);
            }
            for entry in &difference.added {
                fresh.push(tenant, id, entry, 0, &[]);
            }
            match &change.after {
                Some((version, doc)) => put.push(tenant, id, &[], *version, doc.bytes()),
                None => gone.push(tenant, id, &[], 0, &[]),
            }
        }
        let (mut kept, mut dropped) = (Rows::default(), Rows::default());
        for ((tenant, collection, key), after) in &resolution.records {
            match after {
                Some((version, value)) => {
                    kept.push(tenant.as_str(), collection.0, key, *version, value);
                }
                None => dropped.push(tenant.as_str(), collection.0, key, 0, &[]),
            }
        }
        let mut appended = Rows::default();
        for ((tenant, log), index, entry) in &resolution.appends {
            appended.push(tenant.as_str(), log.0, &[], *index, entry);
        }
        let mut redacted = Rows::default();
        for (((tenant, log), index), entry) in &resolution.redactions {
            redacted.push(tenant.as_str(), log.0, &[], *index, entry);
        }
        let version = big(resolution.version);
        let all: [(usize, &Statement, Vec<Param<'_>>); 9] = [
            (1, &self.version, vec![&version]),
            put.needed(&self.put_entities, |r| vec![&r.tenants, &r.names, &r.numbers, &r.values]),
            gone.needed(&self.delete_entities, |r| vec![&r.tenants, &r.names]),
            stale.needed(&self.delete_entries, |r| vec![&r.tenants, &r.keys]),
            fresh.needed(&self.put_entries, |r| vec![&r.tenants, &r.keys, &r.names]),
            kept.needed(&self.put_records, |r| {
                vec![&r.tenants, &r.names, &r.keys, &r.numbers, &r.values]
            }),
            dropped.needed(&self.delete_records, |r| vec![&r.tenants, &r.names, &r.keys]),
            appended.needed(&self.append, |r| vec![&r.tenants, &r.names, &r.numbers, &r.values]),
            redacted.needed(&self.redact, |r| vec![&r.tenants, &r.names, &r.numbers, &r.values]),
        ];
        let needed = all.iter().filter(|(rows, _, _)| *rows > 0);
        let sent = needed.map(|(_, statement, params)| client.execute(*statement, params));
        try_join_all(sent).await.map_err(|e| failed(&e))?;
        if resolution.instances.is_empty() {
            return Ok(());
        }
        self.past.run(client, &resolution.instances).await
    }
}

/// The rows of one statement, column by column as the database takes them. Each statement uses the columns that it has.
#[derive(Default)]
struct Rows<'a> {
    tenants: Vec<&'a str>,
    names: Vec<&'a str>,
    keys: Vec<&'a [u8]>,
    numbers: Vec<i64>,
    values: Vec<&'a [u8]>,
}

impl<'a> Rows<'a> {
    fn push(
        &mut self,
        tenant: &'a str,
        name: &'a str,
        key: &'a [u8],
        number: u64,
        value: &'a [u8],
    ) {
        self.tenants.push(tenant);
        self.names.push(name);
        self.keys.push(key);
        self.numbers.push(big(number));
        self.values.push(value);
    }

    fn needed<'r>(
        &'r self,
        statement: &'r Statement,
        columns: impl FnOnce(&'r Self) -> Vec<Param<'r>>,
    ) -> (usize, &'r Statement, Vec<Param<'r>>) {
        (self.tenants.len(), statement, columns(self))
    }
}

impl IndexChanges {
    /// Writes them inside a transaction.
    pub(crate) async fn write(&self, client: &impl GenericClient) -> Result<(), StoreError> {
        let tenants: Vec<&str> = self.removed.iter().map(|(tenant, _)| tenant.as_str()).collect();
        let entries: Vec<&[u8]> = self.removed.iter().map(|(_, entry)| entry.as_slice()).collect();
        let removed = client.execute(DELETE_ENTRIES, &[&tenants, &entries]).await;
        removed.map_err(|e| failed(&e))?;
        let tenants: Vec<&str> = self.added.iter().map(|(tenant, _, _)| tenant.as_str()).collect();
        let entries: Vec<&[u8]> = self.added.iter().map(|(_, entry, _)| entry.as_slice()).collect();
        let ids: Vec<&str> = self.added.iter().map(|(_, _, id)| id.as_str()).collect();
        let added = client.execute(PUT_ENTRIES, &[&tenants, &entries, &ids]).await;
        added.map(drop).map_err(|e| failed(&e))
    }
}
