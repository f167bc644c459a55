//! What must follow from a change of an entity, in the same transaction.

use async_trait::async_trait;
use tsunagu_domain::{Level, Problem, TenantId, Timestamp};
use tsunagu_ngsi_ld::EntityDoc;

use crate::Op;

/// One change of one entity, about to be committed.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The municipality.
    pub tenant: &'a TenantId,
    /// As it was; `None` when it is created.
    pub before: Option<&'a EntityDoc>,
    /// As it will be; `None` when it is deleted.
    pub after: Option<&'a EntityDoc>,
    /// The client that writes, if one does.
    pub client: Option<&'a str>,
    /// The consent it is written under, if any.
    pub grant: Option<&'a str>,
    /// How surely the resident was known in the login under which it is written; `None` when there was none.
    pub assurance: Option<Level>,
    /// Now.
    pub at: Timestamp,
}

/// A rule of another room that adds operations to the transaction of a change: a reward, a notification owed, a match key.
#[async_trait]
pub trait Consequence: Send + Sync + 'static {
    /// Adds what must follow. It may read, but decides races by guards inside the operations. An error refuses the change.
    async fn follow(&self, change: &Change<'_>, ops: &mut Vec<Op>) -> Result<(), Problem>;

    /// Told after the change is on disk, for waking what carries its operations on. It is no promise: a process can end before.
    fn committed(&self, _change: &Change<'_>) {}
}
