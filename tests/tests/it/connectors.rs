//! Connectors of a running gateway: what reaches it arrives once, whatever is killed; what it runs can be changed while it runs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::http::{Answer, seen};
use crate::support::process;
use crate::support::town::{Plan, REGISTER, SENSORS, STAFF, Town};
use crate::support::{Backend, eventually};

const PATIENCE: Duration = Duration::from_mins(1);
const SECRET: &[u8] = b"an invented secret of 32 bytes!!";
/// The connector publishes under this client.
const NAME: &str = SENSORS;

/// Waits until it holds.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    eventually(what, PATIENCE, || {
        let asked = holds();
        async move { asked.await.then_some(()) }
    })
    .await;
}

/// Air at stations, from records `{"station": …, "ppm": …}`.
fn mapping() -> Value {
    json!({
        "name": "air",
        "type": "AirQualityObserved",
        "id": "'urn:ngsi-ld:AirQualityObserved:' + record.station",
        "attributes": { "co2": { "value": "record.ppm", "required": true, "unit_code": "'59'" } },
        "samples": [{
            "name": "a station",
            "input": { "station": "a", "ppm": 400 },
            "expect": [{ "id": "urn:ngsi-ld:AirQualityObserved:a", "type": "AirQualityObserved",
                "co2": { "type": "Property", "value": 400, "unitCode": "59" } }]
        }]
    })
}

fn webhook(town: &Town) -> String {
    let file = town.folder.path().join("webhook.secret");
    std::fs::write(&file, format!("whsec_{}\n", STANDARD.encode(SECRET))).unwrap();
    format!(
        "[[connectors]]\nname = \"{NAME}\"\nkind = \"webhook-in\"\ntitle = {{ ja = \"大気\", en = \"Air\" }}\n\
         mapping = {{ file = \"air.json\" }}\n[connectors.settings]\nrecords = \"/data\"\n\
         scheme = {{ standard-webhooks = {{ secrets = [{{ file = \"{}\" }}] }} }}\n",
        file.display()
    )
}

impl Town {
    /// Writes these connectors and their mapping into the configuration, in place of those there were.
    fn configure(&self, connectors: &str, mapping: &Value) {
        std::fs::write(self.folder.path().join("air.json"), mapping.to_string()).unwrap();
        let text = std::fs::read_to_string(self.config()).unwrap();
        let kept = text.split("# connectors\n").next().unwrap();
        std::fs::write(self.config(), format!("{kept}\n# connectors\n{connectors}")).unwrap();
    }

    async fn staff(&self, method: Method, path: &str) -> Answer {
        let ask = self.ask(method, path).bearer_auth(self.token(STAFF).await);
        seen(ask.json(&json!({}))).await
    }

    async fn reloaded(&self) {
        let reloaded = self.staff(Method::POST, "/connectors/v1/reload").await;
        assert_eq!(reloaded.status, 200, "{}", reloaded.text());
    }

    /// A signed message.
    async fn message(&self, id: &str, data: &Value) -> Answer {
        let body = json!({ "type": "air", "data": data }).to_string();
        let now = tsunagu_domain::Clock::seconds(&tsunagu_domain::SystemClock);
        let content = format!("{id}.{now}.{body}");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), content.as_bytes());
        let ask = self
            .ask(Method::POST, &format!("/connectors/v1/{NAME}/messages"))
            .header("webhook-id", id)
            .header("webhook-timestamp", now.to_string())
            .header("webhook-signature", format!("v1,{}", STANDARD.encode(tag.as_ref())));
        seen(ask.header("content-type", "application/json").body(body)).await
    }

    async fn co2(&self, station: &str) -> Option<Value> {
        let path = format!("/ngsi-ld/v1/entities/urn:ngsi-ld:AirQualityObserved:{station}");
        let ask = self.ask(Method::GET, &format!("{path}?options=keyValues"));
        let found = seen(ask.bearer_auth(self.token(SENSORS).await)).await;
        (found.status == 200).then(|| found.json()["co2"].clone())
    }

    async fn has(&self, station: &str, ppm: u32) {
        until(&format!("{station} at {ppm}"), || async {
            self.co2(station).await == Some(json!(ppm))
        })
        .await;
    }

    async fn listed(&self) -> Value {
        let list = self.staff(Method::GET, "/connectors/v1").await.json();
        let found = list.as_array().unwrap().iter().find(|one| one["manifest"]["name"] == NAME);
        found.cloned().unwrap_or_default()
    }
}

