//! The audit log, consents and the resident's record of use, over HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "ledgers/acting.rs"]
mod acting;
#[path = "ledgers/imports.rs"]
mod imports;

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, COOKIE};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, middleware, web};
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use tsunagu_api::{Gateway, Limits, Proxies, RequestIds, configure, request_id, supply_nonce};
use tsunagu_audit::{
    AuditLog, Checkpoint, Content, Hash, Quorum, Signer, TlogProof, verify_inclusion,
};
use tsunagu_broker::{
    Broker, Contexts, NoLoader, Owner, Owners, Sources, SubscriptionParts, Subscriptions,
};
use tsunagu_connect::testkit::Kit;
use tsunagu_consent::{
    Capacity, Consent, DataAction, Ledger, NewConsent, Notice, Party, Platform, RESIDENT_DATA,
    ReceiptSigner, Requested, Resident, verify_receipt,
};
use tsunagu_domain::{
    Assurance, Catalogue, Clock, IdGen, Level, ManualClock, Problem, SectorKeys, SeededIds,
    TenantId, Text, TsunoId,
};
use tsunagu_identity::{
    AuthorizationServer, Client, Clients, DigestKey, LiveGrants, Municipality, Parts, Proofs,
    Residents, Services, Sessions, SigningKey, SigningKeys,
};
use tsunagu_outbound::{Outbound, Policy};
use tsunagu_policy::View;
use tsunagu_rewards::{Rewards, Rules};
use tsunagu_staff::{Cases, Office};
use tsunagu_store::access::AccessLog;
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Log, Store};

const BASE: &str = "https://gateway.example";
const ALICE: TsunoId = TsunoId::from_bytes([1; 16]);
const BOB: TsunoId = TsunoId::from_bytes([2; 16]);

const CATALOGUE: &str = r#"{"version":1,
  "personal_types":[{"iri":"Person","label":{"ja":"住民","en":"Resident"},"subject":"id"}],
  "data_classes":[{"code":"contact","label":{"ja":"連絡先","en":"contact"},"sensitivity":"personal",
    "covers":[{"type":"Person","attributes":[{"iri":"name","label":{"ja":"氏名","en":"Full name"}}]}]}],
  "purposes":[{"code":"coach","text":{"ja":"健康づくり","en":"coaching"},"legal_basis":"dpv:Consent",
    "retention_days":30,"max_days":365,"data_classes":["contact"]}]}"#;

struct Nothing;

#[async_trait]
impl Owners for Nothing {
    async fn view(&self, _: &TenantId, _: &Owner) -> Result<Option<View>, Problem> {
        Ok(None)
    }
}

#[async_trait]
impl LiveGrants for Nothing {
    async fn is_live(&self, _: &TenantId, _: &str) -> Result<bool, Problem> {
        Ok(false)
    }

    async fn acts(&self, _: &TenantId, _: &str) -> Result<bool, Problem> {
        Ok(false)
    }
}

struct World {
    gateway: web::Data<Gateway>,
    key: SigningKey,
    clock: Arc<ManualClock>,
    tenant: TenantId,
    sectors: SectorKeys,
}

fn text(ja: &str, en: &str) -> Text {
    Text { ja: ja.to_owned(), en: en.to_owned() }
}

fn client(id: &str, name: &str) -> Client {
    let key = SigningKey::from_pkcs8(&SigningKey::generate_pkcs8().unwrap()).unwrap();
    serde_json::from_value(json!({
        "id": id, "name": {"ja": name, "en": name}, "sector": format!("{id}.example"),
        "kind": "consumer", "redirect_uris": [format!("https://{id}.example/callback")],
        "jwks": {"keys": [serde_json::to_value(key.public()).unwrap()]},
        "purposes": ["coach"], "data_classes": ["contact"], "bearer": true, "contact": "0983"
    }))
    .unwrap()
}

fn platform() -> Platform {
    Platform {
        issuer: BASE.to_owned(),
        controller: Party {
            party_id: BASE.to_owned(),
            party_name: text("都農町", "Tsuno Town"),
            party_type: "controller".to_owned(),
            party_address: None,
            party_contact: None,
        },
        withdrawal: format!("{BASE}/consents"),
        storage_location: "JP".to_owned(),
        jurisdiction: "JP".to_owned(),
    }
}

fn residents(services: Services) -> Arc<Residents> {
    let municipality = Municipality {
        prefecture: "宮崎県".to_owned(),
        county: "児湯郡".to_owned(),
        name: "都農町".to_owned(),
    };
    Residents::new(services, municipality, DigestKey::new(&[3; 32]))
}

