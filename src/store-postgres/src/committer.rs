//! The one task that writes.

use std::collections::HashMap;

use futures_util::future::try_join5;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};
use tsunagu_store::group::{self, Footprint, State};
use tsunagu_store::index::Declared;
use tsunagu_store::queue::{Group, Groups};
use tsunagu_store::{Collection, Log, StoreError, WriteSet};

use crate::error::{failed, reason};
use crate::read::{bytes, found, number};
use crate::write;

/// Committers of all processes of one store take turns: the lock is of the schema in use and ends with the transaction.
pub(crate) const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('tsunagu ' || current_setting('search_path'), 0))";

const STATE: &str = "SELECT version, declared FROM state";
const ENTITIES: &str = "SELECT e.tenant, e.id, e.version, e.doc FROM unnest($1::text[], $2::text[]) AS k (tenant, id) JOIN entity e ON e.tenant = k.tenant AND e.id = k.id";
const RECORDS: &str = "SELECT k.place, r.version, r.value FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS k (tenant, collection, key, place) JOIN record r ON r.tenant = k.tenant AND r.collection = k.collection AND r.key = k.key";
const LOGS: &str = "SELECT k.place, (SELECT max(l.index) + 1 FROM log_entry l WHERE l.tenant = k.tenant AND l.log = k.log) FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (tenant, log, place)";

struct Session {
    client: Client,
    lock: Statement,
    state: Statement,
    entities: Statement,
    records: Statement,
    logs: Statement,
    write: write::Statements,
}

/// Drains the queue into groups until nobody can send any more.
pub(crate) struct Committer {
    config: Config,
    declared: Declared,
    session: Option<Session>,
}

/// Where a group failed.
enum Failure {
    /// Before anything was written.
    Load(StoreError),
    /// While writing; the text says whether the outcome is known.
    Write(StoreError),
}

impl Committer {
    pub(crate) fn new(config: Config, declared: Declared) -> Self {
        Self { config, declared, session: None }
    }

    pub(crate) async fn run(mut self, mut groups: Groups) {
        while let Some(group) = groups.next().await {
            self.group(group).await;
        }
    }

    async fn group(&mut self, group: Group) {
        let mut outcome = self.attempt(&group.sets).await;
        // A connection that broke while it only read has done nothing: once more, on a new one.
        if let Err(Failure::Load(StoreError::Unavailable(_))) = outcome {
            outcome = self.attempt(&group.sets).await;
        }
        match outcome {
            Ok(outcomes) => group.answer(outcomes),
            // What cannot be read concerns only those that need it.
            Err(Failure::Load(StoreError::Corrupt(_))) if group.sets.len() > 1 => {
                for single in group.singly() {
                    match self.attempt(&single.sets).await {
                        Ok(outcomes) => single.answer(outcomes),
                        Err(Failure::Load(error) | Failure::Write(error)) => single.fail(&error),
                    }
                }
            }
            Err(Failure::Load(error) | Failure::Write(error)) => {
                tracing::error!(%error, "a group of writes failed");
                group.fail(&error);
            }
        }
    }

    /// One transaction. A session that failed is dropped, which rolls back what was not committed.
    async fn attempt(
        &mut self,
        sets: &[WriteSet],
    ) -> Result<Vec<Result<tsunagu_store::Receipt, StoreError>>, Failure> {
        let session = match self.session.take() {
            Some(session) if !session.client.is_closed() => session,
            _ => Session::open(&self.config).await.map_err(Failure::Load)?,
        };
        let state = session.load(sets, &self.declared).await.map_err(Failure::Load)?;
        let before = state.version;
        let mut resolution = group::resolve(sets.to_vec(), &state);
        let outcomes = std::mem::take(&mut resolution.outcomes);
        if resolution.version == before {
            session
                .client
                .batch_execute("ROLLBACK")
                .await
                .map_err(|e| Failure::Write(failed(&e)))?;
        } else {
            let written = session.write.run(&session.client, &resolution, &self.declared).await;
            written.map_err(Failure::Write)?;
            let committed = session.client.batch_execute("COMMIT").await;
            committed.map_err(|error| Failure::Write(uncommitted(&error)))?;
        }
        self.session = Some(session);
        Ok(outcomes)
    }
}

