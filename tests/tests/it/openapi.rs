//! The description of the API is OpenAPI 3.1, whole, and the one in the repository.

use std::path::Path;

use serde_json::Value;

use crate::support::http::seen;
use crate::support::town::{Plan, SENSORS, Town};
use crate::support::{Backend, process};

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

async fn printed() -> String {
    let output = process::run(&["openapi"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every operation of the document, with its name.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if METHODS.contains(&method.as_str()) {
                found.push((format!("{method} {path}"), operation));
            }
        }
    }
    found
}

#[tokio::test]
async fn the_description_is_the_one_in_the_repository() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let kept = std::fs::read_to_string(file).unwrap();
    assert!(kept == printed().await, "docs/openapi.json is stale; write it with `cargo xtask gen`");
}

#[tokio::test]
async fn the_description_is_openapi_3_1() {
    let document: Value = serde_json::from_str(&printed().await).unwrap();
    let version = document["openapi"].as_str().unwrap();
    assert!(version.starts_with("3.1."), "{version}");
    for member in ["title", "version"] {
        assert!(document["info"][member].is_string(), "info has no {member}");
    }
    let licence = &document["info"]["license"];
    assert!(licence["name"].is_string());
    // In 3.1 a licence has an identifier or a URL, never both.
    assert!(licence["identifier"].is_null() || licence["url"].is_null());
    let mut faults = Vec::new();
    references(&document, &document, &mut faults);
    let mut ids = Vec::new();
    for (name, operation) in operations(&document) {
        let path = name.split_once(' ').unwrap().1;
        ids.push(operation["operationId"].as_str().unwrap_or_default().to_owned());
        faults.extend(parameters(&name, path, operation));
        for requirement in operation["security"].as_array().into_iter().flatten() {
            for scheme in requirement.as_object().unwrap().keys() {
                if document["components"]["securitySchemes"][scheme].is_null() {
                    faults.push(format!("{name}: the security scheme {scheme} is nowhere"));
                }
            }
        }
    }
    // Where there are ids of operations, no two are the same.
    ids.retain(|id| !id.is_empty());
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() != all {
        faults.push("two operations have the same operationId".to_owned());
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Each `$ref` leads somewhere inside the document.
fn references(document: &Value, value: &Value, faults: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get("$ref") {
                let found = target.strip_prefix('#').and_then(|path| document.pointer(path));
                if found.is_none() {
                    faults.push(format!("{target} leads nowhere"));
                }
            }
            members.values().for_each(|member| references(document, member, faults));
        }
        Value::Array(items) => items.iter().for_each(|item| references(document, item, faults)),
        _ => {}
    }
}

/// Parts of the path are described, and nothing else is said to be in it.
fn parameters(name: &str, path: &str, operation: &Value) -> Vec<String> {
    let parts = path.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let mut expected: Vec<&str> = parts.map(|(part, _)| part).collect();
    let listed = operation["parameters"].as_array().into_iter().flatten();
    let mut faults = Vec::new();
    let mut described = Vec::new();
    for parameter in listed {
        let place = parameter["in"].as_str().unwrap_or_default();
        if !["path", "query", "header", "cookie"].contains(&place) {
            faults.push(format!("{name}: a parameter is nowhere"));
        }
        if parameter["schema"].is_null() && parameter["content"].is_null() {
            faults.push(format!("{name}: {} has no schema", parameter["name"]));
        }
        if place == "path" {
            if parameter["required"] != true {
                faults.push(format!("{name}: {} in the path is not required", parameter["name"]));
            }
            described.extend(parameter["name"].as_str());
        }
    }
    expected.sort_unstable();
    described.sort_unstable();
    if expected != described {
        faults.push(format!("{name}: describes {described:?} of the path instead of {expected:?}"));
    }
    faults
}