fn catalogue() -> Arc<Catalogue> {
    let expand = |term: &str| format!("https://uri.etsi.org/ngsi-ld/default-context/{term}");
    Arc::new(Catalogue::read(CATALOGUE.as_bytes(), expand).unwrap())
}

fn receipts() -> ReceiptSigner {
    ReceiptSigner::from_pkcs8("receipts", &SigningKey::generate_pkcs8().unwrap()).unwrap()
}

fn outbound() -> Arc<Outbound> {
    Arc::new(Outbound::new(Policy::default()))
}

fn rewards(store: &Arc<dyn Store>, clock: &Arc<dyn Clock>, sectors: &SectorKeys) -> Rewards {
    let (rules, sector) = (Rules::new(Vec::new()).unwrap(), sectors.sector("coin-issuer").unwrap());
    Rewards::new(Arc::clone(store), Arc::clone(clock), rules, sector)
}

fn cases(
    services: &Services,
    audit: &Arc<AuditLog>,
    broker: &Arc<Broker>,
    residents: &Arc<Residents>,
) -> Arc<Cases> {
    let policies = tsunagu_policy::Policies::built_in().unwrap().clone();
    let (audit, broker, residents) = (Arc::clone(audit), Arc::clone(broker), Arc::clone(residents));
    Arc::new(Cases::new(services.clone(), audit, broker, residents, policies))
}

fn audit_log(
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn IdGen>,
) -> Arc<AuditLog> {
    let signer = Signer::from_seed(&[4; 32]).unwrap();
    Arc::new(AuditLog::new(Arc::clone(store), Arc::clone(clock), Arc::clone(ids), signer))
}

async fn world() -> World {
    let tenant: TenantId = "tsuno".parse().unwrap();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let manual = Arc::new(ManualClock::at(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&manual);
    let ids: Arc<dyn IdGen> = Arc::new(SeededIds::new(1));
    let audit = audit_log(&store, &clock, &ids);
    let log: Arc<dyn AccessLog> = Arc::<AuditLog>::clone(&audit);
    let catalogue = catalogue();
    let services = Services {
        store: Arc::clone(&store),
        clock: Arc::clone(&clock),
        ids: Arc::clone(&ids),
        log: Arc::clone(&log),
        catalogue: Arc::clone(&catalogue),
    };
    let master = [9; 32];
    let clients =
        Arc::new(Clients::new(services.clone(), Arc::new(SectorKeys::new(&master)), outbound()));
    clients.put(&tenant, &client("health", "健康アプリ")).await.unwrap();
    clients.put(&tenant, &client("other", "別のアプリ")).await.unwrap();
    let keys = SigningKeys::load(&services, &tenant).await.unwrap();
    let authorization = AuthorizationServer::new(Parts {
        services: services.clone(),
        tenant: tenant.clone(),
        issuer: BASE.to_owned(),
        clients: Arc::clone(&clients),
        keys: keys.clone(),
        proofs: Proofs::of_one_process(&*ids),
        grants: Arc::new(Nothing),
        mtls: None,
    })
    .unwrap();
    let ledger = Arc::new(Ledger::new(
        Arc::clone(&store),
        Arc::clone(&clock),
        Arc::clone(&ids),
        Arc::clone(&log),
        Arc::clone(&catalogue),
        platform(),
        receipts(),
    ));
    let broker = Arc::new(Broker::new(tsunagu_broker::Parts {
        store: Arc::clone(&store),
        access: log,
        consequences: Vec::new(),
        catalogue: Arc::clone(&catalogue),
        contexts: Contexts::new(HashMap::new(), Arc::new(NoLoader)),
        clock: Arc::clone(&clock),
    }));
    let subscriptions = Arc::new(Subscriptions::new(SubscriptionParts {
        store: Arc::clone(&store),
        catalogue: Arc::clone(&catalogue),
        clock: Arc::clone(&clock),
        ids: Arc::clone(&ids),
        owners: Arc::new(Nothing),
    }));
    let sources = Sources::new(
        Arc::clone(&store),
        Arc::clone(&ids),
        Arc::clone(&clock),
        Arc::clone(&subscriptions),
    );
    let residents = residents(services.clone());
    let gateway = Gateway {
        cases: cases(&services, &audit, &broker, &residents),
        staff: Arc::new(Office::new(&services, Arc::clone(&clients), Arc::clone(&ledger))),
        broker,
        sources: Arc::new(sources),
        subscriptions,
        authorization: Arc::new(authorization),
        clients,
        sessions: Arc::new(Sessions::new(services.clone())),
        residents,
        audit,
        ledger,
        rewards: Arc::new(rewards(&store, &clock, &SectorKeys::new(&master))),
        connectors: Arc::new(Kit::default().connectors("gateway-1", Vec::new(), Vec::new())),
        imports: imports::none(services, &tenant),
        store,
        catalogue,
        policies: tsunagu_policy::Policies::built_in().unwrap().clone(),
        started: clock.micros(),
        clock,
        tenants: vec![tenant.clone(), "elsewhere".parse().unwrap()],
        base_url: BASE.to_owned(),
        open_data_for_all: false,
        limits: Limits::default(),
        proxies: Proxies::default(),
        rates: None,
        request_ids: RequestIds::new(&*ids),
    };
    World {
        gateway: web::Data::new(gateway),
        key: keys.current().await.unwrap(),
        clock: manual,
        tenant,
        sectors: SectorKeys::new(&master),
    }
}

struct Answer {
    status: StatusCode,
    /// The `WWW-Authenticate` header.
    challenge: String,
    bytes: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }
}