/// Another system, which answers whatever it is told to.
#[derive(Default)]
struct Other {
    answer: Mutex<(u16, String)>,
}

impl Other {
    async fn start(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let this = Arc::clone(self);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let this = Arc::clone(&this);
                tokio::spawn(async move { this.serve(stream).await });
            }
        });
        address
    }

    async fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).await.ok()? > 0 && !line.trim().is_empty() {
            line.clear();
        }
        let (status, body) = self.answer.lock().unwrap().clone();
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.ok()
    }

    fn answers(&self, status: u16, body: &Value) {
        *self.answer.lock().unwrap() = (status, body.to_string());
    }
}

fn poll(address: &str) -> String {
    format!(
        "[[connectors]]\nname = \"{NAME}\"\nkind = \"http-poll\"\ntitle = {{ ja = \"大気\", en = \"Air\" }}\n\
         schedule = {{ every-seconds = 1 }}\nmapping = {{ file = \"air.json\" }}\n\
         [connectors.settings]\nurl = \"http://{address}/air\"\nrecords = \"/stations\"\n"
    )
}

#[tokio::test]
async fn a_signed_message_is_kept_once_and_survives_kill_9_on_the_embedded_store() {
    messages(Backend::Embedded).await;
}

#[tokio::test]
async fn a_signed_message_is_kept_once_and_survives_kill_9_on_postgresql() {
    messages(Backend::Postgres).await;
}

async fn messages(backend: Backend) {
    let mut town = Town::start(backend, &Plan::default()).await;
    let address = format!("/connectors/v1/{NAME}/messages");
    assert_eq!(town.message("m-0", &json!([])).await.status, 401, "there is no such connector yet");
    town.configure(&webhook(&town), &mapping());
    town.reloaded().await;

    let sent = town.message("m-1", &json!([{ "station": "a", "ppm": 410 }])).await;
    assert_eq!(sent.status, 202, "{}", sent.text());
    town.has("a", 410).await;
    assert_eq!(town.message("m-2", &json!([{ "station": "a", "ppm": 420 }])).await.status, 202);
    town.has("a", 420).await;
    // Repeated late: it is answered the same and changes nothing, not even back.
    assert_eq!(town.message("m-1", &json!([{ "station": "a", "ppm": 410 }])).await.status, 202);
    assert_eq!(town.listed().await["health"]["counters"]["received"], 2);

    // Who does not sign is refused, a token does not help, and nobody is told more.
    let token = town.token(STAFF).await;
    let body = json!({ "data": [{ "station": "b", "ppm": 1 }] });
    for ask in [
        town.ask(Method::POST, &address).json(&body),
        town.ask(Method::POST, &address).json(&body).bearer_auth(token),
        town.ask(Method::POST, &address)
            .json(&body)
            .header("webhook-id", "m-3")
            .header("webhook-timestamp", "1")
            .header("webhook-signature", "v1,AAAA"),
    ] {
        let refused = seen(ask).await;
        assert_eq!(refused.status, 401);
        assert!(!refused.text().contains("secret"), "{}", refused.text());
    }
    // Signed, and still refused: what holds an individual number, and what is no record.
    let number = json!([{ "station": "123456789018", "ppm": 1 }]);
    assert_eq!(town.message("m-4", &number).await.status, 400);
    assert_eq!(town.message("m-5", &json!("no record")).await.status, 400);

    // More than there is ever room for.
    let config = webhook(&town)
        .replace("[connectors.settings]", "caps = { inbox = 50 }\n[connectors.settings]");
    town.configure(&config, &mapping());
    town.reloaded().await;
    let many: Vec<Value> = (0..51).map(|n| json!({ "station": "b", "ppm": n })).collect();
    let refused = town.message("m-6", &json!(many)).await;
    assert_eq!(refused.status, 413, "{}", refused.text());
    assert!(refused.text().contains("(50); send it in smaller parts"), "{}", refused.text());

    // Acknowledged, then killed at once, again and again.
    // Beside another gateway, one that was killed keeps its lease for a while.
    let rounds = if matches!(backend, Backend::Embedded) { 3 } else { 1 };
    for round in 0..rounds {
        let stations: Vec<Value> =
            (0..20).map(|n| json!({ "station": format!("k{round}-{n}"), "ppm": n })).collect();
        let sent = town.message(&format!("k-{round}"), &json!(stations)).await;
        assert_eq!(sent.status, 202, "{}", sent.text());
        town.kill().await;
        town.open().await;
        town.has(&format!("k{round}-19"), 19).await;
        town.has(&format!("k{round}-0"), 0).await;
    }
    assert_eq!(town.co2("b").await, None);
    assert_eq!(town.co2("a").await, Some(json!(420)));
}

