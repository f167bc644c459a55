//! An `OpenID` provider shaped like デジタル認証アプリ (the Digital Authentication App), its part for authentication.
//!
//! | request | what |
//! | --- | --- |
//! | `GET /api/realms/main/.well-known/openid-configuration` | metadata |
//! | `GET …/protocol/openid-connect/auth` | the page in place of card and app: a person and an outcome |
//! | `POST …/protocol/openid-connect/auth?<the same query>` | the choice as a form: `persona`, `outcome`, `fault` |
//! | `POST …/protocol/openid-connect/token` | code for tokens; `private_key_jwt` only, RS256, `aud` the token endpoint |
//! | `GET …/protocol/openid-connect/userinfo` | `sub`, and of `name`, `address`, `birthdate`, `gender` what was granted |
//! | `GET …/protocol/openid-connect/certs` | the signing keys |
//!
//! What is not public is this simulator's own choice: the `acr` (an option), how birth date and gender are written (options),
//! how long codes and tokens are good (options), and `login_required` as the error for a card that cannot be used. Signing
//! documents (scope `sign`) is not simulated and refused.

mod assertion;
mod authorize;
mod page;
mod token;
mod userinfo;

use std::collections::HashSet;
use std::sync::Mutex;

use actix_web::web::{self, Data, Json};
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::idp::{Fault, Grants, Keys, Lifetimes};
use crate::jose::RsaPublic;
use crate::serve::Place;
use crate::town::Town;
use crate::{Clock, Error, Running};

/// The realm, below the server's URL.
const REALM: &str = "/api/realms/main";
/// The endpoints, below the realm.
const PROTOCOL: &str = "/protocol/openid-connect";

/// How a birth date is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Birthdate {
    /// `19850315`
    Compact,
    /// `1985-03-15`
    Iso,
}

/// How a gender is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GenderForm {
    /// `1` and `2`
    Digit,
    /// `male` and `female`
    Word,
}

/// What the simulator is told at start.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// The registered client
    #[arg(long, default_value = "RP00000001")]
    pub client_id: String,
    /// The client's public RSA key in PEM, or a file with it
    #[arg(long, value_name = "PEM|FILE", allow_hyphen_values = true)]
    pub client_key: String,
    /// A redirect URI of the client, compared exactly; may be repeated
    #[arg(long, required = true)]
    pub redirect_uri: Vec<String>,
    /// The `acr` of every login
    #[arg(long, default_value = "aal3")]
    pub acr: String,
    /// How a birth date is written
    #[arg(long, value_enum, default_value_t = Birthdate::Compact)]
    pub birthdate: Birthdate,
    /// How a gender is written
    #[arg(long, value_enum, default_value_t = GenderForm::Digit)]
    pub gender: GenderForm,
    /// Seconds that a code is good
    #[arg(long, default_value_t = 60)]
    pub code_lifetime: u32,
    /// Seconds that an access token is good
    #[arg(long, default_value_t = 300)]
    pub token_lifetime: u32,
    /// Seconds that an ID token is good
    #[arg(long, default_value_t = 300)]
    pub id_token_lifetime: u32,
    /// A fault in every login, unless the form names another
    #[arg(long)]
    pub fault: Option<Fault>,
    /// How many residents the invented town has
    #[arg(long, default_value_t = 200)]
    pub residents: usize,
}

/// The provider.
struct State {
    /// The realm's URL.
    issuer: String,
    options: Options,
    client_key: RsaPublic,
    town: Town,
    clock: Clock,
    keys: Keys,
    grants: Grants,
    /// Ids of client assertions that were used.
    assertions: Mutex<HashSet<String>>,
}

impl State {
    fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    fn at(&self, endpoint: &str) -> String {
        format!("{}{PROTOCOL}/{endpoint}", self.issuer)
    }
}

/// Starts the provider; its issuer is its URL with the realm's path.
pub(crate) fn start(options: Options, clock: Clock) -> Result<Running, Error> {
    let wrong = |option, reason: &str| Error::Option { option, reason: reason.to_owned() };
    let id = &options.client_id;
    if id.is_empty() || id.len() > 255 || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(wrong("--client-id", "1 to 255 letters and digits"));
    }
    let pem = if options.client_key.contains("-----BEGIN") {
        options.client_key.clone()
    } else {
        let path = options.client_key.clone().into();
        std::fs::read_to_string(&options.client_key)
            .map_err(|source| Error::File { path, source })?
    };
    let client_key = RsaPublic::from_pem(&pem)
        .ok_or_else(|| wrong("--client-key", "a public key in PEM (BEGIN PUBLIC KEY)"))?;
    let lifetime = |seconds: u32| TimeDelta::seconds(seconds.into());
    let lifetimes = Lifetimes {
        code: lifetime(options.code_lifetime),
        access_token: lifetime(options.token_lifetime),
        id_token: lifetime(options.id_token_lifetime),
    };
    let place = Place::take(options.port)?;
    let state = Data::new(State {
        issuer: format!("{}{REALM}", place.url),
        client_key,
        town: Town::generate(options.residents),
        clock,
        keys: Keys::generate()?,
        grants: Grants::new(lifetimes),
        assertions: Mutex::default(),
        options,
    });
    place.serve("daa", move |app| {
        app.app_data(state.clone()).service(
            web::scope(REALM)
                .route("/.well-known/openid-configuration", web::get().to(metadata))
                .service(
                    web::scope(PROTOCOL)
                        .route("/auth", web::get().to(authorize::show))
                        .route("/auth", web::post().to(authorize::choose))
                        .route("/token", web::post().to(token::exchange))
                        .route("/userinfo", web::get().to(userinfo::userinfo))
                        .route("/certs", web::get().to(keys)),
                ),
        );
    })
}

async fn metadata(state: Data<State>) -> Json<Value> {
    Json(json!({
        "issuer": state.issuer,
        "authorization_endpoint": state.at("auth"),
        "token_endpoint": state.at("token"),
        "userinfo_endpoint": state.at("userinfo"),
        "jwks_uri": state.at("certs"),
        "scopes_supported": authorize::SCOPES,
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "acr_values_supported": [state.options.acr],
    }))
}

async fn keys(state: Data<State>) -> Json<Value> {
    Json(state.keys.published().await)
}
