//! A small town for tests: a store in memory, a clock that is moved by hand, three clients.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use tsunagu_domain::{
    Assurance, Catalogue, Clock, Level, ManualClock, Problem, SectorKeys, SeededIds, TenantId,
    TsunoId,
};
use tsunagu_identity::{
    AuthorizationServer, Client, Clients, DigestKey, Form, JwkSet, LiveGrants, Municipality,
    NewSession, OAuthError, Parts, Possession, Proofs, Residents, Services, Session, Sessions,
    SigningKey, SigningKeys, Tokens,
};
use tsunagu_ngsi_ld::{Context, Entity};
use tsunagu_outbound::{Outbound, Policy};
use tsunagu_policy::{Asked, Principal, View, decide};
use tsunagu_store::access::{Access, AccessLog, Ticket};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Log, Op, Store, WriteSet};

pub(crate) const ISSUER: &str = "https://gateway.example";
pub(crate) const CALLBACK: &str = "https://app.example/callback";
pub(crate) const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-length";
const AUDIT: Log = Log("audit");

/// An access log that only writes down.
struct PlainLog(Arc<MemoryStore>);

#[async_trait]
impl AccessLog for PlainLog {
    fn ops(&self, access: &Access) -> Result<Vec<Op>, Problem> {
        Ok(vec![Op::Append { log: AUDIT, entry: serde_json::to_vec(access).unwrap() }])
    }

    async fn record(&self, tenant: &TenantId, access: &Access) -> Result<Ticket, Problem> {
        let ops = self.ops(access)?;
        let receipt = self.0.commit(WriteSet { tenant: tenant.clone(), ops }).await?;
        Ok(self.ticket(&receipt, 0).unwrap())
    }
}

#[derive(Default)]
pub(crate) struct Grants(pub(crate) Mutex<HashSet<String>>);

#[async_trait]
impl LiveGrants for Grants {
    async fn is_live(&self, _: &TenantId, grant_id: &str) -> Result<bool, Problem> {
        Ok(self.0.lock().unwrap().contains(grant_id))
    }

    async fn acts(&self, _: &TenantId, delegation: &str) -> Result<bool, Problem> {
        Ok(self.0.lock().unwrap().contains(delegation))
    }
}

pub(crate) struct World {
    pub(crate) tenant: TenantId,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) services: Services,
    pub(crate) clients: Arc<Clients>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) server: AuthorizationServer,
    pub(crate) sessions: Sessions,
    pub(crate) residents: Arc<Residents>,
    pub(crate) app: SigningKey,
    pub(crate) other: SigningKey,
    pub(crate) municipal: SigningKey,
    next: Mutex<u64>,
}

pub(crate) fn key() -> SigningKey {
    SigningKey::from_pkcs8(&SigningKey::generate_pkcs8().unwrap()).unwrap()
}

pub(crate) fn town() -> Municipality {
    Municipality {
        prefecture: "宮崎県".to_owned(),
        county: "児湯郡".to_owned(),
        name: "都農町".to_owned(),
    }
}

pub(crate) fn digests() -> DigestKey {
    DigestKey::new(&[3; 32])
}

