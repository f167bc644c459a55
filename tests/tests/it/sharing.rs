//! A resident shows somebody a code, and whoever redeems it sees exactly that, until the resident takes it back.

use reqwest::Method;
use serde_json::{Value, json};
use tsunagu_sandbox::story::{self, Browser};

use crate::support::Backend;
use crate::support::http::{Answer, seen};
use crate::support::town::{APP, Plan, SENSORS, Town};

const GRANT: &str = "urn:tsunagu:grant-type:share-code";

async fn redeem(town: &Town, client: &str, code: &str, more: &[(&str, &str)]) -> Answer {
    let assertion = story::assertion(&town.base, &town.machine(client)).unwrap();
    let form = [
        ("grant_type", GRANT),
        ("share_code", code),
        ("client_id", client),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.as_str()),
    ];
    let form = [&form[..], more].concat();
    seen(town.ask(Method::POST, "/oauth/token").form(&form)).await
}

async fn own(town: &Town, browser: &mut Browser, path: &str) -> Value {
    let (status, answer) =
        browser.json(Method::GET, town.base.join(path).unwrap(), None).await.unwrap();
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

/// The resident chooses on the page, reads what is shown, and has the code made.
async fn shown_code(town: &Town, browser: &mut Browser) -> (String, String) {
    let page = browser.open(town.base.join("/share").unwrap()).await.unwrap();
    let form = page.form("/share/confirm").unwrap();
    let chosen = [("class", "contact"), ("minutes", "30"), ("uses", "1")];
    let sure = browser.send(&page, &form, &chosen).await.unwrap();
    assert!(sure.body.contains("お名前とご住所") && sure.body.contains("30分"), "{}", sure.body);
    let form = sure.form("/share").unwrap();
    let made = browser.send(&sure, &form, &[]).await.unwrap();
    assert!(made.status.is_success() && made.body.contains("<svg class=\"qr\""), "{}", made.body);
    let code = made.body.split_once("<p class=\"id code\">").unwrap().1;
    let code = code.split_once('<').unwrap().0.to_owned();
    let id = code.replace('-', "").chars().take(8).collect();
    (code, id)
}

async fn shows_and_takes_back(backend: Backend) {
    let town = Town::start(backend, &Plan { people: true, ..Plan::default() }).await;
    let mut hanako = town.hanako().await;
    let (code, id) = shown_code(&town, &mut hanako).await;
    assert!(!town.log().contains(&code), "a code is in no log");

    // Nothing wider can be asked for, and who has no data of residents gets none.
    let wider = json!([{"type": "resident_data", "purpose": "consultation", "data_classes": ["contact", "basic"], "actions": ["read"]}]);
    let asked = redeem(&town, APP, &code, &[("authorization_details", &wider.to_string())]).await;
    assert_eq!(
        (asked.status, &asked.json()["error"]),
        (400, &json!("invalid_authorization_details"))
    );
    let machine = redeem(&town, SENSORS, &code, &[]).await;
    assert_eq!((machine.status, &machine.json()["error"]), (400, &json!("unauthorized_client")));

    let answer = redeem(&town, APP, &code, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let tokens = answer.json();
    assert_eq!(tokens["authorization_details"][0]["data_classes"], json!(["contact"]));
    assert_eq!(tokens["authorization_details"][0]["actions"], json!(["read"]));
    let token = tokens["access_token"].as_str().unwrap();
    let again = redeem(&town, APP, &code, &[]).await;
    assert_eq!((again.status, &again.json()["error"]), (400, &json!("invalid_grant")));

    // Exactly what was shared, read only.
    let list = "/ngsi-ld/v1/entities?type=Person";
    let read = seen(town.ask(Method::GET, list).bearer_auth(token)).await;
    assert_eq!(read.status, 200, "{}", read.text());
    let found = read.json();
    let person = &found[0];
    assert_eq!(person["name"]["value"], "都農 花子");
    assert!(person.get("birthDate").is_none() && person.get("gender").is_none(), "{person}");
    let urn = person["id"].as_str().unwrap();
    let path = format!("/ngsi-ld/v1/entities/{urn}/attrs");
    let write = json!({"name": {"type": "Property", "value": "別人"}});
    let written = seen(town.ask(Method::PATCH, &path).bearer_auth(token).json(&write)).await;
    assert!([403, 404].contains(&written.status), "{}", written.text());

    // In her list with who redeemed it; on her page too.
    let codes = own(&town, &mut hanako, "/me/share-codes").await;
    assert_eq!(codes["shareCodes"][0]["state"], "used");
    assert_eq!(codes["shareCodes"][0]["redeemed"][0]["client"], APP);
    let consents = own(&town, &mut hanako, "/me/consents").await;
    assert_eq!(consents["consents"][0]["shareCode"], id.as_str());
    let log = own(&town, &mut hanako, "/me/access-log").await;
    let of_app = |reason: &str| {
        let all = log["accesses"].as_array().unwrap();
        all.iter().filter(|a| a["actor"] == "client:app" && a["reason"] == reason).count()
    };
    assert_eq!((of_app("share-code-redeemed"), of_app("share-code-used")), (1, 1));

    // Another site's page cannot take it back, she can, and the very next request is refused.
    let page = hanako.open(town.base.join("/share").unwrap()).await.unwrap();
    let form = page.form(&format!("/share/{id}/cancel")).unwrap();
    let forged = hanako.send(&page, &form, &[("csrf", "guessed")]).await.unwrap();
    assert_eq!(forged.status, 403);
    assert_eq!(seen(town.ask(Method::GET, list).bearer_auth(token)).await.status, 200);
    hanako.send(&page, &form, &[]).await.unwrap();
    let refused = seen(town.ask(Method::GET, list).bearer_auth(token)).await;
    assert_eq!(refused.status, 403, "{}", refused.text());

    // A code that was not redeemed is dead with the id of who made it.
    let (unused, _) = shown_code(&town, &mut hanako).await;
    let account = hanako.open(town.base.join("/account/close").unwrap()).await.unwrap();
    let form = account.form("/account/close").unwrap();
    assert!(hanako.send(&account, &form, &[]).await.unwrap().status.is_success());
    let closed = redeem(&town, APP, &unused, &[]).await;
    assert_eq!((closed.status, &closed.json()["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn a_shared_code_shows_exactly_what_was_shared_on_the_embedded_store() {
    shows_and_takes_back(Backend::Embedded).await;
}

#[tokio::test]
async fn a_shared_code_shows_exactly_what_was_shared_on_postgresql() {
    shows_and_takes_back(Backend::Postgres).await;
}
