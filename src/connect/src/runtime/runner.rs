//! Runs one feed: poll, take over, remember, go on.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tsunagu_domain::{Clock, IdGen, TenantId, Timestamp};
use tsunagu_ngsi_ld::Entity;
use tsunagu_store::{Store, WriteSet};

use super::dead::{self, Dead, Replay};
use super::kept::{CURSORS, DEAD, OPEN, REPLAYS, TAKEN, delete, key, put, read, unavailable};
use super::lease::Lease;
use super::run::{self, RunReport};
use super::take::{Taken, Taking};
use super::vitals::Vitals;
use crate::pace::Caps;
use crate::{Batch, ConnectError, Cursor, Item, Mapper, Payload, Platform, Source};

/// So many dead letters are tried again at once.
const REPLAYED: usize = 100;

/// What every runner stands on.
#[derive(Clone)]
pub struct Ground {
    /// Where things are remembered.
    pub store: Arc<dyn Store>,
    /// Where entities go.
    pub platform: Arc<dyn Platform>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub ids: Arc<dyn IdGen>,
    /// The municipality.
    pub tenant: TenantId,
    /// Names this gateway among those that work on the store.
    pub gateway: String,
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ground").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    v: u32,
    cursor: Cursor,
}

/// Where the cursor of a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    /// Where it began.
    Nowhere,
    /// Further on.
    On,
}

/// Reads one source into one municipality.
pub struct Runner {
    ground: Ground,
    /// The connector.
    name: String,
    /// The connector, or its inbox: what cursor and lease are named for.
    feed: String,
    source: Box<dyn Source>,
    mapper: Option<Arc<dyn Mapper>>,
    caps: Caps,
    lease: Lease,
    pub(super) vitals: Arc<Vitals>,
    /// Dead letters at the last look and those since.
    buried: Option<usize>,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("feed", &self.feed).finish_non_exhaustive()
    }
}

impl Runner {
    /// For the source of the connector `name`; nothing runs yet.
    pub fn new(
        ground: Ground,
        name: &str,
        source: Box<dyn Source>,
        mapper: Option<Arc<dyn Mapper>>,
        caps: Caps,
    ) -> Self {
        Self::of_feed(ground, name, name, source, mapper, caps, Arc::default())
    }

    pub(super) fn of_feed(
        ground: Ground,
        name: &str,
        feed: &str,
        source: Box<dyn Source>,
        mapper: Option<Arc<dyn Mapper>>,
        caps: Caps,
        vitals: Arc<Vitals>,
    ) -> Self {
        let lease = Lease::new(feed, &ground.gateway);
        let (name, feed) = (name.to_owned(), feed.to_owned());
        Self { ground, name, feed, source, mapper, caps, lease, vitals, buried: None }
    }

    /// Reads everything that is there now. `None`: there was nothing new, or another gateway does it.
    pub async fn run_once(&mut self) -> Result<Option<RunReport>, ConnectError> {
        self.run_until(&CancellationToken::new()).await
    }

    pub(super) async fn run_until(
        &mut self,
        shutdown: &CancellationToken,
    ) -> Result<Option<RunReport>, ConnectError> {
        let Ground { store, tenant, clock, .. } = &self.ground;
        if !self.lease.hold(&**store, tenant, &**clock).await? {
            self.vitals.elsewhere();
            return Ok(None);
        }
        // A run that was cut off goes on: its report must not lose what was refused before.
        let open: Option<RunReport> = self.read(OPEN, self.feed.as_bytes()).await?;
        let mut report =
            open.unwrap_or_else(|| RunReport::begin(&self.name, self.ground.clock.micros()));
        let outcome = self.take_all(&mut report, shutdown).await;
        report.finish(self.ground.clock.micros());
        if let Err(error) = &outcome {
            report.error = Some(error.to_string());
        }
        // A source that gives everything each time ends where it began; a round that brought nothing new is no run.
        let idle = report.is_idle() && matches!(outcome, Ok(Moved::Nowhere));
        if report.is_empty() && outcome.is_ok() {
            return Ok(None);
        }
        if idle {
            let set = WriteSet::new(self.ground.tenant.clone())
                .with(delete(OPEN, self.feed.as_bytes().to_vec()));
            self.commit(set).await?;
            return Ok(None);
        }
        run::keep(&*self.ground.store, &self.ground.tenant, &self.feed, &report).await?;
        outcome.map(|_| Some(report))
    }

