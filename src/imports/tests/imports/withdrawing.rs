//! Decisions that are kept: who sees them, and what their withdrawal does.

use tsunagu_domain::ProblemCode;
use tsunagu_imports::{Answer, DecidedValue, KeptDecision, LoadState, Loader};
use tsunagu_store::access::Action;
use tsunagu_store::{Collection, Scan, Store as _};

use crate::world::{World, acting, load_id, row, rows};

fn gaiji(n: usize) -> String {
    row(n).replace(&format!("都農　花子{n}"), "\u{E000}田")
}

fn take(text: &str) -> Answer {
    Answer::Take(text.to_owned())
}

/// One load that was read by the decision that `\u{E000}田` is 𠮷田, and waits.
async fn decided() -> World {
    let world = World::new();
    world.drop_file("juki-1.csv", &[rows(1, 4).concat(), gaiji(5), gaiji(6)]);
    world.work().await;
    let counter = acting("counter");
    world.imports.decide(&counter, &load_id("juki-1"), 6, "氏名", take("𠮷田")).await.unwrap();
    world.work().await;
    world
}

async fn the_decision(world: &World) -> KeptDecision {
    let all = world.imports.decisions(&acting("operator"), "juki", None, 10, true).await.unwrap();
    assert_eq!(all.len(), 1);
    all.into_iter().next().unwrap()
}

#[tokio::test]
async fn decisions_are_listed_with_the_value_for_those_who_may_see_the_queue() {
    let world = decided().await;
    let damaged = |n: usize| format!("{n:04},5.0E+03,転入\r\n");
    world.drop_file("juki-2.csv", &[row(1), damaged(2)]);
    world.work().await;
    let operator = acting("operator");
    world.imports.decide(&operator, &load_id("juki-2"), 3, "氏名", Answer::Refuse).await.unwrap();
    let of = |name: &'static str| {
        let world = &world;
        async move {
            let list = world.imports.decisions(&acting(name), "juki", None, 10, true).await;
            let mut all = list.unwrap();
            all.sort_by_key(|decision| decision.refused);
            all
        }
    };
    for name in ["counter", "operator"] {
        let all = of(name).await;
        let one = DecidedValue {
            written: Some("\u{E000}田".to_owned()),
            take: Some("𠮷田".to_owned()),
        };
        let other = DecidedValue { written: Some("5.0E+03".to_owned()), take: None };
        assert_eq!(all[0].value, Some(one));
        assert_eq!(all[1].value, Some(other));
        assert_eq!((all[0].by.as_str(), all[1].by.as_str()), ("counter", "operator"));
        assert_eq!((all[0].refused, all[1].refused), (false, true));
        assert_eq!((&all[0].only, &all[1].only), (&None, &Some((load_id("juki-2"), 3))));
        assert!(all.iter().all(|decision| decision.column.as_deref() == Some("氏名")));
        assert!(!format!("{all:?}").contains('田'), "no value in what is logged of it");
    }
    for name in ["auditor", "approver"] {
        let all = of(name).await;
        assert!(all.len() == 2 && all.iter().all(|decision| decision.value.is_none()), "{name}");
    }
    let first = &of("counter").await[..];
    let counter = acting("counter");
    let ids = async |from: Option<&str>| {
        let list = world.imports.decisions(&counter, "juki", from, 1, true).await.unwrap();
        list.into_iter().next().map(|decision| decision.id)
    };
    let one = ids(None).await;
    let two = ids(one.as_deref()).await;
    assert!(two.is_some() && one != two && ids(two.as_deref()).await.is_none(), "page by page");
    assert!(first.iter().all(|decision| [&one, &two].contains(&&Some(decision.id.clone()))));

    let logged = world.logged().await;
    let looks: Vec<_> =
        logged.iter().filter(|a| a.reason == "import-decisions-read juki").collect();
    let by = |actor: &str| looks.iter().find(|look| look.actor == actor).unwrap();
    assert_eq!((by("staff:counter").action, by("staff:counter").count), (Action::Read, 2));
    assert!(by("staff:counter").attributes[0].ends_with("name"));
    assert!(by("staff:auditor").attributes.is_empty(), "they saw no value");
    assert!(!format!("{logged:?}").contains('田'), "no value is in the log");
}

#[tokio::test]
async fn a_withdrawal_makes_the_rows_of_a_load_wait_again() {
    for proposed in [false, true] {
        let world = decided().await;
        let before = world.load("juki-1").await;
        assert_eq!((before.counts.to_decide, before.counts.accepted), (0, 6));
        if proposed {
            world.imports.propose(&acting("operator"), &load_id("juki-1"), "").await.unwrap();
        }
        let seen = world.load("juki-1").await.revision;
        let id = the_decision(&world).await.id;
        world.imports.withdraw(&acting("counter"), "juki", &id).await.unwrap();
        assert_eq!(world.load("juki-1").await.state, LoadState::Clearing);
        // Cut off anywhere, it goes on.
        let world = world.restarted();
        let mut loader = Loader::new(std::sync::Arc::clone(&world.imports));
        assert!(loader.step().await.unwrap());
        drop(loader);
        let world = world.restarted();
        world.work().await;
        let load = world.load("juki-1").await;
        assert_eq!((load.state, load.counts.to_decide), (LoadState::Waiting, 2));
        assert_eq!((load.counts.rows, load.counts.accepted), (6, 4));
        assert_eq!(load.difference.unwrap().added, 4, "what waits is not among what is added");
        let last = load.steps.last().unwrap();
        assert_eq!(
            (last.act.as_str(), last.by.as_ref().unwrap().name.as_str()),
            ("withdrawn", "counter")
        );
        let late = world.imports.publish(&acting("approver"), &load_id("juki-1"), seen).await;
        assert_eq!(late.unwrap_err().code, ProblemCode::Conflict);
        // Another decision counts, and nothing is left of the first.
        let counter = acting("counter");
        world.imports.decide(&counter, &load_id("juki-1"), 6, "氏名", take("吉田")).await.unwrap();
        world.publish("juki-1").await;
        let names = world.names();
        assert_eq!(names.iter().filter(|name| *name == "吉田").count(), 2);
        assert!(!names.iter().any(|name| name == "𠮷田"));
    }
}

