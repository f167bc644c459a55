//! Rows 7, 11 and 16: changes that concern subscriptions, and changes that do not.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::ensure;
use serde_json::json;

use super::gateway::QUIET;
use super::load::{self, Ask, Slice};
use super::report::{Round, Row};
use super::run::{Bench, WRITERS, say, scattered};
use super::town::{self, TYPE};
use super::writes::{Changes, send};

/// Entities that no subscription is about, in a tenant with subscriptions and in one without.
const UNCONCERNED: u64 = 1_000;
/// Changes of one round of row 11.
const OWED: u64 = 10_000;
const BATCH: u64 = 500;

/// Counts what it is sent, and answers at once.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    count: AtomicU64,
    /// Whether it turns everything away.
    closed: AtomicBool,
    /// When the first one was taken since it was opened.
    first: Mutex<Option<Instant>>,
}

impl Receiver {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Seen::default());
        let counter = Data::from(Arc::clone(&seen));
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app =
                    move || App::new().app_data(counter.clone()).default_service(web::to(receive));
                let server = HttpServer::new(app).workers(1).listen(listener);
                if let Ok(server) = server {
                    // It ends with the program.
                    server.run().await.ok();
                }
            });
        });
        Ok(Self { address, seen })
    }

    fn count(&self) -> u64 {
        self.seen.count.load(Ordering::Acquire)
    }

    fn close(&self) {
        self.seen.closed.store(true, Ordering::Release);
        *self.first() = None;
    }

    fn open(&self) {
        self.seen.closed.store(false, Ordering::Release);
    }

    fn first(&self) -> MutexGuard<'_, Option<Instant>> {
        self.seen.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn receive(seen: Data<Seen>, _body: web::Bytes) -> HttpResponse {
    if seen.closed.load(Ordering::Acquire) {
        return HttpResponse::ServiceUnavailable().finish();
    }
    seen.count.fetch_add(1, Ordering::AcqRel);
    let mut first = seen.first.lock().unwrap_or_else(PoisonError::into_inner);
    first.get_or_insert_with(Instant::now);
    drop(first);
    HttpResponse::NoContent().finish()
}

fn unconcerned_id(n: u64) -> String {
    town::id(u64::MAX - n % UNCONCERNED)
}

