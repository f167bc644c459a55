//! The `OpenID` provider of a town hall: the accounts of staff. What it is like in a real one (a directory service, Keycloak) differs; this one does
//! what `OpenID` Connect Core asks for and no more.
//!
//! | request | what |
//! | --- | --- |
//! | `GET /.well-known/openid-configuration` | metadata |
//! | `GET /authorize` | a page to choose a member of staff; works without scripts |
//! | `POST /authorize?<the same query>` | the choice as a form: `persona`, `outcome` (`ok`, `password`, `cancelled`) |
//! | `POST /token` | code for tokens; client secret by Basic |
//! | `GET /userinfo` | `sub` |
//! | `GET /jwks.json` | the signing keys |
//!
//! `ok` is a login with two factors, `password` one with a password alone. Everybody here is invented ([`STAFF`]).

use std::fmt::Write as _;

use actix_web::http::{StatusCode, header};
use actix_web::web::{self, Bytes, Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::{Value, json};
use url::Url;

use crate::http::{Params, Refusal, basic_credentials, credentials, escape, page, same_secret};
use crate::idp::{self, Grants, Keys, Lifetimes, Login};
use crate::jose;
use crate::serve::Place;
use crate::{Clock, Error, Running};

/// The accounts: the identifier (`sub`), and the name on the page. What they may do is for the gateway to say.
pub const STAFF: [(&str, &str); 6] = [
    ("th-1001", "加藤 窓口"),
    ("th-1002", "井上 運用"),
    ("th-1003", "森 監査"),
    ("th-1004", "上田 承認"),
    ("th-1005", "石川 承認"),
    ("th-1006", "新人 権限なし"),
];
/// The `acr` of a login with two factors.
pub const TWO_FACTORS: &str = "urn:town-hall:mfa";
/// The `acr` of a login with a password alone.
pub const PASSWORD: &str = "urn:town-hall:password";

/// What the provider is told at start.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// The registered client
    #[arg(long, default_value = "tsunagu")]
    pub client_id: String,
    /// The client's secret
    #[arg(long, env = "SANDBOX_TOWN_HALL_CLIENT_SECRET", hide_env_values = true)]
    pub client_secret: String,
    /// A redirect URI of the client, compared exactly; may be repeated
    #[arg(long, required = true)]
    pub redirect_uri: Vec<String>,
}

struct State {
    issuer: String,
    options: Options,
    clock: Clock,
    keys: Keys,
    grants: Grants,
}

impl State {
    fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }
}

/// Starts the provider; its issuer is its URL.
pub(crate) fn start(options: Options, clock: Clock) -> Result<Running, Error> {
    if options.client_secret.is_empty() {
        let reason = "must not be empty".to_owned();
        return Err(Error::Option { option: "--client-secret", reason });
    }
    let place = Place::take(options.port)?;
    let state = Data::new(State {
        issuer: place.url.clone(),
        options,
        clock,
        keys: Keys::generate()?,
        grants: Grants::new(Lifetimes::default()),
    });
    place.serve("town-hall", move |app| {
        app.app_data(state.clone())
            .route("/.well-known/openid-configuration", web::get().to(metadata))
            .route("/jwks.json", web::get().to(keys))
            .route("/authorize", web::get().to(show))
            .route("/authorize", web::post().to(choose))
            .route("/token", web::post().to(exchange))
            .route("/userinfo", web::get().to(userinfo));
    })
}

async fn metadata(state: Data<State>) -> Json<Value> {
    let issuer = &state.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks.json"),
        "scopes_supported": ["openid"],
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "acr_values_supported": [TWO_FACTORS, PASSWORD],
    }))
}

async fn keys(state: Data<State>) -> Json<Value> {
    Json(state.keys.published().await)
}

/// A request that can be answered.
struct Asked {
    redirect_uri: Url,
    state: String,
    login: Login,
}

impl Asked {
    fn read(request: &HttpRequest, state: &State) -> Result<Self, Refusal> {
        let params = Params::parse(request.query_string().as_bytes())?;
        let bad = |text| Refusal::bad_request("invalid_request", text);
        if params.required("client_id")? != state.options.client_id {
            return Err(Refusal::bad_request("invalid_client", "the client is unknown"));
        }
        let given = params.required("redirect_uri")?.to_owned();
        let redirect_uri = Url::parse(&given).ok();
        let redirect_uri = redirect_uri
            .filter(|_| state.options.redirect_uri.contains(&given))
            .ok_or_else(|| bad("the redirect URI is not registered for the client"))?;
        if params.required("response_type")? != "code" || params.required("scope")? != "openid" {
            return Err(bad("response_type must be code, and scope openid"));
        }
        if params.required("code_challenge_method")? != "S256" {
            return Err(bad("a code_challenge with method S256 is needed"));
        }
        let login = Login {
            client_id: state.options.client_id.clone(),
            redirect_uri: given,
            code_challenge: params.required("code_challenge")?.to_owned(),
            nonce: params.required("nonce")?.to_owned(),
            scope: "openid".to_owned(),
            persona: String::new(),
            with_address: false,
            at: state.now(),
            fault: None,
        };
        Ok(Self { redirect_uri, state: params.required("state")?.to_owned(), login })
    }

