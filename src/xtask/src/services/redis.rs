//! A Redis server for one test run; it keeps nothing.

use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::Service;
use super::packages::{Need, on_path};
use super::throw_away::{ThrowAway, free_port};

/// Where tests find the server.
pub(super) const VARIABLE: &str = "TEST_REDIS_URL";

/// What is installed when it is not found.
pub(super) const NEED: Need = Need {
    what: "redis-server (or a running server in TEST_REDIS_URL)",
    packages: &["redis-server"],
    present: || on_path("redis-server").is_some(),
};

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// The running server, or a new one in a folder of its own.
pub(super) fn find_or_start(url: Option<&str>) -> anyhow::Result<Service> {
    let Some(url) = url else {
        return start().context("starting Redis for the tests");
    };
    Ok(Service { variables: vec![(VARIABLE, url.into())], _instance: None })
}

fn start() -> anyhow::Result<Service> {
    let program = on_path("redis-server").context("no redis-server on the PATH")?;
    let instance = ThrowAway::new("redis", "nobody", r#"kill "$(cat pid)""#)?;
    let port = free_port()?;
    let own = port.to_string();
    instance.run(
        &program,
        &[
            "--port",
            &own,
            "--bind",
            "127.0.0.1",
            "--daemonize",
            "yes",
            "--pidfile",
            "pid",
            "--logfile",
            "log",
            "--dir",
            ".",
            "--save",
            "",
            "--appendonly",
            "no",
        ],
    )?;
    let begun = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if begun.elapsed() > PATIENCE {
            bail!("redis-server does not listen: {}", instance.read("log"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("Redis for this run: 127.0.0.1:{port}, in {}", instance.folder().display());
    let url = format!("redis://127.0.0.1:{port}/");
    Ok(Service { variables: vec![(VARIABLE, url.into())], _instance: Some(instance) })
}
