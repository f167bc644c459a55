//! The story that must always work, played as outside clients would play it: a resident's browser, the healthcare app, the
//! municipal system, the coin issuer's books. Everything goes over HTTP; a step that does not hold ends the story.

mod app;
mod auditor;
mod browser;
mod machine;
mod resident;
mod town;

use std::future::Future;
use std::time::Instant;

use serde::Serialize;
use url::Url;

pub use auditor::fetch_log;
pub use browser::{Browser, Form, Page};
pub use machine::{assertion, token};
pub use resident::{first_login, logs_in, withdraws};

/// Where everything is.
#[derive(Debug, Clone)]
pub struct World {
    /// The gateway.
    pub gateway: Url,
    /// xID.
    pub xid: Url,
    /// デジタル認証アプリ.
    pub daa: Url,
    /// The healthcare app's server.
    pub vendor: Url,
    /// The coin issuer.
    pub coin_issuer: Url,
    /// The town's key at the coin issuer.
    pub coin_key: String,
    /// Key for ordering faults at the coin issuer.
    pub coin_admin_key: String,
    /// The municipal system as a client of the gateway.
    pub municipal: Machine,
    /// A tool of the town hall as a client of the gateway.
    pub staff: Machine,
}

/// A client that acts on its own behalf.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its `client_id`.
    pub client_id: String,
    /// Its private JWK.
    pub private_jwk: String,
}

/// One step, as it went.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// What was to hold.
    pub name: String,
    /// Whether it did.
    pub ok: bool,
    /// How long it took, milliseconds.
    pub ms: u64,
    /// What was seen.
    pub detail: String,
}

/// How the story went.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Step by step.
    pub steps: Vec<Step>,
    /// Whether every step held.
    pub ok: bool,
}

/// What a step says when it does not hold.
pub type Told = Result<String, String>;

/// Plays steps one after another.
pub struct Player<'a> {
    report: Report,
    broken: bool,
    listen: &'a mut (dyn FnMut(&Step) + Send),
}

impl<'a> Player<'a> {
    /// A player whose steps are told to `listen` as they end.
    pub fn new(listen: &'a mut (dyn FnMut(&Step) + Send)) -> Self {
        Self { report: Report::default(), broken: false, listen }
    }

    /// Plays one step, unless an earlier one did not hold.
    pub async fn step(&mut self, name: &str, play: impl Future<Output = Told>) {
        let begun = Instant::now();
        let (ok, detail) = if self.broken {
            (false, "not reached".to_owned())
        } else {
            match play.await {
                Ok(detail) => (true, detail),
                Err(detail) => (false, detail),
            }
        };
        self.broken |= !ok;
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let step = Step { name: name.to_owned(), ok, ms, detail };
        (self.listen)(&step);
        self.report.steps.push(step);
    }

    /// How it went.
    pub fn finish(mut self) -> Report {
        self.report.ok = !self.broken && !self.report.steps.is_empty();
        self.report
    }
}

/// Plays the story up to the withdrawal. What only the operator's own tools can do (the offline audit) is the caller's.
pub async fn play(world: &World, player: &mut Player<'_>) {
    let mut hanako = Browser::new();
    let mut stranger = Browser::new();
    let mut tsuno_id = String::new();

    player.step("municipal records are published from the register", town::records(world)).await;
    player
        .step("a resident logs in with xID and gets a Tsuno ID", async {
            tsuno_id = first_login(world, &mut hanako).await?;
            Ok(format!("Tsuno ID {tsuno_id}"))
        })
        .await;
    player
        .step(
            "logging in with the Digital Authentication App leads to the same Tsuno ID",
            resident::other_login(world, &tsuno_id),
        )
        .await;
    player
        .step("logging in again gives the same Tsuno ID", resident::same_again(world, &tsuno_id))
        .await;
    player
        .step(
            "a non-resident gets no Tsuno ID and is told why",
            resident::non_resident(world, &mut stranger),
        )
        .await;
    player.step("a cancelled login is handled and told", resident::cancelled(world)).await;
    player
        .step(
            "the resident consents on our own page and the app is logged in",
            resident::connect(world, &mut hanako),
        )
        .await;
    player.step("the app reads exactly what was consented", app::reads(world, &mut hanako)).await;
    player
        .step(
            "an unconsented attribute yields nothing, read, query or count",
            app::oracles(world, &mut hanako),
        )
        .await;
    player
        .step("another resident and another purpose yield nothing", app::others(world, &mut hanako))
        .await;
    player
        .step(
            "health activity earns coins exactly once, though the issuer's reply is lost",
            app::earns(world, &mut hanako),
        )
        .await;
    player.step("the same activity again earns nothing", app::again(world, &mut hanako)).await;
    player
        .step(
            "the coin issuer is away for a while: the coins wait, and come once when it is back",
            app::outlasts(world, &mut hanako),
        )
        .await;
    player
        .step(
            "the resident sees the access, the consent and the coins",
            resident::sees(world, &mut hanako),
        )
        .await;
    player.step("the resident withdraws the consent", withdraws(world, &mut hanako)).await;
    player
        .step(
            "from the next request on the app gets nothing",
            app::gets_nothing(world, &mut hanako),
        )
        .await;
    player
        .step(
            "the app is ordered to delete what it has, does so, and the resident sees it",
            app::deletes(world, &mut hanako),
        )
        .await;
}

/// Looks again until `seen` gives something, for at most ten seconds: for what happens in other processes.
pub(crate) async fn eventually<F>(what: &str, mut seen: impl FnMut() -> F) -> Told
where
    F: Future<Output = Result<Option<String>, String>>,
{
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(40));
    for _ in 0..250 {
        tick.tick().await;
        if let Some(detail) = seen().await? {
            return Ok(detail);
        }
    }
    Err(format!("{what} did not happen within ten seconds"))
}

/// Fails with a sentence unless something holds.
pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
