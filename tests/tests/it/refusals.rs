//! Who is refused where: every operation of the API's own description, for every kind of wrong or missing credential.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Backend;
use crate::support::http::{Answer, seen};
use crate::support::town::{APP, AUDITOR, Plan, REGISTER, SENSORS, STAFF, Town, nobody, property};

/// Who may use an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// Everybody, for this reason.
    All(&'static str),
    /// Who proves who it is in the form or message itself.
    ProvenClient,
    /// The token of a resident's login.
    Login,
    /// A token whose view decides.
    Viewer,
    /// A token of a client that writes open data, on its own behalf.
    OpenDataWriter,
    /// A token of a client that manages context sources. No client of this town does.
    SourceManager,
    /// A token of a system that publishes resident records. The only one of this town is suspended.
    Publisher,
    /// A token whose view decides about each of several entities.
    ViewerOfMany,
    /// The same, asking in a body.
    Asker,
    /// A token for data: what it lists and finds is its own.
    Subscriber,
    /// A token of the town hall.
    Staff,
    /// A token of an auditor.
    Auditor,
    /// A person in a session of staff: whatever token comes is refused.
    Member,
    /// A resident's own session.
    Resident,
    /// A resident's session, or the client of a token, about their own consents.
    ResidentOrClient,
}

/// Every operation of the description.
const TABLE: &[(&str, &str, For)] = &[
    ("GET", "/ngsi-ld/v1/entities", For::Viewer),
    ("POST", "/ngsi-ld/v1/entities", For::Viewer),
    ("GET", "/ngsi-ld/v1/entities/{entityId}", For::Viewer),
    ("PUT", "/ngsi-ld/v1/entities/{entityId}", For::Viewer),
    ("PATCH", "/ngsi-ld/v1/entities/{entityId}", For::Viewer),
    ("DELETE", "/ngsi-ld/v1/entities/{entityId}", For::Viewer),
    ("POST", "/ngsi-ld/v1/entities/{entityId}/attrs", For::Viewer),
    ("PATCH", "/ngsi-ld/v1/entities/{entityId}/attrs", For::Viewer),
    ("PATCH", "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}", For::Viewer),
    ("PUT", "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}", For::Viewer),
    ("DELETE", "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}", For::Viewer),
    ("DELETE", "/ngsi-ld/v1/entities", For::ViewerOfMany),
    ("POST", "/ngsi-ld/v1/entityOperations/create", For::ViewerOfMany),
    ("POST", "/ngsi-ld/v1/entityOperations/upsert", For::ViewerOfMany),
    ("POST", "/ngsi-ld/v1/entityOperations/update", For::ViewerOfMany),
    ("POST", "/ngsi-ld/v1/entityOperations/merge", For::ViewerOfMany),
    ("POST", "/ngsi-ld/v1/entityOperations/delete", For::ViewerOfMany),
    ("GET", "/ngsi-ld/v1/types", For::Viewer),
    ("GET", "/ngsi-ld/v1/types/{type}", For::Viewer),
    ("GET", "/ngsi-ld/v1/attributes", For::Viewer),
    ("GET", "/ngsi-ld/v1/attributes/{attrId}", For::Viewer),
    ("POST", "/ngsi-ld/v1/entityOperations/query", For::Asker),
    ("GET", "/ngsi-ld/v1/info/sourceIdentity", For::Viewer),
    ("POST", "/ngsi-ld/v1/jsonldContexts", For::OpenDataWriter),
    ("GET", "/ngsi-ld/v1/jsonldContexts", For::Viewer),
    ("POST", "/ngsi-ld/v1/csourceSubscriptions", For::SourceManager),
    ("GET", "/ngsi-ld/v1/csourceSubscriptions", For::SourceManager),
    ("GET", "/ngsi-ld/v1/csourceSubscriptions/{subscriptionId}", For::SourceManager),
    ("PATCH", "/ngsi-ld/v1/csourceSubscriptions/{subscriptionId}", For::SourceManager),
    ("DELETE", "/ngsi-ld/v1/csourceSubscriptions/{subscriptionId}", For::SourceManager),
    ("POST", "/ngsi-ld/v1/csourceRegistrations", For::SourceManager),
    ("GET", "/ngsi-ld/v1/csourceRegistrations", For::Viewer),
    ("GET", "/ngsi-ld/v1/csourceRegistrations/{registrationId}", For::Viewer),
    ("PATCH", "/ngsi-ld/v1/csourceRegistrations/{registrationId}", For::SourceManager),
    ("DELETE", "/ngsi-ld/v1/csourceRegistrations/{registrationId}", For::SourceManager),
    ("GET", "/ngsi-ld/v1/jsonldContexts/{contextId}", For::Viewer),
    ("DELETE", "/ngsi-ld/v1/jsonldContexts/{contextId}", For::OpenDataWriter),
    ("GET", "/ngsi-ld/v1/temporal/entities", For::Viewer),
    ("POST", "/ngsi-ld/v1/temporal/entities", For::Viewer),
    ("POST", "/ngsi-ld/v1/temporal/entityOperations/query", For::Asker),
    ("GET", "/ngsi-ld/v1/temporal/entities/{entityId}", For::Viewer),
    ("DELETE", "/ngsi-ld/v1/temporal/entities/{entityId}", For::Viewer),
    ("POST", "/ngsi-ld/v1/temporal/entities/{entityId}/attrs", For::Viewer),
    ("DELETE", "/ngsi-ld/v1/temporal/entities/{entityId}/attrs/{attrId}", For::Viewer),
    ("PATCH", "/ngsi-ld/v1/temporal/entities/{entityId}/attrs/{attrId}/{instanceId}", For::Viewer),
    ("DELETE", "/ngsi-ld/v1/temporal/entities/{entityId}/attrs/{attrId}/{instanceId}", For::Viewer),
    ("GET", "/ngsi-ld/v1/subscriptions", For::Subscriber),
    ("POST", "/ngsi-ld/v1/subscriptions", For::Subscriber),
    ("GET", "/ngsi-ld/v1/subscriptions/{subscriptionId}", For::Subscriber),
    ("PATCH", "/ngsi-ld/v1/subscriptions/{subscriptionId}", For::Subscriber),
    ("DELETE", "/ngsi-ld/v1/subscriptions/{subscriptionId}", For::Subscriber),
    ("POST", "/oauth/par", For::ProvenClient),
    ("POST", "/oauth/token", For::ProvenClient),
    ("POST", "/oauth/introspect", For::ProvenClient),
    ("POST", "/oauth/pairwise-ids", For::ProvenClient),
    ("POST", "/oauth/revoke", For::ProvenClient),
    ("GET", "/oauth/userinfo", For::Login),
    ("GET", "/oauth/jwks", For::All("public keys")),
    ("GET", "/.well-known/openid-configuration", For::All("discovery")),
    ("GET", "/.well-known/oauth-protected-resource", For::All("discovery")),
    ("GET", "/consents/v1", For::ResidentOrClient),
    ("GET", "/consents/v1/{id}", For::ResidentOrClient),
    ("POST", "/consents/v1/{id}/withdraw", For::Resident),
    ("POST", "/consents/v1/{id}/pause", For::Resident),
    ("GET", "/consents/v1/{id}/deletion", For::ResidentOrClient),
    ("POST", "/consents/v1/{id}/deletion", For::ResidentOrClient),
    ("GET", "/consents/v1/deletions", For::Staff),
    ("GET", "/consents/v1/{id}/notice", For::ResidentOrClient),
    ("POST", "/consents/v1/receipts/verify", For::ResidentOrClient),
    ("GET", "/consents/v1/keys", For::All("public keys")),
    ("POST", "/consents/v1/{id}/resume", For::Resident),
    ("GET", "/consents/v1/{id}/receipt", For::ResidentOrClient),
    ("GET", "/me/access-log", For::Resident),
    ("GET", "/me/access-log/{index}/proof", For::Resident),
    ("GET", "/me/consents", For::Resident),
    ("GET", "/me/coins", For::Resident),
    ("POST", "/me/coins/{award}/appeal", For::Resident),
    ("GET", "/me/export", For::Resident),
    ("POST", "/me/close", For::Resident),
    ("POST", "/consents/v1/{id}/confirm", For::Resident),
    ("GET", "/me/unused-consents", For::Resident),
    ("GET", "/me/delegations", For::Resident),
    ("POST", "/me/delegations", For::Resident),
    ("POST", "/me/delegations/{id}/end", For::Resident),
    ("POST", "/counter/v1/notice", For::Staff),
    ("POST", "/counter/v1/guardians", For::Staff),
    ("POST", "/counter/v1/delegations/{id}/end", For::Staff),
    ("POST", "/counter/v1/residents/{tsunoId}/consents", For::Staff),
    ("POST", "/counter/v1/residents/{tsunoId}/consents/{id}/withdraw", For::Staff),
    ("GET", "/me/share-codes", For::Resident),
    ("POST", "/me/share-codes", For::Resident),
    ("GET", "/me/share-codes/notice", For::Resident),
    ("POST", "/me/share-codes/{id}/cancel", For::Resident),
    ("GET", "/v2/findUsage", For::Resident),
    ("GET", "/v2/usagePeriod", For::Resident),
    ("GET", "/v2/heartbeat", For::All("whether the service lives")),
    (
        "GET",
        "/audit/v1/checkpoint",
        For::All("a signed hash without personal data, which anyone may witness"),
    ),
    ("GET", "/audit/v1/proof", For::All("hashes without personal data")),
    ("GET", "/audit/v1/tile/{path}", For::All("hashes and commitments tell nothing")),
    ("GET", "/audit/v1/payload/{path}", For::Auditor),
    ("GET", "/audit/v1/entries", For::Auditor),
    ("GET", "/rewards/v1/rules", For::All("what earns coins is public")),
    ("GET", "/rewards/v1/grants", For::Staff),
    ("POST", "/rewards/v1/grants/{award}/decision", For::Member),
    ("POST", "/rewards/v1/simulations", For::Staff),
    ("GET", "/rewards/v1/reconciliations", For::Staff),
    ("GET", "/rewards/v1/appeals", For::Member),
    ("POST", "/rewards/v1/appeals/{award}/answer", For::Member),
    ("GET", "/admin/v1/identity-reviews", For::Staff),
    ("POST", "/admin/v1/identity-reviews/{reference}/decision", For::Staff),
    ("GET", "/admin/v1/link-reviews", For::Staff),
    ("POST", "/admin/v1/link-reviews/{tsunoId}/decision", For::Staff),
    ("GET", "/metrics", For::Staff),
    ("GET", "/connectors/v1", For::Staff),
    ("POST", "/connectors/v1/reload", For::Staff),
    ("GET", "/connectors/v1/{name}/runs", For::Staff),
    ("POST", "/connectors/v1/{name}/run", For::Staff),
    ("POST", "/connectors/v1/{name}/probe", For::Staff),
    ("GET", "/connectors/v1/{name}/dead-letters", For::Staff),
    ("POST", "/connectors/v1/{name}/dead-letters/replay", For::Staff),
    ("DELETE", "/connectors/v1/{name}/dead-letters/{id}", For::Staff),
    ("POST", "/connectors/v1/{name}/messages", For::ProvenClient),
    ("GET", "/staff/v1/me", For::Member),
    ("GET", "/staff/v1/cases", For::Member),
    ("POST", "/staff/v1/cases", For::Member),
    ("GET", "/staff/v1/cases/{id}", For::Member),
    ("GET", "/staff/v1/cases/{id}/read", For::Member),
    ("POST", "/staff/v1/cases/{id}/approve", For::Member),
    ("POST", "/staff/v1/cases/{id}/deny", For::Member),
    ("POST", "/staff/v1/cases/{id}/close", For::Member),
    ("GET", "/staff/v1/clients", For::Member),
    ("POST", "/staff/v1/clients", For::Member),
    ("GET", "/staff/v1/clients/{id}", For::Member),
    ("POST", "/staff/v1/clients/{id}/approve", For::Member),
    ("POST", "/staff/v1/clients/{id}/deny", For::Member),
    ("POST", "/staff/v1/clients/{id}/suspend", For::Member),
    ("POST", "/staff/v1/clients/{id}/resume", For::Member),
    ("POST", "/staff/v1/clients/{id}/end", For::Member),
    ("GET", "/records/v1/{entityId}/link-key", For::Publisher),
    ("GET", "/imports/v1/loads", For::Member),
    ("GET", "/imports/v1/loads/{id}", For::Member),
    ("GET", "/imports/v1/loads/{id}/report", For::Member),
    ("GET", "/imports/v1/loads/{id}/queue", For::Member),
    ("POST", "/imports/v1/loads/{id}/decisions", For::Member),
    ("POST", "/imports/v1/loads/{id}/propose", For::Member),
    ("POST", "/imports/v1/loads/{id}/force", For::Member),
    ("POST", "/imports/v1/loads/{id}/publish", For::Member),
    ("POST", "/imports/v1/loads/{id}/discard", For::Member),
    ("POST", "/imports/v1/loads/{id}/rollback", For::Member),
    ("POST", "/imports/v1/layouts/{layout}/files", For::Member),
    ("POST", "/imports/v1/layouts/{layout}/checks", For::Member),
    ("GET", "/imports/v1/layouts/{layout}/decisions", For::Member),
    ("POST", "/imports/v1/layouts/{layout}/decisions/{id}/withdraw", For::Member),
    ("GET", "/livez", For::All("whether the process lives")),
    ("GET", "/readyz", For::All("whether the store answers")),
    ("GET", "/version", For::All("what runs here")),
];

