//! The healthcare app's side of the story: what its server gets from the gateway with a resident's token.

use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::browser::Browser;
use super::{Told, World, ensure};

/// The activity of the story: fixed, so that it can be sent twice.
const ACTIVITY: &str = "6f6d6b52-7c1e-4d0a-9f7b-0c8f3a5e2d11";

/// The activity of the day before, for which the issuer is away.
const OTHER_ACTIVITY: &str = "0b7e8a54-2f1d-4c7b-9a35-5d9e6c1f7a42";

/// What the coins page says of a grant that the issuer confirmed.
const CONFIRMED: &str = "もらいました";
/// And of one that is on its way, or about which the issuer is being asked.
const PENDING: &str = "受け取りの途中";
const CHECKING: &str = "確認中";

fn at(world: &World, path: &str) -> Result<Url, String> {
    world.vendor.join(path).map_err(|_| format!("no address for {path}"))
}

/// Lets the app's server pass a request to the gateway, and gives the gateway's status, headers and body.
async fn probe(
    world: &World,
    browser: &mut Browser,
    request: Value,
) -> Result<(u64, Value, Value), String> {
    let (status, answer) = browser.json(Method::POST, at(world, "/probe")?, Some(request)).await?;
    ensure(status.is_success(), || format!("the app could not ask the gateway: {status}"))?;
    let gateway = answer["status"].as_u64().unwrap_or(0);
    Ok((gateway, answer["headers"].clone(), answer["body"].clone()))
}

async fn get(
    world: &World,
    browser: &mut Browser,
    path: &str,
) -> Result<(u64, Value, Value), String> {
    probe(world, browser, json!({"method": "GET", "path": path})).await
}

fn count(headers: &Value) -> Option<String> {
    let headers = headers.as_object()?;
    let (_, value) =
        headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("ngsild-results-count"))?;
    value.as_str().map(str::to_owned)
}

fn is_empty_list(body: &Value) -> bool {
    body.as_array().is_some_and(Vec::is_empty)
}

/// How many coins the issuer has booked in all.
async fn issued(world: &World) -> Result<(usize, i64), String> {
    let today = (crate::system_clock()() + chrono::Duration::hours(9)).format("%Y-%m-%d");
    let url = world.coin_issuer.join(&format!("/statement?date={today}"));
    let url = url.map_err(|_| "no statement".to_owned())?;
    let key = &world.coin_key;
    let answer = super::resident::plain_client().get(url).bearer_auth(key).send().await;
    let answer = answer.map_err(|_| "the coin issuer did not answer".to_owned())?;
    let body: Value = answer.json().await.map_err(|_| "the statement is no JSON".to_owned())?;
    let lines = body["lines"].as_array().map_or(0, Vec::len);
    Ok((lines, body["net"].as_i64().unwrap_or(0)))
}

pub(super) async fn reads(world: &World, browser: &mut Browser) -> Told {
    let (_, answer) = browser.json(Method::GET, at(world, "/me")?, None).await?;
    ensure(answer["status"] == 200, || format!("the gateway answered {}", answer["status"]))?;
    let person = answer["body"].as_object().ok_or("the gateway sent no entity")?;
    let mut names: Vec<&str> = person.keys().map(String::as_str).collect();
    names.retain(|name| !matches!(*name, "id" | "type" | "@context"));
    names.sort_unstable();
    let expected = ["address", "familyName", "givenName", "name"];
    ensure(names == expected, || format!("the app sees {names:?} instead of {expected:?}"))?;
    let (_, kept) = browser.json(Method::GET, at(world, "/kept")?, None).await?;
    ensure(kept["kept"] == true, || {
        "the app keeps no copy, so there is none to delete".to_owned()
    })?;
    Ok(names.join(", "))
}