    /// Gives the feed to another gateway.
    pub(super) async fn release(&mut self) {
        self.lease.release(&*self.ground.store, &self.ground.tenant).await;
    }

    async fn take_all(
        &mut self,
        report: &mut RunReport,
        shutdown: &CancellationToken,
    ) -> Result<Moved, ConnectError> {
        if self.feed == self.name {
            self.replay(report).await?;
        }
        let remembered: Option<Remembered> = self.read(CURSORS, self.feed.as_bytes()).await?;
        let begun = remembered.map(|remembered| remembered.cursor);
        let mut cursor = begun.clone();
        let moved = |cursor: &Option<Cursor>| {
            if *cursor == begun { Moved::Nowhere } else { Moved::On }
        };
        loop {
            self.vitals.count(|counters| counters.polls += 1);
            let batch = self.source.poll(cursor.as_ref()).await?;
            let (more, items) = (batch.more, batch.items.len());
            let brings = items > 0 || !batch.report.is_empty();
            if brings || cursor.as_ref() != Some(&batch.cursor) {
                cursor = Some(self.take(batch, report).await?);
            }
            if !more || shutdown.is_cancelled() {
                return Ok(moved(&cursor));
            }
            self.slow_down(items, shutdown).await;
            let Ground { store, tenant, clock, .. } = &self.ground;
            if !self.lease.hold(&**store, tenant, &**clock).await? {
                self.vitals.elsewhere();
                return Ok(moved(&cursor));
            }
        }
    }

    /// Takes one batch over and moves the cursor.
    async fn take(&mut self, batch: Batch, report: &mut RunReport) -> Result<Cursor, ConnectError> {
        let now = self.ground.clock.micros();
        let mut next = report.clone();
        let room = (self.caps.dead_letters as usize).saturating_sub(self.dead_letters(now).await?);
        let mut taking = Taking::new(&self.ground, &self.name, self.mapper.as_deref(), &mut next);
        let refused = taking.items(&batch.items, now).await?;
        let buried = taking.bury(&batch.items, refused, room, now)?;
        let mut set = WriteSet { tenant: self.ground.tenant.clone(), ops: taking.ops };
        next.rows.extend(batch.report);
        let now = self.ground.clock.micros();
        next.finished = now;
        let feed = || self.feed.as_bytes().to_vec();
        set.ops.push(put(CURSORS, feed(), &Remembered { v: 1, cursor: batch.cursor.clone() })?);
        if !next.is_empty() {
            set.ops.push(put(OPEN, feed(), &next)?);
        }
        self.commit(set).await?;
        self.buried = self.buried.map(|before| before + buried);
        self.vitals.count(|counters| {
            counters.items += batch.items.len() as u64;
            counters.accepted += next.rows.accepted - report.rows.accepted;
            counters.refused += next.rows.refused_count - report.rows.refused_count;
        });
        *report = next;
        self.source.acknowledge(&batch.cursor).await?;
        Ok(batch.cursor)
    }

    /// Commits if the feed is still this gateway's.
    async fn commit(&mut self, mut set: WriteSet) -> Result<(), ConnectError> {
        self.lease.guard(&mut set, self.ground.clock.micros())?;
        let receipt = self.ground.store.commit(set).await.map_err(|error| unavailable(&error))?;
        self.lease.kept(receipt.version);
        Ok(())
    }

    /// How many dead letters there are; those that are too old are forgotten at the first look.
    async fn dead_letters(&mut self, now: Timestamp) -> Result<usize, ConnectError> {
        if let Some(buried) = self.buried {
            return Ok(buried);
        }
        let Ground { store, tenant, .. } = &self.ground;
        let left = dead::tidy(&**store, tenant, &self.name, now).await?;
        self.buried = Some(left);
        Ok(left)
    }

    /// Looks anew for dead letters that are too old.
    pub(super) fn tidy(&mut self) {
        self.buried = None;
    }

