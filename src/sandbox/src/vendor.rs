//! The server of a healthcare app, つのヘルスケア: an OpenID client of the gateway.
//!
//! | request | what |
//! | --- | --- |
//! | `GET /` | the app's page |
//! | `GET /login` | pushes an authorization request to the gateway and sends the browser there |
//! | `GET /callback` | takes the code, checks the ID token, opens the session |
//! | `GET /session`, `POST /logout` | who is logged in, and an end to it |
//! | `GET /me` | the resident's entity, through NGSI-LD |
//! | `POST /activities`, `GET /activities` | writes and lists `HealthActivity` entities |
//! | `GET /probe?path=…`, `POST /probe` | any request to the gateway, with the resident's token |
//! | `GET /jwks.json` | the app's public key, for `private_key_jwt` |
//!
//! The gateway's answers come back as `{"status", "headers", "body"}` under 200: the app's own
//! status says whether the app could ask, the inner one what the gateway said. Browsers get pages,
//! everybody else JSON. The session is a cookie; tokens never leave the server, and are bound to a
//! key that never does either (DPoP).

mod data;
mod dpop;
mod gateway;
mod kept;
mod login;
mod page;
mod session;

use actix_web::web::{self, Data, Json};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use url::Url;

use self::gateway::Gateway;
use self::kept::Kept;
use self::session::Sessions;
use crate::jose::SigningKey;
use crate::serve::Place;
use crate::{Clock, Error, Running};

/// What the vendor's server is told at start.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Port on 127.0.0.1; 0 takes a free one. The redirect URI is `http://127.0.0.1:<port>/callback`
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// The gateway: its issuer URL, without a path
    #[arg(long, value_name = "URL")]
    pub gateway: String,
    /// The id under which the gateway knows this app
    #[arg(long)]
    pub client_id: String,
    /// The app's private P-256 key as JWK; without it a new key is made, see /jwks.json
    #[arg(long, value_name = "FILE")]
    pub private_jwk: Option<PathBuf>,
    /// The purpose to ask consent for
    #[arg(long, default_value = "health-coaching")]
    pub purpose: String,
    /// The data classes to ask consent for; may be repeated
    #[arg(long = "data-class", default_values = ["contact", "health-activity"])]
    pub data_classes: Vec<String>,
    /// What to do with the data: read, write; may be repeated
    #[arg(long = "action", default_values = ["read", "write"])]
    pub actions: Vec<String>,
    /// A JSON-LD @context to name in NGSI-LD requests by a Link header
    #[arg(long, value_name = "URL")]
    pub context_url: Option<Url>,
}

struct State {
    redirect_uri: String,
    /// What is asked for: `authorization_details` (RFC 9396).
    authorization_details: Value,
    gateway: Gateway,
    sessions: Sessions,
    kept: Kept,
    clock: Clock,
}

/// Starts the server. The gateway need not answer yet: it is asked at the first login.
pub(crate) fn start(options: Options, clock: Clock) -> Result<Running, Error> {
    let key = match &options.private_jwk {
        None => SigningKey::generate()?,
        Some(path) => {
            let json = std::fs::read_to_string(path)
                .map_err(|source| Error::File { path: path.clone(), source })?;
            SigningKey::from_private_jwk(&json)?
        }
    };
    let place = Place::take(options.port)?;
    let state = Data::new(State {
        redirect_uri: format!("{}/callback", place.url),
        authorization_details: json!([{
            "type": "resident_data",
            "purpose": options.purpose,
            "data_classes": options.data_classes,
            "actions": options.actions,
        }]),
        gateway: Gateway::new(
            &options.gateway,
            options.client_id,
            key,
            options.context_url.as_ref(),
            Clock::clone(&clock),
        )?,
        sessions: Sessions::default(),
        kept: Kept::default(),
        clock,
    });
    place.serve("vendor", move |app| {
        app.app_data(state.clone())
            .route("/", web::get().to(page::home))
            .route("/jwks.json", web::get().to(keys))
            .route("/login", web::get().to(login::begin))
            .route("/callback", web::get().to(login::finish))
            .route("/logout", web::post().to(login::end))
            .route("/session", web::get().to(login::session))
            .route("/me", web::get().to(data::me))
            .route("/kept", web::get().to(kept::kept))
            .route("/events", web::post().to(kept::event))
            .route("/activities", web::post().to(data::record))
            .route("/activities", web::get().to(data::list))
            .route("/probe", web::get().to(data::probe))
            .route("/probe", web::post().to(data::probe_with));
    })
}

async fn keys(state: Data<State>) -> Json<Value> {
    Json(json!({"keys": [state.gateway.public_key()]}))
}
