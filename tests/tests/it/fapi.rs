//! Certified clients that nobody here wrote work as they come from the npm registry, as a vendor under the FAPI 2.0 Security Profile: pushed request,
//! PKCE, `private_key_jwt`, DPoP with nonces, `iss`, refresh, introspection, revocation, reading and writing a resident's data.
//!
//! `cargo xtask test` installs them; by hand, `TEST_FAPI_CLIENTS` names a folder that has them (docs/clients.md).

use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use crate::support::Backend;
use crate::support::town::{Plan, Town, VENDOR};

#[tokio::test]
async fn openid_client_works_unmodified_on_the_embedded_store() {
    works(Backend::Embedded, "openid_client.mjs").await;
}

#[tokio::test]
async fn openid_client_works_unmodified_on_postgresql() {
    works(Backend::Postgres, "openid_client.mjs").await;
}

#[tokio::test]
async fn oauth4webapi_works_unmodified_on_the_embedded_store() {
    works(Backend::Embedded, "oauth4webapi.mjs").await;
}

#[tokio::test]
async fn oauth4webapi_works_unmodified_on_postgresql() {
    works(Backend::Postgres, "oauth4webapi.mjs").await;
}

async fn works(backend: Backend, script: &str) {
    let town = Town::start(backend, &Plan { people: true, ..Plan::default() }).await;
    let mut hanako = town.hanako().await;
    let folder = beside_the_packages();
    let machine = town.machine(VENDOR);
    let mut journey = Command::new("node")
        .arg(folder.path().join(script))
        .env("GATEWAY_URL", town.base.as_str())
        .env("CLIENT_ID", VENDOR)
        .env("REDIRECT_URI", &town.callback)
        .env("PRIVATE_JWK", &machine.private_jwk)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(journey.stdout.take().unwrap()).lines();
    if let Some(address) = said.next_line().await.unwrap() {
        let address = address.strip_prefix("BROWSER ").unwrap().parse().unwrap();
        let back = town.consented(&mut hanako, address).await;
        let mut resident = journey.stdin.take().unwrap();
        resident.write_all(format!("{back}\n").as_bytes()).await.unwrap();
    }
    let mut told = String::new();
    journey.stderr.take().unwrap().read_to_string(&mut told).await.unwrap();
    let status = journey.wait().await.unwrap();
    let held = told.lines().last().and_then(|line| line.strip_prefix("HELD ")?.parse().ok());
    let held: usize = held.unwrap_or_default();
    assert!(status.success() && held > 8, "{script} ended with {status}:\n{told}");
}

/// The journeys in a folder where the installed packages are found.
fn beside_the_packages() -> TempDir {
    let installed = std::env::var_os("TEST_FAPI_CLIENTS").unwrap_or_else(|| {
        panic!("TEST_FAPI_CLIENTS does not say where the clients are: run `cargo xtask test`, or see docs/clients.md")
    });
    let modules = std::fs::canonicalize(Path::new(&installed).join("node_modules")).unwrap();
    let folder = TempDir::new().unwrap();
    std::os::unix::fs::symlink(modules, folder.path().join("node_modules")).unwrap();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/fapi");
    for script in ["vendor.mjs", "openid_client.mjs", "oauth4webapi.mjs"] {
        std::fs::copy(scripts.join(script), folder.path().join(script)).unwrap();
    }
    folder
}
