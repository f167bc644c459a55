//! The life of clients: who may do which step, and what holds of each.

use serde_json::json;
use tsunagu_consent::{DeletionReason, Reason, State};
use tsunagu_domain::{ClientId, ProblemCode};
use tsunagu_identity::{Client, ClientStatus};
use tsunagu_staff::{Act, Acting, Change, Decision, LifeState, Role, Via};

use super::world::{World, at_once, member, members};

fn id(text: &str) -> ClientId {
    text.parse().unwrap()
}

impl World {
    async fn apply(&self, by: &Acting, client: &Client) -> u32 {
        let lives = &self.office.clients;
        lives.apply(&self.tenant, by, client, "申請書 第1号").await.unwrap()
    }

    async fn active(&self, name: &str) {
        let revision = self.apply(&self.acting("operator").await, &self.app(name)).await;
        let (by, lives) = (self.acting("approver").await, &self.office.clients);
        let approve = Decision::Approve;
        lives.decide(&self.tenant, &by, &id(name), revision, approve, "").await.unwrap();
    }

    async fn state(&self, name: &str) -> LifeState {
        self.office.clients.get(&self.tenant, &id(name)).await.unwrap().unwrap().life.state
    }

    async fn change(&self, by: &str, name: &str, change: Change) {
        let by = self.acting(by).await;
        let lives = &self.office.clients;
        lives.change(&self.tenant, &by, &id(name), change, "理由").await.unwrap();
    }
}

#[tokio::test]
async fn a_client_is_applied_for_approved_suspended_resumed_and_ended() {
    let world = World::new().await;
    let beside = world.beside();
    let operator = world.acting("operator").await;
    let revision = world.apply(&operator, &world.app("app")).await;
    assert_eq!((revision, world.state("app").await), (1, LifeState::Applied));
    assert!(!world.acts("app").await && !beside.acts("app").await);

    let approver = world.acting("approver").await;
    let lives = &world.office.clients;
    let (tenant, app, approve) = (&world.tenant, id("app"), Decision::Approve);
    lives.decide(tenant, &approver, &app, 1, approve, "").await.unwrap();
    // The other process knew nothing of it and finds it.
    assert!(world.acts("app").await && beside.acts("app").await);

    world.change("operator", "app", Change::Suspend).await;
    assert!(!world.acts("app").await);
    world.pass(1);
    assert!(!beside.acts("app").await);
    world.change("approver", "app", Change::Resume).await;
    assert!(world.acts("app").await);

    let consent = world.consent("app").await;
    world.change("operator", "app", Change::Suspend).await;
    world.change("approver", "app", Change::End).await;
    assert!(!world.acts("app").await);
    let ended = world.ledger.get(&world.tenant, &consent.id).await.unwrap().unwrap();
    assert_eq!(ended.state, State::Revoked);
    let order = world.ledger.deletion(&world.tenant, &consent.id).await.unwrap().unwrap();
    assert_eq!(order.reason, DeletionReason::Revoked);
    let events = world.ledger.events(&world.tenant, &consent.id).await.unwrap();
    assert_eq!(events.last().unwrap().reason, Reason::ClientEnded);
    // Its name stays for the history of residents, and its id for nobody else.
    let kept = world.clients.get(&world.tenant, &id("app")).await.unwrap().unwrap();
    assert_eq!(kept.name.en, "Health app");
    let app = world.app("app");
    let again = lives.apply(&world.tenant, &operator, &app, "again");
    let again = world.refused(&operator, "client-apply app wrong-state", again).await;
    assert_eq!(again.code, ProblemCode::Conflict);

    let life = lives.get(&world.tenant, &id("app")).await.unwrap().unwrap().life;
    let steps: Vec<(Act, &str)> = life.steps.iter().map(|s| (s.act, s.by.name())).collect();
    let expected = [
        (Act::Applied, "operator"),
        (Act::Approved, "approver"),
        (Act::Suspended, "operator"),
        (Act::Resumed, "approver"),
        (Act::Suspended, "operator"),
        (Act::Ended, "approver"),
    ];
    assert_eq!(steps, expected);
    let logged = world.logged().await;
    let said: Vec<(&str, &str)> = logged
        .iter()
        .filter(|access| access.actor.starts_with("staff:"))
        .map(|access| (access.actor.as_str(), access.reason.as_str()))
        .collect();
    let expected = [
        ("staff:operator", "client-applied app revision-1"),
        ("staff:approver", "client-approved app revision-1"),
        ("staff:operator", "client-suspended app"),
        ("staff:approver", "client-resumed app"),
        ("staff:operator", "client-suspended app"),
        ("staff:approver", "client-ended app"),
        // Refused: its end is final.
        ("staff:operator", "client-apply app wrong-state"),
    ];
    assert_eq!(said, expected);
}

