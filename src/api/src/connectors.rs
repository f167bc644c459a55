//! `/connectors/v1`: links to other systems and their runs, for staff.

mod list;
mod runs;

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use tsunagu_connect::ConnectError;
use tsunagu_domain::ProblemCode;

use tsunagu_staff::{Object, Role};

use crate::actors::{Staff, on_duty};
use crate::resource::resource;
use crate::{Failure, Gateway};

pub(crate) use list::{__path_list, list};
pub(crate) use runs::{__path_runs, runs};

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    cfg.service(resource("/connectors/v1", [(Method::GET, web::get().to(list))]))
        .service(resource("/connectors/v1/{name}/runs", [(Method::GET, web::get().to(runs))]));
}

/// The operator: no personal data is here. Tools of the town hall may look too.
async fn operator(gateway: &Gateway, request: &HttpRequest, id: &str) -> Result<Staff, Failure> {
    let object = Object::new("urn:tsunagu:type:Connector", "connectors", id);
    on_duty(gateway, request, Role::Operator, object).await
}

fn failure(error: &ConnectError) -> Failure {
    tracing::error!(%error, "the runs of a connector cannot be read");
    Failure::new(
        ProblemCode::Unavailable,
        "the runs of the connectors cannot be read now; try again later",
    )
}
