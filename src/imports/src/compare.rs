//! Two loads side by side, in the order of their names and in memory that does not grow with them.

use std::collections::VecDeque;

use tsunagu_connector_csv_drop::Config;
use tsunagu_domain::Problem;
use tsunagu_store::{Expect, Scan};

use crate::imports::Imports;
use crate::load::{Difference, Load, LoadState};
use crate::records::{self, Kept, ROWS, Row};
use crate::staging::keep;

/// Rows read at once.
const PAGE: usize = 1_000;

/// The rows of one load, in order.
pub(crate) struct Walk<'a> {
    imports: &'a Imports,
    prefix: Vec<u8>,
    after: Option<Vec<u8>>,
    page: VecDeque<(Vec<u8>, Row)>,
    ended: bool,
}

impl<'a> Walk<'a> {
    /// From behind this name on; `None`: there is no load.
    pub(crate) fn new(
        imports: &'a Imports,
        layout: &str,
        number: Option<u64>,
        after: &[u8],
    ) -> Self {
        let prefix = records::of_load(layout, number.unwrap_or(0));
        let after = (!after.is_empty()).then(|| [&prefix[..], after].concat());
        Self { imports, prefix, after, page: VecDeque::new(), ended: number.is_none() }
    }

    /// The next name.
    async fn peek(&mut self) -> Result<Option<&[u8]>, Problem> {
        if self.page.is_empty() && !self.ended {
            let (prefix, after) = (self.prefix.clone(), self.after.take());
            let page = Scan { prefix, after, limit: PAGE, ..Scan::default() };
            let store = &self.imports.services.store;
            let found = store.records(&self.imports.tenant, ROWS, &page).await?;
            self.ended = found.len() < PAGE;
            self.after = found.last().map(|(key, _)| key.clone());
            for (key, record) in found {
                let name = key.get(self.prefix.len()..).unwrap_or_default().to_vec();
                self.page.push_back((name, Row::read(record.value)?));
            }
        }
        Ok(self.page.front().map(|(name, _)| name.as_slice()))
    }

    fn take(&mut self) -> Option<Row> {
        self.page.pop_front().map(|(_, row)| row)
    }
}

/// A record in one load, in the other, or in both.
pub(crate) struct Pair {
    pub(crate) name: Vec<u8>,
    pub(crate) new: Option<Row>,
    pub(crate) old: Option<Row>,
}

/// The next name of either.
pub(crate) async fn next(new: &mut Walk<'_>, old: &mut Walk<'_>) -> Result<Option<Pair>, Problem> {
    let (one, other) =
        (new.peek().await?.map(<[u8]>::to_vec), old.peek().await?.map(<[u8]>::to_vec));
    let name = match (&one, &other) {
        (Some(a), Some(b)) => a.min(b).clone(),
        (Some(a), None) | (None, Some(a)) => a.clone(),
        (None, None) => return Ok(None),
    };
    let new = (one.as_ref() == Some(&name)).then(|| new.take()).flatten();
    let old = (other.as_ref() == Some(&name)).then(|| old.take()).flatten();
    Ok(Some(Pair { name, new, old }))
}

impl Difference {
    /// Where a record is counted that the load has so and the published one so.
    pub(crate) fn count(&mut self, new: Option<&Row>, old: Option<&Row>) -> Option<&mut u64> {
        match (new, old) {
            (Some(Row::Record(_)), None | Some(Row::Withheld)) => Some(&mut self.added),
            (Some(Row::Record(new)), Some(old)) if old == new => Some(&mut self.unchanged),
            (Some(Row::Record(_)), Some(_)) => Some(&mut self.changed),
            (Some(Row::Withheld), Some(Row::Record(_))) => Some(&mut self.unchanged),
            (None, Some(Row::Record(_))) => Some(&mut self.ended),
            (Some(Row::Withheld) | None, _) => None,
        }
    }

    /// Counts a record that the load comes to have otherwise.
    pub(crate) fn recount(&mut self, was: Option<&Row>, is: Option<&Row>, old: Option<&Row>) {
        if let Some(count) = self.count(was, old) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = self.count(is, old) {
            *count += 1;
        }
    }

    /// Records of the published load.
    fn before(&self) -> u64 {
        self.changed + self.ended + self.unchanged
    }
}

impl Imports {
    /// Lets a load wait or holds it, for what it is found to change.
    pub(crate) fn judge(&self, config: &Config, load: &mut Load, found: Difference) {
        load.difference = Some(found);
        let most = u64::from(config.max_ended_percent);
        let too_many = found.ended.saturating_mul(100) > found.before().saturating_mul(most);
        // A row that does not say whose it is may be the row of a record that seems to end.
        let unclear = found.ended > 0 && load.counts.unidentified > 0;
        let held = (too_many || unclear) && !load.forced;
        load.state = match (held, load.proposed) {
            (true, _) => LoadState::Held,
            (false, true) => LoadState::Proposed,
            (false, false) => LoadState::Waiting,
        };
        if held {
            load.step(self.services.clock.micros(), "held", None, String::new());
        } else {
            load.revision = load.revision.saturating_add(1);
        }
    }

    /// Compares a load with what is published, and lets it wait or holds it.
    pub(crate) async fn compare(&self, config: &Config, kept: Kept<Load>) -> Result<(), Problem> {
        let (version, mut load) = (kept.version, kept.data);
        let published = self.head(&load.layout).await?.and_then(|head| head.data.published);
        let mut new = Walk::new(self, &load.layout, Some(load.number), &[]);
        let mut old = Walk::new(self, &load.layout, published, &[]);
        let mut found = Difference::default();
        while let Some(Pair { new, old, .. }) = next(&mut new, &mut old).await? {
            if let Some(count) = found.count(new.as_ref(), old.as_ref()) {
                *count += 1;
            }
        }
        load.against = published;
        self.judge(config, &mut load, found);
        let set = self.set().with(keep(&load, Expect::Version(version))?);
        if records::try_commit(&*self.services.store, set).await? {
            let (id, state, rows) = (load.id(), load.state.as_str(), load.counts.rows);
            tracing::info!(load = %id, state, rows, ended = found.ended, "a load was compared");
        }
        Ok(())
    }
}
