//! One person, one Tsuno ID; what a person at the counter decides; moving, and proving again.

use serde_json::{Value, json};
use tsunagu_domain::{ProblemCode, TsunoId};
use tsunagu_identity::{Decided, Doubt, LoginOutcome, ReviewReason, Staff, Suspension};
use tsunagu_store::access::{Action, Decision};

use super::linking::{log_in, publish, record, reviews};
use super::login::{Town, hanako, with};
use super::simulators::Sandbox;

const STAFF: Staff<'static> = Staff { actor: "client:town-hall", request: "request-1" };

async fn suspensions(town: &Town, id: TsunoId) -> Vec<Suspension> {
    town.world.residents.suspensions(&town.world.tenant, id).await.unwrap()
}

async fn counter(town: &Town, sub: &str, person: Value) -> String {
    let outcome = town.log_in(sub, person).await;
    let LoginOutcome::Counter { reference } = outcome else { unreachable!("{outcome:?}") };
    reference
}

async fn decide(town: &Town, reference: &str, decided: Decided) {
    let residents = &town.world.residents;
    residents.decide_identity(&town.world.tenant, STAFF, reference, decided).await.unwrap();
}

#[tokio::test]
async fn t32_another_provider_leads_the_same_person_to_the_same_tsuno_id() {
    let sandbox = Sandbox::new().await;
    let first = sandbox.resident("xid", "hanako").await;
    let second = sandbox.resident("daa", "hanako").await;
    assert_eq!(second.tsuno_id, first.tsuno_id);
    assert_eq!(second.assurance.idp, "daa");
    let accesses = sandbox.world.accesses().await;
    let told: Vec<_> = accesses.iter().map(|a| (a.action, a.reason.as_str())).collect();
    assert_eq!(told, [(Action::Identify, "tsuno-id-issued"), (Action::Link, "identity-linked")]);
    assert_eq!(accesses[1].subjects, [first.tsuno_id]);
    // From then on it is a login like any other.
    assert_eq!(sandbox.resident("daa", "hanako").await.tsuno_id, first.tsuno_id);
    assert_eq!(sandbox.world.accesses().await[2].reason, "login");
}

#[tokio::test]
async fn t32_two_providers_at_the_same_moment_make_one_resident() {
    let sandbox = Sandbox::new().await;
    for persona in ["hanako", "taro", "sakura", "yoshida", "nguyen", "shien"] {
        let both = tokio::join!(sandbox.resident("xid", persona), sandbox.resident("daa", persona));
        assert_eq!(both.0.tsuno_id, both.1.tsuno_id, "{persona}");
    }
}

#[tokio::test]
async fn t32_a_reissued_card_leads_to_the_same_tsuno_id() {
    let town = Town::new().await;
    let id = log_in(&town, "sub-hanako", hanako()).await.tsuno_id;
    assert_eq!(log_in(&town, "sub-of-the-new-card", hanako()).await.tsuno_id, id);
    // Written otherwise, it is the same name and address.
    let other = with(hanako(), &[("address", "大字川北４８７４番地の２")]);
    assert_eq!(log_in(&town, "sub-of-another", other).await.tsuno_id, id);
}

