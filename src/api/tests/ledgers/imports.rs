//! Loads of no layout.

use std::sync::Arc;

use async_trait::async_trait;
use tsunagu_domain::{Problem, ProblemCode, TenantId, TsunoId};
use tsunagu_identity::Services;
use tsunagu_imports::{Imports, Registry};
use tsunagu_ngsi_ld::Entity;

struct Closed;

fn closed() -> Problem {
    Problem::new(ProblemCode::Unavailable, "nothing is published here")
}

#[async_trait]
impl Registry for Closed {
    async fn publish(&self, _: &str, _: Vec<Entity>) -> Result<Vec<Result<(), Problem>>, Problem> {
        Err(closed())
    }

    async fn delete(&self, _: &str, _: &str, _: &str) -> Result<Result<(), Problem>, Problem> {
        Err(closed())
    }

    async fn subjects(&self, _: &[String]) -> Result<Vec<TsunoId>, Problem> {
        Err(closed())
    }
}

pub(super) fn none(services: Services, tenant: &TenantId) -> Arc<Imports> {
    Arc::new(Imports::new(services, tenant.clone(), Arc::new(Closed), Vec::new()))
}
