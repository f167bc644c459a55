//! What people decided about values of columns: used when rows are read, kept for later loads, listed and withdrawn.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use tsunagu_connector_csv_drop::{Config, Decided, Decisions, Layout};
use tsunagu_domain::{Problem, Timestamp};
use tsunagu_ngsi_ld::Context;
use tsunagu_staff::{Account, Acting, Who};
use tsunagu_store::{Expect, Op, Scan, WriteSet};

use crate::acts::{LOOK, object};
use crate::imports::Imports;
use crate::load::{Counts, Load, LoadId, LoadState};
use crate::queue::DECIDE;
use crate::records::{
    self, ATTEMPTS, DECISIONS, Decision, FINDINGS, HEADS, Kept, ROWS, USED, WAITING, busy,
};
use crate::staging::keep;

/// Records deleted at once.
const CLEARED: usize = 1_000;

/// What was decided, as it was read.
pub(crate) struct Settled {
    layout: Layout,
    number: u64,
    decisions: HashMap<[u8; 32], (Decided, Who)>,
    used: Mutex<Used>,
}

/// The decisions that rows were read by, and whose they are.
#[derive(Default)]
pub(crate) struct Used {
    digests: BTreeSet<[u8; 32]>,
    by: BTreeMap<Account, Who>,
}

impl Used {
    /// Books them with a load: who decided about a value of it, now or for an earlier load, does not publish it, and who withdraws a decision
    /// finds which loads were read by it.
    pub(crate) fn book(self, load: &mut Load, ops: &mut Vec<Op>) -> Result<(), Problem> {
        for who in self.by.into_values() {
            load.hand(who);
        }
        for digest in self.digests {
            let key = records::in_load(&load.layout, load.number, &digest);
            ops.push(records::put(USED, &key, None, &(), Expect::Any)?);
        }
        Ok(())
    }
}

impl Settled {
    /// What was used since it was asked last.
    pub(crate) fn used(&self) -> Used {
        std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Names what a decision is about: a value of a column, or that value in one line of one load only.
pub(crate) fn about(
    layout: &Layout,
    column: &str,
    written: &str,
    only: Option<(u64, u64)>,
) -> [u8; 32] {
    match only {
        None => layout.digest(column, written),
        Some((number, line)) => layout.digest(column, &format!("\0{number}\0{line}\0{written}")),
    }
}

impl Decisions for Settled {
    fn on(&self, column: &str, written: &str, only: Option<u64>) -> Option<Decided> {
        if self.decisions.is_empty() {
            return None;
        }
        let only = only.map(|line| (self.number, line));
        let digest = about(&self.layout, column, written, only);
        let (decided, by) = self.decisions.get(&digest)?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.digests.insert(digest);
        used.by.entry(by.account.clone()).or_insert_with(|| by.clone());
        Some(decided.clone())
    }
}

/// A decision that is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptDecision {
    /// What names it: 64 hexadecimal digits that tell nothing of the value.
    pub id: String,
    /// The column; `None` in one from before it was kept.
    pub column: Option<String>,
    /// Whether rows with the value are refused.
    pub refused: bool,
    /// What is written and what is meant, for whoever may see that.
    pub value: Option<DecidedValue>,
    /// The load and its line, when it is about that alone.
    pub only: Option<(LoadId, u64)>,
    /// The name of the member who decided.
    pub by: String,
    /// When, microseconds since the epoch.
    pub at: Timestamp,
}

impl fmt::Debug for KeptDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptDecision").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The value that a decision is about.
#[derive(Clone, PartialEq, Eq)]
pub struct DecidedValue {
    /// As written; `None` in a decision from before it was kept.
    pub written: Option<String>,
    /// What is meant; `None`: rows with it are refused.
    pub take: Option<String>,
}

impl fmt::Debug for DecidedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecidedValue(…)")
    }
}

