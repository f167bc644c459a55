//! A small town: the gateway, its clients, and when people are needed xID and the coin issuer.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tsunagu_sandbox::story::{self, Browser, Machine, Page};
use tsunagu_sandbox::{KeyPair, RsaPair};
use url::Url;

use super::Backend;
use super::database::Database;
use super::http::{client, seen};
use super::process::{self, Process, reserved_port};

/// Writes and reads data about nobody.
pub(crate) const SENSORS: &str = "sensors";
/// Publishes every personal type.
pub(crate) const REGISTER: &str = "register";
/// A healthcare app.
pub(crate) const APP: &str = "app";
/// A tool of the town hall.
pub(crate) const STAFF: &str = "staff";
/// An auditor.
pub(crate) const AUDITOR: &str = "auditor";
/// Another healthcare app, whose tokens are bound to its key.
pub(crate) const VENDOR: &str = "vendor";
/// A further healthcare app, of another vendor.
pub(crate) const SECOND: &str = "second";
const CLIENTS: [&str; 7] = [SENSORS, REGISTER, APP, STAFF, AUDITOR, VENDOR, SECOND];

/// What the app asks of residents.
const ASKED: &str = r#"[{"type":"resident_data","purpose":"health-coaching","data_classes":["contact","health-activity"],"actions":["read","write"]}]"#;
/// The verifier of RFC 7636, appendix B, and its challenge.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

const TOWN_HALL_SECRET: &str = "town-hall-secret-of-tests-0123456789";
/// Members of staff: name, account at the town hall's provider, roles.
const MEMBERS: [(&str, &str, &[&str]); 5] = [
    ("kato", "th-1001", &["counter"]),
    ("inoue", "th-1002", &["operator"]),
    ("mori", "th-1003", &["auditor"]),
    ("ueda", "th-1004", &["approver"]),
    ("ishikawa", "th-1005", &["approver", "operator"]),
];

const COIN_KEY: &str = "coin-key-of-tests-0123456789";

/// What a town has beside its gateway.
#[expect(clippy::struct_excessive_bools, reason = "each is a party of its own")]
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// xID and the coin issuer.
    pub(crate) people: bool,
    /// How many people xID knows; 20 by default.
    pub(crate) residents: Option<usize>,
    /// デジタル認証アプリ beside xID.
    pub(crate) daa: bool,
    /// An identity provider that others wrote, beside xID.
    pub(crate) foreign: bool,
    /// The town hall's own provider, and members of staff.
    pub(crate) staff: bool,
    /// Reward rules.
    pub(crate) rewards: Option<Value>,
    /// Pinned @contexts: URL and file.
    pub(crate) contexts: Vec<(String, PathBuf)>,
    /// Hosts and ports on this machine that notifications may go to.
    pub(crate) receivers: Vec<String>,
    /// The address of a proxy that tells client certificates; the tokens of [`SENSORS`] are bound to them then.
    pub(crate) certified_by: Option<&'static str>,
    /// Further sections of the configuration.
    pub(crate) more: &'static str,
}

/// The town.
pub(crate) struct Town {
    gateway: Option<Process>,
    pub(crate) base: Url,
    pub(crate) http: Client,
    pub(crate) xid: Option<Process>,
    pub(crate) daa: Option<Process>,
    pub(crate) foreign: Option<Process>,
    pub(crate) hall: Option<Process>,
    pub(crate) coins: Option<Process>,
    keys: Vec<(&'static str, KeyPair)>,
    pub(crate) callback: String,
    pub(crate) folder: TempDir,
    _reserved: TcpSocket,
    // Dropped last: the gateway is connected to it.
    database: Option<Database>,
}

/// A further gateway of the town.
pub(crate) struct Replica {
    /// Where it listens; to the outside it is the same gateway.
    pub(crate) base: Url,
    _process: Process,
    _reserved: TcpSocket,
}

/// A resident's grant as the app holds it.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) token: String,
    /// What tells the app who logged in.
    pub(crate) id_token: String,
    /// The resident as the app knows them.
    pub(crate) person: String,
}