impl World {
    fn assurance(&self, level: Level) -> Assurance {
        Assurance {
            ial: level,
            aal: level,
            auth_time: self.clock.micros(),
            idp: "xid".to_owned(),
            ..Assurance::default()
        }
    }

    /// A session's cookie and its secret for forms.
    async fn session(&self, who: TsunoId, level: Level) -> (String, String) {
        let begun =
            self.gateway.sessions.begin(&self.tenant, who, self.assurance(level)).await.unwrap();
        (format!("__Host-tsunagu-session={}", begun.cookie), begun.session.csrf.clone())
    }

    fn token(&self, client: &str, subject: Option<TsunoId>, scope: &str) -> String {
        self.token_with(client, subject, scope, &json!({}))
    }

    /// A token with other claims than usual.
    fn token_with(
        &self,
        client: &str,
        subject: Option<TsunoId>,
        scope: &str,
        other: &Value,
    ) -> String {
        let sector = self.sectors.sector(&format!("{client}.example")).unwrap();
        let sub = subject.map_or_else(|| client.to_owned(), |id| sector.outward(id).to_string());
        let now = self.clock.seconds();
        let mut claims = json!({
            "iss": BASE, "sub": sub, "aud": format!("{BASE}/ngsi-ld"), "client_id": client,
            "iat": now, "exp": now + 300, "jti": format!("{client}-{scope}-{sub}"), "scope": scope,
        });
        claims.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        let token = self.key.sign("at+jwt", &claims).unwrap();
        format!("Bearer {token}")
    }

    fn pairwise(&self, client: &str, subject: TsunoId) -> String {
        self.sectors.sector(&format!("{client}.example")).unwrap().outward(subject).to_string()
    }

    async fn give(&self, subject: TsunoId, client: &str) -> Consent {
        let assurance = self.assurance(Level::Substantial);
        let by = Resident {
            subject,
            assurance: &assurance,
            request: "r-0",
            acting: Capacity::Themselves,
        };
        let new = NewConsent {
            client: client.parse().unwrap(),
            client_name: text("健康アプリ", "Health app"),
            requested: Requested {
                r#type: RESIDENT_DATA.to_owned(),
                purpose: "coach".to_owned(),
                data_classes: vec!["contact".to_owned()],
                optional_data_classes: vec![],
                actions: vec![DataAction::Read],
                frequency: None,
            },
            chosen: vec!["contact".to_owned()],
            days: 30,
            notice: Notice {
                version: "1".to_owned(),
                lang: "ja".to_owned(),
                bytes: b"notice".to_vec(),
                shown_at: self.clock.micros(),
            },
            method: "consent-page/button".to_owned(),
        };
        self.gateway.ledger.give(&self.tenant, &by, &new).await.unwrap().consent
    }

    async fn send(&self, request: TestRequest) -> Answer {
        let app = App::new()
            .app_data(self.gateway.clone())
            .wrap(middleware::from_fn(supply_nonce))
            .wrap(middleware::from_fn(request_id::assign))
            .configure(configure);
        let app = init_service(app).await;
        let response = call_service(&app, request.to_request()).await;
        let status = response.status();
        let challenge = response.headers().get("www-authenticate");
        let challenge = challenge.map_or("", |value| value.to_str().unwrap()).to_owned();
        let bytes = to_bytes(response.into_body()).await.unwrap_or_default().to_vec();
        Answer { status, challenge, bytes }
    }