/// How a request is made out.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    None,
    Token(String),
    /// A right token with another tenant's header.
    OtherTenant(String),
    /// The cookies of a resident's browser.
    Session(String),
}

/// A town at whose gate everything is asked for.
pub(crate) struct Gate {
    pub(crate) town: Town,
    /// The person that requests are about.
    pub(crate) person: String,
    /// The consent that they are about.
    pub(crate) consent: String,
    /// What only those may see who may see the person.
    pub(crate) secret: String,
}

impl Gate {
    async fn ask(&self, method: &str, path: &str, credential: &Credential) -> Answer {
        let id = self.person.clone();
        let filled = path
            .replace("{entityId}", &id)
            .replace("{attrId}", "name")
            .replace("{registrationId}", "urn:ngsi-ld:ContextSourceRegistration:none")
            .replace("{contextId}", "0190a5a0-0000-7000-8000-000000000001")
            .replace("{type}", "Person")
            .replace("{instanceId}", "urn:ngsi-ld:Instance:0190a5a0-0000-7000-8000-000000000000")
            .replace("{subscriptionId}", "urn:ngsi-ld:Subscription:none")
            .replace("{id}", &self.consent)
            .replace("{index}", "0")
            .replace("tile/{path}", "tile/entries/000.p/1")
            .replace("{path}", "000.p/1")
            .replace("{reference}", "0123456789ab")
            .replace("{tsunoId}", "none")
            .replace("{layout}", "juki")
            .replace("{name}", "juki");
        let query = match path {
            "/ngsi-ld/v1/entities" if method == "GET" => "?type=Person&count=true",
            "/ngsi-ld/v1/csourceRegistrations" if method == "GET" => "?type=Person",
            "/ngsi-ld/v1/entities" if method == "DELETE" => "?type=Person",
            "/ngsi-ld/v1/temporal/entities" if method == "GET" => {
                "?type=Person&count=true&timerel=before&timeAt=2100-01-01T00:00:00Z"
            }
            "/v2/findUsage" => "?userCode=EE",
            "/audit/v1/proof" => "?index=0&size=1",
            _ => "",
        };
        let method: Method = method.parse().unwrap();
        let own_origin = self.town.base.as_str().trim_end_matches('/');
        let mut request = self.town.ask(method.clone(), &format!("{filled}{query}"));
        request = match credential {
            Credential::None => request,
            Credential::Token(token) => request.bearer_auth(token),
            Credential::OtherTenant(token) => {
                request.bearer_auth(token).header("NGSILD-Tenant", "elsewhere")
            }
            // A script of this site: the strongest that a browser can send.
            Credential::Session(cookies) => {
                request.header("Cookie", cookies).header("Origin", own_origin)
            }
        };
        if path.starts_with("/oauth/") && method == Method::POST {
            request = request.form(&[("client_id", APP), ("grant_type", "client_credentials")]);
        } else if path.starts_with("/ngsi-ld/") && method != Method::GET {
            request = request.json(&body(path, &method, &id));
        } else if ([
            "/admin/",
            "/counter/",
            "/staff/",
            "/connectors/",
            "/imports/",
            "/rewards/",
            "/me/share-codes",
            "/me/delegations",
            "/me/coins",
        ]
        .iter()
        .any(|p| path.starts_with(p)))
            && method != Method::GET
        {
            request = request.json(&counted(path));
        }
        seen(request).await
    }

