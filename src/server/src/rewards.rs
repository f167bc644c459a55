//! `tsunagu rewards`: reward rules, from a shell.

use std::path::PathBuf;
use std::process::ExitCode;

use actix_web::rt;
use anyhow::{Context as _, bail};
use chrono::NaiveDate;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tsunagu_domain::TsunoId;
use tsunagu_ngsi_ld::Context as Terms;
use tsunagu_rewards::{Progress, Reason, Rules, SimulatedRule, Simulation};
use tsunagu_staff::{Acting, Object, Role, Via};
use tsunagu_store::access::{Access, AccessLog as _, Action, Decision};

use crate::wire::{App, assemble};
use crate::{ServeArgs, config, say};

/// A budget would be used up.
const USED_UP: u8 = 3;

/// What can be done with reward rules. With the embedded store the gateway must not be running; ask that at /rewards/v1.
#[derive(Debug, Subcommand)]
pub(crate) enum RewardsCommand {
    /// Try rules on the stored activities; nothing is written but that they were read. It exits with 0 when every budget suffices, 3 when one would be
    /// used up, 1 when it could not try
    Simulate {
        /// A file of rules, as `rewards` of the configuration names one
        #[arg(long)]
        rules: PathBuf,
        /// First day of activity, e.g. 2026-11-01; the first day of the rules when left out
        #[arg(long)]
        from: Option<NaiveDate>,
        /// The day after the last one; where the rules end when left out
        #[arg(long)]
        to: Option<NaiveDate>,
        /// As JSON, the answer of /rewards/v1/simulations
        #[arg(long)]
        json: bool,
        /// The operator who does it, by name, for the record of access
        #[arg(long = "as", value_name = "MEMBER")]
        member: Option<String>,
        #[command(flatten)]
        args: ServeArgs,
    },
    /// List the rules in force with their budgets
    Rules {
        /// As JSON, the answer of /rewards/v1/rules
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        args: ServeArgs,
    },
}

pub(crate) fn run(command: &RewardsCommand) -> anyhow::Result<ExitCode> {
    let (RewardsCommand::Simulate { args, .. } | RewardsCommand::Rules { args, .. }) = command;
    let config = config::read(&args.config, args.store.clone())?;
    rt::System::new().block_on(async {
        let app = assemble(&config).await?;
        let done = obey(command, &app).await;
        app.base.store.close().await;
        done
    })
}

async fn obey(command: &RewardsCommand, app: &App) -> anyhow::Result<ExitCode> {
    match command {
        RewardsCommand::Simulate { rules, from, to, json, member, .. } => {
            let text = std::fs::read(rules)
                .with_context(|| format!("the reward rules {} cannot be read", rules.display()))?;
            let rules = Rules::read(&text)
                .with_context(|| format!("the reward rules {} are not right", rules.display()))?;
            let span = rules.span().context("there is no rule in the file")?;
            let days = (from.unwrap_or(span.0), to.unwrap_or(span.1));
            if days.0 >= days.1 {
                bail!("--to {} is not after --from {}", days.1, days.0);
            }
            simulate(app, &rules, days, member.as_deref(), *json).await
        }
        RewardsCommand::Rules { json, .. } => list(app, *json).await,
    }
}

async fn simulate(
    app: &App,
    rules: &Rules,
    days: (NaiveDate, NaiveDate),
    member: Option<&str>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let (tenant, rewards) = (&app.base.tenant, &app.gateway.rewards);
    let request = app.base.ids.uuid();
    let actor = actor(app, member, &request).await?;
    // Drawn on a terminal only.
    let bar = ProgressBar::new_spinner();
    let tell = |progress| match progress {
        Progress::Read(read) => {
            bar.set_message(format!("記録を読んでいます / reading activities: {read}"));
            bar.tick();
        }
        Progress::Decided { done, of } => {
            if bar.length() != Some(of) {
                bar.set_length(of);
                bar.set_message("試しています / trying");
                if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}") {
                    bar.set_style(style);
                }
            }
            bar.set_position(done);
        }
    };
    let tried = rewards.simulate_telling(tenant, rules, days, &tell).await;
    bar.finish_and_clear();
    let (found, people) = tried?;
    if !people.is_empty() {
        let access = access(app, actor, request, people, found.activities);
        app.base.audit.record(tenant, &access).await?;
    }
    if json {
        say(&serde_json::to_string_pretty(&found)?);
    } else {
        tell_all(&found, days);
    }
    let spent = found.rules.iter().any(|rule| rule.refused.contains_key(&Reason::Budget.code()));
    Ok(if spent { USED_UP.into() } else { ExitCode::SUCCESS })
}