#[tokio::test]
async fn t77_low_privilege_staff_is_refused_every_step_and_each_refusal_is_one_entry() {
    let world = World::new().await;
    world.active("app").await;
    world.apply(&world.acting("both").await, &world.app("new")).await;
    let (lives, tenant) = (&world.office.clients, &world.tenant);
    for name in ["counter", "auditor"] {
        let by = world.acting(name).await;
        let client = world.app("other");
        let applied = lives.apply(tenant, &by, &client, "note");
        let told = world.refused(&by, "client-apply other role-missing", applied).await;
        assert_eq!(told.code, ProblemCode::Forbidden);
        for (decision, act) in
            [(Decision::Approve, "client-approve"), (Decision::Deny, "client-deny")]
        {
            let new = id("new");
            let decided = lives.decide(tenant, &by, &new, 1, decision, "note");
            world.refused(&by, &format!("{act} new role-missing"), decided).await;
        }
        for (change, act) in [
            (Change::Suspend, "client-suspend"),
            (Change::Resume, "client-resume"),
            (Change::End, "client-end"),
        ] {
            let app = id("app");
            let changed = lives.change(tenant, &by, &app, change, "note");
            world.refused(&by, &format!("{act} app role-missing"), changed).await;
        }
    }
    // An operator who had no hand in it is no second person.
    let operator = world.acting("operator").await;
    for (decision, act) in [(Decision::Approve, "client-approve"), (Decision::Deny, "client-deny")]
    {
        let new = id("new");
        let decided = lives.decide(tenant, &operator, &new, 1, decision, "note");
        world.refused(&operator, &format!("{act} new role-missing"), decided).await;
    }
    let approver = world.acting("approver").await;
    let client = world.app("other");
    let applied = lives.apply(tenant, &approver, &client, "note");
    world.refused(&approver, "client-apply other role-missing", applied).await;
    assert!(world.acts("app").await);
    assert_eq!(world.state("new").await, LifeState::Applied);
}

/// One person with two roles, by the page and by the shell, under another name, with other roles: it stays one person.
#[tokio::test]
async fn t77_nobody_approves_their_own_application() {
    let world = World::new().await;
    let (lives, tenant, new) = (&world.office.clients, &world.tenant, id("new"));
    let both = world.acting("both").await;
    world.apply(&both, &world.app("new")).await;
    let own = "client-approve new own-request";
    let told = world
        .refused(&both, own, lives.decide(tenant, &both, &new, 1, Decision::Approve, ""))
        .await;
    assert_eq!(told.code, ProblemCode::Forbidden);
    let shell = Acting { via: Via::Shell, ..both.clone() };
    world.refused(&shell, own, lives.decide(tenant, &shell, &new, 1, Decision::Approve, "")).await;

    // Approver alone from now on.
    let mut changed = members();
    changed[4].roles = vec![Role::Approver];
    world.office.members.configure(tenant, &changed).await.unwrap();
    let both = world.acting("both").await;
    world.refused(&both, own, lives.decide(tenant, &both, &new, 1, Decision::Approve, "")).await;

    // The same account under another name.
    changed[4] = member("renamed", "s-5", &[Role::Approver]);
    world.office.members.configure(tenant, &changed).await.unwrap();
    let renamed = world.acting("renamed").await;
    let decided = lives.decide(tenant, &renamed, &new, 1, Decision::Approve, "");
    world.refused(&renamed, own, decided).await;
    assert!(!world.acts("new").await);

    // Whoever had a hand in it has, also after somebody else changed it.
    let operator = world.acting("operator").await;
    assert_eq!(world.apply(&operator, &world.app("new")).await, 2);
    let decided = lives.decide(tenant, &renamed, &new, 2, Decision::Approve, "");
    world.refused(&renamed, own, decided).await;

    // Taking it back is not approving it.
    lives.decide(tenant, &renamed, &new, 2, Decision::Deny, "誤り").await.unwrap();
    assert_eq!(world.state("new").await, LifeState::Denied);
}

