//! Asking page by page.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, TimeDelta};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use tsunagu_connect::{
    Batch, Call, Client, ConnectError, Cursor, Item, Probe, Reply, RowReport, Source,
};
use tsunagu_domain::Clock;
use url::Url;

use crate::config::{Config, Paging};

/// So many pages in one round; more of them is a loop.
const MOST_PAGES: u32 = 100_000;

pub(crate) struct Poll {
    client: Client,
    config: Config,
    clock: Arc<dyn Clock>,
    /// Tells cursors of these settings from those of others.
    settings: String,
}

/// How far the other side's clock may be ahead, microseconds.
const AHEAD: i64 = 300 * 1_000_000;

/// How far it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Progress {
    /// Of which settings.
    settings: String,
    /// The next page of a round under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Next>,
    /// What the newest record of the round under way said.
    #[serde(skip_serializing_if = "Option::is_none")]
    newest: Option<Value>,
    /// The same of the last whole round.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Value>,
    /// What the answer of the last round was marked with.
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Next {
    url: Url,
    page: u32,
    /// What the page before held, to see that this one is another.
    #[serde(default)]
    before: u64,
}

fn unusable(what: &str) -> ConnectError {
    ConnectError::Unavailable(format!("the answer cannot be used: {what}"))
}

impl Poll {
    pub(crate) fn new(client: Client, config: Config, clock: Arc<dyn Clock>) -> Self {
        let settings = format!("{:016x}", sum(&format!("{config:?}")));
        Self { client, config, clock, settings }
    }

    /// The later of two marks, if the second is one and not of a future that a wrong clock made.
    fn newer(&self, a: Option<Value>, b: &Value) -> Option<Value> {
        let now = self.clock.micros().saturating_add(AHEAD);
        let time = |value: &Value| {
            let time = DateTime::parse_from_rfc3339(value.as_str()?).ok()?.timestamp_micros();
            (time <= now).then_some(time)
        };
        let later = match (&a, b) {
            (None, Value::Number(_)) => true,
            (None, b) => time(b).is_some(),
            (Some(Value::Number(a)), Value::Number(b)) => b.as_f64() > a.as_f64(),
            (Some(a), b) => time(a).zip(time(b)).is_some_and(|(a, b)| b > a),
        };
        if later { Some(b.clone()) } else { a }
    }

    /// What is asked for: a time a little before the newest, or the newest number.
    fn asked(mark: &Value, overlap: u32) -> String {
        let time = mark.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        match time {
            Some(time) => {
                let back = TimeDelta::seconds(overlap.into());
                let time = time.checked_sub_signed(back).unwrap_or(time);
                time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
            }
            None => mark.as_str().map_or_else(|| mark.to_string(), str::to_owned),
        }
    }

    fn first(&self, since: Option<&Value>) -> Next {
        let mut url = self.client.url().clone();
        if let (Some(asked), Some(value)) = (&self.config.since, since) {
            let text = Self::asked(value, asked.overlap_seconds);
            url.query_pairs_mut().append_pair(&asked.parameter, &text);
        }
        match &self.config.paging {
            Paging::Page { parameter, first } => {
                Next { url: numbered(&url, parameter, *first), page: *first, before: 0 }
            }
            _ => Next { url, page: 0, before: 0 },
        }
    }

    /// The page after `this`; `None` when it is the last.
    fn after(
        &self,
        this: &Next,
        reply: &Reply,
        answer: &Value,
        records: usize,
        held: u64,
    ) -> Result<Option<Next>, ConnectError> {
        let circle = || unusable("its pages go round in a circle");
        if this.page >= MOST_PAGES || (records > 0 && held == this.before) {
            return Err(circle());
        }
        let target = match &self.config.paging {
            Paging::None => None,
            Paging::Link => reply.header("link").and_then(next_link).map(str::to_owned),
            Paging::Next(pointer) => match answer.pointer(pointer) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) if text.is_empty() => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(_) => return Err(unusable("the link to the next page is no text")),
            },
            Paging::Page { .. } if records == 0 => None,
            Paging::Page { parameter, .. } => {
                let page = this.page + 1;
                let url = numbered(&this.url, parameter, page);
                return Ok(Some(Next { url, page, before: held }));
            }
        };
        let Some(target) = target else { return Ok(None) };
        let joined = this.url.join(&target);
        let url = joined.map_err(|_| unusable("the link to the next page is no URL"))?;
        if url == this.url {
            return Err(circle());
        }
        Ok(Some(Next { url, page: this.page + 1, before: held }))
    }
}

fn numbered(url: &Url, parameter: &str, page: u32) -> Url {
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| name != parameter)
        .map(|(n, v)| (n.into(), v.into()))
        .collect();
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(kept).append_pair(parameter, &page.to_string());
    url
}

