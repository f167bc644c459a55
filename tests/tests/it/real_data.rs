//! Entities that nobody here wrote: every published example of three Smart Data Models goes in and comes out unharmed.

use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::Value;

use crate::support::Backend;
use crate::support::http::{Answer, seen};
use crate::support::town::{Plan, SENSORS, Town, data};

const DOMAINS: [&str; 3] = ["User", "Weather", "Parking"];
const ENTITIES: &str = "/ngsi-ld/v1/entities";

/// One published example.
struct Example {
    name: String,
    /// The URL of its domain's @context.
    context: String,
    entity: Value,
}

impl Example {
    fn is_normalized(&self) -> bool {
        self.name.contains("-normalized")
    }

    fn id(&self) -> &str {
        self.entity["id"].as_str().unwrap()
    }

    /// With `urn:ngsi-ld:<Type>:` before its id.
    fn prefixed(&self) -> Self {
        let mut entity = self.entity.clone();
        let kind = entity["type"].as_str().unwrap();
        entity["id"] = Value::String(format!("urn:ngsi-ld:{kind}:{}", self.id()));
        Self { name: self.name.clone(), context: self.context.clone(), entity }
    }

    /// What must come back: everything but the @context, which travels beside it.
    fn content(&self) -> Value {
        let mut entity = self.entity.clone();
        entity.as_object_mut().unwrap().remove("@context");
        entity
    }
}

fn folder(domain: &str) -> PathBuf {
    data().join("smart-data-models").join(domain)
}

/// The @contexts that the examples name, each the document of its domain.
fn pinned() -> Vec<(String, PathBuf)> {
    let url = |domain: &str| {
        format!(
            "https://raw.githubusercontent.com/smart-data-models/dataModel.{domain}/master/context.jsonld"
        )
    };
    let mut pinned: Vec<_> =
        DOMAINS.iter().map(|domain| (url(domain), folder(domain).join("context.jsonld"))).collect();
    // One example names its domain's document by a second address.
    let second = "https://smart-data-models.github.io/dataModel.Weather/context.jsonld";
    pinned.push((second.to_owned(), folder("Weather").join("context.jsonld")));
    pinned
}

fn examples() -> Vec<Example> {
    let read = |(context, domain): (String, &str)| -> Vec<Example> {
        let entries = std::fs::read_dir(folder(domain)).unwrap().map(|entry| entry.unwrap().path());
        let examples = entries.filter(|path| name(path).contains(".example"));
        examples
            .map(|path| Example {
                name: name(&path),
                context: context.clone(),
                entity: serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap(),
            })
            .collect()
    };
    let urls = pinned().into_iter().map(|(url, _)| url).zip(DOMAINS);
    let mut examples: Vec<Example> = urls.flat_map(read).collect();
    examples.sort_by(|a, b| a.name.cmp(&b.name));
    examples
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

#[tokio::test]
async fn published_entities_survive_on_the_embedded_store() {
    survive(Backend::Embedded).await;
}

#[tokio::test]
async fn published_entities_survive_on_postgresql() {
    survive(Backend::Postgres).await;
}

async fn survive(backend: Backend) {
    let town = Town::start(backend, &Plan { contexts: pinned(), ..Plan::default() }).await;
    let token = town.token(SENSORS).await;
    let examples = examples();
    assert_eq!(examples.len(), 22, "examples are missing");
    let mut mended = 0;
    let mut faults = Vec::new();
    for example in &examples {
        let answer = create(&town, &token, example).await;
        if example.id().starts_with("urn:") || example.id().starts_with("uri:") {
            assert_eq!(answer.status, 201, "{}: {}", example.name, answer.text());
            faults.extend(comes_back(&town, &token, example).await);
            continue;
        }
        // Three ids are no URIs: the refusal shows how an id looks, and so made they work.
        let problem = answer.problem(&example.name);
        assert_eq!((answer.status, &problem["pointer"]), (400, &Value::from("/id")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("urn:ngsi-ld:"), "{problem}");
        let prefixed = example.prefixed();
        let answer = create(&town, &token, &prefixed).await;
        assert_eq!(answer.status, 201, "{}: {}", example.name, answer.text());
        faults.extend(comes_back(&town, &token, &prefixed).await);
        mended += 1;
    }
    assert_eq!(mended, 3, "another number of ids that are no URIs");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

async fn create(town: &Town, token: &str, example: &Example) -> Answer {
    let request = town.ask(Method::POST, ENTITIES).bearer_auth(token);
    let request = request.header("Content-Type", "application/ld+json");
    seen(request.body(example.entity.to_string())).await
}

/// Reads the entity back in the format it came in, and deletes it; tells what was lost or changed.
async fn comes_back(town: &Town, token: &str, example: &Example) -> Option<String> {
    let format = if example.is_normalized() { "normalized" } else { "simplified" };
    let path = format!("{ENTITIES}/{}", example.id());
    let link = format!("<{}>; rel=\"http://www.w3.org/ns/json-ld#context\"", example.context);
    let read = town.ask(Method::GET, &format!("{path}?format={format}")).bearer_auth(token);
    let answer = seen(read.header("Link", link)).await;
    assert_eq!(answer.status, 200, "{}: {}", example.name, answer.text());
    let (sent, back) = (example.content(), answer.json());
    let deleted = seen(town.ask(Method::DELETE, &path).bearer_auth(token)).await;
    assert_eq!(deleted.status, 204, "{}: {}", example.name, deleted.text());
    difference("", &sent, &back).map(|said| format!("{}: {said}", example.name))
}

/// Where two documents mean different things: members in any order, 1 and 1.0 the same number.
fn difference(at: &str, sent: &Value, back: &Value) -> Option<String> {
    match (sent, back) {
        (Value::Object(sent), Value::Object(back)) => {
            let extra = back.keys().find(|name| !sent.contains_key(*name));
            if let Some(name) = extra {
                return Some(format!("{at}/{name} came from nowhere"));
            }
            sent.iter().find_map(|(name, value)| {
                let at = format!("{at}/{name}");
                match back.get(name) {
                    Some(other) => difference(&at, value, other),
                    None => Some(format!("{at} was lost")),
                }
            })
        }
        (Value::Array(sent), Value::Array(back)) if sent.len() == back.len() => {
            let pairs = sent.iter().zip(back).enumerate();
            pairs.into_iter().find_map(|(n, (s, b))| difference(&format!("{at}/{n}"), s, b))
        }
        (Value::Number(sent), Value::Number(back)) if sent.as_f64() == back.as_f64() => None,
        (sent, back) => (sent != back).then(|| format!("{at}: {sent} became {back}")),
    }
}
