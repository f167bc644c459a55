//! Sums are conserved, whatever happens in whatever order.

use chrono::TimeDelta;
use futures_util::FutureExt as _;
use proptest::prelude::*;
use serde_json::json;
use tsunagu_domain::Clock;

use crate::world::{Activity, Fault, World, person, rule, tenant};

#[derive(Debug, Clone)]
enum Event {
    Write { id: u8, who: u8, steps: i64, day: usize },
    Deliver,
    Wait(i64),
    Fault(Fault),
}

fn event() -> impl Strategy<Value = Event> {
    let fault = prop_oneof![
        Just(Fault::LostReply),
        Just(Fault::LostOrder),
        Just(Fault::Down),
        Just(Fault::Refused),
        Just(Fault::FindFails)
    ];
    prop_oneof![
        6 => (0u8..24, 0u8..4, prop_oneof![Just(4_000i64), Just(6_000), Just(200_000)], 0usize..3)
            .prop_map(|(id, who, steps, day)| Event::Write { id, who, steps, day }),
        3 => Just(Event::Deliver),
        1 => (0i64..7_200).prop_map(Event::Wait),
        2 => fault.prop_map(Event::Fault),
    ]
}

const DAYS: [&str; 3] = ["2026-11-20T01:00:00Z", "2026-11-21T01:00:00Z", "2026-11-22T01:00:00Z"];

async fn check(world: &World, budget: i64) {
    let money = world.rewards.rules(&tenant()).await.unwrap()[0].budget;
    assert_eq!(money.reserved + money.issued + money.remaining, budget);
    assert!(money.remaining >= 0 && money.reserved >= 0 && money.issued >= 0);
    let (mut balances, mut pending) = (0, 0);
    for who in 0..4 {
        let coins = world.rewards.coins_of(&tenant(), person(who)).await.unwrap();
        balances += coins.balance;
        pending += coins.pending;
    }
    assert_eq!((balances, pending), (money.issued, money.reserved));
    // Whatever the issuer granted is issued or still on its way here.
    assert!((money.issued..=money.issued + money.reserved).contains(&world.issuer.total()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn sums_are_conserved(events in proptest::collection::vec(event(), 1..60), budget in 10i64..200) {
        let world = World::new(&[rule(&json!({ "budget": budget }))]);
        let story = async {
            let deliverer = world.plain_deliverer();
            for event in events {
                match event {
                    Event::Write { id, who, steps, day } => {
                        world.write(&Activity { steps: json!(steps), started: Some(DAYS[day]), ..Activity::new(id, who) }).await;
                    }
                    Event::Deliver => drop(deliverer.run_once(world.clock.micros()).await.unwrap()),
                    Event::Wait(seconds) => world.clock.advance(TimeDelta::seconds(seconds)),
                    Event::Fault(fault) => world.issuer.faults.lock().unwrap().push_back(fault),
                }
                check(&world, budget).await;
            }
            world.issuer.faults.lock().unwrap().clear();
            world.settle().await;
            check(&world, budget).await;
            let money = world.rewards.rules(&tenant()).await.unwrap()[0].budget;
            assert_eq!((money.reserved, money.issued), (0, world.issuer.total()));
            assert!(world.rewards.reconcile(&tenant(), &world.issuer.statement()).await.unwrap().is_empty());
        };
        story.now_or_never().unwrap();
    }
}