#[tokio::test]
async fn an_outage_is_told_and_heals_and_what_was_refused_is_tried_again_when_the_mapping_is_mended()
 {
    let other = Arc::new(Other::default());
    let address = other.start().await;
    let plan = Plan { receivers: vec![address.clone()], ..Plan::default() };
    let town = Town::start(Backend::Embedded, &plan).await;
    other.answers(503, &json!({}));
    town.configure(&poll(&address), &mapping());
    town.reloaded().await;
    until("an open circuit", || async { town.listed().await["health"]["circuit"] == "open" }).await;
    let error = town.listed().await["health"]["error"].clone();
    assert_eq!(error, "not available: the other side answered 503");
    let probed = town.staff(Method::POST, &format!("/connectors/v1/{NAME}/probe")).await;
    assert_eq!(probed.json()["reachable"], false);

    // It comes back. One record has a member that the mapping does not know.
    other.answers(
        200,
        &json!({ "stations": [{ "station": "a", "ppm": 410 }, { "station": "b", "co2": 420 }] }),
    );
    assert_eq!(town.staff(Method::POST, &format!("/connectors/v1/{NAME}/run")).await.status, 202);
    town.has("a", 410).await;
    assert_eq!(town.listed().await["health"]["circuit"], "closed");
    let letters = format!("/connectors/v1/{NAME}/dead-letters");
    let dead = town.staff(Method::GET, &letters).await.json();
    assert_eq!(dead["dead_letters"].as_array().unwrap().len(), 1, "{dead}");
    assert_eq!(dead["dead_letters"][0]["refusals"][0]["line"], 2);
    assert!(!dead.to_string().contains("420"), "what it holds is not shown");
    assert_eq!(town.co2("b").await, None);

    // A mapping whose sample fails changes nothing, whoever says so.
    let mut wrong = mapping();
    wrong["samples"][0]["expect"][0]["co2"]["value"] = json!(401);
    town.configure(&poll(&address), &wrong);
    let refused = town.staff(Method::POST, "/connectors/v1/reload").await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("mapping.samples"), "{}", refused.text());
    other.answers(200, &json!({ "stations": [{ "station": "c", "ppm": 430 }] }));
    town.has("c", 430).await;

    // Mended, and tried again.
    let mut mended = mapping();
    mended["attributes"]["co2"]["value"] = json!("has(record.ppm) ? record.ppm : record.co2");
    town.configure(&poll(&address), &mended);
    town.reloaded().await;
    assert_eq!(town.staff(Method::POST, &format!("{letters}/replay")).await.status, 202);
    town.has("b", 420).await;
    until("no dead letters", || async {
        town.staff(Method::GET, &letters).await.json()["dead_letters"] == json!([])
    })
    .await;
    // Gone from the configuration: stopped, and no longer listed.
    town.configure("", &mapping());
    town.reloaded().await;
    assert_eq!(town.listed().await, Value::Null);
}

