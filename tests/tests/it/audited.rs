//! No answer with personal data without its entry in the log: not around `kill -9`, and not while the log takes no entries.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::json;
use url::Url;

use crate::support::database::execute;
use crate::support::http::{Answer, client, seen, tried};
use crate::support::town::{AUDITOR, Login, Plan, SENSORS, Town, property};
use crate::support::{Backend, eventually};

const READERS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(45);
/// More reads than the store has room for in these tests.
const MANY: usize = 2_000;

/// Answers that were given: index of the entry that they name → id of the request.
type Given = BTreeMap<u64, String>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t83_no_answer_is_without_its_entry_after_kill_9() {
    let mut town = Town::start(Backend::Embedded, &people()).await;
    let mut hanako = town.hanako().await;
    let mut given = Given::new();
    for round in 0..5 {
        let login = town.connect(&mut hanako).await;
        let before = given.len();
        for (index, request) in read_until_killed(&mut town, &login, round).await {
            let twice = given.insert(index, request);
            assert!(twice.is_none(), "two answers name entry {index}");
        }
        assert!(given.len() > before, "nothing was read in round {round}");
        town.open().await;
    }
    each_has_its_entry(&town, &given).await;
}

#[tokio::test]
async fn t82_while_postgresql_takes_no_entries_personal_data_is_refused_and_nothing_is_lost() {
    let town = Town::start(Backend::Postgres, &people()).await;
    let login = town.connect(&mut town.hanako().await).await;
    let bench = open_data(&town).await;
    let mut given = Given::from([served(&read(&town, &login).await)]);
    let database = town.database();
    let refusing = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no entries today'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON log_entry EXECUTE FUNCTION refuse();";
    execute(database, refusing).await;
    is_refused(&town, &login, &bench).await;
    execute(database, "DROP TRIGGER refuse ON log_entry").await;
    let (index, request) = served(&read(&town, &login).await);
    given.insert(index, request);
    each_has_its_entry(&town, &given).await;
}

#[tokio::test]
async fn t82_while_the_disk_is_full_personal_data_is_refused_and_nothing_is_lost() {
    let mut town = Town::start(Backend::Embedded, &people()).await;
    let login = town.connect(&mut town.hanako().await).await;
    let bench = open_data(&town).await;
    town.stop().await;
    // The longest file is the journal, which every entry goes into first.
    let room = longest(&town.folder.path().join("store")) / 1024 + 64;
    town.open_with_files_up_to(room).await;
    let mut given = Given::new();
    let mut answers = 0;
    let refused = loop {
        let answer = read(&town, &login).await;
        if answer.status != 200 {
            break answer;
        }
        let (index, request) = served(&answer);
        given.insert(index, request);
        answers += 1;
        assert!(answers < MANY, "the disk never was full");
    };
    refused.problem("a read that cannot be written down");
    assert_eq!(refused.status, 503, "{}", refused.text());
    is_refused(&town, &login, &bench).await;
    town.kill().await;
    town.open().await;
    let (index, request) = served(&read(&town, &login).await);
    assert_eq!(given.insert(index, request), None);
    each_has_its_entry(&town, &given).await;
}

fn people() -> Plan {
    Plan { people: true, ..Plan::default() }
}

/// How an entity about nobody is read: path and token.
async fn open_data(town: &Town) -> (String, String) {
    let entity = json!({"id": "urn:ngsi-ld:Bench:1", "type": "Bench", "seats": property(3)});
    let token = town.token(SENSORS).await;
    let made = town.ask(Method::POST, "/ngsi-ld/v1/entities").bearer_auth(&token).json(&entity);
    assert_eq!(seen(made).await.status, 201);
    ("/ngsi-ld/v1/entities/urn:ngsi-ld:Bench:1".to_owned(), token)
}

