//! Acting for somebody else: family, guardians, the counter.

use chrono::{DateTime, TimeDelta};
use tsunagu_consent::{
    ActedBy, Assisted, Authority, AuthorityEvidence, Capacity, Counter, Delegation, DelegationKind,
    DelegationScope, IdentityEvidence, NewDelegation, NewGuardian, Reader, Reason, Resident, State,
    verify_receipt,
};
use tsunagu_domain::{Assurance, Clock, ProblemCode, TsunoId, comes_of_age};
use tsunagu_store::access::Decision;

use super::world::{ALICE, ALL, BOB, World, resident, world};

const DESK: Counter<'static> = Counter { actor: "client:desk", request: "r-9" };
const DAY: i64 = 86_400_000_000;

/// `ALICE`, in whose place this acts in a session of their own.
fn acting<'a>(delegation: &'a Delegation, assurance: &'a Assurance) -> Resident<'a> {
    Resident { acting: Capacity::For(delegation), ..resident(delegation.principal, assurance) }
}

impl World {
    fn family(&self, scope: DelegationScope) -> NewDelegation {
        NewDelegation {
            delegate: BOB,
            principal_name: "母".to_owned(),
            delegate_name: "娘".to_owned(),
            scope,
            until: self.clock.micros() + 30 * DAY,
        }
    }

    async fn lets_bob(&self, scope: DelegationScope) -> Delegation {
        let assurance = self.fresh();
        let by = resident(ALICE, &assurance);
        self.ledger.delegate(&self.tenant, &by, &self.family(scope)).await.unwrap()
    }

    fn guardian(born: &str) -> NewGuardian {
        NewGuardian {
            principal: ALICE,
            delegate: BOB,
            principal_name: "子".to_owned(),
            delegate_name: "親".to_owned(),
            scope: DelegationScope::Both,
            until: None,
            of_age: comes_of_age(born).unwrap(),
            authority: Authority {
                evidence: AuthorityEvidence::FamilyRegister,
                reference: "2026-114".to_owned(),
                recorded_by: "窓口3".to_owned(),
            },
        }
    }

    fn set(&self, iso: &str) {
        let to = DateTime::parse_from_rfc3339(iso).unwrap().timestamp_micros();
        self.clock.advance(TimeDelta::microseconds(to - self.clock.micros()));
    }

    async fn may_act(&self, id: &str) -> bool {
        self.ledger.acting(&self.tenant, BOB, id).await.unwrap().is_some()
    }
}

#[tokio::test]
async fn who_acted_for_whom_is_in_the_event_the_receipt_and_the_record() {
    let world = world();
    let delegation = world.lets_bob(DelegationScope::Both).await;
    let assurance = world.fresh();
    let by = acting(&delegation, &assurance);
    let given = world.ledger.give(&world.tenant, &by, &world.new_consent()).await.unwrap().consent;
    assert_eq!(given.subject, ALICE);
    assert!(given.given_under.is_none(), "family is no guardian");
    let name = format!("family:{}", delegation.id);
    let events = world.ledger.events(&world.tenant, &given.id).await.unwrap();
    assert_eq!(events[0].by, name);
    let acted = ActedBy::Delegate {
        authority: DelegationKind::Family,
        delegation: delegation.id.clone(),
        delegate: BOB,
    };
    assert_eq!(events[0].acted_by, Some(acted));
    // Others, even if they know the resident by the same id, read of what kind it was and not which delegation.
    for (reader, told) in [(Reader::Resident, name.as_str()), (Reader::Other(ALICE), "family")] {
        let receipt = world.ledger.receipt(&world.tenant, &given.id, reader).await.unwrap();
        let receipt = verify_receipt(&receipt, world.ledger.receipt_key()).unwrap();
        assert_eq!((receipt.events[0].entity_id.as_str(), receipt.pii_principal_id), (told, ALICE));
    }
    let accesses = world.accesses().await;
    let last = accesses.last().unwrap();
    assert_eq!((last.actor.as_str(), last.subjects.as_slice()), (name.as_str(), &[ALICE][..]));
    // Both are told that there is a delegation.
    assert_eq!((accesses[0].actor.as_str(), accesses.len()), ("resident", 2));
    assert_eq!(accesses[0].subjects, [ALICE, BOB]);
}

