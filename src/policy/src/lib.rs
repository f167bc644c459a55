//! The decision: who asks, under which grant, for what purpose, at what assurance → a [`View`].
//!
//! Pure: no I/O and no wall clock. What is allowed follows from policies written in Cedar (`policies/*.cedar`), of which the tests
//! of this room prove that whatever a consumer is allowed has a live consent behind it. [`Policies::decide`] asks them once and
//! compiles the answers into a [`View`]. A [`View`] can be made in no other way, and the store's read methods take one: no view, no
//! data. Everything is decided on expanded names.

mod asked;
mod decide;
mod denied;
mod lately;
mod policies;
mod question;
mod view;

pub use asked::{Asked, Client, Grant, GrantedType, Principal, StaffCase};
pub use decide::decide;
pub use denied::Denied;
pub use policies::{Policies, PolicyError};
pub use view::{Actor, Cut, View};
