//! The staff of the town hall: persons with roles, and what one of them may do alone.
//!
//! * [`Members`]: who is a member, by the account at a provider, with the [`Role`]s that the configuration gives.
//! * [`StaffSessions`]: who is logged in. Roles are not part of a session: they are looked up for every request.
//! * [`ClientLives`]: how clients are applied for, approved, suspended and ended, and by whom.
//! * [`Cases`]: why staff see personal data, whose, until when, and with whose approval; and the reading itself.
//! * [`Desk`]: asks for a role, and writes down whoever is refused.
//!
//! A person is an account: names and roles change, the account does not, and whether two acts are of two persons is decided by it alone.
//! This room knows no HTTP.

mod cases;
mod clients;
mod desk;
mod member;
mod office;
mod records;
mod role;
mod session;

pub use cases::{
    Asked, Case, CaseReason, CaseState, Cases, Extract, Extracted, MAX_HOURS, ResidentFile, Scope,
    SearchResult, Told, Verdict, at_counter, moment, told,
};
pub use clients::{
    Act, Application, By, Change, ClientLives, Decision, Life, LifeState, Origin, Registered, Step,
};
pub use desk::{Acting, Desk, Object, Via};
pub use member::{Account, Configured, Member, Members, Who};
pub use office::Office;
pub use records::sweep;
pub use role::Role;
pub use session::{NewStaffSession, StaffSession, StaffSessions, staff_cookie_name};
