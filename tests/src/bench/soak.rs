//! Writers that remember what was acknowledged, and what was under way when the gateway died.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::load::Connection;

/// Numbers that a seed decides (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// `None` for an entity that is absent.
type Revision = Option<u64>;

/// What an entity may be when one looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fate {
    acknowledged: Revision,
    /// A change whose answer did not come.
    under_way: Option<Revision>,
}

/// A writer with entities of its own. Each holds its revision twice, so that half a change would show.
#[derive(Debug)]
pub struct Writer {
    name: String,
    entity_type: &'static str,
    made: u64,
    chance: Chance,
    fates: BTreeMap<String, Fate>,
    /// Changed since the last look.
    touched: Vec<String>,
    /// Writes acknowledged.
    pub acknowledged: u64,
}

impl Writer {
    /// The n-th writer of a seed: every fourth one writes personal records, which also go into the record of access.
    pub fn new(seed: u64, n: u64) -> Self {
        Self {
            name: format!("soak-{seed}-writer-{n}"),
            entity_type: if n % 4 == 3 { "ResidentRecord" } else { "SoakThing" },
            made: 0,
            chance: Chance::new(seed ^ n.wrapping_mul(0xa076_1d64_78bd_642f)),
            fates: BTreeMap::new(),
            touched: Vec::new(),
            acknowledged: 0,
        }
    }

    /// How many entities it knows.
    pub fn entities(&self) -> usize {
        self.fates.len()
    }

    /// Writes until the connection ends, or `stop` changes. An answer that refuses is an error.
    pub async fn write(
        &mut self,
        address: SocketAddr,
        token: &str,
        mut stop: watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let Ok(mut line) = Connection::open(address).await else {
            return Ok(());
        };
        while !*stop.borrow_and_update() {
            let (id, to) = self.choose();
            let now = self.fates.get(&id).and_then(|fate| fate.acknowledged);
            let (request, expected) = change(&id, self.entity_type, now, to, token);
            let fate = Fate { acknowledged: now, under_way: Some(to) };
            self.fates.insert(id.clone(), fate);
            self.touched.push(id.clone());
            let answered = async {
                line.send(&request).await?;
                line.receive().await
            };
            let Ok(got) = answered.await else {
                return Ok(());
            };
            ensure!(got.status == expected, "{id}: {expected} was expected: {}", line.text(&got));
            self.fates.insert(id, Fate { acknowledged: to, under_way: None });
            self.acknowledged += 1;
        }
        Ok(())
    }

    /// What to change next: half of it is new.
    fn choose(&mut self) -> (String, Option<u64>) {
        let known = self.fates.len() as u64;
        if known > 0 && self.chance.below(2) == 0 {
            let nth = usize::try_from(self.chance.below(known)).unwrap_or(0);
            if let Some((id, fate)) = self.fates.iter().nth(nth)
                && let Some(now) = fate.acknowledged
            {
                let to = (self.chance.below(4) > 0).then_some(now + 1);
                return (id.clone(), to);
            }
        }
        self.made += 1;
        (format!("urn:ngsi-ld:{}:{}-thing-{}", self.entity_type, self.name, self.made), Some(1))
    }

    /// Compares what is stored with what was acknowledged: what was touched since the last look, or everything. Says what is wrong.
    pub async fn look(
        &mut self,
        address: SocketAddr,
        token: &str,
        everything: bool,
    ) -> anyhow::Result<Vec<String>> {
        let ids: Vec<String> = if everything {
            self.fates.keys().cloned().collect()
        } else {
            let mut ids = std::mem::take(&mut self.touched);
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let mut wrong = Vec::new();
        let mut line = Connection::open(address).await?;
        for id in ids {
            let request = format!(
                "GET /ngsi-ld/v1/entities/{id}?options=keyValues HTTP/1.1\r\nHost: soak\r\nAuthorization: Bearer {token}\r\n\r\n"
            );
            line.send(request.as_bytes()).await?;
            let got = line.receive().await?;
            let found = match got.status {
                404 => None,
                200 => {
                    let entity: Value = serde_json::from_slice(line.body(&got))?;
                    let revision = entity["rev"].as_u64().context("no revision")?;
                    if entity["twin"].as_u64() != Some(revision) {
                        wrong.push(format!("{id} holds half a change"));
                    }
                    Some(revision)
                }
                _ => bail!("{id}: {}", line.text(&got)),
            };
            let Some(fate) = self.fates.get_mut(&id) else { continue };
            if found != fate.acknowledged && Some(found) != fate.under_way {
                wrong.push(format!(
                    "{id} is {found:?}; acknowledged was {:?}, under way {:?}",
                    fate.acknowledged, fate.under_way
                ));
            }
            *fate = Fate { acknowledged: found, under_way: None };
        }
        Ok(wrong)
    }
}

/// The request that brings an entity from one revision to another, and the status of its success.
fn change(
    id: &str,
    entity_type: &str,
    now: Option<u64>,
    to: Option<u64>,
    token: &str,
) -> (Vec<u8>, u16) {
    let property = |value: u64| json!({ "type": "Property", "value": value });
    let (line, body, expected) = match (now, to) {
        (_, None) => (format!("DELETE /ngsi-ld/v1/entities/{id}"), None, 204),
        (None, Some(to)) => {
            let body =
                json!({ "id": id, "type": entity_type, "rev": property(to), "twin": property(to) });
            ("POST /ngsi-ld/v1/entities".to_owned(), Some(body), 201)
        }
        (Some(_), Some(to)) => {
            let body = json!({ "rev": property(to), "twin": property(to) });
            (format!("PATCH /ngsi-ld/v1/entities/{id}/attrs"), Some(body), 204)
        }
    };
    let head = format!("{line} HTTP/1.1\r\nHost: soak\r\nAuthorization: Bearer {token}\r\n");
    let request = match body {
        None => format!("{head}\r\n"),
        Some(body) => {
            let body = body.to_string();
            let length = body.len();
            format!(
                "{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            )
        }
    };
    (request.into_bytes(), expected)
}
