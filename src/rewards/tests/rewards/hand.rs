//! Orders whose outcome nobody knows end: by a decision of staff, by a withdrawn consent, or by the issuer's word.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::TimeDelta;
use serde_json::json;
use tsunagu_domain::{Clock as _, ProblemCode, TenantId};
use tsunagu_rewards::{AwardUid, Consents, Decided, Decision, Issuer as _, Reason, Report, State};
use tsunagu_store::StoreError;

use crate::world::{Activity, Fault, World, person, rule, tenant};

fn decision(world: &World, award: AwardUid, decided: Decided) -> Decision {
    let (by, why) = ("client:town-hall".to_owned(), "told by telephone".to_owned());
    Decision { v: 1, award, decided, by, why, at: world.clock.micros() }
}

/// One award about which the issuer says nothing.
async fn doubtful(fault: Fault) -> (World, AwardUid) {
    let world = World::new(&[rule(&json!({}))]);
    world.write(&Activity::new("a", 1)).await;
    world.issuer.faults.lock().unwrap().push_back(fault);
    world.plain_deliverer().run_once(world.clock.micros()).await.unwrap();
    let open = world.rewards.open(&tenant(), 9).await.unwrap();
    assert_eq!((open.len(), open[0].state), (1, State::Unknown));
    let award = open[0].award;
    (world, award)
}

async fn standing(world: &World) -> (i64, i64, State, Option<Reason>) {
    let coins = world.rewards.coins_of(&tenant(), person(1)).await.unwrap();
    (coins.balance, coins.pending, coins.grants[0].state, coins.grants[0].reason)
}

#[tokio::test]
async fn p5_staff_confirm_what_the_issuer_has_told_them() {
    let (world, award) = doubtful(Fault::LostReply).await;
    let confirm = decision(&world, award, Decided::Confirm);
    world.rewards.decide(&tenant(), &confirm, &[]).await.unwrap();
    world.plain_deliverer().run_once(world.clock.micros()).await.unwrap();
    assert_eq!(standing(&world).await, (10, 0, State::Confirmed, None));
    assert!(world.rewards.open(&tenant(), 9).await.unwrap().is_empty());
    let differences = world.rewards.reconcile(&tenant(), &world.issuer.statement()).await.unwrap();
    assert!(differences.is_empty());
}

#[tokio::test]
async fn p5_staff_take_back_and_the_issuer_cancels_what_it_had_granted() {
    let (world, award) = doubtful(Fault::LostReply).await;
    let reverse = decision(&world, award, Decided::Reverse);
    world.rewards.decide(&tenant(), &reverse, &[]).await.unwrap();
    let again = world.rewards.decide(&tenant(), &reverse, &[]).await.unwrap_err();
    assert_eq!(again.code, ProblemCode::Conflict);
    // As long as the issuer is away nothing is decided.
    world.issuer.faults.lock().unwrap().push_back(Fault::Down);
    let deliverer = world.plain_deliverer();
    for _ in 0..2 {
        deliverer.run_once(world.clock.micros()).await.unwrap();
        assert_eq!(standing(&world).await.2, State::Unknown);
        world.clock.advance(TimeDelta::hours(1));
    }
    let report = deliverer.run_once(world.clock.micros()).await.unwrap();
    assert_eq!(report, Report { voided: 1, ..Report::default() });
    assert_eq!(standing(&world).await, (0, 0, State::Reversed, Some(Reason::TakenBack)));
    assert_eq!(world.issuer.total(), 0);
    let money = world.rewards.rules(&tenant()).await.unwrap()[0].budget;
    assert_eq!((money.reserved, money.issued, money.remaining), (0, 0, 1000));
    // It has its outcome.
    let other = decision(&world, award, Decided::Confirm);
    let refused = world.rewards.decide(&tenant(), &other, &[]).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::Conflict);
}

#[tokio::test]
async fn what_was_confirmed_is_taken_back_by_a_new_entry() {
    let world = World::new(&[rule(&json!({}))]);
    world.write(&Activity::new("a", 1)).await;
    world.settle().await;
    let award = world.rewards.grants(&tenant(), None, 1).await.unwrap()[0].award;
    let refused = decision(&world, award, Decided::Confirm);
    let refused = world.rewards.decide(&tenant(), &refused, &[]).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::Conflict);
    let reverse = decision(&world, award, Decided::Reverse);
    world.rewards.decide(&tenant(), &reverse, &[]).await.unwrap();
    world.settle().await;
    assert_eq!(standing(&world).await, (0, 0, State::Reversed, Some(Reason::TakenBack)));
    let money = world.rewards.rules(&tenant()).await.unwrap()[0].budget;
    assert_eq!((world.issuer.total(), money.issued, money.remaining), (0, 0, 1000));
    // Nobody knows such an award.
    let unknown = decision(&world, "ab".repeat(32).parse().unwrap(), Decided::Reverse);
    let unknown = world.rewards.decide(&tenant(), &unknown, &[]).await.unwrap_err();
    assert_eq!(unknown.code, ProblemCode::ResourceNotFound);
}

