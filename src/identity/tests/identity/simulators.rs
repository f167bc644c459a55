//! Both simulated providers of the sandbox against the login, over HTTP: every person, outcome and fault.

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use serde_json::{Value, json};
use tempfile::TempDir;
use tsunagu_domain::{Clock as _, Level};
use tsunagu_identity::{
    CallbackQuery, IdTokenError, LoginOutcome, LoginProvider, Logins, OpenIdProvider,
    RefusalReason, Session, Verdict,
};
use tsunagu_outbound::{Outbound, Policy, Request};
use tsunagu_sandbox::daa::{Birthdate, GenderForm};
use tsunagu_sandbox::{KeyPair, Role, RsaPair, Running, daa, start, xid};
use url::Url;

use super::world::World;

const BASE: &str = "https://gateway.example";
const SECRET: &str = "secret-of-tests";

pub(crate) struct Sandbox {
    pub(crate) world: World,
    logins: Logins,
    outbound: Arc<Outbound>,
    _folder: TempDir,
    _servers: [Running; 2],
}

/// Long enough for every answer that comes, so that only what never comes is missed.
fn outbound() -> Arc<Outbound> {
    Arc::new(Outbound::new(Policy {
        allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        schemes: vec!["http".to_owned()],
        ports: Vec::new(),
        timeout: Duration::from_secs(4),
        ..Policy::default()
    }))
}

impl Sandbox {
    pub(crate) async fn new() -> Self {
        Self::with(Birthdate::Compact, GenderForm::Digit).await
    }

    async fn with(birthdate: Birthdate, gender: GenderForm) -> Self {
        let world = World::new().await;
        let folder = TempDir::new().unwrap();
        let time = Arc::clone(&world.clock);
        let time: tsunagu_sandbox::Clock =
            Arc::new(move || DateTime::from_timestamp_micros(time.micros()).unwrap());
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let user_data = KeyPair::generate().unwrap();
        let user_data_key = file("user-data.jwk", &user_data.private.to_string());
        let rsa = RsaPair::generate().unwrap();
        let rsa_key = file("daa.pem", &rsa.private);
        let callback = |name: &str| vec![format!("{BASE}/login/{name}/callback")];
        let xid = xid::Options {
            port: 0,
            client_id: Some("tsuno".to_owned()),
            client_secret: Some(SECRET.to_owned()),
            redirect_uri: callback("xid"),
            user_data_jwk: Some(user_data.public.to_string()),
            admin_key: None,
            fault: None,
            residents: 20,
        };
        let xid = start(Role::Xid(xid), Arc::clone(&time)).await.unwrap();
        let daa = daa::Options {
            port: 0,
            client_id: "RP00000001".to_owned(),
            client_key: rsa.public,
            redirect_uri: callback("daa"),
            acr: "aal3".to_owned(),
            birthdate,
            gender,
            code_lifetime: 60,
            token_lifetime: 300,
            id_token_lifetime: 300,
            fault: None,
            residents: 20,
        };
        let daa = start(Role::Daa(daa), time).await.unwrap();
        let (compact, digit) = (birthdate == Birthdate::Compact, gender == GenderForm::Digit);
        let policies = [
            (
                "xid",
                json!({
                    "label": {"ja": "xID", "en": "xID"},
                    "issuer": xid.url(),
                    "client_id": "tsuno",
                    "client_auth": {"method": "client_secret_post", "secret": SECRET},
                    "scopes": ["openid", "verification"],
                    "parameters": {"response_mode": "query"},
                    "verified_data": {"from": "user-data", "key_file": user_data_key},
                    "acr_map": {"urn:x-id:aal2": {"ial": "substantial", "aal": "substantial"}},
                    "max_auth_age": 300,
                }),
            ),
            (
                "daa",
                json!({
                    "label": {"ja": "デジタル認証アプリ", "en": "Digital Authentication App"},
                    "issuer": format!("{}/api/realms/main", daa.url()),
                    "client_id": "RP00000001",
                    "client_auth": {
                        "method": "private_key_jwt", "key_file": rsa_key, "algorithm": "RS256",
                        "audience": "token-endpoint",
                    },
                    "scopes": ["openid", "name", "address", "birthdate", "gender"],
                    "parameters": {"acr_values": "aal3 crl"},
                    "verified_data": {
                        "from": "userinfo", "address": "text",
                        "birth_date": if compact { "compact" } else { "iso" },
                        "gender": if digit { "digit" } else { "word" },
                    },
                    "acr_map": {"aal3": {"ial": "high", "aal": "high"}},
                    "always_authenticates": true,
                }),
            ),
        ];
        let outbound = outbound();
        let provider = |(name, policy): (&str, Value)| {
            let (clock, ids) = (Arc::clone(&world.services.clock), Arc::clone(&world.services.ids));
            let policy = serde_json::from_value(policy).unwrap();
            let outbound = Arc::clone(&outbound);
            let made = OpenIdProvider::new(name.to_owned(), policy, outbound, clock, ids);
            Arc::new(made.unwrap()) as Arc<dyn LoginProvider>
        };
        let logins = Logins::new(
            world.services.clone(),
            Arc::clone(&world.residents),
            world.sessions.clone(),
            policies.into_iter().map(provider).collect(),
            Url::parse(BASE).unwrap(),
        );
        Self { world, logins, outbound, _folder: folder, _servers: [xid, daa] }
    }

