//! What an app with a right token tries beyond its resident's consent. Each attempt gets nothing, changes nothing, and is one entry of the log.

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tsunagu_sandbox::town;

use crate::support::Backend;
use crate::support::http::{Answer, seen};
use crate::support::town::{Login, Plan, REGISTER, Town, nobody, property};

const ENTITIES: &str = "/ngsi-ld/v1/entities";

/// A town in which 都農 花子 consented to name, address and activities, but not to birth date and gender; another resident to the same app.
struct Attempts {
    town: Town,
    hanako: Login,
    other: Login,
    /// The birth date that nobody consented to.
    born: String,
}

impl Attempts {
    async fn start() -> Self {
        let plan = Plan { people: true, ..Plan::default() };
        let town = Town::start(Backend::Embedded, &plan).await;
        let hanako = town.connect(&mut town.hanako().await).await;
        let other = town.connect(&mut town.resident("taro").await).await;
        let born = town::Town::generate(20).person("hanako").unwrap().birth_date.to_string();
        Self { town, hanako, other, born }
    }

    /// A request of 花子's app.
    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.town.ask(method, path).bearer_auth(&self.hanako.token)
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.ask(Method::GET, path)
    }

    /// How long the log is.
    async fn entries(&self) -> u64 {
        let note = seen(self.town.ask(Method::GET, "/audit/v1/checkpoint")).await.text();
        note.lines().nth(1).unwrap().parse().unwrap()
    }

    /// Sends an attempt, which must be exactly one entry of the log.
    async fn once(&self, what: &str, request: RequestBuilder) -> Answer {
        let before = self.entries().await;
        let answer = seen(request).await;
        assert_eq!(self.entries().await, before + 1, "{what}: entries for {}", answer.text());
        answer
    }

    /// The Person as the register may see everything of it.
    async fn person(&self) -> Value {
        let token = self.town.token(REGISTER).await;
        let found = self.town.ask(Method::GET, &format!("{ENTITIES}?type=Person&local=true"));
        let found = seen(found.bearer_auth(token)).await;
        found.json()
    }
}

/// What can be told from an answer, but for what differs in any two.
fn told(answer: &Answer) -> (u16, HeaderMap, Vec<u8>) {
    let mut headers = answer.headers.clone();
    for own in ["date", "x-request-id", "audit-entry"] {
        headers.remove(own);
    }
    (answer.status, headers, answer.body.clone())
}

#[tokio::test]
async fn t34_another_resident_is_the_same_as_nobody() {
    let attempts = Attempts::start().await;
    let body = json!({"name": property("x")});
    for (method, path, body) in [
        (Method::GET, "{}", None),
        (Method::GET, "{}?attrs=name", None),
        (Method::GET, "{}?options=keyValues", None),
        (Method::PATCH, "{}", Some(&body)),
        (Method::POST, "{}/attrs", Some(&body)),
        (Method::DELETE, "{}", None),
        (Method::DELETE, "{}/attrs/name", None),
    ] {
        let mut answers = Vec::new();
        for person in [&attempts.other.person, &nobody()] {
            let path = format!("{ENTITIES}/{}", path.replace("{}", person));
            let mut request = attempts.ask(method.clone(), &path);
            if let Some(body) = body {
                request = request.json(body);
            }
            let answer = attempts.once(&format!("{method} {path}"), request).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
            answers.push(told(&answer));
        }
        assert_eq!(answers[0], answers[1], "{method} {path}");
    }
    // In a query they are missing in the same way.
    let mut answers = Vec::new();
    for person in [&attempts.other.person, &nobody()] {
        let parameters = [("type", "Person"), ("id", person.as_str()), ("count", "true")];
        let request = attempts.get(ENTITIES).query(&parameters);
        let answer = attempts.once("a query by id", request).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "[]"));
        answers.push(told(&answer));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn t36_no_way_to_ask_shows_what_was_not_consented_to() {
    let attempts = Attempts::start().await;
    let person = format!("{ENTITIES}/{}", attempts.hanako.person);
    let past = person.replace("/entities/", "/temporal/entities/");
    let shown = attempts.once("the whole", attempts.get(&person)).await;
    assert!(shown.json()["name"].is_object(), "{}", shown.text());
    let mut paths = Vec::new();
    for query in [
        "",
        "?attrs=birthDate",
        "?attrs=name,birthDate,gender",
        "?pick=birthDate",
        "?pick=id,name,birthDate",
        "?omit=name",
        "?options=keyValues",
        "?options=concise&attrs=birthDate",
        "?options=sysAttrs",
        "?format=simplified&pick=birthDate",
        "?attrs=birthDate&datasetId=@none",
        "?lang=ja&attrs=birthDate,name",
        "?join=inline&joinLevel=2",
    ] {
        paths.push(format!("{person}{query}"));
    }
    paths.push(format!("{past}?attrs=birthDate,name"));
    paths.push(format!("{past}?options=temporalValues"));
    for query in ["attrs=birthDate", "pick=birthDate", "options=keyValues", "orderBy=birthDate"] {
        paths.push(format!("{ENTITIES}?type=Person&{query}"));
    }
    for accept in ["application/json", "application/ld+json", "application/geo+json"] {
        for path in &paths {
            // Links to other entities are looked for, and each place where one looked is written down.
            let answer = seen(attempts.get(path).header("Accept", accept)).await;
            let text = answer.text();
            let quiet = !text.contains(&attempts.born) && !text.contains("birthDate\":");
            assert!(quiet && !text.contains("gender\":"), "{path} as {accept}: {text}");
            assert!(answer.status < 500, "{path}: {text}");
        }
    }
}

