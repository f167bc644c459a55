//! The queue of values that a person decides about.

use tsunagu_domain::ProblemCode;
use tsunagu_imports::{Answer, Difference, LoadState, Loader};
use tsunagu_store::access::Action;
use tsunagu_store::{Collection, Scan, Store as _};

use crate::world::{World, acting, load_id, row, rows};

fn gaiji(n: usize) -> String {
    row(n).replace("都農　花子", "\u{E000}田")
}

#[tokio::test]
async fn a_decision_holds_for_the_value_in_this_load_and_in_later_ones() {
    let world = World::new();
    let mut first = rows(1, 8);
    first[1] = "0002,\u{E000}田,転入\r\n".to_owned();
    first[4] = "0005,\u{E000}田,転入\r\n".to_owned();
    first[6] = "7,日向　太郎,転入\r\n".to_owned();
    world.drop_file("juki-1.csv", &first);
    world.work().await;
    let load = world.load("juki-1").await;
    assert_eq!(
        (load.state, load.counts.to_decide, load.counts.accepted),
        (LoadState::Waiting, 3, 5)
    );

    let (counter, id) = (acting("counter"), load_id("juki-1"));
    let queue = world.imports.queue(&counter, &id, 0, 10).await.unwrap();
    let asked: Vec<(u64, &str, &str, &str, Option<&str>)> = queue
        .iter()
        .flat_map(|item| item.questions.iter().map(move |q| (item.line, q)))
        .map(|(line, q)| (line, &*q.column, q.rule, &*q.written, q.repair.as_deref()))
        .collect();
    assert_eq!(
        asked,
        [
            (3, "氏名", "gaiji", "\u{E000}田", None),
            (6, "氏名", "gaiji", "\u{E000}田", None),
            (8, "住民番号", "zeros-lost", "7", Some("0007")),
        ]
    );
    assert_eq!(world.imports.queue(&counter, &id, 6, 10).await.unwrap().len(), 1, "page by page");

    // One decision settles both rows.
    let take = |text: &str| Answer::Take(text.to_owned());
    world.imports.decide(&counter, &id, 3, "氏名", take("𠮷田")).await.unwrap();
    world.imports.decide(&counter, &id, 8, "住民番号", take("0007")).await.unwrap();
    world.work().await;
    let load = world.load("juki-1").await;
    assert_eq!((load.counts.to_decide, load.counts.accepted, load.counts.unidentified), (0, 8, 0));
    assert_eq!(load.state, LoadState::Waiting);
    world.publish("juki-1").await;
    assert_eq!(world.names().iter().filter(|name| *name == "𠮷田").count(), 2);

    // And nothing is asked again.
    world.drop_file("juki-2.csv", &first);
    world.work().await;
    let load = world.load("juki-2").await;
    assert_eq!((load.counts.to_decide, load.difference.unwrap().unchanged), (0, 8));

    let logged = world.logged().await;
    let looked: Vec<_> = logged.iter().filter(|a| a.reason == "import-queue-read juki-1").collect();
    assert_eq!((looked.len(), looked[0].count, looked[0].action), (2, 3, Action::Read));
    assert!(looked[0].types[0].ends_with("/ResidentRecord"));
    let terms: Vec<&str> =
        looked[0].attributes.iter().filter_map(|a| a.rsplit('/').next()).collect();
    assert_eq!(terms, ["municipalNumber", "name"]);
    assert!(!format!("{logged:?}").contains('田'), "no value is in the log");
}

#[tokio::test]
async fn a_refused_value_is_refused_in_later_loads() {
    let world = World::new();
    world.drop_file("juki-1.csv", &[row(1), gaiji(2)]);
    world.work().await;
    let (operator, id) = (acting("operator"), load_id("juki-1"));
    world.imports.decide(&operator, &id, 3, "氏名", Answer::Refuse).await.unwrap();
    world.work().await;
    let load = world.load("juki-1").await;
    assert_eq!((load.counts.accepted, load.counts.refused, load.counts.to_decide), (1, 1, 0));
    world.drop_file("juki-2.csv", &[row(1), gaiji(2)]);
    world.work().await;
    assert_eq!(world.load("juki-2").await.counts.refused, 1);
}