impl Town {
    pub(crate) async fn start(backend: Backend, plan: &Plan) -> Self {
        let folder = TempDir::new().unwrap();
        let database = match backend {
            Backend::Embedded => None,
            Backend::Postgres => Some(Database::fresh().await),
        };
        let (reserved, port) = reserved_port();
        let base = Url::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        let keys: Vec<_> =
            CLIENTS.into_iter().map(|id| (id, KeyPair::generate().unwrap())).collect();
        let user_data = KeyPair::generate().unwrap();
        std::fs::write(folder.path().join("user-data.jwk"), user_data.private.to_string()).unwrap();
        let (mut xid, mut daa, mut foreign, mut coins) = (None, None, None, None);
        let rsa = (plan.daa || plan.foreign).then(|| RsaPair::generate().unwrap());
        if let Some(rsa) = &rsa {
            std::fs::write(folder.path().join("client.pem"), &rsa.private).unwrap();
        }
        if let Some(rsa) = rsa.as_ref().filter(|_| plan.foreign) {
            foreign = Some(foreign_provider(&base, &rsa.public, folder.path()).await);
        }
        if let Some(rsa) = rsa.as_ref().filter(|_| plan.daa) {
            let there = format!("{base}login/daa/callback");
            let args = ["sandbox", "daa", "--residents", "20", "--client-key", &rsa.public];
            let args = [&args[..], &["--redirect-uri", &there]].concat();
            daa = Some(Process::start(&args, &[], &folder.path().join("daa.log")).await);
        }
        if plan.people {
            let (there, public) =
                (format!("{base}login/xid/callback"), user_data.public.to_string());
            let residents = plan.residents.unwrap_or(20).to_string();
            let args = ["sandbox", "xid", "--residents", &residents, "--client-id", "tsuno"];
            let args =
                [&args[..], &["--redirect-uri", &there, "--user-data-jwk", &public]].concat();
            let log = folder.path().join("xid.log");
            let secret = [("SANDBOX_XID_CLIENT_SECRET", "secret-of-tests-0123456789")];
            xid = Some(Process::start(&args, &secret, &log).await);
            let key = [("SANDBOX_COIN_API_KEY", COIN_KEY)];
            let log = folder.path().join("coins.log");
            coins = Some(Process::start(&["sandbox", "coin-issuer"], &key, &log).await);
        }
        let mut hall = None;
        if plan.staff {
            let there = format!("{base}staff/login/town-hall/callback");
            let args = ["sandbox", "town-hall", "--redirect-uri", &there];
            let secret = [("SANDBOX_TOWN_HALL_CLIENT_SECRET", TOWN_HALL_SECRET)];
            let log = folder.path().join("town-hall.log");
            hall = Some(Process::start(&args, &secret, &log).await);
        }
        let mut town = Self {
            gateway: None,
            base,
            http: client(),
            xid,
            daa,
            foreign,
            hall,
            coins,
            keys,
            callback: landing().await,
            folder,
            _reserved: reserved,
            database: None,
        };
        let store = database.as_ref().map(|database| database.url.clone());
        std::fs::write(town.config(), town.configured(store.as_deref(), plan)).unwrap();
        town.database = database;
        town.open().await;
        town
    }

