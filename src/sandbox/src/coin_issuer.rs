//! The issuer of つのコイン: it takes grant orders and credits each exactly once.
//!
//! | request | answer |
//! | --- | --- |
//! | `POST /grants` with `Idempotency-Key: "<key>"` | 201 a new grant; 200 the grant this key made; 422 the key was used with another body; 400 no usable key or body |
//! | `GET /grants/{key}` | the grant that a key made, or 404 |
//! | `POST /grants/{key}/cancel` | takes the amount back; repeating it changes nothing |
//! | `GET /accounts/{account}` | the balance, or 404 for an account that never had a grant |
//! | `GET /statement?date=YYYY-MM-DD` | what was booked on a day of Japan time |
//! | `POST /faults`, `GET /faults` | orders misbehaviour; admin key |
//!
//! All but `/faults` need `Authorization: Bearer <api-key>`. The key is a string of RFC 8941 as
//! the Idempotency-Key draft asks: in double quotes. Bookings are kept in memory and, with
//! `--journal`, in a file, synced before the answer: a restart with the same file goes on.

mod faults;
mod journal;
mod key;
mod ledger;

pub use faults::Fault;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use chrono::NaiveDate;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::faults::{Faults, Reply};
use self::journal::Journal;
use self::ledger::{Booked, Entry, Ledger, Order, Posted};
use crate::http::{Params, Refusal, require_key};
use crate::serve::Place;
use crate::{Clock, Error, Running, jose};

/// What the coin issuer is told at start.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// The bearer key of the one who orders grants
    #[arg(long, env = "SANDBOX_COIN_API_KEY", hide_env_values = true)]
    pub api_key: String,
    /// The bearer key for ordering faults; without it none can be ordered
    #[arg(long, env = "SANDBOX_COIN_ADMIN_KEY", hide_env_values = true)]
    pub admin_key: Option<String>,
    /// Keep bookings in this append-only file
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
}

struct Books {
    ledger: Ledger,
    journal: Option<Journal>,
    faults: Faults,
}

struct State {
    api_key: String,
    admin_key: Option<String>,
    clock: Clock,
    books: Mutex<Books>,
}

impl State {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request in: the right key, and the issuer not ordered to be down.
    fn admit(&self, request: &HttpRequest) -> Result<(), Refusal> {
        require_key(request, &self.api_key)?;
        if self.books().faults.take(Fault::Down) {
            return Err(Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "the issuer is down; nothing was booked",
            ));
        }
        Ok(())
    }
}

impl Books {
    /// Writes the entry down, then counts it: what is answered is in the file.
    fn book(&mut self, entry: Entry) -> Result<(), Refusal> {
        if let Some(journal) = &mut self.journal {
            journal.append(&entry)?;
        }
        self.ledger.book(entry);
        Ok(())
    }
}

/// Starts the server, with what the journal holds already booked.
pub(crate) fn start(options: Options, clock: Clock) -> Result<Running, Error> {
    let mut ledger = Ledger::default();
    let journal = match &options.journal {
        None => None,
        Some(path) => Some(Journal::open(path, |entry| ledger.book(entry))?),
    };
    let place = Place::take(options.port)?;
    let state = Data::new(State {
        api_key: options.api_key,
        admin_key: options.admin_key,
        clock,
        books: Mutex::new(Books { ledger, journal, faults: Faults::default() }),
    });
    place.serve("coin-issuer", move |app| {
        app.app_data(state.clone())
            .route("/grants", web::post().to(grant))
            .route("/grants/{key}", web::get().to(find))
            .route("/grants/{key}/cancel", web::post().to(cancel))
            .route("/accounts/{account}", web::get().to(account))
            .route("/statement", web::get().to(statement))
            .route("/faults", web::post().to(order_fault))
            .route("/faults", web::get().to(ordered_faults));
    })
}