#[tokio::test]
async fn p5_what_may_still_be_on_its_way_is_not_taken_back_too_early() {
    // Another deliverer is inside the call to the issuer, which sees the order only later.
    let (world, award) = doubtful(Fault::LostOrder).await;
    let reverse = decision(&world, award, Decided::Reverse);
    world.rewards.decide(&tenant(), &reverse, &[]).await.unwrap();
    let deliverer = world.plain_deliverer();
    let waits = Report { deferred: 1, ..Report::default() };
    // At first nobody asks; then the issuer holds nothing, and that is not the end yet.
    world.issuer.faults.lock().unwrap().push_back(Fault::Down);
    assert_eq!(deliverer.run_once(world.clock.micros()).await.unwrap(), waits);
    world.clock.advance(TimeDelta::seconds(119));
    assert_eq!(deliverer.run_once(world.clock.micros()).await.unwrap(), Report::default());
    assert!(world.issuer.faults.lock().unwrap().pop_front().is_some(), "the issuer was not asked");
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(deliverer.run_once(world.clock.micros()).await.unwrap(), waits);
    let account = world.rewards.account_of(person(1));
    world.issuer.grant(award, &account, 10, "walk").await.unwrap();
    assert_eq!((world.issuer.total(), standing(&world).await.2), (10, State::Unknown));
    world.clock.advance(TimeDelta::minutes(1));
    let report = deliverer.run_once(world.clock.micros()).await.unwrap();
    assert_eq!(report, Report { voided: 1, ..Report::default() });
    assert_eq!(standing(&world).await, (0, 0, State::Reversed, Some(Reason::TakenBack)));
    assert_eq!(world.issuer.total(), 0);
}

#[tokio::test]
async fn p5_a_cancellation_that_the_issuer_refuses_is_an_answer_and_staff_can_decide_otherwise() {
    for confirmed_before in [false, true] {
        let (world, award) = doubtful(Fault::LostReply).await;
        if confirmed_before {
            world.settle().await;
        }
        let reverse = decision(&world, award, Decided::Reverse);
        world.rewards.decide(&tenant(), &reverse, &[]).await.unwrap();
        let deliverer = world.plain_deliverer();
        world.issuer.faults.lock().unwrap().extend([Fault::Refused; 6]);
        // Refused six times, and nobody takes the issuer for silent: another order goes through at once.
        let mut waits = Vec::new();
        let mut last = world.clock.micros();
        for left in (0..6).rev() {
            while world.issuer.faults.lock().unwrap().len() > left {
                world.clock.advance(TimeDelta::seconds(1));
                deliverer.run_once(world.clock.micros()).await.unwrap();
            }
            waits.push(world.clock.micros() - last);
            last = world.clock.micros();
        }
        assert!(waits[5] > 4 * waits[2], "waits grow: {waits:?}");
        world.write(&Activity::new("b", 2)).await;
        let report = deliverer.run_once(world.clock.micros()).await.unwrap();
        assert_eq!(report.confirmed, 1);
        let stays = decision(&world, award, Decided::Confirm);
        world.rewards.decide(&tenant(), &stays, &[]).await.unwrap();
        deliverer.run_once(world.clock.micros()).await.unwrap();
        assert_eq!(standing(&world).await, (10, 0, State::Confirmed, None));
        assert!(world.rewards.open(&tenant(), 9).await.unwrap().is_empty());
        assert_eq!(world.rewards.rules(&tenant()).await.unwrap()[0].budget.issued, 20);
    }
}

/// A consent that is withdrawn or not.
struct Withdrawn(AtomicBool);

#[async_trait]
impl Consents for Withdrawn {
    async fn withdrawn(&self, _: &TenantId, consent: &str) -> Result<bool, StoreError> {
        assert_eq!(consent, "consent-1");
        Ok(self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn a_consent_withdrawn_before_the_order_is_sent_takes_the_coins_back_and_later_leaves_them() {
    for (sent_before, outcome) in [
        (false, (0, 0, State::Reversed, Some(Reason::Withdrawn))),
        (true, (10, 0, State::Confirmed, None)),
    ] {
        let world = World::new(&[rule(&json!({}))]);
        world.write(&Activity::new("a", 1)).await;
        let consents = Arc::new(Withdrawn(AtomicBool::new(false)));
        let deliverer = world.plain_deliverer().asking(Arc::clone(&consents) as _);
        if sent_before {
            // It may have reached the issuer, and the answer is lost: it is not taken back any more.
            world.issuer.faults.lock().unwrap().push_back(Fault::LostReply);
            deliverer.run_once(world.clock.micros()).await.unwrap();
        }
        consents.0.store(true, Ordering::SeqCst);
        world.clock.advance(TimeDelta::hours(1));
        deliverer.run_once(world.clock.micros()).await.unwrap();
        assert_eq!(standing(&world).await, outcome);
        let money = world.rewards.rules(&tenant()).await.unwrap()[0].budget;
        assert_eq!((money.reserved, money.issued), (0, outcome.0));
        assert_eq!(world.issuer.total(), outcome.0);
    }
}