#[tokio::test]
async fn t32_after_a_change_of_name_a_person_at_the_counter_decides() {
    let town = Town::new().await;
    let id = log_in(&town, "sub-hanako", hanako()).await.tsuno_id;
    let married = with(hanako(), &[("last_name", "日向")]);
    let reference = counter(&town, "sub-new", married.clone()).await;
    let last = town.world.accesses().await.pop().unwrap();
    assert_eq!((last.decision, last.reason.as_str()), (Decision::Denied, "person-needs-counter"));

    // Whoever comes again is told the same reference; there is one question.
    assert_eq!(counter(&town, "sub-new", married.clone()).await, reference);
    let tenant = &town.world.tenant;
    let residents = &town.world.residents;
    let waiting = residents.identity_reviews(tenant, None, 10).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!((waiting[0].doubt, waiting[0].candidates.as_slice()), (Doubt::Person, &[id][..]));
    assert!(residents.identity_reviews(tenant, Some(&reference), 10).await.unwrap().is_empty());

    let before = town.world.accesses().await.len();
    let stranger = Decided::SameAs(TsunoId::from_bytes([9; 16]));
    let wrong = residents.decide_identity(tenant, STAFF, &reference, stranger).await;
    assert_eq!(wrong.unwrap_err().code, ProblemCode::BadRequestData);
    let nobody = residents.decide_identity(tenant, STAFF, "0123456789ab", Decided::New).await;
    assert_eq!(nobody.unwrap_err().code, ProblemCode::ResourceNotFound);
    decide(&town, &reference, Decided::SameAs(id)).await;
    let accesses = town.world.accesses().await;
    assert_eq!(accesses.len(), before + 1);
    let decision = accesses.last().unwrap();
    assert_eq!(
        (decision.actor.as_str(), decision.reason.as_str()),
        ("client:town-hall", "counter-same-person")
    );
    assert_eq!(decision.subjects, [id]);

    assert_eq!(log_in(&town, "sub-new", married.clone()).await.tsuno_id, id);
    assert!(residents.identity_reviews(tenant, None, 10).await.unwrap().is_empty());
    // The name of the resident is the new one, and both cards lead there.
    let name = tsunagu_ngsi_ld::Context::core().expand("familyName").into_owned();
    let person = town.world.entity(&id.urn()).await.unwrap();
    assert_eq!(person.attribute(&name).unwrap().instances[0].value.get(), "\"日向\"");
    assert_eq!(log_in(&town, "sub-hanako", married).await.tsuno_id, id);
}

#[tokio::test]
async fn t32_two_people_who_agree_on_one_thing_are_two_when_the_counter_says_so() {
    let town = Town::new().await;
    let id = log_in(&town, "sub-hanako", hanako()).await.tsuno_id;
    let twin = with(hanako(), &[("first_name", "菊子")]);
    let reference = counter(&town, "sub-twin", twin.clone()).await;
    decide(&town, &reference, Decided::Refused).await;
    assert_eq!(counter(&town, "sub-twin", twin.clone()).await, reference);
    decide(&town, &reference, Decided::New).await;
    // What was decided holds for what was seen, not for whatever the provider says next.
    let other = with(hanako(), &[("first_name", "梅子")]);
    counter(&town, "sub-twin", other).await;
    let reference = counter(&town, "sub-twin", twin.clone()).await;
    decide(&town, &reference, Decided::New).await;
    let second = log_in(&town, "sub-twin", twin).await.tsuno_id;
    assert_ne!(second, id);
    assert_eq!(log_in(&town, "sub-hanako", hanako()).await.tsuno_id, id);
}

#[tokio::test]
async fn without_a_proof_of_level_two_no_id_is_issued_led_to_or_changed() {
    let town = Town::new().await;
    town.provider.acr(None);
    assert_eq!(town.log_in("sub-hanako", hanako()).await, LoginOutcome::TooWeak);
    assert!(town.world.accesses().await.is_empty());
    town.provider.acr(Some("urn:x-id:aal2"));
    let id = log_in(&town, "sub-hanako", hanako()).await.tsuno_id;
    town.provider.acr(None);
    // Another identity of the same person is led nowhere: recovery takes what enrolment took.
    assert_eq!(town.log_in("sub-other", hanako()).await, LoginOutcome::TooWeak);
    let renamed = with(hanako(), &[("first_name", "花")]);
    assert_eq!(log_in(&town, "sub-hanako", renamed).await.tsuno_id, id);
    let name = tsunagu_ngsi_ld::Context::core().expand("givenName").into_owned();
    let person = town.world.entity(&id.urn()).await.unwrap();
    assert_eq!(person.attribute(&name).unwrap().instances[0].value.get(), "\"花子\"");
}

