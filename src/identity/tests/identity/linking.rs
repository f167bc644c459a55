//! Linking residents to municipal records.

use std::sync::Arc;

use serde_json::{Value, json};
use tsunagu_domain::{SectorKeys, TsunoId};
use tsunagu_identity::{Decided, LoginOutcome, MatchKeys, Moves, Resident, ReviewReason, Staff};
use tsunagu_ngsi_ld::{Context, Entity, EntityDoc, Instance};
use tsunagu_policy as policy;
use tsunagu_store::access::Action;
use tsunagu_store::{Change, Consequence as _, Expect, Op, Store as _, WriteSet};

use super::login::{Town, hanako, with};
use super::world::{digests, town};

fn iri(term: &str) -> String {
    Context::core().expand(term).into_owned()
}

/// The record of hanako as the municipal system writes it, with some attributes changed.
pub(crate) fn record(town: &Town, id: &str, changes: &[(&str, Value)]) -> Entity {
    let now = town.world.services.clock.micros();
    let mut entity =
        Entity::new(format!("urn:ngsi-ld:ResidentRecord:{id}"), iri("ResidentRecord"), now);
    let attributes = [
        ("name", json!("都農　花子")),
        ("nameKana", json!("ツノ ハナコ")),
        ("birthDate", json!("1985-03-15")),
        ("gender", json!("女")),
        ("address", json!("宮崎県児湯郡都農町大字川北４８７４番地の２")),
    ];
    for (term, value) in attributes.iter().chain(changes) {
        entity.set(iri(term), Instance::property(value, now).unwrap());
    }
    entity.set_publisher("juki");
    entity
}

/// Writes a record as the broker does: with what must follow, in one transaction.
pub(crate) async fn publish(town_: &Town, entity: &Entity) {
    let world = &town_.world;
    let found = world.store.entity(&world.view(), &entity.id).await.unwrap();
    let mut entity = entity.clone();
    // What others than the municipal system wrote stays.
    if let Some(before) = &found {
        let before = before.doc.decode().unwrap();
        if let Some(person) = before.attribute(&iri("person")) {
            entity.set(iri("person"), person.instances[0].clone());
            entity.subject = before.subject;
        }
    }
    let doc = EntityDoc::from(&entity);
    let mut ops = vec![Op::PutEntity { doc: doc.clone(), expect: Expect::Any }];
    let change = Change {
        tenant: &world.tenant,
        before: found.as_ref().map(|found| &found.doc),
        after: Some(&doc),
        client: Some("juki"),
        grant: None,
        assurance: None,
        at: world.services.clock.micros(),
    };
    MatchKeys::new(digests(), town()).follow(&change, &mut ops).await.unwrap();
    Moves.follow(&change, &mut ops).await.unwrap();
    world.store.commit(WriteSet { tenant: world.tenant.clone(), ops }).await.unwrap();
}

pub(crate) async fn log_in(town: &Town, sub: &str, person: Value) -> Resident {
    let LoginOutcome::SignedIn { session, .. } = town.log_in(sub, person).await else {
        unreachable!()
    };
    let id = session.session.tsuno_id;
    town.world.residents.get(&town.world.tenant, id).await.unwrap().unwrap()
}

pub(crate) async fn reviews(town: &Town) -> Vec<(TsunoId, ReviewReason, usize)> {
    let reviews = town.world.residents.reviews(&town.world.tenant, None, 10).await.unwrap();
    reviews.into_iter().map(|r| (r.tsuno_id, r.reason, r.candidates.len())).collect()
}

#[tokio::test]
async fn the_one_record_that_agrees_is_linked_on_both_sides_and_written_down() {
    let town = Town::new().await;
    publish(&town, &record(&town, "a", &[])).await;
    publish(&town, &record(&town, "b", &[("birthDate", json!("1985-03-16"))])).await;
    let resident = log_in(&town, "sub-hanako", hanako()).await;
    let linked = resident.linked_record.clone().unwrap();
    assert_eq!(linked, "urn:ngsi-ld:ResidentRecord:a");
    let entity = town.world.entity(&linked).await.unwrap();
    assert_eq!(entity.subject, Some(resident.tsuno_id.to_string()));
    let person = &entity.attribute(&iri("person")).unwrap().instances[0];
    assert_eq!(person.value.get(), format!("\"{}\"", resident.tsuno_id.urn()));
    let accesses = town.world.accesses().await;
    let link = accesses.iter().find(|access| access.action == Action::Link).unwrap();
    assert_eq!(link.subjects, [resident.tsuno_id]);
    assert!(reviews(&town).await.is_empty());
    assert_eq!(log_in(&town, "sub-hanako", hanako()).await.linked_record, Some(linked));
}

