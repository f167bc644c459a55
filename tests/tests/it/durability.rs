//! What was acknowledged survives `kill -9`: entities, coins, the log of accesses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, FixedOffset, TimeDelta};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use url::Url;

use crate::support::http::{client, seen, tried};
use crate::support::town::{Login, Plan, SENSORS, Town, property};
use crate::support::{Backend, eventually, process};

const CLIENTS: usize = 32;
/// Longer than the gateway hides an order that a killed process held.
const PATIENCE: Duration = Duration::from_secs(45);
const ENTITIES: &str = "/ngsi-ld/v1/entities";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9() {
    let rounds = std::env::var("SOAK_ROUNDS").ok().map_or(5, |rounds| rounds.parse().unwrap());
    let today = today();
    let plan = Plan { people: true, rewards: Some(rules(&today)), ..Plan::default() };
    let mut town = Town::start(Backend::Embedded, &plan).await;
    let mut hanako = town.hanako().await;
    let mut acknowledged = Vec::new();
    for round in 0..rounds {
        // Tokens live for minutes; long runs need fresh ones.
        let sensors = town.token(SENSORS).await;
        let login = town.connect(&mut hanako).await;
        acknowledged.extend(interrupted(&mut town, round, &sensors, &login, &today).await);
        town.open().await;
    }
    let activities: BTreeSet<&String> =
        acknowledged.iter().filter(|id| id.contains("HealthActivity")).collect();
    let others = acknowledged.len() - activities.len();
    assert!(activities.len() >= rounds, "only {} activities were acknowledged", activities.len());
    assert!(others >= rounds, "only {others} entities were acknowledged");

    // Every one is there, whole.
    let (sensors, login) = (town.token(SENSORS).await, town.connect(&mut hanako).await);
    let benches = stored(&town, &sensors, "Bench").await;
    let paid_for = stored(&town, &login.token, "HealthActivity").await;
    for id in &acknowledged {
        let there = if activities.contains(id) { &paid_for } else { &benches };
        assert!(there.contains(id), "{id} was acknowledged and is gone");
    }

    // An activity without an answer may be there or not; each that is there earned exactly once. What a killed process held
    // is hidden for its lease.
    let lines = eventually("paying the coins", PATIENCE, || async {
        let statement = town.statement(&today).await;
        let lines = statement["lines"].as_array().unwrap().clone();
        (lines.len() >= paid_for.len()).then_some(lines)
    })
    .await;
    assert_eq!(lines.len(), paid_for.len(), "another number of grants than activities");
    let mut keys = BTreeMap::<String, usize>::new();
    for line in &lines {
        assert_eq!((&line["entry"], &line["amount"]), (&json!("grant"), &json!(1)), "{line}");
        *keys.entry(line["key"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(keys.values().all(|times| *times == 1), "an activity was paid twice");

    town.stop().await;
    is_healthy(&town).await;
}

/// Posts from all sides until the gateway is killed; the ids that were acknowledged.
async fn interrupted(
    town: &mut Town,
    round: usize,
    sensors: &str,
    login: &Login,
    today: &str,
) -> Vec<String> {
    let done = Arc::new(AtomicUsize::new(0));
    let http = client();
    let writers: Vec<_> = (0..CLIENTS)
        .map(|nth| {
            let (http, url) = (http.clone(), town.base.join(ENTITIES).unwrap());
            let done = Arc::clone(&done);
            // One in eight is the app with activities of the resident.
            let app = nth % 8 == 0;
            let token = if app { login.token.clone() } else { sensors.to_owned() };
            let (person, today) = (login.person.clone(), today.to_owned());
            tokio::spawn(async move {
                let entity = |n: usize| {
                    let name = format!("{round:04}-{nth:04}-{n:06}");
                    // A minute of its own for each, or only one of them could be true.
                    let minute = (round * CLIENTS + nth) * 50 + n;
                    if app { activity(&name, &person, &today, minute) } else { bench(&name) }
                };
                write(&http, &url, &token, entity, &done).await
            })
        })
        .collect();
    // Killed at another moment each round, always with requests under way.
    let enough = CLIENTS * (2 + round % 3) + round * 7 % CLIENTS;
    eventually("writing", PATIENCE, || async {
        (done.load(Ordering::SeqCst) >= enough).then_some(())
    })
    .await;
    town.kill().await;
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    acknowledged
}

/// Creates one entity after the other until nobody answers.
async fn write(
    http: &Client,
    url: &Url,
    token: &str,
    entity: impl Fn(usize) -> Value,
    done: &AtomicUsize,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for n in 0.. {
        let entity = entity(n);
        let Ok(answer) = tried(http.post(url.clone()).bearer_auth(token).json(&entity)).await
        else {
            break;
        };
        assert_eq!(answer.status, 201, "{}", answer.text());
        acknowledged.push(entity["id"].as_str().unwrap().to_owned());
        done.fetch_add(1, Ordering::SeqCst);
    }
    acknowledged
}

fn bench(name: &str) -> Value {
    json!({"id": format!("urn:ngsi-ld:Bench:{name}"), "type": "Bench", "steps": property(3)})
}

/// A few steps, in a minute so many before today.
fn activity(name: &str, person: &str, today: &str, minute: usize) -> Value {
    let midnight: DateTime<FixedOffset> = format!("{today}T00:00:00+09:00").parse().unwrap();
    let started = midnight - TimeDelta::minutes(i64::try_from(minute).unwrap() + 1);
    let time = |at: DateTime<FixedOffset>| {
        property(json!({"@type": "DateTime", "@value": at.to_rfc3339()}))
    };
    json!({
        "id": format!("urn:ngsi-ld:HealthActivity:{name}"),
        "type": "HealthActivity",
        "person": {"type": "Relationship", "object": person},
        "steps": property(50),
        "activityType": property("walking"),
        "startedAt": time(started),
        "endedAt": time(started + TimeDelta::minutes(1)),
        "recordingMethod": property("sensed"),
    })
}

/// The ids of all entities of a type, page by page; each must be whole.
async fn stored(town: &Town, token: &str, kind: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    loop {
        let path = format!("{ENTITIES}?type={kind}&limit=100&offset={}", ids.len());
        let page = seen(town.ask(Method::GET, &path).bearer_auth(token)).await.json();
        let page = page.as_array().unwrap();
        for entity in page {
            assert!(entity["steps"]["value"].is_number(), "{} is not whole", entity["id"]);
            ids.insert(entity["id"].as_str().unwrap().to_owned());
        }
        if page.len() < 100 {
            return ids;
        }
    }
}

/// The doctor finds nothing, and the log of accesses can be exported and verified.
async fn is_healthy(town: &Town) {
    let config = town.config();
    let config = config.to_str().unwrap();
    let export = town.folder.path().join("export");
    let export = export.to_str().unwrap();
    let told = |output: &std::process::Output| {
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        String::from_utf8_lossy(&text).into_owned()
    };
    let doctor = process::run(&["doctor", "--config", config]).await;
    assert!(doctor.status.success() && told(&doctor).contains("healthy"), "{}", told(&doctor));
    let exported = process::run(&["audit", "export", "--config", config, "--out", export]).await;
    assert!(exported.status.success(), "{}", told(&exported));
    let key = process::run(&["audit", "key", "--config", config]).await;
    let key = String::from_utf8(key.stdout).unwrap();
    let verified = process::run(&["audit", "verify", export, "--key", key.trim()]).await;
    assert!(verified.status.success(), "{}", told(&verified));
}

/// One coin for every activity, however many.
fn rules(today: &str) -> Value {
    let year: i32 = today.get(..4).unwrap().parse().unwrap();
    json!({"v": 1, "rules": [{
        "id": "any-walk", "version": 1, "entity_type": "HealthActivity", "condition": "activity.steps >= 50",
        "amount": 1, "per_person_per_day": 1_000_000, "budget": 1_000_000,
        "valid_from": format!("{}-01-01", year - 30), "valid_until": format!("{}-01-01", year + 2),
        "accept_days": 10_000, "tz": "Asia/Tokyo",
        "label": {"ja": "歩く", "en": "Walk"}
    }]})
}

/// Today in Japan.
fn today() -> String {
    let now = tsunagu_sandbox::system_clock()();
    (now + Duration::from_hours(9)).format("%Y-%m-%d").to_string()
}
