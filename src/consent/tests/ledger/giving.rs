//! Giving, refusing, pausing, taking back; receipts.

use std::sync::Arc;

use chrono::TimeDelta;
use tsunagu_consent::{
    DataAction, NewConsent, Notice, NoticeShown, Part, Reader, Requested, State, Verdict,
    verify_receipt,
};
use tsunagu_domain::{Assurance, Catalogue, Clock, Level, Problem, ProblemCode, TenantId, TsunoId};
use tsunagu_policy::GrantedType;
use tsunagu_store::access::Action;

use super::world::{ALICE, ALL, BOB, CATALOGUE, iri, ledger, resident, world};

#[tokio::test]
async fn what_is_given_is_what_the_policy_sees() {
    let world = world();
    let consent = world.given().await;
    let now = world.clock.micros();
    let grant = world.ledger.live_grant(&world.tenant, &consent.id, now).await.unwrap().unwrap();
    let of = |entity: &str, attribute: &str| GrantedType {
        entity_type: iri(entity),
        attributes: vec![iri(attribute)],
    };
    assert_eq!(grant.read, [of("Person", "name"), of("Walk", "steps")]);
    // What the platform verified about a person is not a client's to write.
    assert_eq!(grant.write, [of("Walk", "steps")]);
    assert_eq!((grant.subject, grant.version, grant.live), (ALICE, 1, true));
    assert_eq!(grant.purpose, "coach");
    // SHA-256 of "abc" (FIPS 180-2).
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(consent.notice.sha256, digest);
    assert_eq!(consent.data_life_days, 30);
    assert_eq!(consent.catalogue_version, 3);
}

#[tokio::test]
async fn a_stale_or_weak_login_gives_nothing() {
    let world = world();
    let fresh = world.fresh();
    let weak = Assurance { aal: Level::Low, ..fresh.clone() };
    let unidentified = Assurance { ial: Level::Low, ..fresh.clone() };
    world.clock.advance(TimeDelta::seconds(301));
    let recent = Assurance { auth_time: world.clock.micros(), ..weak };
    let vague = Assurance { auth_time: world.clock.micros(), ..unidentified };
    for assurance in [&fresh, &recent, &vague] {
        let by = resident(ALICE, assurance);
        let refused =
            world.ledger.give(&world.tenant, &by, &world.new_consent()).await.unwrap_err();
        assert_eq!(refused.code, ProblemCode::StepUpRequired);
    }
    let listed = world.ledger.of_subject(&world.tenant, ALICE, ALL).await.unwrap();
    assert_eq!(listed.total, 0);
    assert!(world.accesses().await.is_empty());
    // One second earlier it was fresh.
    world.clock.advance(TimeDelta::seconds(-1));
    let by = resident(ALICE, &fresh);
    world.ledger.give(&world.tenant, &by, &world.new_consent()).await.unwrap();
}

