//! The decision: who asks, under which grant, for what purpose, at what assurance → a [`View`].
//!
//! Pure: no I/O and no wall clock. A [`View`] can only be made by [`decide`], and the store's read methods take one: no view,
//! no data. Everything is decided on expanded names.

mod decide;
mod view;

pub use decide::{Asked, Client, Denied, Grant, GrantedType, Principal, decide};
pub use view::{Actor, Cut, View};