#[tokio::test]
async fn a_withdrawal_never_changes_what_is_published_nor_what_is_gone_back_to() {
    let world = decided().await;
    world.publish("juki-1").await;
    let id = the_decision(&world).await.id;
    // A load that was not read by the decision goes on as it is.
    world.drop_file("juki-2.csv", &[rows(1, 4).concat(), row(5), row(6)]);
    world.work().await;
    let before = world.load("juki-2").await;
    let kept = world.register.kept.lock().unwrap().clone();
    world.imports.withdraw(&acting("operator"), "juki", &id).await.unwrap();
    world.work().await;
    assert_eq!(*world.register.kept.lock().unwrap(), kept);
    assert_eq!(world.load("juki-2").await, before);
    assert_eq!(world.load("juki-1").await.state, LoadState::Published);
    assert!(
        world
            .imports
            .decisions(&acting("counter"), "juki", None, 10, true)
            .await
            .unwrap()
            .is_empty()
    );

    world.publish("juki-2").await;
    world.imports.roll_back(&acting("operator"), &load_id("juki-2"), "why").await.unwrap();
    world.work().await;
    world.approve("juki-1").await;
    world.work().await;
    assert_eq!(*world.register.kept.lock().unwrap(), kept, "what was published before");
    // The next file is asked about.
    world.drop_file("juki-3.csv", &[rows(1, 5).concat(), gaiji(6)]);
    world.work().await;
    assert_eq!(world.load("juki-3").await.counts.to_decide, 1);
    assert_eq!(world.load("juki-3").await.difference.unwrap().ended, 0);
}

#[tokio::test]
async fn a_withdrawal_in_the_midst_of_reading_leaves_no_row_read_by_the_decision() {
    let world = decided().await;
    world.publish("juki-1").await;
    let mut second = rows(1, 20);
    second[1] = gaiji(2);
    second[15] = gaiji(16);
    for steps in 1..9 {
        let name = format!("juki-{}", steps + 1);
        let more = [second.clone(), vec![row(20 + steps)]].concat();
        world.drop_file(&format!("{name}.csv"), &more);
        let mut loader = Loader::new(std::sync::Arc::clone(&world.imports));
        for _ in 0..steps {
            assert!(loader.step().await.unwrap());
        }
        let id = the_decision(&world).await.id;
        world.imports.withdraw(&acting("counter"), "juki", &id).await.unwrap();
        // The same process goes on with the file that it has open.
        while loader.step().await.unwrap() {}
        let load = world.load(&name).await;
        assert_eq!((load.counts.to_decide, load.counts.rows), (2, 21), "{steps}");
        assert_eq!((load.counts.accepted, load.counts.refused), (19, 0), "{steps}");
        let counter = acting("counter");
        world.imports.decide(&counter, &load_id(&name), 3, "氏名", take("𠮷田")).await.unwrap();
        while loader.step().await.unwrap() {}
    }
}

#[tokio::test]
async fn what_a_load_was_read_by_goes_with_its_rows() {
    let world = decided().await;
    world.imports.discard(&acting("operator"), &load_id("juki-1"), "why").await.unwrap();
    world.work().await;
    let scan = Scan { limit: 10, ..Scan::default() };
    let tenant = "tsuno".parse().unwrap();
    let used = world.store.records(&tenant, Collection("import-used"), &scan).await.unwrap();
    assert!(used.is_empty());
}

#[tokio::test]
async fn each_needs_its_role_and_a_decision_that_is_there() {
    let world = decided().await;
    let id = the_decision(&world).await.id;
    for name in ["auditor", "approver", "nobody"] {
        let by = acting(name);
        let reason = "import-decision-withdraw juki role-missing";
        world.refused(&by, reason, world.imports.withdraw(&by, "juki", &id)).await;
    }
    let nobody = acting("nobody");
    let reason = "import-decisions-read juki role-missing";
    let looked = world.imports.decisions(&nobody, "juki", None, 10, true);
    world.refused(&nobody, reason, looked).await;
    let counter = acting("counter");
    let other = "0".repeat(64);
    for (layout, id) in [("koseki", id.as_str()), ("juki", "x"), ("juki", ""), ("juki", &other)] {
        let refused = world.imports.withdraw(&counter, layout, id).await.unwrap_err();
        assert_eq!(refused.code, ProblemCode::ResourceNotFound, "{layout} {id}");
    }
    for (layout, after) in [("koseki", None), ("juki", Some("x"))] {
        let refused = world.imports.decisions(&counter, layout, after, 10, true).await.unwrap_err();
        assert_eq!(refused.code, ProblemCode::ResourceNotFound, "{layout}");
    }
    world.imports.withdraw(&counter, "juki", &id).await.unwrap();
    let again = world.imports.withdraw(&counter, "juki", &id).await.unwrap_err();
    assert_eq!(again.code, ProblemCode::ResourceNotFound);
    let logged = world.logged().await;
    let entry = logged.iter().find(|a| a.reason == "import-decision-withdraw juki").unwrap();
    assert_eq!((entry.action, entry.actor.as_str()), (Action::Write, "staff:counter"));
    assert!(entry.types[0].ends_with("/ResidentRecord"));
}
