//! Acting for another by the header of the API.

use actix_web::http::header::COOKIE;
use actix_web::test::TestRequest;
use chrono::TimeDelta;
use serde_json::json;
use tsunagu_consent::{Capacity, Delegation, DelegationScope, NewDelegation, Resident};
use tsunagu_domain::{Level, TsunoId};

use super::{ALICE, Answer, BASE, BOB, World, world};

const ACTING: &str = "Tsunagu-Acting-For";
const CAROL: TsunoId = TsunoId::from_bytes([3; 16]);

impl World {
    /// `ALICE` lets `BOB` act.
    async fn lets_bob(&self, scope: DelegationScope) -> Delegation {
        let assurance = self.assurance(Level::Substantial);
        let acting = Capacity::Themselves;
        let by = Resident { subject: ALICE, assurance: &assurance, request: "r-0", acting };
        let new = NewDelegation {
            delegate: BOB,
            principal_name: "母".to_owned(),
            delegate_name: "息子".to_owned(),
            scope,
            until: self.gateway.clock.micros() + 86_400_000_000,
        };
        self.gateway.ledger.delegate(&self.tenant, &by, &new).await.unwrap()
    }

    /// What `who` is answered, acting under a delegation.
    async fn acts(&self, who: TsunoId, of: &Delegation, request: TestRequest) -> Answer {
        // No two accesses at one moment: their order would be nobody's promise.
        self.clock.advance(TimeDelta::seconds(1));
        let (cookie, _) = self.session(who, Level::Substantial).await;
        let request = request.insert_header((COOKIE, cookie)).insert_header(("Origin", BASE));
        self.send(request.insert_header((ACTING, of.id.as_str()))).await
    }
}

#[actix_web::test]
async fn a_delegate_acts_within_the_scope_and_each_refusal_is_one_entry() {
    let world = world().await;
    let consent = world.give(ALICE, "health").await;
    let (see, change) = (
        world.lets_bob(DelegationScope::See).await,
        world.lets_bob(DelegationScope::Consent).await,
    );
    let get = |path: &str| TestRequest::get().uri(path);
    let post = |path: &str| TestRequest::post().uri(path);
    let pause = format!("/consents/v1/{}/pause", consent.id);

    let listed = world.acts(BOB, &see, get("/me/consents")).await;
    assert_eq!(listed.json()["consents"][0]["id"], consent.id.as_str());
    let usages = format!("/v2/findUsage?userCode={ALICE}");
    let found = world.acts(BOB, &see, get(&usages)).await;
    assert_eq!(found.status, 200, "{}", found.text());
    assert_eq!(found.json()["usages"][0]["receiverName"], "ご家族 息子");
    let his = format!("/v2/findUsage?userCode={BOB}");
    assert_eq!(world.acts(BOB, &see, get(&his)).await.status, 403, "whom he does not act for");

    // Out of scope, and somebody who is not the delegate: 403, and one entry that the resident sees.
    let (his, alone) = (format!("family:{}", change.id), "not-for-delegates");
    let mut refusals = vec![
        (BOB, &see, post(&pause), format!("family:{}", see.id), alone),
        (BOB, &change, get("/me/access-log"), his.clone(), alone),
        (CAROL, &change, post(&pause), "other-resident".to_owned(), "no-delegation"),
        (CAROL, &change, get("/me/export"), "other-resident".to_owned(), alone),
    ];
    // What is the resident's alone is not done for anybody, whatever the scope.
    for request in [
        get("/me/export"),
        get("/me/delegations"),
        get("/me/share-codes"),
        get("/me/coins"),
        post("/me/close"),
        post(&format!("/consents/v1/{}/confirm", consent.id)),
        post(&format!("/me/delegations/{}/end", see.id)),
    ] {
        refusals.push((BOB, &change, request, his.clone(), alone));
    }
    for (who, of, request, actor, why) in refusals {
        let before = world.log_size().await;
        assert_eq!(world.acts(who, of, request).await.status, 403, "{actor}");
        assert_eq!(world.log_size().await, before + 1, "{actor}");
        let log = world.acts(BOB, &see, get("/me/access-log")).await.json();
        let last = &log["accesses"][0];
        assert_eq!((&last["actor"], &last["decision"]), (&json!(actor), &json!("denied")));
        assert_eq!(last["reason"], why);
    }
    let paused = world.acts(BOB, &change, post(&pause)).await;
    assert_eq!(paused.json()["state"], "paused", "{}", paused.text());

    // The next request after the resident ended it.
    let (cookie, csrf) = world.session(ALICE, Level::Substantial).await;
    let end = post(&format!("/me/delegations/{}/end", change.id));
    let end = end.insert_header((COOKIE, cookie)).insert_header(("x-csrf-token", csrf));
    assert_eq!(world.send(end).await.json()["live"], false);
    let resume = format!("/consents/v1/{}/resume", consent.id);
    assert_eq!(world.acts(BOB, &change, post(&resume)).await.status, 403);
    let unknown = Delegation { id: "none".to_owned(), ..change };
    assert_eq!(world.acts(BOB, &unknown, post(&resume)).await.status, 403);
}