    async fn get(&self, path: &str, header: Option<(&str, &str)>) -> Answer {
        let mut request = TestRequest::get().uri(path);
        if let Some(header) = header {
            request = request.insert_header(header);
        }
        self.send(request).await
    }

    async fn log_size(&self) -> u64 {
        self.gateway.store.log_size(&self.tenant, Log("audit")).await.unwrap()
    }
}

#[actix_web::test]
async fn a_resident_sees_and_withdraws_their_own_consents_only() {
    let world = world().await;
    let mine = world.give(ALICE, "health").await;
    let theirs = world.give(BOB, "health").await;
    let (cookie, csrf) = world.session(ALICE, Level::Substantial).await;
    let cookie = cookie.as_str();
    for path in ["/consents/v1", "/me/consents"] {
        let before = world.log_size().await;
        let list = world.get(path, Some((COOKIE.as_str(), cookie))).await;
        assert_eq!(list.status, 200, "{}", list.text());
        let list = list.json();
        assert_eq!(list["total"], 1);
        assert_eq!(list["consents"][0]["id"], mine.id);
        assert_eq!(list["consents"][0]["subject"], ALICE.to_string());
        assert_eq!(world.log_size().await, before + 1, "every read is on record");
    }
    let of = |id: &str| format!("/consents/v1/{id}");
    let one = world.get(&of(&mine.id), Some((COOKIE.as_str(), cookie))).await.json();
    assert_eq!(one["events"][0]["state"], "given");
    let hidden = world.get(&of(&theirs.id), Some((COOKIE.as_str(), cookie))).await;
    let absent = world.get(&of("no-such"), Some((COOKIE.as_str(), cookie))).await;
    assert_eq!((hidden.status.as_u16(), absent.status.as_u16()), (404, 404));
    let (mut hidden, mut absent) = (hidden.json(), absent.json());
    hidden["requestId"] = Value::Null;
    absent["requestId"] = Value::Null;
    assert_eq!(hidden, absent);

    let post = |id: &str, header: (&'static str, String)| {
        let path = format!("/consents/v1/{id}/withdraw");
        TestRequest::post()
            .uri(&path)
            .insert_header((COOKIE, cookie.to_owned()))
            .insert_header(header)
    };
    let live = || async {
        let now = world.clock.micros();
        world.gateway.ledger.live_grant(&world.tenant, &mine.id, now).await.unwrap().is_some()
    };
    // Another site's page cannot make the browser withdraw.
    for header in [
        ("accept", "*/*".to_owned()),
        ("origin", "https://evil.example".to_owned()),
        ("x-csrf-token", "guess".to_owned()),
    ] {
        assert_eq!(world.send(post(&mine.id, header)).await.status, 403);
    }
    assert!(live().await);
    let others = world.send(post(&theirs.id, ("origin", BASE.to_owned()))).await;
    assert_eq!(others.status, 404);
    let done = world.send(post(&mine.id, ("x-csrf-token", csrf))).await;
    assert_eq!((done.status.as_u16(), &done.json()["state"]), (200, &json!("withdrawn")));
    assert!(!live().await);
    // Repeating changes nothing, and its answer is a look: one entry.
    let before = world.log_size().await;
    let again = world.send(post(&mine.id, ("origin", BASE.to_owned()))).await;
    assert_eq!(again.json()["version"], 2);
    assert_eq!(world.log_size().await, before + 1);
    let other = world.give(ALICE, "health").await;
    for change in ["pause", "resume"] {
        for _ in 0..2 {
            let before = world.log_size().await;
            let path = format!("/consents/v1/{}/{change}", other.id);
            let request = TestRequest::post().uri(&path);
            let request = request.insert_header((COOKIE, cookie.to_owned()));
            let done = world.send(request.insert_header(("origin", BASE))).await;
            assert_eq!(done.status, 200, "{change}: {}", done.text());
            assert_eq!(world.log_size().await, before + 1, "{change}");
        }
    }
}

#[actix_web::test]
async fn without_a_good_session_there_is_nothing() {
    let world = world().await;
    world.give(ALICE, "health").await;
    let paths = [
        "/consents/v1",
        "/me/consents",
        "/me/access-log",
        "/me/access-log/0/proof",
        "/v2/usagePeriod",
        "/v2/findUsage?userCode=x",
    ];
    let (weak, _) = world.session(ALICE, Level::Low).await;
    for path in paths {
        assert_eq!(world.get(path, None).await.status, 401, "{path}");
        let invented = world.get(path, Some((COOKIE.as_str(), "__Host-tsunagu-session=abc"))).await;
        assert_eq!(invented.status, 401, "{path}");
        let low = world.get(path, Some((COOKIE.as_str(), weak.as_str()))).await;
        assert_eq!(low.json()["type"], "urn:tsunagu:problem:step-up-required", "{path}");
        let needed = "error=\"insufficient_user_authentication\", acr_values=\"urn:tsunagu:acr:2\"";
        assert!(low.challenge.contains(needed), "{path}: {}", low.challenge);
    }
    assert_eq!(world.get("/v2/heartbeat", None).await.json()["status"], "OK");
}

