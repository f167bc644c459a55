//! Two vendors that lay everything side by side that they ever got from here do not find out who is the same resident.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tsunagu_sandbox::story::{self, Browser, Machine};
use tsunagu_sandbox::{KeyPair, town};

use crate::staff::acts;
use crate::support::Backend;
use crate::support::http::seen;
use crate::support::town::{APP, Login, Plan, SECOND, STAFF, Town, nobody, property};

/// Residents in the tests that always run.
const FEW: usize = 20;
/// Both ask for the activities only: names and addresses would link people by themselves.
const ASKED: &str = r#"[{"type":"resident_data","purpose":"health-coaching","data_classes":["health-activity"],"actions":["read","write"]}]"#;
/// What is shorter tells little: words, statuses, days.
const SHORTEST: usize = 8;

/// What a vendor got about one resident, cut into words.
type Words = BTreeSet<String>;

#[tokio::test]
async fn t33_what_two_vendors_get_links_no_resident() {
    let residents = std::env::var("SOAK_ROUNDS").ok().map_or(FEW, |many| many.parse().unwrap());
    let plan = Plan { people: true, residents: Some(residents), ..Plan::default() };
    let town = Town::start(Backend::Embedded, &plan).await;
    let mut got: BTreeMap<&str, Vec<Words>> = BTreeMap::new();
    for person in town::Town::generate(residents).people() {
        let mut browser = Browser::new();
        if story::logs_in(&town.parties(), &mut browser, &person.key).await.is_err() {
            // Moved away, too young, or for the counter to decide.
            continue;
        }
        for app in [APP, SECOND] {
            let asked = [("authorization_details", ASKED)];
            let login = town.connected(&mut browser, app, &asked).await;
            let nth = got.entry(app).or_default().len();
            let words = everything(&town, app, &login, nth).await;
            got.get_mut(app).unwrap().push(words);
        }
    }
    let [first, second] = [APP, SECOND].map(|app| own_words(&got[app]));
    assert!(first.len() * 2 > residents, "only {} residents took part", first.len());
    for (one, words) in first.iter().enumerate() {
        assert!(words.len() > 10, "of resident {one} only {words:?} was seen");
        for (other, others) in second.iter().enumerate() {
            let shared: Vec<_> = words.intersection(others).collect();
            assert!(shared.is_empty(), "both vendors know {one} and {other} by {shared:?}");
        }
    }
}

/// What is not the same for everybody.
fn own_words(residents: &[Words]) -> Vec<Words> {
    let common = |word: &String| residents.iter().all(|words| words.contains(word));
    let own = |words: &Words| words.iter().filter(|word| !common(word)).cloned().collect();
    residents.iter().map(own).collect()
}

/// Everything that the app can make the gateway say about its resident.
async fn everything(town: &Town, app: &str, login: &Login, nth: usize) -> Words {
    let mut words = Words::new();
    add(&mut words, &login.token);
    add(&mut words, &login.id_token);
    add(&mut words, &login.person);
    let ask = |method: Method, path: &str| town.ask(method, path).bearer_auth(&login.token);
    // The app's own name for it links nothing but what the app knows.
    let id = format!("urn:ngsi-ld:HealthActivity:{app}-{nth}");
    let activity = json!({
        "id": id, "type": "HealthActivity", "steps": property(100),
        "person": {"type": "Relationship", "object": login.person},
    });
    let subscription = json!({
        "type": "Subscription", "entities": [{"type": "HealthActivity"}],
        "notification": {"endpoint": {"uri": "https://receiver.example/"}},
    });
    let entities = "/ngsi-ld/v1/entities";
    let post = |path: &str, body: &Value| ask(Method::POST, path).json(body);
    tell(&mut words, post(entities, &activity)).await;
    tell(&mut words, post(entities, &activity)).await;
    let made = tell(&mut words, post("/ngsi-ld/v1/subscriptions", &subscription)).await;
    let consents = tell(&mut words, ask(Method::GET, "/consents/v1")).await;
    let consent = first_id(&consents.1);
    let get = |path: &str| ask(Method::GET, path);
    for path in [
        "/oauth/userinfo".to_owned(),
        format!("{entities}/{id}"),
        format!("{entities}/{id}?options=concise"),
        format!("{entities}?type=HealthActivity&count=true&options=keyValues"),
        format!("{entities}?type=Person&count=true"),
        format!("{entities}/{}", login.person),
        format!("{entities}/{}", nobody()),
        format!("{entities}?q=person==\"{}\"", login.person),
        format!("/ngsi-ld/v1/temporal/entities/{id}"),
        "/ngsi-ld/v1/subscriptions".to_owned(),
        made.0,
        format!("/consents/v1/{consent}"),
        format!("/consents/v1/{consent}/receipt"),
        format!("/consents/v1/{consent}/deletion"),
        "/ngsi-ld/v1/types".to_owned(),
        "/me/consents".to_owned(),
    ] {
        tell(&mut words, get(&path)).await;
    }
    words.retain(|word| !word.starts_with(&format!("{app}-{nth}")));
    words
}