    /// Waits as long as the cap asks for so many items.
    async fn slow_down(&self, items: usize, shutdown: &CancellationToken) {
        let Some(per_second) = self.caps.items_per_second else { return };
        let items = u32::try_from(items).unwrap_or(u32::MAX);
        let pause = std::time::Duration::from_secs(1).saturating_mul(items) / per_second.max(1);
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    /// Tries dead letters again that somebody asked for.
    async fn replay(&mut self, report: &mut RunReport) -> Result<(), ConnectError> {
        let asked: Option<Replay> = self.read(REPLAYS, self.name.as_bytes()).await?;
        let Some(asked) = asked else { return Ok(()) };
        match asked {
            Replay::These(ids) => {
                for id in ids {
                    let Some(key) = dead::key_named(&self.name, &id) else { continue };
                    if let Some(dead) = self.read::<Dead>(DEAD, &key).await? {
                        self.try_again(vec![(key, dead)], report).await?;
                    }
                }
            }
            Replay::All => {
                let mut after = None;
                loop {
                    let Ground { store, tenant, .. } = &self.ground;
                    let found = dead::page(&**store, tenant, &self.name, after, REPLAYED).await?;
                    let Some((last, _)) = found.last() else { break };
                    after = Some(last.clone());
                    self.try_again(found, report).await?;
                }
            }
        }
        let set = WriteSet::new(self.ground.tenant.clone())
            .with(delete(REPLAYS, self.name.as_bytes().to_vec()));
        self.commit(set).await?;
        self.tidy();
        Ok(())
    }

    async fn try_again(
        &mut self,
        letters: Vec<(Vec<u8>, Dead)>,
        report: &mut RunReport,
    ) -> Result<(), ConnectError> {
        let now = self.ground.clock.micros();
        let mut ops = Vec::new();
        let mut left = Vec::new();
        for (key, dead) in letters {
            let (since, tries) = (dead.since, dead.tries);
            let item = dead.item()?;
            if self.superseded(&item, since, now).await? {
                ops.push(dead::forget(key));
            } else {
                left.push((key, since, tries, item));
            }
        }
        let items: Vec<Item> = left.iter().map(|(.., item)| item.clone()).collect();
        let mut next = report.clone();
        let mut taking = Taking::new(&self.ground, &self.name, self.mapper.as_deref(), &mut next);
        let refused = taking.items(&items, now).await?;
        ops.append(&mut taking.ops);
        for ((key, since, tries, item), refusals) in left.into_iter().zip(refused) {
            ops.push(if refusals.is_empty() {
                dead::forget(key)
            } else {
                dead::keep(&self.name, &item, refusals, Some((since, tries)), now)?
            });
        }
        self.commit(WriteSet { tenant: self.ground.tenant.clone(), ops }).await?;
        *report = next;
        Ok(())
    }

    /// Whether something later about the same entity was taken over since: then the old is not to come back.
    async fn superseded(
        &self,
        item: &Item,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<bool, ConnectError> {
        let meant;
        let entities: &[Entity] = match (&item.payload, &self.mapper) {
            (Payload::Entity(entity), _) => std::slice::from_ref(&**entity),
            (Payload::Record(record), Some(mapper)) => {
                meant = mapper.map(record, now).entities;
                &meant
            }
            (Payload::Record(_), None) => &[],
        };
        for entity in entities {
            let key = key(&self.name, entity.id.as_bytes());
            let taken: Option<Taken> = self.read(TAKEN, &key).await?;
            if taken.is_some_and(|taken| taken.at > since) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn read<T: serde::de::DeserializeOwned>(
        &self,
        collection: tsunagu_store::Collection,
        key: &[u8],
    ) -> Result<Option<T>, ConnectError> {
        read(&*self.ground.store, &self.ground.tenant, collection, key).await
    }

    pub(super) fn chance(&self) -> u8 {
        let [chance, ..] = self.ground.ids.bytes();
        chance
    }

    pub(super) fn now(&self) -> Timestamp {
        self.ground.clock.micros()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn ground(&self) -> &Ground {
        &self.ground
    }
}