    /// A login as the browser of a person goes through it.
    async fn log_in(&self, provider: &str, form: &[(&str, &str)]) -> LoginOutcome {
        let tenant = &self.world.tenant;
        let begun = self.logins.begin(tenant, provider, "/", false).await.unwrap();
        let choice = Request::post_form(begun.redirect, form);
        let answer = self.outbound.send(choice).await.unwrap();
        let back = answer.header("location").unwrap_or_else(|| unreachable!("{answer:?}"));
        let back = Url::parse(back).unwrap();
        assert_eq!(back.path(), format!("/login/{provider}/callback"));
        let get = |name: &str| {
            back.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
        };
        let query = CallbackQuery {
            code: get("code"),
            state: get("state"),
            error: get("error"),
            iss: get("iss"),
        };
        self.logins.callback(tenant, provider, &query, Some(&begun.cookie)).await.unwrap()
    }

    pub(crate) async fn resident(&self, provider: &str, persona: &str) -> Session {
        let outcome = self.log_in(provider, &[("persona", persona), ("outcome", "ok")]).await;
        let LoginOutcome::SignedIn { session, .. } = outcome else { unreachable!("{outcome:?}") };
        session.session
    }

    async fn with_fault(&self, provider: &str, fault: &str) -> LoginOutcome {
        let form = [("persona", "hanako"), ("outcome", "ok"), ("fault", fault)];
        self.log_in(provider, &form).await
    }
}

#[tokio::test]
async fn a_resident_logs_in_with_the_digital_authentication_app() {
    let sandbox = Sandbox::new().await;
    let session = sandbox.resident("daa", "hanako").await;
    assert_eq!(session.assurance.idp, "daa");
    assert_eq!((session.assurance.ial, session.assurance.aal), (Level::High, Level::High));
    assert!(session.assurance.fresh(sandbox.world.clock.micros(), 300));
    let person = sandbox.world.entity(&session.tsuno_id.urn()).await.unwrap();
    let value = |term: &str| {
        let name = tsunagu_ngsi_ld::Context::core().expand(term).into_owned();
        let value = person.attribute(&name).unwrap().instances[0].value.get().to_owned();
        serde_json::from_str::<Value>(&value).unwrap()
    };
    assert_eq!(value("name"), "都農 花子");
    assert_eq!(value("birthDate"), "1985-03-15");
    assert_eq!(value("gender"), "female");
    assert_eq!(
        value("address"),
        json!({
            "prefecture": "宮崎県", "city": "児湯郡都農町", "streetAddress": "大字川北4874番地2",
        })
    );
    // One entry for it: that an id was issued.
    assert_eq!(sandbox.world.accesses().await.len(), 1);
}

#[tokio::test]
async fn the_other_forms_of_birth_date_and_gender_are_read_when_they_are_agreed_on() {
    let sandbox = Sandbox::with(Birthdate::Iso, GenderForm::Word).await;
    let session = sandbox.resident("daa", "taro").await;
    let person = sandbox.world.entity(&session.tsuno_id.urn()).await.unwrap();
    let born = tsunagu_ngsi_ld::Context::core().expand("birthDate").into_owned();
    assert_eq!(person.attribute(&born).unwrap().instances[0].value.get(), "\"1983-11-02\"");
}