#[tokio::test]
async fn what_was_not_asked_or_is_not_allowed_is_refused() {
    let world = world();
    let assurance = world.fresh();
    let by = resident(ALICE, &assurance);
    let good = world.new_consent();
    let asked = good.requested.clone();
    let with = |requested: Requested| NewConsent { requested, ..good.clone() };
    let wrong = [
        NewConsent { days: 366, ..good.clone() },
        NewConsent { days: 0, ..good.clone() },
        NewConsent { chosen: vec![], ..good.clone() },
        NewConsent { chosen: vec!["other".to_owned()], ..good.clone() },
        NewConsent { notice: Notice { bytes: vec![], ..good.notice.clone() }, ..good.clone() },
        NewConsent {
            notice: Notice { shown_at: world.clock.micros() + 1, ..good.notice.clone() },
            ..good.clone()
        },
        with(Requested { purpose: "spying".to_owned(), ..asked.clone() }),
        // The purpose does not admit the class.
        with(Requested { purpose: "research".to_owned(), ..asked.clone() }),
        with(Requested { actions: vec![], ..asked.clone() }),
        with(Requested { actions: vec![DataAction::Read, DataAction::Read], ..asked.clone() }),
        with(Requested { r#type: "other".to_owned(), ..asked.clone() }),
        NewConsent {
            chosen: vec!["contact".to_owned()],
            ..with(Requested { actions: vec![DataAction::Write], ..asked })
        },
    ];
    for (n, new) in wrong.iter().enumerate() {
        let refused = world.ledger.give(&world.tenant, &by, new).await.unwrap_err();
        assert_eq!(refused.code, ProblemCode::BadRequestData, "case {n}");
    }
    assert!(world.accesses().await.is_empty());
}

#[tokio::test]
async fn an_optional_class_left_out_is_not_granted() {
    let world = world();
    let assurance = world.fresh();
    let by = resident(ALICE, &assurance);
    // What is sensitive is a question of its own, whether the client calls it optional or not.
    let new = NewConsent { chosen: vec!["contact".to_owned()], ..world.new_consent() };
    let given = world.ledger.give(&world.tenant, &by, &new).await.unwrap();
    let grant = given.consent.grant();
    assert!(grant.read.iter().all(|granted| granted.entity_type == iri("Person")));
    // What is needed cannot be left out.
    let part = NewConsent { chosen: vec!["walks".to_owned()], ..world.new_consent() };
    let refused = world.ledger.give(&world.tenant, &by, &part).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::BadRequestData);
    let optional = Requested {
        data_classes: vec!["walks".to_owned()],
        optional_data_classes: vec!["contact".to_owned()],
        ..world.new_consent().requested
    };
    assert!(optional.needed(&Catalogue::read(CATALOGUE.as_bytes(), iri).unwrap()).is_empty());
    let covering = async |whom: TsunoId, requested: Requested| {
        let found = world.ledger.covering(&world.tenant, whom, &new.client, &requested).await;
        found.unwrap().is_some()
    };
    assert!(covering(ALICE, new.requested.clone()).await, "what was left out was decided once");
    assert!(!covering(BOB, new.requested.clone()).await);
}

#[tokio::test]
async fn withdrawal_holds_at_once_and_can_be_repeated() {
    let world = world();
    let consent = world.given().await;
    assert!(world.live(&consent.id).await);
    // No fresh login is needed to stop.
    world.clock.advance(TimeDelta::hours(5));
    let old = Assurance::default();
    let by = resident(ALICE, &old);
    let first = world.ledger.withdraw(&world.tenant, &by, &consent.id).await.unwrap();
    assert!(first.happened);
    assert!(!world.live(&consent.id).await);
    let again = world.ledger.withdraw(&world.tenant, &by, &consent.id).await.unwrap();
    assert!(!again.happened);
    assert_eq!(again.consent, first.consent);
    let resumed =
        world.ledger.resume(&world.tenant, &resident(ALICE, &world.fresh()), &consent.id).await;
    assert!(!resumed.unwrap().happened, "withdrawn is for good");
    assert!(!world.live(&consent.id).await);
    let states: Vec<(u64, State)> = world
        .ledger
        .events(&world.tenant, &consent.id)
        .await
        .unwrap()
        .iter()
        .map(|event| (event.seq, event.state))
        .collect();
    assert_eq!(states, [(1, State::Given), (2, State::Withdrawn)]);
}

#[tokio::test]
async fn nobody_else_can_change_or_find_it() {
    let world = world();
    let consent = world.given().await;
    let assurance = world.fresh();
    let bob = resident(BOB, &assurance);
    for id in [consent.id.as_str(), "00000000-0000-4000-8000-000000000000", ""] {
        let refused = world.ledger.withdraw(&world.tenant, &bob, id).await.unwrap_err();
        assert_eq!(refused, Problem::not_found());
        assert!(world.ledger.pause(&world.tenant, &bob, id).await.is_err());
        assert!(world.ledger.resume(&world.tenant, &bob, id).await.is_err());
    }
    let other: TenantId = "other".parse().unwrap();
    let alice = resident(ALICE, &assurance);
    assert!(world.ledger.withdraw(&other, &alice, &consent.id).await.is_err());
    assert!(world.live(&consent.id).await);
}

#[tokio::test]
async fn pausing_is_not_withdrawing() {
    let world = world();
    let consent = world.given().await;
    let weak = Assurance::default();
    world.ledger.pause(&world.tenant, &resident(ALICE, &weak), &consent.id).await.unwrap();
    assert!(!world.live(&consent.id).await);
    let refused = world.ledger.resume(&world.tenant, &resident(ALICE, &weak), &consent.id).await;
    assert_eq!(refused.unwrap_err().code, ProblemCode::StepUpRequired);
    let fresh = world.fresh();
    let resumed =
        world.ledger.resume(&world.tenant, &resident(ALICE, &fresh), &consent.id).await.unwrap();
    assert_eq!(resumed.consent.version, 3);
    assert!(world.live(&consent.id).await);
}

#[tokio::test]
async fn what_another_process_changes_holds_here_at_once() {
    let world = world();
    let elsewhere = ledger(&world.store, &world.clock, CATALOGUE, 2);
    let consent = world.given().await;
    let fresh = world.fresh();
    let by = resident(ALICE, &fresh);
    assert!(world.live(&consent.id).await);
    elsewhere.pause(&world.tenant, &by, &consent.id).await.unwrap();
    assert!(!world.live(&consent.id).await);
    elsewhere.resume(&world.tenant, &by, &consent.id).await.unwrap();
    assert!(world.live(&consent.id).await);
    elsewhere.withdraw(&world.tenant, &by, &consent.id).await.unwrap();
    assert!(!world.live(&consent.id).await);
}

#[tokio::test]
async fn it_ends_with_its_period_to_the_microsecond() {
    let world = world();
    let consent = world.given().await;
    world.clock.advance(TimeDelta::days(365) - TimeDelta::microseconds(1));
    assert!(world.live(&consent.id).await);
    world.clock.advance(TimeDelta::microseconds(1));
    assert!(!world.live(&consent.id).await);
    let now = world.clock.micros();
    assert_eq!(consent.state_at(now), State::Expired);
    assert!(!consent.live_at(now));
    let (client, asked) = (consent.client.clone(), world.new_consent().requested);
    let covering = world.ledger.covering(&world.tenant, ALICE, &client, &asked).await;
    assert!(covering.unwrap().is_none());
}

#[tokio::test]
async fn a_wider_catalogue_does_not_widen_the_grant() {
    let world = world();
    let consent = world.given().await;
    let wider = CATALOGUE.replace("\"version\":3", "\"version\":4").replace(
        r#"{"iri":"steps","label":{"ja":"歩数","en":"steps"}}"#,
        r#"{"iri":"steps","label":{"ja":"歩数","en":"steps"}},{"iri":"pulse","label":{"ja":"脈拍","en":"pulse"}}"#,
    );
    let later = ledger(&world.store, &world.clock, &wider, 2);
    let now = world.clock.micros();
    let grant = later.live_grant(&world.tenant, &consent.id, now).await.unwrap().unwrap();
    assert!(grant.read.iter().chain(&grant.write).all(|g| !g.attributes.contains(&iri("pulse"))));
    // Asked again, the resident gives the new one.
    let assurance = world.fresh();
    let again = later.give(&world.tenant, &resident(ALICE, &assurance), &world.new_consent()).await;
    let again = again.unwrap();
    assert_eq!(again.superseded, Some(consent.id.clone()));
    assert!(again.consent.grant().read.iter().any(|g| g.attributes.contains(&iri("pulse"))));
    assert!(!world.live(&consent.id).await);
}

#[tokio::test]
async fn a_newer_consent_replaces_the_older_for_the_same_purpose_only() {
    let world = world();
    let first = world.given().await;
    world.clock.advance(TimeDelta::seconds(1));
    let assurance = world.fresh();
    let by = resident(ALICE, &assurance);
    let mut research = world.new_consent();
    research.requested.purpose = "research".to_owned();
    research.requested.data_classes = vec!["walks".to_owned()];
    research.chosen = vec!["walks".to_owned()];
    research.days = 90;
    let research = world.ledger.give(&world.tenant, &by, &research).await.unwrap();
    assert_eq!(research.superseded, None);
    assert!(world.live(&first.id).await);
    world.clock.advance(TimeDelta::seconds(1));
    let second = world.given().await;
    assert!(!world.live(&first.id).await);
    assert!(world.live(&second.id).await && world.live(&research.consent.id).await);
    let listed = world.ledger.of_subject(&world.tenant, ALICE, ALL).await.unwrap();
    let ids: Vec<&str> = listed.consents.iter().map(|consent| consent.id.as_str()).collect();
    assert_eq!(ids, [&second.id, &research.consent.id, &first.id]);
    assert_eq!(listed.consents[2].state, State::Superseded);
    let client = first.client.clone();
    let part = Part { offset: 1, limit: 1 };
    let of_client = world.ledger.of_client(&world.tenant, &client, part).await.unwrap();
    assert_eq!((of_client.total, of_client.consents.len()), (3, 1));
    assert_eq!(of_client.consents[0].id, research.consent.id);
    // A client whose name begins alike has nothing.
    let alike =
        world.ledger.of_client(&world.tenant, &"healt".parse().unwrap(), ALL).await.unwrap();
    assert_eq!(alike.total, 0);
}

#[tokio::test]
async fn refusing_is_on_record_and_grants_nothing() {
    let world = world();
    let given = world.given().await;
    let weak = Assurance::default();
    let refused = world
        .ledger
        .refuse(
            &world.tenant,
            &resident(ALICE, &weak),
            &NewConsent { chosen: vec![], ..world.new_consent() },
        )
        .await
        .unwrap();
    assert_eq!(refused.state, State::Refused);
    assert!(!world.live(&refused.id).await);
    assert!(world.live(&given.id).await, "the consent given before stays");
    let withdrawn =
        world.ledger.withdraw(&world.tenant, &resident(ALICE, &weak), &refused.id).await;
    assert!(!withdrawn.unwrap().happened);
}

#[tokio::test]
async fn every_event_has_exactly_one_record_of_access() {
    let world = world();
    let first = world.given().await;
    let fresh = world.fresh();
    let by = resident(ALICE, &fresh);
    world.ledger.pause(&world.tenant, &by, &first.id).await.unwrap();
    world.ledger.pause(&world.tenant, &by, &first.id).await.unwrap();
    world.ledger.resume(&world.tenant, &by, &first.id).await.unwrap();
    let second = world.given().await;
    let refused = world.ledger.refuse(&world.tenant, &by, &world.new_consent()).await.unwrap();
    world.ledger.withdraw(&world.tenant, &by, &second.id).await.unwrap();
    world.ledger.withdraw(&world.tenant, &by, &second.id).await.unwrap();
    let mut expected = Vec::new();
    for id in [&first.id, &second.id, &refused.id] {
        for event in world.ledger.events(&world.tenant, id).await.unwrap() {
            expected.push((id.clone(), event.seq, event.state.as_str().to_owned()));
        }
    }
    let accesses = world.accesses().await;
    let mut found: Vec<(String, u64, String)> = accesses
        .iter()
        .map(|a| (a.grant.clone().unwrap(), a.grant_version.unwrap(), a.reason.clone()))
        .collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    assert_eq!(found.len(), 7);
    assert!(accesses.iter().all(|a| a.action == Action::Consent && a.subjects == [ALICE]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn consents_given_at_the_same_moment_leave_one_in_force() {
    let world = Arc::new(world());
    let tasks = (0..6).map(|n| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let assurance = world.fresh();
            let by = resident(ALICE, &assurance);
            if n % 3 == 2 {
                // Withdraws whatever it finds.
                for consent in
                    world.ledger.of_subject(&world.tenant, ALICE, ALL).await.unwrap().consents
                {
                    world.ledger.withdraw(&world.tenant, &by, &consent.id).await.unwrap();
                }
            } else {
                world.ledger.give(&world.tenant, &by, &world.new_consent()).await.unwrap();
            }
        })
    });
    for done in futures_util::future::join_all(tasks).await {
        done.unwrap();
    }
    let listed = world.ledger.of_subject(&world.tenant, ALICE, ALL).await.unwrap();
    assert_eq!(listed.total, 4);
    let live = listed.consents.iter().filter(|consent| consent.state.is_live()).count();
    assert!(live <= 1, "{live} in force");
    let mut events = 0;
    for consent in &listed.consents {
        let history = world.ledger.events(&world.tenant, &consent.id).await.unwrap();
        assert_eq!(history.len() as u64, consent.version);
        assert_eq!(history.last().unwrap().state, consent.state);
        events += history.len();
    }
    assert_eq!(world.accesses().await.len(), events);
    // After all of them, a withdrawal of each leaves none.
    let assurance = world.fresh();
    for consent in &listed.consents {
        let by = resident(ALICE, &assurance);
        world.ledger.withdraw(&world.tenant, &by, &consent.id).await.unwrap();
        assert!(!world.live(&consent.id).await);
    }
}

#[tokio::test]
async fn a_receipt_is_signed_and_names_only_the_given_principal() {
    let world = world();
    let consent = world.given().await;
    let pairwise = TsunoId::from_bytes([77; 16]);
    let jws =
        world.ledger.receipt(&world.tenant, &consent.id, Reader::Other(pairwise)).await.unwrap();
    let receipt = verify_receipt(&jws, world.ledger.receipt_key()).unwrap();
    assert_eq!(receipt.pii_principal_id, pairwise);
    assert_eq!(receipt.record_id, consent.id);
    assert_eq!(receipt.receipt_id, consent.receipt_id);
    assert_eq!(receipt.pii_processing.retention_period, "P30D");
    assert_eq!(receipt.pii_processing.privacy_notice, consent.notice);
    let sensitive: Vec<bool> = receipt
        .pii_processing
        .pii_information
        .iter()
        .map(|pii| pii.sensitive_pii_category)
        .collect();
    assert_eq!(sensitive, [false, true]);
    assert!(!serde_json::to_string(&receipt).unwrap().contains(&ALICE.to_string()));

    let stranger = ledger(&world.store, &world.clock, CATALOGUE, 3);
    assert!(verify_receipt(&jws, stranger.receipt_key()).is_err());
    for at in [10, jws.len() / 2, jws.len() - 5] {
        let mut forged = jws.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        assert!(verify_receipt(&forged, world.ledger.receipt_key()).is_err(), "at {at}");
    }
    let assurance = world.fresh();
    world.ledger.withdraw(&world.tenant, &resident(ALICE, &assurance), &consent.id).await.unwrap();
    let jws = world.ledger.receipt(&world.tenant, &consent.id, Reader::Resident).await.unwrap();
    let receipt = verify_receipt(&jws, world.ledger.receipt_key()).unwrap();
    let states: Vec<State> = receipt.events.iter().map(|event| event.event_state).collect();
    assert_eq!(states, [State::Given, State::Withdrawn]);
}

#[tokio::test]
async fn t59_a_forged_or_superseded_receipt_is_refused() {
    let world = world();
    let consent = world.given().await;
    let judge = async |jws: &str| world.ledger.judge_receipt(&world.tenant, jws).await.unwrap();
    let first = world.ledger.receipt(&world.tenant, &consent.id, Reader::Resident).await.unwrap();
    assert!(
        matches!(judge(&first).await, Verdict::Current(receipt) if receipt.record_version == 1)
    );
    // Edited, and signed by somebody else.
    let [head, claims, signature]: [&str; 3] =
        first.split('.').collect::<Vec<_>>().try_into().unwrap();
    let edited = claims.replace('A', "B");
    assert_ne!(edited, claims);
    let stranger = ledger(&world.store, &world.clock, CATALOGUE, 3);
    let foreign = stranger.receipt(&world.tenant, &consent.id, Reader::Resident).await.unwrap();
    for forged in [format!("{head}.{edited}.{signature}"), foreign, String::new()] {
        assert_eq!(judge(&forged).await, Verdict::Forged);
    }
    // Signed by the platform, of another tenant's ledger.
    let other: TenantId = "other".parse().unwrap();
    assert_eq!(world.ledger.judge_receipt(&other, &first).await.unwrap(), Verdict::Forged);
    // Something has happened since.
    let assurance = world.fresh();
    let by = resident(ALICE, &assurance);
    world.ledger.pause(&world.tenant, &by, &consent.id).await.unwrap();
    let late = judge(&first).await;
    assert!(matches!(late, Verdict::Superseded { version: 2, .. }), "{late:?}");
    world.ledger.resume(&world.tenant, &by, &consent.id).await.unwrap();
    let last = world.ledger.receipt(&world.tenant, &consent.id, Reader::Resident).await.unwrap();
    assert!(matches!(judge(&last).await, Verdict::Current(_)));
    // Over by its time, though no event says so yet.
    world.clock.advance(TimeDelta::days(365));
    assert!(matches!(judge(&last).await, Verdict::Superseded { .. }));
}

#[tokio::test]
async fn the_notice_is_kept_to_the_byte_and_named_by_the_receipt() {
    let world = world();
    let consent = world.given().await;
    let kept = world.ledger.notice(&world.tenant, &consent.notice).await.unwrap();
    assert_eq!(kept.as_deref(), Some(b"abc".as_slice()));
    let jws = world.ledger.receipt(&world.tenant, &consent.id, Reader::Resident).await.unwrap();
    let receipt = verify_receipt(&jws, world.ledger.receipt_key()).unwrap();
    assert_eq!(receipt.events[0].privacy_notice.as_ref(), Some(&consent.notice));
    assert_eq!(receipt.events[0].consent_status.as_deref(), Some("dpv:ConsentGiven"));
    let necessity: Vec<_> = receipt
        .pii_processing
        .pii_information
        .iter()
        .map(|pii| (pii.pii_optional, pii.necessity.as_str()))
        .collect();
    assert_eq!(necessity, [(false, "dpv:Required"), (true, "dpv:Optional")]);
    let unknown = NoticeShown { sha256: "00".repeat(32), ..consent.notice };
    assert_eq!(world.ledger.notice(&world.tenant, &unknown).await.unwrap(), None);
}

#[test]
fn authorization_details_are_read_strictly() {
    let catalogue = Catalogue::read(CATALOGUE.as_bytes(), iri).unwrap();
    let good =
        r#"{"type":"resident_data","purpose":"coach","data_classes":["walks"],"actions":["read"]}"#;
    let read = |json: &str| Requested::read(&serde_json::from_str(json).unwrap(), &catalogue);
    assert_eq!(read(good).unwrap().actions, [DataAction::Read]);
    for (from, to) in [
        ("resident_data", "payment"),
        ("coach", "coaching"),
        ("[\"walks\"]", "[]"),
        ("[\"walks\"]", "[\"walks\",\"walks\"]"),
        ("[\"walks\"]", "[\"everything\"]"),
        ("[\"read\"]", "[\"read\",\"delete\"]"),
        ("\"actions\"", "\"privileges\":[],\"actions\""),
        ("\"actions\"", "\"frequency\":{\"max\":0,\"per_seconds\":60},\"actions\""),
    ] {
        assert!(read(&good.replace(from, to)).is_err(), "{to}");
    }
}
