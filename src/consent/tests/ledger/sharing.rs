//! Share codes: made, redeemed once, taken back, and everything they refuse.

use std::sync::Arc;

use chrono::TimeDelta;
use tsunagu_consent::{
    Basis, Confirmed, FAILURES_IN_AN_HOUR, NewShare, NotRedeemed, Redeemer, ShareState, Shared,
    State, WRONG_TRIES,
};
use tsunagu_domain::{Assurance, ClientId, Clock, Level, ProblemCode, Text};
use tsunagu_policy::GrantedType;
use tsunagu_store::access::{Access, Action, Decision};

use super::world::{ALICE, ALL, BOB, World, iri, resident, world};

fn new_share() -> NewShare {
    NewShare {
        purpose: "visit".to_owned(),
        data_classes: vec!["contact".to_owned()],
        minutes: 60,
        redeem_minutes: 10,
        uses: 1,
    }
}

struct Doctor {
    id: ClientId,
    name: Text,
    purposes: Vec<String>,
    classes: Vec<String>,
}

fn doctor(id: &str) -> Doctor {
    Doctor {
        id: id.parse().unwrap(),
        name: Text { ja: "医院".to_owned(), en: "Clinic".to_owned() },
        purposes: vec!["visit".to_owned()],
        classes: vec!["contact".to_owned(), "walks".to_owned()],
    }
}

impl Doctor {
    fn bound(&self) -> Redeemer<'_> {
        Redeemer {
            client: &self.id,
            name: &self.name,
            purposes: &self.purposes,
            data_classes: &self.classes,
            bound: true,
            request: "r-2",
        }
    }
}

impl World {
    async fn share(&self, new: &NewShare) -> Shared {
        let assurance = self.fresh();
        let notice = self.ledger.share_notice(new, "ja").unwrap();
        let confirmed =
            Confirmed { lang: "ja", sha256: &notice.sha256, shown_at: self.clock.micros() };
        let by = resident(ALICE, &assurance);
        self.ledger.share(&self.tenant, &by, new, confirmed).await.unwrap()
    }

    async fn denied(&self) -> Vec<Access> {
        let mut all = self.accesses().await;
        all.retain(|access| access.decision == Decision::Denied);
        all
    }
}

/// The same code with another secret, of which the check character is right.
fn guess(code: &str, nth: usize) -> String {
    let alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ".as_bytes();
    let mut digits: Vec<u8> = code.bytes().filter(|c| *c != b'-').collect();
    let at = |c: u8| alphabet.iter().position(|a| *a == c).unwrap();
    let changed = 20 + nth;
    digits[changed] = alphabet[(at(digits[changed]) + 1) % 32];
    // Luhn mod 32, from the right.
    digits.pop();
    let sum: usize = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, c)| at(*c) * if i % 2 == 0 { 2 } else { 1 })
        .map(|addend| addend / 32 + addend % 32)
        .sum();
    digits.push(alphabet[(32 - sum % 32) % 32]);
    String::from_utf8(digits).unwrap()
}

#[tokio::test]
async fn a_redeemed_code_is_a_consent_of_its_own_kind_for_exactly_what_was_shared() {
    let world = world();
    let shared = world.share(&new_share()).await;
    let clinic = doctor("clinic");
    let (consent, _) =
        world.ledger.redeem(&world.tenant, &clinic.bound(), &shared.code).await.unwrap();
    let now = world.clock.micros();
    let grant = world.ledger.live_grant(&world.tenant, &consent.id, now).await.unwrap().unwrap();
    let name = GrantedType { entity_type: iri("Person"), attributes: vec![iri("name")] };
    assert_eq!((&grant.read, grant.write.is_empty()), (&vec![name], true));
    assert_eq!((grant.subject, grant.purpose.as_str()), (ALICE, "visit"));
    assert_eq!(grant.valid_until, now + 60 * 60_000_000);
    assert!(matches!(&consent.basis, Some(Basis::ShareCode { id, .. }) if *id == shared.share.id));
    // In the resident's list with who redeemed it, on record as the client's doing, and never a standing consent that others build on.
    let listed = world.ledger.of_subject(&world.tenant, ALICE, ALL).await.unwrap();
    assert_eq!(listed.consents.first(), Some(&consent));
    let codes = world.ledger.shares(&world.tenant, ALICE, 10).await.unwrap();
    assert_eq!(codes[0].redeemed[0].client, clinic.id);
    assert_eq!(codes[0].state(now), ShareState::Used);
    let accesses = world.accesses().await;
    let told: Vec<_> = accesses.iter().map(|a| (a.actor.as_str(), a.reason.as_str())).collect();
    let redeemed = ("client:clinic", "share-code-redeemed");
    assert_eq!(told, [("resident", "share-code-made"), redeemed]);
    assert!(accesses.iter().all(|a| a.subjects == [ALICE] && a.action == Action::Consent));
    // It ends by itself, to the microsecond.
    world.clock.advance(TimeDelta::microseconds(60 * 60_000_000 - 1));
    assert!(world.live(&consent.id).await);
    world.clock.advance(TimeDelta::microseconds(1));
    assert!(!world.live(&consent.id).await);
    world.ledger.run_due(&world.tenant).await.unwrap();
    let ended = world.ledger.get(&world.tenant, &consent.id).await.unwrap().unwrap();
    assert_eq!(ended.state, State::Expired);
    assert!(world.ledger.deletion(&world.tenant, &consent.id).await.unwrap().is_some());
}

