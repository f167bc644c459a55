//! The suite and the model on the store in memory.

use std::sync::Arc;

use async_trait::async_trait;
use tsunagu_store::conformance::{Place, model, samples};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Store, store_suite};

struct Memory(Arc<MemoryStore>);

impl Memory {
    fn new() -> Self {
        Self(Arc::new(MemoryStore::with(samples::declared())))
    }
}

#[async_trait]
impl Place for Memory {
    async fn open(&self) -> Arc<dyn Store> {
        self.0.reopen();
        Arc::clone(&self.0) as Arc<dyn Store>
    }
}

store_suite!(Memory::new());

#[test]
fn random_operations_agree_with_the_oracle() {
    model::run(model::Size { cases: 128, steps: 60, seed: 1 }, Memory::new);
}
