//! What happens to a consent by itself: its end, and a catalogue that has more than it covers.

use std::sync::Arc;

use chrono::TimeDelta;
use tsunagu_consent::{DataAction, Due, Ledger, Notice, Reason, Reconsented, State};
use tsunagu_domain::{Assurance, Clock, Frequency, ProblemCode};
use tsunagu_store::access::{Action, Decision};
use tsunagu_store::{Collection, Expect, Op, Store, WriteSet};

use super::world::{ALICE, BOB, CATALOGUE, World, iri, ledger, resident, world};

/// The catalogue with an attribute more in the class of walks; `purpose` is put into the purpose.
fn wider(version: u32, purpose: &str) -> String {
    let steps = r#"{"iri":"steps","label":{"ja":"歩数","en":"steps"}}"#;
    let pulse = r#"{"iri":"pulse","label":{"ja":"脈拍","en":"pulse"}}"#;
    CATALOGUE
        .replace("\"version\":3", &format!("\"version\":{version}"))
        .replace(steps, &format!("{steps},{pulse}"))
        .replace("\"max_days\":365", &format!("\"max_days\":365{purpose}"))
}

impl World {
    fn after(&self, catalogue: &str, seed: u64) -> Ledger {
        ledger(&self.store, &self.clock, catalogue, seed)
    }

    async fn history(&self, id: &str) -> Vec<(State, Reason, String)> {
        let events = self.ledger.events(&self.tenant, id).await.unwrap();
        events.into_iter().map(|event| (event.state, event.reason, event.by)).collect()
    }

    fn notice(&self) -> Notice {
        Notice { bytes: b"more".to_vec(), ..self.new_consent().notice }
    }
}

fn step(state: State, reason: Reason, by: &str) -> (State, Reason, String) {
    (state, reason, by.to_owned())
}

#[tokio::test]
async fn the_end_is_warned_of_thirty_days_ahead_and_is_an_event() {
    let world = world();
    let consent = world.given().await;
    world.clock.advance(TimeDelta::days(335) - TimeDelta::microseconds(1));
    assert_eq!(world.ledger.run_due(&world.tenant).await.unwrap(), Due::default());
    assert!(!consent.ends_soon(world.clock.micros()));
    world.clock.advance(TimeDelta::microseconds(1));
    assert!(consent.ends_soon(world.clock.micros()));
    let warned = world.ledger.run_due(&world.tenant).await.unwrap();
    assert_eq!(warned, Due { warned: 1, ended: 0 });
    assert_eq!(world.ledger.run_due(&world.tenant).await.unwrap(), Due::default());
    assert!(world.live(&consent.id).await, "a warning ends nothing");

    world.clock.advance(TimeDelta::days(30));
    assert!(!world.live(&consent.id).await, "over by time, whether the event is written or not");
    let over = world.ledger.get(&world.tenant, &consent.id).await.unwrap().unwrap();
    assert_eq!((over.state, over.state_at(world.clock.micros())), (State::Given, State::Expired));
    let assurance = world.fresh();
    let late =
        world.ledger.withdraw(&world.tenant, &resident(ALICE, &assurance), &consent.id).await;
    assert!(!late.unwrap().happened);
    let ended = world.ledger.run_due(&world.tenant).await.unwrap();
    assert_eq!(ended, Due { warned: 0, ended: 1 });
    assert_eq!(world.ledger.run_due(&world.tenant).await.unwrap(), Due::default());
    assert_eq!(
        world.history(&consent.id).await,
        [
            step(State::Given, Reason::Asked, "resident"),
            step(State::Given, Reason::EndsSoon, "platform"),
            step(State::Expired, Reason::PeriodOver, "platform"),
        ]
    );
    let told: Vec<_> = world.accesses().await.into_iter().map(|a| (a.actor, a.reason)).collect();
    let told: Vec<_> = told.iter().map(|(a, r)| (a.as_str(), r.as_str())).collect();
    let expected = [
        ("resident", "given"),
        ("platform:consents", "ends-soon"),
        ("platform:consents", "expired"),
    ];
    assert_eq!(told, expected, "one record for each event");
}

