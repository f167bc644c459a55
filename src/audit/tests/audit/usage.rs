//! When consents were last used.

use chrono::TimeDelta;
use tsunagu_domain::Clock as _;
use tsunagu_store::access::{Access, AccessLog as _, Action, Decision};

use crate::world::{person, reader, world};

#[tokio::test]
async fn the_last_allowed_use_of_a_consent_by_its_client_is_known() {
    let world = world();
    let (log, tenant, alice) = (&world.log, &world.tenant, person(1));
    assert!(log.last_uses(tenant, alice).await.unwrap().is_empty());
    let read =
        |grant: &str| Access { grant: Some(grant.to_owned()), ..world.access(&[alice, person(2)]) };
    for access in [
        Access { decision: Decision::Denied, ..read("denied") },
        Access { action: Action::Consent, ..read("given") },
        Access { actor: "resident".to_owned(), ..read("looked-at") },
        Access { subjects: vec![person(2)], ..read("another-person") },
        Access { grant: None, ..read("none") },
        Access { action: Action::Notify, ..read("notified") },
        read("read"),
    ] {
        log.record(tenant, &access).await.unwrap();
    }
    let first = world.clock.micros();
    let uses = log.last_uses(tenant, alice).await.unwrap();
    let named: Vec<&str> = uses.keys().map(String::as_str).collect();
    assert_eq!(named, ["notified", "read"]);
    assert_eq!(uses["read"], first);
    // More than one page of more, then again: what is new is found, and nothing is forgotten.
    for nth in 0..1_100 {
        world.clock.advance(TimeDelta::seconds(60));
        let grant = if nth % 2 == 0 { "read" } else { "later" };
        log.record(tenant, &read(grant)).await.unwrap();
        if nth == 700 {
            assert_eq!(log.last_uses(tenant, alice).await.unwrap()["read"], world.clock.micros());
        }
    }
    // Written down late by a process whose clock is behind.
    let late = Access { at: world.clock.micros() - 300_000_000, ..read("late") };
    log.last_uses(tenant, alice).await.unwrap();
    log.record(tenant, &late).await.unwrap();
    let uses = log.last_uses(tenant, alice).await.unwrap();
    assert_eq!(uses["later"], world.clock.micros());
    assert_eq!(uses["notified"], first);
    assert_eq!(uses["late"], late.at);
    // What is erased is not told by the sum either.
    world.clock.advance(TimeDelta::seconds(1));
    log.erase(tenant, &reader(), alice, world.clock.micros()).await.unwrap();
    assert!(log.last_uses(tenant, alice).await.unwrap().is_empty());
}
