//! `/records/v1`: what systems of the town are told about their own records.

mod link_key;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};

use crate::resource::resource;

pub(crate) use link_key::{__path_link_key, link_key};

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    let keys = [(Method::GET, web::get().to(link_key))];
    cfg.service(web::scope("/records/v1").service(resource("/{entityId}/link-key", keys)));
}
