//! What works through loads, one small step after the other.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tsunagu_connector_csv_drop::Config;
use tsunagu_domain::{Problem, Timestamp};
use tsunagu_store::{Expect, Guard, Op};

use crate::imports::Imports;
use crate::load::{Load, LoadId, LoadState};
use crate::records::{self, HEADS, Head, Kept, UPLOADS, Uploaded};
use crate::staging::Open;

/// The longest wait after failures.
const LONGEST: Duration = Duration::from_mins(5);

/// A load that another process reads or publishes is left to it as long as it goes on so often.
const LEFT: Timestamp = 60_000_000;

/// A load that another process was seen to work on.
struct Theirs {
    id: LoadId,
    /// How far it was.
    at: Progress,
    /// When it was seen to be there first.
    since: Timestamp,
}

/// How far a load is read and published.
type Progress = (u64, Option<String>);

/// Works through the loads of every layout. Several processes may do so at once: every step ends with a commit that only one of them wins.
pub struct Loader {
    imports: Arc<Imports>,
    open: Option<Open>,
    theirs: Option<Theirs>,
    /// Layouts whose last step failed.
    failing: HashMap<String, Failing>,
}

/// A layout that could not go on.
struct Failing {
    /// So often in a row.
    times: u32,
    /// When it is tried again.
    next: Instant,
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loader(…)")
    }
}

impl Loader {
    /// Nothing runs yet.
    pub fn new(imports: Arc<Imports>) -> Self {
        Self { imports, open: None, theirs: None, failing: HashMap::new() }
    }

    /// Works until told to stop, looking for new files so often. A layout that fails is left for a while; the others go on.
    pub async fn run(mut self, interval: Duration, shutdown: CancellationToken) {
        let imports = Arc::clone(&self.imports);
        while !shutdown.is_cancelled() {
            let mut any = false;
            for config in &imports.layouts {
                any |= self.attempt(&imports, config, interval).await;
            }
            if any {
                continue;
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(interval) => {}
            }
        }
    }

    /// Does one step for a layout, unless it failed a short while ago; `false` when nothing was done.
    async fn attempt(&mut self, imports: &Imports, config: &Config, interval: Duration) -> bool {
        if self.failing.get(&config.name).is_some_and(|failing| failing.next > Instant::now()) {
            return false;
        }
        let before = self.failing.remove(&config.name);
        match self.work(imports, config).await {
            Ok(did) => did,
            Err(problem) => {
                let times = before.map_or(0, |failing| failing.times).saturating_add(1);
                tracing::warn!(layout = config.name, %problem, times, "a load could not go on");
                let wait = interval.saturating_mul(1 << times.min(12)).min(LONGEST);
                let next = Instant::now() + wait;
                self.failing.insert(config.name.clone(), Failing { times, next });
                false
            }
        }
    }

    /// Does one step for every layout; `false` when there is nothing to do until somebody decides or a file comes.
    pub async fn step(&mut self) -> Result<bool, Problem> {
        let imports = Arc::clone(&self.imports);
        let (mut any, mut failed) = (false, None);
        for config in &imports.layouts {
            match self.work(&imports, config).await {
                Ok(did) => any |= did,
                // The others go on.
                Err(problem) => failed = Some(problem),
            }
        }
        failed.map_or(Ok(any), Err)
    }

    /// Reads or publishes on, unless another process does: opening a long file again and again only to come too late helps nobody, nor does
    /// writing every record twice. Who stopped in the midst of a batch is followed by another after a while, who does the batch once more.
    async fn carry_on(
        &mut self,
        imports: &Imports,
        config: &Config,
        kept: Kept<Load>,
    ) -> Result<bool, Problem> {
        let (id, now) = (kept.data.id(), imports.services.clock.micros());
        let at = (kept.data.counts.rows, kept.data.cursor.clone());
        if let Some(theirs) = self.theirs.as_mut().filter(|theirs| theirs.id == id) {
            if theirs.at != at {
                (theirs.at, theirs.since) = (at.clone(), now);
            }
            if now.saturating_sub(theirs.since) < LEFT {
                return Ok(false);
            }
        }
        let won = match kept.data.state {
            LoadState::Publishing => imports.publish_batch(config, kept).await?,
            _ => imports.stage(config, kept, &mut self.open).await?,
        };
        self.theirs = (!won).then_some(Theirs { id, at, since: now });
        Ok(won)
    }

    async fn work(&mut self, imports: &Imports, config: &Config) -> Result<bool, Problem> {
        let head = imports.head(&config.name).await?;
        if let Some(number) = head.as_ref().and_then(|head| head.data.current) {
            let kept = imports.kept(&LoadId { layout: config.name.clone(), number }).await?;
            match kept.data.state {
                LoadState::Clearing => return imports.clear(kept).await.map(|()| true),
                LoadState::Settling => return imports.settle(kept).await.map(|()| true),
                LoadState::Comparing => return imports.compare(config, kept).await.map(|()| true),
                LoadState::Staging | LoadState::Publishing => {
                    return self.carry_on(imports, config, kept).await;
                }
                LoadState::Waiting | LoadState::Held | LoadState::Proposed => {}
                LoadState::Published
                | LoadState::Superseded
                | LoadState::Discarded
                | LoadState::Refused => {
                    if let Some(head) = head {
                        imports.let_go(config, head, &kept.data).await?;
                    }
                    return Ok(true);
                }
            }
        }
        if let Some(head) = head.as_ref().filter(|head| !head.data.purge.is_empty()) {
            return imports.purge(config, head).await.map(|()| true);
        }
        imports.pick_up(config, head.as_ref()).await
    }
}

impl Imports {
    /// Nothing is to be done about this load any more.
    async fn let_go(&self, config: &Config, head: Kept<Head>, load: &Load) -> Result<(), Problem> {
        let (mut next, mut set) = (head.data, self.set());
        next.current = None;
        if load.state == LoadState::Discarded {
            next.purge.push(load.number);
            // A file that changed while it was read is looked at again, even when its time and size are the same.
            next.seen.remove(&load.file);
            // Whoever handed it over has a hand in what is found there then, too.
            if let Some((by, at)) = load.uploaded() {
                let key = records::uploaded(&config.name, &load.file);
                let guards = vec![Guard::Absent { collection: UPLOADS, key: key.clone() }];
                let again = Uploaded { by: by.clone(), at };
                let then = vec![records::put(UPLOADS, &key, None, &again, Expect::Any)?];
                set.ops.push(Op::When { guards, then, otherwise: Vec::new() });
            }
        }
        let expect = Expect::Version(head.version);
        set.ops.push(records::put(HEADS, config.name.as_bytes(), None, &next, expect)?);
        records::try_commit(&*self.services.store, set).await?;
        Ok(())
    }

    /// Deletes some of the rows of a load that are no longer needed; the load itself and its findings of a published one stay to be looked at.
    async fn purge(&self, config: &Config, head: &Kept<Head>) -> Result<(), Problem> {
        let Some(number) = head.data.purge.first() else { return Ok(()) };
        let store = &*self.services.store;
        let mut set = self.set();
        set.ops = self.read_of(&config.name, *number).await?;
        if set.ops.is_empty() {
            let mut next = head.data.clone();
            next.purge.remove(0);
            let expect = Expect::Version(head.version);
            set.ops.push(records::put(HEADS, config.name.as_bytes(), None, &next, expect)?);
        }
        records::try_commit(store, set).await?;
        Ok(())
    }
}
