//! The processes of the demo, and how they find each other.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpSocket;
use tokio::process::{Child, Command};
use tsunagu_sandbox::story;
use tsunagu_sandbox::{KeyPair, RsaPair};
use url::Url;

use super::settings;

/// No process of the demo needs longer to start.
const READY_WITHIN: std::time::Duration = std::time::Duration::from_secs(20);

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
    pub(super) town_hall: String,
    pub(super) municipal: String,
    pub(super) coin: String,
    pub(super) coin_admin: String,
    pub(super) record_ids: String,
}

impl Secrets {
    fn fresh() -> anyhow::Result<Self> {
        // The private part of a fresh key is 256 random bits in a form that fits everywhere.
        let secret = || -> anyhow::Result<String> {
            let pair = KeyPair::generate()?;
            Ok(pair.private["d"].as_str().context("a key without its secret")?.to_owned())
        };
        Ok(Self {
            xid_client: secret()?,
            town_hall: secret()?,
            municipal: secret()?,
            coin: secret()?,
            coin_admin: secret()?,
            record_ids: secret()?,
        })
    }
}

impl World {
    /// Starts the identity providers, the coin issuer, the vendor and the gateway, then the municipal system, each as its own process.
    pub(crate) async fn start(folder: &Path, store: Option<&str>) -> anyhow::Result<Self> {
        let secrets = Secrets::fresh()?;
        let keys = PartyKeys::fresh()?;
        let drop = folder.join("juki");
        std::fs::create_dir_all(&drop)?;
        let user_data_key = folder.join("xid-user-data.jwk");
        std::fs::write(&user_data_key, keys.user_data.private.to_string())?;
        let vendor_key = folder.join("vendor.jwk");
        std::fs::write(&vendor_key, keys.vendor.private.to_string())?;
        let daa_key = folder.join("daa.pem");
        std::fs::write(&daa_key, &keys.daa.private)?;
        // Held until the gateway listens there: its address must be known to the others before it starts.
        let (_reserved, port) = reserved_port()?;
        let gateway = format!("http://127.0.0.1:{port}");

        let mut starter = Starter::new(folder)?;
        let callback = format!("{gateway}/login/xid/callback");
        let user_data = keys.user_data.public.to_string();
        let xid = [
            "sandbox",
            "xid",
            "--client-id",
            settings::XID_CLIENT,
            "--redirect-uri",
            &callback,
            "--user-data-jwk",
            &user_data,
        ];
        let xid = starter
            .start(
                &xid,
                &[
                    ("SANDBOX_XID_CLIENT_SECRET", &secrets.xid_client),
                    ("SANDBOX_XID_ADMIN_KEY", &secrets.coin_admin),
                ],
            )
            .await?;
        let callback = format!("{gateway}/login/daa/callback");
        let key = keys.daa.public.as_str();
        let daa = ["sandbox", "daa", "--client-key", key, "--redirect-uri", &callback];
        let daa = starter.start(&daa, &[]).await?;
        let callback = format!("{gateway}/staff/login/town-hall/callback");
        let town_hall = ["sandbox", "town-hall", "--redirect-uri", &callback];
        let secret = [("SANDBOX_TOWN_HALL_CLIENT_SECRET", secrets.town_hall.as_str())];
        let town_hall = starter.start(&town_hall, &secret).await?;
        let coin_issuer = starter
            .start(
                &["sandbox", "coin-issuer"],
                &[
                    ("SANDBOX_COIN_API_KEY", &secrets.coin),
                    ("SANDBOX_COIN_ADMIN_KEY", &secrets.coin_admin),
                ],
            )
            .await?;
        let vendor_jwk = vendor_key.to_string_lossy();
        let vendor = [
            "sandbox",
            "vendor",
            "--gateway",
            &gateway,
            "--client-id",
            settings::VENDOR,
            "--private-jwk",
            &vendor_jwk,
        ];
        let vendor = starter.start(&vendor, &[]).await?;
        let config = settings::write(&settings::Demo {
            folder,
            gateway: &gateway,
            store,
            xid: &xid,
            daa: &daa,
            daa_key: &daa_key,
            town_hall: &town_hall,
            coin_issuer: &coin_issuer,
            vendor: &vendor,
            drop: &drop,
            user_data_key: &user_data_key,
            secrets: &secrets,
            vendor_jwk: &keys.vendor.public,
            municipal_jwk: &keys.municipal.public,
            auditor_jwk: &keys.auditor.public,
            staff_jwk: &keys.staff.public,
        })?;
        let gateway = starter.start(&["serve", "--config", &config.to_string_lossy()], &[]).await?;
        let municipal = ["sandbox", "municipal", "--drop-dir", &drop.to_string_lossy()];
        starter.start(&municipal, &[("SANDBOX_MUNICIPAL_API_KEY", &secrets.municipal)]).await?;
        let parties = story::World {
            gateway,
            xid,
            daa,
            vendor,
            coin_issuer,
            coin_key: secrets.coin,
            coin_admin_key: secrets.coin_admin,
            municipal: machine(settings::MUNICIPAL, &keys.municipal),
            staff: machine(settings::STAFF, &keys.staff),
        };
        let auditor = machine(settings::AUDITOR, &keys.auditor);
        Ok(Self { folder: folder.to_owned(), parties, auditor, children: starter.children })
    }