    /// The configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("tsunagu.toml")
    }

    /// Everything that the gateway ever logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("gateway.log")).unwrap()
    }

    /// Starts the gateway as it is configured.
    pub(crate) async fn open(&mut self) {
        let config = self.config();
        let args = ["serve", "--config", config.to_str().unwrap()];
        let log = self.folder.path().join("gateway.log");
        let level = [("TSUNAGU_LOG", "debug")];
        self.gateway = Some(Process::start(&args, &level, &log).await);
    }

    /// The same, where no file can grow beyond so many KiB: to the gateway, a disk that is full.
    pub(crate) async fn open_with_files_up_to(&mut self, kib: u64) {
        let config = self.config();
        let program = process::program();
        // Refused writes then are errors; otherwise the kernel would end the process.
        let limited = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" serve --config \"$1\"");
        let args = ["-c", &limited, program.to_str().unwrap(), config.to_str().unwrap()];
        let log = self.folder.path().join("full.log");
        self.gateway = Some(Process::of(Path::new("bash"), &args, &[], &log).await);
    }

    /// The database of the gateway, `postgres://…`.
    pub(crate) fn database(&self) -> &str {
        &self.database.as_ref().unwrap().url
    }

    /// Another gateway on the same database, with settings of its own; the way to it.
    pub(crate) async fn replica(&self, settings: &[(&str, &str)]) -> Replica {
        let (reserved, port) = reserved_port();
        let config = self.config();
        let args = ["serve", "--config", config.to_str().unwrap()];
        let listen = format!("127.0.0.1:{port}");
        let variables = [&[("TSUNAGU_LISTEN", listen.as_str())], settings].concat();
        let log = self.folder.path().join(format!("replica-{port}.log"));
        let process = Process::start(&args, &variables, &log).await;
        let base = Url::parse(&format!("http://{listen}")).unwrap();
        Replica { base, _process: process, _reserved: reserved }
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) {
        self.gateway.take().unwrap().kill().await;
    }

    /// Ends the gateway as an operator does.
    pub(crate) async fn stop(&mut self) {
        self.gateway.take().unwrap().stop().await;
    }

    fn configured(&self, store: Option<&str>, plan: &Plan) -> String {
        let at = |name: &str| self.folder.path().join(name).to_string_lossy().into_owned();
        let here = at("store");
        let mut text = format!(
            r#"listen = "127.0.0.1:{port}"
base_url = "{base}"
store = {store:?}
keys = {keys:?}
"#,
            port = self.base.port().unwrap(),
            base = self.base.as_str().trim_end_matches('/'),
            store = store.unwrap_or(&here),
            keys = at("keys"),
        );
        if let Some(proxy) = plan.certified_by {
            writeln!(text, "proxies = [{proxy:?}]").unwrap();
        }
        if let Some(rules) = &plan.rewards {
            std::fs::write(at("rewards.json"), rules.to_string()).unwrap();
            writeln!(text, "rewards = {:?}", at("rewards.json")).unwrap();
        }
        text += r#"
[town]
tenant = "tsuno"
name = { ja = "都農町", en = "Tsuno Town" }
help_desk = { phone = "0983-00-0000", hours = { ja = "平日 9時から17時", en = "weekdays 9:00 to 17:00" } }
municipality = { prefecture = "宮崎県", county = "児湯郡", name = "都農町" }
"#;
        for (url, file) in &plan.contexts {
            write!(
                text,
                "\n[[contexts.pinned]]\nurl = {url:?}\nfile = {:?}\n",
                file.to_string_lossy()
            )
            .unwrap();
        }
        let bound_to_certificate = |id: &str| plan.certified_by.is_some() && id == SENSORS;
        for (id, pair) in &self.keys {
            write!(text,
                "\n[[clients]]\nid = \"{id}\"\nname = {{ ja = \"{id}\", en = \"{id}\" }}\nsector = \"{id}.example\"\n\
                 jwks = {{ keys = [{}] }}\nbearer = {}\ncontact = \"0983-00-0000\"\n{}",
                inline(&pair.public),
                *id != VENDOR && !bound_to_certificate(id),
                self.of_its_kind(id)
            ).unwrap();
            if bound_to_certificate(id) {
                writeln!(text, "tls_client_certificate_bound_access_tokens = true").unwrap();
            }
        }
        if plan.certified_by.is_some() {
            writeln!(text, "\n[mtls]\nbase_url = \"https://mtls.town.example\"").unwrap();
        }
        if let (Some(xid), Some(coins)) = (&self.xid, &self.coins) {
            write!(
                text,
                r#"
[login.xid]
label = {{ ja = "xID", en = "xID" }}
issuer = "{xid}"
client_id = "tsuno"
client_auth = {{ method = "client_secret_basic", secret = "secret-of-tests-0123456789" }}
scopes = ["openid", "verification"]
parameters = {{ response_mode = "query" }}
verified_data = {{ from = "user-data", key_file = {user_data:?} }}
acr_map = {{ "urn:x-id:aal2" = {{ ial = "substantial", aal = "substantial" }} }}

[coin_issuer]
base = "{coins}"
key = "{COIN_KEY}"
"#,
                xid = xid.url.as_str().trim_end_matches('/'),
                coins = coins.url,
                user_data = at("user-data.jwk"),
            )
            .unwrap();
        }
        text += &self.further_providers();
        let others = [&self.daa, &self.foreign, &self.hall, &self.coins];
        let here = std::iter::once(&self.xid).chain(others).flatten();
        let here = here.map(|process| process.url.authority().to_owned());
        let here: Vec<_> = here.chain(plan.receivers.iter().cloned()).collect();
        write!(text, "\n[outbound]\nallow_private = {here:?}\n").unwrap();
        text + plan.more
    }

    /// Identity providers beside xID.
    fn further_providers(&self) -> String {
        let key = self.folder.path().join("client.pem").to_string_lossy().into_owned();
        let mut text = String::new();
        if let Some(daa) = &self.daa {
            write!(
                text,
                r#"
[login.daa]
label = {{ ja = "デジタル認証アプリ", en = "Digital Authentication App" }}
issuer = "{daa}api/realms/main"
client_id = "RP00000001"
client_auth = {{ method = "private_key_jwt", key_file = {key:?}, algorithm = "RS256", audience = "token-endpoint" }}
scopes = ["openid", "name", "address", "birthdate", "gender"]
parameters = {{ acr_values = "aal3 crl" }}
verified_data = {{ from = "userinfo", birth_date = "compact", gender = "digit", address = "text" }}
acr_map = {{ aal3 = {{ ial = "high", aal = "high" }} }}
always_authenticates = true
"#,
                daa = daa.url,
            )
            .unwrap();
        }
        if let Some(foreign) = &self.foreign {
            write!(
                text,
                r#"
[login.foreign]
label = {{ ja = "よその本人確認", en = "Foreign provider" }}
issuer = "{issuer}"
client_id = "tsuno"
client_auth = {{ method = "private_key_jwt", key_file = {key:?}, algorithm = "PS256", kid = "tsuno-1", audience = "issuer" }}
scopes = ["openid", "profile", "address"]
parameters = {{ prompt = "login", max_age = "300", acr_values = "card password" }}
verified_data = {{ from = "userinfo", birth_date = "iso", gender = "word", address = "object" }}
acr_map = {{ card = {{ ial = "high", aal = "substantial" }}, password = {{ ial = "low", aal = "low" }} }}
max_auth_age = 300
"#,
                issuer = foreign.url.as_str().trim_end_matches('/'),
            )
            .unwrap();
        }
        if let Some(hall) = &self.hall {
            text += &staff(hall.url.as_str().trim_end_matches('/'));
        }
        text
    }

    fn of_its_kind(&self, id: &str) -> String {
        match id {
            SENSORS => "kind = \"publisher\"\nreads_open_data = true\nwrites_open_data = true\n".to_owned(),
            REGISTER => "kind = \"publisher\"\npublishes = [\"Person\", \"ResidentRecord\", \"HealthActivity\"]\ncanonical_ids = true\n".to_owned(),
            APP | VENDOR | SECOND => format!(
                "kind = \"consumer\"\nredirect_uris = [{:?}]\npurposes = [\"health-coaching\", \"consultation\"]\n\
                 data_classes = [\"contact\", \"health-activity\"]\n",
                self.callback
            ),
            STAFF => "kind = \"operator\"\nscopes = [\"staff\"]\n".to_owned(),
            AUDITOR => "kind = \"operator\"\nscopes = [\"audit\"]\n".to_owned(),
            other => panic!("{other} is no client of the town"),
        }
    }

    /// Marks a client as suspended in the configuration, for the next start.
    pub(crate) fn suspend(&self, id: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        let suspended = text.replace(
            &format!("[[clients]]\nid = \"{id}\"\n"),
            &format!("[[clients]]\nid = \"{id}\"\nstatus = \"suspended\"\n"),
        );
        assert_ne!(text, suspended, "{id} is not configured");
        std::fs::write(self.config(), suspended).unwrap();
    }

    /// A client with its key.
    pub(crate) fn machine(&self, id: &str) -> Machine {
        let (_, pair) = self.keys.iter().find(|(known, _)| *known == id).unwrap();
        Machine { client_id: id.to_owned(), private_jwk: pair.private.to_string() }
    }

    /// A token of a client on its own behalf.
    pub(crate) async fn token(&self, id: &str) -> String {
        let scope = match id {
            STAFF => "staff",
            AUDITOR => "audit",
            _ => "ngsi-ld",
        };
        story::token(&self.http, &self.base, &self.machine(id), scope).await.unwrap()
    }

    /// A request to a path of the gateway.
    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.base.join(path).unwrap())
    }

    /// The parties as the sandbox's story knows them.
    pub(crate) fn parties(&self) -> story::World {
        let nowhere = Url::parse("http://127.0.0.1:9").unwrap();
        let url = |process: &Option<Process>| {
            process.as_ref().map_or_else(|| nowhere.clone(), |process| process.url.clone())
        };
        story::World {
            gateway: self.base.clone(),
            xid: url(&self.xid),
            daa: url(&self.daa),
            vendor: nowhere.clone(),
            coin_issuer: url(&self.coins),
            coin_key: COIN_KEY.to_owned(),
            coin_admin_key: String::new(),
            municipal: self.machine(REGISTER),
            staff: self.machine(STAFF),
        }
    }

    /// 都農 花子 logs in to the gateway; her browser is logged in then.
    pub(crate) async fn hanako(&self) -> Browser {
        self.resident("hanako").await
    }

    /// A person of the sandbox's town logs in to the gateway.
    pub(crate) async fn resident(&self, persona: &str) -> Browser {
        let mut browser = Browser::new();
        story::logs_in(&self.parties(), &mut browser, persona).await.unwrap();
        browser
    }

    /// What a login at xID is worth from the next start on.
    pub(crate) fn xid_is_worth(&self, level: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        let (before, rest) = text.split_once("acr_map = { \"urn:x-id:aal2\" = ").unwrap();
        let (_, after) = rest.split_once('\n').unwrap();
        let worth = format!("{{ ial = {level:?}, aal = {level:?} }} }}");
        let text = format!("{before}acr_map = {{ \"urn:x-id:aal2\" = {worth}\n{after}");
        std::fs::write(self.config(), text).unwrap();
    }

    /// A member of staff logs in with two factors; the page that this ends at.
    pub(crate) async fn member(&self, browser: &mut Browser, name: &str) -> Page {
        let subject = MEMBERS.iter().find(|(known, ..)| *known == name).unwrap().1;
        self.account(browser, &[("persona", subject), ("outcome", "ok")]).await
    }

    /// Somebody logs in at the town hall's provider as the form says.
    pub(crate) async fn account(&self, browser: &mut Browser, form: &[(&str, &str)]) -> Page {
        let begin = self.base.join("/staff/login/town-hall").unwrap();
        let page = browser.open(begin).await.unwrap();
        let asked = page.form("/authorize").unwrap();
        browser.send(&page, &asked, form).await.unwrap()
    }

    /// The resident of this browser consents and logs in to the app: PAR, PKCE, our consent page, code, token.
    pub(crate) async fn connect(&self, browser: &mut Browser) -> Login {
        self.connected(browser, APP, &[("authorization_details", ASKED)]).await
    }

    /// The same for any app, asking for what else these parameters say.
    pub(crate) async fn connected(
        &self,
        browser: &mut Browser,
        app: &str,
        asked: &[(&str, &str)],
    ) -> Login {
        let machine = self.machine(app);
        let post = async |path: &str, form: &[(&str, &str)]| {
            let assertion = story::assertion(&self.base, &machine).unwrap();
            let ours = [
                ("client_id", app),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", assertion.as_str()),
            ];
            let form = [form, &ours].concat();
            let answer = seen(self.ask(Method::POST, path).form(&form)).await;
            assert!(answer.status < 300, "{path}: {}", answer.text());
            answer.json()
        };
        let request = [
            ("response_type", "code"),
            ("redirect_uri", self.callback.as_str()),
            ("scope", "openid"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let pushed = post("/oauth/par", &[&request, asked].concat()).await;
        let mut url = self.base.join("/oauth/authorize").unwrap();
        url.query_pairs_mut()
            .append_pair("client_id", app)
            .append_pair("request_uri", pushed["request_uri"].as_str().unwrap());
        let back = self.consented(browser, url).await;
        let (_, code) = back.query_pairs().find(|(name, _)| name == "code").unwrap();
        let tokens = post(
            "/oauth/token",
            &[
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", &self.callback),
                ("code_verifier", VERIFIER),
            ],
        )
        .await;
        let token = tokens["access_token"].as_str().unwrap().to_owned();
        let told = self.ask(Method::GET, "/oauth/userinfo").bearer_auth(&token);
        let sub = seen(told).await.json()["sub"].as_str().unwrap().to_owned();
        let person =
            if sub.starts_with("urn:") { sub } else { format!("urn:ngsi-ld:Person:{sub}") };
        let id_token = tokens["id_token"].as_str().unwrap_or_default().to_owned();
        Login { token, id_token, person }
    }

    /// The resident of this browser, sent here by an app, consents; gives the address that the browser is sent back to.
    pub(crate) async fn consented(&self, browser: &mut Browser, url: Url) -> Url {
        let page = browser.open(url).await.unwrap();
        // A resident who consented to the same before is not asked again.
        match page.form("/oauth/authorize/decision") {
            Ok(form) => browser.send(&page, &form, &[("decision", "give")]).await.unwrap().url,
            Err(_) => page.url,
        }
    }

    /// The resident withdraws the only consent.
    pub(crate) async fn withdraw(&self, browser: &mut Browser) {
        story::withdraws(&self.parties(), browser).await.unwrap();
    }

    /// What the coin issuer booked: its statement of today.
    pub(crate) async fn statement(&self, day: &str) -> Value {
        let url = self.coins.as_ref().unwrap().url.join(&format!("/statement?date={day}")).unwrap();
        seen(self.http.get(url).bearer_auth(COIN_KEY)).await.json()
    }
}

/// The town hall's provider and the members of staff: each role has one, and `ishikawa` two.
fn staff(issuer: &str) -> String {
    let mut text = format!(
        r#"
[staff.login.town-hall]
label = {{ ja = "役場の認証基盤", en = "the town hall's login" }}
issuer = "{issuer}"
client_id = "tsunagu"
client_auth = {{ method = "client_secret_basic", secret = "{TOWN_HALL_SECRET}" }}
scopes = ["openid"]
acr_map = {{ "urn:town-hall:mfa" = {{ ial = "substantial", aal = "substantial" }} }}
"#
    );
    for (name, subject, roles) in MEMBERS {
        write!(
            text,
            "\n[[staff.members]]\nname = {name:?}\nissuer = \"{issuer}\"\nsubject = {subject:?}\nroles = {roles:?}\n"
        )
        .unwrap();
    }
    text
}

/// `oidc-provider` from npm. `cargo xtask test` installs it; by hand, `TEST_OIDC_PROVIDER` names its folder (docs/clients.md).
async fn foreign_provider(base: &Url, key: &str, folder: &Path) -> Process {
    let installed = std::env::var("TEST_OIDC_PROVIDER").unwrap_or_else(|_| {
        panic!(
            "TEST_OIDC_PROVIDER does not say where the provider is: run `cargo xtask test`, or see docs/clients.md"
        )
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/oidc-provider/provider.mjs");
    let callback = format!("{base}login/foreign/callback");
    let args = [script.to_str().unwrap(), &installed, &callback, key];
    Process::of(Path::new("node"), &args, &[], &folder.join("foreign.log")).await
}

/// A public JWK as an inline table of TOML.
fn inline(jwk: &Value) -> String {
    let members = jwk.as_object().unwrap().iter();
    let pairs: Vec<String> = members.map(|(name, value)| format!("{name} = {value}")).collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// A place where browsers land after consenting: the address holds the code, the page nothing.
async fn landing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/callback", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 8192];
            if stream.read(&mut request).await.is_ok() {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                stream.write_all(answer).await.ok();
            }
        }
    });
    url
}

/// Somebody who was never registered, as a URN.
pub(crate) fn nobody() -> String {
    "urn:ngsi-ld:Person:000000000000000000000000000".to_owned()
}

/// A property.
pub(crate) fn property(value: impl Into<Value>) -> Value {
    json!({"type": "Property", "value": value.into()})
}

/// Where the data of this crate is.
pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}