async fn read(town: &Town, login: &Login) -> Answer {
    let path = format!("/ngsi-ld/v1/entities/{}", login.person);
    seen(town.ask(Method::GET, &path).bearer_auth(&login.token)).await
}

/// The entry that an answer names, and the request.
fn served(answer: &Answer) -> (u64, String) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let header = |name: &str| answer.header(name).unwrap().to_owned();
    (header("audit-entry").parse().unwrap(), header("x-request-id"))
}

/// Personal data is refused in every way to read it; what is about nobody goes on.
async fn is_refused(town: &Town, login: &Login, (bench, sensors): &(String, String)) {
    for path in [
        format!("/ngsi-ld/v1/entities/{}", login.person),
        "/ngsi-ld/v1/entities?type=Person".to_owned(),
        "/ngsi-ld/v1/entities?type=Person&limit=0&count=true".to_owned(),
        format!("/ngsi-ld/v1/temporal/entities/{}", login.person),
        "/oauth/userinfo".to_owned(),
    ] {
        let answer = seen(town.ask(Method::GET, &path).bearer_auth(&login.token)).await;
        assert_eq!(answer.status, 503, "{path}: {}", answer.text());
        assert!(answer.header("ngsild-results-count").is_none(), "{path} counts");
    }
    let open = seen(town.ask(Method::GET, bench).bearer_auth(sensors)).await;
    assert_eq!(open.status, 200, "{}", open.text());
}

/// Reads from all sides until the gateway is killed.
async fn read_until_killed(town: &mut Town, login: &Login, round: usize) -> Vec<(u64, String)> {
    let done = Arc::new(AtomicUsize::new(0));
    let http = client();
    let path = format!("/ngsi-ld/v1/entities/{}", login.person);
    let url = town.base.join(&path).unwrap();
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (http, url, done) = (http.clone(), url.clone(), Arc::clone(&done));
            let token = login.token.clone();
            tokio::spawn(async move { until_dead(&http, &url, &token, &done).await })
        })
        .collect();
    // Killed at another moment each round, always with requests under way.
    let enough = READERS * (2 + round) + round * 7 % READERS;
    eventually("reading", PATIENCE, || async {
        (done.load(Ordering::SeqCst) >= enough).then_some(())
    })
    .await;
    town.kill().await;
    let mut given = Vec::new();
    for reader in readers {
        given.extend(reader.await.unwrap());
    }
    given
}

async fn until_dead(
    http: &Client,
    url: &Url,
    token: &str,
    done: &AtomicUsize,
) -> Vec<(u64, String)> {
    let mut given = Vec::new();
    while let Ok(answer) = tried(http.get(url.clone()).bearer_auth(token)).await {
        given.push(served(&answer));
        done.fetch_add(1, Ordering::SeqCst);
    }
    given
}

/// Every entry that an answer named tells of the request that was answered.
async fn each_has_its_entry(town: &Town, given: &Given) {
    let token = town.token(AUDITOR).await;
    let mut left = given.clone();
    let mut from = 0;
    while !left.is_empty() {
        let path = format!("/audit/v1/entries?from={from}&limit=1000");
        let page = seen(town.ask(Method::GET, &path).bearer_auth(&token)).await.json();
        let page = page["entries"].as_array().unwrap();
        assert!(!page.is_empty(), "the log ends before {left:?}");
        for entry in page {
            let index = entry["index"].as_u64().unwrap();
            if let Some(request) = left.remove(&index) {
                assert_eq!(entry["access"]["request"], json!(request), "entry {index}");
                assert_eq!(entry["access"]["decision"], "allowed", "entry {index}");
            }
            from = index + 1;
        }
    }
}

/// How far the longest file in a folder is written, bytes; room that is only reserved does not count.
fn longest(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let sizes = entries.map(|entry| {
        let data = entry.metadata().unwrap();
        if data.is_dir() { longest(&entry.path()) } else { data.blocks() * 512 }
    });
    sizes.max().unwrap_or(0)
}
