//! Acting for another: family whom a resident chose, and the counter, over HTTP.

use reqwest::Method;
use serde_json::{Value, json};
use tsunagu_sandbox::story::Browser;

use crate::support::Backend;
use crate::support::http::{Answer, seen};
use crate::support::town::{APP, Plan, STAFF, Town};

/// Another resident of the sandbox's town logs in.
async fn other(town: &Town, persona: &str) -> Browser {
    let mut browser = Browser::new();
    let page = browser.open(town.base.join("/login/xid").unwrap()).await.unwrap();
    let form = page.form("/").unwrap();
    let fields = [("persona", persona), ("outcome", "ok")];
    let home = browser.send(&page, &form, &fields).await.unwrap();
    assert!(home.status.is_success(), "{}", home.body);
    browser
}

async fn tsuno_id(town: &Town, browser: &mut Browser) -> String {
    let home = browser.open(town.base.join("/").unwrap()).await.unwrap();
    let (_, id) = home.body.split_once("<p class=\"id\">").unwrap();
    id.split_once('<').unwrap().0.replace('-', "")
}

async fn own(town: &Town, browser: &mut Browser, path: &str) -> Value {
    let url = town.base.join(path).unwrap();
    let (status, answer) = browser.json(Method::GET, url, None).await.unwrap();
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn last_day() -> String {
    let day = chrono::Utc::now() + chrono::TimeDelta::days(30);
    day.format("%Y-%m-%d").to_string()
}

#[tokio::test]
async fn family_acts_within_its_scope_on_pages_that_say_so_until_the_resident_ends_it() {
    let town = Town::start(Backend::Embedded, &Plan { people: true, ..Plan::default() }).await;
    let mut hanako = town.hanako().await;
    town.connect(&mut hanako).await;
    let mut taro = other(&town, "taro").await;
    let his = tsuno_id(&town, &mut taro).await;

    let page = hanako.open(town.base.join("/delegates").unwrap()).await.unwrap();
    let form = page.form("/delegates").unwrap();
    let day = last_day();
    let fields = [
        ("delegate", his.as_str()),
        ("delegate_name", "太郎"),
        ("principal_name", "花子"),
        ("scope", "consent"),
        ("last_day", day.as_str()),
    ];
    let listed = hanako.send(&page, &form, &fields).await.unwrap();
    assert!(listed.body.contains("太郎"), "{}", listed.body);
    let delegations = own(&town, &mut hanako, "/me/delegations").await;
    let id = delegations["forMe"][0]["id"].as_str().unwrap().to_owned();

    // He chooses for whom he acts, and every page says so.
    let page = taro.open(town.base.join("/delegates").unwrap()).await.unwrap();
    let form = page.form(&format!("/delegates/{id}/act")).unwrap();
    let consents = taro.send(&page, &form, &[]).await.unwrap();
    let banner = "花子さんの代わりに手続きしています";
    assert!(consents.body.contains(banner) && consents.body.contains(APP), "{}", consents.body);
    // What is not his to do: the record of access (by scope), and what is hers alone.
    for path in ["/access-log", "/account", "/share", "/delegates", "/coins"] {
        let page = taro.open(town.base.join(path).unwrap()).await.unwrap();
        assert_eq!(page.status, 403, "{path}");
        assert!(page.body.contains(banner), "{path}");
    }
    let consent = consents.link("/consents/").unwrap();
    let page = taro.open(consent.clone()).await.unwrap();
    let form = page.form("/pause").unwrap();
    let paused = taro.send(&page, &form, &[]).await.unwrap();
    assert!(paused.body.contains("止めています"), "{}", paused.body);

    // She sees who did it, in the consent and in the record.
    let page = hanako.open(consent).await.unwrap();
    assert!(page.body.contains("太郎さんが代わりにしました"), "{}", page.body);
    let log = own(&town, &mut hanako, "/me/access-log").await;
    let actor = format!("family:{id}");
    let did: Vec<_> = log["accesses"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|a| a["actor"] == actor.as_str())
        .collect();
    assert_eq!(did.iter().filter(|a| a["reason"] == "paused").count(), 1);
    assert!(did.iter().all(|a| a["actorJa"] == "ご家族 太郎"), "{did:?}");
    // What was not his to do is one entry each.
    let tried = did.iter().filter(|a| a["reason"] == "not-for-delegates");
    assert_eq!(tried.filter(|a| a["decision"] == "denied").count(), 5);

    // The next request after she ends it is his own again.
    let page = hanako.open(town.base.join("/delegates").unwrap()).await.unwrap();
    let form = page.form(&format!("/delegates/{id}/end")).unwrap();
    hanako.send(&page, &form, &[]).await.unwrap();
    let page = taro.open(town.base.join("/consents").unwrap()).await.unwrap();
    assert!(!page.body.contains(banner) && !page.body.contains(APP), "{}", page.body);
}

#[tokio::test]
async fn t62_the_counter_needs_the_record_of_assisted_mode() {
    let town = Town::start(Backend::Embedded, &Plan { people: true, ..Plan::default() }).await;
    let mut hanako = town.hanako().await;
    let id = tsuno_id(&town, &mut hanako).await;
    let token = town.token(STAFF).await;
    let post = async |path: &str, body: &Value| -> Answer {
        seen(town.ask(Method::POST, path).bearer_auth(&token).json(body)).await
    };
    let asked = json!({"client": APP, "purpose": "health-coaching", "dataClasses": ["contact"],
        "actions": ["read"], "days": 30, "lang": "ja"});
    let notice = post("/counter/v1/notice", &asked).await;
    assert_eq!(notice.status, 200, "{}", notice.text());
    let notice = notice.json();
    assert!(notice["text"].as_str().unwrap().contains("お名前とご住所"));
    let path = format!("/counter/v1/residents/{id}/consents");
    let assisted =
        |read: &str| json!({"clerk": "窓口3", "identity": "driving-licence", "noticeRead": read});
    let before = own(&town, &mut hanako, "/me/access-log").await["total"].as_u64().unwrap();
    for body in
        [json!({"asked": asked}), json!({"asked": asked, "assisted": assisted(&"0".repeat(64))})]
    {
        assert_eq!(post(&path, &body).await.status, 403, "{body}");
    }
    let log = own(&town, &mut hanako, "/me/access-log").await;
    // The look before, and one for each refusal.
    assert_eq!(log["total"].as_u64().unwrap(), before + 3);
    for refused in [&log["accesses"][0], &log["accesses"][1]] {
        assert_eq!(
            (&refused["decision"], &refused["reason"]),
            (&json!("denied"), &json!("not-assisted"))
        );
    }
    let strange = json!({"asked": asked, "assisted": {"clerk": "窓口3", "identity": "face"}});
    assert_eq!(post(&path, &strange).await.status, 400);

    let right = json!({"asked": asked, "assisted": assisted(notice["sha256"].as_str().unwrap())});
    let given = post(&path, &right).await;
    assert_eq!(given.status, 201, "{}", given.text());
    let consent = given.json()["id"].as_str().unwrap().to_owned();
    let told = own(&town, &mut hanako, &format!("/consents/v1/{consent}")).await;
    let event = &told["events"][0];
    assert_eq!((&event["by"], &event["actedBy"]["clerk"]), (&json!("counter"), &json!("窓口3")));
    assert_eq!(event["actedBy"]["noticeRead"], notice["sha256"]);
    let ended = format!("{path}/{consent}/withdraw");
    assert_eq!(post(&ended, &json!({})).await.status, 403);
    let body = json!({"assisted": {"clerk": "窓口3", "identity": "passport"}});
    assert_eq!(post(&ended, &body).await.json()["state"], "withdrawn");
    // Repeating it changes nothing, and tells: one entry.
    let before = own(&town, &mut hanako, "/me/access-log").await["total"].as_u64().unwrap();
    assert_eq!(post(&ended, &body).await.json()["state"], "withdrawn");
    let log = own(&town, &mut hanako, "/me/access-log").await;
    assert_eq!(log["total"].as_u64().unwrap(), before + 2, "with the look before");
    let last = &log["accesses"][0];
    assert_eq!(
        (&last["actor"], &last["action"], &last["reason"]),
        (&json!("client:staff"), &json!("read"), &json!("staff"))
    );

    // Whoever is of age has no guardian.
    let mut taro = other(&town, "taro").await;
    let delegate = tsuno_id(&town, &mut taro).await;
    let guardian = json!({"principal": id, "delegate": delegate, "principalName": "花子", "delegateName": "太郎",
        "scope": "both", "evidence": "family-register", "reference": "2026-1", "clerk": "窓口3"});
    let refused = post("/counter/v1/guardians", &guardian).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
}
