//! From reserved coins to the issuer's grant, through every fault.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::TimeDelta;
use futures_util::FutureExt as _;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tsunagu_domain::Clock;
use tsunagu_rewards::{Budget, Difference, DifferenceKind, Reason, Report, State, StatementLine};
use tsunagu_store::testing::MemoryStore;

use crate::world::{Activity, Crash, FakeIssuer, Fault, Mortal, World, person, rule, tenant};

async fn with_one_award() -> World {
    let world = World::new(&[rule(&json!({}))]);
    world.write(&Activity::new("a", 1)).await;
    world
}

/// One grant at the issuer, one in the ledger, and both sides agree.
async fn granted_once(world: &World) {
    assert_eq!(world.issuer.total(), 10);
    let coins = world.rewards.coins_of(&tenant(), person(1)).await.unwrap();
    assert_eq!((coins.balance, coins.pending, coins.grants.len()), (10, 0, 1));
    assert_eq!(coins.grants[0].state, State::Confirmed);
    let budget = world.rewards.rules(&tenant()).await.unwrap()[0].budget;
    assert_eq!(budget, Budget { total: 1000, reserved: 0, issued: 10, remaining: 990 });
    assert!(
        world.rewards.reconcile(&tenant(), &world.issuer.statement()).await.unwrap().is_empty()
    );
}

#[tokio::test]
async fn an_order_is_delivered_once() {
    let world = with_one_award().await;
    let deliverer = world.plain_deliverer();
    let report = deliverer.run_once(world.clock.micros()).await.unwrap();
    assert_eq!(report, Report { confirmed: 1, ..Report::default() });
    assert_eq!(deliverer.run_once(world.clock.micros()).await.unwrap(), Report::default());
    assert_eq!(world.issuer.orders.load(Ordering::SeqCst), 1);
    granted_once(&world).await;
}

#[tokio::test]
async fn after_a_lost_answer_the_issuer_is_asked_and_nothing_is_sent_again() {
    let world = with_one_award().await;
    world.issuer.faults.lock().unwrap().extend([Fault::LostReply, Fault::FindFails]);
    let report = world.plain_deliverer().run_once(world.clock.micros()).await.unwrap();
    assert_eq!(report, Report { deferred: 1, ..Report::default() });
    let coins = world.rewards.coins_of(&tenant(), person(1)).await.unwrap();
    assert_eq!((coins.balance, coins.pending, coins.grants[0].state), (0, 10, State::Unknown));
    world.settle().await;
    assert_eq!(world.issuer.orders.load(Ordering::SeqCst), 1);
    granted_once(&world).await;
}

#[tokio::test]
async fn an_order_that_was_lost_is_sent_again_when_the_issuer_does_not_know_it() {
    let world = with_one_award().await;
    world.issuer.faults.lock().unwrap().extend([Fault::LostOrder, Fault::Down, Fault::LostOrder]);
    world.settle().await;
    assert_eq!(world.issuer.orders.load(Ordering::SeqCst), 1);
    granted_once(&world).await;
}

#[tokio::test]
async fn a_refused_order_gives_the_coins_back_to_the_budget() {
    let world = with_one_award().await;
    world.issuer.faults.lock().unwrap().push_back(Fault::Refused);
    let report = world.plain_deliverer().run_once(world.clock.micros()).await.unwrap();
    assert_eq!(report, Report { refused: 1, ..Report::default() });
    world.settle().await;
    let coins = world.rewards.coins_of(&tenant(), person(1)).await.unwrap();
    assert_eq!((coins.balance, coins.pending), (0, 0));
    assert_eq!(
        (coins.grants[0].state, coins.grants[0].reason),
        (State::Reversed, Some(Reason::IssuerRefused))
    );
    let budget = world.rewards.rules(&tenant()).await.unwrap()[0].budget;
    assert_eq!(budget, Budget { total: 1000, reserved: 0, issued: 0, remaining: 1000 });
    assert_eq!(world.issuer.total(), 0);
}