#[tokio::test]
async fn a_paused_consent_ends_too_and_a_withdrawn_one_is_left_alone() {
    let world = world();
    let assurance = world.fresh();
    let by = resident(ALICE, &assurance);
    let paused = world.given().await;
    world.ledger.pause(&world.tenant, &by, &paused.id).await.unwrap();
    let bob = resident(BOB, &assurance);
    let withdrawn = world.ledger.give(&world.tenant, &bob, &world.new_consent()).await.unwrap();
    world.ledger.withdraw(&world.tenant, &bob, &withdrawn.consent.id).await.unwrap();
    world.clock.advance(TimeDelta::days(365));
    let ended = world.ledger.run_due(&world.tenant).await.unwrap();
    assert_eq!(ended, Due { warned: 0, ended: 1 });
    let last = |history: Vec<(State, Reason, String)>| history.last().cloned().unwrap();
    assert_eq!(last(world.history(&paused.id).await).0, State::Expired);
    assert_eq!(last(world.history(&withdrawn.consent.id).await).0, State::Withdrawn);
    let fresh = world.fresh();
    let resumed = world.ledger.resume(&world.tenant, &resident(ALICE, &fresh), &paused.id).await;
    assert!(!resumed.unwrap().happened, "over is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_look_at_once_write_one_event_each() {
    let world = Arc::new(world());
    let consent = world.given().await;
    world.clock.advance(TimeDelta::days(365));
    let looks = (0..8).map(|_| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.ledger.run_due(&world.tenant).await.unwrap().ended })
    });
    let ended = futures_util::future::join_all(looks).await.into_iter().map(Result::unwrap);
    assert_eq!(ended.sum::<usize>(), 1);
    assert_eq!(world.history(&consent.id).await.len(), 2);
}

#[tokio::test]
async fn t65_an_attribute_added_to_a_class_is_not_covered_until_the_resident_agrees() {
    let world = world();
    let consent = world.given().await;
    world.clock.advance(TimeDelta::days(1));
    let later = world.after(&wider(4, ""), 2);
    let pulse = async |ledger: &Ledger| {
        let now = world.clock.micros();
        let grant = ledger.live_grant(&world.tenant, &consent.id, now).await.unwrap().unwrap();
        let all = grant.read.iter().chain(&grant.write);
        all.filter(|granted| granted.attributes.contains(&iri("pulse"))).count()
    };
    assert_eq!(pulse(&later).await, 0);
    assert_eq!(later.review(&world.tenant).await.unwrap(), 1);
    assert_eq!(later.review(&world.tenant).await.unwrap(), 0, "asked once");
    assert_eq!(pulse(&later).await, 0, "asking covers nothing");
    let now = world.clock.micros();
    let asked = later.get(&world.tenant, &consent.id).await.unwrap().unwrap();
    let question = asked.asked_again(now).unwrap();
    let named: Vec<_> = question.added.iter().flat_map(|part| &part.attributes).collect();
    assert_eq!(named.len(), 1);
    assert_eq!((named[0].label.ja.as_str(), question.deadline), ("脈拍", None));

    // Only the resident, after a fresh login, and to a notice of what is asked.
    let agree = Reconsented::Agreed(world.notice());
    let old = Assurance { auth_time: now - 301_000_000, ..world.fresh() };
    let stale = later.reconsent(&world.tenant, &resident(ALICE, &old), &consent.id, &agree).await;
    assert_eq!(stale.unwrap_err().code, ProblemCode::StepUpRequired);
    let assurance = world.fresh();
    let bob = later.reconsent(&world.tenant, &resident(BOB, &assurance), &consent.id, &agree).await;
    assert_eq!(bob.unwrap_err().code, ProblemCode::ResourceNotFound);
    let early = Reconsented::Agreed(Notice { shown_at: now - 1, ..world.notice() });
    let by = resident(ALICE, &assurance);
    let early = later.reconsent(&world.tenant, &by, &consent.id, &early).await;
    assert_eq!(early.unwrap_err().code, ProblemCode::BadRequestData);
    assert_eq!(pulse(&later).await, 0);

    let agreed = later.reconsent(&world.tenant, &by, &consent.id, &agree).await.unwrap();
    assert!(agreed.happened);
    assert_eq!(pulse(&later).await, 2, "to be read and written like the class");
    assert_eq!(agreed.consent.valid_until, consent.valid_until, "not a day longer");
    assert_eq!(agreed.consent.catalogue_version, 4);
    assert_ne!(agreed.consent.notice.sha256, consent.notice.sha256);
    let again = later.reconsent(&world.tenant, &by, &consent.id, &agree).await.unwrap();
    assert!(!again.happened);
    let events = later.events(&world.tenant, &consent.id).await.unwrap();
    let reasons: Vec<Reason> = events.iter().map(|event| event.reason).collect();
    assert_eq!(reasons, [Reason::Asked, Reason::CatalogueWidened, Reason::Reconsented]);
    // What was agreed to when, and what was shown, stays readable.
    assert_eq!(events[0].notice.as_ref().unwrap(), &consent.notice);
    assert_eq!(events[2].notice.as_ref().unwrap(), &agreed.consent.notice);
    assert_eq!(events[2].data[0].attributes[0].iri, iri("pulse"));
    let accesses = world.accesses().await;
    assert_eq!(accesses.len(), 3, "one record for each event");
    assert!(
        accesses.iter().all(|a| a.action == Action::Consent && a.decision == Decision::Allowed)
    );
}

