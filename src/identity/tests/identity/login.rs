//! Logging in through an OpenID provider.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use tsunagu_domain::Level;
use tsunagu_identity::{
    Begun, CallbackQuery, IdTokenError, LoginOutcome, Logins, OpenIdProvider, ProviderPolicy,
    RefusalReason, Services, Verdict,
};
use tsunagu_store::access::{Action, Decision};
use url::Url;

use super::provider::{CLIENT_ID, CLIENT_SECRET, Provider};
use super::world::{World, b64, key, loopback};

pub(crate) struct Town {
    pub(crate) world: World,
    pub(crate) provider: Provider,
    pub(crate) logins: Logins,
}

pub(crate) fn hanako() -> Value {
    json!({
        "last_name": "都農", "first_name": "花子", "previous_name": "",
        "year": "1985", "month": "03", "date": "15",
        "prefecture": "宮崎県", "city": "児湯郡都農町", "address": "大字川北4874番地2",
        "gender": "2", "sub_char_common_name": "0000", "verified_at": "2026-04-01T09:00:00+09:00",
    })
}

pub(crate) fn with(mut person: Value, changes: &[(&str, &str)]) -> Value {
    for (name, value) in changes {
        person[*name] = json!(value);
    }
    person
}

/// A provider with this policy, reached over loopback.
pub(crate) fn adapter(world: &World, name: &str, policy: Value) -> OpenIdProvider {
    let policy: ProviderPolicy = serde_json::from_value(policy).unwrap();
    let Services { clock, ids, .. } = world.services.clone();
    OpenIdProvider::new(name.to_owned(), policy, loopback(), clock, ids).unwrap()
}

impl Town {
    pub(crate) async fn new() -> Self {
        Self::agreeing(&json!({})).await
    }

    /// With these changes to what was agreed with the provider.
    pub(crate) async fn agreeing(changes: &Value) -> Self {
        let world = World::new().await;
        let provider = Provider::start(world.now()).await;
        let folder = TempDir::new().unwrap();
        let user_data_key = folder.path().join("user-data.jwk");
        std::fs::write(&user_data_key, provider.user_data_key()).unwrap();
        let mut policy = json!({
            "label": {"ja": "xID", "en": "xID"},
            "issuer": provider.issuer,
            "client_id": CLIENT_ID,
            "client_auth": {"method": "client_secret_basic", "secret": CLIENT_SECRET},
            "scopes": ["openid", "verification"],
            "parameters": {"response_mode": "query"},
            "verified_data": {"from": "user-data", "key_file": user_data_key},
            "acr_map": {"urn:x-id:aal2": {"ial": "high", "aal": "substantial"}},
        });
        policy.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let xid = adapter(&world, "xid", policy);
        let logins = Logins::new(
            world.services.clone(),
            Arc::clone(&world.residents),
            world.sessions.clone(),
            vec![Arc::new(xid)],
            Url::parse("https://gateway.example/").unwrap(),
        );
        Self { world, provider, logins }
    }

    async fn begin(&self) -> Begun {
        self.logins.begin(&self.world.tenant, "xid", "/me", false).await.unwrap()
    }

    async fn finish(&self, query: &CallbackQuery, cookie: Option<&str>) -> LoginOutcome {
        self.logins.callback(&self.world.tenant, "xid", query, cookie).await.unwrap()
    }

    pub(crate) async fn log_in(&self, sub: &str, person: Value) -> LoginOutcome {
        let begun = self.begin().await;
        let code = self.provider.confirm(&begun.redirect, sub, person);
        self.finish(&answer(&begun, &code), Some(&begun.cookie)).await
    }
}

fn state(begun: &Begun) -> String {
    begun.redirect.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned()
}

fn answer(begun: &Begun, code: &str) -> CallbackQuery {
    CallbackQuery {
        code: Some(code.to_owned()),
        state: Some(state(begun)),
        ..CallbackQuery::default()
    }
}

fn refused(reason: RefusalReason) -> LoginOutcome {
    LoginOutcome::Refused(reason)
}