pub(super) async fn oracles(world: &World, browser: &mut Browser) -> Told {
    let (_, session) = browser.json(Method::GET, at(world, "/session")?, None).await?;
    let person = session["person"].as_str().ok_or("the app does not know its resident")?.to_owned();
    let base = format!("/ngsi-ld/v1/entities/{person}");
    let (status, _, _) = get(world, browser, &format!("{base}?attrs=birthDate")).await?;
    ensure(status == 404, || format!("reading birthDate was answered {status}"))?;
    for q in ["birthDate", "birthDate!=%222000-01-01%22", "gender==%22female%22"] {
        let path = format!("/ngsi-ld/v1/entities?type=Person&q={q}&count=true");
        let (status, headers, body) = get(world, browser, &path).await?;
        ensure(status == 200 && is_empty_list(&body), || format!("q={q} was answered {status}"))?;
        ensure(count(&headers).as_deref() == Some("0"), || {
            format!("q={q} counts {:?}", count(&headers))
        })?;
    }
    let path = "/ngsi-ld/v1/entities?type=ResidentRecord&count=true";
    let (_, headers, body) = get(world, browser, path).await?;
    ensure(is_empty_list(&body) && count(&headers).as_deref() == Some("0"), || {
        "resident records are visible to the app".to_owned()
    })?;
    Ok("404, empty lists, counts of 0".to_owned())
}

pub(super) async fn others(world: &World, browser: &mut Browser) -> Told {
    let (_, _, people) = get(world, browser, "/ngsi-ld/v1/entities?type=Person").await?;
    let seen = people.as_array().map_or(0, Vec::len);
    ensure(seen == 1, || format!("the app sees {seen} persons"))?;
    // A well-formed id of somebody else: the answer may not tell it from one that was never given.
    let other = "/ngsi-ld/v1/entities/urn:ngsi-ld:Person:000000000000000000000000000";
    let (status, _, _) = get(world, browser, other).await?;
    ensure(status == 404, || format!("another resident was answered {status}"))?;
    let request = json!({"method": "GET", "path": "/ngsi-ld/v1/entities?type=Person",
        "headers": {"Tsunagu-Purpose": "research"}});
    let (status, _, body) = probe(world, browser, request).await?;
    ensure(status == 403, || format!("another purpose was answered {status}"))?;
    ensure(body.get("consentRequestUrl").is_some(), || "it is not said where to ask".to_owned())?;
    Ok("one person, 404, 403 with where to ask".to_owned())
}

/// A day's steps, so many days ago: whole days, so that they are as plausible at midnight as at noon.
fn activity(id: &str, days_ago: i64) -> Value {
    let hours = chrono::Duration::hours(9) - chrono::Duration::days(days_ago);
    let day = (crate::system_clock()() + hours).format("%Y-%m-%d").to_string();
    json!({"date": day, "steps": 8200, "id": id})
}

/// Orders misbehaviour at the coin issuer; 0 requests take the order back.
async fn order_fault(world: &World, fault: &str, count: u32) -> Result<(), String> {
    let faults = world.coin_issuer.join("/faults").map_err(|_| "no faults".to_owned())?;
    let order = json!({"fault": fault, "count": count});
    let ordered = super::resident::plain_client().post(faults).bearer_auth(&world.coin_admin_key);
    let ordered = ordered.json(&order).send().await.map_err(|_| "no answer".to_owned())?;
    ensure(ordered.status().is_success(), || "the fault could not be ordered".to_owned())
}

/// How many more requests the fault will hit.
async fn still_to_hit(world: &World, fault: &str) -> Result<u64, String> {
    let faults = world.coin_issuer.join("/faults").map_err(|_| "no faults".to_owned())?;
    let asked = super::resident::plain_client().get(faults).bearer_auth(&world.coin_admin_key);
    let answer = asked.send().await.map_err(|_| "no answer".to_owned())?;
    let body: Value = answer.json().await.map_err(|_| "the faults are no JSON".to_owned())?;
    Ok(body["faults"][fault].as_u64().unwrap_or(0))
}

async fn record(world: &World, browser: &mut Browser, activity: Value) -> Result<(), String> {
    let (_, answer) = browser.json(Method::POST, at(world, "/activities")?, Some(activity)).await?;
    ensure(answer["status"] == 201, || {
        format!("the activity was answered {} {}", answer["status"], answer["body"]["detail"])
    })
}

pub(super) async fn earns(world: &World, browser: &mut Browser) -> Told {
    let coins = world.gateway.join("/coins").map_err(|_| "no coins page".to_owned())?;
    order_fault(world, "lost_reply", 1).await?;
    record(world, browser, activity(ACTIVITY, 1)).await?;
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(40));
    for _ in 0..250 {
        tick.tick().await;
        let (lines, net) = issued(world).await?;
        ensure(lines <= 1, || format!("the issuer booked {lines} grants"))?;
        let page = browser.open(coins.clone()).await?;
        if lines == 1 && page.body.contains(CONFIRMED) {
            return Ok(format!("one grant of {net} coins after a lost reply"));
        }
    }
    Err("the grant was not confirmed within ten seconds".to_owned())
}