#[tokio::test]
async fn t77_an_approval_is_of_what_was_seen() {
    let world = World::new().await;
    let (lives, tenant, new) = (&world.office.clients, &world.tenant, id("new"));
    let (operator, approver) = (world.acting("operator").await, world.acting("approver").await);
    world.apply(&operator, &world.app("new")).await;
    let wider = Client {
        redirect_uris: vec!["https://evil.example/callback".to_owned()],
        ..world.app("new")
    };
    assert_eq!(world.apply(&operator, &wider).await, 2);
    let changed = "client-approve new changed-since";
    let decided = lives.decide(tenant, &approver, &new, 1, Decision::Approve, "");
    let told = world.refused(&approver, changed, decided).await;
    assert_eq!(told.code, ProblemCode::Conflict);
    // Denied and applied for again, it has a revision that was never seen.
    lives.decide(tenant, &approver, &new, 2, Decision::Deny, "").await.unwrap();
    assert_eq!(world.apply(&operator, &wider).await, 3);
    for seen in [1, 2, 4] {
        let decided = lives.decide(tenant, &approver, &new, seen, Decision::Approve, "");
        world.refused(&approver, changed, decided).await;
    }
    lives.decide(tenant, &approver, &new, 3, Decision::Approve, "").await.unwrap();
    assert!(world.acts("new").await);
}

#[tokio::test]
async fn t77_of_two_approvals_at_once_one_holds_and_the_other_is_an_entry() {
    let world = World::new().await;
    let beside = world.beside();
    let new = id("new");
    for round in 1..=40 {
        let operator = world.acting("operator").await;
        let revision = world.apply(&operator, &world.app("new")).await;
        assert_eq!(revision, round);
        let (one, other) = (world.acting("approver").await, world.acting("both").await);
        let before = world.logged().await.len();
        let approve = Decision::Approve;
        let (first, second) = at_once(
            world.office.clients.decide(&world.tenant, &one, &new, revision, approve, ""),
            beside.office.clients.decide(&world.tenant, &other, &new, revision, approve, ""),
        );
        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
        let refused = first.err().or(second.err()).unwrap();
        assert_eq!(refused.code, ProblemCode::Conflict);
        let logged = world.logged().await;
        let said: Vec<&str> = logged.iter().skip(before).map(|a| a.reason.as_str()).collect();
        let approved = format!("client-approved new revision-{revision}");
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said.contains(&approved.as_str()), "{said:?}");
        assert!(said.contains(&"client-approve new nothing-waits"), "{said:?}");
    }
}

#[tokio::test]
async fn t77_who_suspended_a_client_does_not_let_it_in_again_or_end_it() {
    let world = World::new().await;
    world.active("app").await;
    let (lives, tenant, app) = (&world.office.clients, &world.tenant, id("app"));
    world.change("both", "app", Change::Suspend).await;
    let both = world.acting("both").await;
    for (change, act) in [(Change::Resume, "client-resume"), (Change::End, "client-end")] {
        let changed = lives.change(tenant, &both, &app, change, "note");
        world.refused(&both, &format!("{act} app own-request"), changed).await;
    }
    assert_eq!(world.state("app").await, LifeState::Suspended);
    world.change("approver", "app", Change::Resume).await;
    assert!(world.acts("app").await);
    // What is active is not ended in one step.
    let approver = world.acting("approver").await;
    let ended = lives.change(tenant, &approver, &app, Change::End, "note");
    let ended = world.refused(&approver, "client-end app wrong-state", ended).await;
    assert_eq!(ended.code, ProblemCode::Conflict);
}