#[tokio::test]
async fn a_resident_gets_one_tsuno_id_a_person_and_a_session() {
    let town = Town::new().await;
    let outcome = town.log_in("sub-hanako", hanako()).await;
    let LoginOutcome::SignedIn { session, return_to, first_time } = outcome else {
        unreachable!("{outcome:?}")
    };
    assert!(first_time);
    assert_eq!(return_to, "/me");
    let id = session.session.tsuno_id;
    assert_eq!(session.session.assurance.ial, Level::High);
    assert_eq!(session.session.assurance.aal, Level::Substantial);
    let found = town.world.sessions.find(&town.world.tenant, &session.cookie).await.unwrap();
    assert_eq!(found.unwrap().tsuno_id, id);

    let person = town.world.entity(&id.urn()).await.unwrap();
    let core = tsunagu_ngsi_ld::Context::core();
    let value = |term: &str| {
        person.attribute(&core.expand(term)).unwrap().instances[0].value.get().to_owned()
    };
    assert_eq!(person.subject, Some(id.to_string()));
    assert_eq!(value("name"), "\"都農 花子\"");
    assert_eq!(value("birthDate"), "\"1985-03-15\"");
    assert_eq!(value("gender"), "\"female\"");
    assert!(value("address").contains("大字川北4874番地2"));

    let resident = town.world.residents.get(&town.world.tenant, id).await.unwrap().unwrap();
    assert_eq!(resident.residency.verdict, Verdict::Resident);
    assert!(!resident.residency.evidence.contains("都農"));
    let accesses = town.world.accesses().await;
    let issued = accesses.iter().find(|a| a.reason == "tsuno-id-issued").unwrap();
    assert_eq!((issued.action, issued.subjects.as_slice()), (Action::Identify, &[id][..]));
    assert!(!serde_json::to_string(&accesses).unwrap().contains("花子"));

    let again = town.log_in("sub-hanako", hanako()).await;
    let LoginOutcome::SignedIn { session, first_time, .. } = again else { unreachable!() };
    assert!(!first_time);
    assert_eq!(session.session.tsuno_id, id);
}

#[tokio::test]
async fn the_same_person_logging_in_many_times_at_once_gets_one_tsuno_id() {
    let town = Arc::new(Town::new().await);
    let logins = (0..12).map(|_| {
        let town = Arc::clone(&town);
        tokio::spawn(async move { town.log_in("sub-hanako", hanako()).await })
    });
    let (mut ids, mut first) = (HashSet::new(), 0);
    for login in logins.collect::<Vec<_>>() {
        let LoginOutcome::SignedIn { session, first_time, .. } = login.await.unwrap() else {
            unreachable!()
        };
        ids.insert(session.session.tsuno_id);
        first += usize::from(first_time);
    }
    assert_eq!((ids.len(), first), (1, 1));
    let other =
        town.log_in("sub-taro", with(hanako(), &[("first_name", "太郎"), ("gender", "1")])).await;
    let LoginOutcome::SignedIn { session, .. } = other else { unreachable!() };
    assert!(ids.insert(session.session.tsuno_id));
}

#[tokio::test]
async fn t31_who_lives_elsewhere_or_nobody_knows_where_gets_no_tsuno_id() {
    let town = Town::new().await;
    for (changes, reason) in [
        ([("prefecture", "宮崎県"), ("city", "日向市")], "not-a-resident"),
        ([("prefecture", ""), ("city", "Tsuno-cho")], "address-needs-counter"),
    ] {
        let outcome = town.log_in("sub-jiro", with(hanako(), &changes)).await;
        match outcome {
            LoginOutcome::NotResident { residency } => {
                assert_eq!((residency.verdict, reason), (Verdict::NonResident, "not-a-resident"));
            }
            LoginOutcome::Counter { .. } => assert_eq!(reason, "address-needs-counter"),
            other => unreachable!("{other:?}"),
        }
        let last = town.world.accesses().await.pop().unwrap();
        assert_eq!((last.decision, last.reason.as_str()), (Decision::Denied, reason));
        assert!(last.subjects.is_empty());
    }
}

#[tokio::test]
async fn moving_and_renaming_refresh_the_person_and_keep_the_id() {
    let town = Town::new().await;
    let LoginOutcome::SignedIn { session, .. } = town.log_in("sub-hanako", hanako()).await else {
        unreachable!()
    };
    let id = session.session.tsuno_id;
    let before = town.world.entity(&id.urn()).await.unwrap();
    town.world.pass(5);
    let moved = with(hanako(), &[("city", "日向市"), ("address", "大字富高1")]);
    let LoginOutcome::SignedIn { session, .. } = town.log_in("sub-hanako", moved).await else {
        unreachable!()
    };
    assert_eq!(session.session.tsuno_id, id);
    let after = town.world.entity(&id.urn()).await.unwrap();
    let core = tsunagu_ngsi_ld::Context::core();
    let at = |entity: &tsunagu_ngsi_ld::Entity, term: &str| {
        entity.attribute(&core.expand(term)).unwrap().instances[0].clone()
    };
    assert!(at(&after, "address").value.get().contains("日向市"));
    assert!(at(&after, "address").modified_at > at(&before, "address").modified_at);
    assert_eq!(at(&after, "name").modified_at, at(&before, "name").modified_at);
    let resident = town.world.residents.get(&town.world.tenant, id).await.unwrap().unwrap();
    assert_eq!(resident.residency.verdict, Verdict::NonResident);
}

