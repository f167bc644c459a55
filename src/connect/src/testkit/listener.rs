//! The cases of a connector that holds a connection over which messages come.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;

use super::mqtt::BrokerFault;
use super::{Kit, Life, Record, records};
use crate::{Circuit, Connectors, Health, MqttMessage, Ready, Replay};

/// How a connector that holds a connection is held to the cases.
pub trait ListenerRig: Send + Sync {
    /// The connector, with settings that are right.
    fn ready(&self) -> Ready;

    /// The message with which the other side tells of a record.
    fn message(&self, record: Record) -> MqttMessage;
}

/// What stands in messages of the kit that nothing may repeat.
const MARK: &str = "x-ray-7315";

/// Messages that are no record, on the topic of one. The last holds an individual number (an invented one, with a right check digit).
fn garbage() -> Vec<Vec<u8>> {
    let deep = format!("{}{MARK}{}", "[".repeat(5_000), "]".repeat(5_000));
    let huge = format!("{{\"{MARK}\":\"{}\"}}", "x".repeat(1_000_000));
    vec![
        Vec::new(),
        vec![0xFF, 0x00, 0x9D, 0xC3, 0x28, b'{', b'"'],
        format!("{{\"{MARK}\":").into_bytes(),
        format!("<html><body>{MARK}</body></html>").into_bytes(),
        format!("{{\"answer\":[[[1e400,null]]],\"{MARK}\":1}}").into_bytes(),
        b"null".to_vec(),
        deep.into_bytes(),
        huge.into_bytes(),
        format!("{{\"{MARK}\":\"1234 5678 9018\"}}").into_bytes(),
    ]
}

/// A gateway with the connector.
struct Gateway {
    connectors: Connectors,
    name: String,
    life: Arc<Life>,
}

impl Gateway {
    async fn start(kit: &Kit, gateway: &str, life: Arc<Life>, ready: Ready) -> Self {
        let connectors = kit.mortal_connectors(gateway, &life);
        let name = ready.manifest().name.clone();
        let applied = connectors.apply(vec![ready]).await;
        assert!(applied.is_ok(), "the connector cannot be built: {applied:?}");
        Self { connectors, name, life }
    }

    async fn whole(kit: &Kit, rig: &impl ListenerRig) -> Self {
        Self::start(kit, "gateway-1", Life::whole(), rig.ready()).await
    }

    /// Works until it holds, or until it is killed. Whatever waits is told not to.
    async fn until(&self, kit: &Kit, what: &str, holds: impl AsyncFn() -> bool) {
        for _ in 0..20_000 {
            if self.life.is_over() || holds().await {
                return;
            }
            self.connectors.run_now(&self.name);
            tokio::task::yield_now().await;
        }
        let (waiting, kept) = (kit.mqtt.waiting(), kit.town.kept());
        assert!(
            self.life.is_over(),
            "{what} does not come about; {waiting} wait, {kept:?} is kept"
        );
    }

    /// Works until nothing is left anywhere.
    async fn settle(&self, kit: &Kit) {
        let settled = async || kit.mqtt.waiting() == 0 && kit.inbox().await == 0;
        self.until(kit, "an end", settled).await;
    }

    async fn health(&self) -> Option<Health> {
        let list = self.connectors.list(&Kit::tenant()).await.ok()?;
        list.into_iter().find(|one| one.manifest.name == self.name)?.health
    }

    async fn dead(&self) -> String {
        let page = self.connectors.dead_letters(&Kit::tenant(), &self.name, None, 1_000).await;
        page.ok().flatten().and_then(|page| serde_json::to_string(&page).ok()).unwrap_or_default()
    }

    async fn dead_letters(&self) -> usize {
        let page = self.connectors.dead_letters(&Kit::tenant(), &self.name, None, 1_000).await;
        page.ok().flatten().map_or(0, |page| page.dead_letters.len())
    }
}

fn publish(kit: &Kit, rig: &impl ListenerRig, records: &[Record]) {
    for record in records {
        kit.mqtt.publish(rig.message(*record));
    }
}

/// Two records, changed again and again, and in another order each time.
fn changes() -> Vec<Record> {
    let mut all = Vec::new();
    for revision in 0..4 {
        let mut some: Vec<Record> =
            records(3).into_iter().map(|record| Record { revision, ..record }).collect();
        some.rotate_left(revision as usize % 3);
        all.extend(some);
    }
    all
}

/// What the platform has when nothing goes wrong.
async fn clean(rig: &impl ListenerRig, records: &[Record]) -> BTreeMap<String, Vec<String>> {
    let kit = Kit::default();
    let gateway = Gateway::whole(&kit, rig).await;
    for record in records {
        // One at a time: there is no order to get wrong.
        publish(&kit, rig, &[*record]);
        gateway.settle(&kit).await;
    }
    gateway.connectors.stop().await;
    kit.town.kept()
}

