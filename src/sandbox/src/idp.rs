//! What the simulated identity providers have in common: codes and tokens, ID tokens, faults to order.

mod fault;
mod grants;
mod keys;

pub use fault::Fault;
pub(crate) use fault::{faults, id_token};
pub(crate) use grants::{Grants, Lifetimes, Login};
pub(crate) use keys::Keys;
