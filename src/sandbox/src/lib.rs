//! The outside world of the gateway, for trying things on one machine without a network.
//!
//! ```text
//!   resident's browser
//!     │  login                     │  opens the app
//!     ▼                            ▼
//!   xid ──ID token, user data──► gateway ◄──OAuth, NGSI-LD── vendor (つのヘルスケア)
//!                                  ▲  │
//!   municipal ──resident register──┘  └──grant orders──► coin issuer (つのコイン)
//! ```
//!
//! Each part is its own HTTP server on 127.0.0.1 and speaks only HTTP with the gateway:
//!
//! | role | module | what it is |
//! | --- | --- | --- |
//! | `xid` | [`xid`] | an OpenID provider shaped like xID, with its encrypted user data |
//! | `daa` | [`daa`] | an OpenID provider shaped like デジタル認証アプリ |
//! | `municipal` | [`municipal`] | a municipal system that publishes the resident register as CSV |
//! | `vendor` | [`vendor`] | a healthcare app's server, an OpenID client of the gateway |
//! | `coin-issuer` | [`coin_issuer`] | the issuer of the town's coin, with faults to order |
//! | `town-hall` | [`town_hall`] | the town hall's own OpenID provider, through which staff log in |
//!
//! They share one invented town ([`town`]): the same people are on the register and can log in.
//!
//! This crate depends on no other room of the workspace: it is a counterparty, and a counterparty
//! built from the gateway's own code would agree with its mistakes. It therefore has its own few
//! lines of JOSE (`jose`). It must never be reachable from a production gateway, keeps no real
//! person's data, and holds its secrets only in memory.

mod clock;
pub mod coin_issuer;
pub mod daa;
mod error;
mod http;
mod idp;
mod jose;
pub mod municipal;
mod serve;
pub mod story;
pub mod town;
pub mod town_hall;
pub mod vendor;
pub mod xid;

pub use clock::{Clock, system_clock};
pub use error::Error;
pub use idp::Fault;
pub use jose::{KeyPair, RsaPair};
pub use serve::{Role, Running, run, start};