#[tokio::test]
async fn without_a_deadline_a_no_leaves_what_was_agreed_to() {
    let world = world();
    let consent = world.given().await;
    let later = world.after(&wider(4, ""), 2);
    later.review(&world.tenant).await.unwrap();
    let weak = Assurance::default();
    let by = resident(ALICE, &weak);
    let no = Reconsented::Declined;
    assert!(later.reconsent(&world.tenant, &by, &consent.id, &no).await.unwrap().happened);
    assert!(!later.reconsent(&world.tenant, &by, &consent.id, &no).await.unwrap().happened);
    // The same again is no new question; more is.
    assert_eq!(world.after(&wider(5, ""), 3).review(&world.tenant).await.unwrap(), 0);
    let more = wider(6, "").replace("\"pulse\"", "\"breath\"");
    assert_eq!(world.after(&more, 4).review(&world.tenant).await.unwrap(), 1);
    world.clock.advance(TimeDelta::days(364));
    world.ledger.run_due(&world.tenant).await.unwrap();
    assert!(world.live(&consent.id).await);
}

#[tokio::test]
async fn with_a_deadline_a_consent_that_is_not_renewed_ends_and_one_that_is_goes_on() {
    let world = world();
    let consent = world.given().await;
    let assurance = world.fresh();
    let (bob, new) = (resident(BOB, &assurance), world.new_consent());
    let other = world.ledger.give(&world.tenant, &bob, &new).await.unwrap().consent;
    let later = world.after(&wider(4, ",\"reconsent_days\":60"), 2);
    assert_eq!(later.review(&world.tenant).await.unwrap(), 2);
    let agree = Reconsented::Agreed(world.notice());
    later.reconsent(&world.tenant, &bob, &other.id, &agree).await.unwrap();
    let weak = Assurance::default();
    let no = Reconsented::Declined;
    later.reconsent(&world.tenant, &resident(ALICE, &weak), &consent.id, &no).await.unwrap();
    // A further question leaves no more time.
    world.clock.advance(TimeDelta::days(30));
    assert_eq!(later.run_due(&world.tenant).await.unwrap(), Due { warned: 1, ended: 0 });
    let more = wider(5, ",\"reconsent_days\":60").replace("\"pulse\"", "\"breath\"");
    let last = world.after(&more, 3);
    last.review(&world.tenant).await.unwrap();
    world.clock.advance(TimeDelta::days(30));
    assert!(!world.live(&consent.id).await, "the policy sees the deadline");
    assert_eq!(last.run_due(&world.tenant).await.unwrap().ended, 1);
    let (state, reason, _) = world.history(&consent.id).await.last().cloned().unwrap();
    assert_eq!((state, reason), (State::Expired, Reason::ReconsentMissed));
    assert!(world.live(&other.id).await);
}