#[tokio::test]
async fn every_operation_says_what_it_does_takes_and_answers() {
    let document: Value = serde_json::from_str(&printed().await).unwrap();
    let mut faults = Vec::new();
    for (name, operation) in operations(&document) {
        let mut missing = |holds: bool, what: &str| {
            if !holds {
                faults.push(format!("{name}: {what}"));
            }
        };
        let text = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
        missing(text(&operation["summary"]), "no summary");
        missing(operation["tags"].as_array().is_some_and(|tags| !tags.is_empty()), "no tag");
        let responses = operation["responses"].as_object().unwrap();
        missing(responses.keys().any(|status| status.starts_with('2')), "no answer for success");
        for (status, response) in responses {
            let target = response["$ref"].as_str().and_then(|at| at.strip_prefix('#'));
            let response = target.and_then(|at| document.pointer(at)).unwrap_or(response);
            missing(text(&response["description"]), &format!("{status} is not described"));
            if !status.starts_with('2') && status != "503" {
                let content = response["content"].as_object();
                let has = content.is_some_and(|content| !content.is_empty());
                missing(has, &format!("{status} has no body described"));
            }
        }
        // Whoever needs a credential can be refused.
        if needs_credentials(operation) {
            let refusals = ["401", "403"];
            let refused = refusals.iter().any(|status| responses.contains_key(*status));
            missing(refused, "no answer for a missing token");
        }
        let writes = ["post ", "put ", "patch "].iter().any(|method| name.starts_with(method));
        let says_all = [
            "/withdraw",
            "/pause",
            "/resume",
            "/deletion",
            "/close",
            "/cancel",
            "/confirm",
            "/end",
            "/reload",
            "/run",
            "/probe",
        ]
        .iter()
        .any(|end| name.ends_with(end));
        if writes && !says_all {
            let content = operation["requestBody"]["content"].as_object();
            missing(content.is_some_and(|content| !content.is_empty()), "no request body");
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

const BINDING: &str = "/ngsi-ld/v1";

/// Media types with what they hold, of a request or an answer.
fn contents(described: &Value) -> Vec<(&String, &Value)> {
    described["content"].as_object().into_iter().flatten().collect()
}

#[tokio::test]
async fn every_ngsi_ld_operation_has_examples_and_tells_its_problems() {
    let document: Value = serde_json::from_str(&printed().await).unwrap();
    let mut faults = Vec::new();
    let mut seen = 0;
    for (name, operation) in operations(&document) {
        let (method, path) = name.split_once(' ').unwrap();
        let Some(path) = path.strip_prefix(BINDING) else { continue };
        seen += 1;
        let mut missing = |holds: bool, what: String| {
            if !holds {
                faults.push(format!("{name}: {what}"));
            }
        };
        let text = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
        missing(text(&operation["description"]), "no description".to_owned());
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let described = text(&parameter["description"]);
            missing(described, format!("{} is not described", parameter["name"]));
        }
        for (media, content) in contents(&operation["requestBody"]) {
            missing(!content["example"].is_null(), format!("no example of a body of {media}"));
        }
        let responses = operation["responses"].as_object().unwrap();
        for (status, response) in responses {
            let shown = contents(response);
            if matches!(status.as_str(), "200" | "206" | "207") {
                missing(!shown.is_empty(), format!("{status} does not say what it holds"));
            }
            for (media, content) in shown {
                if status.starts_with('2') {
                    let there = !content["example"].is_null();
                    missing(there, format!("no example of {media} in {status}"));
                    continue;
                }
                let examples = content["examples"].as_object();
                missing(examples.is_some_and(|e| !e.is_empty()), format!("no example of {status}"));
                for example in examples.into_iter().flatten().map(|(_, example)| &example["value"])
                {
                    let same = example["status"].as_u64() == status.parse().ok();
                    missing(same && text(&example["detail"]), format!("{example} under {status}"));
                }
            }
        }
        let mut expected = vec!["400", "401", "403", "404", "503"];
        if !operation["requestBody"].is_null() {
            expected.extend(["411", "413", "415"]);
        }
        if !responses
            .get("200")
            .map_or(&Value::Null, |r| &r["content"]["application/ld+json"])
            .is_null()
        {
            expected.push("406");
        }
        if ["/entities", "/subscriptions", "/csourceRegistrations"].contains(&path)
            && method == "post"
        {
            expected.push("409");
        }
        for status in expected {
            missing(responses.contains_key(status), format!("{status} is not told of"));
        }
    }
    assert!(seen > 50, "only {seen} operations");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A parameter that no operation knows is answered with those that it does know: the very ones that are described.
#[tokio::test]
async fn every_parameter_that_is_known_is_described_and_no_other() {
    let town = Town::start(Backend::Embedded, &Plan::default()).await;
    let token = town.token(SENSORS).await;
    let document: Value = serde_json::from_str(&printed().await).unwrap();
    let mut faults = Vec::new();
    for (name, operation) in operations(&document) {
        let (method, path) = name.split_once(' ').unwrap();
        if !path.starts_with(BINDING) {
            continue;
        }
        let listed = operation["parameters"].as_array().unwrap().iter();
        let mut described: Vec<&str> = listed
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        described.sort_unstable();
        let path: Vec<&str> = path
            .split('/')
            .map(|part| if part.starts_with('{') { "urn:ngsi-ld:Building:1" } else { part })
            .collect();
        let target = format!("{}?nobody-knows-this=1", path.join("/"));
        let method = method.to_uppercase().parse().unwrap();
        let mut request = town.ask(method, &target).bearer_auth(&token);
        if !operation["requestBody"].is_null() {
            request = request.header("Content-Type", "application/json").body("{}");
        }
        let problem = seen(request).await.json();
        let detail = problem["detail"].as_str().unwrap_or_default();
        let Some((_, known)) = detail.split_once("known are: ") else {
            faults.push(format!("{name}: {problem}"));
            continue;
        };
        let mut known: Vec<&str> = known.split(", ").filter(|known| *known != "none").collect();
        known.sort_unstable();
        if known != described {
            let only = |these: &[&str], those: &[&str]| -> Vec<String> {
                these
                    .iter()
                    .filter(|one| !those.contains(one))
                    .map(|one| (*one).to_owned())
                    .collect()
            };
            let (silent, false_) = (only(&known, &described), only(&described, &known));
            faults.push(format!(
                "{name}: known and not described {silent:?}, described and not known {false_:?}"
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn needs_credentials(operation: &Value) -> bool {
    let listed = operation["security"].as_array();
    listed.is_some_and(|listed| {
        listed.iter().all(|requirement| !requirement.as_object().unwrap().is_empty())
    })
}