#[tokio::test]
async fn another_grant_under_the_same_key_is_neither_booked_nor_given_up() {
    let world = with_one_award().await;
    let award = world.rewards.grants(&tenant(), None, 1).await.unwrap()[0].award;
    world.issuer.grants.lock().unwrap().insert(award, ("somebody else".to_owned(), 10));
    let deliverer = world.plain_deliverer();
    for _ in 0..3 {
        let report = deliverer.run_once(world.clock.micros()).await.unwrap();
        assert_eq!(report, Report { mismatched: 1, ..Report::default() });
        world.clock.advance(TimeDelta::hours(1));
    }
    let coins = world.rewards.coins_of(&tenant(), person(1)).await.unwrap();
    assert_eq!((coins.balance, coins.pending), (0, 10));
    assert_eq!(
        (coins.grants[0].state, coins.grants[0].reason),
        (State::Unknown, Some(Reason::IssuerMismatch))
    );
}

#[tokio::test]
async fn an_issuer_that_is_away_for_days_is_reported_and_waited_for() {
    let world = with_one_award().await;
    world.issuer.faults.lock().unwrap().extend([Fault::Down; 2]);
    let deliverer = world.plain_deliverer();
    assert_eq!(deliverer.run_once(world.clock.micros()).await.unwrap().overdue, 0);
    assert_eq!(
        deliverer.run_once(world.clock.micros()).await.unwrap(),
        Report::default(),
        "it waits"
    );
    world.clock.advance(TimeDelta::hours(25));
    let report = deliverer.run_once(world.clock.micros()).await.unwrap();
    assert_eq!(report, Report { deferred: 1, overdue: 1, ..Report::default() });
    world.settle().await;
    granted_once(&world).await;
}

#[tokio::test]
async fn while_the_issuer_is_silent_not_every_order_is_tried() {
    let world = World::new(&[rule(&json!({}))]);
    for who in 0..50 {
        world.write(&Activity::new(who, who)).await;
    }
    world.issuer.faults.lock().unwrap().extend([Fault::Down; 200]);
    let deliverer = world.plain_deliverer();
    let left = || world.issuer.faults.lock().unwrap().len();
    assert_eq!(deliverer.run_once(world.clock.micros()).await.unwrap().deferred, 3);
    assert_eq!(deliverer.run_once(world.clock.micros()).await.unwrap(), Report::default());
    // Two days without an answer cost some two hundred questions at most, whatever waits.
    for _ in 0..48 {
        world.clock.advance(TimeDelta::hours(1));
        deliverer.run_once(world.clock.micros()).await.unwrap();
    }
    assert_eq!(left(), 200 - 3 - 48);
    // The first answer ends the silence.
    world.issuer.faults.lock().unwrap().clear();
    world.clock.advance(TimeDelta::hours(1));
    assert_eq!(deliverer.run_once(world.clock.micros()).await.unwrap().confirmed, 50);
}

#[tokio::test]
async fn a_clock_that_was_ahead_keeps_no_order_waiting() {
    let world = with_one_award().await;
    let ahead = TimeDelta::days(2);
    world.clock.advance(ahead);
    world.issuer.faults.lock().unwrap().extend([Fault::Down; 3]);
    let deliverer = world.plain_deliverer();
    deliverer.run_once(world.clock.micros()).await.unwrap();
    world.write(&Activity::new("b", 2)).await;
    deliverer.run_once(world.clock.micros()).await.unwrap();
    world.clock.advance(-ahead);
    world.issuer.faults.lock().unwrap().clear();
    let report = deliverer.run_once(world.clock.micros()).await.unwrap();
    assert_eq!(report.confirmed, 2);
}

