//! Remote @contexts.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use tsunagu_broker::{Contexts, DocumentLoader};
use tsunagu_domain::Problem;

struct Everything;

#[async_trait]
impl DocumentLoader for Everything {
    async fn load(&self, url: &str) -> Result<String, Problem> {
        Ok(format!(r#"{{"@context":{{"term":"{url}/term"}}}}"#))
    }
}

#[tokio::test]
async fn fetched_contexts_never_crowd_out_later_ones() {
    let contexts = Contexts::new(HashMap::new(), Arc::new(Everything));
    for n in 0..1_100 {
        let url = format!("https://example.org/{n}");
        let context = contexts.at(&url).await.unwrap();
        assert_eq!(context.expand("term"), format!("{url}/term"));
    }
}