pub(super) async fn again(world: &World, browser: &mut Browser) -> Told {
    let (_, answer) =
        browser.json(Method::POST, at(world, "/activities")?, Some(activity(ACTIVITY, 1))).await?;
    ensure(answer["status"] == 409, || format!("the copy was answered {}", answer["status"]))?;
    let (lines, net) = issued(world).await?;
    ensure(lines == 1, || format!("the issuer booked {lines} grants"))?;
    Ok(format!("409 and still {net} coins"))
}

/// The issuer is away when the activity comes. The coins wait, the resident sees them waiting, and when it is back they come, once.
pub(super) async fn outlasts(world: &World, browser: &mut Browser) -> Told {
    const MANY: u32 = 100_000;
    let coins = world.gateway.join("/coins").map_err(|_| "no coins page".to_owned())?;
    let (before, _) = issued(world).await?;
    order_fault(world, "down", MANY).await?;
    record(world, browser, activity(OTHER_ACTIVITY, 2)).await?;
    let asked = super::eventually("an order that finds the issuer away", || async {
        let asked = u64::from(MANY) - still_to_hit(world, "down").await?;
        Ok((asked > 1).then(|| asked.to_string()))
    })
    .await?;
    let page = browser.open(coins.clone()).await?;
    // The page names the sum of what is on its way too.
    let waiting = page.body.matches(PENDING).count() > 1 || page.body.contains(CHECKING);
    ensure(waiting && page.body.matches(CONFIRMED).count() == before, || {
        "the page does not show the coins on their way".to_owned()
    })?;
    order_fault(world, "down", 0).await?;
    ensure(issued(world).await?.0 == before, || "the issuer booked while it was away".to_owned())?;
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(40));
    for _ in 0..500 {
        tick.tick().await;
        let (lines, net) = issued(world).await?;
        ensure(lines <= before + 1, || format!("the issuer booked {lines} grants"))?;
        let page = browser.open(coins.clone()).await?;
        let all = page.body.matches(CONFIRMED).count();
        if lines == before + 1 && all == lines {
            return Ok(format!("refused {asked} times, then one grant; {net} coins in all"));
        }
    }
    Err("the grant was not confirmed within twenty seconds".to_owned())
}

pub(super) async fn gets_nothing(world: &World, browser: &mut Browser) -> Told {
    let (_, answer) = browser.json(Method::GET, at(world, "/me")?, None).await?;
    ensure(answer["status"] == 403, || format!("a read was answered {}", answer["status"]))?;
    ensure(answer["body"].get("name").is_none(), || "a read shows the name".to_owned())?;
    for path in [
        "/ngsi-ld/v1/entities?type=Person&count=true",
        "/ngsi-ld/v1/entities?type=HealthActivity&count=true",
    ] {
        let (status, _, body) = get(world, browser, path).await?;
        ensure(status == 403 || is_empty_list(&body), || format!("a query was answered {status}"))?;
    }
    let (_, answer) = browser
        .json(
            Method::POST,
            at(world, "/activities")?,
            Some(json!({"date": "2026-01-01", "steps": 1})),
        )
        .await?;
    ensure(answer["status"] == 403, || format!("a write was answered {}", answer["status"]))?;
    Ok("403 on read, query and write, with where to ask again".to_owned())
}

/// What the page of a consent says when the app has deleted what it had.
const DELETED: &str = "消したと知らせてきました";

pub(super) async fn deletes(world: &World, browser: &mut Browser) -> Told {
    let list = world.gateway.join("/consents").map_err(|_| "no consents page".to_owned())?;
    let list = browser.open(list).await?;
    let consent = list.link("/consents/")?;
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(40));
    for _ in 0..250 {
        tick.tick().await;
        let (_, answer) = browser.json(Method::GET, at(world, "/kept")?, None).await?;
        let page = browser.open(consent.clone()).await?;
        if answer["kept"] == false && page.body.contains(DELETED) {
            return Ok("a signed event, answered; shown on the page of the consent".to_owned());
        }
    }
    Err("the deletion was not confirmed within ten seconds".to_owned())
}