/// Adds an answer, headers and all; gives where it leads to, and its body.
async fn tell(words: &mut Words, request: RequestBuilder) -> (String, String) {
    let answer = seen(request).await;
    assert!(answer.status < 500, "{}", answer.text());
    for (name, value) in &answer.headers {
        // When it was answered.
        if name != "date" {
            add(words, value.to_str().unwrap());
        }
    }
    add(words, &answer.text());
    (answer.header("location").unwrap_or_default().to_owned(), answer.text())
}

fn first_id(consents: &str) -> String {
    let consents: Value = serde_json::from_str(consents).unwrap();
    let listed = consents["consents"].as_array().or(consents.as_array()).unwrap();
    listed[0]["id"].as_str().unwrap().to_owned()
}

/// Cuts a text into words; what is inside tokens counts as well.
fn add(words: &mut Words, text: &str) {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    for word in text.split(|c| !inside(c)).filter(|word| word.len() >= SHORTEST) {
        let decoded = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            String::from_utf8(bytes).ok().filter(|text| text.starts_with('{'))
        };
        let parts: Vec<_> = word.split('.').filter_map(decoded).collect();
        if parts.is_empty() {
            // When the resident logged in is told to both, as OpenID Connect says; SECURITY.md names it.
            let second = word.len() == 10 && word.bytes().all(|b| b.is_ascii_digit());
            if !second {
                words.insert(word.to_owned());
            }
        }
        for part in &parts {
            add(words, part);
        }
    }
}

/// Laying side by side would find what is there.
#[test]
fn what_links_is_found() {
    let hidden = URL_SAFE_NO_PAD.encode(r#"{"sub":"0123456789abcdef"}"#);
    let sides = [format!("eyJh.{hidden}.c2ln"), "{\"about\":\"0123456789abcdef\"}".to_owned()];
    let sides = sides.map(|text| {
        let mut words = Words::new();
        add(&mut words, &text);
        words
    });
    assert_eq!(sides[0].intersection(&sides[1]).count(), 1);
}

/// A system gets a key to the person of its own linked record, always the same and never the Tsuno ID; another system gets none for that record.
#[tokio::test]
async fn a_system_gets_link_keys_for_its_own_records_alone() {
    let mut town = Town::start(Backend::Embedded, &Plan { people: true, ..Plan::default() }).await;
    town.stop().await;
    let mut text = std::fs::read_to_string(town.config()).unwrap();
    let systems = ["juki", "tax"].map(|id| (id, KeyPair::generate().unwrap()));
    for (id, pair) in &systems {
        let members = pair.public.as_object().unwrap().iter();
        let jwk: Vec<String> = members.map(|(name, value)| format!("{name} = {value}")).collect();
        write!(
            text,
            "\n[[clients]]\nid = \"{id}\"\nname = {{ ja = \"{id}\", en = \"{id}\" }}\nsector = \"{id}.systems.example\"\n\
             kind = \"publisher\"\npublishes = [\"ResidentRecord\"]\nbearer = true\ncontact = \"0983-00-0000\"\n\
             jwks = {{ keys = [{{ {} }}] }}\n",
            jwk.join(", ")
        )
        .unwrap();
    }
    std::fs::write(town.config(), text).unwrap();
    town.open().await;
    let person = town::Town::generate(20).people()[0].clone();
    let id = "urn:ngsi-ld:ResidentRecord:hanako";
    let token = async |(id, pair): &(&str, KeyPair)| {
        let machine =
            Machine { client_id: (*id).to_owned(), private_jwk: pair.private.to_string() };
        story::token(&town.http, &town.base, &machine, "ngsi-ld").await.unwrap()
    };
    let name = format!("{}　{}", person.name.family, person.name.given);
    let record = json!({
        "id": id, "type": "ResidentRecord", "name": property(name),
        "birthDate": property(person.birth_date.to_string()),
        "gender": property(if person.sex == town::Sex::Male { "male" } else { "female" }),
        "address": property(person.address.full()),
    });
    let first = token(&systems[0]).await;
    let made = town.ask(Method::POST, "/ngsi-ld/v1/entities").bearer_auth(&first).json(&record);
    assert_eq!(seen(made).await.status, 201);
    town.resident(&person.key).await;

    let asked = async |system: &(&str, KeyPair), record: &str| {
        let token = token(system).await;
        let path = format!("/records/v1/{record}/link-key");
        let answer = seen(town.ask(Method::GET, &path).bearer_auth(token)).await;
        (answer.status == 200).then(|| answer.json()["linkKey"].as_str().unwrap().to_owned())
    };
    let key = asked(&systems[0], id).await.unwrap();
    assert_eq!(asked(&systems[0], id).await.as_ref(), Some(&key), "always the same");
    assert_eq!(asked(&systems[1], id).await, None, "it is not its record");
    assert_eq!(asked(&systems[0], "urn:ngsi-ld:ResidentRecord:none").await, None);

    let staff = town.token(STAFF).await;
    let found = town.ask(Method::GET, "/admin/v1/link-reviews").bearer_auth(staff);
    assert_eq!(seen(found).await.json()["reviews"], json!([]), "it is linked");
    let known = acts(&town, "client:juki").await;
    let reasons: Vec<&str> = known.iter().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!(reasons.iter().filter(|reason| **reason == "link-key").count(), 2, "{reasons:?}");
    assert_eq!(reasons.iter().filter(|r| **r == "link-key-not-own").count(), 1);
}
