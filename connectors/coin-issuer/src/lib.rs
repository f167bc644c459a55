//! The connector to the coin issuer (つのコイン): orders grants over HTTP, asks for them by key, and reads balances and statements.
//!
//! | request | answer |
//! | --- | --- |
//! | `POST {base}/grants`, `Idempotency-Key: "<award>"`, JSON `{account, amount, reason}` | 201 or 200 the grant |
//! | `GET {base}/grants/{award}` | 200 the grant, 404 none |
//! | `POST {base}/grants/{award}/cancel` | 200 the grant, taken back; 404 none |
//! | `GET {base}/accounts/{account}` | 200 `{account, balance}`, 404 none |
//! | `GET {base}/statement?date=YYYY-MM-DD` | 200 `{date, lines: [{key, account, amount}]}`, cancellations negative |
//!
//! The key is the award's hash as a structured-field string (draft-ietf-httpapi-idempotency-key-header). Which answers mean what is
//! decided here and nowhere else: only a clear refusal of the order itself is [`Refused`](tsunagu_rewards::IssuerError::Refused); whatever may have
//! happened after sending is [`Unknown`](tsunagu_rewards::IssuerError::Unknown). The connector keeps nothing and repeats nothing: that is the deliverer's
//! work.
//!
//! An issuer without an API is given files and gives files: [`Batch`].

mod batch;
mod command;
mod config;
mod issuer;

pub use batch::{Batch, BatchConfig, BatchError};
pub use config::{Config, InvalidBase};
pub use issuer::CoinIssuer;
