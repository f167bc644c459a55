//! What this room offers, in one place.

use std::fmt;
use std::sync::Arc;

use tsunagu_consent::Ledger;
use tsunagu_identity::{Clients, Services};

use crate::{ClientLives, Desk, Members, StaffSessions};

/// The office of the town hall.
pub struct Office {
    /// Who is a member.
    pub members: Members,
    /// Who is logged in.
    pub sessions: StaffSessions,
    /// Who may do what, and who was refused.
    pub desk: Desk,
    /// What becomes of clients.
    pub clients: ClientLives,
}

impl fmt::Debug for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Office(…)")
    }
}

impl Office {
    /// An office over the store, for clients in this register with consents in this ledger.
    pub fn new(services: &Services, clients: Arc<Clients>, ledger: Arc<Ledger>) -> Self {
        let members = Members::new(services.clone());
        let sessions = StaffSessions::new(services.clone(), members.clone());
        let clients = ClientLives::new(services.clone(), clients, ledger);
        Self { members, sessions, desk: Desk::new(services.clone()), clients }
    }
}