    /// Asks for every operation and compares; collects all differences, so that one run shows the whole picture.
    async fn expect(
        &self,
        who: &str,
        credential: &Credential,
        statuses: impl Fn(For, &str) -> &'static [u16],
        faults: &mut Vec<String>,
    ) {
        self.compare(who, credential, |whom, method, _| statuses(whom, method), &[], faults).await;
    }

    /// The same, by path; these paths show the person's secret when they answer.
    pub(crate) async fn compare(
        &self,
        who: &str,
        credential: &Credential,
        statuses: impl Fn(For, &str, &str) -> &'static [u16],
        showing: &[(&str, &str)],
        faults: &mut Vec<String>,
    ) {
        // What may end the session comes last.
        let (last, first): (Vec<_>, Vec<_>) =
            TABLE.iter().partition(|(_, path, _)| *path == "/me/close");
        for (method, path, whom) in first.into_iter().chain(last) {
            let answer = self.ask(method, path, credential).await;
            let allowed = statuses(whom, method, path);
            let what = format!("{method} {path} with {who}");
            let shows = String::from_utf8_lossy(&answer.body).contains(&self.secret);
            if shows != showing.contains(&(method, path)) {
                faults.push(format!("{what}: {} shows the person: {shows}", answer.status));
            }
            if !allowed.contains(&answer.status) {
                faults.push(format!(
                    "{what}: {} instead of {allowed:?}: {}",
                    answer.status,
                    answer.text()
                ));
            } else if answer.status >= 400 {
                faults.extend(badly_told(&what, &answer));
            } else if answer.status == 207 && answer.json()["success"] != json!([]) {
                faults.push(format!("{what}: something was done: {}", answer.text()));
            }
        }
    }
}

