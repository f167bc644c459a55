//! What everything is compared with.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_web::http::header;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context as _;
use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tsunagu_store::index;

use super::load::Slice;
use super::town;

/// Yardstick A: serves the files of a folder from memory with a bare handler, until it is killed.
pub fn serve(folder: &Path) -> anyhow::Result<()> {
    let mut bodies = HashMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        bodies.insert(name, Bytes::from(std::fs::read(entry.path())?));
    }
    let bodies = Data::new(bodies);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new().app_data(bodies.clone()).route("/{name}", web::get().to(bare))
        })
        .listen(listener)?;
        let mut out = std::io::stdout();
        writeln!(out, "READY yardstick http://{address}")?;
        out.flush()?;
        Ok(server.run().await?)
    })
}

async fn bare(bodies: Data<HashMap<String, Bytes>>, name: web::Path<String>) -> HttpResponse {
    match bodies.get(name.as_str()) {
        Some(body) => HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, "application/json"))
            .body(body.clone()),
        None => HttpResponse::NotFound().finish(),
    }
}

type Item = (u64, oneshot::Sender<()>);

/// Yardstick S: the engine with one thread that writes what waits in one synced batch, nothing around it.
#[derive(Debug)]
pub struct Raw {
    sender: mpsc::Sender<Item>,
    next: Arc<AtomicU64>,
    runtime: tokio::runtime::Runtime,
}

/// Documents that are inserted in turn under ever new ids.
const DOCUMENTS: u64 = 20_000;

impl Raw {
    /// An empty database in `folder`.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let db = Database::builder(folder).worker_threads(2).open()?;
        let memory = |bytes: u64| KeyspaceCreateOptions::default().max_memtable_size(bytes);
        let entities = db.keyspace("entities", || memory(32 << 20))?;
        let index = db.keyspace("index", || memory(8 << 20))?;
        let declared = town::declared();
        let documents = (0..DOCUMENTS)
            .map(|n| {
                let doc = town::stored(&town::entity(n))?;
                let entries = index::difference(None, Some(&doc), &declared).added;
                Ok((doc, entries))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let (sender, mut queue) = mpsc::channel::<Item>(1_024);
        std::thread::spawn(move || {
            while let Some(first) = queue.blocking_recv() {
                let mut group = vec![first];
                while let Ok(next) = queue.try_recv() {
                    group.push(next);
                }
                let mut batch = db.batch().durability(Some(PersistMode::SyncData));
                for (n, _) in &group {
                    let at = usize::try_from(n % DOCUMENTS).unwrap_or(0);
                    let (doc, entries) = &documents[at];
                    batch.insert(&entities, town::id(*n).as_bytes(), doc.bytes().as_ref());
                    for entry in entries {
                        // The entries end with the id of the document; another number makes them new.
                        let key = [entry.as_slice(), &n.to_be_bytes()].concat();
                        batch.insert(&index, key, b"".as_slice());
                    }
                }
                if batch.commit().is_err() {
                    // The writers see that nobody answers.
                    return;
                }
                for (_, answer) in group {
                    answer.send(()).ok();
                }
            }
        });
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        Ok(Self { sender, next: Arc::new(AtomicU64::new(0)), runtime })
    }

    /// Inserts from so many writers for `time`.
    pub fn run(&self, writers: usize, time: Duration) -> anyhow::Result<Slice> {
        let (sender, next) = (&self.sender, &self.next);
        self.runtime.block_on(async move {
            let mut tasks = JoinSet::new();
            let begun = Instant::now();
            for _ in 0..writers {
                let (sender, next) = (sender.clone(), Arc::clone(next));
                tasks.spawn(async move {
                    let mut micros = Vec::with_capacity(1 << 12);
                    while begun.elapsed() < time {
                        let sent = Instant::now();
                        let (answer, done) = oneshot::channel();
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        sender.send((n, answer)).await.ok().context("the engine stopped")?;
                        done.await.context("the engine failed")?;
                        micros.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
                    }
                    anyhow::Ok(micros)
                });
            }
            let mut micros = Vec::new();
            while let Some(one) = tasks.join_next().await {
                micros.extend(one??);
            }
            let seconds = begun.elapsed().as_secs_f64();
            Ok(Slice { requests: micros.len() as u64, seconds, micros })
        })
    }
}
