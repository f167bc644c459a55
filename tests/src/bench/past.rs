//! Rows 9 and 10: the past.

use std::time::{Duration, Instant};

use anyhow::ensure;
use fjall::{Database, KeyspaceCreateOptions};
use serde_json::{Value, json};
use tsunagu_ngsi_ld::PastDoc;
use tsunagu_ngsi_ld::model::Instance;

use super::load::{self, Ask, Slice};
use super::reads::get;
use super::report::{Round, Row};
use super::run::{Bench, say, scattered};
use super::writes::send;

/// Instances of an entity with a past.
const INSTANCES: u64 = 100;
/// Instances of the one that is aggregated.
const MANY: u64 = 10_000;
const LEVEL: &str = "level";
const MANY_ID: &str = "urn:ngsi-ld:Gauge:many";

fn past_id(n: u64) -> String {
    format!("urn:ngsi-ld:Gauge:{:016x}", scattered(n))
}

/// Hourly readings from number `first` on.
fn readings(first: u64, count: u64) -> Vec<Value> {
    let hour = |n: u64| {
        let (day, hour) = (n / 24, n % 24);
        format!(
            "20{:02}-{:02}-{:02}T{hour:02}:00:00Z",
            20 + day / 336,
            day / 28 % 12 + 1,
            day % 28 + 1
        )
    };
    let reading = |n: u64| json!({ "type": "Property", "value": n % 50, "observedAt": hour(n) });
    (first..first + count).map(reading).collect()
}

impl Bench<'_> {
    /// Row 9: the 100 instances of one attribute of one of many entities.
    pub(crate) fn past(&self) -> anyhow::Result<Vec<Row>> {
        let pasts = self.scale.pasts;
        say(&format!("filling: {} instances of the past", pasts * INSTANCES));
        let token = self.token()?;
        let values = json!(readings(0, INSTANCES)).to_string();
        let fill = |n: u64, out: &mut Vec<u8>| {
            let body =
                format!(r#"{{"id":"{}","type":"Gauge","{LEVEL}":{values}}}"#, past_id(n % pasts));
            let request = send("POST", "/ngsi-ld/v1/temporal/entities", &token, &body);
            out.extend_from_slice(request.as_bytes());
        };
        Ask { address: self.address, connections: 16, status: 201 }.times(pasts, &fill)?;
        let path = |n: u64| {
            let id = past_id(scattered(n) % pasts);
            format!(
                "/ngsi-ld/v1/temporal/entities/{id}?attrs={LEVEL}&timerel=after&timeAt=2000-01-01T00:00:00Z"
            )
        };
        let work =
            format!("temporal query, 100 instances of one attribute, of {}", pasts * INSTANCES);
        Ok(vec![self.reads(9, &work, 0.30, true, &path)?])
    }

    /// Row 10: one average of 10,000 instances, against reading as many records of the same bytes from the engine.
    pub(crate) fn aggregate(&self) -> anyhow::Result<Vec<Row>> {
        let work = "average of 10,000 instances; R: a raw scan of them (time at most 3 times)";
        say(work);
        let token = self.token()?;
        let body = json!({ "id": MANY_ID, "type": "Gauge", LEVEL: readings(0, 1) }).to_string();
        let first = send("POST", "/ngsi-ld/v1/temporal/entities", &token, &body);
        ensure!(
            load::once(self.address, first.as_bytes())?.status == 201,
            "no entity to aggregate"
        );
        for step in 0..MANY / 1_000 {
            let body = json!({ LEVEL: readings(1 + step * 1_000, 1_000) }).to_string();
            let path = format!("/ngsi-ld/v1/temporal/entities/{MANY_ID}/attrs");
            let more = load::once(self.address, send("POST", &path, &token, &body).as_bytes())?;
            ensure!(more.status == 204, "adding instances gave {}: {}", more.status, more.head);
        }
        let path = format!(
            "/ngsi-ld/v1/temporal/entities/{MANY_ID}?attrs={LEVEL}&timerel=after&timeAt=2000-01-01T00:00:00Z\
             &options=aggregatedValues&aggrMethods=avg&aggrPeriodDuration=P0D"
        );
        let request = |_: u64, out: &mut Vec<u8>| get(&path, Some(&token), out);
        let mut text = Vec::new();
        request(0, &mut text);
        let answer = load::once(self.address, &text)?;
        let body = String::from_utf8_lossy(&answer.body);
        ensure!(
            answer.status == 200 && body.contains("avg"),
            "no average: {} {body}",
            answer.status
        );
        let scan = Scan::open(&self.folder.join("scan"))?;
        let ask = Ask { address: self.address, connections: 1, status: 200 };
        let row = self.rounds(10, work, "R", 1.0 / 3.0, |time| {
            let reference = scan.run(time)?;
            Ok(Round { reference, ours: ask.run(time, &request)?, cpu: None })
        })?;
        Ok(vec![row])
    }
}

/// Yardstick R: as many records of the same bytes, read from the engine one after another.
struct Scan {
    keyspace: fjall::Keyspace,
    _db: Database,
}

impl Scan {
    fn open(folder: &std::path::Path) -> anyhow::Result<Self> {
        let db = Database::builder(folder).open()?;
        let keyspace = db.keyspace("instances", KeyspaceCreateOptions::default)?;
        for n in 0..MANY {
            let mut instance = Instance::property(&(n % 50), 0)?;
            instance.observed_at = Some("2026-11-23T09:00:00Z".to_owned());
            instance.instance_id =
                Some("urn:ngsi-ld:Instance:00000000-0000-0000-0000-000000000000".to_owned());
            let doc = PastDoc::new(
                "https://uri.etsi.org/ngsi-ld/default-context/level",
                &instance,
                None,
            )?;
            let key = [MANY_ID.as_bytes(), &n.to_be_bytes()].concat();
            keyspace.insert(key, doc.bytes().as_ref())?;
        }
        Ok(Self { keyspace, _db: db })
    }

    fn run(&self, time: Duration) -> anyhow::Result<Slice> {
        let begun = Instant::now();
        let mut micros = Vec::new();
        while begun.elapsed() < time {
            let sent = Instant::now();
            let mut bytes = 0;
            for found in self.keyspace.prefix(MANY_ID.as_bytes()) {
                bytes += found.value()?.len();
            }
            ensure!(bytes > 0, "nothing was scanned");
            micros.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        Ok(Slice { requests: micros.len() as u64, seconds: begun.elapsed().as_secs_f64(), micros })
    }
}
