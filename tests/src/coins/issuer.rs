//! The coin issuer with every fault an order can meet on its way.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use tsunagu_domain::{Clock, ManualClock};
use tsunagu_rewards::{AwardUid, Issuer, IssuerError, IssuerGrant, StatementLine, TimeZone};

use super::world::{Fate, pause};

/// Account and coins of a grant.
type Held = (String, i64);

/// The books of the issuer. They are never restored, and know nothing of our crashes.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) grants: BTreeMap<AwardUid, Held>,
    /// Day by day.
    booked: Vec<(NaiveDate, StatementLine)>,
    /// Orders that are still somewhere in the network.
    under_way: Vec<(AwardUid, Held)>,
}

/// An issuer that grants once for a key.
pub(super) struct SimIssuer {
    pub(super) fate: Arc<Fate>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) books: Mutex<Books>,
    /// Away until then.
    pub(super) away_until: AtomicI64,
    /// Accounts that it refuses.
    pub(super) refused: HashSet<String>,
}

enum Booked {
    Granted(Held),
    Refused,
}

impl SimIssuer {
    pub(super) fn books<T>(&self, read: impl FnOnce(&mut Books) -> T) -> T {
        read(&mut self.books.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn book(&self, key: AwardUid, order: &Held) -> Booked {
        if self.refused.contains(&order.0) {
            return Booked::Refused;
        }
        let day = TimeZone::Tokyo.day(self.clock.micros());
        let held = self.books(|books| match books.grants.entry(key) {
            Entry::Occupied(held) => held.get().clone(),
            Entry::Vacant(free) => {
                let line = StatementLine { key, account: order.0.clone(), amount: order.1 };
                books.booked.push((day, line));
                free.insert(order.clone()).clone()
            }
        });
        if held == *order { Booked::Granted(held) } else { Booked::Refused }
    }

    /// Orders that were long under way arrive.
    pub(super) fn arrive(&self, all: bool) {
        loop {
            let late = self.books(|books| {
                let count = books.under_way.len();
                (count > 0 && (all || self.fate.strikes(3)))
                    .then(|| books.under_way.swap_remove(self.fate.below(count as u64)))
            });
            match late {
                Some((key, order)) => drop(self.book(key, &order)),
                None => return,
            }
        }
    }

    async fn reached(&self) -> Result<(), IssuerError> {
        pause().await;
        if self.clock.micros() < self.away_until.load(Ordering::SeqCst) {
            return Err(IssuerError::Unavailable("down".to_owned()));
        }
        self.arrive(false);
        Ok(())
    }

    pub(super) fn statement(&self) -> Vec<StatementLine> {
        self.books(|books| {
            let line = |(key, (account, amount)): (&AwardUid, &Held)| StatementLine {
                key: *key,
                account: account.clone(),
                amount: *amount,
            };
            books.grants.iter().map(line).collect()
        })
    }
}

fn unknown(what: &str) -> IssuerError {
    IssuerError::Unknown(what.to_owned())
}

#[async_trait]
impl Issuer for SimIssuer {
    async fn grant(
        &self,
        key: AwardUid,
        account: &str,
        amount: i64,
        _reason: &str,
    ) -> Result<IssuerGrant, IssuerError> {
        self.reached().await?;
        let order = (account.to_owned(), amount);
        if self.fate.strikes(100) {
            return Err(unknown("it was lost on its way"));
        }
        if self.fate.strikes(100) {
            self.books(|books| books.under_way.push((key, order)));
            return Err(unknown("it takes long"));
        }
        if self.fate.strikes(50) {
            self.book(key, &order);
        }
        let booked = self.book(key, &order);
        pause().await;
        if self.fate.loses_reply() {
            return Err(unknown(if self.fate.strikes(2) { "no answer" } else { "status 500" }));
        }
        match booked {
            Booked::Granted((account, amount)) => {
                Ok(IssuerGrant { account: Some(account), amount, reference: None })
            }
            Booked::Refused => Err(IssuerError::Refused("status 422".to_owned())),
        }
    }

    async fn find(&self, key: AwardUid) -> Result<Option<IssuerGrant>, IssuerError> {
        self.reached().await?;
        if self.fate.strikes(50) {
            return Err(IssuerError::Unavailable("no answer".to_owned()));
        }
        let found = self.books(|books| books.grants.get(&key).cloned());
        pause().await;
        Ok(found.map(|(account, amount)| IssuerGrant {
            account: Some(account),
            amount,
            reference: None,
        }))
    }

    async fn cancel(&self, _key: AwardUid) -> Result<Option<IssuerGrant>, IssuerError> {
        Err(IssuerError::Refused("nothing is cancelled in this town".to_owned()))
    }

    async fn balance(&self, account: &str) -> Result<Option<i64>, IssuerError> {
        self.reached().await?;
        let sum = |books: &mut Books| {
            let of = |(held, amount): &Held| (held == account).then_some(*amount);
            books.grants.values().filter_map(of).reduce(|sum, amount| sum + amount)
        };
        Ok(self.books(sum))
    }

    async fn statement(&self, day: NaiveDate) -> Result<Vec<StatementLine>, IssuerError> {
        self.reached().await?;
        let of = |(on, line): &(NaiveDate, StatementLine)| (*on == day).then(|| line.clone());
        Ok(self.books(|books| books.booked.iter().filter_map(of).collect()))
    }
}