/// The bytes that an id names; `None` for what is none.
fn digest_of(id: &str) -> Option<[u8; 32]> {
    let hex = id.len() == 64 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    hex.then(|| records::unhex(id)).and_then(|bytes| bytes.try_into().ok())
}

impl Imports {
    /// What was decided about values of a layout, for a load of it: as much as people decided.
    pub(crate) async fn settled(&self, config: &Config, load: &Load) -> Result<Settled, Problem> {
        let prefix = records::of_layout(&config.name);
        let mut page = Scan { prefix: prefix.clone(), limit: 500, ..Scan::default() };
        let mut decisions = HashMap::new();
        loop {
            let store = &*self.services.store;
            let found = records::scan::<Decision>(store, &self.tenant, DECISIONS, &page).await?;
            let Some((last, _)) = found.last() else { break };
            page.after = Some(last.clone());
            for (key, kept) in found {
                let digest = key.strip_prefix(&prefix[..]).and_then(|d| d.try_into().ok());
                let decided = match kept.data.take {
                    Some(text) => Decided::Take(text),
                    None => Decided::Refuse,
                };
                if let Some(digest) = digest {
                    decisions.insert(digest, (decided, kept.data.by));
                }
            }
        }
        let (layout, number) = (Self::laid(config, &load.header)?, load.number);
        Ok(Settled { layout, number, decisions, used: Mutex::default() })
    }

    /// Decisions of a layout that later loads are read by, behind one of them, in the order of their ids. For counter, operators, approvers and
    /// auditors; with `values`, whoever may see the queue gets the values as well. The look is written down before the answer.
    pub async fn decisions(
        &self,
        by: &Acting,
        layout: &str,
        after: Option<&str>,
        limit: usize,
        values: bool,
    ) -> Result<Vec<KeptDecision>, Problem> {
        let what = object("import-decisions-read", layout);
        self.desk.demand(&self.tenant, by, &LOOK, what).await?;
        let (config, values) = (self.layout(layout)?, values && by.member.has(&DECIDE));
        let prefix = records::of_layout(layout);
        let after = after.map(|id| digest_of(id).ok_or_else(Problem::not_found)).transpose()?;
        let after = after.map(|digest| [&prefix[..], &digest].concat());
        let page = Scan { prefix: prefix.clone(), after, limit, ..Scan::default() };
        let store = &*self.services.store;
        let found = records::scan::<Decision>(store, &self.tenant, DECISIONS, &page).await?;
        let shown = found.into_iter().map(|(key, Kept { data, .. })| KeptDecision {
            id: records::hex(key.strip_prefix(&prefix[..]).unwrap_or_default()),
            refused: data.take.is_none(),
            value: values.then_some(DecidedValue { written: data.written, take: data.take }),
            only: data
                .only
                .map(|(number, line)| (LoadId { layout: layout.to_owned(), number }, line)),
            column: data.column,
            by: data.by.name,
            at: data.at,
        });
        let shown: Vec<KeptDecision> = shown.collect();
        let mut access = self.access(by, what, "");
        access.types = vec![Context::core().expand(&config.entity_type).into_owned()];
        if values {
            let columns = shown.iter().filter_map(|decision| decision.column.as_deref());
            access.attributes = attributes(config, columns);
        }
        access.count = shown.len() as u64;
        self.services.log.record(&self.tenant, &access).await?;
        Ok(shown)
    }

