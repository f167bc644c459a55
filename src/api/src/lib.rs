//! The JSON API: from HTTP to the rooms and back, and the OpenAPI document that describes it. No business rules.
//!
//! The request path, in this order and with this reason for each step:
//!
//! 1. `request_id::assign` – everything that follows can be found again;
//! 2. `rates` – an address that asks too often is refused before anything is done for it;
//! 3. `guard`, `body` – no individual number in a header; size and shape are bounded before anything is read into the model;
//! 4. `presented` – authenticate: the token, its signature, its life, that its sender holds the key or certificate that it is bound to, the rate of its client and
//!    resident;
//! 5. `caller` – tenant: the token's, never only the header's;
//! 6. `caller` – view: the live consent behind the token is loaded for every request and compiled with purpose and assurance;
//! 7. handler – validate and act, in the broker, through the view;
//! 8. broker – project: what leaves was cut by the view;
//! 9. broker – audit: the record of access is on disk;
//! 10. handler – respond.

mod actors;
mod audit;
mod body;
mod caller;
mod connectors;
mod consents;
mod counter;
mod error;
mod gateway;
mod guard;
mod imports;
mod me;
mod ngsi_ld;
mod oauth;
mod openapi;
mod operations;
mod params;
mod presented;
mod proxies;
mod rates;
mod records;
pub mod request_id;
mod residents;
mod resource;
mod rewards;
mod staff;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};

pub use caller::{PURPOSE_HEADER, TENANT_HEADER};
pub use error::Failure;
pub use gateway::{Gateway, Limits, RequestIds};
pub use guard::refuse_individual_numbers;
pub use ngsi_ld::CONTEXTS;
pub use openapi::document;
pub use presented::supply_nonce;
pub use proxies::Proxies;
pub use rates::{Rates, admit_address};
pub use resource::no_such_path;

/// Adds every path of the API. The application holds a `web::Data<Gateway>`.
pub fn configure(cfg: &mut ServiceConfig) {
    ngsi_ld::configure(cfg);
    oauth::configure(cfg);
    consents::configure(cfg);
    me::configure(cfg);
    counter::configure(cfg);
    audit::configure(cfg);
    operations::configure(cfg);
    rewards::configure(cfg);
    residents::configure(cfg);
    connectors::configure(cfg);
    staff::configure(cfg);
    imports::configure(cfg);
    records::configure(cfg);
    cfg.service(resource::resource(
        "/openapi.json",
        [(Method::GET, web::get().to(openapi::serve))],
    ));
}
