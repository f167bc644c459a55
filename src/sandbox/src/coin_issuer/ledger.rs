//! The issuer's books: entries that are only added, and what follows from them.

use std::collections::HashMap;

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::http::Refusal;

/// Most coins in one grant: far above any rule, far below what a sum could overflow with.
const MAX_AMOUNT: u64 = 1_000_000;

/// A grant order: `account`, `amount`, `reason`, and whatever else the sender adds. All of it is
/// kept and compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub(super) struct Order {
    account: String,
    amount: u64,
    body: Map<String, Value>,
}

impl Order {
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let refuse = |text: &str| Refusal::bad_request("invalid_request", text);
        let body: Map<String, Value> =
            serde_json::from_slice(body).map_err(|_| refuse("the body must be a JSON object"))?;
        Self::try_from(body).map_err(refuse)
    }
}

impl TryFrom<Map<String, Value>> for Order {
    type Error = &'static str;

    fn try_from(body: Map<String, Value>) -> Result<Self, Self::Error> {
        let text = |name| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let account = text("account").ok_or("account must be a text")?.to_owned();
        text("reason").ok_or("reason must be a text")?;
        let amount = body
            .get("amount")
            .and_then(Value::as_u64)
            .filter(|amount| (1..=MAX_AMOUNT).contains(amount))
            .ok_or("amount must be a whole number from 1 to 1000000")?;
        Ok(Self { account, amount, body })
    }
}

impl From<Order> for Map<String, Value> {
    fn from(order: Order) -> Self {
        order.body
    }
}

/// One booking. Never changed, never removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Entry {
    Grant { grant_id: String, key: String, order: Order, at: DateTime<Utc> },
    Cancel { key: String, at: DateTime<Utc> },
}

/// A grant as it stands now, which is also the answer about it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Booked {
    grant_id: String,
    key: String,
    status: &'static str,
    /// The order as it came.
    order: Order,
    granted_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_at: Option<DateTime<Utc>>,
}

impl Booked {
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled_at.is_some()
    }
}

/// How a key was used before.
pub(super) enum Posted<'a> {
    Never,
    /// With the same body.
    Before(&'a Booked),
    /// With another body.
    Otherwise,
}

/// One line of a statement; `amount` is negative for a cancellation.
#[derive(Debug, Serialize)]
struct Line {
    at: DateTime<FixedOffset>,
    entry: &'static str,
    key: String,
    grant_id: String,
    account: String,
    amount: i64,
}

/// What was booked on one day.
#[derive(Debug, Serialize)]
pub(super) struct Statement {
    date: NaiveDate,
    lines: Vec<Line>,
    granted: i64,
    cancelled: i64,
    net: i64,
}

/// The books.
#[derive(Default)]
pub(super) struct Ledger {
    entries: Vec<Entry>,
    grants: HashMap<String, Booked>,
    balances: HashMap<String, u64>,
}

impl Ledger {
    pub(super) fn posted(&self, key: &str, order: &Order) -> Posted<'_> {
        match self.grants.get(key) {
            None => Posted::Never,
            Some(booked) if booked.order == *order => Posted::Before(booked),
            Some(_) => Posted::Otherwise,
        }
    }

    pub(super) fn grant(&self, key: &str) -> Option<&Booked> {
        self.grants.get(key)
    }

    pub(super) fn balance(&self, account: &str) -> Option<u64> {
        self.balances.get(account).copied()
    }

    /// Adds an entry. A second grant of a key and a second or unfounded cancellation count
    /// nothing, so that a journal with a doubled line still gives the right balances.
    pub(super) fn book(&mut self, entry: Entry) {
        match &entry {
            Entry::Grant { key, .. } if self.grants.contains_key(key) => return,
            Entry::Grant { grant_id, key, order, at } => {
                *self.balances.entry(order.account.clone()).or_default() += order.amount;
                let booked = Booked {
                    grant_id: grant_id.clone(),
                    key: key.clone(),
                    status: "granted",
                    order: order.clone(),
                    granted_at: *at,
                    cancelled_at: None,
                };
                self.grants.insert(key.clone(), booked);
            }
            Entry::Cancel { key, at } => {
                let Some(booked) = self.grants.get_mut(key).filter(|b| !b.is_cancelled()) else {
                    return;
                };
                booked.status = "cancelled";
                booked.cancelled_at = Some(*at);
                if let Some(balance) = self.balances.get_mut(&booked.order.account) {
                    *balance = balance.saturating_sub(booked.order.amount);
                }
            }
        }
        self.entries.push(entry);
    }

    /// What was booked on a day of Japan time, in the order of booking.
    pub(super) fn statement(&self, date: NaiveDate) -> Statement {
        let mut statement = Statement { date, lines: Vec::new(), granted: 0, cancelled: 0, net: 0 };
        for entry in &self.entries {
            let (name, key, at) = match entry {
                Entry::Grant { key, at, .. } => ("grant", key, at),
                Entry::Cancel { key, at } => ("cancel", key, at),
            };
            let at = japan_time(*at);
            let Some(booked) = self.grants.get(key).filter(|_| at.date_naive() == date) else {
                continue;
            };
            let amount = i64::try_from(booked.order.amount).unwrap_or(i64::MAX);
            let signed = if name == "grant" { amount } else { -amount };
            let total =
                if name == "grant" { &mut statement.granted } else { &mut statement.cancelled };
            *total += amount;
            statement.net += signed;
            statement.lines.push(Line {
                at,
                entry: name,
                key: key.clone(),
                grant_id: booked.grant_id.clone(),
                account: booked.order.account.clone(),
                amount: signed,
            });
        }
        statement
    }
}

fn japan_time(at: DateTime<Utc>) -> DateTime<FixedOffset> {
    match FixedOffset::east_opt(9 * 3600) {
        Some(offset) => at.with_timezone(&offset),
        None => at.fixed_offset(),
    }
}