async fn grant(
    request: HttpRequest,
    state: Data<State>,
    body: Bytes,
) -> Result<HttpResponse, Refusal> {
    state.admit(&request)?;
    let key = key::of(&request)?;
    let order = Order::read(&body)?;
    let (posted, reply) = {
        let mut books = state.books();
        let posted = match books.ledger.posted(&key, &order) {
            Posted::Before(booked) => (StatusCode::OK, booked.clone()),
            Posted::Otherwise => {
                return Err(Refusal::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "idempotency_key_reused",
                    "this Idempotency-Key came before with another body",
                ));
            }
            Posted::Never => {
                let grant_id = jose::random_uuid()?;
                let at = (state.clock)();
                books.book(Entry::Grant { grant_id, key: key.clone(), order, at })?;
                let booked = books.ledger.grant(&key).cloned();
                (StatusCode::CREATED, booked.ok_or_else(|| Refusal::not_found("not booked"))?)
            }
        };
        (posted, books.faults.reply())
    };
    let (status, booked) = posted;
    reply.give(HttpResponse::build(status).json(booked)).await
}

async fn find(
    request: HttpRequest,
    state: Data<State>,
    key: web::Path<String>,
) -> Result<Json<Booked>, Refusal> {
    state.admit(&request)?;
    let books = state.books();
    books.ledger.grant(&key).cloned().map(Json).ok_or_else(no_grant)
}

async fn cancel(
    request: HttpRequest,
    state: Data<State>,
    key: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    state.admit(&request)?;
    let (booked, reply): (Booked, Reply) = {
        let mut books = state.books();
        let found = books.ledger.grant(&key).ok_or_else(no_grant)?;
        if !found.is_cancelled() {
            books.book(Entry::Cancel { key: key.clone(), at: (state.clock)() })?;
        }
        (books.ledger.grant(&key).cloned().ok_or_else(no_grant)?, books.faults.reply())
    };
    reply.give(HttpResponse::Ok().json(booked)).await
}

fn no_grant() -> Refusal {
    Refusal::not_found("no grant was made with this key")
}

async fn account(
    request: HttpRequest,
    state: Data<State>,
    account: web::Path<String>,
) -> Result<Json<Value>, Refusal> {
    state.admit(&request)?;
    let balance = state.books().ledger.balance(&account);
    let balance = balance.ok_or_else(|| Refusal::not_found("the account never had a grant"))?;
    Ok(Json(json!({"account": *account, "balance": balance, "currency": "つのコイン"})))
}

async fn statement(
    request: HttpRequest,
    state: Data<State>,
) -> Result<Json<ledger::Statement>, Refusal> {
    state.admit(&request)?;
    let query = Params::parse(request.query_string().as_bytes())?;
    let day: NaiveDate = query
        .required("date")?
        .parse()
        .map_err(|_| Refusal::bad_request("invalid_request", "date must be YYYY-MM-DD"))?;
    Ok(Json(state.books().ledger.statement(day)))
}

/// The body of `POST /faults`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct FaultOrder {
    fault: Fault,
    /// How many requests it hits; 0 takes the order back.
    count: u32,
}

async fn order_fault(
    request: HttpRequest,
    state: Data<State>,
    order: Json<FaultOrder>,
) -> Result<Json<Value>, Refusal> {
    admit_admin(&request, &state)?;
    let mut books = state.books();
    books.faults.order(order.fault, order.count);
    Ok(Json(books.faults.listed()))
}

async fn ordered_faults(request: HttpRequest, state: Data<State>) -> Result<Json<Value>, Refusal> {
    admit_admin(&request, &state)?;
    Ok(Json(state.books().faults.listed()))
}

fn admit_admin(request: &HttpRequest, state: &State) -> Result<(), Refusal> {
    match &state.admin_key {
        Some(key) => require_key(request, key),
        None => Err(Refusal::not_found("faults cannot be ordered: no --admin-key")),
    }
}
