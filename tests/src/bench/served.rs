//! Readers of residents' data that remember what they were given, and which entry of the log was said to tell of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tsunagu_audit::{AuditLog, Reader};
use tsunagu_domain::{SystemClock, SystemIds, TenantId};
use tsunagu_store::Store;
use tsunagu_store_embedded::{EmbeddedStore, Options};

use super::gateway::{Gateway, TENANT};
use super::load::{Connection, once};
use super::town::{Client, declared, secret};

/// The reads that were answered: index of the entry → id of the request.
#[derive(Debug, Default)]
pub struct Served(BTreeMap<u64, String>);

impl Served {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets `readers` connections read until the gateway dies or `stop` changes, and keeps what they were given. No two answers may name one entry.
    pub async fn read(
        &mut self,
        address: SocketAddr,
        clients: &Arc<Vec<Client>>,
        readers: usize,
        stop: &watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let mut tasks = JoinSet::new();
        for reader in 0..readers {
            tasks.spawn(until_dead(address, Arc::clone(clients), reader, stop.clone()));
        }
        while let Some(given) = tasks.join_next().await {
            for (index, request) in given?? {
                let before = self.0.insert(index, request);
                ensure!(before.is_none(), "two answers name entry {index}");
            }
        }
        Ok(())
    }

    /// Compares with how long a started gateway says that its log is.
    pub fn within(&self, address: SocketAddr) -> anyhow::Result<()> {
        let request = format!("GET /audit/v1/checkpoint HTTP/1.1\r\nHost: {address}\r\n\r\n");
        let answer = once(address, request.as_bytes())?;
        let note = String::from_utf8_lossy(&answer.body);
        let size: u64 = note.lines().nth(1).context("no checkpoint")?.parse()?;
        let last = self.0.last_key_value().map_or(0, |(index, _)| index + 1);
        ensure!(last <= size, "entry {} was answered for, and the log ends at {size}", last - 1);
        Ok(())
    }

    /// Looks into the log of a stopped gateway: every entry that an answer named tells of the request that was answered.
    pub async fn compare(&self, gateway: &Gateway) -> anyhow::Result<()> {
        let options = Options { declared: declared(), ..Options::default() };
        let store = EmbeddedStore::open(gateway.folder.join("store"), &options)?;
        let log = AuditLog::new(
            Arc::<EmbeddedStore>::clone(&store) as Arc<dyn Store>,
            Arc::new(SystemClock),
            Arc::new(SystemIds),
            tsunagu_audit::Signer::from_seed(&secret(&gateway.folder.join("keys"), "audit.key")?)?,
        );
        let tenant: TenantId = TENANT.parse()?;
        let reader = Reader::auditor("client:soak".to_owned(), "soak".to_owned());
        let (mut left, mut from) = (self.0.iter().peekable(), 0);
        while left.peek().is_some() {
            let page = log.read_entries(&tenant, &reader, from, 1000).await?;
            ensure!(!page.is_empty(), "the log ends at {from}, before what was answered for");
            from += page.len() as u64;
            for entry in page {
                let Some((_, request)) = left.next_if(|(index, _)| **index == entry.index) else {
                    continue;
                };
                let told = entry.access().map(|access| access.request.as_str());
                ensure!(told == Some(request), "entry {} tells of another request", entry.index);
            }
        }
        store.close().await;
        Ok(())
    }
}

async fn until_dead(
    address: SocketAddr,
    clients: Arc<Vec<Client>>,
    reader: usize,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<Vec<(u64, String)>> {
    let mut given = Vec::new();
    let Ok(mut line) = Connection::open(address).await else {
        return Ok(given);
    };
    for Client { path, token, .. } in clients.iter().cycle().skip(reader) {
        if *stop.borrow_and_update() {
            break;
        }
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: soak\r\nAuthorization: Bearer {token}\r\n\r\n");
        let answered = async {
            line.send(request.as_bytes()).await?;
            line.receive().await
        };
        let Ok(got) = answered.await else {
            break;
        };
        let text = line.text(&got);
        ensure!(got.status == 200, "a read was refused: {text}");
        let header = |name: &str| {
            let mut lines = text.lines().take_while(|line| !line.is_empty());
            let value = lines.find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            });
            value.with_context(|| format!("an answer without {name}"))
        };
        given.push((header("audit-entry")?.parse()?, header("x-request-id")?));
    }
    Ok(given)
}
