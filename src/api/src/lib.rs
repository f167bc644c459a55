//! The JSON API: from HTTP to the rooms and back, and the OpenAPI document that describes it. No business rules.
//!
//! The request path, in this order and with this reason for each step:
//!
//! 1. `request_id::assign` – everything that follows can be found again;
//! 2. `body` – size and shape are bounded before anything is read into the model;
//! 3. `caller` – authenticate: the token, its signature, its life;
//! 4. `caller` – tenant: the token's, never only the header's;
//! 5. `caller` – view: the live consent behind the token is loaded for every request and compiled with purpose and assurance;
//! 6. handler – validate and act, in the broker, through the view;
//! 7. broker – project: what leaves was cut by the view;
//! 8. broker – audit: the record of access is on disk;
//! 9. handler – respond.

mod actors;
mod audit;
mod body;
mod caller;
mod connectors;
mod consents;
mod error;
mod gateway;
mod me;
mod ngsi_ld;
mod oauth;
mod openapi;
mod operations;
mod params;
pub mod request_id;
mod resource;
mod rewards;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};

pub use caller::{PURPOSE_HEADER, TENANT_HEADER};
pub use error::Failure;
pub use gateway::{Gateway, Limits, RequestIds};
pub use ngsi_ld::CONTEXTS;
pub use openapi::document;
pub use resource::no_such_path;

/// Adds every path of the API. The application holds a `web::Data<Gateway>`.
pub fn configure(cfg: &mut ServiceConfig) {
    ngsi_ld::configure(cfg);
    oauth::configure(cfg);
    consents::configure(cfg);
    me::configure(cfg);
    audit::configure(cfg);
    operations::configure(cfg);
    rewards::configure(cfg);
    connectors::configure(cfg);
    cfg.service(resource::resource(
        "/openapi.json",
        [(Method::GET, web::get().to(openapi::serve))],
    ));
}
