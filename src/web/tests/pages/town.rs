//! A small town: every room real, the store in memory, the clock moved by hand, the identity provider scripted.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use actix_http::Request;
use actix_web::body::MessageBody;
use actix_web::cookie::Cookie;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header;
use actix_web::{App, Error, HttpRequest, test, web};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use serde_json::json;
use tsunagu_audit::{AuditLog, Signer};
use tsunagu_broker::{Broker, Contexts, NoLoader};
use tsunagu_consent::{Ledger, Part, Party, Platform, ReceiptSigner};
use tsunagu_domain::{
    Assurance, Catalogue, ClientId, Clock, Level, ManualClock, Problem, ProblemCode, SectorKeys,
    SeededIds, TenantId, Text, TsunoId,
};
use tsunagu_identity::{
    Attempt, AuthorizationServer, Client, Clients, DigestKey, Form, Gender, Identified, JwkSet,
    LiveGrants, LoginProvider, Logins, Municipality, Possession, Proofs, RefusalReason, Residents,
    Services, Sessions, SigningKey, SigningKeys, StaffLogins, VerifiedPerson,
};
use tsunagu_imports::{Imports, Registry};
use tsunagu_ngsi_ld::{Context, Entity, Format, RenderOptions};
use tsunagu_outbound::{Outbound, Policy};
use tsunagu_policy::{Asked, Principal, decide};
use tsunagu_rewards::{Rewards, Rules};
use tsunagu_staff::{Cases, Configured, Office, Role};
use tsunagu_store::access::Action;
use tsunagu_store::testing::MemoryStore;
use tsunagu_web::{HelpDesk, Site, SiteConfig, SiteParts};
use url::Url;

pub(crate) const BASE: &str = "http://127.0.0.1:8080";
/// Where the vendor wants residents to go after logging out.
pub(crate) const BYE: &str = "https://health.example/bye?from=town";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-length";
pub(crate) const CALLBACK: &str = "https://health.example/callback";

fn text(ja: &str, en: &str) -> Text {
    Text { ja: ja.to_owned(), en: en.to_owned() }
}

/// No layout publishes anything here.
struct Closed;

#[async_trait]
impl Registry for Closed {
    async fn publish(&self, _: &str, _: Vec<Entity>) -> Result<Vec<Result<(), Problem>>, Problem> {
        Err(Problem::new(ProblemCode::Unavailable, "nothing is published here"))
    }

    async fn delete(&self, _: &str, _: &str, _: &str) -> Result<Result<(), Problem>, Problem> {
        Err(Problem::new(ProblemCode::Unavailable, "nothing is published here"))
    }

    async fn subjects(&self, _: &[String]) -> Result<Vec<TsunoId>, Problem> {
        Err(Problem::new(ProblemCode::Unavailable, "nothing is published here"))
    }
}

/// An identity provider whose codes name the person: `hanako`, `jiro` who lives elsewhere, `counter` whose address is unclear.
struct Scripted(Arc<ManualClock>, Text);

#[async_trait]
impl LoginProvider for Scripted {
    fn name(&self) -> &'static str {
        "xid"
    }

    fn label(&self) -> &Text {
        &self.1
    }

    fn issuer(&self) -> &'static str {
        "https://xid.example"
    }

    async fn names_itself(&self) -> Result<bool, RefusalReason> {
        Ok(false)
    }

    async fn authorization_url(&self, attempt: &Attempt) -> Result<Url, RefusalReason> {
        let (anew, state) = (attempt.anew, &attempt.state);
        let url = format!("https://xid.example/auth?anew={anew}&state={state}");
        Url::parse(&url).map_err(|_| RefusalReason::ProviderUnavailable)
    }

    async fn identify(&self, code: &str, _: &Attempt) -> Result<Identified, RefusalReason> {
        let (given_name, city, born) = match code {
            "hanako" => ("花子", "児湯郡都農町", "1950-04-01"),
            "taro" => ("太郎", "児湯郡都農町", "1951-04-01"),
            "weak" => ("太郎", "児湯郡都農町", "1952-04-01"),
            "jiro" => ("次郎", "日向市", "1953-04-01"),
            "counter" => ("さくら", "児湯郡", "1954-04-01"),
            _ => return Err(RefusalReason::Code),
        };
        Ok(Identified {
            issuer: self.issuer().to_owned(),
            subject: code.to_owned(),
            assurance: Assurance {
                ial: Level::High,
                aal: if code == "weak" { Level::Low } else { Level::Substantial },
                acr: None,
                amr: vec![],
                auth_time: self.0.micros(),
                idp: "xid".to_owned(),
            },
            person: VerifiedPerson {
                family_name: "都農".to_owned(),
                given_name: given_name.to_owned(),
                birth_date: born.to_owned(),
                gender: Gender::Female,
                prefecture: "宮崎県".to_owned(),
                city: city.to_owned(),
                street_address: "大字川北4874番地2".to_owned(),
                verified_at: None,
            },
        })
    }
}