#[actix_web::test]
async fn t28_a_login_that_is_too_weak_or_old_is_told_what_is_needed() {
    let world = world().await;
    let grant = json!({"grant_id": world.give(ALICE, "health").await.id});
    let read = async |other: Value| {
        let mut claims = grant.clone();
        claims.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        let token = world.token_with("health", Some(ALICE), "openid ngsi-ld", &claims);
        world.get("/ngsi-ld/v1/types", Some((AUTHORIZATION.as_str(), token.as_str()))).await
    };
    let enough = json!({"jti": "a", "ial": "high", "aal": "substantial"});
    assert_eq!(read(enough).await.status, 200);
    // An acr that says more than the levels counts for nothing.
    for weak in [
        json!({"jti": "b", "ial": "high", "aal": "low"}),
        json!({"jti": "c", "ial": "low", "aal": "high", "acr": "urn:tsunagu:acr:3"}),
        json!({"jti": "d", "acr": "urn:tsunagu:acr:3"}),
    ] {
        let refused = read(weak.clone()).await;
        assert_eq!(refused.status, 401, "{weak}");
        assert_eq!(refused.json()["type"], "urn:tsunagu:problem:step-up-required", "{weak}");
        assert_eq!(
            refused.challenge,
            format!(
                "Bearer resource_metadata=\"{BASE}/.well-known/oauth-protected-resource\", \
                 error=\"insufficient_user_authentication\", acr_values=\"urn:tsunagu:acr:2\""
            ),
        );
    }
    let (cookie, csrf) = world.session(ALICE, Level::Substantial).await;
    world.clock.advance(TimeDelta::seconds(301));
    for (method, path) in [("GET", "/me/export"), ("POST", "/me/close")] {
        let request = TestRequest::default().method(method.parse().unwrap()).uri(path);
        let request = request.insert_header((COOKIE, cookie.as_str()));
        let refused = world.send(request.insert_header(("x-csrf-token", csrf.as_str()))).await;
        assert_eq!(refused.status, 401, "{path}");
        assert_eq!(
            refused.challenge, "Bearer error=\"insufficient_user_authentication\", max_age=\"300\"",
            "{path}"
        );
    }
}

#[actix_web::test]
async fn t49_a_token_for_another_resource_opens_nothing() {
    let world = world().await;
    for aud in [json!("https://coins.example/api"), json!([]), json!([format!("{BASE}/other")])] {
        let claims = json!({"aud": aud, "jti": format!("{aud}")});
        for (subject, scope) in [(None, "ngsi-ld"), (Some(ALICE), "openid ngsi-ld")] {
            let token = world.token_with("health", subject, scope, &claims);
            for path in ["/ngsi-ld/v1/types", "/consents/v1", "/oauth/userinfo", "/connectors/v1"] {
                let refused = world.get(path, Some((AUTHORIZATION.as_str(), &token))).await;
                assert_eq!(refused.status, 401, "{path} {aud}");
                assert!(refused.challenge.contains("error=\"invalid_token\""), "{path} {aud}");
                assert!(refused.text().contains("another resource"), "{path} {aud}");
            }
        }
    }
}

