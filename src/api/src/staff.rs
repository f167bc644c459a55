//! `/staff/v1`: what members of staff do, in sessions of their own. Tokens are refused here: each of these acts needs a person.

pub(crate) mod cases;
pub(crate) mod clients;
mod me;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use serde::de::DeserializeOwned;
use tsunagu_domain::ProblemCode;

use crate::body::Capped;
use crate::resource::resource;
use crate::{Failure, Gateway};

pub(crate) use me::{__path_me, me};

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    cfg.service(
        web::scope("/staff/v1")
            .service(resource("/me", [(Method::GET, web::get().to(me))]))
            .service(resource(
                "/cases",
                [
                    (Method::GET, web::get().to(cases::list)),
                    (Method::POST, web::post().to(cases::open)),
                ],
            ))
            .service(resource("/cases/{id}", [(Method::GET, web::get().to(cases::retrieve))]))
            .service(resource("/cases/{id}/read", [(Method::GET, web::get().to(cases::read))]))
            .service(resource(
                "/cases/{id}/approve",
                [(Method::POST, web::post().to(cases::approve))],
            ))
            .service(resource("/cases/{id}/deny", [(Method::POST, web::post().to(cases::deny))]))
            .service(resource("/cases/{id}/close", [(Method::POST, web::post().to(cases::close))]))
            .service(resource(
                "/clients",
                [
                    (Method::GET, web::get().to(clients::list)),
                    (Method::POST, web::post().to(clients::apply)),
                ],
            ))
            .service(resource("/clients/{id}", [(Method::GET, web::get().to(clients::retrieve))]))
            .service(resource(
                "/clients/{id}/approve",
                [(Method::POST, web::post().to(clients::approve))],
            ))
            .service(resource(
                "/clients/{id}/deny",
                [(Method::POST, web::post().to(clients::deny))],
            ))
            .service(resource(
                "/clients/{id}/suspend",
                [(Method::POST, web::post().to(clients::suspend))],
            ))
            .service(resource(
                "/clients/{id}/resume",
                [(Method::POST, web::post().to(clients::resume))],
            ))
            .service(resource("/clients/{id}/end", [(Method::POST, web::post().to(clients::end))])),
    );
}

/// The body as JSON of this form.
pub(crate) fn json<T: DeserializeOwned>(
    gateway: &Gateway,
    body: &Capped,
    form: &str,
) -> Result<T, Failure> {
    let text = body.json(gateway.limits.max_depth)?;
    serde_json::from_str(text).map_err(|error| {
        let detail = format!("the body must be {form}: {error}");
        Failure::new(ProblemCode::InvalidRequest, detail)
    })
}
