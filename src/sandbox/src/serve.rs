//! Starting, announcing and stopping a server.

use std::io::Write as _;
use std::net::TcpListener;

use actix_web::dev::ServerHandle;
use actix_web::web::{JsonConfig, PayloadConfig, ServiceConfig};
use actix_web::{App, HttpServer};
use clap::Subcommand;
use tokio::task::JoinHandle;

use crate::{Clock, Error, coin_issuer, daa, municipal, system_clock, town_hall, vendor, xid};

/// Largest request body a server of the sandbox reads, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// One part of the outside world, with its options.
#[derive(Debug, Clone, Subcommand)]
pub enum Role {
    /// The OpenID provider shaped like xID
    Xid(xid::Options),
    /// The OpenID provider shaped like デジタル認証アプリ (the Digital Authentication App)
    Daa(daa::Options),
    /// The healthcare vendor's server
    Vendor(vendor::Options),
    /// The municipal system that publishes the resident register
    Municipal(municipal::Options),
    /// The issuer of the town's coin
    CoinIssuer(coin_issuer::Options),
    /// The OpenID provider of the town hall, for staff
    TownHall(town_hall::Options),
}

/// A server that answers.
#[derive(Debug)]
pub struct Running {
    role: &'static str,
    url: String,
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// The role as the command line spells it: `xid`, `daa`, `vendor`, `municipal`, `coin-issuer` or `town-hall`.
    pub fn role(&self) -> &'static str {
        self.role
    }

    /// `http://127.0.0.1:<port>`, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops listening and ends open connections.
    pub async fn stop(self) {
        self.handle.stop(false).await;
    }

    async fn stopped_by_itself(&mut self) -> Error {
        let reason = match (&mut self.task).await {
            Ok(Ok(())) => "no reason given".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        Error::Stopped { role: self.role, reason }
    }
}

/// Starts one server and returns as soon as it answers. `clock` is the time it lives by.
pub async fn start(role: Role, clock: Clock) -> Result<Running, Error> {
    match role {
        Role::Xid(options) => xid::start(options, clock),
        Role::Daa(options) => daa::start(options, clock),
        Role::Vendor(options) => vendor::start(options, clock),
        Role::Municipal(options) => municipal::start(options).await,
        Role::CoinIssuer(options) => coin_issuer::start(options, clock),
        Role::TownHall(options) => town_hall::start(options, clock),
    }
}

/// Serves one role until ctrl-c.
///
/// When the server answers, exactly one line goes to standard output, so that a parent process
/// can wait for it and learn the port: `READY <role> http://127.0.0.1:<port>`.
pub async fn run(role: Role) -> Result<(), Error> {
    let mut running = start(role, system_clock()).await?;
    announce(&running).map_err(Error::Output)?;
    tokio::select! {
        signal = tokio::signal::ctrl_c() => {
            running.stop().await;
            signal.map_err(|error| Error::Stopped { role: "ctrl-c", reason: error.to_string() })
        }
        error = running.stopped_by_itself() => Err(error),
    }
}

fn announce(running: &Running) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "READY {} {}", running.role, running.url)?;
    out.flush()
}

/// A port on this machine, and the URL that it gives the server.
pub(crate) struct Place {
    listener: TcpListener,
    pub(crate) url: String,
}

impl Place {
    /// Takes `port`, or any free one for 0. Done before the server's state is built because the
    /// issuer and the redirect URI contain the port.
    pub(crate) fn take(port: u16) -> Result<Self, Error> {
        let listen = |source| Error::Listen { port, source };
        let listener = TcpListener::bind(("127.0.0.1", port)).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self { listener, url: format!("http://{address}") })
    }

    /// Serves what `configure` adds.
    pub(crate) fn serve<F>(self, role: &'static str, configure: F) -> Result<Running, Error>
    where
        F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
    {
        let stopped = |error: std::io::Error| Error::Stopped { role, reason: error.to_string() };
        let server = HttpServer::new(move || {
            App::new()
                .app_data(PayloadConfig::new(MAX_BODY))
                .app_data(JsonConfig::default().limit(MAX_BODY))
                .configure(configure.clone())
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(0)
        .listen(self.listener)
        .map_err(stopped)?
        .run();
        let handle = server.handle();
        Ok(Running { role, url: self.url, handle, task: tokio::spawn(server) })
    }
}