impl Bench<'_> {
    /// Subscriptions to one entity each, of the first ones, and who is notified of all.
    fn subscribed(&self) -> anyhow::Result<&Receiver> {
        let [_, receiver] = &self.receivers;
        if self.subscribed.get().is_some() {
            return Ok(receiver);
        }
        let count = self.scale.subscriptions;
        say(&format!("filling: {count} subscriptions"));
        let token = self.token()?;
        let source = |n: u64, out: &mut Vec<u8>| {
            let body = json!({
                "type": "Subscription",
                "entities": [{ "id": town::id(n % count), "type": TYPE }],
                "watchedAttributes": ["temperature"],
                "notification": {
                    "attributes": ["temperature"],
                    "endpoint": { "uri": format!("http://{}/{n}", receiver.address), "accept": "application/json" }
                }
            });
            let request = send("POST", "/ngsi-ld/v1/subscriptions", &token, &body.to_string());
            out.extend_from_slice(request.as_bytes());
        };
        Ask { address: self.address, connections: WRITERS, status: 201 }.times(count, &source)?;
        self.subscribed.get_or_init(|| ());
        Ok(receiver)
    }

    /// Row 16: changes that none of many subscriptions is about, against the same where there is no subscription.
    pub(crate) fn unconcerned(&self) -> anyhow::Result<Vec<Row>> {
        for tenant in [None, Some(QUIET)] {
            let token = self.token()?;
            let source = |n: u64, out: &mut Vec<u8>| {
                let mut entity = town::entity(n);
                entity["id"] = json!(unconcerned_id(n));
                let mut request = send("POST", "/ngsi-ld/v1/entities", &token, &entity.to_string());
                if let Some(tenant) = tenant {
                    request =
                        request.replacen("\r\n", &format!("\r\nNGSILD-Tenant: {tenant}\r\n"), 1);
                }
                out.extend_from_slice(request.as_bytes());
            };
            let ask = Ask { address: self.address, connections: 16, status: 201 };
            ask.times(UNCONCERNED, &source)?;
        }
        let receiver = self.subscribed()?;
        let count = self.scale.subscriptions;
        let work =
            format!("PATCH that concerns none of {count} subscriptions; U: without subscriptions");
        say(&work);
        let ask = Ask { address: self.address, connections: WRITERS, status: 204 };
        let (here, quiet) =
            (Changes::new(self.token()?, None), Changes::new(self.token()?, Some(QUIET)));
        let change = |changes: &Changes, n: u64, out: &mut Vec<u8>| {
            changes.write(&unconcerned_id(scattered(n)), out);
        };
        let row = self.rounds(16, &work, "U", 0.80, |time| {
            let start = self.server.cpu_seconds();
            let reference = ask.run(time, &|n, out| change(&quiet, n, out))?;
            let middle = self.server.cpu_seconds();
            let ours = ask.run(time, &|n, out| change(&here, n, out))?;
            let cpu = (self.server.cpu_seconds() - middle, middle - start);
            Ok(Round { reference, ours, cpu: Some(cpu) })
        })?;
        ensure!(receiver.count() == 0, "somebody was notified of what concerns nobody");
        Ok(vec![row])
    }

    /// Row 7: each change is kept in the past and owes one of many subscriptions a notification, which is delivered meanwhile.
    pub(crate) fn changes(&self) -> anyhow::Result<Vec<Row>> {
        let count = self.scale.subscriptions;
        let receiver = self.subscribed()?;
        let changes = Changes::new(self.token()?, None);
        let source = |n: u64, out: &mut Vec<u8>| {
            changes.write(&town::id(scattered(n) % count), out);
        };
        let ask = Ask { address: self.address, connections: WRITERS, status: 204 };
        let work =
            format!("PATCH one attribute, durable, history, one of {count} subscriptions notified");
        let row = self.against_raw(7, &work, 0.40, |time| ask.run(time, &source))?;
        say(&format!("  {} notifications were delivered meanwhile", receiver.count()));
        ensure!(receiver.count() > 0, "nobody was notified");
        Ok(vec![row])
    }

    /// Row 11: what one subscription is owed all at once, against requests of the same size to the same receiver.
    pub(crate) fn notifications(&self) -> anyhow::Result<Vec<Row>> {
        let work = "notifications owed while a receiver was away, delivered to it; A: the same requests sent to it (or 10,000/s)";
        say(work);
        let [receiver, _] = &self.receivers;
        let token = self.token()?;
        let mut like = town::entity(0);
        like["type"] = json!("Owed");
        let body = json!({
            "type": "Subscription",
            "entities": [{ "type": "Owed" }],
            "notification": { "endpoint": { "uri": format!("http://{}/one", receiver.address), "accept": "application/json" } }
        });
        let subscribe = send("POST", "/ngsi-ld/v1/subscriptions", &token, &body.to_string());
        ensure!(load::once(self.address, subscribe.as_bytes())?.status == 201, "no subscription");
        let notification = json!({
            "id": "urn:ngsi-ld:Notification:00000000-0000-0000-0000-000000000000",
            "type": "Notification", "subscriptionId": "urn:ngsi-ld:Subscription:00000000",
            "notifiedAt": "2026-11-23T09:00:00.000Z", "data": [like.clone()]
        });
        let notification = send("POST", "/one", "-", &notification.to_string());
        let same = |_: u64, out: &mut Vec<u8>| out.extend_from_slice(notification.as_bytes());
        let row = self.rounds(11, work, "A", 0.50, |time| {
            let to_receiver = Ask { address: receiver.address, connections: 16, status: 204 };
            let reference = to_receiver.run(time, &same)?;
            let before = receiver.count();
            receiver.close();
            for step in 0..OWED / BATCH {
                let entities: Vec<_> = (step * BATCH..(step + 1) * BATCH)
                    .map(|n| {
                        let mut entity = like.clone();
                        entity["id"] = json!(format!("urn:ngsi-ld:Owed:{n}"));
                        entity["temperature"] = json!({ "type": "Property", "value": before + n });
                        entity
                    })
                    .collect();
                let path = "/ngsi-ld/v1/entityOperations/upsert";
                let request = send("POST", path, &token, &json!(entities).to_string());
                let answer = load::once(self.address, request.as_bytes())?;
                ensure!(answer.status < 300, "a batch was answered with {}", answer.status);
            }
            receiver.open();
            let (owed, begun) = (before + OWED, Instant::now());
            let patience = Duration::from_mins(2);
            while receiver.count() < owed {
                ensure!(begun.elapsed() < patience, "only {} of {owed} arrived", receiver.count());
                std::thread::sleep(Duration::from_millis(1));
            }
            // It waited for a while before it tried again, as it should.
            let first = receiver.first().take().unwrap_or(begun);
            let seconds = first.elapsed().as_secs_f64();
            let ours = Slice { requests: OWED, seconds, micros: Vec::new() };
            Ok(Round { reference, ours, cpu: None })
        })?;
        // So many a second are enough, however fast the receiver is.
        let met = row.met || row.measured >= 10_000.0;
        Ok(vec![Row { met, ..row }])
    }
}