/// Every case.
///
/// # Panics
/// With what is wrong.
pub async fn listener<R: ListenerRig>(rig: &R) {
    takes_everything_once(rig).await;
    takes_changes_in_their_order(rig).await;
    goes_on_after_a_kill_at_any_step(rig).await;
    stands_every_fault_of_the_broker(rig).await;
    tells_the_broker_nothing_that_is_not_on_disk(rig).await;
    keeps_what_the_platform_refuses(rig).await;
    lets_garbage_stand_in_nobodys_way(rig).await;
}

async fn takes_everything_once<R: ListenerRig>(rig: &R) {
    let (kit, all) = (Kit::default(), records(5));
    let gateway = Gateway::whole(&kit, rig).await;
    publish(&kit, rig, &all);
    gateway.settle(&kit).await;
    assert_eq!(kit.town.kept().len(), all.len(), "each message is one entity");
    assert_eq!(kit.town.writes(), all.len(), "nothing is written twice");
    publish(&kit, rig, &all);
    gateway.settle(&kit).await;
    kit.mqtt.fails(Some(BrokerFault::Repeats));
    publish(&kit, rig, &all);
    gateway.settle(&kit).await;
    gateway.connectors.stop().await;
    assert_eq!(kit.town.writes(), all.len(), "duplicates are not written");
}

async fn takes_changes_in_their_order<R: ListenerRig>(rig: &R) {
    let all = changes();
    let expected = clean(rig, &all).await;
    // All of them wait in the inbox, and came at one moment by a clock that then was set back.
    let kit = Kit::default();
    kit.town.up_for(Some(0));
    let gateway = Gateway::whole(&kit, rig).await;
    let (early, late) = all.split_at(all.len() / 2);
    for part in [early, late] {
        publish(&kit, rig, part);
        gateway.until(&kit, "everything acknowledged", async || kit.mqtt.waiting() == 0).await;
        kit.clock.advance(TimeDelta::hours(-1));
    }
    assert_eq!(kit.inbox().await, all.len(), "what was acknowledged is kept");
    kit.town.up_for(None);
    gateway.settle(&kit).await;
    gateway.connectors.stop().await;
    assert_eq!(kit.town.kept(), expected, "what came last is kept, whatever the clock says");
}

async fn goes_on_after_a_kill_at_any_step<R: ListenerRig>(rig: &R) {
    let all = changes();
    let expected = clean(rig, &all).await;
    let (early, late) = all.split_at(all.len() / 2);
    let mut steps = 0;
    loop {
        let kit = Kit::default();
        // One of them is no record.
        publish(&kit, rig, early);
        let topic = rig.message(Record { id: 1, revision: 0 }).topic;
        kit.mqtt.publish(MqttMessage { topic, payload: b"no record".to_vec() });
        publish(&kit, rig, late);
        let life = Life::of(steps);
        tokio::select! {
            () = life.over() => {}
            gateway = Gateway::start(&kit, "gateway-1", Arc::clone(&life), rig.ready()) => {
                gateway.settle(&kit).await;
            }
        }
        if !life.is_over() {
            break;
        }
        // Another gateway takes over when the lease of the one that was killed has ended.
        kit.clock.advance(TimeDelta::minutes(1));
        let gateway = Gateway::start(&kit, "gateway-2", Life::whole(), rig.ready()).await;
        gateway.settle(&kit).await;
        assert_eq!(kit.town.kept(), expected, "killed after {steps} steps");
        // A broker names no message: what it sent again was kept again.
        let dead = gateway.dead_letters().await;
        assert!(matches!(dead, 1 | 2), "killed after {steps} steps, {dead} dead letters are kept");
        gateway.connectors.stop().await;
        steps += 1;
    }
    // A message that came, is on disk, is acknowledged; an entity, and what is remembered of it: before and after each.
    assert!(steps > 4 * all.len(), "it was killed only {steps} times");
}

async fn stands_every_fault_of_the_broker<R: ListenerRig>(rig: &R) {
    let all = changes();
    let expected = clean(rig, &all).await;
    for fault in [BrokerFault::Outage, BrokerFault::Refused] {
        let kit = Kit::default();
        kit.mqtt.fails(Some(fault));
        let gateway = Gateway::whole(&kit, rig).await;
        publish(&kit, rig, &all);
        let open =
            async || gateway.health().await.is_some_and(|health| health.circuit != Circuit::Closed);
        gateway.until(&kit, "an open circuit", open).await;
        let told = gateway.health().await.and_then(|health| health.error);
        assert!(told.is_some(), "{fault:?} is told");
        assert_eq!(kit.mqtt.waiting(), all.len(), "{fault:?} lets nothing through");
        kit.mqtt.fails(None);
        gateway.settle(&kit).await;
        assert_eq!(kit.town.kept(), expected, "after {fault:?}");
        let health = gateway.health().await;
        assert!(
            health
                .is_some_and(|health| health.error.is_none() && health.circuit == Circuit::Closed),
            "after {fault:?} it is well again"
        );
        gateway.connectors.stop().await;
    }
    for fault in [
        BrokerFault::LostAcknowledgements(1),
        BrokerFault::LostAcknowledgements(5),
        BrokerFault::Repeats,
        BrokerFault::Slow,
    ] {
        let kit = Kit::default();
        kit.mqtt.fails(Some(fault));
        let gateway = Gateway::whole(&kit, rig).await;
        publish(&kit, rig, &all);
        // It connects several times, or is done.
        let long_enough = async || kit.mqtt.connections() > 3 || kit.mqtt.waiting() == 0;
        gateway.until(&kit, "some connections", long_enough).await;
        kit.clock.advance(TimeDelta::hours(1));
        kit.mqtt.fails(None);
        gateway.settle(&kit).await;
        gateway.connectors.stop().await;
        assert_eq!(kit.town.kept(), expected, "after {fault:?}");
    }
}

