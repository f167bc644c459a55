//! What the room asks of a coin issuer.

use async_trait::async_trait;
use chrono::NaiveDate;

use crate::{AwardUid, StatementLine};

/// A grant as the issuer holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerGrant {
    /// The account that was credited, if the issuer says so.
    pub account: Option<String>,
    /// Coins.
    pub amount: i64,
    /// The issuer's own number for it, if it gives one.
    pub reference: Option<String>,
}

/// Why an order was not confirmed. Texts never hold the account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// The issuer understood the order and will not carry it out, now or later.
    #[error("the coin issuer refused the order: {0}")]
    Refused(String),
    /// The order may have been carried out: the answer was lost, late or unreadable.
    #[error("the outcome of the order is unknown: {0}")]
    Unknown(String),
    /// The issuer has the order, and what became of it is told later. Asking again changes nothing.
    #[error("the outcome of the order is awaited: {0}")]
    Pending(String),
    /// The order was certainly not carried out: nothing was sent.
    #[error("the coin issuer cannot be reached: {0}")]
    Unavailable(String),
}

/// The town's coin issuer.
#[async_trait]
pub trait Issuer: Send + Sync + 'static {
    /// Grants `amount` coins to `account`. The same `key` with the same content must grant once; `reason` is a rule's id, never text
    /// about the person.
    async fn grant(
        &self,
        key: AwardUid,
        account: &str,
        amount: i64,
        reason: &str,
    ) -> Result<IssuerGrant, IssuerError>;

    /// The grant under this key, if the issuer holds one. Errors say nothing about whether it does.
    async fn find(&self, key: AwardUid) -> Result<Option<IssuerGrant>, IssuerError>;

    /// Takes back the grant under this key; `None` when the issuer holds none. Taking back again changes nothing.
    async fn cancel(&self, key: AwardUid) -> Result<Option<IssuerGrant>, IssuerError>;

    /// What an account holds now; `None` when it never had a grant.
    async fn balance(&self, account: &str) -> Result<Option<i64>, IssuerError>;

    /// What the issuer booked on one day of Japan, in the order of booking. Errors change nothing.
    async fn statement(&self, day: NaiveDate) -> Result<Vec<StatementLine>, IssuerError>;
}
