//! Rows 6 to 8 and 18: durable writes, against raw inserts of the same bytes into the same engine.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tsunagu_domain::{Clock as _, SystemClock};

use super::load::{self, Ask, Slice};
use super::report::Row;
use super::run::{Bench, WRITERS};
use super::town;

/// Entities of a batch.
const BATCH: u64 = 1_000;
/// Activities of a batch of them.
const ACTIVITIES: u64 = 50;

impl Bench<'_> {
    /// Row 6: durable creates.
    pub(crate) fn creates(&self) -> anyhow::Result<Vec<Row>> {
        let token = self.token()?;
        // Ready to be sent but for the id: what the generator costs is in our figure and not in S.
        let requests = (0..1_000).map(|n| {
            let body = town::entity(n).to_string();
            let request = send("POST", "/ngsi-ld/v1/entities", &token, &body);
            let at = request.find(&town::id(n)).context("an entity without its id")?;
            Ok((request.into_bytes(), at))
        });
        let requests = requests.collect::<anyhow::Result<Vec<_>>>()?;
        let request = |_: u64, out: &mut Vec<u8>| {
            let n = self.created.fetch_add(1, Ordering::Relaxed);
            let (like, at) = &requests[usize::try_from(n % 1_000).unwrap_or(0)];
            out.extend_from_slice(like);
            // The ids are all of one length.
            let id = town::id(n);
            out[*at..*at + id.len()].copy_from_slice(id.as_bytes());
        };
        let ask = Ask { address: self.address, connections: WRITERS, status: 201 };
        let row =
            self.against_raw(6, "POST create, durable", 0.60, |time| ask.run(time, &request))?;
        Ok(vec![row])
    }

    /// Row 18: activities of residents, each accepted under its consent, evaluated by a rule, and journaled with award, limits, ledger and order in
    /// the transaction that is durable before the answer.
    pub(crate) fn activities(&self) -> anyhow::Result<Vec<Row>> {
        let begun = SystemClock.micros();
        let people = self.clients.len() as u64;
        let request = |_: u64, out: &mut Vec<u8>| {
            let n = self.created.fetch_add(1, Ordering::Relaxed);
            let client = &self.clients[usize::try_from(n % people).unwrap_or(0)];
            let body = town::activity(&client.person, n, n / people, begun);
            let sent = send("POST", "/ngsi-ld/v1/entities", &client.token, &body);
            out.extend_from_slice(sent.as_bytes());
        };
        let ask = Ask { address: self.address, connections: WRITERS, status: 201 };
        let work = "POST activity, app's token, evaluated and journaled, durable";
        let one = self.against_raw(18, work, 0.30, |time| ask.run(time, &request))?;

        // What a phone sends when it was offline: a person's activities of a while.
        let turns = AtomicU64::new(0);
        let request = |_: u64, out: &mut Vec<u8>| {
            let turn = turns.fetch_add(1, Ordering::Relaxed);
            let client = &self.clients[usize::try_from(turn % people).unwrap_or(0)];
            let first = self.created.fetch_add(ACTIVITIES, Ordering::Relaxed);
            // Before everything that was sent singly.
            let earlier = 1_000_000 / people + (turn / people) * ACTIVITIES;
            let activity = |n| town::activity(&client.person, first + n, earlier + n, begun);
            let all: Vec<String> = (0..ACTIVITIES).map(activity).collect();
            let body = format!("[{}]", all.join(","));
            let sent = send("POST", "/ngsi-ld/v1/entityOperations/create", &client.token, &body);
            out.extend_from_slice(sent.as_bytes());
        };
        let ask = Ask { address: self.address, connections: 16, status: 201 };
        let work = "POST batch of 50 activities of one person, likewise; activities";
        let batch = self.against_raw(18, work, 0.50, |time| {
            let slice = ask.run(time, &request)?;
            Ok(Slice { requests: slice.requests * ACTIVITIES, ..slice })
        })?;
        let answer =
            load::once(self.address, b"GET /rewards/v1/rules HTTP/1.1\r\nHost: bench\r\n\r\n")?;
        let rules: Value = serde_json::from_slice(&answer.body)?;
        let reserved = rules[0]["budget"]["reserved"].as_i64().unwrap_or(0);
        ensure!(reserved > 0, "no activity earned anything");
        Ok(vec![one, batch])
    }

    /// Row 8: batches of new entities; counted in entities.
    pub(crate) fn batches(&self) -> anyhow::Result<Vec<Row>> {
        let token = self.token()?;
        let entities: Vec<String> = (0..BATCH).map(|n| town::entity(n).to_string()).collect();
        let body = format!("[{}]", entities.join(","));
        let request = send("POST", "/ngsi-ld/v1/entityOperations/upsert", &token, &body);
        let at = |n: u64| request.find(&town::id(n)).context("an entity without its id");
        let places = (0..BATCH).map(at).collect::<anyhow::Result<Vec<_>>>()?;
        let source = |_: u64, out: &mut Vec<u8>| {
            let first = self.created.fetch_add(BATCH, Ordering::Relaxed);
            out.extend_from_slice(request.as_bytes());
            for (n, at) in (first..).zip(&places) {
                let id = town::id(n);
                out[*at..*at + id.len()].copy_from_slice(id.as_bytes());
            }
        };
        let ask = Ask { address: self.address, connections: 4, status: 201 };
        let row = self.against_raw(8, "batch upsert of 1,000, entities", 0.60, |time| {
            let slice = ask.run(time, &source)?;
            Ok(Slice { requests: slice.requests * BATCH, ..slice })
        })?;
        Ok(vec![row])
    }
}

/// New values of one attribute of some entities, as requests.
pub(crate) struct Changes {
    token: String,
    tenant: Option<&'static str>,
    next: AtomicU64,
}

impl Changes {
    pub(crate) fn new(token: String, tenant: Option<&'static str>) -> Self {
        Self { token, tenant, next: AtomicU64::new(0) }
    }

    /// The next change of the entity of this id.
    pub(crate) fn write(&self, id: &str, out: &mut Vec<u8>) {
        let value = self.next.fetch_add(1, Ordering::Relaxed);
        let body = format!(r#"{{"type":"Property","value":{value}}}"#);
        let path = format!("/ngsi-ld/v1/entities/{id}/attrs/temperature");
        let mut request = send("PATCH", &path, &self.token, &body);
        if let Some(tenant) = self.tenant {
            request = request.replacen("\r\n", &format!("\r\nNGSILD-Tenant: {tenant}\r\n"), 1);
        }
        out.extend_from_slice(request.as_bytes());
    }
}

/// A request with a JSON body.
pub(crate) fn send(method: &str, path: &str, token: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
