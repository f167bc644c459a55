//! `serve`, `config check` and `doctor`.

mod paths;

use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service as _, ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::{Condition, Next, from_fn};
use actix_web::{
    App as Application, Error, HttpRequest, HttpResponse, HttpServer, ResponseError as _, rt, web,
};
use anyhow::{Context as _, bail};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing_subscriber::EnvFilter;
use tsunagu_api::Gateway;
use tsunagu_web::Site;

use crate::config::Config;
use crate::say;
use crate::wire::{self, App, Foundation};

/// Runs the gateway until it is told to stop.
pub(crate) fn serve(config: &Config) -> anyhow::Result<()> {
    log_json();
    // What answers no request runs on as many threads as there are processors, so that a large import keeps no coin waiting.
    let beside = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let beside = beside.context("no threads to run on")?;
    rt::System::with_tokio_rt(|| beside).block_on(async {
        let App { base, gateway, site, flows } = wire::assemble(config).await?;
        let shutdown = CancellationToken::new();
        let tracker = TaskTracker::new();
        flows.start(&tracker, &shutdown).await?;

        let server = HttpServer::new(move || {
            Application::new()
                .app_data(gateway.clone())
                .app_data(site.clone())
                .configure(tsunagu_api::configure)
                .configure(tsunagu_web::configure)
                .default_service(web::to(fallback))
                .wrap(from_fn(tsunagu_api::supply_nonce))
                .wrap(from_fn(tsunagu_api::refuse_individual_numbers))
                .wrap(Condition::new(gateway.rates.is_some(), from_fn(within_rates)))
                .wrap(from_fn(tsunagu_api::request_id::assign))
                // Clients in the wild end paths with a slash.
                .wrap_fn(|mut request, service| {
                    paths::without_slash_at_end(&mut request);
                    service.call(request)
                })
        })
        .bind(&config.listen)
        .with_context(|| format!("{} cannot be listened on", config.listen))?;
        let port = server.addrs().first().map(std::net::SocketAddr::port);
        say(&format!("READY gateway {} (port {})", config.issuer(), port.unwrap_or_default()));
        let end = server.shutdown_timeout(10).run().await;

        // Requests first, then what runs beside them, then the store.
        shutdown.cancel();
        tracker.close();
        tracker.wait().await;
        base.store.close().await;
        end.context("the server stopped")
    })
}

/// What answers where there is nothing: a page to browsers, a problem to everybody else.
async fn fallback(request: HttpRequest) -> Result<HttpResponse, Error> {
    if is_browser(&request) {
        return tsunagu_web::not_found(request).await;
    }
    Err(tsunagu_api::no_such_path().into())
}

/// What stands in front of everything: who asks too often is told so, in the same two ways.
async fn within_rates(
    gateway: web::Data<Gateway>,
    site: web::Data<Site>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Err(failure) = tsunagu_api::admit_address(&gateway, request.request()).await else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let mut answer = failure.error_response();
    if is_browser(request.request()) {
        let retry_after = answer.headers().get(header::RETRY_AFTER).cloned();
        answer = tsunagu_web::problem(site, request.request(), failure.problem);
        if let Some(seconds) = retry_after {
            answer.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
    }
    Ok(request.into_response(answer))
}

fn is_browser(request: &HttpRequest) -> bool {
    let accepts = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accepts.is_some_and(|accept| accept.contains("text/html"))
}

/// Reads everything that the configuration names, without opening the store.
pub(crate) fn check(config: &Config) -> anyhow::Result<()> {
    wire::check(config)
}

/// Checks stored data and says what is wrong.
pub(crate) fn doctor(config: &Config) -> anyhow::Result<()> {
    rt::System::new().block_on(async {
        let base = Foundation::open(config).await?;
        let findings = Arc::clone(&base.store).verify().await?;
        for finding in &findings {
            say(finding);
        }
        base.store.close().await;
        if !findings.is_empty() {
            bail!("{} findings; restore a backup, or report them with this output", findings.len());
        }
        say("the store and the log of accesses are healthy");
        Ok(())
    })
}

fn log_json() {
    let filter = EnvFilter::try_from_env("TSUNAGU_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr);
    // Only a second call in one process could fail.
    log.try_init().ok();
}