pub(crate) fn loopback() -> Arc<Outbound> {
    Arc::new(Outbound::new(Policy {
        allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        schemes: vec!["http".to_owned()],
        ports: Vec::new(),
        ..Policy::default()
    }))
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn challenge(verifier: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    b64(digest)
}

/// The claims of a token, unverified.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

pub(crate) fn consumer(id: &str, redirect_uri: &str, keys: &SigningKey) -> Client {
    serde_json::from_value(json!({
        "id": id,
        "name": {"ja": "つのヘルスケア", "en": "Tsuno health"},
        "sector": format!("{id}.example"),
        "kind": "consumer",
        "redirect_uris": [redirect_uri],
        "jwks": JwkSet { keys: vec![keys.public().clone()] },
        "purposes": ["health-coaching"],
        "data_classes": ["contact", "health-activity"],
        "bearer": true,
        "contact": "help@app.example",
    }))
    .unwrap()
}

pub(crate) fn publisher(id: &str, keys: &SigningKey) -> Client {
    serde_json::from_value(json!({
        "id": id,
        "name": {"ja": "住民記録システム", "en": "Resident register"},
        "sector": id,
        "kind": "publisher",
        "jwks": JwkSet { keys: vec![keys.public().clone()] },
        "publishes": ["ResidentRecord"],
        "bearer": true,
        "contact": "town@example",
    }))
    .unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_catalogue(include_str!("../../../../schemas/catalogue.json")).await
    }

    pub(crate) async fn with_catalogue(text: &str) -> Self {
        let tenant: TenantId = "tsuno".parse().unwrap();
        let clock = Arc::new(ManualClock::at(DateTime::from_timestamp(1_790_000_000, 0).unwrap()));
        let store = Arc::new(MemoryStore::new());
        let core = Context::core();
        let catalogue =
            Catalogue::read(text.as_bytes(), |term| core.expand(term).into_owned()).unwrap();
        let services = Services {
            store: Arc::<MemoryStore>::clone(&store),
            clock: Arc::<ManualClock>::clone(&clock),
            ids: Arc::new(SeededIds::new(7)),
            log: Arc::new(PlainLog(Arc::clone(&store))),
            catalogue: Arc::new(catalogue),
        };
        let sectors = Arc::new(SectorKeys::new(&[9; 32]));
        let clients = Arc::new(Clients::new(services.clone(), sectors, loopback()));
        let (app, other, municipal) = (key(), key(), key());
        for client in [
            consumer("app", CALLBACK, &app),
            consumer("other", "https://other.example/callback", &other),
            publisher("juki", &municipal),
        ] {
            clients.put(&tenant, &client).await.unwrap();
        }
        let grants = Arc::new(Grants::default());
        let server = AuthorizationServer::new(Parts {
            services: services.clone(),
            tenant: tenant.clone(),
            issuer: ISSUER.to_owned(),
            clients: Arc::clone(&clients),
            keys: SigningKeys::load(&services, &tenant).await.unwrap(),
            proofs: Proofs::of_one_process(&*services.ids),
            grants: Arc::<Grants>::clone(&grants),
            mtls: None,
        })
        .unwrap();
        Self {
            sessions: Sessions::new(services.clone()),
            residents: Residents::new(services.clone(), town(), digests()),
            next: Mutex::new(0),
            tenant,
            clock,
            store,
            services,
            clients,
            grants,
            server,
            app,
            other,
            municipal,
        }
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.seconds()
    }

    /// Everything written down about accesses.
    pub(crate) async fn accesses(&self) -> Vec<Access> {
        let entries = self.store.log_entries(&self.tenant, AUDIT, 0, 1000).await.unwrap();
        entries.iter().map(|entry| serde_json::from_slice(entry).unwrap()).collect()
    }

    pub(crate) fn view(&self) -> View {
        decide(&Asked {
            tenant: &self.tenant,
            catalogue: &self.services.catalogue,
            now: self.clock.micros(),
            principal: Principal::Platform { task: "test" },
        })
        .unwrap()
    }

    pub(crate) async fn entity(&self, id: &str) -> Option<Entity> {
        let found = self.store.entity(&self.view(), id).await.unwrap()?;
        Some(found.doc.decode().unwrap())
    }

    fn unique(&self) -> String {
        let mut next = self.next.lock().unwrap();
        *next += 1;
        format!("jti-{next}")
    }

    /// Fresh claims of a client assertion.
    pub(crate) fn assertion_claims(&self, client: &str) -> Value {
        json!({
            "iss": client, "sub": client, "aud": ISSUER, "jti": self.unique(),
            "iat": self.now(), "exp": self.now() + 60,
        })
    }

    fn signer(&self, client: &str) -> &SigningKey {
        match client {
            "app" => &self.app,
            "other" => &self.other,
            "juki" | "coins" | "parking" => &self.municipal,
            _ => unreachable!("no such client in this town"),
        }
    }

    pub(crate) fn assertion(&self, client: &str) -> String {
        self.signer(client).sign("JWT", &self.assertion_claims(client)).unwrap()
    }

    /// A form with a proof of the client and these fields; a field without value is left out.
    pub(crate) fn form(&self, client: &str, fields: &[(&str, &str)]) -> Form {
        form_with(&self.assertion(client), fields)
    }

    /// A token request without a proof of possession.
    pub(crate) async fn ask(&self, form: &Form) -> Result<Tokens, OAuthError> {
        self.server.token(form, &Possession::default()).await
    }

    pub(crate) async fn session(&self) -> NewSession {
        let assurance = Assurance {
            ial: Level::High,
            aal: Level::Substantial,
            acr: Some("urn:x-id:aal2".to_owned()),
            amr: vec!["pin".to_owned()],
            auth_time: self.clock.micros(),
            idp: "xid".to_owned(),
        };
        self.sessions.begin(&self.tenant, TsunoId::from_bytes([5; 16]), assurance).await.unwrap()
    }

    /// A request of `app` that asks for data, with some fields changed.
    pub(crate) fn push_form(&self, changes: &[(&str, &str)]) -> Form {
        let challenge = challenge(VERIFIER);
        let details = details().to_string();
        let mut fields = vec![
            ("client_id", "app"),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid ngsi-ld"),
            ("state", "the-state"),
            ("nonce", "the-nonce"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("authorization_details", details.as_str()),
        ];
        for change in changes {
            fields.retain(|(name, _)| name != &change.0);
            fields.push(*change);
        }
        self.form("app", &fields)
    }

    /// Pushes it and gives its `request_uri`.
    pub(crate) async fn push(&self, changes: &[(&str, &str)]) -> Result<String, OAuthError> {
        let form = self.push_form(changes);
        Ok(self.server.par(&form, &Possession::default()).await?.request_uri)
    }

    /// A code for `app` under the consent `grant-1`.
    pub(crate) async fn code(&self) -> String {
        self.code_of(&[]).await
    }

    /// A code for a request with some fields changed.
    pub(crate) async fn code_of(&self, changes: &[(&str, &str)]) -> String {
        self.code_under(None, changes).await
    }

    /// The same, approved by somebody who acts under a delegation.
    pub(crate) async fn code_under(
        &self,
        delegation: Option<&str>,
        changes: &[(&str, &str)],
    ) -> String {
        let request_uri = self.push(changes).await.unwrap();
        let request = self.server.authorization_request("app", &request_uri).await.unwrap();
        self.grants.0.lock().unwrap().insert("grant-1".to_owned());
        let session =
            Session { acting: delegation.map(str::to_owned), ..self.session().await.session };
        let url = self.server.approve(&request, &session, Some("grant-1")).await.unwrap();
        url.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
    }

    /// The claims of a proof of possession for a request, with a nonce of the server.
    pub(crate) fn proof_claims(&self, method: &str, target: &str, token: Option<&str>) -> Value {
        let mut claims = json!({
            "jti": self.unique(), "htm": method, "htu": target, "iat": self.now(),
            "nonce": self.server.dpop_nonce(),
        });
        if let Some(token) = token {
            claims["ath"] = json!(challenge(token));
        }
        claims
    }

    pub(crate) async fn redeem(
        &self,
        code: &str,
        changes: &[(&str, &str)],
    ) -> Result<Tokens, OAuthError> {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        for change in changes {
            fields.retain(|(name, _)| name != &change.0);
            fields.push(*change);
        }
        self.server.token(&self.form("app", &fields), &Possession::default()).await
    }

    /// The tokens of a whole login.
    pub(crate) async fn tokens(&self) -> Tokens {
        let code = self.code().await;
        self.redeem(&code, &[]).await.unwrap()
    }
}

pub(crate) fn details() -> Value {
    json!([{
        "type": "resident_data", "purpose": "health-coaching",
        "data_classes": ["contact", "health-activity"], "actions": ["read", "write"],
    }])
}

pub(crate) fn form_with(assertion: &str, fields: &[(&str, &str)]) -> Form {
    let proof = [
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
    ];
    let all =
        fields.iter().chain(&proof).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Form::from_pairs(all).unwrap()
}