struct Grants(Arc<Ledger>, Arc<ManualClock>);

#[async_trait]
impl LiveGrants for Grants {
    async fn is_live(&self, tenant: &TenantId, grant: &str) -> Result<bool, Problem> {
        Ok(self.0.live_grant(tenant, grant, self.1.micros()).await?.is_some())
    }

    async fn acts(&self, tenant: &TenantId, delegation: &str) -> Result<bool, Problem> {
        let found = self.0.delegation(tenant, delegation).await?;
        Ok(found.is_some_and(|found| found.live_at(self.1.micros())))
    }
}

pub(crate) struct Town {
    store: Arc<MemoryStore>,
    pub(crate) tenant: TenantId,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) audit: Arc<AuditLog>,
    authorization: Arc<AuthorizationServer>,
    clients: Arc<Clients>,
    broker: Arc<Broker>,
    catalogue: Arc<Catalogue>,
    vendor: SigningKey,
    pub(crate) site: web::Data<Site>,
    pub(crate) staff: Arc<Office>,
}

fn client(key: &SigningKey) -> Client {
    serde_json::from_value(json!({
        "id": "health",
        "name": {"ja": "つのヘルスケア", "en": "Tsuno Health"},
        "sector": "health.example",
        "kind": "consumer",
        "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": [BYE],
        "jwks": JwkSet { keys: vec![key.public().clone()] },
        "purposes": ["health-coaching"],
        "data_classes": ["contact", "basic", "health-activity"],
        "bearer": true,
        "contact": "help@health.example",
    }))
    .unwrap()
}

