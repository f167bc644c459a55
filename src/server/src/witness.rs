//! `tsunagu witness`: a witness over HTTP (C2SP `tlog-witness`), for somebody who is not the operator of the log.

use std::path::PathBuf;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer, rt};
use anyhow::Context as _;
use clap::Subcommand;
use tsunagu_audit::{Cosigner, FolderMemory, VerifyingKey, Witness};
use tsunagu_domain::{Clock, SystemClock, SystemIds};

use crate::keys::Keys;
use crate::say;

/// A proof of 63 hashes and a note with some signatures are far below.
const MAX_BODY: usize = 64 << 10;

/// What can be done with a witness.
#[derive(Debug, Subcommand)]
pub(crate) enum WitnessCommand {
    /// Answer `add-checkpoint`
    Serve {
        #[command(flatten)]
        who: WitnessArgs,
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:8090")]
        listen: String,
        /// The public key of a log to watch over, as `tsunagu audit key` prints it; may be given several times
        #[arg(long, required = true)]
        log: Vec<VerifyingKey>,
    },
    /// Print the public key that checks its cosignatures
    Key(WitnessArgs),
}

/// Which witness.
#[derive(Debug, clap::Args)]
pub(crate) struct WitnessArgs {
    /// Its name: a URL without a scheme, such as `witness.example/w1`
    #[arg(long)]
    name: String,
    /// The folder with its key and with what it remembers; made when missing
    #[arg(long)]
    folder: PathBuf,
}

impl WitnessArgs {
    fn cosigner(&self) -> anyhow::Result<Cosigner> {
        let keys = Keys::open(&self.folder, Arc::new(SystemIds))?;
        Ok(Cosigner::from_seed(&self.name, &keys.secret("witness")?)?)
    }
}

struct Running {
    witness: Witness,
    clock: SystemClock,
}

pub(crate) fn run(command: WitnessCommand) -> anyhow::Result<()> {
    let (who, listen, log) = match command {
        WitnessCommand::Key(who) => {
            say(&who.cosigner()?.key().to_string());
            return Ok(());
        }
        WitnessCommand::Serve { who, listen, log } => (who, listen, log),
    };
    let memory = FolderMemory::open(&who.folder.join("logs"))
        .with_context(|| format!("the folder {} cannot be used", who.folder.display()))?;
    let witness = Witness::new(who.cosigner()?, log, Box::new(memory));
    let running = Data::new(Running { witness, clock: SystemClock });
    rt::System::new().block_on(async {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(running.clone())
                .app_data(web::PayloadConfig::new(MAX_BODY))
                .route("/add-checkpoint", web::post().to(add_checkpoint))
        })
        .workers(1)
        .bind(&listen)
        .with_context(|| format!("{listen} cannot be listened on"))?;
        let port = server.addrs().first().map(std::net::SocketAddr::port);
        say(&format!("READY witness {} (port {})", who.name, port.unwrap_or_default()));
        server.run().await.context("the witness stopped")
    })
}

async fn add_checkpoint(running: Data<Running>, body: String) -> HttpResponse {
    let now = u64::try_from(running.clock.micros() / 1_000_000).unwrap_or(0);
    // Keeping waits for the disk; nothing else runs here, and one log sends one checkpoint at a time.
    let answer = web::block(move || running.witness.add_checkpoint(&body, now)).await;
    let Ok(answer) = answer else {
        return HttpResponse::InternalServerError().finish();
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status).content_type(answer.media_type).body(answer.body)
}