fn body(path: &str, method: &Method, id: &str) -> Value {
    if path.ends_with("/entityOperations/query") {
        let mut query = json!({"type": "Query", "entities": [{"type": "Person"}]});
        if path.contains("/temporal/") {
            query["temporalQ"] = json!({"timerel": "before", "timeAt": "2100-01-01T00:00:00Z"});
        }
        return query;
    }
    if path.ends_with("/jsonldContexts") {
        return json!({"@context": {"a": "https://example.org/a"}});
    }
    if path.ends_with("/entityOperations/delete") {
        return json!([id]);
    }
    if path.contains("/entityOperations/") {
        return json!([{"id": id, "type": "Person", "name": property("x")}]);
    }
    if path.contains("/subscriptions") {
        let endpoint = json!({"uri": "https://receiver.example/"});
        let entities = json!([{"type": "Building"}]);
        return json!({"type": "Subscription", "entities": entities, "notification": {"endpoint": endpoint}});
    }
    if path.ends_with("{attrId}") {
        return if *method == Method::PATCH { json!({"value": "x"}) } else { property("x") };
    }
    let mut body = json!({"name": property("x")});
    if !path.ends_with("/attrs") && *method != Method::PATCH {
        body["id"] = json!(id);
        body["type"] = json!("Person");
    }
    body
}

