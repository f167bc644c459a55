//! Every operation, for every role, in every state of a resident's consent: who gets what, and where the resident's data shows.

use reqwest::Method;
use serde_json::json;
use tsunagu_sandbox::story::{self, Browser};
use tsunagu_sandbox::town;

use crate::refusals::{Credential, For, Gate};
use crate::support::Backend;
use crate::support::http::seen;
use crate::support::town::{APP, AUDITOR, Plan, REGISTER, SENSORS, STAFF, Town};

/// Where a consented app reads the entity of its resident.
const SHOWN: &[(&str, &str)] = &[
    ("GET", "/ngsi-ld/v1/entities"),
    ("GET", "/ngsi-ld/v1/entities/{entityId}"),
    ("POST", "/ngsi-ld/v1/entityOperations/query"),
    ("GET", "/ngsi-ld/v1/temporal/entities/{entityId}"),
];

/// What a token of a resident gets that opens no data.
fn closed(whom: For, _: &str, _: &str) -> &'static [u16] {
    match whom {
        For::All(_) | For::Login => &[200],
        For::ProvenClient => &[400, 401],
        For::Resident => &[401],
        For::Member => &[401, 403],
        // Its own consents, whatever their state.
        For::ResidentOrClient => &[200, 404],
        _ => &[403],
    }
}

/// What a token gets whose consent does not hold any more: it does not even say who is logged in.
fn ended(whom: For, method: &str, path: &str) -> &'static [u16] {
    if whom == For::Login { &[401] } else { closed(whom, method, path) }
}

/// What an app gets while its consent holds.
fn open(whom: For, method: &str, path: &str) -> &'static [u16] {
    match whom {
        For::All(_) | For::Login | For::Asker => &[200],
        For::ProvenClient => &[400, 401],
        For::Resident => &[401],
        For::Member => &[401, 403],
        For::ResidentOrClient => &[200, 404],
        // Where open data is, this app has no business.
        For::Viewer if path.contains("/csourceRegistrations") => &[403],
        For::Viewer if method == "GET" && path.ends_with("/entities/{entityId}") => &[200],
        For::Viewer if method == "GET" => &[200, 404],
        // Nobody is taken out of the town, nor told anew who they are, by an app.
        For::Viewer | For::ViewerOfMany => &[204, 207, 400, 403, 404, 409],
        For::Subscriber => &[200, 201, 204, 404],
        For::OpenDataWriter | For::SourceManager | For::Publisher | For::Staff | For::Auditor => {
            &[403]
        }
    }
}

/// What an app gets about a resident by a consent of another.
fn anothers(whom: For, method: &str, path: &str) -> &'static [u16] {
    match whom {
        For::Viewer if method == "GET" && path.ends_with("/entities/{entityId}") => &[404],
        For::ResidentOrClient if path.contains("{id}") => &[404],
        _ => open(whom, method, path),
    }
}

/// What a resident's own session gets.
fn own(whom: For, _: &str, path: &str) -> &'static [u16] {
    match whom {
        For::All(_) => &[200],
        For::ProvenClient => &[400, 401],
        // The code asked for is not theirs.
        For::Resident if path == "/v2/findUsage" => &[403],
        // Theirs to make, and half said.
        For::Resident if path.starts_with("/me/share-codes") || path == "/me/delegations" => {
            &[200, 400, 404]
        }
        For::Resident => &[200, 204, 404],
        For::ResidentOrClient => &[200, 403, 404],
        _ => &[401],
    }
}

/// What a session gets whose login was too weak. No app gets a token from it: the page that would ask for a consent asks for another login.
fn weak(whom: For, method: &str, path: &str) -> &'static [u16] {
    match whom {
        For::Resident | For::ResidentOrClient => &[401, 403],
        _ => own(whom, method, path),
    }
}

/// What somebody else's session gets about a consent that is not theirs.
fn foreign(whom: For, _: &str, path: &str) -> &'static [u16] {
    match whom {
        For::Resident | For::ResidentOrClient if path.contains("{id}") => &[403, 404],
        For::ResidentOrClient => &[200, 400, 403, 404],
        _ => own(whom, "", path),
    }
}