#[tokio::test]
async fn t37_a_question_about_what_is_hidden_is_answered_as_one_about_what_is_not_there() {
    let attempts = Attempts::start().await;
    let born = attempts.born.as_str();
    for (query, value) in [
        ("q", format!("{{}}==\"{born}\"")),
        ("q", "{}".to_owned()),
        ("q", "{}~=19.*".to_owned()),
        ("q", "name;{}>\"1900-01-01\"".to_owned()),
        ("orderBy", "{}".to_owned()),
        ("attrs", "{}".to_owned()),
        ("pick", "{}".to_owned()),
    ] {
        let mut answers = Vec::new();
        for attribute in ["birthDate", "blahDates"] {
            let value = value.replace("{}", attribute);
            let parameters = [("type", "Person"), ("count", "true"), (query, value.as_str())];
            let request = attempts.get(ENTITIES).query(&parameters);
            let answer = attempts.once(&format!("{query}={value}"), request).await;
            let (status, headers, body) = told(&answer);
            let body = String::from_utf8(body).unwrap().replace("birthDate", "blahDates");
            let headers = format!("{headers:?}").replace("birthDate", "blahDates");
            answers.push((status, headers, body));
        }
        assert_eq!(answers[0], answers[1], "{query}={value}");
    }
}

#[tokio::test]
async fn t38_nothing_is_written_beside_what_was_consented_to() {
    let attempts = Attempts::start().await;
    let person = format!("{ENTITIES}/{}", attempts.hanako.person);
    let before = attempts.person().await;
    let named = |name: &str, value: Value| {
        let mut body = json!({});
        body[name] = value;
        body
    };
    for (what, method, path, body) in [
        ("a hidden attribute", Method::PATCH, "", named("birthDate", property("2000-01-01"))),
        ("an attribute of no class", Method::POST, "/attrs", named("consent", property(true))),
        ("another type", Method::PATCH, "", named("type", json!("Bench"))),
        ("a second type", Method::POST, "/attrs", named("type", json!(["Person", "Bench"]))),
        ("who it is about", Method::POST, "/attrs", named("subject", property("x"))),
        ("its publisher", Method::POST, "/attrs", named("publisher", property("x"))),
        ("verified data", Method::PATCH, "", named("name", property("別人"))),
        ("one attribute", Method::PATCH, "/attrs/gender", json!({"value": "x"})),
        ("one attribute anew", Method::PUT, "/attrs/gender", property("x")),
    ] {
        let request = attempts.ask(method, &format!("{person}{path}")).json(&body);
        let answer = attempts.once(what, request).await;
        assert!([400, 403, 404].contains(&answer.status), "{what}: {}", answer.text());
    }
    // When something was made is the broker's to say (clause 4.5.8).
    let times = json!({"createdAt": "1990-01-01T00:00:00Z", "modifiedAt": "1990-01-01T00:00:00Z"});
    seen(attempts.ask(Method::PATCH, &person).json(&times)).await;
    assert_eq!(attempts.person().await, before);
    let shown = seen(attempts.get(&format!("{person}?options=sysAttrs"))).await;
    assert!(!shown.text().contains("1990-01-01"), "{}", shown.text());
}

#[tokio::test]
async fn t42_a_batch_about_two_residents_touches_only_the_consented_one() {
    let attempts = Attempts::start().await;
    let activity = |id: &str, person: &str| {
        json!({
            "id": id, "type": "HealthActivity",
            "person": {"type": "Relationship", "object": person}, "steps": property(100),
        })
    };
    let (mine, theirs) = ("urn:ngsi-ld:HealthActivity:mine", "urn:ngsi-ld:HealthActivity:theirs");
    let batch =
        json!([activity(mine, &attempts.hanako.person), activity(theirs, &attempts.other.person)]);
    for operation in ["create", "upsert", "update", "merge"] {
        let path = format!("/ngsi-ld/v1/entityOperations/{operation}");
        let answer = seen(attempts.ask(Method::POST, &path).json(&batch)).await;
        assert_eq!(answer.status, 207, "{operation}: {}", answer.text());
        let told = answer.json();
        assert_eq!(told["success"], json!([mine]), "{operation}: {told}");
        assert_eq!(told["errors"][0]["entityId"], theirs, "{operation}: {told}");
    }
    let delete = json!([mine, theirs, attempts.other.person]);
    let path = "/ngsi-ld/v1/entityOperations/delete";
    let told = seen(attempts.ask(Method::POST, path).json(&delete)).await.json();
    assert_eq!(told["success"], json!([mine]), "{told}");
    let request = attempts.town.ask(Method::GET, &format!("{ENTITIES}/{}", attempts.other.person));
    let kept = seen(request.bearer_auth(&attempts.other.token)).await;
    assert_eq!(kept.status, 200, "the other resident is as before");
    let request = attempts.town.ask(Method::GET, &format!("{ENTITIES}?type=HealthActivity"));
    let none = seen(request.bearer_auth(&attempts.other.token)).await;
    assert_eq!(none.json(), json!([]), "nothing was written about the other resident");
}