#[tokio::test]
async fn the_configuration_is_a_decision_of_its_own_and_undoes_none_of_a_member() {
    let world = World::new().await;
    let (lives, tenant, app) = (&world.office.clients, &world.tenant, id("app"));
    let configured = world.app("app");
    for _ in 0..2 {
        lives.configure(tenant, &configured).await.unwrap();
    }
    let life = lives.get(tenant, &app).await.unwrap().unwrap().life;
    assert_eq!((life.steps.len(), life.steps[0].by.name()), (1, "configuration"));
    let operator = world.acting("operator").await;
    let applied = lives.apply(tenant, &operator, &configured, "note");
    let refused = world.refused(&operator, "client-apply app wrong-state", applied).await;
    assert!(refused.detail.contains("configuration"), "{refused}");

    world.change("operator", "app", Change::Suspend).await;
    let renamed = Client { contact: "other".to_owned(), ..configured.clone() };
    lives.configure(tenant, &renamed).await.unwrap();
    assert!(!world.acts("app").await);
    let stored = world.clients.get(tenant, &app).await.unwrap().unwrap();
    assert_eq!((stored.contact.as_str(), stored.status), ("other", ClientStatus::Suspended));
    world.change("approver", "app", Change::Resume).await;
    assert!(world.acts("app").await);

    // Suspended in the configuration it is resumed there.
    let suspended = Client { status: ClientStatus::Suspended, ..renamed.clone() };
    lives.configure(tenant, &suspended).await.unwrap();
    let approver = world.acting("approver").await;
    let resumed = lives.change(tenant, &approver, &app, Change::Resume, "note");
    let refused = world.refused(&approver, "client-resume app wrong-state", resumed).await;
    assert!(refused.detail.contains("in the configuration"), "{refused}");
    lives.configure(tenant, &renamed).await.unwrap();
    assert!(world.acts("app").await);

    world.change("operator", "app", Change::Suspend).await;
    world.change("approver", "app", Change::End).await;
    lives.configure(tenant, &renamed).await.unwrap();
    assert_eq!(world.state("app").await, LifeState::Ended);
    assert!(!world.acts("app").await);
}

#[tokio::test]
async fn an_end_that_a_process_left_undone_is_finished_by_another() {
    let world = World::new().await;
    world.active("app").await;
    world.change("operator", "app", Change::Suspend).await;
    world.change("approver", "app", Change::End).await;
    // An authorization that was under way when the client ended.
    let late = world.consent("app").await;
    let beside = world.beside();
    beside.office.clients.wind_up_all(&world.tenant).await.unwrap();
    let ended = world.ledger.get(&world.tenant, &late.id).await.unwrap().unwrap();
    assert_eq!(ended.state, State::Revoked);
    world.pass(16 * 60);
    beside.office.clients.wind_up_all(&world.tenant).await.unwrap();
    let life = world.office.clients.get(&world.tenant, &id("app")).await.unwrap().unwrap().life;
    assert!(life.wound_up);
    assert_eq!(life.steps.last().unwrap().act, Act::WoundUp);
}

/// Tools of the town hall see residents without a case, and others reach beyond a service of this tenant: they are the configuration's.
#[tokio::test]
async fn nobody_applies_for_what_is_part_of_the_configuration() {
    let world = World::new().await;
    let operator = world.acting("operator").await;
    let lives = &world.office.clients;
    for (pointer, change) in [
        ("/client/kind", json!({"kind": "operator", "scopes": ["audit"], "redirect_uris": []})),
        ("/client/kind", json!({"kind": "operator", "redirect_uris": []})),
        ("/client/tenants", json!({"kind": "publisher", "tenants": ["neighbour"]})),
        ("/client/canonical_ids", json!({"canonical_ids": true})),
        ("/client/manages_sources", json!({"manages_sources": true})),
        ("/client/sector", json!({"sector": "coin-issuer"})),
    ] {
        let mut client = serde_json::to_value(world.app("tool")).unwrap();
        client.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let client: Client = serde_json::from_value(client).unwrap();
        let refused = lives.apply(&world.tenant, &operator, &client, "note").await.unwrap_err();
        assert_eq!(refused.code, ProblemCode::BadRequestData, "{change}");
        assert_eq!(refused.pointer.as_deref(), Some(pointer), "{}", refused.detail);
    }
}