#[tokio::test]
async fn t22_an_answer_that_this_browser_did_not_ask_for_is_refused() {
    let town = Town::new().await;
    let (mine, theirs) = (town.begin().await, town.begin().await);
    let code = town.provider.confirm(&theirs.redirect, "sub-hanako", hanako());
    let their_answer = answer(&theirs, &code);
    for (query, cookie) in [
        (their_answer.clone(), Some(mine.cookie.as_str())),
        (their_answer.clone(), None),
        (CallbackQuery { state: None, ..their_answer.clone() }, Some(theirs.cookie.as_str())),
        (
            CallbackQuery { state: Some("made-up".to_owned()), ..their_answer.clone() },
            Some(theirs.cookie.as_str()),
        ),
    ] {
        assert_eq!(town.finish(&query, cookie).await, refused(RefusalReason::State));
    }
    // The attempts above spoil nothing for the browser that began it; a second use of the answer fails.
    let outcome = town.finish(&their_answer, Some(&theirs.cookie)).await;
    assert!(matches!(outcome, LoginOutcome::SignedIn { .. }), "{outcome:?}");
    assert_eq!(
        town.finish(&their_answer, Some(&theirs.cookie)).await,
        refused(RefusalReason::State)
    );

    let late = town.begin().await;
    let code = town.provider.confirm(&late.redirect, "sub-hanako", hanako());
    town.world.pass(601);
    assert_eq!(
        town.finish(&answer(&late, &code), Some(&late.cookie)).await,
        refused(RefusalReason::State)
    );
}

#[tokio::test]
async fn cancelling_errors_and_foreign_issuers_end_the_login() {
    let town = Town::new().await;
    let begun = town.begin().await;
    let error = |error: &str, begun: &Begun| CallbackQuery {
        error: Some(error.to_owned()),
        state: Some(state(begun)),
        ..CallbackQuery::default()
    };
    let outcome = town.finish(&error("access_denied", &begun), Some(&begun.cookie)).await;
    assert_eq!(outcome, LoginOutcome::Cancelled { return_to: "/me".to_owned() });
    let begun = town.begin().await;
    let outcome = town.finish(&error("server_error", &begun), Some(&begun.cookie)).await;
    assert_eq!(outcome, refused(RefusalReason::ProviderUnavailable));
    let begun = town.begin().await;
    let outcome = town.finish(&error("login_required", &begun), Some(&begun.cookie)).await;
    assert_eq!(outcome, refused(RefusalReason::ProviderError));
    let begun = town.begin().await;
    let code = town.provider.confirm(&begun.redirect, "sub-hanako", hanako());
    let mixed_up =
        CallbackQuery { iss: Some("https://other.example".to_owned()), ..answer(&begun, &code) };
    assert_eq!(town.finish(&mixed_up, Some(&begun.cookie)).await, refused(RefusalReason::Issuer));
    let begun = town.begin().await;
    let made_up = answer(&begun, "made-up");
    assert_eq!(town.finish(&made_up, Some(&begun.cookie)).await, refused(RefusalReason::Code));
}

