//! What staff decide about coins, as they see and do it over HTTP.

use std::time::Duration;

use chrono::{DateTime, FixedOffset, TimeDelta};
use reqwest::Method;
use serde_json::{Value, json};

use tsunagu_sandbox::story::Browser;

use crate::login::log_in;
use crate::staff::{Desk, acts};
use crate::support::http::{Answer, seen};
use crate::support::process::run;
use crate::support::town::{Login, Plan, STAFF, Town, property};
use crate::support::{Backend, eventually};

const PATIENCE: Duration = Duration::from_secs(30);

fn rules() -> Value {
    json!({"v": 1, "rules": [{
        "id": "walk", "version": 1, "entity_type": "HealthActivity", "condition": "activity.steps >= 5000",
        "amount": "activity.steps >= 8000 ? 10 : 5", "max_amount": 10, "period": "day",
        "per_person_per_day": 10, "budget": 1000,
        "valid_from": "2020-01-01", "valid_until": "2100-01-01", "tz": "Asia/Tokyo",
        "label": {"ja": "歩く", "en": "Walk"}
    }]})
}

/// Steps of an hour two days ago.
async fn walked(town: &Town, login: &Login, name: &str, hour: u32, steps: u32) -> Answer {
    let now = tsunagu_sandbox::system_clock()() - TimeDelta::days(2);
    let day = (now + TimeDelta::hours(9)).format("%Y-%m-%d");
    let started: DateTime<FixedOffset> = format!("{day}T{hour:02}:00:00+09:00").parse().unwrap();
    let time = |at: DateTime<FixedOffset>| {
        property(json!({"@type": "DateTime", "@value": at.to_rfc3339()}))
    };
    let body = json!({
        "id": format!("urn:ngsi-ld:HealthActivity:{name}"), "type": "HealthActivity",
        "person": {"type": "Relationship", "object": login.person},
        "steps": property(steps), "activityType": property("walking"),
        "startedAt": time(started), "endedAt": time(started + TimeDelta::hours(1)),
        "recordingMethod": property("sensed"),
    });
    seen(town.ask(Method::POST, "/ngsi-ld/v1/entities").bearer_auth(&login.token).json(&body)).await
}

