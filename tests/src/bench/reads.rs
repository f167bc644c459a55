//! Rows 1 to 5 and 15: reads of the present, against the bare handler with the same bytes.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;

use super::load::{self, Ask};
use super::report::{Round, Row};
use super::run::{Bench, READERS, WRITERS, say, scattered};
use super::town::{self, Client, TYPE};

type Path<'a> = dyn Fn(u64) -> String + Sync + 'a;
type Rows = anyhow::Result<Vec<Row>>;

impl Bench<'_> {
    fn id_path(&self, n: u64) -> String {
        format!("/ngsi-ld/v1/entities/{}", town::id(scattered(n) % self.scale.entities))
    }

    pub(crate) fn entity_by_id(&self) -> Rows {
        let path = |n: u64| self.id_path(n);
        Ok(vec![
            self.reads(1, "GET entity by id, anonymous", 0.75, false, &path)?,
            self.reads(1, "GET entity by id, machine's token", 0.75, true, &path)?,
        ])
    }

    /// Reads of residents' data by their app.
    pub(crate) fn personal(&self) -> Rows {
        let request = self.of_residents();
        let work = "GET personal entity, app's token, consent view, durable audit";
        Ok(vec![self.against_bare(2, work, 0.50, WRITERS, &request)?])
    }

    /// Row 17: what consent, policy and the record of access take off, against the same entity about nobody in the same gateway.
    pub(crate) fn cost_of_trust(&self) -> Rows {
        let work =
            "GET personal entity, app's token; N: the same entity about nobody, machine's token";
        say(work);
        let token = self.token()?;
        let twin = |n: u64, out: &mut Vec<u8>| {
            let at = usize::try_from(scattered(n)).unwrap_or(0) % self.clients.len();
            get(&self.clients[at].twin, Some(&token), out);
        };
        let personal = self.of_residents();
        let ask = Ask { address: self.address, connections: WRITERS, status: 200 };
        let row = self.rounds(17, work, "N", 0.65, |time| {
            let before = self.server.cpu_seconds();
            let reference = ask.run(time, &twin)?;
            let between = self.server.cpu_seconds();
            let ours = ask.run(time, &personal)?;
            let cpu = (self.server.cpu_seconds() - between, between - before);
            Ok(Round { reference, ours, cpu: Some(cpu) })
        })?;
        Ok(vec![row])
    }

    fn of_residents(&self) -> impl Fn(u64, &mut Vec<u8>) + Send + Sync {
        |n, out| {
            let at = usize::try_from(scattered(n)).unwrap_or(0) % self.clients.len();
            let Client { path, token, .. } = &self.clients[at];
            get(path, Some(token), out);
        }
    }

    pub(crate) fn by_type(&self) -> Rows {
        let page = format!("/ngsi-ld/v1/entities?type={TYPE}&limit=20");
        Ok(vec![self.reads(3, "query by type, limit 20", 0.50, true, &|_| page.clone())?])
    }

    pub(crate) fn by_value(&self) -> Rows {
        let path = |n: u64| {
            let code = town::code(scattered(n) % self.scale.entities);
            format!("/ngsi-ld/v1/entities?type={TYPE}&q=stationCode==%22{code}%22&limit=20")
        };
        Ok(vec![self.reads(4, "query q on an indexed attribute", 0.30, true, &path)?])
    }

    pub(crate) fn by_place(&self) -> Rows {
        let entities = self.scale.entities;
        let metres = town::radius_of_twenty(entities);
        let path = |n: u64| {
            let [x, y] = town::place(scattered(n) % entities);
            format!(
                "/ngsi-ld/v1/entities?type={TYPE}&georel=near;maxDistance=={metres:.0}\
                 &geometry=Point&coordinates=%5B{x:.6},{y:.6}%5D&limit=20"
            )
        };
        Ok(vec![self.reads(5, "geo query, near a point, about 20 of all", 0.25, true, &path)?])
    }

    /// Row 15: requests come at their own pace, at 70 % of what was answered as fast as possible.
    pub(crate) fn at_seventy_percent(&self) -> Rows {
        let by_id = |n: u64, out: &mut Vec<u8>| get(&self.id_path(n), None, out);
        let token = self.token()?;
        let page = format!("/ngsi-ld/v1/entities?type={TYPE}&limit=20");
        let by_type = |_: u64, out: &mut Vec<u8>| get(&page, Some(&token), out);
        let of_residents = self.of_residents();
        let asked: [(&str, usize, &load::Source<'_>); 3] = [
            ("row 1", READERS, &by_id),
            ("row 2", WRITERS, &of_residents),
            ("row 3", READERS, &by_type),
        ];
        asked
            .into_iter()
            .map(|(of, connections, source)| self.paced(of, connections, source))
            .collect()
    }

    fn paced(
        &self,
        of: &str,
        connections: usize,
        source: &load::Source<'_>,
    ) -> anyhow::Result<Row> {
        say(&format!("p99 at 70 % of capacity, {of}"));
        let time = self.scale.time * 2;
        let closed = Ask { address: self.address, connections, status: 200 };
        let capacity = closed.run(time, source)?.rate();
        // More connections than wait for an answer at any moment, so that a slow answer delays no other request.
        let open = Ask { connections: 128, ..closed };
        let slice = open.paced(time * 2, 0.7 * capacity, source)?;
        let mut micros = slice.micros;
        micros.sort_unstable();
        let at = |of: usize| micros.get(micros.len().saturating_sub(1) * of / 100).copied();
        let (p50, p99) = (at(50).unwrap_or(0), at(99).unwrap_or(0));
        say(&format!("  {:.0}/s: p50 {p50} µs, p99 {p99} µs", 0.7 * capacity));
        let work = format!("p99 at 70 % of capacity, open loop, {of}");
        let figure = f64::from(p99) / f64::from(p50.max(1));
        let mut row = Row::of_figure(15, &work, figure, "× p50", 5.0);
        row.latency_micros = Some((p50, p99));
        Ok(row)
    }

    /// Reads open data against A with the same bytes.
    pub(crate) fn reads(
        &self,
        row: u32,
        work: &str,
        target: f64,
        with_token: bool,
        path: &Path<'_>,
    ) -> anyhow::Result<Row> {
        let token = if with_token { Some(self.token()?) } else { None };
        let request = |n: u64, out: &mut Vec<u8>| get(&path(n), token.as_deref(), out);
        self.against_bare(row, work, target, READERS, &request)
    }

    fn against_bare(
        &self,
        row: u32,
        work: &str,
        target: f64,
        connections: usize,
        request: &load::Source<'_>,
    ) -> anyhow::Result<Row> {
        say(work);
        let mut first = Vec::new();
        request(0, &mut first);
        let answer = load::once(self.address, &first)?;
        let body = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == 200, "the first answer was {}: {body}", answer.status);
        ensure!(answer.body.len() > 200, "the first answer is too short: {body}");
        say(&format!("  an answer has {} bytes", answer.body.len()));
        let (bare, address) = self.bare(&answer.body)?;
        let plain = |_: u64, out: &mut Vec<u8>| get("/body", None, out);
        let ask = |address: SocketAddr| Ask { address, connections, status: 200 };
        self.rounds(row, work, "A", target, |time: Duration| {
            let before = (self.server.cpu_seconds(), bare.cpu_seconds());
            let reference = ask(address).run(time, &plain)?;
            let ours = ask(self.address).run(time, request)?;
            let cpu = (self.server.cpu_seconds() - before.0, bare.cpu_seconds() - before.1);
            Ok(Round { reference, ours, cpu: Some(cpu) })
        })
    }
}

/// A GET without a body.
pub(crate) fn get(path: &str, token: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"GET ");
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\nHost: bench\r\n");
    if let Some(token) = token {
        out.extend_from_slice(b"Authorization: Bearer ");
        out.extend_from_slice(token.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}
