//! An OpenID provider shaped like xID.
//!
//! | request | what |
//! | --- | --- |
//! | `GET /.well-known/openid-configuration` | metadata (OpenID Connect Discovery 1.0) |
//! | `GET /oauth2/auth` | a page to choose a person and an outcome; works without scripts |
//! | `POST /oauth2/auth?<the same query>` | the choice as a form: `persona`, `outcome`, `fault` |
//! | `POST /oauth2/token` | code for tokens; client secret by Basic or in the form |
//! | `GET /userinfo` | claims of the access token's person |
//! | `GET /v4/verification/userdata` | the verified data from the card, encrypted to the client |
//! | `GET /.well-known/jwks.json` | the signing keys |
//! | `PUT /sandbox/clients/{client_id}` | registers a client; needs the admin key |
//!
//! What xID does not publish is this simulator's own choice: the envelope of the user data (a
//! compact JWE, ECDH-ES with A256GCM, content `application/json`), `acr` `urn:x-id:aal2`, `amr`,
//! and the form of the values in the user data. PKCE (S256), `state` and
//! `nonce` are required, though xID is not known to require them.

mod authorize;
mod page;
mod state;
mod token;
mod userdata;

pub use crate::idp::Fault;

use actix_web::web::{self, Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use clap::Args;
use serde_json::{Value, json};

use self::state::{Client, State};
use crate::http::{Refusal, require_key};
use crate::jose::Jwk;
use crate::serve::Place;
use crate::town::Town;
use crate::{Clock, Error, Running};

/// What the xID simulator is told at start.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// A client registered from the start
    #[arg(long, requires_all = ["client_secret", "redirect_uri", "user_data_jwk"])]
    pub client_id: Option<String>,
    /// The client's secret
    #[arg(long, env = "SANDBOX_XID_CLIENT_SECRET", hide_env_values = true)]
    pub client_secret: Option<String>,
    /// A redirect URI of the client, compared exactly; may be repeated
    #[arg(long)]
    pub redirect_uri: Vec<String>,
    /// The client's public P-256 key that user data is encrypted to: a JWK, or a file with one
    #[arg(long, value_name = "JWK|FILE")]
    pub user_data_jwk: Option<String>,
    /// The bearer key for registering clients while running; without it nobody can
    #[arg(long, env = "SANDBOX_XID_ADMIN_KEY", hide_env_values = true)]
    pub admin_key: Option<String>,
    /// A fault in every login, unless the form names another
    #[arg(long)]
    pub fault: Option<Fault>,
    /// How many residents the invented town has
    #[arg(long, default_value_t = 200)]
    pub residents: usize,
}

/// Starts the provider; its issuer is its URL.
pub(crate) fn start(options: Options, clock: Clock) -> Result<Running, Error> {
    let client = first_client(&options)?;
    let place = Place::take(options.port)?;
    let state = State::new(
        place.url.clone(),
        Town::generate(options.residents),
        clock,
        options.admin_key,
        options.fault,
    )?;
    if let Some((id, client)) = client {
        state.register(id, client);
    }
    let state = Data::new(state);
    place.serve("xid", move |app| {
        app.app_data(state.clone())
            .route("/.well-known/openid-configuration", web::get().to(metadata))
            .route("/.well-known/jwks.json", web::get().to(keys))
            .route("/oauth2/auth", web::get().to(authorize::show))
            .route("/oauth2/auth", web::post().to(authorize::choose))
            .route("/oauth2/token", web::post().to(token::exchange))
            .route("/userinfo", web::get().to(userdata::userinfo))
            .route("/userinfo", web::post().to(userdata::userinfo))
            .route("/v4/verification/userdata", web::get().to(userdata::userdata))
            .route("/sandbox/clients/{client_id}", web::put().to(register));
    })
}

fn first_client(options: &Options) -> Result<Option<(String, Client)>, Error> {
    let Some(id) = options.client_id.clone() else {
        return Ok(None);
    };
    let missing = |option| Error::Option { option, reason: "--client-id needs it".to_owned() };
    let secret = options.client_secret.clone().ok_or(missing("--client-secret"))?;
    let given = options.user_data_jwk.as_deref().ok_or(missing("--user-data-jwk"))?;
    let json = if given.trim_start().starts_with('{') {
        given.to_owned()
    } else {
        std::fs::read_to_string(given)
            .map_err(|source| Error::File { path: given.into(), source })?
    };
    let jwk = serde_json::from_str(&json).ok();
    Client::new(secret, options.redirect_uri.clone(), jwk)
        .map(|client| Some((id, client)))
        .map_err(|reason| Error::Option { option: "--client-id", reason: reason.to_owned() })
}

/// The body of `PUT /sandbox/clients/{client_id}`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    client_secret: String,
    redirect_uris: Vec<String>,
    user_data_jwk: Jwk,
}

async fn register(
    request: HttpRequest,
    state: Data<State>,
    id: web::Path<String>,
    body: Json<Registration>,
) -> Result<HttpResponse, Refusal> {
    let Some(key) = &state.admin_key else {
        return Err(Refusal::not_found("clients are registered at start only: no --admin-key"));
    };
    require_key(&request, key)?;
    let Registration { client_secret, redirect_uris, user_data_jwk } = body.into_inner();
    let client = Client::new(client_secret, redirect_uris, Some(user_data_jwk))
        .map_err(|reason| Refusal::bad_request("invalid_client_metadata", reason))?;
    state.register(id.into_inner(), client);
    Ok(HttpResponse::NoContent().finish())
}

async fn metadata(state: Data<State>) -> Json<Value> {
    let issuer = &state.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth2/auth"),
        "token_endpoint": format!("{issuer}/oauth2/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "scopes_supported": ["openid", "verification"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "acr_values_supported": [token::ACR],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "nonce", "auth_time", "acr", "amr", "at_hash",
            "tid", "sid", "email", "email_verified", "userdataid", "XID_verified",
        ],
    }))
}

async fn keys(state: Data<State>) -> Json<Value> {
    Json(state.keys.published().await)
}