#[tokio::test]
async fn a_delegate_has_no_more_than_their_scope_and_never_what_is_the_residents_alone() {
    let world = world();
    let consent = world.given().await;
    let assurance = world.fresh();
    let forbidden = |problem: tsunagu_domain::Problem| {
        assert_eq!(problem.code, ProblemCode::Forbidden, "{problem}");
    };
    let sees = world.lets_bob(DelegationScope::See).await;
    let (ledger, tenant) = (&world.ledger, &world.tenant);
    let by = acting(&sees, &assurance);
    let before = world.accesses().await.len();
    forbidden(ledger.give(tenant, &by, &world.new_consent()).await.unwrap_err());
    forbidden(ledger.refuse(tenant, &by, &world.new_consent()).await.unwrap_err());
    forbidden(ledger.withdraw(tenant, &by, &consent.id).await.unwrap_err());
    forbidden(ledger.pause(tenant, &by, &consent.id).await.unwrap_err());

    let both = world.lets_bob(DelegationScope::Both).await;
    let by = acting(&both, &assurance);
    // Delegating further, leaving, confirming as an adult, ending other delegations.
    forbidden(ledger.delegate(tenant, &by, &world.family(DelegationScope::See)).await.unwrap_err());
    forbidden(ledger.withdraw_all(tenant, &by).await.unwrap_err());
    forbidden(ledger.confirm(tenant, &by, &consent.id).await.unwrap_err());
    forbidden(ledger.end_delegation(tenant, &by, &sees.id).await.unwrap_err());
    // Somebody else's consents, with a delegation of this resident.
    let other = Resident { subject: BOB, ..by };
    forbidden(ledger.give(tenant, &other, &world.new_consent()).await.unwrap_err());
    assert!(world.live(&consent.id).await);
    assert_eq!(world.accesses().await.len(), before + 1, "the second delegation alone");

    ledger.pause(tenant, &by, &consent.id).await.unwrap();
    ledger.resume(tenant, &by, &consent.id).await.unwrap();
    ledger.withdraw(tenant, &by, &consent.id).await.unwrap();
    assert!(!world.live(&consent.id).await);
}

#[tokio::test]
async fn the_resident_ends_it_at_once_and_so_does_its_day() {
    let world = world();
    let (ledger, tenant) = (&world.ledger, &world.tenant);
    let delegation = world.lets_bob(DelegationScope::Both).await;
    assert!(world.may_act(&delegation.id).await);
    // A delegation of another is none of anybody's business, and not to be acted under.
    let carol = TsunoId::from_bytes([3; 16]);
    assert!(ledger.acting(tenant, carol, &delegation.id).await.unwrap().is_none());
    let assurance = world.fresh();
    let stranger = resident(carol, &assurance);
    let unknown = ledger.end_delegation(tenant, &stranger, &delegation.id).await.unwrap_err();
    assert_eq!(unknown.code, ProblemCode::ResourceNotFound);

    let alice = resident(ALICE, &assurance);
    ledger.end_delegation(tenant, &alice, &delegation.id).await.unwrap();
    assert!(!world.may_act(&delegation.id).await);
    // Who looked it up before it was ended does nothing with it.
    let by = acting(&delegation, &assurance);
    let late = ledger.give(tenant, &by, &world.new_consent()).await.unwrap_err();
    assert_eq!(late.code, ProblemCode::Conflict);
    assert_eq!(ledger.of_subject(tenant, ALICE, ALL).await.unwrap().total, 0);

    let second = world.lets_bob(DelegationScope::Both).await;
    let bob = resident(BOB, &assurance);
    ledger.end_delegation(tenant, &bob, &second.id).await.unwrap();
    assert!(!world.may_act(&second.id).await, "the delegate gives it up");

    let third = world.lets_bob(DelegationScope::Both).await;
    world.clock.advance(TimeDelta::microseconds(30 * DAY - 1));
    assert!(world.may_act(&third.id).await);
    world.clock.advance(TimeDelta::microseconds(1));
    assert!(!world.may_act(&third.id).await);
}

