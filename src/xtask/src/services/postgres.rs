//! A PostgreSQL server for one test run, as durable as a real one: `fsync` stays on.

use std::path::PathBuf;

use anyhow::Context;

use super::Service;
use super::packages::{Need, on_path};
use super::throw_away::{ThrowAway, free_port};

/// Where tests find the server.
pub(super) const VARIABLE: &str = "TEST_POSTGRES_URL";

/// What is installed when it is not found.
pub(super) const NEED: Need = Need {
    what: "PostgreSQL server binaries (or a running server in TEST_POSTGRES_URL)",
    packages: &["postgresql"],
    present: || binaries().is_some(),
};

/// The running server, or a new one in a folder of its own.
pub(super) fn find_or_start(url: Option<&str>) -> anyhow::Result<Service> {
    let Some(url) = url else {
        return start().context("starting PostgreSQL for the tests");
    };
    Ok(Service { variables: vec![(VARIABLE, url.into())], _instance: None })
}

fn start() -> anyhow::Result<Service> {
    let binaries = binaries().context("no PostgreSQL server binaries")?;
    let program = |name: &str| binaries.join(name);
    // initdb and postgres refuse to run as root.
    let instance = ThrowAway::new("postgres", "postgres", &{
        format!("'{}' stop --pgdata=data --mode=immediate --silent", program("pg_ctl").display())
    })?;
    instance.run(
        &program("initdb"),
        &["--pgdata=data", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"],
    )?;
    let port = free_port()?;
    let options = format!(
        "-c listen_addresses=127.0.0.1 -c port={port} -c max_connections=200 -c unix_socket_directories=."
    );
    // The socket lies in the data folder, where the server runs; its path may be long there.
    instance
        .run(
            &program("pg_ctl"),
            &["start", "--pgdata=data", "--wait", "--silent", "--log=log", "--options", &options],
        )
        .with_context(|| instance.read("log"))?;
    println!("PostgreSQL for this run: 127.0.0.1:{port}, in {}", instance.folder().display());
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    Ok(Service { variables: vec![(VARIABLE, url.into())], _instance: Some(instance) })
}

/// The folder with the newest server: Debian's, which is not on the PATH, or the PATH's.
fn binaries() -> Option<PathBuf> {
    let debian =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(|entry| {
            let folder = entry.ok()?;
            let version: u32 = folder.file_name().to_str()?.parse().ok()?;
            let binaries = folder.path().join("bin");
            binaries.join("initdb").is_file().then_some((version, binaries))
        });
    let newest = debian.max().map(|(_, binaries)| binaries);
    newest.or_else(|| on_path("initdb")?.parent().map(ToOwned::to_owned))
}