    /// Withdraws a decision. A load that is not approved yet and was read by it is read again, and its rows wait as if nothing had been decided;
    /// what is published, or was and is kept to go back to, stays as it is. For counter and operators.
    pub async fn withdraw(&self, by: &Acting, layout: &str, id: &str) -> Result<(), Problem> {
        let what = object("import-decision-withdraw", layout);
        self.desk.demand(&self.tenant, by, &DECIDE, what).await?;
        let config = self.layout(layout)?;
        let digest = digest_of(id).ok_or_else(Problem::not_found)?;
        let key = [&records::of_layout(layout)[..], &digest].concat();
        for _ in 0..ATTEMPTS {
            let store = &*self.services.store;
            let found = records::read::<Decision>(store, &self.tenant, DECISIONS, &key).await?;
            let found = found.ok_or_else(Problem::not_found)?;
            let mut set = self.set();
            set.ops.push(records::delete(DECISIONS, &key, Expect::Version(found.version)));
            self.unread(by, layout, &digest, &mut set).await?;
            let mut access = self.access(by, what, "");
            access.types = vec![Context::core().expand(&config.entity_type).into_owned()];
            set.ops.extend(self.services.log.ops(&access)?);
            if records::try_commit(store, set).await? {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// The load that is worked on is read again if it was read by this decision. Otherwise it is written as it is, and the head of the layout with
    /// it: whoever is reading rows at this moment and has the decision in hand comes too late with what they read.
    async fn unread(
        &self,
        by: &Acting,
        layout: &str,
        digest: &[u8; 32],
        set: &mut WriteSet,
    ) -> Result<(), Problem> {
        let Some(head) = self.head(layout).await? else { return Ok(()) };
        let (place, expect) = (layout.as_bytes(), Expect::Version(head.version));
        set.ops.push(records::put(HEADS, place, None, &head.data, expect)?);
        let Some(number) = head.data.current else { return Ok(()) };
        let kept = self.kept(&LoadId { layout: layout.to_owned(), number }).await?;
        let mut load = kept.data;
        if !load.state.is_open() {
            return Ok(());
        }
        let used = records::in_load(layout, number, digest);
        let used = self.services.store.record(&self.tenant, USED, &used).await?;
        // One that was published before is what is gone back to, whatever is decided now.
        if used.is_some() && head.data.former != Some(number) {
            load.state = LoadState::Clearing;
            (load.counts, load.findings) = (Counts::default(), 0);
            (load.difference, load.against) = (None, None);
            (load.proposed, load.forced) = (false, false);
            load.step(self.services.clock.micros(), "withdrawn", Some(by.who()), String::new());
        }
        set.ops.push(keep(&load, Expect::Version(kept.version))?);
        Ok(())
    }

    /// Deletes some of what was read of a load; when nothing is left, its file is read again.
    pub(crate) async fn clear(&self, kept: Kept<Load>) -> Result<(), Problem> {
        let (version, mut load) = (kept.version, kept.data);
        let mut set = self.set();
        set.ops = self.read_of(&load.layout, load.number).await?;
        if set.ops.is_empty() {
            load.state = LoadState::Staging;
        }
        set.ops.push(keep(&load, Expect::Version(version))?);
        records::try_commit(&*self.services.store, set).await?;
        Ok(())
    }

    /// Deletions of what was read of a load, some of them; none when there is nothing more.
    pub(crate) async fn read_of(&self, layout: &str, number: u64) -> Result<Vec<Op>, Problem> {
        let prefix = records::of_load(layout, number);
        let mut ops = Vec::new();
        for collection in [ROWS, WAITING, FINDINGS, USED] {
            let page = Scan { prefix: prefix.clone(), limit: CLEARED, ..Scan::default() };
            let found = self.services.store.records(&self.tenant, collection, &page).await?;
            ops.extend(found.iter().map(|(key, _)| records::delete(collection, key, Expect::Any)));
            if ops.len() >= CLEARED {
                break;
            }
        }
        Ok(ops)
    }
}

/// The attributes of columns.
pub(crate) fn attributes<'a>(
    config: &Config,
    columns: impl Iterator<Item = &'a str>,
) -> Vec<String> {
    let context = Context::core();
    let shown: BTreeSet<&str> =
        columns.filter_map(|column| config.columns.get(column)?.attribute.as_deref()).collect();
    shown.into_iter().map(|attribute| context.expand(attribute).into_owned()).collect()
}