/// A body about nobody, where one must say more than nothing to be heard.
fn counted(path: &str) -> Value {
    match path {
        "/counter/v1/notice" => {
            json!({"client": APP, "purpose": "health-coaching", "dataClasses": ["contact"],
                "actions": ["read"], "days": 1, "lang": "ja"})
        }
        "/counter/v1/guardians" => {
            json!({"principal": "none", "delegate": "none", "principalName": "a", "delegateName": "b",
                "scope": "see", "evidence": "court-order", "reference": "1", "clerk": "c"})
        }
        "/rewards/v1/simulations" => {
            json!({"rules": {"v": 1, "rules": []}, "from": "2026-01-01", "to": "2026-01-02"})
        }
        _ => json!({}),
    }
}

/// What is wrong with the form of a refusal.
fn badly_told(what: &str, answer: &Answer) -> Option<String> {
    let Ok(told) = serde_json::from_slice::<Value>(&answer.body) else {
        return Some(format!("{what}: {} without JSON", answer.status));
    };
    let kind = answer.header("content-type").unwrap_or_default();
    let text = |name: &str| told[name].as_str().is_some_and(|text| !text.is_empty());
    let well = if told.get("error").is_some() {
        // The authorization server speaks OAuth's own language (RFC 6749 section 5.2).
        kind == "application/json" && text("error") && text("error_description")
    } else {
        let members = ["type", "title", "detail"].into_iter().all(text);
        kind == "application/problem+json" && members && told["status"] == answer.status
    };
    if !well {
        return Some(format!("{what}: {kind} {told}"));
    }
    // RFC 9110 section 15.5.2: a 401 names the way in.
    (answer.status == 401 && answer.header("www-authenticate").is_none())
        .then(|| format!("{what}: a 401 without WWW-Authenticate"))
}