#[tokio::test]
async fn t26_t29_id_tokens_with_any_flaw_are_refused() {
    type Flaw = fn(&mut Value);
    let town = Town::new().await;
    let flaws: [(&str, Flaw, IdTokenError); 16] = [
        ("other nonce", |c| c["nonce"] = json!("another"), IdTokenError::Nonce),
        ("no nonce", |c| c["nonce"] = Value::Null, IdTokenError::Claims),
        ("other audience", |c| c["aud"] = json!("another-client"), IdTokenError::Audience),
        (
            "foreign audience too",
            |c| c["aud"] = json!([CLIENT_ID, "another"]),
            IdTokenError::Audience,
        ),
        ("other authorized party", |c| c["azp"] = json!("another"), IdTokenError::Audience),
        (
            "issuer with a slash",
            |c| c["iss"] = json!(format!("{}/", c["iss"].as_str().unwrap_or_default())),
            IdTokenError::Issuer,
        ),
        ("expired", |c| c["exp"] = json!(1_000), IdTokenError::Time),
        (
            "from the future",
            |c| c["iat"] = json!(c["iat"].as_i64().unwrap_or_default() + 60),
            IdTokenError::Time,
        ),
        (
            "made long ago",
            |c| c["iat"] = json!(c["iat"].as_i64().unwrap_or_default() - 3600),
            IdTokenError::Time,
        ),
        ("exp as text", |c| c["exp"] = json!("4000000000"), IdTokenError::Claims),
        ("exp as fraction", |c| c["exp"] = json!(4e9 + 0.5), IdTokenError::Claims),
        ("exp as array", |c| c["exp"] = json!([4_000_000_000_i64]), IdTokenError::Claims),
        ("iat as text", |c| c["iat"] = json!("1"), IdTokenError::Claims),
        (
            "hash of another access token",
            |c| c["at_hash"] = json!("AAAA"),
            IdTokenError::AccessTokenHash,
        ),
        ("empty subject", |c| c["sub"] = json!(""), IdTokenError::Claims),
        ("iat out of all range", |c| c["iat"] = json!(i64::MIN), IdTokenError::Time),
    ];
    for (name, flaw, error) in flaws {
        town.provider.twist(move |key, mut claims| {
            flaw(&mut claims);
            key.sign("JWT", &claims).unwrap()
        });
        let outcome = town.log_in("sub-hanako", hanako()).await;
        assert_eq!(outcome, refused(RefusalReason::IdToken(error)), "{name}");
    }
    town.provider.twist(|key, claims| {
        let text =
            claims.to_string().replace(&format!("\"exp\":{}", claims["exp"]), "\"exp\":1e400");
        assert!(text.contains("1e400"));
        key.sign("JWT", &serde_json::value::RawValue::from_string(text).unwrap()).unwrap()
    });
    let outcome = town.log_in("sub-hanako", hanako()).await;
    assert_eq!(outcome, refused(RefusalReason::IdToken(IdTokenError::Claims)));
    assert!(town.world.accesses().await.is_empty());
}

#[tokio::test]
async fn t25_id_tokens_signed_otherwise_are_refused() {
    let town = Town::new().await;
    let header = |alg: &str, kid: &str| b64(json!({"alg": alg, "kid": kid}).to_string());
    town.provider.twist(move |key, claims| {
        format!("{}.{}.", header("none", key.kid()), b64(claims.to_string()))
    });
    assert_eq!(
        town.log_in("s", hanako()).await,
        refused(RefusalReason::IdToken(IdTokenError::Algorithm))
    );
    // HMAC with the public key as its secret, as libraries once fell for.
    town.provider.twist(move |key, claims| {
        let message = format!("{}.{}", header("HS256", key.kid()), b64(claims.to_string()));
        let public = serde_json::to_vec(key.public()).unwrap();
        let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &public);
        format!("{message}.{}", b64(aws_lc_rs::hmac::sign(&secret, message.as_bytes())))
    });
    assert_eq!(
        town.log_in("s", hanako()).await,
        refused(RefusalReason::IdToken(IdTokenError::Algorithm))
    );
    town.provider.twist(|_, claims| key().sign("JWT", &claims).unwrap());
    assert_eq!(
        town.log_in("s", hanako()).await,
        refused(RefusalReason::IdToken(IdTokenError::UnknownKey))
    );
    town.provider.twist(|ours, claims| {
        let forged = key().sign("JWT", &claims).unwrap();
        let (_, rest) = forged.split_once('.').unwrap();
        format!("{}.{rest}", b64(json!({"alg": "ES256", "kid": ours.kid()}).to_string()))
    });
    assert_eq!(
        town.log_in("s", hanako()).await,
        refused(RefusalReason::IdToken(IdTokenError::Signature))
    );
    town.provider.twist(|_, _| "not a token".to_owned());
    assert_eq!(
        town.log_in("s", hanako()).await,
        refused(RefusalReason::IdToken(IdTokenError::Malformed))
    );
}