#[actix_web::test]
async fn a_client_sees_its_own_consents_with_pairwise_ids() {
    let world = world().await;
    let mine = world.give(ALICE, "health").await;
    let bobs = world.give(BOB, "health").await;
    let others = world.give(ALICE, "other").await;
    let machine = world.token("health", None, "ngsi-ld");
    let all = world.get("/consents/v1", Some((AUTHORIZATION.as_str(), machine.as_str()))).await;
    assert_eq!(all.status, 200, "{}", all.text());
    assert_eq!(all.json()["total"], 2);
    for id in [ALICE, BOB] {
        assert!(!all.text().contains(&id.to_string()));
        assert!(all.text().contains(&world.pairwise("health", id)));
    }
    // A token of one resident tells of that resident only.
    let alices = world.token("health", Some(ALICE), "openid ngsi-ld");
    let bearer = Some((AUTHORIZATION.as_str(), alices.as_str()));
    let list = world.get("/consents/v1", bearer).await.json();
    assert_eq!((&list["total"], &list["consents"][0]["id"]), (&json!(1), &json!(mine.id)));
    for hidden in [&bobs.id, &others.id] {
        assert_eq!(world.get(&format!("/consents/v1/{hidden}"), bearer).await.status, 404);
        assert_eq!(world.get(&format!("/consents/v1/{hidden}/receipt"), bearer).await.status, 404);
    }
    let jws = world.get(&format!("/consents/v1/{}/receipt", mine.id), bearer).await;
    let receipt = verify_receipt(jws.text(), world.gateway.ledger.receipt_key()).unwrap();
    assert_eq!(receipt.pii_principal_id.to_string(), world.pairwise("health", ALICE));
    // It cannot withdraw, whatever it sends.
    let path = format!("/consents/v1/{}/withdraw", mine.id);
    let post = TestRequest::post().uri(&path).insert_header((AUTHORIZATION, alices.as_str()));
    assert_eq!(world.send(post.insert_header(("origin", BASE))).await.status, 401);
}

#[actix_web::test]
async fn the_record_of_use_is_the_residents_own_and_in_words() {
    let world = world().await;
    let consent = world.give(ALICE, "health").await;
    world.give(BOB, "health").await;
    let token = world.token("health", None, "ngsi-ld");
    world.get("/consents/v1", Some((AUTHORIZATION.as_str(), token.as_str()))).await;
    let (cookie, _) = world.session(ALICE, Level::Substantial).await;
    let session = cookie.as_str();
    let cookie = Some((COOKIE.as_str(), session));
    let log = world.get("/me/access-log", cookie).await;
    let text = log.text();
    assert!(!text.contains(&BOB.to_string()), "no one else is named");
    let log = log.json();
    assert_eq!(log["total"], 2);
    let find = |action: &str| {
        let found = log["accesses"].as_array().unwrap().iter().find(|a| a["action"] == action);
        found.unwrap().clone()
    };
    let given = find("consent");
    assert_eq!(given["actorJa"], "ご本人");
    assert_eq!(given["actionJa"], "「健康づくり」のために、氏名を提供することに同意");
    assert_eq!(given["consent"], consent.id);
    let read = find("read");
    assert_eq!(
        (&read["actorJa"], &read["actionJa"]),
        (&json!("健康アプリ"), &json!("同意の記録を閲覧"))
    );

    let usage = |query: String| format!("/v2/findUsage?userCode={query}");
    let found = world.get(&usage(ALICE.grouped().to_lowercase()), cookie).await;
    assert_eq!(found.status, 200, "{}", found.text());
    let found = found.json();
    // Looking at the record was itself an access.
    assert_eq!(found["totalUsages"], 3);
    assert_eq!(found["usages"].as_array().unwrap().len(), 3);
    let page =
        world.get(&usage(format!("{ALICE}&limit=1&offset=2&periodStart=2020-01-01")), cookie).await;
    assert_eq!(
        (&page.json()["totalUsages"], page.json()["usages"].as_array().unwrap().len()),
        (&json!(4), 1)
    );
    let early = world.get(&usage(format!("{ALICE}&periodEnd=2020-01-31T10:20:30")), cookie).await;
    assert_eq!(early.json()["totalUsages"], 0);
    assert_eq!(world.get(&usage(BOB.to_string()), cookie).await.status, 403);
    let claimed = TestRequest::get()
        .uri(&usage(BOB.to_string()))
        .insert_header((COOKIE, session))
        .insert_header(("x-road-userid", BOB.to_string()));
    assert_eq!(world.send(claimed).await.status, 403);
    assert_eq!(world.get(&usage(format!("{ALICE}&periodStart=soon")), cookie).await.status, 400);
    let since = world.get("/v2/usagePeriod", cookie).await.json();
    assert_eq!(since["periodStart"], "2027-01-15T08:00:00.000000Z");
}