/// The target of `rel="next"` in a `Link` header.
fn next_link(header: &str) -> Option<&str> {
    header.split(',').find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| {
            let Some((name, value)) = parameter.trim().split_once('=') else { return false };
            name.trim().eq_ignore_ascii_case("rel")
                && value.trim().trim_matches('"').split_whitespace().any(|rel| rel == "next")
        });
        is_next.then_some(target)
    })
}

/// Tells texts apart; no secret depends on it.
fn sum(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn write(progress: &Progress) -> Result<Cursor, ConnectError> {
    serde_json::to_string(progress).map(Cursor).map_err(|_| unusable("its place"))
}

fn raw(value: &Value) -> Result<Box<RawValue>, ConnectError> {
    to_raw_value(value).map_err(|_| unusable("a record is no JSON"))
}

#[async_trait]
impl Source for Poll {
    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Batch, ConnectError> {
        let mut progress = match cursor {
            None => Progress::default(),
            Some(Cursor(text)) => serde_json::from_str(text).unwrap_or_default(),
        };
        if progress.settings != self.settings {
            // Of other settings: everything is read anew, which writes nothing twice.
            progress = Progress { settings: self.settings.clone(), ..Progress::default() };
        }
        let begins = progress.next.is_none();
        let this = progress.next.take().unwrap_or_else(|| self.first(progress.since.as_ref()));
        let mut call = Call::get(this.url.clone()).header("accept", "application/json".to_owned());
        if let Some(etag) = progress.etag.as_ref().filter(|_| begins) {
            call = call.header("if-none-match", etag.clone());
        }
        let reply = self.client.send(call).await?;
        // A link to the next page that the other side no longer knows: the round begins anew.
        if !begins && matches!(reply.status, 400 | 404 | 410) {
            (progress.newest, progress.etag) = (None, None);
            let cursor = write(&progress)?;
            return Ok(Batch {
                items: Vec::new(),
                report: RowReport::default(),
                cursor,
                more: false,
            });
        }
        let reply = Client::answered(reply)?;
        if reply.status == 304 {
            let cursor = cursor.cloned().unwrap_or_else(|| Cursor(String::new()));
            return Ok(Batch {
                items: Vec::new(),
                report: RowReport::default(),
                cursor,
                more: false,
            });
        }
        let answer: Value =
            serde_json::from_slice(&reply.body).map_err(|_| unusable("it is no JSON"))?;
        let list = answer.pointer(&self.config.records).and_then(Value::as_array);
        let list =
            list.ok_or_else(|| unusable("there is no list of records where one should be"))?;
        let mut items = Vec::with_capacity(list.len());
        for (line, record) in (1u64..).zip(list) {
            if let Some(at) =
                self.config.since.as_ref().and_then(|since| record.pointer(&since.from))
            {
                progress.newest = self.newer(progress.newest.take(), at);
            }
            items.push(Item::record(raw(record)?, format!("page {}", this.page), line));
        }
        if begins {
            progress.etag = reply.header("etag").map(str::to_owned);
        }
        let held = sum(&serde_json::to_string(list).unwrap_or_default());
        progress.next = self.after(&this, &reply, &answer, list.len(), held)?;
        let more = progress.next.is_some();
        if !more {
            progress.since = progress.newest.take().or(progress.since);
        }
        // Only one page can be unchanged as a whole.
        if more || !begins {
            progress.etag = None;
        }
        let cursor = write(&progress)?;
        Ok(Batch { items, report: RowReport::default(), cursor, more })
    }

    async fn acknowledge(&mut self, _cursor: &Cursor) -> Result<(), ConnectError> {
        // The other side keeps nothing for us.
        Ok(())
    }
}

/// Whether the address answers.
pub(crate) struct Reachable(pub(crate) Client);

#[async_trait]
impl Probe for Reachable {
    async fn probe(&self) -> Result<(), ConnectError> {
        self.0.get(self.0.url().clone()).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_the_next_page() {
        for (header, next) in [
            (r#"<https://x.example/2>; rel="next""#, Some("https://x.example/2")),
            (r#"</1>; rel=prev, </3>; title="a;b"; rel="last next""#, Some("/3")),
            (r#"</1>; rel="prev""#, None),
            ("</2>", None),
            ("nonsense", None),
        ] {
            assert_eq!(next_link(header), next, "{header}");
        }
    }

    #[test]
    fn pages_that_say_the_same_are_told_apart_from_others() {
        assert_ne!(sum("a"), sum("b"));
        assert_eq!(sum("a"), sum("a"));
    }
}
