//! Where a connector's entities go.

use async_trait::async_trait;
use tsunagu_domain::Problem;
use tsunagu_ngsi_ld::Entity;

/// What became of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpsertOutcome {
    /// It is new.
    Created,
    /// It was there and is changed.
    Updated,
    /// It was there exactly so.
    Unchanged,
}

/// The broker as a connector sees it; wired by the server.
#[async_trait]
pub trait Platform: Send + Sync + 'static {
    /// Makes what `connector` publishes of each entity exactly what is given, and answers in the same order when it is durable.
    ///
    /// Attributes that the connector wrote before and that are missing now are removed; attributes of other publishers (such as the
    /// link of a record to its person) stay. A problem of one entity does not touch the others.
    async fn upsert(
        &self,
        connector: &str,
        entities: Vec<Entity>,
    ) -> Vec<Result<UpsertOutcome, Problem>>;

    /// Makes the subscription that `connector` has be this one, or none. What it notifies of comes through [`crate::Connectors::deliver`].
    async fn subscribe(
        &self,
        connector: &str,
        subscription: Option<&serde_json::Value>,
    ) -> Result<(), Problem>;
}
