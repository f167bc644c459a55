//! `tsunagu import`: files of municipal records, from a shell.

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use actix_web::rt;
use anyhow::Context as _;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use tsunagu_connector_csv_drop::{
    Config as Layout, CsvReport, Encoding, Finding, Sighted, Tally, Watcher, check, ndjson,
    template,
};
use tsunagu_domain::{Clock as _, SystemClock, to_iso};
use tsunagu_imports::{KeptDecision, LoadId};
use tsunagu_staff::{Acting, Via};

use crate::wire::{App, assemble};
use crate::{ServeArgs, config, say};

/// What can be done with files.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Look at a file and store nothing. It exits with 0 when every row would be taken over, 3 when a person has to decide about some, 4 when some
    /// or all are refused, 1 when it could not look.
    Check {
        /// The file
        file: PathBuf,
        /// By which layout: the name of a `[[csv_drop]]` of the configuration
        #[arg(long)]
        layout: String,
        /// Write everything found to this CSV file, in the encoding of the file; it holds what is written in the file
        #[arg(long)]
        report: Option<PathBuf>,
        /// Write everything found to this file as NDJSON; it holds what is written in the file
        #[arg(long)]
        ndjson: Option<PathBuf>,
        /// The configuration file
        #[arg(long, default_value = "config/tsunagu.toml")]
        config: PathBuf,
    },
    /// Write an example of a file: UTF-8 with a byte order mark, or with `--cp932` in that encoding
    Template {
        /// Where to
        file: PathBuf,
        /// Of which layout
        #[arg(long)]
        layout: String,
        /// In CP932, for systems that do not read UTF-8
        #[arg(long)]
        cp932: bool,
        /// The configuration file
        #[arg(long, default_value = "config/tsunagu.toml")]
        config: PathBuf,
    },
    /// List the loads that a second person publishes. With the embedded store the gateway must not be running; with PostgreSQL running gateways follow.
    List {
        #[command(flatten)]
        by: By,
    },
    /// Propose a load for publication, with `--force` one that is held
    Propose {
        /// Layout and number, e.g. `juki-12`
        id: String,
        /// Although too much would end; needs a note
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        by: By,
    },
    /// Let a load be published that somebody else proposed; the gateway does it as soon as it runs
    Publish {
        /// Layout and number
        id: String,
        /// The revision that was seen, as `list` tells it
        #[arg(long)]
        revision: u32,
        #[command(flatten)]
        by: By,
    },
    /// Give up a load that is not published
    Discard {
        /// Layout and number
        id: String,
        #[command(flatten)]
        by: By,
    },
    /// List decisions about values that later loads are read by; never a value
    Decisions {
        /// Of which layout
        #[arg(long)]
        layout: String,
        #[command(flatten)]
        by: By,
    },
    /// Withdraw a decision: loads that nobody approved yet wait for one again, what is published stays as it is
    Withdraw {
        /// The id of the decision, as `decisions` tells it
        id: String,
        /// Of which layout
        #[arg(long)]
        layout: String,
        #[command(flatten)]
        by: By,
    },
    /// Propose to publish again what was published before this load
    Rollback {
        /// Layout and number of the published load
        id: String,
        #[command(flatten)]
        by: By,
    },
}

/// Who acts, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct By {
    #[command(flatten)]
    args: ServeArgs,
    /// The member of staff who does it, by name
    #[arg(long = "as", value_name = "MEMBER")]
    member: String,
    /// Why
    #[arg(long, default_value = "")]
    note: String,
}

/// Decisions that are asked for at once.
const PAGE: usize = 200;
/// Some rows wait for a person.
const TO_DECIDE: u8 = 3;
/// Some rows, or the file, are refused.
const REFUSED: u8 = 4;

pub(crate) fn run(command: &ImportCommand) -> anyhow::Result<ExitCode> {
    let by = match command {
        ImportCommand::Check { file, layout, report, ndjson, config } => {
            let reports = (report.as_deref(), ndjson.as_deref());
            return look(file, layout, reports, config);
        }
        ImportCommand::Template { file, layout, cp932, config } => {
            let layout = known(layout, config)?;
            let encoding = if *cp932 { Encoding::Cp932 } else { Encoding::Utf8 };
            std::fs::write(file, template(&layout, encoding))
                .with_context(|| format!("{} cannot be written", file.display()))?;
            return Ok(ExitCode::SUCCESS);
        }
        ImportCommand::List { by }
        | ImportCommand::Propose { by, .. }
        | ImportCommand::Publish { by, .. }
        | ImportCommand::Discard { by, .. }
        | ImportCommand::Decisions { by, .. }
        | ImportCommand::Withdraw { by, .. }
        | ImportCommand::Rollback { by, .. } => by,
    };
    let config = config::read(&by.args.config, by.args.store.clone())?;
    rt::System::new().block_on(async {
        let app = assemble(&config).await?;
        let done = obey(command, by, &app).await;
        app.base.store.close().await;
        done.map(|()| ExitCode::SUCCESS)
    })
}