#[tokio::test]
async fn what_no_delegation_may_be_is_refused() {
    let world = world();
    let (ledger, tenant) = (&world.ledger, &world.tenant);
    let assurance = world.fresh();
    let alice = resident(ALICE, &assurance);
    let good = world.family(DelegationScope::See);
    for wrong in [
        NewDelegation { delegate: ALICE, ..good.clone() },
        NewDelegation { until: world.clock.micros(), ..good.clone() },
        NewDelegation { until: world.clock.micros() + 368 * DAY, ..good.clone() },
        NewDelegation { delegate_name: String::new(), ..good.clone() },
        NewDelegation { delegate_name: "x".repeat(61), ..good.clone() },
        NewDelegation { principal_name: "123456789018".to_owned(), ..good.clone() },
    ] {
        let refused = ledger.delegate(tenant, &alice, &wrong).await.unwrap_err();
        assert_eq!(refused.code, ProblemCode::BadRequestData, "{wrong:?}");
    }
    let stale = Assurance { auth_time: assurance.auth_time - 301_000_000, ..assurance.clone() };
    let refused = ledger.delegate(tenant, &resident(ALICE, &stale), &good).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::StepUpRequired);
    let minor = World::guardian("2020-01-01");
    let blank = Authority { reference: " ".to_owned(), ..minor.authority.clone() };
    for wrong in [
        NewGuardian { delegate: ALICE, ..minor.clone() },
        NewGuardian { of_age: comes_of_age("2000-01-01").unwrap(), ..minor.clone() },
        NewGuardian { until: Some(world.clock.micros()), ..minor.clone() },
        NewGuardian { authority: blank, ..minor.clone() },
    ] {
        let refused = ledger.record_guardian(tenant, &DESK, wrong).await.unwrap_err();
        assert_eq!(refused.code, ProblemCode::BadRequestData);
    }
    assert!(world.accesses().await.is_empty());
}

#[tokio::test]
async fn t63_a_guardian_stops_the_day_the_minor_comes_of_age_with_no_task_run() {
    for (born, last_moment, consent_days) in [
        ("2009-06-15", "2027-06-14T23:59:59.999999+09:00", 365),
        // Born on a leap day: of age with the end of 28 February.
        ("2008-02-29", "2026-02-28T23:59:59.999999+09:00", 365),
    ] {
        let world = world();
        world.set("2026-02-01T12:00:00+09:00");
        let (ledger, tenant) = (&world.ledger, &world.tenant);
        let new = World::guardian(born);
        let guardian = ledger.record_guardian(tenant, &DESK, new).await.unwrap();
        if born.starts_with("2009") {
            world.set("2027-06-01T12:00:00+09:00");
        }
        let assurance = world.fresh();
        let by = acting(&guardian, &assurance);
        let given = ledger.give(tenant, &by, &world.new_consent()).await.unwrap().consent;
        assert_eq!(given.given_under.as_ref().unwrap().delegation, guardian.id);
        // The minor does not end the law; the guardian gives nothing in another's name.
        let child = resident(ALICE, &assurance);
        let refused = ledger.end_delegation(tenant, &child, &guardian.id).await.unwrap_err();
        assert_eq!(refused.code, ProblemCode::Forbidden);

        world.set(last_moment);
        assert!(world.may_act(&guardian.id).await, "{born}");
        assert!(!given.asks_to_confirm(world.clock.micros()));
        world.clock.advance(TimeDelta::microseconds(1));
        assert!(!world.may_act(&guardian.id).await, "{born}");
        let fresh = world.fresh();
        let late = acting(&guardian, &fresh);
        let refused = ledger.withdraw(tenant, &late, &given.id).await.unwrap_err();
        assert_eq!(refused.code, ProblemCode::Forbidden);

        // The consent is asked about, and in force until the adult says otherwise.
        let now = world.clock.micros();
        assert!(given.asks_to_confirm(now) && world.live(&given.id).await, "{consent_days}");
        let adult = resident(ALICE, &fresh);
        let confirmed = ledger.confirm(tenant, &adult, &given.id).await.unwrap();
        assert!(confirmed.happened && !confirmed.consent.asks_to_confirm(now));
        assert!(!ledger.confirm(tenant, &adult, &given.id).await.unwrap().happened);
        let events = ledger.events(tenant, &given.id).await.unwrap();
        let last = events.last().unwrap();
        assert_eq!(
            (last.reason, last.state, last.by.as_str()),
            (Reason::Confirmed, State::Given, "resident")
        );
    }
}