async fn grants(town: &Town, staff: &str, query: &str) -> Vec<Value> {
    let path = format!("/rewards/v1/grants{query}");
    let answer = seen(town.ask(Method::GET, &path).bearer_auth(staff)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().as_array().unwrap().clone()
}

#[tokio::test]
async fn staff_try_rules_and_take_a_grant_back_and_the_issuer_cancels_it() {
    let plan = Plan { people: true, staff: true, rewards: Some(rules()), ..Plan::default() };
    let town = Town::start(Backend::Embedded, &plan).await;
    let mut hanako = town.hanako().await;
    let login = town.connect(&mut hanako).await;
    assert_eq!(walked(&town, &login, "a", 8, 9_000).await.status, 201);
    assert_eq!(walked(&town, &login, "b", 10, 6_000).await.status, 201);
    let staff = town.token(STAFF).await;
    let all = eventually("granting", PATIENCE, || async {
        let all = grants(&town, &staff, "").await;
        all.iter().any(|grant| grant["state"] == "confirmed").then_some(all)
    })
    .await;
    let told: Vec<_> =
        all.iter().map(|grant| (&grant["amount"], &grant["state"], &grant["reason"])).collect();
    let (confirmed, rejected) = (json!("confirmed"), json!("rejected"));
    assert_eq!(told[1], (&json!(10), &confirmed, &Value::Null));
    assert_eq!(told[0], (&json!(0), &rejected, &json!("already-earned")));
    assert!(grants(&town, &staff, "?open=true").await.is_empty());

    // Other rules, tried on what has happened: nobody is named, and nothing changes.
    let body = json!({"rules": rules(), "from": "2020-01-01", "to": "2100-01-01"});
    let tried = town.ask(Method::POST, "/rewards/v1/simulations").bearer_auth(&staff);
    let tried = seen(tried.json(&body)).await;
    assert_eq!(tried.status, 200, "{}", tried.text());
    let found = &tried.json()["rules"][0];
    assert_eq!((&found["grants"], &found["coins"]), (&json!(1), &json!(10)));
    assert_eq!(found["refused"], json!({"already-earned": 1}));
    assert!(tried.header("audit-entry").is_some(), "the look is not on record");
    let wrong = json!({"rules": {"v": 1, "rules": [{}]}, "from": "2020-01-01", "to": "2100-01-01"});
    let wrong = town.ask(Method::POST, "/rewards/v1/simulations").bearer_auth(&staff).json(&wrong);
    assert_eq!(seen(wrong).await.status, 400);

    let mut operator = Desk::of(&town, "inoue").await;
    let mut decide = async |award: &str, body: Value| {
        operator.post(&format!("/rewards/v1/grants/{award}/decision"), body).await.status
    };
    let award = all[1]["award"].as_str().unwrap();
    let reverse = json!({"decision": "reverse", "why": "entered by mistake"});
    assert_eq!(decide(award, json!({"decision": "reverse", "why": " "})).await, 400);
    assert_eq!(decide(award, json!({"decision": "delete", "why": "x"})).await, 400);
    let told = json!({"decision": "reverse", "why": "of 123456789018"});
    assert_eq!(decide(award, told).await, 400);
    // A token is not a person, and the counter has other duties: both refusals are on record.
    let path = format!("/rewards/v1/grants/{award}/decision");
    let token = town.ask(Method::POST, &path).bearer_auth(&staff).json(&reverse);
    assert_eq!(seen(token).await.status, 403);
    assert_eq!(Desk::of(&town, "kato").await.post(&path, reverse.clone()).await.status, 403);
    for (actor, why) in
        [(format!("client:{STAFF}"), "needs-a-person"), ("staff:kato".to_owned(), "role-missing")]
    {
        let refused = ("denied".to_owned(), format!("coins-decide {award} {why}"));
        let said = acts(&town, &actor).await;
        assert!(said.contains(&refused), "{actor}: {said:?}");
    }
    let days = async |limit: u32| {
        let path = format!("/rewards/v1/reconciliations?limit={limit}");
        seen(town.ask(Method::GET, &path).bearer_auth(&staff)).await.status
    };
    assert_eq!((days(31).await, days(32).await), (200, 400));
    assert_eq!(decide(&"ab".repeat(32), reverse.clone()).await, 404);
    assert_eq!(decide("x", reverse.clone()).await, 404);
    assert_eq!(decide(award, json!({"decision": "confirm", "why": "x"})).await, 409);
    assert_eq!(decide(award, reverse.clone()).await, 204);
    let reversed = eventually("taking it back", PATIENCE, || async {
        let mut all = grants(&town, &staff, "").await;
        let grant = all.swap_remove(1);
        (grant["state"] == "reversed").then_some(grant)
    })
    .await;
    assert_eq!(reversed["reason"], "taken-back");
    assert_eq!(decide(award, reverse).await, 409);
    let today = (tsunagu_sandbox::system_clock()() + TimeDelta::hours(9)).format("%Y-%m-%d");
    let statement = town.statement(&today.to_string()).await;
    assert_eq!((&statement["granted"], &statement["cancelled"]), (&json!(10), &json!(10)));
    let left = seen(town.ask(Method::GET, "/rewards/v1/rules")).await.json();
    let budget = json!({"total": 1000, "reserved": 0, "issued": 0, "remaining": 1000});
    assert_eq!(left[0]["budget"], budget);
}

/// The latest decision on the resident's own page, and as the API tells it.
async fn told(town: &Town, browser: &mut Browser) -> (String, Value) {
    let page = browser.open(town.base.join("/coins").unwrap()).await.unwrap();
    let cookies = browser.cookies(&town.base).unwrap();
    let coins = seen(town.ask(Method::GET, "/me/coins").header("Cookie", cookies)).await.json();
    (page.body, coins)
}

#[tokio::test]
async fn a_rule_for_the_my_number_card_pays_only_what_is_written_after_such_a_login() {
    let mut rules = rules();
    rules["rules"][0]["assurance"] = json!("high");
    let plan = Plan { people: true, daa: true, rewards: Some(rules), ..Plan::default() };
    let town = Town::start(Backend::Embedded, &plan).await;
    let ask = town.ask(Method::GET, "/rewards/v1/rules");
    assert_eq!(seen(ask).await.json()[0]["rule"]["assurance"], "high");
    let mut phone = Browser::new();
    let form = [("persona", "hanako"), ("outcome", "ok")];
    assert!(log_in(&town, &mut phone, "xid", &form).await.status.is_success());
    let login = town.connect(&mut phone).await;
    assert_eq!(walked(&town, &login, "a", 8, 9_000).await.status, 201);
    let (page, coins) = told(&town, &mut phone).await;
    let first = &coins["grants"][0];
    assert_eq!((&first["amount"], &first["reason"]), (&json!(0), &json!("low-assurance")));
    let why = first["reason_text"]["ja"].as_str().unwrap();
    assert!(page.contains(why) && why.contains("マイナンバーカード"), "{page}");
    assert!(first["reason_text"]["en"].as_str().unwrap().contains("connect the service again"));

    // She does what she is told: by card, and connects the app again. Nothing is asked of her anew.
    let mut card = Browser::new();
    assert!(log_in(&town, &mut card, "daa", &form).await.status.is_success());
    let login = town.connect(&mut card).await;
    assert_eq!(walked(&town, &login, "b", 10, 9_000).await.status, 201);
    let granted = eventually("granting", PATIENCE, || async {
        let cookies = card.cookies(&town.base).unwrap();
        let ask = town.ask(Method::GET, "/me/coins").header("Cookie", cookies);
        let coins = seen(ask).await.json();
        (coins["balance"] == 10).then_some(coins)
    })
    .await;
    let states: Vec<_> =
        granted["grants"].as_array().unwrap().iter().map(|g| &g["state"]).collect();
    assert_eq!(states, ["confirmed", "rejected"]);
}

/// A change that the resident's own page makes.
async fn asks(town: &Town, browser: &Browser, award: &str, body: &Value) -> Answer {
    let ask = town.ask(Method::POST, &format!("/me/coins/{award}/appeal"));
    let ask = ask.header("Cookie", browser.cookies(&town.base).unwrap());
    seen(ask.header("Origin", town.base.as_str().trim_end_matches('/')).json(body)).await
}

const SAID: &str = "夕方の別の散歩です";
const ANSWER: &str = "記録を確かめました。お渡しします";

/// A town that pays 10 coins a day, and a resident with awards: one that earned, one beyond the limit of the day, and one of too few steps.
async fn zeros() -> (Town, Browser, [String; 3]) {
    let mut rules = rules();
    rules["rules"][0]["period"] = json!("activity");
    let plan = Plan { people: true, staff: true, rewards: Some(rules), ..Plan::default() };
    let town = Town::start(Backend::Embedded, &plan).await;
    let mut hanako = town.hanako().await;
    let login = town.connect(&mut hanako).await;
    for (name, hour, steps) in [("a", 8, 9_000), ("b", 10, 9_000), ("c", 12, 100)] {
        assert_eq!(walked(&town, &login, name, hour, steps).await.status, 201);
    }
    let (_, coins) = told(&town, &mut hanako).await;
    let all = coins["grants"].as_array().unwrap();
    let awards = ["a", "b", "c"].map(|name| {
        let id = format!("urn:ngsi-ld:HealthActivity:{name}");
        let grant = all.iter().find(|grant| grant["activity"] == id.as_str()).unwrap();
        (grant["award"].as_str().unwrap().to_owned(), grant["reason"].clone())
    });
    let reasons = awards.each_ref().map(|(_, reason)| reason.clone());
    assert_eq!(reasons, [Value::Null, json!("day-cap"), json!("not-met")]);
    (town, hanako, awards.map(|(award, _)| award))
}

#[tokio::test]
async fn a_resident_asks_the_town_about_a_zero_by_page_and_by_api() {
    let (town, mut hanako, [earned, capped, few]) = zeros().await;
    let (page, _) = told(&town, &mut hanako).await;
    assert!(!page.contains(&format!("/coins/{earned}/appeal")), "{page}");

    // By the page, with nothing but forms.
    let url = town.base.join(&format!("/coins/{capped}/appeal")).unwrap();
    let asked = hanako.open(url.clone()).await.unwrap();
    let form = asked.form("/appeal").unwrap();
    let wrong = hanako.send(&asked, &form, &[("text", "123456789018 です")]).await.unwrap();
    assert_eq!(wrong.status, 400);
    assert!(wrong.body.contains("送れませんでした"), "{}", wrong.body);
    let forged = [("text", SAID), ("csrf", "forged")];
    assert_eq!(hanako.send(&asked, &form, &forged).await.unwrap().status, 403);
    let done = hanako.send(&asked, &form, &[("text", SAID)]).await.unwrap();
    assert_eq!((done.status.as_u16(), done.url.path()), (200, "/coins"));
    assert!(done.body.contains("町が確認しています") && done.body.contains(SAID), "{}", done.body);
    // The button again, and the page again: nothing more is asked.
    assert_eq!(hanako.send(&asked, &form, &[("text", SAID)]).await.unwrap().url.path(), "/coins");
    assert_eq!(hanako.open(url).await.unwrap().url.path(), "/coins");

    // By the API.
    assert_eq!(asks(&town, &hanako, &capped, &json!({})).await.status, 409);
    assert_eq!(asks(&town, &hanako, &earned, &json!({})).await.status, 409);
    assert_eq!(asks(&town, &hanako, &"ab".repeat(32), &json!({})).await.status, 404);
    assert_eq!(asks(&town, &hanako, &few, &json!({"why": "x"})).await.status, 400);
    assert_eq!(asks(&town, &hanako, &few, &json!({"text": "あ".repeat(501)})).await.status, 400);
    let path = format!("/me/coins/{few}/appeal");
    let elsewhere = town.ask(Method::POST, &path).header("Origin", "https://elsewhere.example");
    let elsewhere = elsewhere.header("Cookie", hanako.cookies(&town.base).unwrap());
    assert_eq!(seen(elsewhere.json(&json!({}))).await.status, 403);
    assert_eq!(seen(town.ask(Method::POST, &path).json(&json!({}))).await.status, 401);
    let taro = town.resident("taro").await;
    assert_eq!(asks(&town, &taro, &few, &json!({})).await.status, 404, "it is another's");
    assert_eq!(asks(&town, &hanako, &few, &json!({})).await.status, 204);
    let logged = town.log();
    assert!(!logged.contains(SAID), "a text is in the log");
}

#[tokio::test]
async fn operators_answer_appeals_and_the_resident_reads_it_and_who_looked() {
    let (town, mut hanako, [_, capped, few]) = zeros().await;
    assert_eq!(asks(&town, &hanako, &capped, &json!({"text": SAID})).await.status, 204);
    assert_eq!(asks(&town, &hanako, &few, &json!({})).await.status, 204);

    // The town: operators alone, and each look is told.
    let mut counter = Desk::of(&town, "kato").await;
    assert_eq!(counter.get("/rewards/v1/appeals").await.status, 403);
    let answer = format!("/rewards/v1/appeals/{few}/answer");
    let uphold = json!({"answer": "uphold", "text": "歩数が足りません"});
    assert_eq!(counter.post(&answer, uphold.clone()).await.status, 403);
    let mut page = Browser::new();
    town.member(&mut page, "kato").await;
    let queue = town.base.join("/staff/appeals").unwrap();
    assert_eq!(page.open(queue.clone()).await.unwrap().status, 403);
    let mut operator = Desk::of(&town, "inoue").await;
    let waiting = operator.get("/rewards/v1/appeals").await;
    assert!(waiting.header("audit-entry").is_some(), "the look is not on record");
    let waiting = waiting.json();
    let order: Vec<_> = waiting.as_array().unwrap().iter().map(|one| &one["award"]).collect();
    assert_eq!(order, [&json!(capped), &json!(few)]);
    assert_eq!((&waiting[0]["grantable"], &waiting[1]["grantable"]), (&json!(10), &json!(0)));
    assert_eq!((&waiting[0]["text"], &waiting[1]["text"]), (&json!(SAID), &json!("")));
    let grant = json!({"answer": "grant", "text": "はい"});
    assert_eq!(operator.post(&answer, grant).await.status, 409);
    assert_eq!(operator.post(&answer, json!({"answer": "uphold", "text": ""})).await.status, 400);
    let unknown = format!("/rewards/v1/appeals/{}/answer", "ab".repeat(32));
    assert_eq!(operator.post(&unknown, uphold.clone()).await.status, 404);
    assert_eq!(operator.post(&answer, uphold.clone()).await.status, 204);
    assert_eq!(operator.post(&answer, uphold).await.status, 409);

    let mut desk = Browser::new();
    town.member(&mut desk, "inoue").await;
    let shown = desk.open(queue).await.unwrap();
    assert!(shown.body.contains(SAID) && !shown.body.contains(&few), "{}", shown.body);
    let form = shown.form(&capped).unwrap();
    let fields = [("answer", "grant"), ("text", ANSWER)];
    let forged = [&fields[..], &[("csrf", "forged")]].concat();
    assert_eq!(desk.send(&shown, &form, &forged).await.unwrap().status, 403);
    let done = desk.send(&shown, &form, &fields).await.unwrap();
    assert!(done.body.contains("答えを待っている依頼はありません"), "{}", done.body);

    let cookies = hanako.cookies(&town.base).unwrap();
    eventually("granting after all", PATIENCE, || async {
        let ask = town.ask(Method::GET, "/me/coins").header("Cookie", &cookies);
        (seen(ask).await.json()["balance"] == 20).then_some(())
    })
    .await;
    let (page, coins) = told(&town, &mut hanako).await;
    assert!(page.contains(ANSWER) && page.contains("コインをお渡しします"), "{page}");
    assert!(page.contains("歩数が足りません") && page.contains("変わりません"), "{page}");
    let all = coins["grants"].as_array().unwrap();
    let granted = all.iter().find(|grant| grant["award"] == capped.as_str()).unwrap();
    assert_eq!((&granted["state"], &granted["amount"]), (&json!("confirmed"), &json!(10)));
    assert_eq!(granted["appeal"]["answer"]["outcome"], "grant");
    assert!(granted["appeal"]["answer"].get("by").is_none(), "{granted}");

    let said = acts(&town, "staff:inoue").await;
    let looks = said.iter().filter(|(decision, why)| decision == "allowed" && why == "staff");
    assert_eq!(looks.count(), 4, "two looks and two answers: {said:?}");
    let said = acts(&town, "staff:kato").await;
    for why in ["coins-appeals role-missing".to_owned(), format!("coins-answer {few} role-missing")]
    {
        assert!(said.contains(&("denied".to_owned(), why.clone())), "{why}: {said:?}");
    }
    let log = hanako.open(town.base.join("/access-log").unwrap()).await.unwrap();
    assert!(log.body.contains("つのコインの記録") && log.body.contains("役場"), "{}", log.body);
    let logged = town.log();
    assert!([SAID, ANSWER].iter().all(|text| !logged.contains(text)), "a text is in the log");
}

#[tokio::test]
async fn rules_are_tried_and_listed_from_a_shell() {
    let plan = Plan { people: true, rewards: Some(rules()), ..Plan::default() };
    let mut town = Town::start(Backend::Embedded, &plan).await;
    let mut hanako = town.hanako().await;
    let login = town.connect(&mut hanako).await;
    for (name, hour, steps) in [("a", 8, 9_000), ("b", 10, 6_000), ("c", 12, 100)] {
        assert_eq!(walked(&town, &login, name, hour, steps).await.status, 201);
    }
    let config = town.config();
    let file = town.folder.path().join("candidates.json");
    let shell = async |what: &str, more: &[&str]| {
        let known = ["rewards", what, "--config", config.to_str().unwrap()];
        let output = run(&[&known[..], more].concat()).await;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let candidate = |change: Value| {
        let mut rules = rules();
        rules["rules"][0]["period"] = json!("activity");
        rules["rules"][0]["per_person_per_day"] = json!(100);
        rules["rules"][0].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        std::fs::write(&file, rules.to_string()).unwrap();
    };
    let rules_of = ["--rules", file.to_str().unwrap()];
    candidate(json!({}));
    let (code, _, why) = shell("simulate", &rules_of).await;
    assert_eq!(code, 1, "the store is in use: {why}");
    town.stop().await;

    let (code, told, why) = shell("simulate", &[&rules_of[..], &["--json"]].concat()).await;
    assert_eq!(code, 0, "{why}");
    assert_eq!(why, "", "progress is for terminals");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["activities"], &told["persons"]), (&json!(3), &json!(1)));
    let rule = &told["rules"][0];
    assert_eq!((&rule["grants"], &rule["coins"]), (&json!(2), &json!(15)));
    assert_eq!(rule["refused"], json!({"not-met": 1}));
    // In words, and the budget would be used up.
    candidate(json!({"budget": 10}));
    let (code, told, _) = shell("simulate", &rules_of).await;
    assert_eq!(code, 3, "{told}");
    for words in
        ["1 grants, 10 coins, 1 people", "100% of the budget of 10", "町の予算が終了しました"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    let none = [&rules_of[..], &["--from", "2020-01-01", "--to", "2020-01-02"]].concat();
    let (code, told, _) = shell("simulate", &none).await;
    assert!(code == 0 && told.contains("0 activities of 0 people"), "{code}: {told}");
    let backwards = [&rules_of[..], &["--from", "2026-01-02", "--to", "2026-01-02"]].concat();
    assert_eq!(shell("simulate", &backwards).await.0, 1);
    candidate(json!({"amount": 0}));
    let (code, told, why) = shell("simulate", &rules_of).await;
    assert!(code == 1 && told.is_empty() && why.contains("are not right"), "{code}: {told}{why}");
    assert_eq!(shell("simulate", &[&rules_of[..], &["--as", "nobody"]].concat()).await.0, 1);

    let (code, told, _) = shell("rules", &[]).await;
    assert!(code == 0 && told.contains("walk 1") && told.contains("budget 1000"), "{told}");
    let (_, told, _) = shell("rules", &["--json"]).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told[0]["budget"]["total"], 1000);
    town.open().await;
    let looks = acts(&town, "platform:reward-simulation").await;
    let look = ("allowed".to_owned(), "reward-simulation".to_owned());
    assert_eq!(looks, [look.clone(), look], "whose activities were read is told");
}
