//! Runs one feed: poll, take over, remember, go on.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tsunagu_domain::{Clock, IdGen, TenantId, Timestamp};
use tsunagu_store::{Expect, Op, Store, WriteSet};

use super::dead::{self, Dead, Replay};
use super::inbox::InboxSource;
use super::kept::{
    CURSORS, DEAD, OPEN, REPLAYS, TAKEN, decode, delete, key, put, read, unavailable,
};
use super::lease::Lease;
use super::run::{self, RunReport};
use super::take::{Came, Taken, Taking};
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
    /// Batches taken over so far.
    #[serde(default)]
    batches: u64,
}

/// Where the cursor of a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    /// Where it began.
    Nowhere,
    /// Further on.
    On,
}

/// Where a feed's records come from.
pub(super) enum Feed {
    /// Asked for.
    Asked(Box<dyn Source>),
    /// Sent by themselves, and kept.
    Inbox(InboxSource),
}

impl Feed {
    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Batch, ConnectError> {
        match self {
            Self::Asked(source) => source.poll(cursor).await,
            Self::Inbox(inbox) => inbox.poll().await,
        }
    }

    /// What is to be done in the transaction that remembers the last batch.
    fn removal(&mut self) -> Vec<Op> {
        match self {
            Self::Asked(_) => Vec::new(),
            Self::Inbox(inbox) => inbox.removal(),
        }
    }

    async fn acknowledge(&mut self, cursor: &Cursor) -> Result<(), ConnectError> {
        match self {
            Self::Asked(source) => source.acknowledge(cursor).await,
            Self::Inbox(_) => Ok(()),
        }
    }
}