#[tokio::test]
async fn substitute_characters_and_spellings_do_not_stand_in_the_way() {
    let town = Town::new().await;
    let address = json!({"prefecture": "宮崎県", "city": "児湯郡都農町", "streetAddress": "大字川北13094番地"});
    let changes = [("name", json!("髙鍋　さくら")), ("gender", json!("2")), ("address", address)];
    publish(&town, &record(&town, "sakura", &changes)).await;
    let mut person = hanako();
    person["last_name"] = json!("高鍋");
    person["first_name"] = json!("さくら");
    person["address"] = json!("大字川北１３０９４");
    assert!(log_in(&town, "sub-sakura", person).await.linked_record.is_some());
}

#[tokio::test]
async fn one_agreeing_key_is_not_enough_and_a_person_decides() {
    let town = Town::new().await;
    publish(&town, &record(&town, "a", &[("address", json!("宮崎県児湯郡都農町大字川北1番地"))]))
        .await;
    let resident = log_in(&town, "sub-hanako", hanako()).await;
    assert_eq!(resident.linked_record, None);
    assert_eq!(reviews(&town).await, [(resident.tsuno_id, ReviewReason::Uncertain, 1)]);
}

#[tokio::test]
async fn two_records_that_agree_equally_well_are_for_a_person_to_decide() {
    let town = Town::new().await;
    publish(&town, &record(&town, "a", &[])).await;
    publish(&town, &record(&town, "b", &[])).await;
    let resident = log_in(&town, "sub-hanako", hanako()).await;
    assert_eq!(resident.linked_record, None);
    assert_eq!(reviews(&town).await, [(resident.tsuno_id, ReviewReason::Several, 2)]);
}

#[tokio::test]
async fn of_two_people_with_one_name_and_birth_date_the_address_tells() {
    let town = Town::new().await;
    publish(
        &town,
        &record(&town, "elsewhere", &[("address", json!("宮崎県児湯郡都農町大字川北17740番地5"))]),
    )
    .await;
    publish(&town, &record(&town, "here", &[])).await;
    let resident = log_in(&town, "sub-hanako", hanako()).await;
    assert_eq!(resident.linked_record.as_deref(), Some("urn:ngsi-ld:ResidentRecord:here"));
}

#[tokio::test]
async fn a_record_that_comes_later_or_is_corrected_is_linked_at_the_next_login() {
    let town = Town::new().await;
    let resident = log_in(&town, "sub-hanako", hanako()).await;
    assert_eq!(reviews(&town).await, [(resident.tsuno_id, ReviewReason::None, 0)]);
    publish(&town, &record(&town, "a", &[("birthDate", json!("1985-03-16"))])).await;
    assert_eq!(log_in(&town, "sub-hanako", hanako()).await.linked_record, None);
    publish(&town, &record(&town, "a", &[])).await;
    assert!(log_in(&town, "sub-hanako", hanako()).await.linked_record.is_some());
    assert!(reviews(&town).await.is_empty());
}

#[tokio::test]
async fn a_record_that_no_longer_agrees_is_not_found_by_its_old_keys() {
    let town = Town::new().await;
    publish(&town, &record(&town, "a", &[])).await;
    let changes =
        [("birthDate", json!("1990-01-01")), ("address", json!("宮崎県児湯郡都農町大字川北1番地"))];
    publish(&town, &record(&town, "a", &changes)).await;
    let resident = log_in(&town, "sub-hanako", hanako()).await;
    assert_eq!(resident.linked_record, None);
    assert_eq!(reviews(&town).await, [(resident.tsuno_id, ReviewReason::None, 0)]);
}

#[tokio::test]
async fn a_record_linked_to_somebody_else_is_never_linked_again() {
    let town = Town::new().await;
    publish(&town, &record(&town, "a", &[])).await;
    let first = log_in(&town, "sub-hanako", hanako()).await;
    assert!(first.linked_record.is_some());
    // Somebody else with the same name, birth date and sex, whose own record is not there.
    let other = with(hanako(), &[("address", "大字川北1番地")]);
    let LoginOutcome::Counter { reference } = town.log_in("sub-double", other.clone()).await else {
        unreachable!()
    };
    let staff = Staff { actor: "client:town-hall", request: "request-1" };
    let residents = &town.world.residents;
    let decided = residents.decide_identity(&town.world.tenant, staff, &reference, Decided::New);
    decided.await.unwrap();
    let second = log_in(&town, "sub-double", other).await;
    assert_ne!(second.tsuno_id, first.tsuno_id);
    assert_eq!(second.linked_record, None);
    assert_eq!(reviews(&town).await, [(second.tsuno_id, ReviewReason::None, 0)]);
}

#[tokio::test]
async fn a_record_of_somebody_who_died_or_left_is_for_a_person_to_decide() {
    for status in ["死亡", "転出", "職権消除"] {
        let town = Town::new().await;
        publish(&town, &record(&town, "a", &[("status", json!(status))])).await;
        let resident = log_in(&town, "sub-hanako", hanako()).await;
        assert_eq!(resident.linked_record, None);
        assert_eq!(reviews(&town).await, [(resident.tsuno_id, ReviewReason::Ended, 1)]);
    }
    let town = Town::new().await;
    publish(&town, &record(&town, "a", &[("status", json!("転入"))])).await;
    assert!(log_in(&town, "sub-hanako", hanako()).await.linked_record.is_some());
}