/// Kills the deliverer before and after every call it makes, under every fault, and starts a new one.
#[tokio::test]
async fn killed_anywhere_it_ends_with_exactly_one_grant() {
    let mut kills = 0;
    let faults: [&[Fault]; 7] = [
        &[],
        &[Fault::LostReply],
        &[Fault::LostOrder],
        &[Fault::Down],
        &[Fault::LostReply, Fault::FindFails],
        &[Fault::LostOrder, Fault::LostReply],
        &[Fault::FindFails],
    ];
    for faults in faults {
        for steps in 0.. {
            let world = with_one_award().await;
            world.issuer.faults.lock().unwrap().extend(faults);
            let crash = Crash::after(steps);
            let deliverer = world.deliverer(
                Arc::new(Mortal(Arc::<MemoryStore>::clone(&world.store), Arc::clone(&crash))),
                Arc::new(Mortal(Arc::<FakeIssuer>::clone(&world.issuer), Arc::clone(&crash))),
            );
            // Several rounds, so that the way back after a fault is killed too.
            let rounds = async {
                for _ in 0..4 {
                    deliverer.run_once(world.clock.micros()).await.unwrap();
                    world.clock.advance(TimeDelta::hours(1));
                }
            };
            let finished = rounds.now_or_never().is_some();
            drop(deliverer);
            kills += usize::from(!finished);
            world.settle().await;
            granted_once(&world).await;
            if finished {
                break;
            }
        }
    }
    assert!(kills > 80, "only {kills} places to die were found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_deliverers_at_once_grant_once() {
    let world = Arc::new(World::new(&[rule(&json!({}))]));
    for who in 0..40 {
        world.write(&Activity::new(who, who)).await;
    }
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let world = Arc::clone(&world);
        tasks.spawn(async move {
            world.plain_deliverer().run_once(world.clock.micros()).await.unwrap()
        });
    }
    let confirmed: u64 = tasks.join_all().await.iter().map(|report| report.confirmed).sum();
    assert_eq!(confirmed, 40);
    assert_eq!((world.issuer.total(), world.issuer.orders.load(Ordering::SeqCst)), (400, 40));
}

#[tokio::test]
async fn a_running_deliverer_is_woken_and_stops_when_told() {
    let world = World::new(&[rule(&json!({}))]);
    let deliverer = world.plain_deliverer();
    let (waker, shutdown) = (deliverer.waker(), CancellationToken::new());
    let running = tokio::spawn(deliverer.run(shutdown.clone()));
    world.write(&Activity::new("a", 1)).await;
    waker.wake();
    world.issuer.granted.notified().await;
    shutdown.cancel();
    running.await.unwrap();
    granted_once(&world).await;
}

#[tokio::test]
async fn what_does_not_agree_with_the_statement_is_named() {
    let world = World::new(&[rule(&json!({}))]);
    for who in 1..=5 {
        world.clock.advance(TimeDelta::seconds(1));
        world.write(&Activity::new(who, who)).await;
    }
    world.plain_deliverer().run_once(world.clock.micros()).await.unwrap();
    world.write(&Activity::new("waiting", 6)).await;
    let awards: Vec<_> = world.rewards.grants(&tenant(), None, 9).await.unwrap();
    let line = |grant: &tsunagu_rewards::StaffGrant| StatementLine {
        key: grant.award,
        account: grant.account.clone(),
        amount: grant.amount,
    };
    let [waiting, rest @ ..] = awards.as_slice() else { panic!() };
    assert_eq!(waiting.state, State::Reserved);
    let mut statement: Vec<StatementLine> = rest.iter().map(line).collect();
    assert!(world.rewards.reconcile(&tenant(), &statement).await.unwrap().is_empty());

    let missing = statement.remove(0).key;
    statement[0].amount = 11;
    statement[1].account = "another".to_owned();
    statement.push(statement[2].clone());
    statement.push(line(waiting));
    let invented = "ab".repeat(32).parse().unwrap();
    statement.push(StatementLine { key: invented, account: "x".to_owned(), amount: 1 });
    let found = world.rewards.reconcile(&tenant(), &statement).await.unwrap();
    let is = |award, difference: DifferenceKind| {
        assert!(found.contains(&Difference { award, difference }));
    };
    is(missing, DifferenceKind::MissingAtIssuer);
    is(statement[0].key, DifferenceKind::Amount { ours: 10, theirs: 11 });
    is(statement[1].key, DifferenceKind::Account);
    is(statement[2].key, DifferenceKind::Repeated);
    is(waiting.award, DifferenceKind::MissingInLedger { state: Some(State::Reserved) });
    is(invented, DifferenceKind::MissingInLedger { state: None });
    assert_eq!(found.len(), 6);
}