#[tokio::test]
async fn t31_an_address_in_no_known_form_is_for_the_counter_and_stays_decided() {
    let town = Town::new().await;
    let odd = with(hanako(), &[("prefecture", ""), ("city", "Tsuno-cho")]);
    let reference = counter(&town, "sub-hanako", odd.clone()).await;
    decide(&town, &reference, Decided::New).await;
    let resident = log_in(&town, "sub-hanako", odd.clone()).await;
    assert_eq!(resident.residency.method, "counter");
    let again = log_in(&town, "sub-hanako", odd).await;
    assert_eq!(again.tsuno_id, resident.tsuno_id);
    assert!(suspensions(&town, again.tsuno_id).await.is_empty());
    // Another unknown form was not decided about.
    let odder = with(hanako(), &[("prefecture", ""), ("city", "Tsuno")]);
    log_in(&town, "sub-hanako", odder).await;
    assert_eq!(suspensions(&town, again.tsuno_id).await, [Suspension::Elsewhere]);
}

#[tokio::test]
async fn t31_an_old_address_after_a_move_makes_nobody_a_resident() {
    let town = Town::new().await;
    publish(&town, &record(&town, "a", &[("status", json!("転出"))])).await;
    let resident = log_in(&town, "sub-hanako", hanako()).await;
    let id = resident.tsuno_id;
    assert_eq!(resident.linked_record, None);
    assert_eq!(suspensions(&town, id).await, [Suspension::MovedOut]);
    assert_eq!(reviews(&town).await, [(id, ReviewReason::Ended, 1)]);
    // Logging in again changes nothing: the card still shows the old address.
    log_in(&town, "sub-hanako", hanako()).await;
    assert_eq!(suspensions(&town, id).await, [Suspension::MovedOut]);

    let (tenant, residents) = (&town.world.tenant, &town.world.residents);
    let other = residents.decide_link(tenant, STAFF, id, "urn:ngsi-ld:ResidentRecord:b").await;
    assert_eq!(other.unwrap_err().code, ProblemCode::BadRequestData);
    residents.decide_link(tenant, STAFF, id, "urn:ngsi-ld:ResidentRecord:a").await.unwrap();
    let last = town.world.accesses().await.pop().unwrap();
    assert_eq!((last.action, last.reason.as_str()), (Action::Link, "counter-linked"));
    assert_eq!(suspensions(&town, id).await, [Suspension::MovedOut]);
    publish(&town, &record(&town, "a", &[("status", json!("転入"))])).await;
    assert!(suspensions(&town, id).await.is_empty());
}

#[tokio::test]
async fn moving_out_stops_what_is_for_residents_and_deletes_nothing() {
    let town = Town::new().await;
    publish(&town, &record(&town, "a", &[("status", json!("転入"))])).await;
    let id = log_in(&town, "sub-hanako", hanako()).await.tsuno_id;
    assert!(suspensions(&town, id).await.is_empty());
    publish(&town, &record(&town, "a", &[("status", json!("転出"))])).await;
    assert_eq!(suspensions(&town, id).await, [Suspension::MovedOut]);
    assert!(town.world.entity(&id.urn()).await.is_some());
    // They still get in, to see, take and end what is theirs.
    let resident = log_in(&town, "sub-hanako", hanako()).await;
    assert_eq!(resident.linked_record.as_deref(), Some("urn:ngsi-ld:ResidentRecord:a"));
    assert_eq!(suspensions(&town, id).await, [Suspension::MovedOut]);

    let away = with(hanako(), &[("city", "日向市"), ("address", "大字富高1")]);
    log_in(&town, "sub-hanako", away).await;
    assert_eq!(suspensions(&town, id).await, [Suspension::MovedOut, Suspension::Elsewhere]);
    log_in(&town, "sub-hanako", hanako()).await;
    publish(&town, &record(&town, "a", &[("status", json!("転入"))])).await;
    assert!(suspensions(&town, id).await.is_empty());
}