#[tokio::test]
async fn making_a_code_needs_a_fresh_login_the_notice_and_what_the_catalogue_opens() {
    let world = world();
    let fresh = world.fresh();
    let good = new_share();
    let notice = world.ledger.share_notice(&good, "ja").unwrap();
    assert!(notice.text.contains("連絡先: 氏名") && notice.text.contains("1時間"));
    let shown_at = world.clock.micros();
    let confirmed = Confirmed { lang: "ja", sha256: &notice.sha256, shown_at };
    let code = |problem: tsunagu_domain::Problem| problem.code;
    for new in [
        // A purpose of apps, one that there is not, a class outside of it, none, one twice.
        NewShare { purpose: "coach".to_owned(), ..good.clone() },
        NewShare { purpose: "spying".to_owned(), ..good.clone() },
        NewShare { data_classes: vec!["other".to_owned()], ..good.clone() },
        NewShare { data_classes: vec![], ..good.clone() },
        NewShare { data_classes: vec!["contact".to_owned(); 2], ..good.clone() },
        NewShare { minutes: 4, ..good.clone() },
        NewShare { minutes: 10 * 1440 + 1, ..good.clone() },
        NewShare { redeem_minutes: 0, ..good.clone() },
        NewShare { redeem_minutes: 61, ..good.clone() },
        NewShare { minutes: 2 * 1440, redeem_minutes: 1441, ..good.clone() },
        NewShare { uses: 0, ..good.clone() },
        NewShare { uses: 21, ..good.clone() },
        // What was confirmed is another sharing.
        NewShare { uses: 2, ..good.clone() },
    ] {
        let by = resident(ALICE, &fresh);
        let refused = world.ledger.share(&world.tenant, &by, &new, confirmed).await.unwrap_err();
        assert_eq!(code(refused), ProblemCode::BadRequestData, "{new:?}");
    }
    let weak = Assurance { aal: Level::Low, ..fresh.clone() };
    let by = resident(ALICE, &weak);
    let refused = world.ledger.share(&world.tenant, &by, &good, confirmed).await.unwrap_err();
    assert_eq!(code(refused), ProblemCode::StepUpRequired);
    world.clock.advance(TimeDelta::seconds(301));
    let by = resident(ALICE, &fresh);
    let refused = world.ledger.share(&world.tenant, &by, &good, confirmed).await.unwrap_err();
    assert_eq!(code(refused), ProblemCode::StepUpRequired);
    assert!(world.accesses().await.is_empty());
    assert!(world.ledger.shares(&world.tenant, ALICE, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn no_more_codes_are_good_at_once_than_one_can_look_after() {
    let world = world();
    for _ in 0..20 {
        world.share(&new_share()).await;
    }
    let assurance = world.fresh();
    let notice = world.ledger.share_notice(&new_share(), "en").unwrap();
    let by = resident(ALICE, &assurance);
    let confirmed =
        Confirmed { lang: "en", sha256: &notice.sha256, shown_at: world.clock.micros() };
    let refused = world.ledger.share(&world.tenant, &by, &new_share(), confirmed).await;
    assert_eq!(refused.unwrap_err().code, ProblemCode::TooManyRequests);
    // However many were made and taken back since.
    let assurance = world.fresh();
    let by = resident(ALICE, &assurance);
    let first = world.ledger.shares(&world.tenant, ALICE, 1).await.unwrap().remove(0);
    world.ledger.cancel_share(&world.tenant, &by, &first.id).await.unwrap();
    for _ in 0..130 {
        let shared = world.share(&new_share()).await;
        world.ledger.cancel_share(&world.tenant, &by, &shared.share.id).await.unwrap();
    }
    world.share(&new_share()).await;
    let refused = world.ledger.share(&world.tenant, &by, &new_share(), confirmed).await;
    assert_eq!(refused.unwrap_err().code, ProblemCode::TooManyRequests);
    world.clock.advance(TimeDelta::minutes(10));
    world.share(&new_share()).await;
}

#[tokio::test]
async fn used_expired_and_foreign_codes_are_refused_and_each_is_one_entry() {
    let world = world();
    let (clinic, other) = (doctor("clinic"), doctor("other"));
    let used = world.share(&new_share()).await;
    world.ledger.redeem(&world.tenant, &clinic.bound(), &used.code).await.unwrap();
    // By the same, by another, and in another town.
    let elsewhere = "elsewhere".parse().unwrap();
    for (tenant, who) in [(&world.tenant, &clinic), (&world.tenant, &other), (&elsewhere, &clinic)]
    {
        let refused = world.ledger.redeem(tenant, &who.bound(), &used.code).await;
        assert_eq!(refused.unwrap_err(), NotRedeemed::Unknown);
    }
    let denied = world.denied().await;
    let told: Vec<_> = denied.iter().map(|a| (a.actor.as_str(), a.reason.as_str())).collect();
    assert_eq!(told, [("client:clinic", "share-code-used"), ("client:other", "share-code-used")]);
    assert!(denied.iter().all(|access| access.subjects == [ALICE] && access.count == 0));

    let late = world.share(&new_share()).await;
    world.clock.advance(TimeDelta::minutes(10));
    let refused = world.ledger.redeem(&world.tenant, &clinic.bound(), &late.code).await;
    assert_eq!(refused.unwrap_err(), NotRedeemed::Unknown);
    assert_eq!(world.denied().await.last().unwrap().reason, "share-code-expired");
}

#[tokio::test]
async fn a_code_of_several_uses_is_good_for_so_many() {
    let world = world();
    let shared = world.share(&NewShare { uses: 2, ..new_share() }).await;
    for (n, who) in ["one", "two", "three"].into_iter().enumerate() {
        let done = world.ledger.redeem(&world.tenant, &doctor(who).bound(), &shared.code).await;
        assert_eq!(done.is_ok(), n < 2, "{who}");
    }
}

#[tokio::test]
async fn guessing_kills_the_code_and_then_the_tries() {
    let world = world();
    let clinic = doctor("clinic");
    let shared = world.share(&new_share()).await;
    for nth in 0..WRONG_TRIES as usize {
        let wrong = guess(&shared.code, nth);
        let refused = world.ledger.redeem(&world.tenant, &clinic.bound(), &wrong).await;
        assert_eq!(refused.unwrap_err(), NotRedeemed::Unknown);
    }
    // Now the right one is as wrong as any, for everybody.
    for who in [&clinic, &doctor("other")] {
        let refused = world.ledger.redeem(&world.tenant, &who.bound(), &shared.code).await;
        assert_eq!(refused.unwrap_err(), NotRedeemed::Unknown);
    }
    let reasons: Vec<String> = world.denied().await.into_iter().map(|a| a.reason).collect();
    let wrong = "share-code-wrong";
    assert_eq!(reasons, [wrong, wrong, wrong, "share-code-locked", "share-code-locked"]);

    // What names no code at all counts for the client too; a slip of the pen as well, which no code suffers from.
    let another = world.share(&new_share()).await;
    let mut tries = 4;
    while tries < FAILURES_IN_AN_HOUR {
        let refused = world.ledger.redeem(&world.tenant, &clinic.bound(), "nonsense").await;
        assert_eq!(refused.unwrap_err(), NotRedeemed::Unknown);
        tries += 1;
    }
    for code in ["nonsense", another.code.as_str()] {
        let refused = world.ledger.redeem(&world.tenant, &clinic.bound(), code).await;
        assert_eq!(refused.unwrap_err(), NotRedeemed::TooMany);
    }
    // Others are not held up by it, and the next hour is another.
    world.ledger.redeem(&world.tenant, &doctor("other").bound(), &another.code).await.unwrap();
    world.clock.advance(TimeDelta::hours(1));
    world.ledger.run_due(&world.tenant).await.unwrap();
    let fresh = world.share(&new_share()).await;
    world.ledger.redeem(&world.tenant, &clinic.bound(), &fresh.code).await.unwrap();
}

#[tokio::test]
async fn a_client_gets_nothing_that_it_is_not_registered_for() {
    let world = world();
    let sensitive = NewShare { data_classes: vec!["walks".to_owned()], ..new_share() };
    let shared = world.share(&sensitive).await;
    let good = doctor("clinic");
    let narrow = Doctor { classes: vec!["contact".to_owned()], ..doctor("narrow") };
    let strange = Doctor { purposes: vec!["coach".to_owned()], ..doctor("strange") };
    let unbound = Redeemer { bound: false, ..good.bound() };
    for (who, refusal, reason) in [
        (narrow.bound(), NotRedeemed::NotRegistered, "share-code-not-registered"),
        (strange.bound(), NotRedeemed::NotRegistered, "share-code-not-registered"),
        (unbound, NotRedeemed::Unbound, "share-code-unbound"),
    ] {
        let refused = world.ledger.redeem(&world.tenant, &who, &shared.code).await;
        assert_eq!(refused.unwrap_err(), refusal);
        assert_eq!(world.denied().await.last().unwrap().reason, reason);
    }
    // None of that used the code up.
    world.ledger.redeem(&world.tenant, &good.bound(), &shared.code).await.unwrap();
}

#[tokio::test]
async fn who_takes_a_code_back_ends_everything_that_came_from_it() {
    let world = world();
    let clinic = doctor("clinic");
    let shared = world.share(&NewShare { uses: 3, ..new_share() }).await;
    let (first, _) =
        world.ledger.redeem(&world.tenant, &clinic.bound(), &shared.code).await.unwrap();
    let (second, _) =
        world.ledger.redeem(&world.tenant, &clinic.bound(), &shared.code).await.unwrap();
    let assurance = world.fresh();
    let stranger = resident(BOB, &assurance);
    let id = shared.share.id.as_str();
    let refused = world.ledger.cancel_share(&world.tenant, &stranger, id).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::ResourceNotFound);
    // Taking back needs no fresh login.
    world.clock.advance(TimeDelta::minutes(6));
    let by = resident(ALICE, &assurance);
    let ended = world.ledger.cancel_share(&world.tenant, &by, id).await.unwrap();
    assert_eq!(ended.state(world.clock.micros()), ShareState::Cancelled);
    for consent in [&first, &second] {
        assert!(!world.live(&consent.id).await);
        let order = world.ledger.deletion(&world.tenant, &consent.id).await.unwrap();
        assert!(order.is_some(), "what was read is to be deleted");
    }
    let refused = world.ledger.redeem(&world.tenant, &clinic.bound(), &shared.code).await;
    assert_eq!(refused.unwrap_err(), NotRedeemed::Unknown);
    let before = world.accesses().await.len();
    world.ledger.cancel_share(&world.tenant, &by, id).await.unwrap();
    assert_eq!(world.accesses().await.len(), before, "again is nothing");
}

#[tokio::test]
async fn the_codes_of_somebody_who_leaves_are_dead() {
    let world = world();
    let clinic = doctor("clinic");
    let (used, unused) = (world.share(&new_share()).await, world.share(&new_share()).await);
    let (consent, _) =
        world.ledger.redeem(&world.tenant, &clinic.bound(), &used.code).await.unwrap();
    let assurance = world.fresh();
    world.ledger.withdraw_all(&world.tenant, &resident(ALICE, &assurance)).await.unwrap();
    assert!(!world.live(&consent.id).await);
    let refused = world.ledger.redeem(&world.tenant, &clinic.bound(), &unused.code).await;
    assert_eq!(refused.unwrap_err(), NotRedeemed::Unknown);
    assert_eq!(world.denied().await.last().unwrap().reason, "share-code-cancelled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_redeem_at_once_exactly_one_wins() {
    let world = Arc::new(world());
    for round in 0..20 {
        let shared = Arc::new(world.share(&new_share()).await);
        let racers = (0..6).map(|nth| {
            let (world, shared) = (Arc::clone(&world), Arc::clone(&shared));
            tokio::spawn(async move {
                let who = doctor(&format!("racer-{round}-{nth}"));
                world.ledger.redeem(&world.tenant, &who.bound(), &shared.code).await.is_ok()
            })
        });
        let mut won = 0;
        for racer in racers.collect::<Vec<_>>() {
            won += usize::from(racer.await.unwrap());
        }
        assert_eq!(won, 1, "round {round}");
        world.clock.advance(TimeDelta::minutes(1));
    }
    let redeemed = world.accesses().await;
    let redeemed = redeemed.iter().filter(|access| access.reason == "share-code-redeemed");
    assert_eq!(redeemed.count(), 20);
}