#[tokio::test]
async fn t63_a_guardian_stops_the_day_their_authority_is_over_or_taken_away() {
    let world = world();
    let (ledger, tenant) = (&world.ledger, &world.tenant);
    let until = Some(world.clock.micros() + 10 * DAY);
    let new = NewGuardian { until, ..World::guardian("2020-01-01") };
    let guardian = ledger.record_guardian(tenant, &DESK, new.clone()).await.unwrap();
    world.clock.advance(TimeDelta::microseconds(10 * DAY));
    assert!(!world.may_act(&guardian.id).await);
    let again = NewGuardian { until: None, ..new };
    let guardian = ledger.record_guardian(tenant, &DESK, again).await.unwrap();
    assert!(world.may_act(&guardian.id).await);
    ledger.end_at_counter(tenant, &DESK, &guardian.id).await.unwrap();
    assert!(!world.may_act(&guardian.id).await);
}

#[tokio::test]
async fn of_many_delegations_all_are_listed_and_all_end_with_the_account() {
    let world = world();
    let first = world.lets_bob(DelegationScope::See).await;
    for _ in 0..120 {
        let new = World::guardian("2020-01-01");
        world.ledger.record_guardian(&world.tenant, &DESK, new).await.unwrap();
    }
    assert_eq!(world.ledger.delegations_of(&world.tenant, ALICE).await.unwrap().len(), 121);
    assert_eq!(world.ledger.delegations_to(&world.tenant, BOB).await.unwrap().len(), 121);
    let assurance = world.fresh();
    let by = resident(ALICE, &assurance);
    world.ledger.withdraw_all(&world.tenant, &by).await.unwrap();
    assert!(!world.may_act(&first.id).await);
}

fn assisted() -> Assisted {
    Assisted {
        clerk: "窓口3".to_owned(),
        client: DESK.actor.to_owned(),
        identity: IdentityEvidence::DrivingLicence,
        notice_read: None,
    }
}

#[tokio::test]
async fn t62_a_clerk_gives_no_consent_without_the_record_of_assisted_mode() {
    let world = world();
    let (ledger, tenant) = (&world.ledger, &world.tenant);
    let new = world.new_consent();
    let other = Assisted { notice_read: Some("0".repeat(64)), ..assisted() };
    // SHA-256 of "abc" (FIPS 180-2), which the notice is.
    let read = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let nobody =
        Assisted { clerk: " ".to_owned(), notice_read: Some(read.to_owned()), ..assisted() };
    for (n, record) in
        [None, Some(&assisted()), Some(&other), Some(&nobody)].into_iter().enumerate()
    {
        let refused = ledger.give_assisted(tenant, &DESK, ALICE, record, &new).await.unwrap_err();
        assert_eq!(refused.code, ProblemCode::Forbidden, "case {n}");
        let accesses = world.accesses().await;
        assert_eq!(accesses.len(), n + 1, "one entry each");
        let last = accesses.last().unwrap();
        assert_eq!((last.decision, last.reason.as_str()), (Decision::Denied, "not-assisted"));
        assert_eq!((last.actor.as_str(), last.subjects.as_slice()), ("client:desk", &[ALICE][..]));
    }
    assert_eq!(ledger.of_subject(tenant, ALICE, ALL).await.unwrap().total, 0);

    // With it, who it was, how and what was read is in the event for good.
    let record = Assisted { notice_read: Some(read.to_owned()), ..assisted() };
    let given = ledger.give_assisted(tenant, &DESK, ALICE, Some(&record), &new).await.unwrap();
    let events = ledger.events(tenant, &given.consent.id).await.unwrap();
    assert_eq!(events[0].acted_by, Some(ActedBy::Counter { assisted: record.clone() }));
    assert_eq!((events[0].by.as_str(), events[0].assurance.idp.as_str()), ("counter", "counter"));
    assert_eq!(world.accesses().await.last().unwrap().actor, "client:desk");
    let id = &given.consent.id;
    let refused = ledger.withdraw_assisted(tenant, &DESK, ALICE, None, id).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::Forbidden);
    assert!(world.live(id).await);
    ledger.withdraw_assisted(tenant, &DESK, ALICE, Some(&assisted()), id).await.unwrap();
    assert!(!world.live(id).await);
}

#[tokio::test]
async fn who_leaves_takes_no_delegation_along() {
    let world = world();
    let (ledger, tenant) = (&world.ledger, &world.tenant);
    let delegation = world.lets_bob(DelegationScope::Both).await;
    let assurance = world.fresh();
    ledger.withdraw_all(tenant, &resident(BOB, &assurance)).await.unwrap();
    assert!(!world.may_act(&delegation.id).await);
    let listed = ledger.delegations_of(tenant, ALICE).await.unwrap();
    assert_eq!(listed[0].ended.as_ref().unwrap().by, "account-closed");
}