#[tokio::test]
async fn residency_is_proved_again_after_a_year() {
    let town = Town::new().await;
    let proof = |at: &str| with(hanako(), &[("verified_at", at)]);
    let id = log_in(&town, "sub-hanako", proof("not a time")).await.tsuno_id;
    let (tenant, residents) = (&town.world.tenant, &town.world.residents);
    town.world.pass(364 * 86_400);
    assert_eq!(residents.lapse(tenant).await.unwrap(), 0);
    town.world.pass(86_400);
    assert_eq!(residents.lapse(tenant).await.unwrap(), 1);
    assert_eq!(residents.lapse(tenant).await.unwrap(), 0);
    assert_eq!(suspensions(&town, id).await, [Suspension::ProofDue]);
    // What the provider verified years ago is no proof of today; what it verified lately is.
    town.provider.at(town.world.now());
    log_in(&town, "sub-hanako", proof("2024-04-01T09:00:00+09:00")).await;
    assert_eq!(suspensions(&town, id).await, [Suspension::ProofDue]);
    log_in(&town, "sub-hanako", proof("2027-08-01T09:00:00+09:00")).await;
    assert!(suspensions(&town, id).await.is_empty());
}

#[tokio::test]
async fn closing_ends_everything_that_leads_to_the_id_and_the_id_itself() {
    let town = Town::new().await;
    publish(&town, &record(&town, "a", &[])).await;
    let resident = log_in(&town, "sub-hanako", hanako()).await;
    let id = resident.tsuno_id;
    log_in(&town, "sub-of-the-new-card", hanako()).await;
    let (tenant, world) = (&town.world.tenant, &town.world);
    let mut cookies = Vec::new();
    for _ in 0..2 {
        let LoginOutcome::SignedIn { session, .. } = town.log_in("sub-hanako", hanako()).await
        else {
            unreachable!()
        };
        cookies.push(session.cookie);
    }
    let other = with(hanako(), &[("first_name", "太郎"), ("gender", "1")]);
    let LoginOutcome::SignedIn { session: taro, .. } = town.log_in("sub-taro", other).await else {
        unreachable!()
    };
    let before = world.accesses().await.len();
    world.residents.close(tenant, id, "request-1", &world.sessions).await.unwrap();
    let accesses = world.accesses().await;
    assert_eq!(accesses.len(), before + 1);
    let last = accesses.last().unwrap();
    assert_eq!((last.actor.as_str(), last.reason.as_str()), ("resident", "closed"));
    assert_eq!(last.subjects, [id]);

    for cookie in &cookies {
        assert!(world.sessions.find(tenant, cookie).await.unwrap().is_none());
    }
    assert!(world.sessions.find(tenant, &taro.cookie).await.unwrap().is_some());
    let began = world.sessions.begin(tenant, id, taro.session.assurance).await;
    assert_eq!(began.unwrap_err().code, ProblemCode::Conflict);
    assert!(world.entity(&id.urn()).await.is_none());
    assert!(world.residents.get(tenant, id).await.unwrap().is_none());
    assert!(world.residents.is_closed(tenant, id).await.unwrap());
    let linked = world.entity("urn:ngsi-ld:ResidentRecord:a").await.unwrap();
    assert_eq!(linked.subject, None);
    world.residents.close(tenant, id, "request-2", &world.sessions).await.unwrap();
    assert_eq!(world.accesses().await.len(), before + 1);

    // Who comes back is somebody new, whichever card they use, and has the record again.
    let back = log_in(&town, "sub-of-the-new-card", hanako()).await;
    assert_ne!(back.tsuno_id, id);
    assert_eq!(back.linked_record, resident.linked_record);
    assert_eq!(log_in(&town, "sub-hanako", hanako()).await.tsuno_id, back.tsuno_id);
}
