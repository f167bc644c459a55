//! Decisions taken over into a load: rows that waited are read again.

use std::collections::{BTreeMap, BTreeSet};

use tsunagu_connector_csv_drop::{Config, Finding, Layout, Outcome, Undecided, Weight};
use tsunagu_domain::{Problem, TsunoId};
use tsunagu_store::{Expect, Scan, StoreError};

use crate::imports::Imports;
use crate::load::{Load, LoadState};
use crate::queue::{cells, line};
use crate::records::{self, Kept, ROWS, Row, WAITING, Waiting};
use crate::staging::{keep, note};

/// Rows read again at once.
const PAGE: usize = 500;

impl Imports {
    /// Reads the rows that wait once more. Cut off anywhere, it is begun again, and what was settled waits no more. What the load changes is counted
    /// on as its rows become others, so that a decision costs what waits and not the whole load.
    pub(crate) async fn settle(&self, kept: Kept<Load>) -> Result<(), Problem> {
        let (mut version, mut load) = (kept.version, kept.data);
        let config = self.layout(&load.layout)?;
        let layout = Self::laid(config, &load.header)?;
        let settled = self.settled(config, &load).await?;
        let prefix = records::of_load(&load.layout, load.number);
        let mut page = Scan { prefix, limit: PAGE, ..Scan::default() };
        loop {
            let store = &*self.services.store;
            let found = records::scan::<Waiting>(store, &self.tenant, WAITING, &page).await?;
            page.after = found.last().map(|(key, _)| key.clone());
            let (mut set, over) = (self.set(), found.is_empty());
            match load.difference.filter(|_| over) {
                Some(difference) => self.judge(config, &mut load, difference),
                None if over => load.state = LoadState::Comparing,
                None => {}
            }
            let mut becomes = BTreeMap::new();
            for (key, kept) in found {
                let mut outcome = layout.row(&cells(&kept.data), line(&key), 0, &settled);
                self.place(config, &mut load, &mut outcome, &mut becomes).await?;
                // Whose it is may have been among what was decided.
                let named = !kept.data.named
                    && outcome.name.is_some()
                    && unnamed(&layout, &kept.data, line(&key));
                load.counts.unidentified =
                    load.counts.unidentified.saturating_sub(u64::from(named));
                match (&outcome.record, outcome.weight()) {
                    (None, Some(Weight::ToDecide)) => {
                        if named {
                            let waiting = Waiting { named, ..kept.data };
                            let op = records::put(WAITING, &key, None, &waiting, Expect::Any)?;
                            set.ops.push(op);
                        }
                        continue;
                    }
                    (Some(_), _) => load.counts.accepted += 1,
                    (None, _) => {
                        load.counts.refused += 1;
                        note(&mut load, &outcome.findings, &mut set.ops)?;
                    }
                }
                load.counts.to_decide = load.counts.to_decide.saturating_sub(1);
                set.ops.push(records::delete(WAITING, &key, Expect::Any));
            }
            let rows = becomes.iter();
            set.ops.extend(
                rows.map(|(name, row)| row.put(records::in_load(&load.layout, load.number, name))),
            );
            settled.used().book(&mut load, &mut set.ops)?;
            set.ops.push(keep(&load, Expect::Version(version))?);
            match store.commit(set).await {
                Ok(receipt) => version = receipt.version,
                // Somebody decided something else meanwhile: it is begun again.
                Err(StoreError::Conflict { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            if over {
                return Ok(());
            }
        }
    }

    /// Puts what became of a row among the rows of the load, as far as it says whose it is.
    async fn place(
        &self,
        config: &Config,
        load: &mut Load,
        outcome: &mut Outcome,
        becomes: &mut BTreeMap<[u8; 16], Row>,
    ) -> Result<(), Problem> {
        let Some(name) = outcome.name else { return Ok(()) };
        let was = match becomes.get(&name) {
            Some(row) => Some(row.clone()),
            None => self.row(&load.layout, Some(load.number), &name).await?,
        };
        let is = match (&outcome.record, &was) {
            (Some(_), Some(Row::Record(_))) => {
                let key = Some(config.key.as_str());
                let finding = Finding::kept(outcome.line, key, "key-twice", Weight::Refused);
                (outcome.record, outcome.findings) = (None, vec![finding]);
                return Ok(());
            }
            (Some(record), _) => Row::of(&record.entity),
            // Whose row it is may be known only now: what is published of it stays.
            (None, None) => Row::Withheld,
            (None, Some(_)) => return Ok(()),
        };
        if let Some(difference) = &mut load.difference {
            let old = self.row(&load.layout, load.against, &name).await?;
            difference.recount(was.as_ref(), Some(&is), old.as_ref());
        }
        becomes.insert(name, is);
        Ok(())
    }

    /// What a load has of a record.
    async fn row(
        &self,
        layout: &str,
        number: Option<u64>,
        name: &[u8; 16],
    ) -> Result<Option<Row>, Problem> {
        let Some(number) = number else { return Ok(None) };
        let key = records::in_load(layout, number, name);
        let found = self.services.store.record(&self.tenant, ROWS, &key).await?;
        found.map(|record| Row::read(record.value)).transpose()
    }

    /// The residents to whom the records of these names are linked, as far as they were published.
    pub(crate) async fn linked(
        &self,
        layout: &str,
        names: &[[u8; 16]],
    ) -> Result<Vec<TsunoId>, Problem> {
        let published = self.head(layout).await?.and_then(|head| head.data.published);
        let mut ids = BTreeSet::new();
        for name in names {
            if let Some(Row::Record(doc)) = self.row(layout, published, name).await? {
                ids.insert(doc.id().to_owned());
            }
        }
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.registry.subjects(&ids.into_iter().collect::<Vec<_>>()).await
    }
}

/// Whether the row, without decisions, does not say whose it is.
fn unnamed(layout: &Layout, waiting: &Waiting, line: u64) -> bool {
    layout.row(&cells(waiting), line, 0, &Undecided).name.is_none()
}
