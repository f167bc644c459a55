//! Remote @contexts, and those that are hosted here.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use serde_json::value::RawValue;
use tsunagu_broker::{Belongs, ContextKind, Contexts, DocumentLoader, Hosting, NoLoader};
use tsunagu_domain::{Catalogue, ManualClock, Problem, ProblemCode, SeededIds, TenantId};
use tsunagu_ngsi_ld::{CORE_CONTEXT_URL, Context};
use tsunagu_policy::{Asked, Client, Principal, View, decide};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Store as _, WriteSet};

const BASE: &str = "https://town.test/ngsi-ld/v1/jsonldContexts/";

struct Everything;

#[async_trait]
impl DocumentLoader for Everything {
    async fn load(&self, url: &str) -> Result<String, Problem> {
        Ok(format!(r#"{{"@context":{{"term":"{url}/term"}}}}"#))
    }
}

/// Somebody's server, which can be away.
#[derive(Clone, Default)]
struct Server(Arc<AtomicBool>);

#[async_trait]
impl DocumentLoader for Server {
    async fn load(&self, url: &str) -> Result<String, Problem> {
        if self.0.load(Ordering::SeqCst) {
            return Err(Problem::new(ProblemCode::LdContextNotAvailable, "away"));
        }
        Everything.load(url).await
    }
}

fn tenant() -> TenantId {
    "tsuno".parse().unwrap()
}

fn view(tenant: &TenantId, writes: bool) -> View {
    let catalogue = Catalogue::read(include_bytes!("../../../schemas/catalogue.json"), |term| {
        Context::core().expand(term).into_owned()
    });
    let client = Client {
        id: "c".parse().unwrap(),
        sector: None,
        publishes: Vec::new(),
        reads_open_data: true,
        writes_open_data: writes,
        manages_sources: false,
    };
    let catalogue = Arc::new(catalogue.unwrap());
    let principal = Principal::Machine { client: &client };
    decide(&Asked { tenant, catalogue: &catalogue, now: 0, principal }).unwrap()
}

fn hosting(store: &Arc<MemoryStore>, loader: Arc<dyn DocumentLoader>) -> Contexts {
    Contexts::new(HashMap::new(), loader).hosting(Hosting {
        store: Arc::clone(store) as _,
        ids: Arc::new(SeededIds::new(1)),
        clock: Arc::new(ManualClock::at("2026-11-23T00:00:00Z".parse().unwrap())),
        base: BASE.to_owned(),
    })
}

fn belongs(client: &str, to: u8) -> Belongs {
    Belongs { client: client.to_owned(), to: [to; 16] }
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

#[tokio::test]
async fn fetched_contexts_never_crowd_out_later_ones() {
    let contexts = Contexts::new(HashMap::new(), Arc::new(Everything));
    for n in 0..1_100 {
        let url = format!("https://example.org/{n}");
        let context = contexts.at(&tenant(), &url).await.unwrap();
        assert_eq!(context.expand("term"), format!("{url}/term"));
    }
}

#[tokio::test]
async fn a_hosted_context_is_used_without_a_fetch_and_survives_a_restart() {
    let store = Arc::new(MemoryStore::new());
    let contexts = hosting(&store, Arc::new(NoLoader));
    let writer = view(&tenant(), true);
    let document = r#"{"@context":{"a":"https://x.test/a"}}"#;
    let id = contexts.add(&writer, document).await.unwrap();
    let url = format!("{BASE}{id}");
    drop(contexts);

    let contexts = hosting(&store, Arc::new(NoLoader));
    let context = contexts.at(&tenant(), &url).await.unwrap();
    assert_eq!(context.expand("a"), "https://x.test/a");
    assert_eq!(context.url(), Some(url.as_str()));
    assert_eq!(contexts.serve(&writer, &id).await.unwrap(), document);
    assert_eq!(contexts.serve(&writer, &url).await.unwrap(), document);
    contexts.at(&tenant(), &url).await.unwrap();
    let known = contexts.details(&writer, &id).await.unwrap();
    assert_eq!((known.kind, known.hits, known.url), (ContextKind::Hosted, 2, url.clone()));

    // Nobody else's, and nobody's once it is deleted, not even where it was used before.
    let elsewhere: TenantId = "elsewhere".parse().unwrap();
    let refused = contexts.at(&elsewhere, &url).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::LdContextNotAvailable);
    let other = view(&elsewhere, true);
    let missing = contexts.delete(&other, &id, false).await.unwrap_err();
    assert_eq!(missing.code, ProblemCode::ResourceNotFound);
    let reloaded = contexts.delete(&writer, &id, true).await.unwrap_err();
    assert_eq!(reloaded.code, ProblemCode::BadRequestData);
    contexts.delete(&writer, &id, false).await.unwrap();
    assert!(contexts.at(&tenant(), &url).await.is_err());
    assert!(contexts.list(&writer, Some(ContextKind::Hosted)).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_writers_of_open_data_change_them() {
    let contexts = hosting(&Arc::new(MemoryStore::new()), Arc::new(NoLoader));
    let reader = view(&tenant(), false);
    let added = contexts.add(&reader, r#"{"@context":{}}"#).await.unwrap_err();
    let deleted = contexts.delete(&reader, "x", false).await.unwrap_err();
    assert_eq!((added.code, deleted.code), (ProblemCode::Forbidden, ProblemCode::Forbidden));
}

#[tokio::test]
async fn documents_that_say_nothing_sensible_are_refused() {
    let contexts = hosting(&Arc::new(MemoryStore::new()), Arc::new(NoLoader));
    let writer = view(&tenant(), true);
    for (document, code) in [
        (r#"{"a":"https://x.test/a"}"#, ProblemCode::InvalidRequest),
        (r#"[{"@context":{}}]"#, ProblemCode::InvalidRequest),
        (r#"{"@context":true}"#, ProblemCode::BadRequestData),
        (r#"{"@context":["https://x.test/c",7]}"#, ProblemCode::BadRequestData),
        (r#"{"@context":{"a":7}}"#, ProblemCode::BadRequestData),
    ] {
        assert_eq!(contexts.add(&writer, document).await.unwrap_err().code, code, "{document}");
    }
    let large =
        format!(r#"{{"@context":{{"a":"https://x.test/a","@note":"{}"}}}}"#, "x".repeat(600_000));
    let refused = contexts.add(&writer, &large).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::PayloadTooLarge);
    assert_eq!(contexts.list(&writer, Some(ContextKind::Hosted)).await.unwrap(), []);
}

#[tokio::test]
async fn a_copy_that_cannot_be_reloaded_stays() {
    let server = Server::default();
    let contexts = hosting(&Arc::new(MemoryStore::new()), Arc::new(server.clone()));
    let writer = view(&tenant(), true);
    let url = "https://x.test/c";
    contexts.at(&tenant(), url).await.unwrap();
    let known = contexts.details(&writer, url).await.unwrap();
    assert_eq!((known.kind, known.hits), (ContextKind::Cached, 1));
    let unserved = contexts.serve(&writer, url).await.unwrap_err();
    assert_eq!(unserved.code, ProblemCode::OperationNotSupported);

    contexts.delete(&writer, url, true).await.unwrap();
    server.0.store(true, Ordering::SeqCst);
    let failed = contexts.delete(&writer, url, true).await.unwrap_err();
    assert_eq!(failed.code, ProblemCode::LdContextNotAvailable);
    assert!(contexts.at(&tenant(), url).await.is_ok());
    contexts.delete(&writer, url, false).await.unwrap();
    assert!(contexts.details(&writer, url).await.is_err());
    assert!(contexts.at(&tenant(), url).await.is_err());

    // The core @context is always there.
    assert!(contexts.delete(&writer, CORE_CONTEXT_URL, false).await.is_err());
    contexts.delete(&writer, CORE_CONTEXT_URL, true).await.unwrap();
    assert!(contexts.details(&writer, CORE_CONTEXT_URL).await.is_ok());
}

#[tokio::test]
async fn an_inline_context_gets_a_url_with_what_it_belongs_to() {
    let store = Arc::new(MemoryStore::new());
    let contexts = hosting(&store, Arc::new(Everything));
    let reader = view(&tenant(), false);
    for one in ["\"https://x.test/c\"", "[\"https://x.test/c\"]"] {
        let (url, ops) = contexts.implicit(&raw(one), belongs("c", 1)).unwrap();
        assert_eq!((url.as_str(), ops.len()), ("https://x.test/c", 0));
    }
    let local = raw(r#"["https://x.test/c",{"a":"https://x.test/a"}]"#);
    let (url, ops) = contexts.implicit(&local, belongs("c", 1)).unwrap();
    store.commit(WriteSet { tenant: tenant(), ops }).await.unwrap();
    let context = contexts.at(&tenant(), &url).await.unwrap();
    assert_eq!(context.expand("a"), "https://x.test/a");
    assert_eq!(context.expand("term"), "https://x.test/c/term");
    let known = contexts.list(&reader, Some(ContextKind::ImplicitlyCreated)).await.unwrap();
    assert_eq!(known.len(), 1);

    // It goes with what it belongs to, not with another that names it.
    for other in [belongs("c", 2), belongs("d", 1)] {
        assert!(contexts.forget_implicit(&tenant(), &url, &other).await.unwrap().is_empty());
    }
    let ops = contexts.forget_implicit(&tenant(), &url, &belongs("c", 1)).await.unwrap();
    store.commit(WriteSet { tenant: tenant(), ops }).await.unwrap();
    assert!(contexts.serve(&reader, &url).await.is_err());
    let again = contexts.forget_implicit(&tenant(), &url, &belongs("c", 1)).await;
    assert!(again.unwrap().is_empty());
}

#[tokio::test]
async fn another_s_implicit_context_is_not_deleted() {
    let store = Arc::new(MemoryStore::new());
    let contexts = hosting(&store, Arc::new(NoLoader));
    let writer = view(&tenant(), true);
    let local = raw(r#"{"a":"https://x.test/a"}"#);
    for (client, refused) in [("other", true), ("c", false)] {
        let (url, ops) = contexts.implicit(&local, belongs(client, 1)).unwrap();
        store.commit(WriteSet { tenant: tenant(), ops }).await.unwrap();
        let deleted = contexts.delete(&writer, &url, false).await;
        assert_eq!(deleted.err().map(|p| p.code), refused.then_some(ProblemCode::Forbidden));
        assert_eq!(contexts.at(&tenant(), &url).await.is_ok(), refused);
    }
}

#[tokio::test]
async fn so_many_are_kept_and_no_more() {
    let contexts = hosting(&Arc::new(MemoryStore::new()), Arc::new(NoLoader));
    let writer = view(&tenant(), true);
    let mut last = String::new();
    for _ in 0..1_000 {
        last = contexts.add(&writer, r#"{"@context":{}}"#).await.unwrap();
    }
    let full = contexts.add(&writer, r#"{"@context":{}}"#).await.unwrap_err();
    assert_eq!(full.code, ProblemCode::Forbidden);
    contexts.delete(&writer, &last, false).await.unwrap();
    contexts.add(&writer, r#"{"@context":{}}"#).await.unwrap();
}

#[tokio::test]
async fn individual_numbers_are_in_no_context() {
    let contexts = hosting(&Arc::new(MemoryStore::new()), Arc::new(NoLoader));
    let writer = view(&tenant(), true);
    for document in [
        r#"{"@context":{"myNumber":"https://x.test/a"}}"#,
        r#"{"@context":{"a":"https://x.test/123456789018"}}"#,
    ] {
        let refused = contexts.add(&writer, document).await.unwrap_err();
        assert_eq!(refused.code, ProblemCode::IndividualNumber, "{document}");
    }
}