#[tokio::test]
async fn messages_of_a_broker_wait_for_the_gateway_and_arrive() {
    let broker = Mosquitto::start().await;
    let plan = Plan { receivers: vec![broker.address.clone()], ..Plan::default() };
    let mut town = Town::start(Backend::Embedded, &plan).await;
    let mut by_topic = mapping();
    by_topic["id"] = json!("'urn:ngsi-ld:AirQualityObserved:' + record.topic.split('/')[1]");
    by_topic["attributes"]["co2"]["value"] = json!("record.payload.ppm");
    by_topic["samples"][0]["input"] = json!({ "topic": "air/a", "payload": { "ppm": 400 } });
    for version in ["3.1.1", "5.0"] {
        let connector = format!(
            "[[connectors]]\nname = \"{NAME}\"\nkind = \"mqtt\"\ntitle = {{ ja = \"大気\", en = \"Air\" }}\n\
             mapping = {{ file = \"air.json\" }}\n[connectors.settings]\nurl = \"mqtt://{}\"\n\
             client_id = \"tsunagu-{version}\"\nversion = \"{version}\"\ntopics = [\"air/+\"]\n",
            broker.address
        );
        town.configure(&connector, &by_topic);
        town.reloaded().await;
        let first = format!("{}-0", version.len());
        // Until the subscription is there, a message finds nobody; after that, each arrives.
        until("a first message", || async {
            broker.publish(&format!("air/{first}"), r#"{"ppm":1}"#).await;
            town.co2(&first).await == Some(json!(1))
        })
        .await;
        town.kill().await;
        for n in 1..10 {
            let topic = format!("air/{}-{n}", version.len());
            // What came last holds, also of what waited together.
            for ppm in [7_000 + n, n] {
                broker.publish(&topic, format!(r#"{{"ppm":{ppm}}}"#)).await;
            }
            broker.publish("air/bad", vec![0xFF, 0x00, 0xC3, u8::try_from(n).unwrap()]).await;
            if version == "5.0" {
                // Larger than anything that is taken.
                broker.publish("air/huge", vec![b' '; 2 << 20]).await;
            }
        }
        town.open().await;
        for n in 1..10 {
            town.has(&format!("{}-{n}", version.len()), n).await;
        }
    }
    broker.publish("air/bad", "no json").await;
    let letters = format!("/connectors/v1/{NAME}/dead-letters");
    until("the dead letters", || async {
        let dead = town.staff(Method::GET, &letters).await.json();
        dead["dead_letters"].as_array().is_some_and(|list| list.len() >= 19)
    })
    .await;
    // Systems that watch see it too.
    let seen = town.staff(Method::GET, "/metrics").await;
    let media = seen.header("content-type").unwrap_or_default();
    assert_eq!(media, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = seen.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let number = |family: &str| {
        let sample = format!("tsunagu_connector_{family}{{connector=\"{NAME}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&sample));
        line.and_then(|number| number.parse::<u64>().ok())
    };
    assert!(number("dead_letters") >= Some(19), "{text}");
    assert!(number("records_applied_total") >= Some(18), "{text}");
    assert_eq!(number("inbox_records"), Some(0), "{text}");
    assert!(!text.contains("air/"), "a topic is nobody's business: {text}");
}

#[tokio::test]
async fn two_gateways_share_what_the_clients_of_their_connectors_may_see() {
    let there = Town::start(Backend::Embedded, &Plan::default()).await;
    let address = format!("127.0.0.1:{}", there.base.port().unwrap());
    let plan = Plan { receivers: vec![address.clone()], ..Plan::default() };
    let here = Town::start(Backend::Embedded, &plan).await;
    let token = here.folder.path().join("token");
    std::fs::write(&token, there.token(SENSORS).await).unwrap();
    let connector = |direction: &str| {
        format!(
            "[[connectors]]\nname = \"{NAME}\"\nkind = \"ngsi-ld\"\ntitle = {{ ja = \"隣町\", en = \"Neighbour\" }}\n\
             schedule = {{ every-seconds = 1 }}\n[connectors.settings]\nurl = \"http://{address}/\"\n\
             auth = {{ bearer = {{ file = \"{}\" }} }}\n{direction}\n",
            token.display()
        )
    };
    let entity = |station: &str, ppm: u32| {
        json!({
            "id": format!("urn:ngsi-ld:AirQualityObserved:{station}"), "type": "AirQualityObserved",
            "co2": { "type": "Property", "value": ppm, "unitCode": "59", "observedAt": "2026-11-30T00:00:00Z" }
        })
    };
    let write = async |town: &Town, entity: &Value| {
        let ask = town.ask(Method::POST, "/ngsi-ld/v1/entityOperations/upsert");
        let token = town.token(SENSORS).await;
        let done = seen(ask.json(&json!([entity])).bearer_auth(token)).await;
        assert!(done.status == 201 || done.status == 204, "{}", done.text());
    };
    // Taken from there.
    write(&there, &entity("taken", 400)).await;
    here.configure(&connector("take = { types = [\"AirQualityObserved\"] }"), &json!({}));
    here.reloaded().await;
    here.has("taken", 400).await;
    write(&there, &entity("taken", 410)).await;
    here.has("taken", 410).await;
    // Given to there, and taken away.
    here.configure(&connector("give = { types = [\"AirQualityObserved\"] }"), &json!({}));
    here.reloaded().await;
    write(&here, &entity("given", 420)).await;
    there.has("given", 420).await;
    let gone =
        here.ask(Method::DELETE, "/ngsi-ld/v1/entities/urn:ngsi-ld:AirQualityObserved:given");
    assert_eq!(seen(gone.bearer_auth(here.token(SENSORS).await)).await.status, 204);
    until("the end of it", || async { there.co2("given").await.is_none() }).await;
    // Nobody else's subscription reaches a connector.
    let subscription = json!({
        "type": "Subscription", "entities": [{ "type": "AirQualityObserved" }],
        "notification": { "endpoint": { "uri": format!("connector:{NAME}") } }
    });
    let ask = here.ask(Method::POST, "/ngsi-ld/v1/subscriptions").json(&subscription);
    let refused = seen(ask.bearer_auth(here.token(REGISTER).await)).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    // Without `give` there is no subscription any more.
    here.configure("", &json!({}));
    here.reloaded().await;
    let own = here.ask(Method::GET, "/ngsi-ld/v1/subscriptions");
    assert_eq!(seen(own.bearer_auth(here.token(SENSORS).await)).await.json(), json!([]));
}

#[tokio::test]
async fn the_command_line_checks_runs_and_lists() {
    let other = Arc::new(Other::default());
    let address = other.start().await;
    let plan = Plan { receivers: vec![address.clone()], ..Plan::default() };
    let mut town = Town::start(Backend::Embedded, &plan).await;
    other
        .answers(200, &json!({ "stations": [{ "station": "a", "ppm": 410 }, { "station": "b" }] }));
    town.configure(&poll(&address), &mapping());
    let config = town.config().display().to_string();
    let command = async |args: &[&str]| {
        let args = [&["connector"], args, &["--config", &config]].concat();
        let done = process::run(&args).await;
        let text = String::from_utf8(done.stdout).unwrap();
        (done.status.success(), text + &String::from_utf8(done.stderr).unwrap())
    };
    // Beside the running gateway: checking touches no store.
    let (good, told) = command(&["check", NAME]).await;
    assert!(good && told.contains("\"value\": 410") && told.contains("✗ co2 value"), "{told}");
    assert_eq!(town.co2("a").await, None, "nothing was written");
    let sample = town.folder.path().join("sample.json");
    std::fs::write(&sample, json!({ "station": "z", "ppm": 1 }).to_string()).unwrap();
    let (good, told) = command(&["check", NAME, "--sample", sample.to_str().unwrap()]).await;
    assert!(good && told.contains("AirQualityObserved:z"), "{told}");
    let (good, told) = command(&["check", "nobody"]).await;
    assert!(!good && told.contains(NAME), "{told}");

    town.stop().await;
    let (good, told) = command(&["list"]).await;
    assert!(good && told.contains("never ran"), "{told}");
    let (good, told) = command(&["run", NAME]).await;
    assert!(
        good && told.contains("\"created\": 1") && told.contains("\"refused_count\": 1"),
        "{told}"
    );
    other.answers(200, &json!({ "stations": [] }));
    let (good, told) = command(&["replay", NAME]).await;
    assert!(good && told.contains("\"refused_count\": 1"), "{told}");
    town.configure(
        "[[connectors]]\nname = \"x\"\nkind = \"y\"\ntitle = { ja = \"x\", en = \"x\" }\n",
        &mapping(),
    );
    let (good, told) = command(&["list"]).await;
    assert!(!good && told.contains("there is no kind 'y'"), "{told}");
}

/// A broker of others.
struct Mosquitto {
    address: String,
    _process: tokio::process::Child,
    _folder: tempfile::TempDir,
}

impl Mosquitto {
    async fn start() -> Self {
        let program = std::env::var("TEST_MOSQUITTO")
            .expect("TEST_MOSQUITTO names mosquitto; `cargo xtask test` sets it");
        let folder = tempfile::tempdir().unwrap();
        let (reserved, port) = process::reserved_port();
        let config = folder.path().join("mosquitto.conf");
        let text =
            format!("listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n");
        std::fs::write(&config, text).unwrap();
        let process = tokio::process::Command::new(program)
            .arg("-c")
            .arg(&config)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let address = format!("127.0.0.1:{port}");
        until("the broker", || async { TcpStream::connect(&address).await.is_ok() }).await;
        drop(reserved);
        Self { address, _process: process, _folder: folder }
    }

    async fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        let publication = tsunagu_outbound::Publication {
            url: format!("mqtt://{}/{topic}", self.address).parse().unwrap(),
            client_id: "publisher".to_owned(),
            version: tsunagu_outbound::MqttVersion::V5_0,
            qos: tsunagu_outbound::QualityOfService::AtLeastOnce,
            payload: payload.into().into(),
        };
        let policy = tsunagu_outbound::Policy {
            allow_private: vec![self.address.parse().unwrap()],
            schemes: vec!["http".to_owned()],
            ..tsunagu_outbound::Policy::default()
        };
        tsunagu_outbound::Outbound::new(policy).publish(&publication).await.unwrap();
    }
}