#[actix_web::test]
async fn a_resident_takes_the_proof_of_an_access_home() {
    let world = world().await;
    world.give(ALICE, "health").await;
    world.give(BOB, "health").await;
    let token = world.token("health", None, "ngsi-ld");
    world.get("/consents/v1", Some((AUTHORIZATION.as_str(), token.as_str()))).await;
    let (cookie, _) = world.session(ALICE, Level::Substantial).await;
    let cookie = Some((COOKIE.as_str(), cookie.as_str()));
    let log = world.get("/me/access-log", cookie).await.json();
    let accesses = log["accesses"].as_array().unwrap();
    let read = accesses.iter().find(|access| access["action"] == "read").unwrap();
    let before = world.log_size().await;
    let file = world.get(&format!("/me/access-log/{}/proof", read["index"]), cookie).await;
    assert_eq!(file.status, 200, "{}", file.text());
    assert_eq!(world.log_size().await, before + 1, "taking it is one entry");
    // Offline, with nothing but the key: what it says, and about nobody else, though the access was about two.
    let key = world.gateway.audit.verifying_key(&world.tenant);
    let proof = TlogProof::read(file.text()).unwrap();
    let proven = proof.verify(&key, &Quorum::default()).unwrap();
    let Content::Access { access, erased } = proven.content else { panic!("erased") };
    assert_eq!((access.actor.as_str(), access.subjects, erased), ("client:health", vec![ALICE], 1));
    // Others' entries and none are the same answer.
    for other in ["1", "9999", "x", "-1"] {
        let path = format!("/me/access-log/{other}/proof");
        assert_eq!(world.get(&path, cookie).await.status, 404, "{other}");
    }
}

