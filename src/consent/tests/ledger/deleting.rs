//! Deletion orders: owed with the end of a consent, brought until taken, open until done.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use tsunagu_consent::{
    Answered, DataAction, DeletionOrder, DeletionReason, DeletionState, Deletions, Delivered,
    EventClaims, Patience, Reason, Recipient, Recipients,
};
use tsunagu_domain::{Assurance, ClientId, Problem, TenantId, TsunoId, to_iso};
use tsunagu_store::access::Action;

use super::world::{ALICE, BOB, World, resident, world};

const PAIRWISE: TsunoId = TsunoId::from_bytes([99; 16]);

/// A vendor that answers as it is told.
#[derive(Default)]
struct Vendor {
    endpoint: Mutex<Option<String>>,
    answers: Mutex<Vec<Result<Answered, String>>>,
    got: Mutex<Vec<String>>,
}

#[async_trait]
impl Recipients for Vendor {
    async fn find(
        &self,
        _: &TenantId,
        client: &ClientId,
        subject: TsunoId,
    ) -> Result<Option<Recipient>, Problem> {
        assert_eq!((client.as_str(), subject), ("health", ALICE));
        let endpoint = self.endpoint.lock().unwrap().clone();
        Ok(Some(Recipient { endpoint, principal: PAIRWISE }))
    }

    async fn push(&self, endpoint: &str, token: String) -> Result<Answered, String> {
        assert_eq!(endpoint, "https://vendor.example/events");
        self.got.lock().unwrap().push(token);
        self.answers.lock().unwrap().pop().unwrap_or_else(|| Err("unreachable".to_owned()))
    }
}

impl Vendor {
    fn listening() -> Arc<Self> {
        let vendor = Self::default();
        *vendor.endpoint.lock().unwrap() = Some("https://vendor.example/events".to_owned());
        Arc::new(vendor)
    }

    fn answers(&self, status: u16, body: &str) {
        let answer = Answered { status, body: body.as_bytes().to_vec() };
        self.answers.lock().unwrap().push(Ok(answer));
    }

    fn tokens(&self) -> Vec<String> {
        self.got.lock().unwrap().clone()
    }
}

impl World {
    fn deletions(&self, vendor: &Arc<Vendor>) -> Deletions {
        let vendor = Arc::<Vendor>::clone(vendor);
        Deletions::new(Arc::clone(&self.ledger), vendor, Patience::default())
    }

    async fn order(&self, consent: &str) -> DeletionOrder {
        self.ledger.deletion(&self.tenant, consent).await.unwrap().unwrap()
    }

    async fn withdrawn(&self) -> String {
        let consent = self.given().await;
        let assurance = Assurance::default();
        let by = resident(ALICE, &assurance);
        self.ledger.withdraw(&self.tenant, &by, &consent.id).await.unwrap();
        consent.id
    }

    async fn open(&self) -> usize {
        self.ledger.open_deletions(&self.tenant, 100).await.unwrap().len()
    }
}

fn delivered(taken: u64, done: u64, deferred: u64) -> Delivered {
    Delivered { taken, done, deferred }
}

#[tokio::test]
async fn a_withdrawal_owes_a_signed_order_that_names_the_person_as_the_vendor_knows_them() {
    let world = world();
    let vendor = Vendor::listening();
    let deletions = world.deletions(&vendor);
    let consent = world.given().await;
    assert_eq!(deletions.run_once(&world.tenant).await.unwrap(), Delivered::default());
    let assurance = Assurance::default();
    let by = resident(ALICE, &assurance);
    world.ledger.withdraw(&world.tenant, &by, &consent.id).await.unwrap();
    let owed = world.order(&consent.id).await;
    assert_eq!((owed.state(), owed.reason), (DeletionState::Owed, DeletionReason::Withdrawn));
    assert_eq!(owed.classes(), ["contact", "walks"]);

    vendor.answers(200, r#"{"deleted":true}"#);
    assert_eq!(deletions.run_once(&world.tenant).await.unwrap(), delivered(0, 1, 0));
    assert_eq!(deletions.run_once(&world.tenant).await.unwrap(), Delivered::default());
    let [token] = vendor.tokens().try_into().unwrap();
    assert_eq!(decode_header(&token).unwrap().typ.as_deref(), Some("secevent+jwt"));
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["health"]);
    validation.set_issuer(&["https://gateway.example"]);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(world.ledger.receipt_key()).unwrap();
    let claims = decode::<EventClaims>(&token, &key, &validation).unwrap().claims;
    assert_eq!((claims.jti, claims.sub_id.sub), (owed.id.clone(), PAIRWISE));
    let event = claims.events.deletion;
    assert_eq!((&event.grant_id, &event.delete_by), (&consent.id, &to_iso(owed.delete_by)));
    assert_eq!(event.data_classes, ["contact", "walks"]);
    assert!(!token.contains(&ALICE.to_string()));
    // An order is no receipt.
    assert!(tsunagu_consent::verify_receipt(&token, world.ledger.receipt_key()).is_err());

    let done = world.order(&consent.id).await;
    assert_eq!((done.state(), done.attempts), (DeletionState::Done, 1));
    assert_eq!(world.open().await, 0);
    let last = world.accesses().await.pop().unwrap();
    assert_eq!((last.action, last.reason.as_str()), (Action::Consent, "deleted"));
    assert_eq!((last.actor.as_str(), last.subjects), ("client:health", vec![ALICE]));
    // Given, withdrawn, deleted.
    assert_eq!(world.accesses().await.len(), 3);
}