/// The review of the only resident who waits: its reason, and candidates with their scores.
async fn told(town: &Town) -> (ReviewReason, Vec<(String, u8)>) {
    let review =
        town.world.residents.reviews(&town.world.tenant, None, 10).await.unwrap().pop().unwrap();
    let name = |id: String| id.rsplit(':').next().unwrap().to_owned();
    let names = review.candidates.into_iter().map(name);
    (review.reason, names.zip(review.scores).collect())
}

#[tokio::test]
async fn what_agrees_less_well_is_shown_to_a_person_the_best_first_and_never_linked() {
    let town = Town::new().await;
    let elsewhere = ("address", json!("宮崎県児湯郡都農町大字川北1番地"));
    let named = |kana: &str| ("nameKana", json!(kana));
    // Born nobody knows when in that year: only name and address agree.
    publish(&town, &record(&town, "partial", &[("birthDate", json!("1985"))])).await;
    publish(&town, &record(&town, "moved", std::slice::from_ref(&elsewhere))).await;
    let other = [("name", json!("日向　月子")), elsewhere, named("ヒュウガ ツキコ")];
    publish(&town, &record(&town, "other", &other)).await;
    let resident = log_in(&town, "sub-hanako", hanako()).await;
    assert_eq!(resident.linked_record, None);
    let best = vec![("moved".to_owned(), 70), ("partial".to_owned(), 50)];
    assert_eq!(told(&town).await, (ReviewReason::Uncertain, best));
    // Decided by a person, it is linked as any other.
    let staff = Staff { actor: "client:town-hall", request: "request-1" };
    let (residents, record) = (&town.world.residents, "urn:ngsi-ld:ResidentRecord:partial");
    residents.decide_link(&town.world.tenant, staff, resident.tsuno_id, record).await.unwrap();
    let linked = log_in(&town, "sub-hanako", hanako()).await.linked_record;
    assert_eq!(linked.as_deref(), Some(record));
}

#[tokio::test]
async fn a_name_that_a_certificate_writes_as_a_reading_finds_the_record() {
    let town = Town::new().await;
    publish(&town, &record(&town, "a", &[])).await;
    let person = with(hanako(), &[("last_name", "ツノ"), ("first_name", "ハナコ")]);
    assert_eq!(log_in(&town, "sub-hanako", person).await.linked_record, None);
    // The address is one key, the reading a hint: a person looks.
    assert_eq!(told(&town).await, (ReviewReason::Uncertain, vec![("a".to_owned(), 85)]));
}

/// Two systems that both know of one resident have different keys to them, each its own and always the same: laid side by side, these join nothing.
#[tokio::test]
async fn each_system_has_link_keys_of_its_own() {
    let town = Town::new().await;
    let mut shared = record(&town, "a", &[]);
    let now = town.world.services.clock.micros();
    let mut note = Instance::property(&"課税", now).unwrap();
    note.publisher = Some("tax".to_owned());
    shared.set(iri("note"), note);
    publish(&town, &shared).await;
    let resident = log_in(&town, "sub-hanako", hanako()).await;
    let id = resident.linked_record.unwrap();
    let sectors = SectorKeys::new(&[7; 32]);
    let system = |name: &str, sector: Option<&str>, publishes: &[&str]| policy::Client {
        id: name.parse().unwrap(),
        sector: sector.map(|sector| Arc::new(sectors.sector(sector).unwrap())),
        publishes: publishes.iter().map(|term| iri(term)).collect(),
        reads_open_data: false,
        writes_open_data: false,
        manages_sources: false,
    };
    let key = async |client: &policy::Client, record: &str| {
        town.world.residents.link_key(&town.world.tenant, client, "request-1", record).await
    };
    let records: &[&str] = &["ResidentRecord"];
    let (juki, tax) = (
        system("juki", Some("juki.example"), records),
        system("tax", Some("tax.example"), records),
    );
    let (one, other) = (key(&juki, &id).await.unwrap(), key(&tax, &id).await.unwrap());
    assert_eq!(key(&juki, &id).await.unwrap(), one);
    assert!(one != other && one != resident.tsuno_id && other != resident.tsuno_id);
    let refused = [
        (system("health", Some("health.example"), records), "link-key-not-own"),
        (system("juki", Some("juki.example"), &["HealthActivity"]), "link-key-no-publisher"),
        (system("juki", None, records), "link-key-no-publisher"),
    ];
    for (client, reason) in refused {
        let before = town.world.accesses().await.len();
        key(&client, &id).await.unwrap_err();
        let accesses = town.world.accesses().await;
        let new: Vec<_> = accesses.iter().skip(before).collect();
        assert_eq!((new.len(), new[0].reason.as_str(), new[0].subjects.len()), (1, reason, 0));
    }
    let told = town.world.accesses().await;
    let told = told.iter().filter(|a| a.reason == "link-key" && a.subjects == [resident.tsuno_id]);
    assert_eq!(told.count(), 3, "the resident sees each");
}
