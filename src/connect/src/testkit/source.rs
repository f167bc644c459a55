//! The cases of a connector that is polled.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;

use super::http::Fault;
use super::{Kit, Life, Record, records};
use crate::{Call, Caps, ConnectError, Cursor, Parts, Ready, Reply, Runner};

/// How a connector that is polled is held to the cases.
#[async_trait]
pub trait SourceRig: Send + Sync {
    /// The connector, with settings that are right.
    fn ready(&self) -> Ready;

    /// What the other side answers to a call when it holds these records, in this order.
    fn answer(records: &[Record], call: &Call) -> Reply
    where
        Self: Sized;

    /// How many records the tests may have at once. More than one page of the other side, if it has pages.
    fn size(&self) -> u32 {
        25
    }
}

async fn parts(rig: &impl SourceRig, kit: &Kit) -> Parts {
    match rig.ready().build(&kit.host()).await {
        Ok(parts) => parts,
        Err(error) => panic_with(&format!("the connector cannot be built: {error}")),
    }
}

#[expect(clippy::panic, reason = "a test fails by panicking")]
fn panic_with(what: &str) -> ! {
    panic!("{what}")
}

async fn runner(rig: &impl SourceRig, kit: &Kit) -> Runner {
    mortal(rig, kit, "gateway-2", &Life::whole()).await
}

async fn mortal(rig: &impl SourceRig, kit: &Kit, gateway: &str, life: &Arc<Life>) -> Runner {
    let ready = rig.ready();
    let built = ready.build(&kit.mortal_host(life)).await;
    let Some(source) = built.ok().and_then(|parts| parts.source) else {
        panic_with("the connector cannot be built, or has no source")
    };
    let name = ready.manifest().name.clone();
    let ground = kit.mortal_ground(gateway, life);
    match ready.mapper() {
        Ok(mapper) => Runner::new(ground, &name, source, mapper, Caps::default()),
        Err(error) => panic_with(&format!("the mapping cannot be used: {error}")),
    }
}

fn holds<R: SourceRig>(kit: &Kit, records: &[Record]) {
    let records = records.to_vec();
    kit.http.answers(move |call| R::answer(&records, call));
}

/// Runs until nothing is left, and says what the platform has then.
async fn settle(rig: &impl SourceRig, kit: &Kit) -> BTreeMap<String, Vec<String>> {
    let mut runner = runner(rig, kit).await;
    for _ in 0..100 {
        match runner.run_once().await {
            Ok(None) => return kit.town.kept(),
            Ok(Some(report)) => {
                assert_eq!(report.error, None, "a run without faults fails");
                assert_eq!(report.rows.refused_count, 0, "good records are refused: {report:?}");
            }
            Err(error) => panic_with(&format!("a run without faults fails: {error}")),
        }
    }
    // A source without conditional requests reads everything again each time, and nothing of it is new.
    kit.town.kept()
}

/// Every case.
///
/// # Panics
/// With what is wrong.
pub async fn source<R: SourceRig>(rig: &R) {
    takes_everything_once(rig).await;
    takes_changes_in_any_order(rig).await;
    goes_on_after_a_kill_at_any_step(rig).await;
    stands_every_fault(rig).await;
    begins_anew_from_a_cursor_of_other_settings(rig).await;
    knows_whether_the_other_side_is_there(rig).await;
}

async fn clean<R: SourceRig>(rig: &R, all: &[Record]) -> BTreeMap<String, Vec<String>> {
    let kit = Kit::default();
    holds::<R>(&kit, all);
    settle(rig, &kit).await
}

async fn takes_everything_once<R: SourceRig>(rig: &R) {
    let (kit, all) = (Kit::default(), records(rig.size()));
    holds::<R>(&kit, &all);
    let kept = settle(rig, &kit).await;
    assert_eq!(kept.len(), all.len(), "each record is one entity");
    let writes = kit.town.writes();
    assert_eq!(writes, all.len(), "nothing is written twice");
    // The same again, some of it twice: nothing new.
    let twice: Vec<Record> = all.iter().chain(all.iter().step_by(3)).copied().collect();
    holds::<R>(&kit, &twice);
    kit.clock.advance(TimeDelta::minutes(1));
    assert_eq!(settle(rig, &kit).await, kept, "duplicates change nothing");
    assert_eq!(kit.town.writes(), writes, "duplicates are not written");
}