    /// Where to look.
    pub(crate) fn addresses(&self) -> String {
        let World { parties, .. } = self;
        format!(
            "\n  都農ページ / resident's page     {}\n  つのヘルスケア / healthcare app  {}\n  API reference                    {}docs\n  OpenAPI 3.1                      {}openapi.json\n  xID (simulated)                  {}\n  デジタル認証アプリ (simulated)   {}\n  coin issuer (simulated)          {}\n\n  Log in as 都農 花子 (hanako); as staff at {}staff. Ctrl-C ends everything.",
            parties.gateway,
            parties.vendor,
            parties.gateway,
            parties.gateway,
            parties.xid,
            parties.daa,
            parties.coin_issuer,
            parties.gateway
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

/// A port that nobody else is given while the socket lives. Bound but not listening, it lets a process that names the port listen there.
fn reserved_port() -> anyhow::Result<(TcpSocket, u16)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).context("no port is free")?;
    let port = socket.local_addr()?.port();
    Ok((socket, port))
}

fn machine(id: &str, pair: &KeyPair) -> story::Machine {
    story::Machine { client_id: id.to_owned(), private_jwk: pair.private.to_string() }
}

/// Key pairs of the parties.
struct PartyKeys {
    user_data: KeyPair,
    daa: RsaPair,
    vendor: KeyPair,
    municipal: KeyPair,
    auditor: KeyPair,
    staff: KeyPair,
}

impl PartyKeys {
    fn fresh() -> anyhow::Result<Self> {
        let pair = KeyPair::generate;
        Ok(Self {
            user_data: pair()?,
            daa: RsaPair::generate()?,
            vendor: pair()?,
            municipal: pair()?,
            auditor: pair()?,
            staff: pair()?,
        })
    }
}

/// Starts processes and remembers them.
struct Starter<'a> {
    program: PathBuf,
    folder: &'a Path,
    children: Vec<Child>,
}

impl<'a> Starter<'a> {
    fn new(folder: &'a Path) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("the program does not know where it is")?;
        Ok(Self { program, folder, children: Vec::new() })
    }

    /// Starts one process and waits until it says where it listens. What it logs goes into a file of its own.
    async fn start(&mut self, args: &[&str], secrets: &[(&str, &str)]) -> anyhow::Result<Url> {
        let name: Vec<&str> =
            args.iter().copied().take_while(|arg| !arg.starts_with("--")).collect();
        let name = name.join("-");
        let log = self.folder.join(format!("{name}.log"));
        let mut child = Command::new(&self.program)
            .args(args)
            .arg("--end-with-stdin")
            .envs(secrets.iter().copied())
            // Never written to: it ends when this process does, however it does.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let stdout = child.stdout.take().context("the process has no output")?;
        self.children.push(child);
        let mut lines = BufReader::new(stdout).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(rest) = line.strip_prefix("READY ") {
                    let url = rest.split_whitespace().nth(1).context("READY without an address")?;
                    return Ok(Url::parse(url)?);
                }
            }
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            bail!("{name} ended before it was ready:\n{said}")
        };
        let url = tokio::time::timeout(READY_WITHIN, ready).await;
        let url = url.with_context(|| format!("{name} was not ready in time"))??;
        // Output that nobody reads would stop the process when the pipe is full.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(url)
    }
}