async fn obey(command: &ImportCommand, by: &By, app: &App) -> anyhow::Result<()> {
    let (imports, tenant) = (&app.gateway.imports, &app.base.tenant);
    let member = app.gateway.staff.members.named(tenant, &by.member).await?;
    let member = member.with_context(|| format!("{} is no member with a role", by.member))?;
    let acting = Acting { member, via: Via::Shell, request: app.base.ids.uuid() };
    let load = |id: &str| {
        let id: Result<LoadId, ()> = id.parse();
        id.map_err(|()| anyhow::anyhow!("a load is named by its layout and number, e.g. juki-12"))
    };
    match command {
        ImportCommand::Check { .. } | ImportCommand::Template { .. } => {}
        ImportCommand::List { .. } => {
            for load in imports.list(&acting).await? {
                let counts = load.counts;
                say(&format!(
                    "{}  {:<10}  revision {}  {} 件 rows, {} 要判断 to decide, {} 取り込み不可 refused  {}",
                    load.id(),
                    load.state.as_str(),
                    load.revision,
                    counts.rows,
                    counts.to_decide,
                    counts.refused,
                    load.file
                ));
            }
        }
        ImportCommand::Propose { id, force, .. } => {
            let id = load(id)?;
            if *force {
                imports.force(&acting, &id, &by.note).await?;
            } else {
                imports.propose(&acting, &id, &by.note).await?;
            }
            say(&format!("{id} waits for a second person"));
        }
        ImportCommand::Publish { id, revision, .. } => {
            let id = load(id)?;
            imports.publish(&acting, &id, *revision).await?;
            say(&format!("{id} is being published as soon as the gateway runs"));
        }
        ImportCommand::Discard { id, .. } => {
            let id = load(id)?;
            imports.discard(&acting, &id, &by.note).await?;
            say(&format!("{id} is given up"));
        }
        ImportCommand::Decisions { layout, .. } => {
            let mut after = None;
            loop {
                let from = after.as_deref();
                let page = imports.decisions(&acting, layout, from, PAGE, false).await?;
                page.iter().for_each(tell_decision);
                let Some(last) = page.into_iter().last() else { break };
                after = Some(last.id);
            }
        }
        ImportCommand::Withdraw { id, layout, .. } => {
            imports.withdraw(&acting, layout, id).await?;
            say(&format!("{id} holds no more"));
        }
        ImportCommand::Rollback { id, .. } => {
            let proposed = imports.roll_back(&acting, &load(id)?, &by.note).await?;
            say(&format!("{proposed} waits for a second person"));
        }
    }
    Ok(())
}

fn tell_decision(decision: &KeptDecision) {
    let column = decision.column.as_deref().unwrap_or("-");
    let did = if decision.refused { "取り込まない refused" } else { "読み替え taken" };
    let of = match &decision.only {
        Some((load, line)) => format!("{load} {line} 行目"),
        None => "次からも later loads too".to_owned(),
    };
    let (id, by, at) = (&decision.id, &decision.by, to_iso(decision.at));
    say(&format!("{id}  {column}  {did}  {of}  {by}  {at}"));
}

/// The layout of this name, which can work.
fn known(name: &str, config: &Path) -> anyhow::Result<Layout> {
    let config = config::read(config, None)?;
    let layout = config.csv_drop.iter().find(|layout| layout.name == name).with_context(|| {
        let names: Vec<&str> = config.csv_drop.iter().map(|layout| layout.name.as_str()).collect();
        format!("there is no layout {name}; there are: {}", names.join(", "))
    })?;
    layout.check()?;
    Ok(layout.clone())
}

fn look(
    file: &Path,
    layout: &str,
    (report, ndjson): (Option<&Path>, Option<&Path>),
    config: &Path,
) -> anyhow::Result<ExitCode> {
    let layout = &known(layout, config)?;
    let mut watching = Watching {
        csv: report.map(Report::waiting),
        ndjson: ndjson.map(create).transpose()?,
        shown: 0,
        bar: ProgressBar::new_spinner().with_message("ファイルを調べています / reading the file"),
    };
    let begun = SystemClock.micros();
    let done = check(layout, file, &mut watching);
    watching.bar.finish_and_clear();
    let tally = done.with_context(|| format!("{} cannot be checked", file.display()))?;
    watching.end()?;
    tell(&tally, SystemClock.micros() - begun);
    Ok(match tally {
        Tally { refused: 1.., .. } => REFUSED.into(),
        Tally { to_decide: 1.., .. } => TO_DECIDE.into(),
        _ => ExitCode::SUCCESS,
    })
}

