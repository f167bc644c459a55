//! Taking entities.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tsunagu_connect::{Batch, ConnectError, Cursor, Item, Refusal, RowReport, Source};
use tsunagu_domain::{Clock, Text};
use tsunagu_ngsi_ld::parse::parse_entity;
use tsunagu_ngsi_ld::{Context, Limits, check};

use crate::config::{Broker, Taken};

pub(crate) struct Take {
    pub(crate) broker: Broker,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) asked: Taken,
}

/// Which type and how far in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Progress {
    /// Of which settings.
    settings: String,
    nth: usize,
    offset: u64,
    /// What the page before held, to see that this one is another.
    before: u64,
}

/// Tells pages apart; no secret depends on it.
fn sum(page: &[Box<RawValue>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for entity in page {
        entity.get().hash(&mut hasher);
    }
    hasher.finish()
}

fn unusable(what: &str) -> ConnectError {
    ConnectError::Unavailable(format!("the answer of the broker cannot be used: {what}"))
}

fn refusal(input: &str, line: u64, rule: &str) -> Refusal {
    let remedy = Text {
        ja: "NGSI-LDのエンティティとして読めません。送り元のデータを確認してください".to_owned(),
        en: "it is no NGSI-LD entity; look at it in the other broker".to_owned(),
    };
    Refusal { input: input.to_owned(), line, column: None, rule: rule.to_owned(), remedy }
}

#[async_trait]
impl Source for Take {
    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Batch, ConnectError> {
        let mut progress: Progress = match cursor {
            None => Progress::default(),
            Some(Cursor(text)) => serde_json::from_str(text).unwrap_or_default(),
        };
        let settings = format!("{:?}", self.asked);
        if progress.settings != settings || progress.nth >= self.asked.types.len() {
            // Of other settings: from the beginning, which writes nothing twice.
            progress = Progress { settings: settings.clone(), ..Progress::default() };
        }
        let wanted = self.asked.types.get(progress.nth);
        let wanted = wanted.ok_or_else(|| unusable("no type is asked for"))?;
        let mut url = self.broker.url(&["entities"])?;
        url.query_pairs_mut()
            .append_pair("type", wanted)
            .append_pair("limit", &self.asked.limit.to_string())
            .append_pair("offset", &progress.offset.to_string());
        if let Some(q) = &self.asked.q {
            url.query_pairs_mut().append_pair("q", q);
        }
        let reply = self.broker.read(url).await?;
        let list: Vec<Box<RawValue>> =
            serde_json::from_slice(&reply.body).map_err(|_| unusable("it is no list"))?;
        let (now, context) = (self.clock.micros(), Context::core());
        let (mut items, mut report) = (Vec::new(), RowReport::default());
        for (line, raw) in (progress.offset + 1..).zip(&list) {
            let text = raw.get();
            let read = check(text.as_bytes(), &Limits::default())
                .and_then(|_| parse_entity(text, &context, now));
            match read {
                Ok(entity) => items.push(Item::entity(entity, wanted.clone(), line)),
                Err(_) => report.refuse([refusal(wanted, line, "entity")]),
            }
        }
        let held = sum(&list);
        if !list.is_empty() && held == progress.before {
            return Err(unusable("its pages go round in a circle"));
        }
        let begin = Progress { settings, ..Progress::default() };
        // Only an empty page is the last: a broker may give less than it is asked for.
        let next = if !list.is_empty() {
            Progress { offset: progress.offset + list.len() as u64, before: held, ..progress }
        } else if progress.nth + 1 < self.asked.types.len() {
            Progress { nth: progress.nth + 1, ..begin.clone() }
        } else {
            begin.clone()
        };
        let more = next != begin;
        let cursor = serde_json::to_string(&next).map_err(|_| unusable("its place"))?;
        Ok(Batch { items, report, cursor: Cursor(cursor), more })
    }

    async fn acknowledge(&mut self, _cursor: &Cursor) -> Result<(), ConnectError> {
        // The other broker keeps nothing for us.
        Ok(())
    }
}
