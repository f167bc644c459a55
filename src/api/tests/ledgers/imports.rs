//! Loads of no layout.

use std::sync::Arc;

use async_trait::async_trait;
use tsunagu_domain::{Problem, ProblemCode, TenantId};
use tsunagu_identity::Services;
use tsunagu_imports::{Imports, Registry};
use tsunagu_ngsi_ld::Entity;

struct Closed;

fn closed() -> Problem {
    Problem::new(ProblemCode::Unavailable, "nothing is published here")
}

#[async_trait]
impl Registry for Closed {
    async fn publish(&self, _: &str, entities: Vec<Entity>) -> Vec<Result<(), Problem>> {
        entities.into_iter().map(|_| Err(closed())).collect()
    }

    async fn delete(&self, _: &str, _: &str) -> Result<(), Problem> {
        Err(closed())
    }
}

pub(super) fn none(services: Services, tenant: &TenantId) -> Arc<Imports> {
    Arc::new(Imports::new(services, tenant.clone(), Arc::new(Closed), Vec::new()))
}
