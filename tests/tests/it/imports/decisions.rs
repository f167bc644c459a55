//! Decisions about values that are kept: who sees and withdraws them, by API, page and shell.

use reqwest::Method;
use serde_json::{Value, json};
use tsunagu_sandbox::story::Browser;

use super::{comes_to, drop_file, governed, load, records};
use crate::staff::{Desk, acts};
use crate::support::Backend;
use crate::support::http::seen;
use crate::support::process;
use crate::support::town::{STAFF, Town};

const LIST: &str = "/imports/v1/layouts/register/decisions";

/// A town with a load that was read by one decision, and waits.
async fn decided() -> Town {
    let town = governed(Backend::Embedded).await;
    drop_file(&town, "a.csv", 5..9, "花子");
    let mut counter = Desk::of(&town, "kato").await;
    comes_to(&mut counter, "register-1", "waiting").await;
    let decision = json!({"line": 4, "column": "氏名", "take": "𠮷田　花子7"});
    let answer = counter.post("/imports/v1/loads/register-1/decisions", decision).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    comes_to(&mut counter, "register-1", "waiting").await;
    town
}

async fn only(desk: &mut Desk<'_>) -> Value {
    let answer = desk.get(LIST).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let list = answer.json();
    assert_eq!(list["decisions"].as_array().unwrap().len(), 1, "{list}");
    list["decisions"][0].clone()
}

#[tokio::test]
async fn a_decision_is_seen_and_withdrawn_by_those_with_the_role() {
    let town = decided().await;
    let mut counter = Desk::of(&town, "kato").await;
    let seen_by_counter = only(&mut counter).await;
    let value = json!({"written": "\u{E000}　花子7", "take": "𠮷田　花子7"});
    assert_eq!(seen_by_counter["value"], value, "{seen_by_counter}");
    assert_eq!(
        (&seen_by_counter["column"], &seen_by_counter["by"]),
        (&json!("氏名"), &json!("kato"))
    );
    let mut auditor = Desk::of(&town, "mori").await;
    let seen_by_auditor = only(&mut auditor).await;
    assert!(seen_by_auditor["value"].is_null() && !seen_by_auditor.to_string().contains("花子"));
    let looks = acts(&town, "staff:mori").await;
    assert!(looks.contains(&("allowed".to_owned(), "import-decisions-read register".to_owned())));

    let withdraw = format!("{LIST}/{}/withdraw", seen_by_counter["id"].as_str().unwrap());
    assert_eq!(auditor.post(&withdraw, json!({})).await.status, 403);
    let last = acts(&town, "staff:mori").await.pop().unwrap();
    assert_eq!(
        last,
        ("denied".to_owned(), "import-decision-withdraw register role-missing".to_owned())
    );
    let token = town.token(STAFF).await;
    for (method, path) in [(Method::GET, LIST), (Method::POST, withdraw.as_str())] {
        let machine = seen(town.ask(method, path).bearer_auth(&token)).await;
        assert_eq!(machine.status, 403, "{path}: a machine");
    }
    for path in [LIST, "/imports/v1/layouts/koseki/decisions"] {
        let none = counter.post(&format!("{path}/{}/withdraw", "0".repeat(64)), json!({})).await;
        assert_eq!(none.status, 404);
    }
    assert_eq!(counter.get(&format!("{LIST}?after=x")).await.status, 404);
    assert_eq!(counter.post(&withdraw, json!({})).await.status, 204);
    assert_eq!(counter.post(&withdraw, json!({})).await.status, 404);
    let again = comes_to(&mut counter, "register-1", "waiting").await;
    assert_eq!(
        (&again["counts"]["to_decide"], &again["counts"]["accepted"]),
        (&json!(1), &json!(3))
    );
    assert!(!town.log().contains('\u{E000}'));
}

#[tokio::test]
async fn a_decision_is_withdrawn_on_a_page_and_what_is_published_stays() {
    let town = decided().await;
    let mut operator = Desk::of(&town, "inoue").await;
    let at = |act: &str| format!("/imports/v1/loads/register-1/{act}");
    assert_eq!(operator.post(&at("propose"), json!({"note": "更新"})).await.status, 204);
    let mut approver = Desk::of(&town, "ueda").await;
    let revision = load(&mut approver, "register-1").await["revision"].clone();
    let published = approver.post(&at("publish"), json!({"revision": revision})).await;
    assert_eq!(published.status, 204, "{}", published.text());
    comes_to(&mut approver, "register-1", "published").await;
    let before = records(&town).await;

    let mut browser = Browser::new();
    town.member(&mut browser, "kato").await;
    let page = browser.open(town.base.join("/staff/imports").unwrap()).await.unwrap();
    assert!(page.form("/files").is_err(), "handing files over is for operators");
    let look = page.form("/decisions").unwrap();
    let forged = browser.send(&page, &look, &[("csrf", "another")]).await.unwrap();
    assert_eq!(forged.status.as_u16(), 403);
    let page = browser.send(&page, &look, &[]).await.unwrap();
    assert!(page.body.contains("𠮷田　花子7") && page.body.contains("U+E000"), "{}", page.body);
    let withdraw = page.form("/withdraw").unwrap();
    let forged = browser.send(&page, &withdraw, &[("csrf", "another")]).await.unwrap();
    assert_eq!(forged.status.as_u16(), 403);
    let page = browser.send(&page, &withdraw, &[]).await.unwrap();
    assert!(page.body.contains("残っている判断はありません"), "{}", page.body);
    assert_eq!(load(&mut approver, "register-1").await["state"], "published");
    assert_eq!(records(&town).await, before);
    // The next file is asked about, and until then its record stays.
    drop_file(&town, "b.csv", 5..9, "花子");
    let next = comes_to(&mut approver, "register-2", "waiting").await;
    assert_eq!(next["counts"]["to_decide"], 1);
    assert_eq!(next["difference"], json!({"added": 0, "changed": 0, "ended": 0, "unchanged": 4}));
}

#[tokio::test]
async fn decisions_are_listed_and_withdrawn_from_a_shell_without_a_value() {
    let mut town = decided().await;
    town.stop().await;
    let config = town.config();
    let shell = async |args: &[&str], member: &str| {
        let who = ["--layout", "register", "--as", member, "--config", config.to_str().unwrap()];
        let args: Vec<&str> = ["import"].iter().chain(args).chain(&who).copied().collect();
        let done = process::run(&args).await;
        let said = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8(said).unwrap())
    };
    let (listed, said) = shell(&["decisions"], "kato").await;
    assert!(listed && said.contains("氏名") && said.contains("kato"), "{said}");
    assert!(!said.contains('田') && !said.contains('\u{E000}'), "{said}");
    let id = said.lines().find(|line| line.contains("氏名")).unwrap().split(' ').next().unwrap();
    assert!(!shell(&["withdraw", id], "mori").await.0, "not an auditor");
    let (withdrawn, said) = shell(&["withdraw", id], "kato").await;
    assert!(withdrawn, "{said}");
    assert!(!shell(&["decisions"], "kato").await.1.contains("氏名"));
    town.open().await;
    let mut auditor = Desk::of(&town, "mori").await;
    let again = comes_to(&mut auditor, "register-1", "waiting").await;
    assert_eq!(again["counts"]["to_decide"], 1);
}