/// Members of staff, by the codes of the scripted provider.
pub(crate) fn members() -> Vec<Configured> {
    let member = |name: &str, subject: &str, roles: &[Role]| Configured {
        name: name.to_owned(),
        issuer: "https://xid.example".to_owned(),
        subject: subject.to_owned(),
        roles: roles.to_vec(),
    };
    vec![
        member("kato", "hanako", &[Role::Counter]),
        member("inoue", "taro", &[Role::Operator, Role::Approver]),
        member("ueda", "jiro", &[Role::Approver]),
        member("mori", "counter", &[Role::Auditor]),
        member("weak", "weak", &Role::ALL),
    ]
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

impl Town {
    #[expect(clippy::too_many_lines, reason = "a town is many rooms")]
    pub(crate) async fn new() -> Self {
        let tenant: TenantId = "tsuno".parse().unwrap();
        let start = DateTime::from_timestamp(1_795_402_800, 0).unwrap();
        let clock = Arc::new(ManualClock::at(start));
        let store = Arc::new(MemoryStore::new());
        let ids = Arc::new(SeededIds::new(11));
        let core = Context::core();
        let json = include_bytes!("../../../../schemas/catalogue.json");
        let catalogue = Catalogue::read(json, |term| core.expand(term).into_owned()).unwrap();
        let catalogue = Arc::new(catalogue);
        let audit = Arc::new(AuditLog::new(
            Arc::<MemoryStore>::clone(&store),
            Arc::<ManualClock>::clone(&clock),
            Arc::<SeededIds>::clone(&ids),
            Signer::from_seed(&[1; 32]).unwrap(),
        ));
        let services = Services {
            store: Arc::<MemoryStore>::clone(&store),
            clock: Arc::<ManualClock>::clone(&clock),
            ids: Arc::<SeededIds>::clone(&ids),
            log: Arc::<AuditLog>::clone(&audit),
            catalogue: Arc::clone(&catalogue),
        };
        let key = || SigningKey::from_pkcs8(&SigningKey::generate_pkcs8().unwrap()).unwrap();
        let vendor = key();
        let sectors = Arc::new(SectorKeys::new(&[2; 32]));
        let outbound = Arc::new(Outbound::new(Policy::default()));
        let clients = Clients::new(services.clone(), Arc::clone(&sectors), outbound);
        let clients = Arc::new(clients);
        let case_services = services.clone();
        let closed = Arc::new(Closed);
        let imports = Imports::new(services.clone(), tenant.clone(), closed, Vec::new());
        let sessions = Sessions::new(services.clone());
        let municipality = Municipality {
            prefecture: "宮崎県".to_owned(),
            county: "児湯郡".to_owned(),
            name: "都農町".to_owned(),
        };
        let residents = Residents::new(services.clone(), municipality, DigestKey::new(&[3; 32]));
        let logins = Logins::new(
            services.clone(),
            Arc::clone(&residents),
            sessions.clone(),
            vec![Arc::new(Scripted(Arc::clone(&clock), text("xID", "xID")))],
            Url::parse(BASE).unwrap(),
        );
        let staff_logins = StaffLogins::new(
            services.clone(),
            vec![Arc::new(Scripted(Arc::clone(&clock), text("役場", "Town hall")))],
            &Url::parse(BASE).unwrap(),
        );
        let ledger = Arc::new(Ledger::new(
            Arc::<MemoryStore>::clone(&store),
            Arc::<ManualClock>::clone(&clock),
            ids,
            Arc::<AuditLog>::clone(&audit),
            Arc::clone(&catalogue),
            platform(),
            ReceiptSigner::from_pkcs8("r", &SigningKey::generate_pkcs8().unwrap()).unwrap(),
        ));
        let staff = Arc::new(Office::new(&services, Arc::clone(&clients), Arc::clone(&ledger)));
        staff.members.configure(&tenant, &members()).await.unwrap();
        staff.clients.configure(&tenant, &client(&vendor)).await.unwrap();
        let authorization = Arc::new(
            AuthorizationServer::new(tsunagu_identity::Parts {
                keys: SigningKeys::load(&services, &tenant).await.unwrap(),
                proofs: Proofs::of_one_process(&*services.ids),
                services,
                tenant: tenant.clone(),
                issuer: BASE.to_owned(),
                clients: Arc::clone(&clients),
                grants: Arc::new(Grants(Arc::clone(&ledger), Arc::clone(&clock))),
                mtls: None,
            })
            .unwrap(),
        );
        let rewards = Arc::new(Rewards::new(
            Arc::<MemoryStore>::clone(&store),
            Arc::<ManualClock>::clone(&clock),
            Rules::read(include_bytes!("../../../../config/rewards.json")).unwrap(),
            sectors.sector("coin-issuer").unwrap(),
        ));
        let broker = Arc::new(Broker::new(tsunagu_broker::Parts {
            store: Arc::<MemoryStore>::clone(&store),
            access: Arc::<AuditLog>::clone(&audit),
            consequences: vec![Arc::<Rewards>::clone(&rewards)],
            catalogue: Arc::clone(&catalogue),
            contexts: Contexts::new(HashMap::new(), Arc::new(NoLoader)),
            clock: Arc::<ManualClock>::clone(&clock),
        }));
        let policies = tsunagu_policy::Policies::built_in().unwrap().clone();
        let cases = Arc::new(Cases::new(
            case_services,
            Arc::clone(&audit),
            Arc::clone(&broker),
            Arc::clone(&residents),
            policies.clone(),
        ));
        let site = Site::new(SiteParts {
            config: SiteConfig {
                town: text("都農町", "Tsuno Town"),
                help_desk: HelpDesk {
                    phone: "0983-00-0000".to_owned(),
                    hours: text("平日 8:30〜17:15", "Weekdays 8:30–17:15"),
                },
                base_url: BASE.to_owned(),
                request_id: |_: &HttpRequest| "request-1".to_owned(),
            },
            tenant: tenant.clone(),
            clock: Arc::<ManualClock>::clone(&clock),
            catalogue: Arc::clone(&catalogue),
            policies,
            logins,
            residents,
            sessions,
            staff_logins,
            staff: Arc::clone(&staff),
            cases,
            imports: Arc::new(imports),
            clients: Arc::clone(&clients),
            authorization: Arc::clone(&authorization),
            ledger: Arc::clone(&ledger),
            audit: Arc::clone(&audit),
            rewards,
            broker: Arc::clone(&broker),
        });
        Self {
            store,
            tenant,
            clock,
            ledger,
            audit,
            authorization,
            clients,
            broker,
            catalogue,
            vendor,
            staff,
            site: web::Data::new(site.unwrap()),
        }
    }

    /// A browser that has not been here before.
    pub(crate) async fn browser(
        &self,
    ) -> Browser<impl Service<Request, Response = ServiceResponse<impl MessageBody>, Error = Error>>
    {
        let app = App::new()
            .app_data(self.site.clone())
            .configure(tsunagu_web::configure)
            .default_service(web::to(tsunagu_web::not_found));
        Browser { app: test::init_service(app).await, cookies: BTreeMap::new() }
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    /// What the vendor's server does first: pushes a request, and gives the address to which it sends the browser.
    pub(crate) async fn pushed(&self) -> String {
        self.pushed_with(json!({"data_classes": ["contact", "health-activity"]})).await
    }

    /// The same, asking for this.
    pub(crate) async fn pushed_with(&self, asked: serde_json::Value) -> String {
        self.pushed_as(Some(asked), &[]).await
    }

    /// The same, asking for this or for a login alone, with further parameters.
    pub(crate) async fn pushed_as(
        &self,
        asked: Option<serde_json::Value>,
        more: &[(&str, &str)],
    ) -> String {
        let assertion = self.assertion();
        let mut details = json!([{"type": "resident_data", "purpose": "health-coaching",
            "actions": ["read", "write"]}]);
        let details = asked.map(|asked| {
            details[0].as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
            ("authorization_details", details.to_string())
        });
        let fields = [
            ("client_id", "health".to_owned()),
            ("response_type", "code".to_owned()),
            ("redirect_uri", CALLBACK.to_owned()),
            ("scope", "openid ngsi-ld".to_owned()),
            ("state", "the-state".to_owned()),
            ("code_challenge", challenge()),
            ("code_challenge_method", "S256".to_owned()),
            ("client_assertion_type", ASSERTION_TYPE.to_owned()),
            ("client_assertion", assertion),
        ];
        let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let fields = fields.into_iter().chain(details).chain(more);
        let form = Form::from_pairs(fields.map(|(n, v)| (n.to_owned(), v))).unwrap();
        let pushed = self.authorization.par(&form, &Possession::default()).await.unwrap();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", "health")
            .append_pair("request_uri", &pushed.request_uri)
            .finish();
        format!("/oauth/authorize?{query}")
    }

    /// Proves who the vendor is, once.
    fn assertion(&self) -> String {
        let now = self.clock.seconds();
        let claims = json!({"iss": "health", "sub": "health", "aud": BASE, "jti": format!("{}", self.clock.micros()),
            "iat": now, "exp": now + 60});
        self.pass(1);
        self.vendor.sign("JWT", &claims).unwrap()
    }

    /// The vendor redeems the code of the address that the browser was sent to, and gets an ID token.
    pub(crate) async fn id_token(&self, back: &Seen) -> String {
        let back = Url::parse(back.location.as_deref().unwrap()).unwrap();
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let assertion = self.assertion();
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &assertion),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let form = Form::from_pairs(fields).unwrap();
        let tokens = self.authorization.token(&form, &Possession::default()).await.unwrap();
        tokens.id_token.unwrap()
    }

    /// What the record of access says of a resident's consents, oldest first.
    pub(crate) async fn events_on_record(&self, subject: TsunoId) -> Vec<String> {
        let period = tsunagu_audit::Period::newest(1_000);
        let about = self.audit.accesses_about(&self.tenant, subject, period).await.unwrap();
        let found = about.accesses.into_iter().map(|seen| seen.access);
        let mut events: Vec<_> =
            found.filter(|access| access.action == Action::Consent).map(|a| a.reason).collect();
        events.reverse();
        events
    }

    /// What the log says that an actor did or was refused, oldest first.
    pub(crate) async fn acts_of(&self, actor: &str) -> Vec<String> {
        let reader = tsunagu_audit::Reader::auditor("test".to_owned(), "r".to_owned());
        let read = self.audit.read_entries(&self.tenant, &reader, 0, 1_000).await.unwrap();
        let found = read.iter().filter_map(|entry| entry.access());
        found.filter(|access| access.actor == actor).map(|access| access.reason.clone()).collect()
    }

    /// A catalogue with a telephone number more in the class of contacts comes into force.
    pub(crate) async fn widen(&self) {
        let core = Context::core();
        let json = include_str!("../../../../schemas/catalogue.json");
        let name = r#"{ "iri": "name", "label": { "ja": "氏名", "en": "Full name" } },"#;
        let more = r#"{ "iri": "telephone", "label": { "ja": "電話番号", "en": "Telephone" } },"#;
        let json = json.replacen(name, &format!("{name}{more}"), 1).replacen(
            "\"version\": 4",
            "\"version\": 5",
            1,
        );
        let catalogue = Catalogue::read(json.as_bytes(), |term| core.expand(term).into_owned());
        let ledger = Ledger::new(
            Arc::<MemoryStore>::clone(&self.store),
            Arc::<ManualClock>::clone(&self.clock),
            Arc::new(SeededIds::new(12)),
            Arc::<AuditLog>::clone(&self.audit),
            Arc::new(catalogue.unwrap()),
            platform(),
            ReceiptSigner::from_pkcs8("r", &SigningKey::generate_pkcs8().unwrap()).unwrap(),
        );
        self.pass(1);
        assert_eq!(ledger.review(&self.tenant).await.unwrap(), 1);
        self.pass(1);
    }

    /// The latest consent of a resident.
    pub(crate) async fn consent(&self, subject: TsunoId) -> Option<tsunagu_consent::Consent> {
        let part = Part { offset: 0, limit: 1 };
        let listed = self.ledger.of_subject(&self.tenant, subject, part).await.unwrap();
        listed.consents.into_iter().next()
    }

    /// The vendor reads the person, or writes an activity, under a consent as it is now.
    pub(crate) async fn vendor(
        &self,
        consent: &str,
        steps: Option<u32>,
    ) -> Result<String, Problem> {
        let now = self.clock.micros();
        let id: ClientId = "health".parse().unwrap();
        let client = self.clients.policy(&self.tenant, &id).await?.unwrap();
        let grant = self.ledger.live_grant(&self.tenant, consent, now).await?;
        let subject = self.ledger.get(&self.tenant, consent).await?.unwrap().subject;
        let assurance = Assurance {
            ial: Level::High,
            aal: Level::Substantial,
            auth_time: now,
            ..Assurance::default()
        };
        let view = decide(&Asked {
            tenant: &self.tenant,
            catalogue: &self.catalogue,
            now,
            principal: Principal::Consumer {
                client: &client,
                subject,
                grant: grant.as_ref(),
                purpose: None,
                assurance: &assurance,
            },
        })?;
        let request = tsunagu_broker::Request { view: &view, id: "vendor-request" };
        let person = client.sector.as_ref().unwrap().outward(subject).urn();
        let core = Context::core();
        match steps {
            None => {
                let options =
                    RenderOptions { format: Format::Simplified, ..RenderOptions::default() };
                let answer = self.broker.retrieve(&request, &person, &core, &options).await?;
                Ok(String::from_utf8(answer.body).unwrap())
            }
            Some(steps) => {
                let from = DateTime::from_timestamp_micros(now - 3_600_000_000).unwrap();
                let to = DateTime::from_timestamp_micros(now - 60_000_000).unwrap();
                let property =
                    |value: serde_json::Value| json!({"type": "Property", "value": value});
                let body = json!({
                    "id": format!("urn:ngsi-ld:HealthActivity:{steps}"),
                    "type": "HealthActivity",
                    "person": {"type": "Relationship", "object": person},
                    "steps": property(json!(steps)),
                    "activityType": property(json!("walking")),
                    "startedAt": property(json!({"@type": "DateTime", "@value": from.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)})),
                    "endedAt": property(json!({"@type": "DateTime", "@value": to.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)})),
                    "recordingMethod": property(json!("sensed")),
                });
                self.broker.create(&request, &body.to_string(), &core).await?;
                Ok(String::new())
            }
        }
    }
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn challenge() -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, VERIFIER.as_bytes());
    URL_SAFE_NO_PAD.encode(digest)
}

