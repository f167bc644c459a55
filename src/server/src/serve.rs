//! `serve`, `config check` and `doctor`.

mod paths;

use std::sync::Arc;

use actix_web::dev::Service as _;
use actix_web::http::header;
use actix_web::middleware::from_fn;
use actix_web::{App as Application, Error, HttpRequest, HttpResponse, HttpServer, rt, web};
use anyhow::{Context as _, bail};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::say;
use crate::wire::{self, App, Foundation};

/// Runs the gateway until it is told to stop.
pub(crate) fn serve(config: &Config) -> anyhow::Result<()> {
    log_json();
    rt::System::new().block_on(async {
        let App { base, gateway, site, flows } = wire::assemble(config).await?;
        let shutdown = CancellationToken::new();
        let tracker = TaskTracker::new();
        flows.spawn(&tracker, &shutdown);

        let server = HttpServer::new(move || {
            Application::new()
                .app_data(gateway.clone())
                .app_data(site.clone())
                .configure(tsunagu_api::configure)
                .configure(tsunagu_web::configure)
                .default_service(web::to(fallback))
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
    let accepts = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accepts.is_some_and(|accept| accept.contains("text/html")) {
        return tsunagu_web::not_found(request).await;
    }
    Err(tsunagu_api::no_such_path().into())
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