#[actix_web::test]
async fn anyone_can_check_the_log_and_only_auditors_read_it() {
    let world = world().await;
    world.give(ALICE, "health").await;
    world.give(BOB, "health").await;
    let note = world.get("/audit/v1/checkpoint", None).await;
    let key = world.gateway.audit.verifying_key(&world.tenant);
    let point = Checkpoint::open(note.text(), &key).unwrap();
    assert_eq!(point.size, 2);
    let proof = world.get("/audit/v1/proof?index=1&size=2", None).await.json();
    let hash = |value: &Value| -> Hash {
        STANDARD.decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
    };
    let path: Vec<Hash> = proof["path"].as_array().unwrap().iter().map(hash).collect();
    assert!(verify_inclusion(1, 2, &hash(&proof["leaf"]), &path, &point.root));
    let tile = world.get("/audit/v1/tile/0/000.p/2", None).await;
    assert_eq!(tile.bytes.len(), 64);
    assert_eq!(tile.bytes[32..], hash(&proof["leaf"]));
    let grown = world.get("/audit/v1/proof?first=1", None).await.json();
    assert_eq!(grown["second"], 2);
    for wrong in ["index=2", "index=-1", "", "index=0&first=1", "first=3", "indexes=1"] {
        let answer = world.get(&format!("/audit/v1/proof?{wrong}"), None).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
    assert_eq!(world.get("/audit/v1/tile/0/001", None).await.status, 404);

    let entries = ["/audit/v1/entries?from=0&limit=10", "/audit/v1/payload/000.p/2"];
    let vendor = world.token("health", None, "ngsi-ld");
    let auditor = world.token("other", None, "audit");
    // An auditor's token is for the log, not for data.
    let data = "/ngsi-ld/v1/entities?type=Building";
    assert_eq!(world.get(data, Some((AUTHORIZATION.as_str(), &auditor))).await.status, 403);
    assert_eq!(world.get(data, Some((AUTHORIZATION.as_str(), &vendor))).await.status, 200);
    for path in entries {
        assert_eq!(world.get(path, None).await.status, 401, "{path}");
        let (cookie, _) = world.session(ALICE, Level::High).await;
        assert_eq!(world.get(path, Some((COOKIE.as_str(), cookie.as_str()))).await.status, 401);
        let refused = world.get(path, Some((AUTHORIZATION.as_str(), vendor.as_str()))).await;
        assert_eq!(refused.status, 403, "{path}");
    }
    assert_eq!(world.log_size().await, 2, "nothing was read");
    let bearer = Some((AUTHORIZATION.as_str(), auditor.as_str()));
    let read = world.get(entries[0], bearer).await.json();
    assert_eq!(read["entries"].as_array().unwrap().len(), 2);
    assert_eq!(read["entries"][1]["leaf"], proof["leaf"]);
    assert_eq!(world.get(entries[1], bearer).await.status, 200);
    let bundle = world.get("/audit/v1/tile/entries/000.p/2", None).await;
    assert_eq!(bundle.bytes.len(), 2 * (2 + 33), "commitments, for everybody");
    assert_eq!(world.get("/audit/v1/payload/000.p/99", bearer).await.status, 404);
    assert_eq!(world.log_size().await, 4, "the auditor's reading is on record");
    let about = world
        .gateway
        .audit
        .accesses_about(&world.tenant, ALICE, tsunagu_audit::Period::newest(10))
        .await
        .unwrap();
    assert_eq!(about.accesses.iter().filter(|seen| seen.access.actor == "client:other").count(), 2);
}

#[actix_web::test]
async fn a_client_is_ordered_to_delete_and_says_when_it_is_done() {
    let world = world().await;
    let mine = world.give(ALICE, "health").await;
    let (cookie, csrf) = world.session(ALICE, Level::Substantial).await;
    let resident = Some((COOKIE.as_str(), cookie.as_str()));
    let (health, other) =
        (world.token("health", Some(ALICE), "openid"), world.token("other", None, "ngsi-ld"));
    let path = format!("/consents/v1/{}/deletion", mine.id);
    assert_eq!(world.get(&path, resident).await.status, 404, "nothing is owed yet");
    let withdraw = TestRequest::post().uri(&path.replace("deletion", "withdraw"));
    let withdraw = withdraw.insert_header((COOKIE, cookie.as_str()));
    assert_eq!(world.send(withdraw.insert_header(("x-csrf-token", csrf))).await.status, 200);
    for credential in [resident, Some((AUTHORIZATION.as_str(), health.as_str()))] {
        let before = world.log_size().await;
        let owed = world.get(&path, credential).await.json();
        assert_eq!((&owed["state"], &owed["overdue"]), (&json!("owed"), &json!(false)));
        assert_eq!(
            (&owed["reason"], &owed["dataClasses"]),
            (&json!("withdrawn"), &json!(["contact"]))
        );
        assert_eq!(world.log_size().await, before + 1, "every look is on record");
    }
    let say = async |name: &str, credential: &str| {
        let post = TestRequest::post().uri(&path).insert_header((name, credential));
        world.send(post).await
    };
    assert_eq!(say(AUTHORIZATION.as_str(), &other).await.status, 404);
    assert_eq!(say(COOKIE.as_str(), &cookie).await.status, 403, "only the client can say so");
    for _ in 0..2 {
        let done = say(AUTHORIZATION.as_str(), &health).await;
        assert_eq!(done.json()["state"], "done", "{}", done.text());
    }
    let staff = world.get("/consents/v1/deletions", Some((AUTHORIZATION.as_str(), &other))).await;
    assert_eq!(staff.status, 403);
}

#[actix_web::test]
async fn t59_a_receipt_is_judged_for_its_owner_alone() {
    let world = world().await;
    let mine = world.give(ALICE, "health").await;
    let (cookie, csrf) = world.session(ALICE, Level::Substantial).await;
    let (health, other) =
        (world.token("health", Some(ALICE), "openid"), world.token("other", None, "ngsi-ld"));
    let bearer = Some((AUTHORIZATION.as_str(), health.as_str()));
    let receipt = world.get(&format!("/consents/v1/{}/receipt", mine.id), bearer).await;
    let keys = world.get("/consents/v1/keys", None).await.json();
    let key = serde_json::from_value(keys["keys"][0].clone()).unwrap();
    assert!(verify_receipt(receipt.text(), &key).is_ok(), "by the published key");
    let judge = async |name: &str, credential: &str, receipt: &str| {
        let post = TestRequest::post().uri("/consents/v1/receipts/verify");
        let post = post.insert_header((name, credential)).set_payload(receipt.to_owned());
        let verdict = world.send(post).await.json();
        (verdict["valid"].as_bool().unwrap(), verdict["verdict"].as_str().unwrap().to_owned())
    };
    let (client, text) = (AUTHORIZATION.as_str(), receipt.text());
    let said = |valid: bool, verdict: &str| (valid, verdict.to_owned());
    let before = world.log_size().await;
    assert_eq!(judge(client, &health, text).await, said(true, "current"));
    assert_eq!(world.log_size().await, before + 1);
    // Another client, and the resident whose copy is another one, learn nothing from it.
    assert_eq!(judge(client, &other, text).await, said(false, "forged"));
    assert_eq!(judge(COOKIE.as_str(), &cookie, text).await, said(false, "forged"));
    assert_eq!(judge(client, &health, &text.replace('.', "..")).await, said(false, "forged"));
    assert_eq!(world.log_size().await, before + 4, "one entry for each refusal");
    let pause = TestRequest::post().uri(&format!("/consents/v1/{}/pause", mine.id));
    let pause =
        pause.insert_header((COOKIE, cookie.as_str())).insert_header(("x-csrf-token", csrf));
    assert_eq!(world.send(pause).await.json()["state"], "paused");
    assert_eq!(judge(client, &health, text).await, said(false, "superseded"));
    let notice = world.get(&format!("/consents/v1/{}/notice", mine.id), bearer).await;
    assert_eq!(notice.text(), "notice");
}