/// What a client gets that acts on its own behalf.
fn machine(whom: For, _: &str, path: &str) -> &'static [u16] {
    match whom {
        For::All(_) => &[200],
        For::ProvenClient => &[400, 401],
        For::Resident => &[401],
        For::Member => &[401, 403],
        For::ResidentOrClient if path.contains("{id}") => &[403, 404],
        For::Login => &[403],
        _ => &[200, 201, 204, 207, 400, 403, 404, 409],
    }
}

#[tokio::test]
async fn every_operation_answers_as_the_state_of_the_consent_says() {
    let mut town = Town::start(Backend::Embedded, &Plan { people: true, ..Plan::default() }).await;
    let (mut hanako, mut taro) = (town.hanako().await, town.resident("taro").await);
    let login_only = town.connected(&mut hanako, APP, &[]).await;
    let consented = town.connect(&mut hanako).await;
    let others = town.connect(&mut taro).await;
    let listed = town.ask(Method::GET, "/consents/v1").bearer_auth(&consented.token);
    let listed = seen(listed).await.json();
    let consent = listed["consents"][0]["id"].as_str().or(listed[0]["id"].as_str());
    let consent = consent.unwrap_or_else(|| panic!("no consent in {listed}")).to_owned();
    let invented = town::Town::generate(20);
    let secret = invented.person("hanako").unwrap().name.given.clone();
    let mut machines = Vec::new();
    for client in [SENSORS, STAFF, AUDITOR, REGISTER] {
        machines.push((client, Credential::Token(town.token(client).await)));
    }
    let sessions = [&hanako, &taro].map(|browser| browser.cookies(&town.base).unwrap());
    let [hanakos, taros] = sessions.map(Credential::Session);
    let live = Credential::Token(consented.token.clone());

    town.stop().await;
    town.xid_is_worth("low");
    town.open().await;
    let mut weakly = Browser::new();
    let shown = story::logs_in(&town.parties(), &mut weakly, "hanako").await;
    assert_eq!(shown.unwrap_err(), "the login ended with 403 Forbidden");
    let weakly = Credential::Session(weakly.cookies(&town.base).unwrap());

    let gate = Gate { town, person: consented.person, consent, secret };
    let mut faults = Vec::new();
    let nothing: &[(&str, &str)] = &[];

    gate.compare("a live consent", &live, open, SHOWN, &mut faults).await;
    let asked = Credential::Token(login_only.token);
    gate.compare("a login without consent", &asked, closed, nothing, &mut faults).await;
    let other = Credential::Token(others.token);
    gate.compare("another resident's consent", &other, anothers, nothing, &mut faults).await;
    gate.compare("a session of low assurance", &weakly, weak, nothing, &mut faults).await;
    for (client, token) in &machines {
        gate.compare(client, token, machine, nothing, &mut faults).await;
    }
    gate.compare("another resident's session", &taros, foreign, nothing, &mut faults).await;

    let change = async |what: &str| {
        let path = format!("/consents/v1/{}/{what}", gate.consent);
        let Credential::Session(cookies) = &hanakos else { panic!("not a session") };
        let origin = gate.town.base.as_str().trim_end_matches('/').to_owned();
        let request = gate.town.ask(Method::POST, &path).json(&json!({}));
        let answer = seen(request.header("Cookie", cookies).header("Origin", origin)).await;
        assert!(answer.status < 300, "{what}: {}", answer.text());
    };
    change("pause").await;
    gate.compare("a paused consent", &live, ended, nothing, &mut faults).await;
    change("resume").await;
    gate.compare("a consent taken up again", &live, open, SHOWN, &mut faults).await;
    change("withdraw").await;
    gate.compare("a withdrawn consent", &live, ended, nothing, &mut faults).await;
    let exported: &[(&str, &str)] = &[("GET", "/me/export")];
    gate.compare("their own session", &hanakos, own, exported, &mut faults).await;

    assert!(faults.is_empty(), "{} answers are not right:\n{}", faults.len(), faults.join("\n"));
}