fn tell(tally: &Tally, micros: i64) {
    let Tally { accepted, to_decide, refused, warnings } = tally;
    let rows = accepted + to_decide + refused;
    let millis = u64::try_from(micros / 1_000).unwrap_or(0).max(1);
    say(&format!(
        "取り込み可 {accepted} 件、要判断 {to_decide} 件、取り込み不可 {refused} 件、注意 {warnings} 件"
    ));
    say(&format!(
        "{accepted} rows accepted, {to_decide} to decide, {refused} refused, {warnings} warnings"
    ));
    let rate = rows.saturating_mul(1_000) / millis;
    say(&format!("{rate} 行/秒 rows/s; 何も保存していません / nothing was stored"));
}

/// A report holds what rows say: nobody but its owner reads it, also when it was there before.
fn private(path: &Path) -> io::Result<BufWriter<File>> {
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(BufWriter::new(file))
}

fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    private(path).with_context(|| format!("{} cannot be written", path.display()))
}

/// The report, which can begin only when the encoding is known.
enum Report {
    Waiting(PathBuf),
    Begun(CsvReport<BufWriter<File>>),
}

impl Report {
    fn waiting(path: &Path) -> Self {
        Self::Waiting(path.to_owned())
    }

    fn begun(&mut self, sighted: &Sighted) -> io::Result<()> {
        if let Self::Waiting(path) = self {
            *self = Self::Begun(CsvReport::begin(private(path)?, sighted)?);
        }
        Ok(())
    }
}

/// So many findings are shown on the terminal, without values.
const SHOWN: usize = 20;

struct Watching {
    csv: Option<Report>,
    ndjson: Option<BufWriter<File>>,
    shown: usize,
    bar: ProgressBar,
}

impl Watcher for Watching {
    fn sighted(&mut self, sighted: &Sighted) -> io::Result<()> {
        let words = match sighted.encoding {
            Encoding::Cp932 => "CP932 (Shift_JIS)",
            Encoding::Utf16Le => "UTF-16LE",
            Encoding::Utf16Be => "UTF-16BE",
            _ if sighted.marked => "UTF-8 (BOM)",
            _ => "UTF-8",
        };
        self.bar.suspend(|| say(&format!("文字コード encoding: {words}")));
        self.csv.as_mut().map_or(Ok(()), |report| report.begun(sighted))
    }

    fn opened(&mut self, rows: u64) {
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} 行 {per_sec} 残り {eta}");
        self.bar.set_length(rows);
        if let Ok(style) = style {
            self.bar.set_style(style);
        }
    }

    fn found(&mut self, finding: &Finding) -> io::Result<()> {
        if self.shown < SHOWN {
            let column = finding.column.as_deref().unwrap_or("-");
            let remedy = finding.remedy();
            let (line, rule, outcome) = (finding.line, finding.rule, finding.weight.as_str());
            let text =
                format!("{line} 行目 {column} [{outcome} {rule}] {} / {}", remedy.ja, remedy.en);
            self.bar.suspend(|| say(&text));
        } else if self.shown == SHOWN {
            let text = "… 残りは --report か --ndjson のファイルへ / the others are in the reports";
            self.bar.suspend(|| say(text));
        }
        self.shown += 1;
        if let Some(to) = &mut self.ndjson {
            ndjson(to, finding)?;
        }
        let Some(report) = &mut self.csv else { return Ok(()) };
        // Of a file that is no text there is no encoding to follow.
        report.begun(&Sighted {
            encoding: Encoding::Utf8,
            marked: true,
            digest: String::new(),
            bytes: 0,
        })?;
        match report {
            Report::Begun(report) => report.add(finding),
            Report::Waiting(_) => Ok(()),
        }
    }

    fn done(&mut self, rows: u64) {
        if rows.is_multiple_of(1_000) {
            self.bar.set_position(rows);
        }
    }
}

impl Watching {
    fn end(self) -> io::Result<()> {
        if let Some(Report::Begun(report)) = self.csv {
            report.end()?;
        }
        self.ndjson.map_or(Ok(()), |mut to| to.flush())
    }
}
