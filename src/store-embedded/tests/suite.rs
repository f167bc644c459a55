//! The suite and the model on the embedded store.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests may unwrap; sizes for a longer run come from the environment"
)]

use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;
use tsunagu_store::conformance::{Place, model, samples};
use tsunagu_store::{Store, store_suite};
use tsunagu_store_embedded::{EmbeddedStore, Options};

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

#[async_trait]
impl Place for Folder {
    async fn open(&self) -> Arc<dyn Store> {
        let options = Options { declared: samples::declared(), ..Options::default() };
        EmbeddedStore::open(self.0.path().join("store"), &options).unwrap()
    }
}

store_suite!(Folder::new());

/// `STORE_MODEL_CASES` and `STORE_MODEL_SEED` make it longer or other.
#[test]
fn random_operations_agree_with_the_oracle() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let cases = number("STORE_MODEL_CASES").unwrap_or(64);
    let seed = number("STORE_MODEL_SEED").unwrap_or(2);
    let cases = u32::try_from(cases).unwrap();
    model::run(model::Size { cases, steps: 60, seed }, Folder::new);
}
