//! NGSI-LD clients that nobody here wrote work as they come from the package index: each plays a journey through its public interface
//! (`tests/clients/*.py`), as a machine, for a resident who consented, and after the withdrawal.
//!
//! `cargo xtask test` installs them; by hand, `TEST_NGSILDCLIENT` and `TEST_FILIP` name a Python that has them (docs/clients.md).

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::support::Backend;
use crate::support::process::reserved_port;
use crate::support::town::{Plan, SENSORS, Town};

/// One client: the variable that names its Python, and its journey.
struct Client {
    variable: &'static str,
    script: &'static str,
}

const NGSILDCLIENT: Client =
    Client { variable: "TEST_NGSILDCLIENT", script: "ngsildclient_journey.py" };
const FILIP: Client = Client { variable: "TEST_FILIP", script: "filip_journey.py" };

#[tokio::test]
async fn ngsildclient_works_unmodified_on_the_embedded_store() {
    works(Backend::Embedded, &NGSILDCLIENT).await;
}

#[tokio::test]
async fn ngsildclient_works_unmodified_on_postgresql() {
    works(Backend::Postgres, &NGSILDCLIENT).await;
}

#[tokio::test]
async fn filip_works_unmodified_on_the_embedded_store() {
    works(Backend::Embedded, &FILIP).await;
}

#[tokio::test]
async fn filip_works_unmodified_on_postgresql() {
    works(Backend::Postgres, &FILIP).await;
}

async fn works(backend: Backend, client: &Client) {
    // Held until the journey is over, so that the receiver's address is its own.
    let (_receiver, port) = reserved_port();
    let receiver = format!("127.0.0.1:{port}");
    let plan = Plan { people: true, receivers: vec![receiver.clone()], ..Plan::default() };
    let town = Town::start(backend, &plan).await;
    let mut hanako = town.hanako().await;
    let login = town.connect(&mut hanako).await;
    let told = [
        ("GATEWAY_URL", town.base.to_string()),
        ("RECEIVER_URL", format!("http://{receiver}")),
        ("MACHINE_TOKEN", town.token(SENSORS).await),
        ("RESIDENT_TOKEN", login.token),
        ("RESIDENT", login.person),
    ];
    client.plays(&["Journey", "Resident"], &told).await;
    town.withdraw(&mut hanako).await;
    client.plays(&["Withdrawn"], &told).await;
}

impl Client {
    /// Runs parts of the journey, which must hold in every test and skip none.
    async fn plays(&self, parts: &[&str], told: &[(&str, String)]) {
        let python = std::env::var_os(self.variable).unwrap_or_else(|| {
            panic!(
                "{} does not say which Python has the client: run `cargo xtask test`, or see docs/clients.md",
                self.variable
            )
        });
        let output = Command::new(&python)
            .arg("-B")
            .arg(folder().join(self.script))
            .args(parts)
            .envs(told.iter().map(|(name, value)| (name, value)))
            .kill_on_drop(true)
            .output()
            .await
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", python.display()));
        let said = String::from_utf8_lossy(&output.stderr);
        let ran = said.lines().find_map(|line| line.strip_prefix("Ran ")?.split(' ').next());
        let ran: usize = ran.and_then(|count| count.parse().ok()).unwrap_or_default();
        let held = output.status.success() && said.trim_end().ends_with("\nOK") && ran > 0;
        assert!(held, "{} {parts:?} ended with {}:\n{said}", self.script, output.status);
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}
