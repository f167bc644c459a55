//! The cases of a connector that is called.

use std::cell::Cell;
use std::sync::Arc;

use chrono::TimeDelta;
use tsunagu_domain::Clock as _;

use super::{Kit, Life, Record, records};
use crate::{Connectors, Incoming, NotAccepted, NotReceived, Ready};

/// A call, as the other side makes it.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// How a connector that is called is held to the cases.
pub trait ReceiverRig: Send + Sync {
    /// The connector, with settings that are right.
    fn ready(&self) -> Ready;

    /// The call under the name `id` with which the other side sends these records at `now` (microseconds), signed as agreed.
    fn call(&self, id: &str, records: &[Record], now: i64) -> Sent;
}

/// Where the kit has the gateway.
pub(super) const URI: &str = "https://data.town.example/connectors/v1/kit/messages";

async fn send(
    connectors: &Connectors,
    name: &str,
    sent: &Sent,
    now: i64,
) -> Result<(), NotReceived> {
    let incoming =
        Incoming { method: "POST", uri: URI, headers: &sent.headers, body: &sent.body, now };
    connectors.receive(name, &incoming).await
}

async fn start(rig: &impl ReceiverRig, kit: &Kit) -> (Connectors, String) {
    mortal(rig, kit, "gateway-1", &Life::whole()).await
}

async fn mortal(
    rig: &impl ReceiverRig,
    kit: &Kit,
    gateway: &str,
    life: &Arc<Life>,
) -> (Connectors, String) {
    let connectors = kit.mortal_connectors(gateway, life);
    let ready = rig.ready();
    let name = ready.manifest().name.clone();
    let applied = connectors.apply(vec![ready]).await;
    assert!(applied.is_ok(), "the connector cannot be built: {applied:?}");
    (connectors, name)
}

/// Waits until the platform has so many entities and nothing is left; the inbox is emptied by its own task.
///
/// # Panics
/// When that does not come about.
async fn until(kit: &Kit, entities: usize) {
    for _ in 0..20_000 {
        if kit.town.kept().len() >= entities && kit.inbox().await == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    let kept = kit.town.kept().len();
    assert!(kept >= entities, "{entities} entities do not come about, but {kept}");
}

/// Every case.
///
/// # Panics
/// With what is wrong.
pub async fn receiver<R: ReceiverRig>(rig: &R) {
    let all = records(5);
    let unproven = Err(NotReceived::NotAccepted(NotAccepted::Unproven));

    // Kept once, whoever repeats it.
    let kit = Kit::default();
    let now = kit.clock.micros();
    let (connectors, name) = start(rig, &kit).await;
    let sent = rig.call("m-1", &all, now);
    assert_eq!(send(&connectors, &name, &sent, now).await, Ok(()), "a good call is taken");
    until(&kit, all.len()).await;
    let writes = kit.town.writes();
    assert_eq!(send(&connectors, &name, &sent, now).await, Ok(()), "a repetition is not an error");

    // Everything that is changed on the way is refused.
    let mut other = sent.clone();
    other.body.push(b' ');
    assert_eq!(send(&connectors, &name, &other, now).await, unproven, "another body");
    for left_out in 0..sent.headers.len() {
        let mut other = sent.clone();
        let (header, _) = other.headers.remove(left_out);
        let answer = send(&connectors, &name, &other, now).await;
        let needed = header != "content-type";
        assert!(!needed || answer == unproven, "without {header}: {answer:?}");
        let mut other = sent.clone();
        if let Some((header, value)) = other.headers.get_mut(left_out) {
            let needed = header != "content-type";
            value.push('x');
            let header = header.clone();
            let answer = send(&connectors, &name, &other, now).await;
            assert!(!needed || answer == unproven, "{header} was changed: {answer:?}");
        }
    }
    // So is what is late, or from the future.
    for days in [-1, 1] {
        let then = now + TimeDelta::days(days).num_microseconds().unwrap_or_default();
        assert_eq!(send(&connectors, &name, &sent, then).await, unproven, "{days} days off");
    }
    let unsigned = Sent { headers: Vec::new(), body: sent.body.clone() };
    assert_eq!(send(&connectors, &name, &unsigned, now).await, unproven, "unsigned");
    // Signed, and still not what was agreed.
    connectors.stop().await;
    assert_eq!(kit.town.writes(), writes, "nothing of all this was taken over");

    // Acknowledged is kept: the process dies before anything is taken over, and starts again.
    let kit = Kit::default();
    kit.town.up_for(Some(0));
    let (connectors, name) = start(rig, &kit).await;
    let sent = rig.call("m-2", &all, now);
    assert_eq!(send(&connectors, &name, &sent, now).await, Ok(()));
    connectors.stop().await;
    drop(connectors);
    assert!(kit.town.kept().is_empty());
    kit.town.up_for(None);
    let (connectors, _) = start(rig, &kit).await;
    until(&kit, all.len()).await;
    connectors.stop().await;
    let kept = kit.town.kept();
    assert_eq!(kept.len(), all.len(), "what was acknowledged before a kill arrives");

    goes_on_after_a_kill_at_any_step(rig).await;
}

/// What was answered is not sent again, and what was not is.
async fn goes_on_after_a_kill_at_any_step<R: ReceiverRig>(rig: &R) {
    let mut steps = 0;
    let mut expected = None;
    loop {
        let kit = Kit::default();
        let now = kit.clock.micros();
        let calls: Vec<Sent> = (0..4)
            .flat_map(|revision| records(2).into_iter().map(move |one| Record { revision, ..one }))
            .zip(0..)
            .map(|(record, n)| rig.call(&format!("m-{n}"), &[record], now))
            .collect();
        let (life, answered) = (Life::of(steps), Cell::new(0));
        let sending = async |gateway: &str, life: &Arc<Life>| {
            let (connectors, name) = mortal(rig, &kit, gateway, life).await;
            for call in calls.iter().skip(answered.get()) {
                assert_eq!(send(&connectors, &name, call, now).await, Ok(()), "a good call");
                answered.set(answered.get() + 1);
            }
            until(&kit, 2).await;
            connectors.stop().await;
        };
        tokio::select! {
            biased;
            () = life.over() => {}
            () = sending("gateway-1", &life) => {}
        }
        if !life.is_over() {
            assert_eq!(kit.town.kept(), expected.unwrap_or_default(), "as without a kill");
            break;
        }
        // Another gateway takes over when the lease of the one that was killed has ended.
        kit.clock.advance(TimeDelta::minutes(1));
        sending("gateway-2", &Life::whole()).await;
        let kept = kit.town.kept();
        let before = expected.get_or_insert_with(|| kept.clone());
        assert_eq!(kept, *before, "killed after {steps} steps");
        steps += 1;
    }
    assert!(steps > 20, "it was killed only {steps} times");
}
