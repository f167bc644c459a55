//! Opening a folder.

use std::path::Path;
use std::sync::atomic::AtomicU64;

use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use tokio::sync::oneshot;
use tsunagu_store::StoreError;
use tsunagu_store::index::Declared;

use crate::cache::EntityCache;
use crate::engine::{DECLARED, Engine, Stirred, VERSION, failed};
use crate::{format, verify};

/// When a write is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// When it is on disk: it survives a power cut.
    #[default]
    Synced,
    /// When the operating system has it: it survives the end of the process, not a power cut. For sandboxes.
    Relaxed,
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Attributes whose values are indexed. When they differ from the last time, the index is rebuilt on opening.
    pub declared: Declared,
    /// When a write is acknowledged.
    pub durability: Durability,
    /// Memory for entities read lately, bytes.
    pub cache_bytes: u64,
    /// Memory for blocks of the engine, bytes.
    pub block_cache_bytes: u64,
    /// How many write sets may wait before writers have to.
    pub queue: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            declared: Declared::default(),
            durability: Durability::Synced,
            cache_bytes: 32 << 20,
            block_cache_bytes: 32 << 20,
            queue: 1_024,
        }
    }
}

impl Durability {
    pub(crate) fn mode(self) -> PersistMode {
        match self {
            Self::Synced => PersistMode::SyncData,
            Self::Relaxed => PersistMode::Buffer,
        }
    }
}

/// Memory of newly written data per keyspace, bytes. It is written out when this is reached.
const BIG: u64 = 32 << 20;
const SMALL: u64 = 8 << 20;
/// The journal may grow so far, bytes, before what only it holds is written out: after a crash, opening reads all of it.
const JOURNAL: u64 = 128 << 20;

/// Opens the engine; the receiver ends when it has been closed and the folder is free.
pub(crate) fn open(
    folder: &Path,
    options: &Options,
) -> Result<(Engine, oneshot::Receiver<()>), StoreError> {
    let path = format::check(folder)?;
    let db = Database::builder(path)
        .cache_size(options.block_cache_bytes)
        // With more, the first passes on every compaction that it is given, to itself too: it turns on a processor as long as others compact.
        .worker_threads(1)
        .max_journaling_size(JOURNAL)
        .open()
        .map_err(failed)?;
    let keyspace = |name: &str, memory: u64| {
        db.keyspace(name, || KeyspaceCreateOptions::default().max_memtable_size(memory))
            .map_err(failed)
    };
    let (released, free) = oneshot::channel();
    let mut engine = Engine {
        entities: keyspace("entities", BIG)?,
        index: keyspace("index", SMALL)?,
        records: keyspace("records", BIG)?,
        logs: keyspace("logs", BIG)?,
        instances: keyspace("instances", BIG)?,
        meta: keyspace("meta", SMALL)?,
        declared: Declared::default(),
        cache: EntityCache::new(0, 0),
        stirred: Stirred::default(),
        visible: AtomicU64::new(0),
        db,
        _released: released,
    };
    let version = match engine.reader().meta(VERSION)? {
        None => 0,
        Some(bytes) => bytes
            .try_into()
            .map(u64::from_be_bytes)
            .map_err(|_| StoreError::Corrupt("the last version is not a number".to_owned()))?,
    };
    engine.visible = AtomicU64::new(version);
    let lines = declared(&engine)?;
    engine.declared = Declared::of_lines(lines.clone());
    if lines != options.declared.lines() {
        verify::reindex(&engine, &options.declared)?;
        engine.declared = options.declared.clone();
    }
    engine.cache = EntityCache::new(options.cache_bytes, version);
    Ok((engine, free))
}

/// The layout of the index and the attributes whose values it holds.
fn declared(engine: &Engine) -> Result<Vec<String>, StoreError> {
    let bytes = engine.reader().meta(DECLARED)?.unwrap_or_default();
    let text = String::from_utf8(bytes).map_err(|_| {
        StoreError::Corrupt("the list of indexed attributes is not text".to_owned())
    })?;
    Ok(text.lines().map(str::to_owned).collect())
}
