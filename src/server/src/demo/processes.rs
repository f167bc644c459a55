//! The processes of the demo, and how they find each other.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tsunagu_sandbox::KeyPair;
use tsunagu_sandbox::story;
use url::Url;

use super::settings;

/// All parties, running.
pub(crate) struct World {
    pub(crate) folder: PathBuf,
    pub(crate) parties: story::World,
    pub(crate) auditor: story::Machine,
    children: Vec<Child>,
}

/// Secrets of the parties; they live as long as the demo.
pub(super) struct Secrets {
    pub(super) xid_client: String,
    pub(super) municipal: String,
    pub(super) coin: String,
    pub(super) coin_admin: String,
    pub(super) record_ids: String,
}

impl World {
    /// Starts xID, the coin issuer, the vendor and the gateway, then the municipal system, each as its own process.
    pub(crate) async fn start(folder: &Path, store: Option<&str>) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("the program does not know where it is")?;
        let secret = || {
            KeyPair::generate()
                .map(|pair| pair.private["d"].as_str().unwrap_or_default().to_owned())
        };
        let secrets = Secrets {
            xid_client: secret()?,
            municipal: secret()?,
            coin: secret()?,
            coin_admin: secret()?,
            record_ids: secret()?,
        };
        let drop = folder.join("juki");
        std::fs::create_dir_all(&drop)?;
        let (user_data, vendor, municipal, auditor, staff) = (
            KeyPair::generate()?,
            KeyPair::generate()?,
            KeyPair::generate()?,
            KeyPair::generate()?,
            KeyPair::generate()?,
        );
        let file = |name: &str, text: String| -> anyhow::Result<PathBuf> {
            let path = folder.join(name);
            std::fs::write(&path, text)?;
            Ok(path)
        };
        let user_data_key = file("xid-user-data.jwk", user_data.private.to_string())?;
        let vendor_key = file("vendor.jwk", vendor.private.to_string())?;
        let gateway = format!("http://127.0.0.1:{}", free_port()?);

        let mut children = Vec::new();
        let mut start = async |args: &[&str], secrets: &[(&str, &str)]| -> anyhow::Result<Url> {
            let (child, url) = spawn(&program, args, secrets, folder).await?;
            children.push(child);
            Ok(url)
        };
        let callback = format!("{gateway}/login/xid/callback");
        let user_data_jwk = user_data.public.to_string();
        let xid = start(
            &[
                "sandbox",
                "xid",
                "--client-id",
                settings::XID_CLIENT,
                "--redirect-uri",
                &callback,
                "--user-data-jwk",
                &user_data_jwk,
            ],
            &[
                ("SANDBOX_XID_CLIENT_SECRET", &secrets.xid_client),
                ("SANDBOX_XID_ADMIN_KEY", &secrets.coin_admin),
            ],
        )
        .await?;
        let coin_issuer = start(
            &["sandbox", "coin-issuer"],
            &[
                ("SANDBOX_COIN_API_KEY", &secrets.coin),
                ("SANDBOX_COIN_ADMIN_KEY", &secrets.coin_admin),
            ],
        )
        .await?;
        let vendor_jwk = vendor_key.to_string_lossy().into_owned();
        let vendor_url = start(
            &[
                "sandbox",
                "vendor",
                "--gateway",
                &gateway,
                "--client-id",
                settings::VENDOR,
                "--private-jwk",
                &vendor_jwk,
            ],
            &[],
        )
        .await?;
        let written = settings::write(&settings::Demo {
            folder,
            gateway: &gateway,
            store,
            xid: &xid,
            coin_issuer: &coin_issuer,
            vendor: &vendor_url,
            drop: &drop,
            user_data_key: &user_data_key,
            secrets: &secrets,
            vendor_jwk: &vendor.public,
            municipal_jwk: &municipal.public,
            auditor_jwk: &auditor.public,
            staff_jwk: &staff.public,
        })?;
        let config = written.to_string_lossy().into_owned();
        let gateway = start(&["serve", "--config", &config], &[]).await?;
        let folder_text = drop.to_string_lossy().into_owned();
        start(
            &["sandbox", "municipal", "--drop-dir", &folder_text],
            &[("SANDBOX_MUNICIPAL_API_KEY", &secrets.municipal)],
        )
        .await?;
        let machine = |id: &str, pair: &KeyPair| story::Machine {
            client_id: id.to_owned(),
            private_jwk: pair.private.to_string(),
        };
        let parties = story::World {
            gateway,
            xid,
            vendor: vendor_url,
            coin_issuer,
            coin_key: secrets.coin.clone(),
            coin_admin_key: secrets.coin_admin.clone(),
            municipal: machine(settings::MUNICIPAL, &municipal),
            staff: machine(settings::STAFF, &staff),
        };
        let auditor = machine(settings::AUDITOR, &auditor);
        Ok(Self { folder: folder.to_owned(), parties, auditor, children })
    }

    /// Where to look.
    pub(crate) fn addresses(&self) -> String {
        let World { parties, .. } = self;
        format!(
            "\n  都農ページ / resident's page     {}\n  つのヘルスケア / healthcare app  {}\n  API reference                    {}docs\n  OpenAPI 3.1                      {}openapi.json\n  xID (simulated)                  {}\n  coin issuer (simulated)          {}\n\n  Log in as 都農 花子 (hanako). Ctrl-C ends everything.",
            parties.gateway,
            parties.vendor,
            parties.gateway,
            parties.gateway,
            parties.xid,
            parties.coin_issuer
        )
    }

    /// Ends every process, the last one first.
    pub(crate) async fn stop(mut self) {
        while let Some(mut child) = self.children.pop() {
            // It may have ended by itself.
            child.kill().await.ok();
        }
    }
}

/// A port that is free now. The gateway's address must be known to the others before it starts.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

/// Starts one process and waits until it says where it listens. What it logs goes into a file of its own.
async fn spawn(
    program: &Path,
    args: &[&str],
    secrets: &[(&str, &str)],
    folder: &Path,
) -> anyhow::Result<(Child, Url)> {
    let name =
        args.iter().take(2).filter(|arg| !arg.starts_with("--")).copied().collect::<Vec<_>>();
    let name = name.join("-");
    let log = std::fs::File::create(folder.join(format!("{name}.log")))?;
    let mut child = Command::new(program)
        .args(args)
        .envs(secrets.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{name} cannot be started"))?;
    let stdout = child.stdout.take().context("the process has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let ready = async {
        while let Some(line) = lines.next_line().await? {
            if let Some(rest) = line.strip_prefix("READY ") {
                let url = rest.split_whitespace().nth(1).context("READY without an address")?;
                return Ok(Url::parse(url)?);
            }
        }
        let log = std::fs::read_to_string(folder.join(format!("{name}.log"))).unwrap_or_default();
        bail!("{name} ended before it was ready:\n{log}")
    };
    let wait = std::time::Duration::from_secs(20);
    let url = tokio::time::timeout(wait, ready).await;
    let url = url.with_context(|| format!("{name} was not ready in time"))??;
    // Output that nobody reads would stop the process when the pipe is full.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, url))
}