#[tokio::test]
async fn t25_an_algorithm_that_was_not_agreed_on_is_refused_though_it_is_a_good_one() {
    let town = Town::agreeing(&json!({"algorithms": ["PS256"]})).await;
    let refusal = refused(RefusalReason::IdToken(IdTokenError::Algorithm));
    assert_eq!(town.log_in("sub-hanako", hanako()).await, refusal);
    let town = Town::agreeing(&json!({"algorithms": ["PS256", "ES256"]})).await;
    let outcome = town.log_in("sub-hanako", hanako()).await;
    assert!(matches!(outcome, LoginOutcome::SignedIn { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_found_and_made_up_keys_do_not_hammer_it() {
    let town = Town::new().await;
    assert!(matches!(town.log_in("s", hanako()).await, LoginOutcome::SignedIn { .. }));
    assert_eq!(town.provider.jwks_calls(), 1);
    town.provider.new_key();
    town.world.pass(31);
    town.provider.twist(|key, mut claims| {
        claims["iat"] = json!(claims["iat"].as_i64().unwrap() + 31);
        key.sign("JWT", &claims).unwrap()
    });
    assert!(matches!(town.log_in("s", hanako()).await, LoginOutcome::SignedIn { .. }));
    assert_eq!(town.provider.jwks_calls(), 2);
    town.provider.twist(|_, claims| key().sign("JWT", &claims).unwrap());
    for _ in 0..5 {
        assert_eq!(
            town.log_in("s", hanako()).await,
            refused(RefusalReason::IdToken(IdTokenError::UnknownKey))
        );
    }
    assert_eq!(town.provider.jwks_calls(), 2);
}

#[tokio::test]
async fn user_information_about_somebody_else_is_refused() {
    let town = Town::new().await;
    town.provider.userinfo_sub("sub-taro");
    assert_eq!(town.log_in("sub-hanako", hanako()).await, refused(RefusalReason::UserinfoSubject));
    assert!(town.world.accesses().await.is_empty());
}

#[tokio::test]
async fn unreadable_user_data_are_refused() {
    let town = Town::new().await;
    for person in [
        with(hanako(), &[("month", "13")]),
        with(hanako(), &[("year", "昭和60")]),
        json!({"last_name": "都農"}),
        json!([]),
    ] {
        assert_eq!(town.log_in("sub-hanako", person).await, refused(RefusalReason::UserData));
    }
}

#[tokio::test]
async fn t28_an_acr_that_is_missing_lower_or_not_mapped_is_the_lowest_level() {
    let town = Town::new().await;
    assert!(matches!(town.log_in("sub-hanako", hanako()).await, LoginOutcome::SignedIn { .. }));
    for acr in [None, Some("urn:x-id:aal3"), Some("")] {
        town.provider.acr(acr);
        let LoginOutcome::SignedIn { session, .. } = town.log_in("sub-hanako", hanako()).await
        else {
            unreachable!()
        };
        let assurance = session.session.assurance;
        assert_eq!((assurance.ial, assurance.aal), (Level::Low, Level::Low), "{acr:?}");
        assert_eq!(assurance.acr.as_deref(), acr);
    }
}

#[tokio::test]
async fn data_with_an_individual_number_in_them_are_not_kept() {
    let town = Town::new().await;
    let begun = town.begin().await;
    let person = with(hanako(), &[("address", "大字川北1 123456789018")]);
    let code = town.provider.confirm(&begun.redirect, "sub-hanako", person);
    let query = answer(&begun, &code);
    let refused =
        town.logins.callback(&town.world.tenant, "xid", &query, Some(&begun.cookie)).await;
    assert_eq!(refused.unwrap_err().code, tsunagu_domain::ProblemCode::IndividualNumber);
}

#[tokio::test]
async fn who_shall_authenticate_anew_is_sent_so_unless_the_policy_says_how() {
    let prompt = async |changes: Value, anew: bool| {
        let town = Town::agreeing(&changes).await;
        let begun = town.logins.begin(&town.world.tenant, "xid", "/", anew).await.unwrap();
        let found = begun.redirect.query_pairs().filter(|(name, _)| name == "prompt");
        found.map(|(_, value)| value.into_owned()).collect::<Vec<_>>()
    };
    assert!(prompt(json!({}), false).await.is_empty());
    assert_eq!(prompt(json!({}), true).await, ["login"]);
    let said = json!({"parameters": {"prompt": "select_account"}});
    assert_eq!(prompt(said, true).await, ["select_account"]);
    assert!(prompt(json!({"always_authenticates": true}), true).await.is_empty());
}

#[tokio::test]
async fn nothing_but_a_local_path_is_returned_to() {
    let town = Town::new().await;
    for open in ["https://evil.example/", "//evil.example", "/\\evil.example"] {
        let begun = town.logins.begin(&town.world.tenant, "xid", open, false).await.unwrap();
        let code = town.provider.confirm(&begun.redirect, "sub-hanako", hanako());
        let outcome = town.finish(&answer(&begun, &code), Some(&begun.cookie)).await;
        let LoginOutcome::SignedIn { return_to, .. } = outcome else { unreachable!() };
        assert_eq!(return_to, "/");
    }
    assert!(town.logins.begin(&town.world.tenant, "other", "/", false).await.is_err());
}