impl Session {
    async fn open(config: &Config) -> Result<Self, StoreError> {
        let (client, connection) = config.connect(NoTls).await.map_err(|error| {
            StoreError::Unavailable(format!(
                "the database cannot be reached ({}); nothing was written",
                reason(&error)
            ))
        })?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(reason = reason(&error), "the writing connection ended");
            }
        });
        let prepare = async |sql| client.prepare(sql).await.map_err(|e| failed(&e));
        Ok(Self {
            lock: prepare(LOCK).await?,
            state: prepare(STATE).await?,
            entities: prepare(ENTITIES).await?,
            records: prepare(RECORDS).await?,
            logs: prepare(LOGS).await?,
            write: write::Statements::prepare(&client).await?,
            client,
        })
    }

    /// Begins, waits for the turn and loads what decides the sets, in one round trip.
    async fn load(&self, sets: &[WriteSet], declared: &Declared) -> Result<State, StoreError> {
        let Footprint { entities, records, logs } = group::footprint(sets);
        let records: Vec<_> = records.into_iter().collect();
        let logs: Vec<_> = logs.into_iter().collect();
        let entity_tenants: Vec<&str> =
            entities.iter().map(|(tenant, _)| tenant.as_str()).collect();
        let entity_ids: Vec<&str> = entities.iter().map(|(_, id)| id.as_str()).collect();
        let record_tenants: Vec<&str> =
            records.iter().map(|(tenant, _, _)| tenant.as_str()).collect();
        let collections: Vec<&str> = records.iter().map(|(_, Collection(name), _)| *name).collect();
        let keys: Vec<&[u8]> = records.iter().map(|(_, _, key)| key.as_slice()).collect();
        let log_tenants: Vec<&str> = logs.iter().map(|(tenant, _)| tenant.as_str()).collect();
        let log_names: Vec<&str> = logs.iter().map(|(_, Log(name))| *name).collect();

        let begin =
            async { self.client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED").await };
        let locked = async {
            let lock = self.client.query_one(&self.lock, &[]);
            let state = self.client.query_one(&self.state, &[]);
            futures_util::future::try_join(lock, state).await
        };
        // Polled in this order, they are sent in this order, and each reads what was committed when its turn comes.
        let names: [&(dyn ToSql + Sync); 2] = [&entity_tenants, &entity_ids];
        let entities_there = self.client.query(&self.entities, &names);
        let names: [&(dyn ToSql + Sync); 3] = [&record_tenants, &collections, &keys];
        let records_there = self.client.query(&self.records, &names);
        let names: [&(dyn ToSql + Sync); 2] = [&log_tenants, &log_names];
        let logs_there = self.client.query(&self.logs, &names);
        let loaded = try_join5(begin, locked, entities_there, records_there, logs_there).await;
        let ((), (_, state_row), found_entities, found_records, found_logs) =
            loaded.map_err(|e| failed(&e))?;
        let theirs: Vec<String> = state_row.try_get(1).map_err(|e| failed(&e))?;
        if theirs != declared.lines() {
            return Err(StoreError::Unavailable(
                "another process opened this store with other indexed attributes; start all with one configuration".to_owned(),
            ));
        }
        let mut state = State { version: number(&state_row, 0)?, ..State::default() };
        let mut by_name: HashMap<(String, String), Row> = HashMap::new();
        for row in found_entities {
            let text = |column| row.try_get(column).map_err(|e| failed(&e));
            by_name.insert((text(0)?, text(1)?), row);
        }
        for key in entities {
            if let Some(row) = by_name.get(&(key.0.as_str().to_owned(), key.1.clone())) {
                let found = found(number(row, 2)?, bytes(row, 3)?)?;
                state.entities.insert(key, (found.version, found.doc));
            }
        }
        for row in &found_records {
            if let Some(key) = at(&records, number(row, 0)?) {
                state.records.insert(key, (number(row, 1)?, bytes(row, 2)?));
            }
        }
        for row in &found_logs {
            let size: Option<i64> = row.try_get(1).map_err(|e| failed(&e))?;
            if let (Some(key), Some(size)) = (at(&logs, number(row, 0)?), size) {
                state.logs.insert(key, u64::try_from(size).unwrap_or_default());
            }
        }
        Ok(state)
    }
}

/// What a failed `COMMIT` means. Only a refusal by the transaction itself is sure to have written nothing.
fn uncommitted(error: &tokio_postgres::Error) -> StoreError {
    let code = error.as_db_error().map(|error| error.code().code());
    let refused = code.is_some_and(|code| code.starts_with("40") || code.starts_with("23"));
    let outcome =
        if refused { "nothing was written" } else { "the outcome of this write is unknown" };
    StoreError::Unavailable(format!("committing failed ({}); {outcome}", reason(error)))
}

/// The element at a place that the database counts from 1.
fn at<T: Clone>(all: &[T], place: u64) -> Option<T> {
    all.get(usize::try_from(place.checked_sub(1)?).ok()?).cloned()
}
