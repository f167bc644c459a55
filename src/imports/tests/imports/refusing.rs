//! Who may not, and what is written down about it.

use tsunagu_domain::ProblemCode;
use tsunagu_imports::{Answer, LoadState};

use crate::world::{World, acting, load_id, row, rows};

#[tokio::test]
async fn each_act_needs_its_role_and_a_refusal_is_one_entry() {
    let world = World::new();
    world.drop_file("juki-1.csv", &[rows(1, 3).concat(), row(4).replace("都農", "\u{E000}")]);
    world.work().await;
    let (imports, id) = (&world.imports, load_id("juki-1"));
    for name in ["counter", "auditor", "approver", "nobody"] {
        let by = acting(name);
        let missing = |act: &str| format!("{act} juki-1 role-missing");
        world.refused(&by, &missing("import-propose"), imports.propose(&by, &id, "")).await;
        world.refused(&by, &missing("import-force"), imports.force(&by, &id, "why")).await;
        world.refused(&by, &missing("import-rollback"), imports.roll_back(&by, &id, "why")).await;
        if name != "approver" {
            world.refused(&by, &missing("import-discard"), imports.discard(&by, &id, "why")).await;
            world.refused(&by, &missing("import-publish"), imports.publish(&by, &id, 1)).await;
        }
        if name != "counter" {
            let reason = missing("import-queue-read");
            Box::pin(world.refused(&by, &reason, imports.queue(&by, &id, 0, 10))).await;
            let decide = imports.decide(&by, &id, 5, "氏名", Answer::Refuse);
            world.refused(&by, &missing("import-decide"), decide).await;
        }
    }
    let nobody = acting("nobody");
    world.refused(&nobody, "imports-look role-missing", imports.list(&nobody)).await;
    world.refused(&nobody, "import-look juki-1 role-missing", imports.get(&nobody, &id)).await;
    let operator = acting("operator");
    let reason = "import-publish juki-1 role-missing";
    world.refused(&operator, reason, imports.publish(&operator, &id, 1)).await;
    assert_eq!(world.load("juki-1").await.state, LoadState::Waiting);
}

#[tokio::test]
async fn nobody_who_had_a_hand_in_it_publishes_it() {
    let world = World::new();
    world.drop_file("juki-1.csv", &[row(1), row(2).replace("都農", "\u{E000}")]);
    world.work().await;
    let (imports, id, both) = (&world.imports, load_id("juki-1"), acting("both"));
    imports.decide(&both, &id, 3, "氏名", Answer::Refuse).await.unwrap();
    world.work().await;
    imports.propose(&acting("operator"), &id, "").await.unwrap();
    let revision = world.load("juki-1").await.revision;
    let reason = "import-publish juki-1 own-request";
    let refused = world.refused(&both, reason, imports.publish(&both, &id, revision)).await;
    assert_eq!(refused.code, ProblemCode::Forbidden);
    assert!(world.names().is_empty());

    // What was seen is what is published.
    let approver = acting("approver");
    let reason = "import-publish juki-1 wrong-state";
    world.refused(&approver, reason, imports.publish(&approver, &id, revision - 1)).await;
    // Once it is proposed, nobody decides about its rows any more.
    let counter = acting("counter");
    let decide = imports.decide(&counter, &id, 3, "氏名", Answer::Refuse);
    world.refused(&counter, "import-decide juki-1 wrong-state", decide).await;
    imports.publish(&approver, &id, revision).await.unwrap();
    world.work().await;
    assert_eq!(world.names().len(), 1);
    let reason = "import-publish juki-1 wrong-state";
    world.refused(&approver, reason, imports.publish(&approver, &id, revision)).await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::new();
    world.drop_file("juki-1.csv", &rows(1, 2));
    world.work().await;
    let operator = acting("operator");
    for id in ["juki-2", "koseki-1"] {
        let id = load_id(id);
        let missing = [
            world.imports.get(&operator, &id).await.map(drop),
            world.imports.propose(&operator, &id, "").await,
            world.imports.queue(&operator, &id, 0, 1).await.map(drop),
            world.imports.roll_back(&operator, &id, "why").await.map(drop),
        ];
        for missing in missing {
            assert_eq!(missing.unwrap_err().code, ProblemCode::ResourceNotFound);
        }
    }
    for wrong in ["", "juki", "juki-", "juki-0", "juki-01", "juki-x", "-"] {
        assert!(wrong.parse::<tsunagu_imports::LoadId>().is_err(), "{wrong}");
    }
    let (id, reason) = (load_id("juki-1"), "import-rollback juki-1 wrong-state");
    world.refused(&operator, reason, world.imports.roll_back(&operator, &id, "why")).await;
    for note in ["x".repeat(501), "番号 123456789018".to_owned()] {
        assert!(world.imports.propose(&operator, &id, &note).await.is_err());
    }
}

#[tokio::test]
async fn who_decided_about_a_value_publishes_no_later_load_with_it() {
    let world = World::new();
    let odd = |n: usize| row(n).replace("都農　花子", "\u{E000}田");
    world.drop_file("juki-1.csv", &[row(1), odd(2)]);
    world.work().await;
    let (operator, both) = (acting("operator"), acting("both"));
    let answer = Answer::Take("𠮷田".to_owned());
    world.imports.decide(&both, &load_id("juki-1"), 3, "氏名", answer).await.unwrap();
    world.publish("juki-1").await;
    for (file, uses) in [("juki-2", true), ("juki-3", false)] {
        let second = if uses { odd(2) } else { row(2) };
        world.drop_file(&format!("{file}.csv"), &[row(1), second, row(3)]);
        world.work().await;
        let id = load_id(file);
        world.imports.propose(&operator, &id, "").await.unwrap();
        let load = world.load(file).await;
        assert_eq!(load.hands.iter().any(|who| both.is(who)), uses);
        let publish = world.imports.publish(&both, &id, load.revision);
        if uses {
            let reason = format!("import-publish {file} own-request");
            world.refused(&both, &reason, publish).await;
        } else {
            publish.await.unwrap();
        }
    }
}
