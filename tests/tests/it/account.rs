//! Taking one's data along, and closing the Tsuno ID, as browsers and services see it.

use reqwest::Method;
use serde_json::Value;
use tsunagu_sandbox::story::{self, Browser};

use crate::support::Backend;
use crate::support::http::seen;
use crate::support::town::{Plan, Town};

async fn own(town: &Town, browser: &mut Browser, path: &str) -> (u16, Value) {
    let (status, body) =
        browser.json(Method::GET, town.base.join(path).unwrap(), None).await.unwrap();
    (status.as_u16(), body)
}

#[tokio::test]
async fn a_resident_takes_everything_out_and_closes_on_the_embedded_store() {
    takes_out_and_closes(Backend::Embedded).await;
}

#[tokio::test]
async fn a_resident_takes_everything_out_and_closes_on_postgresql() {
    takes_out_and_closes(Backend::Postgres).await;
}

async fn takes_out_and_closes(backend: Backend) {
    let town = Town::start(backend, &Plan { people: true, ..Plan::default() }).await;
    let mut hanako = Browser::new();
    let id = story::first_login(&town.parties(), &mut hanako).await.unwrap();
    let login = town.connect(&mut hanako).await;
    let read = format!("/ngsi-ld/v1/entities/{}", login.person);
    let answer = seen(town.ask(Method::GET, &read).bearer_auth(&login.token)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());

    let (_, log) = own(&town, &mut hanako, "/me/access-log").await;
    let before = log["total"].as_u64().unwrap();
    let (status, export) = own(&town, &mut hanako, "/me/export").await;
    assert_eq!(status, 200, "{export}");
    let (_, log) = own(&town, &mut hanako, "/me/access-log").await;
    // One entry for reading the log before, one for the export.
    assert_eq!(log["total"].as_u64().unwrap(), before + 2);
    assert_eq!(log["accesses"][0]["reason"], "export");

    assert_eq!(export["residency"]["verdict"], "resident");
    let entities = export["entities"].as_array().unwrap();
    let person = entities.iter().find(|entity| entity["type"] == "Person").unwrap();
    assert_eq!(person["name"]["value"], "都農 花子");
    assert_eq!(export["consents"].as_array().unwrap().len(), 1);
    assert!(export["coins"]["balance"].is_i64());
    let provisions = export["provisions"].as_array().unwrap();
    assert!(provisions.iter().any(|access| access["actor"] == "client:app"), "{provisions:?}");
    let all = export["accessLog"].as_array().unwrap();
    assert!(all.len() > provisions.len());

    let account = hanako.open(town.base.join("/account").unwrap()).await.unwrap();
    let sure = hanako.open(account.link("/account/close").unwrap()).await.unwrap();
    let form = sure.form("/account/close").unwrap();
    let forged = hanako.send(&sure, &form, &[("csrf", "guessed")]).await.unwrap();
    assert_eq!(forged.status, 403);
    let closed = hanako.send(&sure, &form, &[]).await.unwrap();
    assert!(closed.status.is_success() && closed.body.contains("都農IDをやめました"));

    let refused = seen(town.ask(Method::GET, &read).bearer_auth(&login.token)).await;
    assert!([401, 403].contains(&refused.status), "{}", refused.status);
    assert_eq!(own(&town, &mut hanako, "/me/access-log").await.0, 401);
    let again = story::first_login(&town.parties(), &mut Browser::new()).await.unwrap();
    assert_ne!(again, id);
}
