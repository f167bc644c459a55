//! Cases: what is seen in them, by whom, for how long, and what residents are told.

use tsunagu_audit::Period;
use tsunagu_domain::{Problem, ProblemCode, TsunoId};
use tsunagu_staff::{
    Acting, Asked, Case, CaseReason, CaseState, Decision, Extracted, Role, Via, told,
};
use tsunagu_store::access::{Access, Action, Decision as Verdict};

use super::world::{ALICE, BOB, World, at_once, member, members};

fn about(tsuno_id: TsunoId) -> Asked {
    Asked::Resident { tsuno_id }
}

fn named(name: &str) -> Asked {
    Asked::Search { name: Some(name.to_owned()), birth_date: None }
}

fn breach() -> Asked {
    serde_json::from_str(r#"{"kind":"breach"}"#).unwrap()
}

impl World {
    async fn town() -> Self {
        let world = Self::new().await;
        world.resident(ALICE, "都農 花子", "1985-03-15").await;
        world.resident(BOB, "都農 太郎", "1980-01-01").await;
        world
    }

    async fn open(&self, by: &Acting, asked: Asked) -> Case {
        let reason =
            if by.member.name == "auditor" { CaseReason::Incident } else { CaseReason::Inquiry };
        self.cases.open(&self.tenant, by, reason, "窓口に来られた", 2, asked).await.unwrap()
    }

    async fn approve(&self, by: &Acting, case: &Case) -> Result<(), Problem> {
        self.cases.decide(&self.tenant, by, &case.id, Decision::Approve, "").await
    }

    async fn read(&self, by: &Acting, case: &Case) -> Result<Extracted, Problem> {
        self.cases.read(&self.tenant, by, &case.id).await
    }

    /// What the resident is told, the newest first.
    async fn told(&self, subject: TsunoId) -> Vec<Access> {
        let about = self.audit.accesses_about(&self.tenant, subject, Period::newest(100)).await;
        let seen = about.unwrap().accesses.into_iter().map(|seen| seen.access);
        seen.filter(|access| access.actor.starts_with("staff:")).collect()
    }
}

/// Each read is one entry that names the case, and the resident is told who, why and in which case.
#[tokio::test]
async fn t85_a_resident_is_seen_in_a_case_and_sees_that() {
    let world = World::town().await;
    let counter = world.acting("counter").await;
    let case = world.open(&counter, about(ALICE)).await;
    assert_eq!(case.state, CaseState::Open);
    let before = world.logged().await.len();
    let Extracted::Resident(file) = world.read(&counter, &case).await.unwrap() else {
        panic!("no resident");
    };
    assert_eq!(file.person["name"], "都農 花子");
    let logged = world.logged().await;
    let new: Vec<&Access> = logged.iter().skip(before).collect();
    assert_eq!(new.len(), 1, "{new:?}");
    let said = format!("staff-case inquiry {}", case.id);
    assert_eq!((new[0].actor.as_str(), &new[0].reason), ("staff:counter", &said));
    assert_eq!((new[0].action, &new[0].subjects[..]), (Action::Read, &[ALICE][..]));
    assert!(new[0].attributes.iter().any(|name| name.ends_with("/birthDate")));

    let seen = world.told(ALICE).await;
    assert_eq!(seen.len(), 2, "the case was opened, and read in");
    for access in &seen {
        let told = told(access).unwrap();
        assert_eq!(told.case.as_ref(), Some(&case.id));
        assert_eq!(told.why.0, "ご本人からの問い合わせ");
    }
    assert!(world.told(BOB).await.is_empty());
    world.cases.close(&world.tenant, &counter, &case.id).await.unwrap();
    let why = format!("case-read inquiry {} closed", case.id);
    world.refused(&counter, &why, world.read(&counter, &case)).await;
}

#[tokio::test]
async fn t77_a_case_is_read_by_its_owner_in_its_time_and_role_alone() {
    let world = World::town().await;
    let mut two = members();
    two.push(member("second", "s-6", &[Role::Counter]));
    world.office.members.configure(&world.tenant, &two).await.unwrap();
    let counter = world.acting("counter").await;
    let case = world.open(&counter, about(ALICE)).await;
    let why = |why: &str| format!("case-read inquiry {} {why}", case.id);
    let second = world.acting("second").await;
    world.refused(&second, &why("not-own"), world.read(&second, &case)).await;
    let unseen = world.cases.get(&world.tenant, &second, &case.id).await;
    assert_eq!(unseen.unwrap_err().code, ProblemCode::ResourceNotFound);

    // The role is asked for at every read.
    two[0].roles = vec![Role::Approver];
    world.office.members.configure(&world.tenant, &two).await.unwrap();
    let former = world.acting("counter").await;
    world.refused(&former, &why("role-missing"), world.read(&former, &case)).await;
    two[0].roles = vec![Role::Counter];
    world.office.members.configure(&world.tenant, &two).await.unwrap();
    let counter = world.acting("counter").await;
    assert!(world.read(&counter, &case).await.is_ok());
    world.pass(2 * 3600 - 1);
    assert!(world.read(&counter, &case).await.is_ok());
    world.pass(1);
    world.refused(&counter, &why("over"), world.read(&counter, &case)).await;
}

#[tokio::test]
async fn t77_each_kind_of_case_is_for_its_role() {
    let world = World::town().await;
    for (name, asked) in [
        ("operator", about(ALICE)),
        ("operator", named("都農 花子")),
        ("operator", breach()),
        ("auditor", about(ALICE)),
        ("auditor", named("都農 花子")),
        ("counter", breach()),
        ("counter", Asked::LogEntries { from: 0, limit: 10 }),
        ("approver", about(ALICE)),
        ("both", breach()),
    ] {
        let by = world.acting(name).await;
        let (tenant, reason) = (&world.tenant, CaseReason::Inquiry);
        let opened = world.cases.open(tenant, &by, reason, "note", 1, asked);
        world.refused(&by, "case-open role-missing", opened).await;
    }
    for name in ["operator", "counter", "auditor"] {
        let by = world.acting(name).await;
        let decided = world.cases.decide(&world.tenant, &by, "x-1", Decision::Approve, "");
        world.refused(&by, "case-approve x-1 role-missing", decided).await;
    }
    let operator = world.acting("operator").await;
    let listed = world.cases.list(&world.tenant, &operator);
    world.refused(&operator, "cases-look role-missing", listed).await;
}

#[tokio::test]
async fn t77_a_search_runs_when_a_second_person_has_approved_it() {
    let world = World::town().await;
    let counter = world.acting("counter").await;
    let case = world.open(&counter, named("都農 太郎")).await;
    assert_eq!(case.state, CaseState::Waiting);
    let why = format!("case-read inquiry {} not-approved", case.id);
    world.refused(&counter, &why, world.read(&counter, &case)).await;

    let approver = world.acting("approver").await;
    // Who opened it reads what they wrote; what the approver learns of it is on record.
    let before = world.logged().await.len();
    world.cases.list(&world.tenant, &counter).await.unwrap();
    world.cases.get(&world.tenant, &counter, &case.id).await.unwrap();
    let listed = world.cases.list(&world.tenant, &approver).await.unwrap();
    assert_eq!(listed.iter().map(|case| &case.id).collect::<Vec<_>>(), [&case.id]);
    world.cases.get(&world.tenant, &approver, &case.id).await.unwrap();
    let looks: Vec<Access> = world.logged().await.into_iter().skip(before).collect();
    let said: Vec<_> = looks.iter().map(|look| (look.actor.as_str(), &*look.reason)).collect();
    let looked = format!("case-look inquiry {}", case.id);
    assert_eq!(said, [("staff:approver", "cases-look"), ("staff:approver", &looked)]);
    for look in &looks {
        assert_eq!((look.decision, look.action), (Verdict::Allowed, Action::Read));
    }
    world.pass(3600);
    world.approve(&approver, &case).await.unwrap();
    // Approving is not seeing.
    let why = format!("case-read inquiry {} not-own", case.id);
    world.refused(&approver, &why, world.read(&approver, &case)).await;

    let Extracted::Search(found) = world.read(&counter, &case).await.unwrap() else {
        panic!("no search");
    };
    let names: Vec<&str> = found.persons.iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!((names, found.more), (vec!["都農 太郎"], false));
    let said = format!("staff-case-of-two inquiry {}", case.id);
    assert_eq!(world.told(BOB).await[0].reason, said);
    assert!(world.told(ALICE).await.is_empty());

    // Its hours began with the approval.
    world.pass(2 * 3600 - 1);
    assert!(world.read(&counter, &case).await.is_ok());
    world.pass(1);
    let why = format!("case-read inquiry {} over", case.id);
    world.refused(&counter, &why, world.read(&counter, &case)).await;
}

/// The same person through two roles, by another way, under another name: it stays one person.
#[tokio::test]
async fn t77_nobody_approves_their_own_case() {
    let world = World::town().await;
    let mut roles = members();
    roles[0].roles = vec![Role::Counter, Role::Approver];
    world.office.members.configure(&world.tenant, &roles).await.unwrap();
    let counter = world.acting("counter").await;
    let case = world.open(&counter, named("都農 花子")).await;
    let own = format!("case-approve {} own-request", case.id);
    world.refused(&counter, &own, world.approve(&counter, &case)).await;
    let shell = Acting { via: Via::Shell, ..counter.clone() };
    world.refused(&shell, &own, world.approve(&shell, &case)).await;
    roles[0].roles = vec![Role::Approver];
    world.office.members.configure(&world.tenant, &roles).await.unwrap();
    let former = world.acting("counter").await;
    world.refused(&former, &own, world.approve(&former, &case)).await;
    roles[0] = member("renamed", "s-1", &[Role::Approver]);
    world.office.members.configure(&world.tenant, &roles).await.unwrap();
    let renamed = world.acting("renamed").await;
    world.refused(&renamed, &own, world.approve(&renamed, &case)).await;
}

#[tokio::test]
async fn t77_one_decision_on_a_case_holds_and_late_ones_are_entries() {
    let world = World::town().await;
    let beside = world.beside();
    let counter = world.acting("counter").await;
    let (one, other) = (world.acting("approver").await, world.acting("both").await);
    let case = world.open(&counter, named("都農 花子")).await;
    let before = world.logged().await.len();
    let (approved, denied) = at_once(
        world.cases.decide(&world.tenant, &one, &case.id, Decision::Approve, ""),
        beside.cases.decide(&world.tenant, &other, &case.id, Decision::Deny, ""),
    );
    assert!(approved.is_ok() != denied.is_ok(), "{approved:?} {denied:?}");
    let new: Vec<Access> = world.logged().await.into_iter().skip(before).collect();
    assert_eq!(new.len(), 2);
    assert_eq!(new.iter().filter(|access| access.decision == Verdict::Denied).count(), 1);

    // What nobody approved in seven days is not approved any more.
    let late = world.open(&counter, named("都農 花子")).await;
    world.pass(7 * 24 * 3600);
    let why = format!("case-approve {} nothing-waits", late.id);
    world.refused(&one, &why, world.approve(&one, &late)).await;
}

/// The auditor's extracts are on record for everybody in them, with the case.
#[tokio::test]
async fn t85_a_breach_query_of_two_persons_is_seen_by_whom_it_shows() {
    let world = World::town().await;
    let auditor = world.acting("auditor").await;
    // Alice's data went to a client.
    let given = Access {
        at: 1,
        request: "r".to_owned(),
        actor: "client:app".to_owned(),
        subjects: vec![ALICE],
        purpose: None,
        grant: None,
        grant_version: None,
        action: Action::Read,
        types: vec!["x:Person".to_owned()],
        attributes: vec!["x:name".to_owned()],
        decision: Verdict::Allowed,
        reason: "consented-reading".to_owned(),
        count: 1,
    };
    tsunagu_store::access::AccessLog::record(&*world.audit, &world.tenant, &given).await.unwrap();
    let case = world.open(&auditor, breach()).await;
    let why = format!("case-read incident {} not-approved", case.id);
    world.refused(&auditor, &why, world.read(&auditor, &case)).await;
    world.approve(&world.acting("approver").await, &case).await.unwrap();
    let Extracted::Breach(found) = world.read(&auditor, &case).await.unwrap() else {
        panic!("no breach");
    };
    assert_eq!((found.persons, found.threshold, found.above_threshold), (1, 100, false));
    assert_eq!(found.concerned[0].person, ALICE.to_string());
    let seen = world.told(ALICE).await;
    assert_eq!(seen[0].reason, format!("staff-case-of-two incident {}", case.id));
    assert_eq!(told(&seen[0]).unwrap().why.0, "漏えいなどの調査");
    assert!(world.told(BOB).await.is_empty());

    let entries = world.open(&auditor, Asked::LogEntries { from: 0, limit: 3 }).await;
    world.approve(&world.acting("both").await, &entries).await.unwrap();
    let Extracted::LogEntries(read) = world.read(&auditor, &entries).await.unwrap() else {
        panic!("no entries");
    };
    assert_eq!(read.iter().map(|entry| entry.index).collect::<Vec<_>>(), [0, 1, 2]);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anything_is_written() {
    let world = World::town().await;
    let counter = world.acting("counter").await;
    let before = world.logged().await.len();
    let long = "あ".repeat(3_000);
    for (note, hours, asked) in [
        ("", 1, about(ALICE)),
        ("   ", 1, about(ALICE)),
        (long.as_str(), 1, about(ALICE)),
        ("note", 0, about(ALICE)),
        ("note", 25, about(ALICE)),
        ("note", 1, Asked::Search { name: None, birth_date: None }),
        ("note", 1, named("\";name!=\"x")),
        ("note", 1, Asked::Search { name: None, birth_date: Some("yesterday".to_owned()) }),
        // A number with the check digit of an individual number (個人番号).
        ("番号は 123456789018 です", 1, about(ALICE)),
    ] {
        let opened =
            world.cases.open(&world.tenant, &counter, CaseReason::Inquiry, note, hours, asked);
        let told = opened.await.unwrap_err();
        assert_eq!(told.code.status(), 400, "{told}");
    }
    assert_eq!(world.logged().await.len(), before);
}

/// The log keeps what it is told for good, so that whoever asks for something tells it no text of theirs.
#[tokio::test]
async fn what_can_be_no_id_is_not_named_in_the_log() {
    let world = World::new().await;
    let operator = world.acting("operator").await;
    let (long, longest) = ("a".repeat(129), "a".repeat(128));
    for (id, named) in [
        ("20261130-3f9a11c2", "20261130-3f9a11c2"),
        ("urn:ngsi-ld:Case:1_a.b", "urn:ngsi-ld:Case:1_a.b"),
        (longest.as_str(), longest.as_str()),
        (long.as_str(), "unreadable"),
        ("1234-5678-9018", "unreadable"),
        ("123456789018", "unreadable"),
        ("staff-case inquiry 20261130-3f9a11c2", "unreadable"),
        ("都農花子", "unreadable"),
        ("a/b", "unreadable"),
    ] {
        let looked = world.cases.get(&world.tenant, &operator, id);
        let reason = format!("case-look {named} role-missing");
        let refused = world.refused(&operator, &reason, looked).await;
        assert_eq!(refused.code, ProblemCode::Forbidden, "{id}");
    }
}