/// Reads one source into one municipality.
pub struct Runner {
    ground: Ground,
    /// The connector.
    name: String,
    /// The connector, or its inbox: what cursor and lease are named for.
    feed: String,
    source: Feed,
    mapper: Option<Arc<dyn Mapper>>,
    caps: Caps,
    lease: Lease,
    pub(super) vitals: Arc<Vitals>,
    /// Dead letters at the last look and those since.
    buried: Option<usize>,
    /// Batches taken over so far.
    batches: u64,
    /// Whether another gateway had the feed at the last round.
    elsewhere: bool,
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
        Self::of_feed(ground, name, name, Feed::Asked(source), mapper, caps, Arc::default())
    }

    pub(super) fn of_feed(
        ground: Ground,
        name: &str,
        feed: &str,
        source: Feed,
        mapper: Option<Arc<dyn Mapper>>,
        caps: Caps,
        vitals: Arc<Vitals>,
    ) -> Self {
        let lease = Lease::new(feed, &ground.gateway);
        let (name, feed) = (name.to_owned(), feed.to_owned());
        Self {
            ground,
            name,
            feed,
            source,
            mapper,
            caps,
            lease,
            vitals,
            buried: None,
            batches: 0,
            elsewhere: false,
        }
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
        self.elsewhere = !self.lease.hold(&**store, tenant, &**clock).await?;
        if self.elsewhere {
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
        self.batches = remembered.as_ref().map_or(0, |remembered| remembered.batches);
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
            self.elsewhere = !self.lease.hold(&**store, tenant, &**clock).await?;
            if self.elsewhere {
                return Ok(moved(&cursor));
            }
        }
    }

    /// Takes one batch over and moves the cursor.
    async fn take(&mut self, batch: Batch, report: &mut RunReport) -> Result<Cursor, ConnectError> {
        let now = self.ground.clock.micros();
        let mut next = report.clone();
        let (number, waiting) = (self.batches + 1, self.dead_letters(now).await?);
        let room = (self.caps.dead_letters as usize).saturating_sub(waiting);
        let mapper = self.mapper.as_deref();
        let mut taking = Taking::new(&self.ground, &mut self.lease, &self.name, mapper, &mut next)
            .coming(number, batch.items.len(), waiting > 0);
        let refused = taking.items(&batch.items, now).await?;
        let buried = taking.bury(&batch.items, refused, room, now).await?;
        let mut set = WriteSet { tenant: self.ground.tenant.clone(), ops: taking.ops };
        next.rows.extend(batch.report);
        let now = self.ground.clock.micros();
        next.finished = now;
        let feed = || self.feed.as_bytes().to_vec();
        set.ops.push(put(
            CURSORS,
            feed(),
            &Remembered { v: 1, cursor: batch.cursor.clone(), batches: number },
        )?);
        if !next.is_empty() {
            set.ops.push(put(OPEN, feed(), &next)?);
        }
        set.ops.extend(self.source.removal());
        self.commit(set).await?;
        self.batches = number;
        self.buried = self.buried.map(|before| before + buried);
        self.vitals.count(|counters| {
            counters.items += batch.items.len() as u64;
            counters.accepted += next.rows.accepted - report.rows.accepted;
            counters.unchanged += next.unchanged - report.unchanged;
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

    /// Forgets dead letters that are too old.
    pub(super) async fn tidy(&mut self) -> Result<(), ConnectError> {
        self.buried = None;
        self.dead_letters(self.ground.clock.micros()).await.map(drop)
    }

    /// Whether another gateway had the feed at the last round.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.elsewhere
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
        let Ground { store, tenant, .. } = &self.ground;
        let asked = store.record(tenant, REPLAYS, self.name.as_bytes()).await;
        let Some(asked) = asked.map_err(|error| unavailable(&error))? else { return Ok(()) };
        let (version, asked): (u64, Replay) = (asked.version, decode(&asked.value)?);
        // In the order in which they came, whatever their names are.
        let mut letters: Vec<(Came, Vec<u8>)> = Vec::new();
        match asked {
            Replay::These(ids) => {
                for id in ids {
                    let Some(key) = dead::key_named(&self.name, &id) else { continue };
                    if let Some(dead) = self.read::<Dead>(DEAD, &key).await? {
                        letters.push((dead.came(), key));
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
                    letters.extend(found.into_iter().map(|(key, dead)| (dead.came(), key)));
                }
            }
        }
        letters.sort_unstable();
        for some in letters.chunks(REPLAYED) {
            self.try_again(some, report).await?;
        }
        // What was asked for meanwhile is done at the next round.
        let (key, expect) = (self.name.as_bytes().to_vec(), Expect::Version(version));
        let done = Op::DeleteRecord { collection: REPLAYS, key, expect };
        self.commit(WriteSet::new(self.ground.tenant.clone()).with(done)).await?;
        self.buried = None;
        Ok(())
    }

    async fn try_again(
        &mut self,
        letters: &[(Came, Vec<u8>)],
        report: &mut RunReport,
    ) -> Result<(), ConnectError> {
        let now = self.ground.clock.micros();
        let (mut kept, mut items) = (Vec::new(), Vec::new());
        for (came, key) in letters {
            let Some(dead) = self.read::<Dead>(DEAD, key).await? else { continue };
            kept.push((key.clone(), (dead.since, *came, dead.tries)));
            items.push(dead.item()?);
        }
        let mut stale = HashSet::new();
        for (at, (item, (_, (_, came, _)))) in items.iter().zip(&kept).enumerate() {
            for overtaken in self.overtaken(item, *came, now).await? {
                stale.insert((at, overtaken));
            }
        }
        let came = kept.iter().map(|(_, (_, came, _))| *came).collect();
        let mut next = report.clone();
        let mapper = self.mapper.as_deref();
        let mut taking = Taking::new(&self.ground, &mut self.lease, &self.name, mapper, &mut next)
            .again(came, stale);
        let refused = taking.items(&items, now).await?;
        let mut ops = taking.ops;
        for (((key, before), item), refusals) in kept.into_iter().zip(&items).zip(refused) {
            ops.push(if refusals.is_empty() {
                dead::forget(key)
            } else {
                dead::keep(&self.name, item, refusals, before)?
            });
        }
        self.commit(WriteSet { tenant: self.ground.tenant.clone(), ops }).await?;
        *report = next;
        Ok(())
    }

    /// The entities of an item about which something later was taken over: then the old is not to come back.
    async fn overtaken(
        &self,
        item: &Item,
        came: Came,
        now: Timestamp,
    ) -> Result<Vec<String>, ConnectError> {
        let ids: Vec<String> = match (&item.payload, &self.mapper) {
            (Payload::Entity(entity), _) => vec![entity.id.clone()],
            (Payload::Record(record), Some(mapper)) => {
                mapper.map(record, now).entities.into_iter().map(|entity| entity.id).collect()
            }
            (Payload::Record(_), None) => Vec::new(),
        };
        let mut overtaken = Vec::new();
        for id in ids {
            let taken: Option<Taken> = self.read(TAKEN, &key(&self.name, id.as_bytes())).await?;
            if taken.is_some_and(|taken| taken.came() > came) {
                overtaken.push(id);
            }
        }
        Ok(overtaken)
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