async fn tells_the_broker_nothing_that_is_not_on_disk<R: ListenerRig>(rig: &R) {
    let all = changes();
    let expected = clean(rig, &all).await;
    // The disk is away.
    let kit = Kit::default();
    let gateway = Gateway::whole(&kit, rig).await;
    gateway.until(&kit, "a connection", async || kit.mqtt.connections() > 0).await;
    tsunagu_store::Store::close(&*kit.store).await;
    publish(&kit, rig, &all);
    gateway.until(&kit, "a failure", async || kit.mqtt.connections() > 0).await;
    for _ in 0..1_000 {
        gateway.connectors.run_now(&gateway.name);
        tokio::task::yield_now().await;
    }
    assert_eq!(kit.mqtt.waiting(), all.len(), "nothing is acknowledged that cannot be kept");
    kit.store.reopen();
    gateway.settle(&kit).await;
    gateway.connectors.stop().await;
    assert_eq!(kit.town.kept(), expected, "after the disk was away");

    // The inbox is full: the platform is away, and there is room for four.
    let kit = Kit::default();
    kit.town.up_for(Some(0));
    let gateway = Gateway::start(&kit, "gateway-1", Life::whole(), rig.ready().with_inbox(4)).await;
    publish(&kit, rig, &all);
    let full = async || {
        kit.inbox().await == 4
            && gateway.health().await.is_some_and(|health| health.error.is_some())
    };
    gateway.until(&kit, "a full inbox", full).await;
    assert_eq!(kit.mqtt.waiting(), all.len() - 4, "the broker keeps what there is no room for");
    kit.town.up_for(None);
    gateway.settle(&kit).await;
    gateway.connectors.stop().await;
    assert_eq!(kit.town.kept(), expected, "after the inbox was full");
}

async fn keeps_what_the_platform_refuses<R: ListenerRig>(rig: &R) {
    let of = |id, revision| Record { id, revision };
    let expected = clean(rig, &[of(1, 1), of(2, 0), of(3, 1)]).await;
    let kit = Kit::default();
    let gateway = Gateway::whole(&kit, rig).await;
    kit.town.refuses(true);
    publish(&kit, rig, &[of(1, 0), of(3, 0), of(2, 0), of(1, 1)]);
    gateway.settle(&kit).await;
    assert!(kit.town.kept().is_empty(), "it was refused");
    assert_eq!(gateway.dead_letters().await, 4, "what is refused is kept");
    kit.town.refuses(false);
    // One of them is overtaken.
    publish(&kit, rig, &[of(3, 1)]);
    gateway.settle(&kit).await;
    let asked = gateway.connectors.replay(&Kit::tenant(), &gateway.name, &Replay::All).await;
    assert!(matches!(asked, Ok(Some(()))), "they can be tried again: {asked:?}");
    gateway.until(&kit, "a replay", async || gateway.dead_letters().await == 0).await;
    gateway.connectors.stop().await;
    assert_eq!(kit.town.kept(), expected, "tried again in their order, and nothing goes back");
}

async fn lets_garbage_stand_in_nobodys_way<R: ListenerRig>(rig: &R) {
    let good = Record { id: 1, revision: 0 };
    let expected = clean(rig, &[good]).await;
    let topic = rig.message(good).topic;
    let kit = Kit::default();
    let gateway = Gateway::whole(&kit, rig).await;
    let garbage = garbage();
    let many = garbage.len();
    for payload in garbage {
        kit.mqtt.publish(MqttMessage { topic: topic.clone(), payload });
    }
    publish(&kit, rig, &[good]);
    gateway.settle(&kit).await;
    assert_eq!(kit.town.kept(), expected, "garbage becomes nothing, and what follows it arrives");
    let health = gateway.health().await;
    let rejected = health.map_or(0, |health| health.counters.rejected);
    assert_eq!(rejected, 1, "an individual number is told, and not kept");
    assert_eq!(gateway.dead_letters().await, many - 1, "everything else is kept and told");
    let told = format!("{} {:?}", gateway.dead().await, gateway.health().await);
    assert!(!told.contains(MARK), "what a message holds is told to nobody");
    gateway.connectors.stop().await;
}