async fn takes_changes_in_any_order<R: SourceRig>(rig: &R) {
    let (kit, mut all) = (Kit::default(), records(rig.size()));
    holds::<R>(&kit, &all);
    settle(rig, &kit).await;
    all.iter_mut().step_by(4).for_each(|record| record.revision += 1);
    all.reverse();
    holds::<R>(&kit, &all);
    kit.clock.advance(TimeDelta::minutes(1));
    let kept = settle(rig, &kit).await;
    assert_eq!(kept, clean(rig, &all).await, "the latest revision of each is kept");
}

async fn goes_on_after_a_kill_at_any_step<R: SourceRig>(rig: &R) {
    let all = records(rig.size());
    let expected = clean(rig, &all).await;
    let mut steps = 0;
    loop {
        let kit = Kit::default();
        holds::<R>(&kit, &all);
        let life = Life::of(steps);
        let mut killed = mortal(rig, &kit, "gateway-1", &life).await;
        tokio::select! {
            () = life.over() => {}
            run = killed.run_once() => assert!(run.is_ok(), "a run without faults fails: {run:?}"),
        }
        if !life.is_over() {
            break;
        }
        // Another gateway takes over when the lease of the one that was killed has ended.
        kit.clock.advance(TimeDelta::minutes(1));
        drop(killed);
        assert_eq!(settle(rig, &kit).await, expected, "killed after {steps} steps");
        steps += 1;
    }
    assert!(steps > 2 * all.len(), "it was killed only {steps} times");

    // The platform dies after so many entities, and lives again.
    for step in 0..all.len() {
        let kit = Kit::default();
        holds::<R>(&kit, &all);
        kit.town.up_for(Some(step));
        let down = runner(rig, &kit).await.run_once().await;
        let unavailable = matches!(down, Err(ConnectError::Unavailable(_)));
        assert!(unavailable, "a platform that is down is told as such: {down:?}");
        kit.town.up_for(None);
        assert_eq!(settle(rig, &kit).await, expected, "down after {step} entities");
    }
}

async fn begins_anew_from_a_cursor_of_other_settings<R: SourceRig>(rig: &R) {
    let kit = Kit::default();
    holds::<R>(&kit, &records(1));
    let Some(mut source) = parts(rig, &kit).await.source else {
        panic_with("the connector has no source")
    };
    for text in ["", "of other settings", "{}", "[1]", "{\"v\":9,\"page\":7}"] {
        let batch = source.poll(Some(&Cursor(text.to_owned()))).await;
        let came = batch.as_ref().map(|batch| batch.items.len());
        assert_eq!(came.ok(), Some(1), "from '{text}' it does not begin anew: {:?}", batch.err());
    }
}

async fn stands_every_fault<R: SourceRig>(rig: &R) {
    let all = records(rig.size());
    let expected = clean(rig, &all).await;
    for fault in Fault::ALL {
        let kit = Kit::default();
        holds::<R>(&kit, &all);
        kit.http.fails(Some(fault));
        let mut runner = runner(rig, &kit).await;
        for _ in 0..3 {
            match runner.run_once().await {
                Err(ConnectError::Unavailable(_)) => {}
                Ok(Some(report)) if report.rows.refused_count > 0 => {}
                other => {
                    panic_with(&format!("{fault:?} is neither an error nor refused: {other:?}"))
                }
            }
        }
        assert!(kit.town.kept().is_empty(), "{fault:?} brought entities");
        kit.http.fails(None);
        drop(runner);
        assert_eq!(settle(rig, &kit).await, expected, "after {fault:?}");
    }
}

async fn knows_whether_the_other_side_is_there<R: SourceRig>(rig: &R) {
    let kit = Kit::default();
    holds::<R>(&kit, &records(1));
    let Some(probe) = parts(rig, &kit).await.probe else {
        panic_with("the connector has no probe")
    };
    assert_eq!(probe.probe().await, Ok(()), "it is there");
    for fault in [Fault::Outage, Fault::Slow, Fault::ServerError, Fault::Redirect] {
        kit.http.fails(Some(fault));
        assert!(probe.probe().await.is_err(), "{fault:?} goes unnoticed");
    }
    assert!(kit.town.kept().is_empty(), "asking whether it is there takes nothing over");
}