#[tokio::test]
async fn an_order_is_brought_again_until_it_is_taken_and_stays_open_until_it_is_done() {
    let world = world();
    let vendor = Arc::new(Vendor::default());
    let deletions = world.deletions(&vendor);
    let consent = world.withdrawn().await;
    // The vendor has told of no endpoint yet.
    assert_eq!(deletions.run_once(&world.tenant).await.unwrap(), delivered(0, 0, 1));
    assert!(vendor.tokens().is_empty());
    *vendor.endpoint.lock().unwrap() = Some("https://vendor.example/events".to_owned());
    assert_eq!(deletions.run_once(&world.tenant).await.unwrap(), Delivered::default(), "waits");
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(deletions.run_once(&world.tenant).await.unwrap(), delivered(0, 0, 1));
    for status in [500, 302, 400] {
        world.clock.advance(TimeDelta::hours(1));
        vendor.answers(status, "");
        assert_eq!(deletions.run_once(&world.tenant).await.unwrap(), delivered(0, 0, 1));
    }
    world.clock.advance(TimeDelta::hours(1));
    vendor.answers(202, "");
    assert_eq!(deletions.run_once(&world.tenant).await.unwrap(), delivered(1, 0, 0));
    world.clock.advance(TimeDelta::days(1));
    assert_eq!(deletions.run_once(&world.tenant).await.unwrap(), Delivered::default());
    let ids: Vec<_> = vendor
        .tokens()
        .iter()
        .map(|token| {
            jsonwebtoken::dangerous::insecure_decode::<EventClaims>(token).unwrap().claims.jti
        })
        .collect();
    assert_eq!(ids.len(), 5);
    assert!(ids.iter().all(|id| *id == ids[0]), "the same order each time");

    let taken = world.order(&consent).await;
    assert_eq!((taken.state(), taken.attempts), (DeletionState::Taken, 6));
    assert_eq!(taken.delete_by - taken.ordered_at, 7 * 86_400_000_000);
    assert!(!taken.overdue(taken.delete_by - 1) && taken.overdue(taken.delete_by));
    assert_eq!(world.open().await, 1);
    let health: ClientId = "health".parse().unwrap();
    let other: ClientId = "other".parse().unwrap();
    let stranger = world.ledger.acknowledge_deletion(&world.tenant, &other, "r", &consent).await;
    assert_eq!(stranger.unwrap_err(), Problem::not_found());
    let before = world.accesses().await.len();
    for _ in 0..2 {
        let done = world.ledger.acknowledge_deletion(&world.tenant, &health, "r", &consent);
        let done = done.await.unwrap();
        assert_eq!(done.state(), DeletionState::Done);
        assert!(!done.overdue(done.delete_by));
    }
    assert_eq!(world.accesses().await.len(), before + 1);
    assert_eq!(world.open().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_processes_bring_an_order_once_and_a_dead_one_is_followed() {
    let world = Arc::new(world());
    let vendor = Vendor::listening();
    for _ in 0..8 {
        vendor.answers(202, "");
    }
    world.withdrawn().await;
    let looks = (0..8).map(|_| {
        let (world, deletions) = (Arc::clone(&world), world.deletions(&vendor));
        tokio::spawn(async move { deletions.run_once(&world.tenant).await.unwrap().taken })
    });
    let taken = futures_util::future::join_all(looks).await.into_iter().map(Result::unwrap);
    assert_eq!(taken.sum::<u64>(), 1);
    assert_eq!(vendor.tokens().len(), 1);

    // One that dies while it sends: nothing is booked, and the order is due again after the lease.
    let second = world.withdrawn().await;
    let deletions = world.deletions(&vendor);
    let dead = Arc::new(Stuck);
    let stuck = Deletions::new(Arc::clone(&world.ledger), dead, Patience::default());
    tokio::select! {
        biased;
        _ = stuck.run_once(&world.tenant) => unreachable!("it never answers"),
        () = sent(&world, &second) => {}
    }
    assert_eq!(deletions.run_once(&world.tenant).await.unwrap(), Delivered::default());
    world.clock.advance(TimeDelta::minutes(1));
    assert_eq!(deletions.run_once(&world.tenant).await.unwrap(), delivered(1, 0, 0));
}

/// A way to a vendor that never answers.
struct Stuck;

#[async_trait]
impl Recipients for Stuck {
    async fn find(
        &self,
        _: &TenantId,
        _: &ClientId,
        _: TsunoId,
    ) -> Result<Option<Recipient>, Problem> {
        let endpoint = Some("https://vendor.example/events".to_owned());
        Ok(Some(Recipient { endpoint, principal: PAIRWISE }))
    }

    async fn push(&self, _: &str, _: String) -> Result<Answered, String> {
        std::future::pending().await
    }
}

/// When an order was taken up.
async fn sent(world: &World, consent: &str) {
    while world.order(consent).await.attempts == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn every_end_owes_what_it_must_and_nothing_more() {
    let world = world();
    let assurance = world.fresh();
    let by = resident(ALICE, &assurance);
    // A newer consent that covers less.
    let first = world.given().await;
    let mut less = world.new_consent();
    less.chosen = vec!["contact".to_owned()];
    let second = world.ledger.give(&world.tenant, &by, &less).await.unwrap().consent;
    let narrowed = world.order(&first.id).await;
    assert_eq!((narrowed.reason, narrowed.classes()), (DeletionReason::Narrowed, vec!["walks"]));
    // One that covers as much.
    let third = world.given().await;
    assert!(world.ledger.deletion(&world.tenant, &second.id).await.unwrap().is_none());
    // The end of the period: the client may keep for the data life what it read.
    world.clock.advance(TimeDelta::days(365));
    world.ledger.run_due(&world.tenant).await.unwrap();
    let expired = world.order(&third.id).await;
    assert_eq!(expired.reason, DeletionReason::Expired);
    assert_eq!(expired.delete_by - expired.ordered_at, 30 * 86_400_000_000);
    // What was never to be read need not be deleted, and a refusal owes nothing.
    let mut written = world.new_consent();
    written.requested.actions = vec![DataAction::Write];
    let assurance = world.fresh();
    let by = resident(ALICE, &assurance);
    let written = world.ledger.give(&world.tenant, &by, &written).await.unwrap().consent;
    world.ledger.withdraw(&world.tenant, &by, &written.id).await.unwrap();
    let refused = world.ledger.refuse(&world.tenant, &by, &world.new_consent()).await.unwrap();
    for consent in [&written.id, &refused.id] {
        assert!(world.ledger.deletion(&world.tenant, consent).await.unwrap().is_none());
    }
    assert_eq!(world.open().await, 2);
}

#[tokio::test]
async fn leaving_the_platform_ends_every_consent_and_orders_every_client_to_delete() {
    let world = world();
    let assurance = world.fresh();
    let first = world.given().await;
    let mut research = world.new_consent();
    research.requested.purpose = "research".to_owned();
    research.requested.data_classes = vec!["walks".to_owned()];
    (research.chosen, research.days) = (vec!["walks".to_owned()], 90);
    let by = resident(ALICE, &assurance);
    let second = world.ledger.give(&world.tenant, &by, &research).await.unwrap().consent;
    let bob = resident(BOB, &assurance);
    let others = world.ledger.give(&world.tenant, &bob, &world.new_consent()).await.unwrap();
    world.ledger.pause(&world.tenant, &by, &first.id).await.unwrap();
    let ended = world.ledger.withdraw_all(&world.tenant, &by).await.unwrap();
    assert_eq!(ended.len(), 2);
    assert!(world.ledger.withdraw_all(&world.tenant, &by).await.unwrap().is_empty());
    for id in [&first.id, &second.id] {
        assert!(!world.live(id).await);
        assert_eq!(world.order(id).await.reason, DeletionReason::Withdrawn);
        let events = world.ledger.events(&world.tenant, id).await.unwrap();
        assert_eq!(events.last().unwrap().reason, Reason::AccountClosed);
    }
    assert!(world.live(&others.consent.id).await);
}