/// Who does it, as the record of access names them.
async fn actor(app: &App, member: Option<&str>, request: &str) -> anyhow::Result<String> {
    let Some(name) = member else { return Ok("platform:reward-simulation".to_owned()) };
    let (tenant, staff) = (&app.base.tenant, &app.gateway.staff);
    let member = staff.members.named(tenant, name).await?;
    let member = member.with_context(|| format!("{name} is no member with a role"))?;
    let acting = Acting { member, via: Via::Shell, request: request.to_owned() };
    let object = Object::new("urn:tsunagu:type:RewardRule", "rewards-simulate", "");
    staff.desk.demand(tenant, &acting, &[Role::Operator], object).await?;
    Ok(acting.actor())
}

fn access(app: &App, actor: String, request: String, subjects: Vec<TsunoId>, count: u64) -> Access {
    let terms = Terms::core();
    let expand = |term: &&str| terms.expand(term).into_owned();
    Access {
        at: app.base.clock.micros(),
        request,
        actor,
        subjects,
        purpose: None,
        grant: None,
        grant_version: None,
        action: Action::Query,
        types: vec![expand(&"CoinGrant")],
        attributes: ["amount", "activityDate", "state"].iter().map(expand).collect(),
        decision: Decision::Allowed,
        reason: "reward-simulation".to_owned(),
        count,
    }
}

fn tell_all(found: &Simulation, (from, to): (NaiveDate, NaiveDate)) {
    let Simulation { activities, persons, rules } = found;
    say(&format!(
        "{from} – {to}: 記録 {activities} 件、{persons} 人 / {activities} activities of {persons} people"
    ));
    for rule in rules {
        let SimulatedRule { rule: name, version, grants, coins, persons, budget, .. } = rule;
        let most = rule.most_of_one_person;
        // Whole percents, rounded down: only what is all of it says 100.
        let part = coins.saturating_mul(100) / (*budget).max(1);
        say(&format!(
            "{name} {version}\n  付与 {grants} 件、{coins} コイン、{persons} 人（最も多い人 {most}） / {grants} grants, {coins} coins, {persons} people (the most of one: {most})\n  予算 {budget} のうち {part}% / {part}% of the budget of {budget}"
        ));
        for (code, count) in &rule.refused {
            say(&format!("  {count:>8}  {code}  {}", words(code)));
        }
    }
}

/// A reason in both languages.
fn words(code: &str) -> String {
    let reason = serde_json::from_value::<Reason>(Value::String(code.to_owned()));
    reason.map_or_else(
        |_| String::new(),
        |reason| {
            let text = reason.text();
            format!("{} / {}", text.ja, text.en)
        },
    )
}

async fn list(app: &App, as_json: bool) -> anyhow::Result<ExitCode> {
    let rules = app.gateway.rewards.rules(&app.base.tenant).await?;
    if as_json {
        say(&serde_json::to_string_pretty(&json!(rules))?);
        return Ok(ExitCode::SUCCESS);
    }
    for status in rules {
        let (rule, money) = (status.rule, status.budget);
        say(&format!(
            "{} {}  {} – {}  {} / {}\n  予算 {}、注文中 {}、付与済み {}、残り {} / budget {}, reserved {}, issued {}, remaining {}",
            rule.id,
            rule.version,
            rule.valid_from,
            rule.valid_until,
            rule.label.ja,
            rule.label.en,
            money.total,
            money.reserved,
            money.issued,
            money.remaining,
            money.total,
            money.reserved,
            money.issued,
            money.remaining,
        ));
    }
    Ok(ExitCode::SUCCESS)
}