#[tokio::test]
async fn every_operation_refuses_whom_it_must() {
    let mut town = Town::start(Backend::Embedded, &Plan { people: true, ..Plan::default() }).await;
    let mut hanako = town.hanako().await;
    let withdrawn = town.connect(&mut hanako).await.token;
    town.withdraw(&mut hanako).await;
    let (sensors, register) = (town.token(SENSORS).await, town.token(REGISTER).await);
    let (staff, auditor) = (town.token(STAFF).await, town.token(AUDITOR).await);
    town.stop().await;
    town.suspend(REGISTER);
    town.open().await;
    let gate = Gate {
        town,
        person: nobody(),
        consent: "0190a5a0-0000-7000-8000-000000000000".to_owned(),
        secret: "大字".to_owned(),
    };
    let mut faults = Vec::new();

    let no_token = |whom: For, _: &str| -> &'static [u16] {
        match whom {
            For::All(_) => &[200],
            // Forms without a proof are wrong requests or unproven clients (RFC 6749 section 5.2).
            For::ProvenClient => &[400, 401],
            _ => &[401],
        }
    };
    gate.expect("no token", &Credential::None, no_token, &mut faults).await;

    for garbage in ["nonsense", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.", &broken(&sensors)] {
        let garbage = Credential::Token(garbage.to_owned());
        gate.expect("a garbage token", &garbage, no_token, &mut faults).await;
    }

    // A client that was suspended after it got its token.
    let suspended = Credential::Token(register);
    let refused = |whom: For, _: &str| -> &'static [u16] {
        match whom {
            For::All(_) => &[200],
            For::ProvenClient => &[400, 401],
            // Whether it lives or not, this token lacks what is asked for.
            For::Login | For::Staff | For::Auditor | For::Member => &[401, 403],
            _ => &[401],
        }
    };
    gate.expect("the token of a suspended client", &suspended, refused, &mut faults).await;

    // Right tokens in the wrong place.
    let wrong_scope = |mine: For| {
        move |whom: For, method: &str| -> &'static [u16] {
            match whom {
                For::All(_) => &[200],
                For::ProvenClient => &[400, 401],
                // Each entity is refused by itself; what is not in view is not there to be purged.
                For::ViewerOfMany if mine == For::Viewer => &[204, 207],
                For::Login | For::ViewerOfMany | For::SourceManager | For::Publisher => &[403],
                For::Resident => &[401],
                // Nobody has consented to this client: there is nothing to list or find.
                For::ResidentOrClient => &[200, 404],
                // A view without personal data: nothing to see, nothing to write.
                For::Viewer if method == "GET" => &[200, 403, 404],
                For::Asker => &[200, 403, 404],
                For::Viewer => &[403, 404],
                For::OpenDataWriter if mine == For::Viewer => &[201, 404],
                For::Subscriber if mine == For::Viewer => &[200, 201, 404],
                same if same == mine => &[200, 404],
                _ => &[403],
            }
        }
    };
    for (who, token, mine) in [
        ("a machine's token", &sensors, For::Viewer),
        ("a token of staff", &staff, For::Staff),
        ("a token of an auditor", &auditor, For::Auditor),
    ] {
        let token = Credential::Token(token.clone());
        gate.expect(who, &token, wrong_scope(mine), &mut faults).await;
    }

    let elsewhere = |whom: For, _: &str| -> &'static [u16] {
        match whom {
            For::All(_) => &[200, 404],
            For::ProvenClient => &[400, 401],
            For::Login => &[403],
            For::Resident => &[401, 404],
            For::ResidentOrClient => &[200, 403, 404],
            _ => &[403, 404],
        }
    };
    let other = Credential::OtherTenant(sensors.clone());
    gate.expect("another tenant's header", &other, elsewhere, &mut faults).await;

    let consentless = Credential::Token(withdrawn);
    let without_consent = |whom: For, _: &str| -> &'static [u16] {
        match whom {
            For::All(_) => &[200],
            For::ProvenClient => &[400, 401],
            For::Resident | For::Login => &[401],
            For::ResidentOrClient => &[200, 401, 404],
            For::Viewer
            | For::ViewerOfMany
            | For::Asker
            | For::Subscriber
            | For::OpenDataWriter
            | For::SourceManager
            | For::Publisher
            | For::Staff
            | For::Auditor
            | For::Member => &[401, 403],
        }
    };
    gate.expect("the token of a withdrawn consent", &consentless, without_consent, &mut faults)
        .await;

    assert!(faults.is_empty(), "{} refusals are not right:\n{}", faults.len(), faults.join("\n"));
}

/// A token whose signature is another's.
fn broken(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    format!("{signed}.{}", signature.chars().rev().collect::<String>())
}

/// An operation that nobody decided about must not appear in silence.
#[tokio::test]
async fn every_operation_of_the_description_is_in_the_table() {
    let town = Town::start(Backend::Embedded, &Plan::default()).await;
    let document = seen(town.ask(Method::GET, "/openapi.json")).await.json();
    let paths = document["paths"].as_object().unwrap();
    let described: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            let methods = methods
                .filter(|name| !["parameters", "summary", "description"].contains(&name.as_str()));
            methods.map(|method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let decided: BTreeSet<(String, String)> =
        TABLE.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(decided.len(), TABLE.len(), "a row is there twice");
    let undecided: Vec<_> = described.difference(&decided).collect();
    assert!(undecided.is_empty(), "decide who may use: {undecided:?}");
    let gone: Vec<_> = decided.difference(&described).collect();
    assert!(gone.is_empty(), "not described any more: {gone:?}");
}
