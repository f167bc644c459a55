//! A sector's key is changed on the command line: its app sees new ids everywhere, and the old ones are understood for a while.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tsunagu_sandbox::story;

use crate::support::Backend;
use crate::support::http::{Answer, seen};
use crate::support::process::run;
use crate::support::town::{APP, Login, Plan, Town, property};

const ENTITIES: &str = "/ngsi-ld/v1/entities";
const SECTOR: &str = "app.example";
const PATIENCE: Duration = Duration::from_mins(1);

/// The app's server: what arrives there, by path.
struct Receiver {
    address: String,
    arrived: Mutex<UnboundedReceiver<(String, String)>>,
}

impl Receiver {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, arrived) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, sender.clone()));
            }
        });
        Arc::new(Self { address, arrived: Mutex::new(arrived) })
    }

    /// The next that arrives at a path.
    async fn next(&self, path: &str) -> String {
        let mut arrived = self.arrived.lock().await;
        let next = async {
            loop {
                let (at, body) = arrived.recv().await.expect("the receiver lives");
                if at == path {
                    return body;
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.unwrap_or_else(|_| panic!("nothing at {path}"))
    }
}

async fn answer(stream: TcpStream, arrived: UnboundedSender<(String, String)>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut first = String::new();
    stream.read_line(&mut first).await.ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        match line.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok()?;
            }
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let done = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.write_all(done).await.ok()?;
    let path = first.split_whitespace().nth(1)?.to_owned();
    arrived.send((path, String::from_utf8(body).ok()?)).ok()
}

async fn get(town: &Town, login: &Login, path: &str) -> Answer {
    seen(town.ask(Method::GET, path).bearer_auth(&login.token)).await
}

fn id(urn: &str) -> &str {
    urn.strip_prefix("urn:ngsi-ld:Person:").unwrap()
}

/// `tsunagu key …` on the town's store, while the gateway rests.
async fn key(town: &mut Town, command: &[&str]) -> String {
    town.stop().await;
    let config = town.config();
    let args = [&["key"], command, &["--config", config.to_str().unwrap()]].concat();
    let output = run(&args).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    town.open().await;
    String::from_utf8(output.stdout).unwrap()
}

async fn names(town: &Town) -> Value {
    let assertion = story::assertion(&town.base, &town.machine(APP)).unwrap();
    let form = [
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.as_str()),
    ];
    let answer = seen(town.ask(Method::POST, "/oauth/pairwise-ids").form(&form)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn walk(town: &Town, login: &Login, steps: u32) -> Answer {
    let at = chrono::Utc::now() - chrono::TimeDelta::hours(1);
    let time = |minutes| {
        let at = at + chrono::TimeDelta::minutes(minutes);
        property(
            json!({"@type": "DateTime", "@value": at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)}),
        )
    };
    let body = json!({
        "id": format!("urn:ngsi-ld:HealthActivity:{steps}"), "type": "HealthActivity",
        "person": {"type": "Relationship", "object": login.person},
        "steps": property(steps), "activityType": property("walking"),
        "startedAt": time(0), "endedAt": time(30), "recordingMethod": property("sensed"),
    });
    seen(town.ask(Method::POST, ENTITIES).bearer_auth(&login.token).json(&body)).await
}

#[tokio::test]
async fn t33_a_changed_key_shows_in_every_answer_and_the_old_ids_are_understood() {
    let app = Receiver::start().await;
    let plan = Plan { people: true, receivers: vec![app.address.clone()], ..Plan::default() };
    let mut town = Town::start(Backend::Embedded, &plan).await;
    let config = std::fs::read_to_string(town.config()).unwrap();
    let mark = "[[clients]]\nid = \"app\"\n";
    assert!(config.contains(mark));
    let events = format!("{mark}events_uri = \"http://{}/events\"\n", app.address);
    std::fs::write(town.config(), config.replace(mark, &events)).unwrap();

    let mut hanako = town.hanako().await;
    let before = town.connect(&mut hanako).await;
    let subscription = json!({
        "type": "Subscription", "entities": [{"type": "HealthActivity"}],
        "notification": {"endpoint": {"uri": format!("http://{}/notify", app.address)}},
    });
    let request = town.ask(Method::POST, "/ngsi-ld/v1/subscriptions").bearer_auth(&before.token);
    assert_eq!(seen(request.json(&subscription)).await.status, 201);
    assert_eq!(names(&town).await["names"], json!([]));

    let said = key(&mut town, &["rotate-sector", SECTOR, "--overlap-days", "30"]).await;
    assert!(said.contains(SECTOR) && said.contains("key 1"), "{said}");
    let told = get(&town, &before, "/oauth/userinfo").await.json();
    let new = format!("urn:ngsi-ld:Person:{}", told["sub"].as_str().unwrap());
    let old = before.person.as_str();
    assert_ne!(new, old);
    // Queries and answers: whichever id is asked for, the new one is told.
    for asked in [old, new.as_str()] {
        for path in [
            format!("{ENTITIES}/{asked}"),
            format!("{ENTITIES}?type=Person&id={asked}"),
            format!("/ngsi-ld/v1/temporal/entities/{asked}"),
        ] {
            let answer = get(&town, &before, &path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            assert!(answer.text().contains(&new) && !answer.text().contains(id(old)), "{path}");
        }
    }
    // What is written about the old id is about the same person, and told with the new one.
    let written = walk(&town, &before, 4_000).await;
    assert_eq!(written.status, 201, "{}", written.text());
    let notified = app.next("/notify").await;
    assert!(notified.contains(&new) && !notified.contains(id(old)), "{notified}");
    let query = format!("{ENTITIES}?type=HealthActivity&q=person==%22{old}%22");
    assert!(get(&town, &before, &query).await.text().contains("HealthActivity:4000"));
    // The app finds out which is which, and the resident that it did.
    let told = names(&town).await;
    assert_eq!(
        (&told["names"][0]["earlier"], &told["names"][0]["current"]),
        (&json!(id(old)), &json!(id(&new)))
    );
    assert_eq!(told["names"].as_array().unwrap().len(), 1);
    assert!(told["earlierUntil"].is_string());
    let log = town.base.join("/me/access-log").unwrap();
    let (_, log) = hanako.json(Method::GET, log, None).await.unwrap();
    assert_eq!(log["accesses"][0]["reason"], "pairwise-ids", "{log}");
    let again = town.connect(&mut hanako).await;
    assert_eq!(again.person, new, "the ID token and user information tell the new id");

    let said = key(&mut town, &["end-overlap", SECTOR]).await;
    assert!(said.contains("alone"), "{said}");
    assert_eq!(get(&town, &again, &format!("{ENTITIES}/{old}")).await.status, 404);
    assert_eq!(get(&town, &again, &format!("{ENTITIES}/{new}")).await.status, 200);
    assert_eq!(names(&town).await["names"], json!([]));

    // The order to delete names the person as the app knows them now.
    town.withdraw(&mut hanako).await;
    let order = app.next("/events").await;
    let claims = order.split('.').nth(1).unwrap();
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert!(claims.contains(id(&new)) && !claims.contains(id(old)), "{claims}");
    assert!(!town.log().contains(id(old)) && !town.log().contains(id(&new)));
}