#[tokio::test]
async fn a_decision_must_be_better_than_what_was_written() {
    let world = World::new();
    world.drop_file("juki-1.csv", &[gaiji(1), row(2)]);
    world.work().await;
    let (counter, id) = (acting("counter"), load_id("juki-1"));
    for (text, code) in [
        ("\u{E001}田", ProblemCode::BadRequestData),
        ("", ProblemCode::BadRequestData),
        ("田\u{FFFD}", ProblemCode::BadRequestData),
        ("123456789018", ProblemCode::IndividualNumber),
        ("1.23456789018E+11", ProblemCode::IndividualNumber),
    ] {
        let answer = Answer::Take(text.to_owned());
        let refused = world.imports.decide(&counter, &id, 2, "氏名", answer).await.unwrap_err();
        assert_eq!(refused.code, code, "{text}");
    }
    for (line, column) in [(2, "住民番号"), (3, "氏名"), (9, "氏名")] {
        let refused = world.imports.decide(&counter, &id, line, column, Answer::Refuse).await;
        assert_eq!(refused.unwrap_err().code, ProblemCode::ResourceNotFound, "{line} {column}");
    }
    assert_eq!(world.load("juki-1").await.counts.to_decide, 1);
}

#[tokio::test]
async fn a_number_that_is_mended_to_one_that_is_there_is_refused() {
    let world = World::new();
    world.drop_file("juki-1.csv", &[row(1), "1,日向　太郎,\r\n".to_owned()]);
    world.work().await;
    let (counter, id) = (acting("counter"), load_id("juki-1"));
    let answer = Answer::Take("0001".to_owned());
    world.imports.decide(&counter, &id, 3, "住民番号", answer).await.unwrap();
    world.work().await;
    let load = world.load("juki-1").await;
    assert_eq!((load.counts.accepted, load.counts.refused), (1, 1));
    world.publish("juki-1").await;
    assert_eq!(world.names(), ["都農　花子1"]);
}

#[tokio::test]
async fn a_decision_about_what_has_lost_its_meaning_is_for_one_line_of_one_load() {
    let world = World::new();
    let damaged = |n: usize| format!("{n:04},5.0E+03,転入\r\n");
    world.drop_file("juki-1.csv", &[row(1), damaged(2), damaged(3)]);
    world.work().await;
    let (counter, id) = (acting("counter"), load_id("juki-1"));
    let take = |text: &str| Answer::Take(text.to_owned());
    world.imports.decide(&counter, &id, 3, "氏名", take("都農　太郎")).await.unwrap();
    world.work().await;
    let load = world.load("juki-1").await;
    assert_eq!((load.counts.accepted, load.counts.to_decide), (2, 1), "the other is asked about");
    world.imports.decide(&counter, &id, 4, "氏名", take("都農　次郎")).await.unwrap();
    world.publish("juki-1").await;
    assert_eq!(world.names(), ["都農　太郎", "都農　次郎", "都農　花子1"]);
    world.drop_file("juki-2.csv", &[row(1), damaged(2), damaged(3)]);
    world.work().await;
    assert_eq!(world.load("juki-2").await.counts.to_decide, 2, "another file is asked about anew");
    // Nobody guesses whose row it is.
    world.drop_file("juki-3.csv", &[row(1), "5.0E+03,都農　花子,転入\r\n".to_owned()]);
    world.work().await;
    let counts = world.load("juki-3").await.counts;
    assert_eq!((counts.to_decide, counts.refused, counts.unidentified), (0, 1, 1));
}

#[tokio::test]
async fn t76_an_individual_number_is_neither_decided_nor_kept_in_a_row_that_waits() {
    let world = World::new();
    let path = world.folder.path().join("juki-1.csv");
    let header = "住民番号,氏名,異動区分,備考\r\n";
    std::fs::write(&path, format!("{header}1234,\u{E000}田,9018,秘密の備考\r\n")).unwrap();
    world.work().await;
    let scan = Scan { limit: 10, ..Scan::default() };
    let tenant = "tsuno".parse().unwrap();
    let waiting = world.store.records(&tenant, Collection("import-waiting"), &scan).await.unwrap();
    let kept = String::from_utf8_lossy(&waiting[0].1.value).into_owned();
    assert!(kept.contains("9018") && !kept.contains("秘密"), "{kept}");
    let answer = Answer::Take("5678".to_owned());
    let id = load_id("juki-1");
    let refused = world.imports.decide(&acting("counter"), &id, 2, "氏名", answer).await;
    assert_eq!(refused.unwrap_err().code, ProblemCode::IndividualNumber);
}

