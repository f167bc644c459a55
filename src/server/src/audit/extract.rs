//! `tsunagu audit provisions` and `tsunagu audit breach`: what the law asks of the log, as files.

use std::collections::BTreeSet;
use std::path::PathBuf;

use actix_web::rt;
use anyhow::Context as _;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime};
use serde::Serialize;
use tsunagu_audit::{Encoding, Provisions, Reader, Which};
use tsunagu_domain::{Timestamp, TsunoId};

use crate::wire::Foundation;
use crate::{ServeArgs, config, say};

const JAPAN_SECONDS: i32 = 9 * 3600;

/// What is asked for, and how it is written.
#[derive(Debug, clap::Args)]
pub(crate) struct ExtractArgs {
    /// Not before: a day in Japan such as 2026-11-01, or a time such as 2026-11-01T09:00:00+09:00
    #[arg(long, value_parser = moment)]
    from: Option<Timestamp>,
    /// Before
    #[arg(long, value_parser = moment)]
    until: Option<Timestamp>,
    /// To this client; may be given several times
    #[arg(long)]
    recipient: Vec<String>,
    /// About this person, by Tsuno ID
    #[arg(long)]
    person: Option<TsunoId>,
    /// Of this item, an expanded attribute name; may be given several times
    #[arg(long)]
    item: Vec<String>,
    /// `json`, or `csv` as `utf-8` with a byte order mark or as `cp932`
    #[arg(long, value_enum, default_value_t = Form::Csv)]
    form: Form,
    /// How CSV is written: utf-8 or cp932
    #[arg(long, default_value = "utf-8")]
    encoding: Encoding,
    /// Who reads it, for the record that the persons in it see
    #[arg(long)]
    by: String,
    /// The file
    #[arg(long)]
    out: PathBuf,
}

/// Forms of a file.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Form {
    Csv,
    Json,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp_micros());
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let local = day
        .zip(FixedOffset::east_opt(JAPAN_SECONDS))
        .and_then(|(day, japan)| day.and_time(NaiveTime::MIN).and_local_timezone(japan).single());
    local.map(|time| time.timestamp_micros()).ok_or_else(|| {
        "expected a day such as 2026-11-01 or a time such as 2026-11-01T09:00:00+09:00".to_owned()
    })
}

pub(crate) fn provisions(args: ServeArgs, extract: &ExtractArgs) -> anyhow::Result<()> {
    let found = read(args, extract)?;
    write(extract, &found, |encoding| found.csv(encoding))?;
    say(&format!(
        "{} provisions are in {}; {} entries are erased",
        found.provisions.len(),
        extract.out.display(),
        found.erased
    ));
    Ok(())
}

pub(crate) fn breach(args: ServeArgs, extract: &ExtractArgs, threshold: u64) -> anyhow::Result<()> {
    let breach = read(args, extract)?.breach(threshold);
    write(extract, &breach, |encoding| breach.csv(encoding))?;
    let due = if breach.above_threshold { "above" } else { "not above" };
    say(&format!(
        "{} persons are concerned, {due} the threshold of {threshold}; they are in {}; {} entries are erased",
        breach.persons,
        extract.out.display(),
        breach.erased
    ));
    Ok(())
}

fn read(args: ServeArgs, extract: &ExtractArgs) -> anyhow::Result<Provisions> {
    let config = config::read(&args.config, args.store)?;
    let which = Which {
        from: extract.from.unwrap_or(0),
        until: extract.until,
        recipients: extract.recipient.iter().cloned().collect::<BTreeSet<_>>(),
        person: extract.person,
        items: extract.item.iter().cloned().collect::<BTreeSet<_>>(),
    };
    rt::System::new().block_on(async {
        let base = Foundation::open(&config).await?;
        let reader = Reader::auditor(format!("operator:{}", extract.by), base.ids.uuid());
        let found = base.audit.provisions(&base.tenant, &reader, &which).await;
        base.store.close().await;
        Ok(found?)
    })
}

fn write(
    extract: &ExtractArgs,
    what: &impl Serialize,
    csv: impl Fn(Encoding) -> Vec<u8>,
) -> anyhow::Result<()> {
    let bytes = match extract.form {
        Form::Csv => csv(extract.encoding),
        Form::Json => serde_json::to_vec_pretty(what)?,
    };
    std::fs::write(&extract.out, bytes)
        .with_context(|| format!("{} cannot be written", extract.out.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_in_japan() {
        assert_eq!(moment("2026-11-01"), moment("2026-10-31T15:00:00Z"));
        assert!(moment("yesterday").is_err());
    }
}