/// A browser: keeps cookies, follows nothing.
pub(crate) struct Browser<S> {
    app: S,
    cookies: BTreeMap<String, String>,
}

/// What came back.
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) policy: String,
    pub(crate) body: String,
    /// Names of the cookies that it sets or takes back.
    pub(crate) cookies: Vec<String>,
}

impl Seen {
    /// The value of a hidden field of the first form that has it.
    pub(crate) fn field(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let rest = self.body.split_once(&mark).unwrap_or_else(|| panic!("no field {name}")).1;
        rest.split('"').next().unwrap().to_owned()
    }

    pub(crate) fn says(&self, text: &str) -> bool {
        self.body.contains(text)
    }
}

impl<S, B> Browser<S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    pub(crate) async fn get(&mut self, address: &str) -> Seen {
        self.send(test::TestRequest::get().uri(address)).await
    }

    pub(crate) async fn post(&mut self, address: &str, fields: &[(&str, &str)]) -> Seen {
        self.send(test::TestRequest::post().uri(address).set_form(fields)).await
    }

    /// Another site's page posts a form: cookies with `SameSite=Lax` stay behind.
    pub(crate) async fn post_from_elsewhere(
        &mut self,
        address: &str,
        fields: &[(&str, &str)],
    ) -> Seen {
        let kept = std::mem::take(&mut self.cookies);
        let seen = self.post(address, fields).await;
        let set = std::mem::replace(&mut self.cookies, kept);
        self.cookies.extend(set);
        seen
    }

    /// Presses a button of the consent page.
    pub(crate) async fn press(&mut self, page: &Seen, decision: &str) -> Seen {
        let names = ["csrf", "client_id", "request_uri", "lang", "shown_at", "notice"];
        let fields: Vec<_> = names.into_iter().map(|name| (name, page.field(name))).collect();
        let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
        let fields: Vec<_> = fields.chain([("decision", decision)]).collect();
        self.post("/oauth/authorize/decision", &fields).await
    }

    pub(crate) async fn post_all(&mut self, address: &str, fields: &[(String, String)]) -> Seen {
        self.send(test::TestRequest::post().uri(address).set_form(fields)).await
    }

    /// All cookies, names and values.
    pub(crate) fn cookies(&self) -> String {
        format!("{:?}", self.cookies)
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&String> {
        self.cookies.get(name)
    }

    async fn send(&mut self, mut request: test::TestRequest) -> Seen {
        for (name, value) in &self.cookies {
            request = request.cookie(Cookie::new(name.clone(), value.clone()));
        }
        let answer = test::call_service(&self.app, request.to_request()).await;
        let set = answer.response().cookies().map(|cookie| cookie.name().to_owned()).collect();
        for cookie in answer.response().cookies() {
            if cookie.max_age().is_some_and(actix_web::cookie::time::Duration::is_zero) {
                self.cookies.remove(cookie.name());
            } else {
                self.cookies.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
        let header = |name: header::HeaderName| {
            Some(answer.headers().get(name)?.to_str().unwrap().to_owned())
        };
        assert_eq!(header(header::CACHE_CONTROL).as_deref(), Some("no-store"));
        assert_eq!(header(header::REFERRER_POLICY).as_deref(), Some("no-referrer"));
        Seen {
            status: answer.status().as_u16(),
            location: header(header::LOCATION),
            policy: header(header::CONTENT_SECURITY_POLICY).unwrap_or_default(),
            body: String::from_utf8(test::read_body(answer).await.to_vec()).unwrap(),
            cookies: set,
        }
    }

    /// Logs in through the scripted provider; gives what the callback answered.
    pub(crate) async fn log_in(&mut self, code: &str, return_to: &str) -> Seen {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("return_to", return_to)
            .finish();
        let begun = self.get(&format!("/login/xid?{query}")).await;
        assert_eq!(begun.status, 303);
        let location = begun.location.unwrap();
        let state = location.split_once("state=").unwrap().1;
        self.get(&format!("/login/xid/callback?code={code}&state={state}")).await
    }

    /// Logs in as staff through the scripted provider; gives what the callback answered.
    pub(crate) async fn log_in_as_staff(&mut self, code: &str) -> Seen {
        let begun = self.get("/staff/login/xid").await;
        assert_eq!(begun.status, 303);
        let location = begun.location.unwrap();
        let state = location.split_once("state=").unwrap().1;
        self.get(&format!("/staff/login/xid/callback?code={code}&state={state}")).await
    }

    /// The Tsuno ID that the home page shows.
    pub(crate) async fn tsuno_id(&mut self) -> TsunoId {
        let home = self.get("/").await;
        let shown = home.body.split_once("<p class=\"id\">").unwrap().1;
        shown.split('<').next().unwrap().parse().unwrap()
    }
}