#[tokio::test]
async fn consents_of_the_first_form_are_read_and_get_their_end() {
    let world = world();
    let consent = world.given().await;
    // As the first form was stored: without what came later, and with nothing due.
    let mut old = serde_json::to_value(&consent).unwrap();
    old["v"] = 1.into();
    let due = world.store.records(&world.tenant, Collection("consent-due"), &everything()).await;
    let mut set = WriteSet::new(world.tenant.clone()).with(Op::PutRecord {
        collection: Collection("consent"),
        key: consent.id.clone().into_bytes(),
        value: serde_json::to_vec(&old).unwrap(),
        expect: Expect::Present,
    });
    for (key, _) in due.unwrap() {
        let (collection, expect) = (Collection("consent-due"), Expect::Present);
        set = set.with(Op::DeleteRecord { collection, key, expect });
    }
    world.store.commit(set).await.unwrap();
    assert_eq!(world.ledger.review(&world.tenant).await.unwrap(), 0);
    world.clock.advance(TimeDelta::days(365));
    assert_eq!(world.ledger.run_due(&world.tenant).await.unwrap().ended, 1);
}

fn everything() -> tsunagu_store::Scan {
    tsunagu_store::Scan { limit: 100, ..tsunagu_store::Scan::default() }
}

#[tokio::test]
async fn a_consent_to_so_many_reads_covers_no_wish_for_more() {
    let world = world();
    let mut new = world.new_consent();
    let day = Frequency { max: 24, per_seconds: 86_400 };
    new.requested.frequency = Some(day);
    let assurance = world.fresh();
    let given = world.ledger.give(&world.tenant, &resident(ALICE, &assurance), &new).await.unwrap();
    assert_eq!(given.consent.grant().frequency, Some(day));
    let covers = async |frequency: Option<Frequency>| {
        let asked = tsunagu_consent::Requested { frequency, ..new.requested.clone() };
        world.ledger.covering(&world.tenant, ALICE, &new.client, &asked).await.unwrap().is_some()
    };
    assert!(covers(Some(day)).await && covers(Some(Frequency { max: 1, ..day })).await);
    assert!(!covers(Some(Frequency { max: 25, ..day })).await && !covers(None).await);
}

#[tokio::test]
async fn what_a_class_does_not_admit_need_not_be_consented_to() {
    let world = world();
    let mut new = world.new_consent();
    new.requested.actions = vec![DataAction::Read];
    let assurance = world.fresh();
    world.ledger.give(&world.tenant, &resident(ALICE, &assurance), &new).await.unwrap();
    let mut asked = new.requested.clone();
    asked.actions.push(DataAction::Write);
    // Walks are sensitive and so optional; of the person nothing can be written.
    let covering = world.ledger.covering(&world.tenant, ALICE, &new.client, &asked).await;
    assert!(covering.unwrap().is_some());
    let plain = CATALOGUE.replace("\"sensitivity\":\"sensitive\"", "\"sensitivity\":\"personal\"");
    let later = world.after(&plain, 2);
    let covering = later.covering(&world.tenant, ALICE, &new.client, &asked).await;
    assert!(covering.unwrap().is_none(), "walks are not to be written");
}