    fn back(&self, issuer: &str, name: &str, value: &str) -> HttpResponse {
        let mut uri = self.redirect_uri.clone();
        uri.query_pairs_mut()
            .append_pair(name, value)
            .append_pair("state", &self.state)
            .append_pair("iss", issuer);
        HttpResponse::Found()
            .insert_header((header::LOCATION, uri.as_str()))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::REFERRER_POLICY, "no-referrer"))
            .finish()
    }
}

/// `GET /authorize`
async fn show(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refusal> {
    Asked::read(&request, &state)?;
    let mut people = String::new();
    for (at, (sub, name)) in STAFF.iter().enumerate() {
        let selected = if at == 0 { " selected" } else { "" };
        // writing to a string cannot fail
        _ = write!(people, "<option value=\"{sub}\"{selected}>{name} {sub}</option>");
    }
    let query = escape(request.query_string());
    Ok(page(
        StatusCode::OK,
        "役場の認証基盤(模擬)",
        &format!(
            "<p class=\"note\">これは試験用の模擬です。登場する人物はすべて架空です。<br>\
             <span lang=\"en\">A simulator for trying things; everybody here is invented.</span></p>\
             <form method=\"post\" action=\"/authorize?{query}\">\
             <label for=\"persona\">職員を選ぶ</label>\
             <select id=\"persona\" name=\"persona\" size=\"6\" required>{people}</select>\
             <p><button name=\"outcome\" value=\"ok\">二要素でログインする</button>\
             <button name=\"outcome\" value=\"password\">パスワードだけでログインする</button>\
             <button name=\"outcome\" value=\"cancelled\">キャンセルする</button></p></form>"
        ),
    ))
}

/// `POST /authorize`
async fn choose(
    request: HttpRequest,
    state: Data<State>,
    body: Bytes,
) -> Result<HttpResponse, Refusal> {
    let asked = Asked::read(&request, &state)?;
    let form = Params::form(&request, &body)?;
    let acr = match form.required("outcome")? {
        "ok" => TWO_FACTORS,
        "password" => PASSWORD,
        "cancelled" => return Ok(asked.back(&state.issuer, "error", "access_denied")),
        _ => {
            let text = "outcome must be ok, password or cancelled";
            return Err(Refusal::bad_request("invalid_request", text));
        }
    };
    let persona = form.required("persona")?;
    if !STAFF.iter().any(|(sub, _)| *sub == persona) {
        return Err(Refusal::bad_request("invalid_request", "the persona is unknown"));
    }
    // The grant remembers how the person logged in beside who it was.
    let login = Login { persona: format!("{persona} {acr}"), ..asked.login.clone() };
    let code = state.grants.issue_code(login, state.now())?;
    Ok(asked.back(&state.issuer, "code", &code))
}

/// Account and `acr` of a login.
fn who(login: &Login) -> (&str, &str) {
    login.persona.split_once(' ').unwrap_or((&login.persona, PASSWORD))
}

/// `POST /token`
async fn exchange(
    request: HttpRequest,
    state: Data<State>,
    body: Bytes,
) -> Result<HttpResponse, Refusal> {
    let form = Params::form(&request, &body)?;
    let given = credentials(&request, "Basic").and_then(basic_credentials);
    let right = given.filter(|(id, secret)| {
        *id == state.options.client_id && same_secret(secret, &state.options.client_secret)
    });
    if right.is_none() {
        let text = "the client is unknown or its secret is wrong or missing";
        return Err(Refusal::unauthorized(r#"Basic realm="town-hall""#, "invalid_client", text));
    }
    if form.required("grant_type")? != "authorization_code" {
        let text = "grant_type must be authorization_code";
        return Err(Refusal::bad_request("unsupported_grant_type", text));
    }
    let redeemed = state.grants.redeem(
        form.required("code")?,
        &state.options.client_id,
        form.required("redirect_uri")?,
        form.required("code_verifier")?,
        state.now(),
    )?;
    let (login, access_token) =
        redeemed.map_err(|reason| Refusal::bad_request("invalid_grant", reason))?;
    let (now, (sub, acr)) = (state.now(), who(&login));
    let claims = json!({
        "iss": state.issuer,
        "sub": sub,
        "aud": login.client_id,
        "iat": now.timestamp(),
        "exp": (now + state.grants.lifetimes.id_token).timestamp(),
        "auth_time": login.at.timestamp(),
        "nonce": login.nonce,
        "acr": acr,
        "at_hash": jose::half_hash(&access_token),
    });
    let id_token = idp::id_token(&state.keys.current(), None, claims, now)?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": state.grants.lifetimes.access_token.num_seconds(),
        "scope": login.scope,
        "id_token": id_token,
    })))
}

/// `GET /userinfo`
async fn userinfo(request: HttpRequest, state: Data<State>) -> Result<Json<Value>, Refusal> {
    let token = credentials(&request, "Bearer");
    let login = token.and_then(|token| state.grants.token(token, state.now()));
    let login = login.ok_or_else(|| {
        let text = "a live access token is needed";
        Refusal::unauthorized("Bearer", "invalid_token", text)
    })?;
    Ok(Json(json!({ "sub": who(&login).0 })))
}