#[tokio::test]
async fn people_and_cards_are_what_they_are() {
    let sandbox = Sandbox::new().await;
    for (persona, outcome) in [("sakura", "ok"), ("yoshida", "ok"), ("kodomo", "ok")] {
        let outcome = sandbox.log_in("daa", &[("persona", persona), ("outcome", outcome)]).await;
        assert!(matches!(outcome, LoginOutcome::SignedIn { .. }), "{persona}: {outcome:?}");
    }
    for persona in ["jiro", "tenshutsu"] {
        let ended = sandbox.log_in("daa", &[("persona", persona), ("outcome", "ok")]).await;
        let LoginOutcome::NotResident { residency } = ended else { unreachable!("{ended:?}") };
        assert_eq!(residency.verdict, Verdict::NonResident, "{persona}");
    }
    let ended = sandbox.log_in("daa", &[("persona", "hanako"), ("outcome", "no_address")]).await;
    assert!(matches!(ended, LoginOutcome::Counter { .. }), "{ended:?}");
    for (persona, outcome) in
        [("hanako", "revoked_card"), ("hanako", "expired_card"), ("shibou", "ok")]
    {
        let ended = sandbox.log_in("daa", &[("persona", persona), ("outcome", outcome)]).await;
        assert_eq!(ended, LoginOutcome::Refused(RefusalReason::ProviderError), "{persona}");
    }
    let cancelled = sandbox.log_in("daa", &[("persona", "hanako"), ("outcome", "cancelled")]).await;
    assert!(matches!(cancelled, LoginOutcome::Cancelled { .. }));
}

#[tokio::test]
async fn every_fault_of_an_answer_is_refused_at_both_providers_and_nothing_is_kept() {
    let sandbox = Sandbox::new().await;
    let token = RefusalReason::IdToken;
    for provider in ["xid", "daa"] {
        for (fault, reason) in [
            ("wrong_nonce", token(IdTokenError::Nonce)),
            ("wrong_aud", token(IdTokenError::Audience)),
            ("wrong_iss", token(IdTokenError::Issuer)),
            ("alg_none", token(IdTokenError::Algorithm)),
            ("hs256_public_key", token(IdTokenError::Algorithm)),
            ("unknown_kid", token(IdTokenError::UnknownKey)),
            ("bad_signature", token(IdTokenError::Signature)),
            ("expired", token(IdTokenError::Time)),
            ("exp_string", token(IdTokenError::Claims)),
            ("clock_ahead", token(IdTokenError::Time)),
            ("clock_behind", token(IdTokenError::Time)),
            ("wrong_at_hash", token(IdTokenError::AccessTokenHash)),
            ("userinfo_sub", RefusalReason::UserinfoSubject),
            ("token_error", RefusalReason::ProviderUnavailable),
        ] {
            let ended = sandbox.with_fault(provider, fault).await;
            assert_eq!(ended, LoginOutcome::Refused(reason), "{provider} {fault}");
        }
    }
    assert!(sandbox.world.accesses().await.is_empty());
    // The same browser may try again and gets in.
    sandbox.resident("daa", "hanako").await;
}

#[tokio::test]
async fn a_provider_that_takes_the_code_and_never_answers_keeps_nobody_waiting_for_ever() {
    let sandbox = Sandbox::new().await;
    for provider in ["xid", "daa"] {
        let ended = sandbox.with_fault(provider, "token_timeout").await;
        assert_eq!(ended, LoginOutcome::Refused(RefusalReason::ProviderUnavailable), "{provider}");
    }
    sandbox.resident("xid", "hanako").await;
}

#[tokio::test]
async fn keys_that_do_not_come_refuse_the_login_and_come_again_after_a_pause() {
    let sandbox = Sandbox::new().await;
    let ended = sandbox.with_fault("daa", "slow_jwks").await;
    let reason = RefusalReason::IdToken(IdTokenError::KeysUnavailable);
    assert_eq!(ended, LoginOutcome::Refused(reason));
    sandbox.world.pass(31);
    sandbox.resident("daa", "hanako").await;
}

#[tokio::test]
async fn a_new_key_is_followed() {
    let sandbox = Sandbox::new().await;
    sandbox.resident("daa", "hanako").await;
    sandbox.world.pass(31);
    let ended = sandbox.with_fault("daa", "new_key").await;
    assert!(matches!(ended, LoginOutcome::SignedIn { .. }), "{ended:?}");
}