/// What publishing would change is counted on with each decision: the load, however long, is not compared anew.
#[tokio::test]
async fn a_decision_costs_what_waits_and_counts_as_a_whole_comparison_would() {
    let layout = || World::with(serde_json::json!({ "ended": "delete", "max_ended_percent": 50 }));
    let odd = |n: usize, name: &str| format!("{n:04},{name},転入\r\n");
    let first = rows(1, 8);
    let next = [
        odd(1, "\u{E000}一"),
        odd(2, "\u{E000}二"),
        odd(3, "\u{E000}三"),
        odd(9, "\u{E000}四"),
        row(4),
        "5,都農　花子5,転入\r\n".to_owned(),
        "6,,転入\r\n".to_owned(),
        "7,\u{E000}五,転入\r\n".to_owned(),
    ];
    let decisions = [
        (2, "氏名", Answer::Take("都農　花子1".to_owned())),
        (3, "氏名", Answer::Take("𠮷田".to_owned())),
        (4, "氏名", Answer::Refuse),
        (5, "氏名", Answer::Take("都農　花代".to_owned())),
        (7, "住民番号", Answer::Take("0005".to_owned())),
        (9, "住民番号", Answer::Take("0007".to_owned())),
    ];
    let world = layout();
    world.drop_file("juki-1.csv", &first);
    world.publish("juki-1").await;
    world.drop_file("juki-2.csv", &next);
    world.work().await;
    let (counter, id) = (acting("counter"), load_id("juki-2"));
    for (line, column, answer) in decisions {
        world.imports.decide(&counter, &id, line, column, answer).await.unwrap();
        let mut loader = Loader::new(std::sync::Arc::clone(&world.imports));
        let mut steps = 0;
        while loader.step().await.unwrap() {
            steps += 1;
            assert_ne!(world.load("juki-2").await.state, LoadState::Comparing);
        }
        assert_eq!(steps, 1, "line {line}");
    }
    let stepwise = world.load("juki-2").await;
    // 1, 3, 4, 5 and 7 are as they were, the last two because nobody took their rows over; 6 does not say whose it is, 8 is not there.
    let expected = Difference { added: 1, changed: 1, ended: 2, unchanged: 5 };
    assert_eq!(stepwise.difference, Some(expected));
    // The same file with the same decisions, compared as a whole.
    world.drop_file("juki-3.csv", &next);
    world.work().await;
    let compared = world.load("juki-3").await;
    assert_eq!(compared.difference, stepwise.difference);
    assert_eq!(compared.state, stepwise.state);
    assert_eq!(compared.counts, stepwise.counts);
}

#[tokio::test]
async fn a_look_at_a_row_is_told_to_whom_its_record_is_linked() {
    let world = World::new();
    world.drop_file("juki-1.csv", &rows(1, 4));
    world.publish("juki-1").await;
    let ids = tsunagu_domain::SeededIds::new(9);
    let (mut people, mut looked) = (Vec::new(), Vec::new());
    let kept = world.register.kept.lock().unwrap().clone();
    for (id, record) in kept {
        let person = tsunagu_domain::TsunoId::generate(&ids);
        if ["都農　花子2", "都農　花子3"].contains(&record["name"].as_str().unwrap()) {
            people.push(person);
        }
        world.register.linked.lock().unwrap().insert(id, person);
    }
    world.drop_file("juki-2.csv", &[row(1), gaiji(2), gaiji(3), row(4), gaiji(5)]);
    world.work().await;
    let (counter, id) = (acting("counter"), load_id("juki-2"));
    for after in [0, 3] {
        world.imports.queue(&counter, &id, after, 10).await.unwrap();
    }
    let logged = world.logged().await;
    for access in logged.iter().filter(|a| a.reason == "import-queue-read juki-2") {
        let mut subjects = access.subjects.clone();
        subjects.sort_unstable();
        looked.push(subjects);
    }
    people.sort_unstable();
    assert_eq!(looked[0], people, "and nobody of rows that were not shown, or of a new record");
    assert_eq!(looked[1].len(), 1, "the second page shows the other row alone");
}
