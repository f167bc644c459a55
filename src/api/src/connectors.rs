//! `/connectors/v1`: links to other systems and their runs, for staff; how they do, for systems that watch; and where those systems send to.

mod dead_letters;
mod list;
mod messages;
mod metrics;
mod reload;
mod run;
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

pub(crate) use dead_letters::{
    __path_dismiss, __path_list as __path_dead, __path_replay, dismiss, list as dead, replay,
};
pub(crate) use list::{__path_list, list};
pub(crate) use messages::{__path_messages, messages};
pub(crate) use metrics::{__path_metrics, metrics};
pub(crate) use reload::{__path_reload, reload};
pub(crate) use run::{__path_probe, __path_run, probe, run};
pub(crate) use runs::{__path_runs, runs};

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    let letters = "/connectors/v1/{name}/dead-letters";
    cfg.service(resource("/metrics", [(Method::GET, web::get().to(metrics))]))
        .service(resource("/connectors/v1", [(Method::GET, web::get().to(list))]))
        .service(resource("/connectors/v1/reload", [(Method::POST, web::post().to(reload))]))
        .service(resource("/connectors/v1/{name}/runs", [(Method::GET, web::get().to(runs))]))
        .service(resource("/connectors/v1/{name}/run", [(Method::POST, web::post().to(run))]))
        .service(resource("/connectors/v1/{name}/probe", [(Method::POST, web::post().to(probe))]))
        .service(resource(letters, [(Method::GET, web::get().to(dead))]))
        .service(resource(&format!("{letters}/replay"), [(Method::POST, web::post().to(replay))]))
        .service(resource(
            &format!("{letters}/{{id}}"),
            [(Method::DELETE, web::delete().to(dismiss))],
        ))
        .service(resource(
            "/connectors/v1/{name}/messages",
            [(Method::POST, web::post().to(messages))],
        ));
}

/// The operator: no personal data is here. Tools of the town hall may look too.
async fn operator(gateway: &Gateway, request: &HttpRequest, id: &str) -> Result<Staff, Failure> {
    let object = Object::new("urn:tsunagu:type:Connector", "connectors", id);
    on_duty(gateway, request, Role::Operator, object).await
}

fn failure(error: &ConnectError) -> Failure {
    tracing::error!(%error, "what connectors remember cannot be read or kept");
    Failure::new(
        ProblemCode::Unavailable,
        "what the connectors remember cannot be read or kept now; try again later",
    )
}
