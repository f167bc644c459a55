//! From a file to what is published, and back.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use tsunagu_domain::ProblemCode;
use tsunagu_imports::{Difference, Format, LoadState, Loader};
use tsunagu_store::{Collection, Scan, Store as _};

use crate::world::{World, acting, load_id, row, rows};

#[tokio::test]
async fn a_file_is_published_by_a_second_person_alone() {
    let world = World::new();
    world.drop_file("juki.csv", &rows(1, 7));
    world.work().await;
    let load = world.load("juki-1").await;
    assert_eq!((load.state, load.counts.accepted, load.counts.rows), (LoadState::Waiting, 7, 7));
    let all = Difference { added: 7, ..Difference::default() };
    assert_eq!((load.difference, load.against), (Some(all), None));
    assert!(world.names().is_empty(), "nothing is published yet");

    let (operator, approver) = (acting("operator"), acting("approver"));
    let id = load_id("juki-1");
    world.imports.propose(&operator, &id, "毎月の更新").await.unwrap();
    world.work().await;
    assert!(world.names().is_empty(), "a proposal publishes nothing");
    let revision = world.load("juki-1").await.revision;
    world.imports.publish(&approver, &id, revision).await.unwrap();
    world.work().await;
    let load = world.load("juki-1").await;
    assert_eq!((load.state, world.names().len()), (LoadState::Published, 7));
    let acts: Vec<&str> = load.steps.iter().map(|step| step.act.as_str()).collect();
    assert_eq!(acts, ["found", "proposed", "approved", "published"]);
    let logged = world.logged().await;
    let reasons: Vec<&str> = logged.iter().map(|access| access.reason.as_str()).collect();
    assert!(reasons[0].starts_with("import-propose juki-1"), "{reasons:?}");
    assert!(reasons[1].starts_with("import-publish juki-1"), "{reasons:?}");
    assert_eq!(reasons.len(), 2, "looking at loads is no access to anybody's data");
}

#[tokio::test]
async fn the_next_file_changes_what_is_other_and_nothing_else() {
    let world =
        World::with(json!({ "ended": { "mark": { "attribute": "status", "value": "消除" } } }));
    world.drop_file("juki-1.csv", &rows(1, 10));
    world.publish("juki-1").await;
    let writes = *world.register.writes.lock().unwrap();
    let mut next = rows(2, 11);
    next[2] = row(4).replace("花子", "花枝");
    world.drop_file("juki-2.csv", &next);
    world.work().await;
    let load = world.load("juki-2").await;
    let found = Difference { added: 1, changed: 1, ended: 1, unchanged: 8 };
    assert_eq!((load.difference, load.against), (Some(found), Some(1)));
    world.publish("juki-2").await;
    assert_eq!(*world.register.writes.lock().unwrap() - writes, 3);
    let names = world.names();
    assert_eq!(names.len(), 11, "what ended stays, marked");
    assert!(names.contains(&"都農　花枝4".to_owned()));
    let status = |name: &str| {
        let kept = world.register.kept.lock().unwrap();
        kept.values().find(|record| record["name"] == name).unwrap()["status"].clone()
    };
    assert_eq!((status("都農　花子1"), status("都農　花子2")), (json!("消除"), json!("転入")));
    assert_eq!(world.load("juki-1").await.state, LoadState::Superseded);

    // Back: what ended is as it was, what was added is marked.
    let operator = acting("operator");
    let target =
        world.imports.roll_back(&operator, &load_id("juki-2"), "誤ったファイル").await.unwrap();
    assert_eq!(target, load_id("juki-1"));
    world.work().await;
    assert_eq!(world.load("juki-1").await.state, LoadState::Proposed, "a second person here too");
    world.approve("juki-1").await;
    world.work().await;
    assert_eq!((status("都農　花子1"), status("都農　花子11")), (json!("転入"), json!("消除")));
    assert!(world.names().contains(&"都農　花子4".to_owned()));
    assert_eq!(world.load("juki-1").await.state, LoadState::Published);
    // And forth again.
    world.imports.roll_back(&operator, &load_id("juki-1"), "やはり正しかった").await.unwrap();
    world.work().await;
    world.approve("juki-2").await;
    world.work().await;
    assert!(world.names().contains(&"都農　花枝4".to_owned()));
}

#[tokio::test]
async fn what_ends_is_kept_or_deleted_as_the_layout_says() {
    for (ended, left) in [(json!("keep"), 10), (json!("delete"), 9)] {
        let world = World::with(json!({ "ended": ended }));
        world.drop_file("juki-1.csv", &rows(1, 10));
        world.publish("juki-1").await;
        world.drop_file("juki-2.csv", &rows(1, 9));
        world.publish("juki-2").await;
        assert_eq!(world.names().len(), left);
    }
}

#[tokio::test]
async fn half_a_file_is_held_until_an_operator_says_why() {
    let world = World::with(json!({ "ended": "delete" }));
    world.drop_file("juki-1.csv", &rows(1, 10));
    world.publish("juki-1").await;
    world.drop_file("juki-2.csv", &rows(1, 7));
    world.work().await;
    assert_eq!(world.load("juki-2").await.state, LoadState::Held);
    let (operator, id) = (acting("operator"), load_id("juki-2"));
    let reason = "import-propose juki-2 wrong-state";
    world.refused(&operator, reason, world.imports.propose(&operator, &id, "")).await;
    assert!(world.imports.force(&operator, &id, " ").await.is_err(), "a reason is needed");
    world.imports.force(&operator, &id, "3世帯の転出").await.unwrap();
    assert_eq!(world.names().len(), 10, "still a second person");
    world.approve("juki-2").await;
    world.work().await;
    assert_eq!(world.names().len(), 7);
}

#[tokio::test]
async fn a_row_that_is_not_taken_over_ends_nothing() {
    let world = World::with(json!({ "ended": "delete", "max_ended_percent": 50 }));
    world.drop_file("juki-1.csv", &rows(1, 10));
    world.publish("juki-1").await;
    let mut next = rows(1, 10);
    next[3] = "0004,\u{E000}田,転入\r\n".to_owned();
    next[4] = "0005,,転入\r\n".to_owned();
    world.drop_file("juki-2.csv", &next);
    world.publish("juki-2").await;
    assert_eq!(world.names().len(), 10);
    assert!(world.names().contains(&"都農　花子4".to_owned()), "as it was");
    // What was withheld is what the next file is compared with.
    world.drop_file("juki-3.csv", &rows(1, 10));
    world.work().await;
    let same = Difference { unchanged: 10, ..Difference::default() };
    assert_eq!(world.load("juki-3").await.difference, Some(same));

    // A row that does not say whose it is may be the one that seems to end.
    let mut next = rows(1, 10);
    next[3] = "4,都農　花子4,転入\r\n".to_owned();
    world.drop_file("juki-4.csv", &next);
    world.work().await;
    let load = world.load("juki-4").await;
    assert_eq!((load.state, load.counts.unidentified), (LoadState::Held, 1));
    assert_eq!(world.load("juki-3").await.state, LoadState::Discarded, "there is a newer file");
}

#[tokio::test]
async fn what_the_register_does_not_take_is_told_and_the_others_go_on() {
    for code in [ProblemCode::BadRequestData, ProblemCode::Forbidden, ProblemCode::AlreadyExists] {
        let world = World::new();
        world.drop_file("juki-1.csv", &rows(1, 7));
        world.publish("juki-1").await;
        let ids: Vec<String> = world.register.kept.lock().unwrap().keys().cloned().collect();
        let refused = [(ids[2].clone(), code), (ids[5].clone(), code)];
        world.register.refuses.lock().unwrap().extend(refused);
        let next: Vec<String> = (1..=7).map(|n| row(n).replace("花子", "花枝")).collect();
        world.drop_file("juki-2.csv", &next);
        world.publish("juki-2").await;
        assert_eq!(world.load("juki-2").await.failed, 2, "{code:?}");
        assert_eq!(world.names().iter().filter(|name| name.contains("花枝")).count(), 5);
        let id = load_id("juki-2");
        let report = world.imports.report(&acting("operator"), &id, Format::Ndjson).await.unwrap();
        let report = String::from_utf8(report).unwrap();
        assert_eq!(report.matches("\"platform\"").count(), 2, "{report}");
        let told = |n: &usize| report.contains(&ids[*n]);
        assert_eq!((0..7).filter(told).collect::<Vec<_>>(), [2, 5], "{report}");
        // It is tried again with the next file, whatever that says of it.
        world.register.refuses.lock().unwrap().clear();
        world.drop_file("juki-3.csv", &next);
        world.work().await;
        let again = Difference { changed: 2, unchanged: 5, ..Difference::default() };
        assert_eq!(world.load("juki-3").await.difference, Some(again));
        world.publish("juki-3").await;
        assert_eq!(world.names().iter().filter(|name| name.contains("花枝")).count(), 7);
    }
}

#[tokio::test]
async fn a_report_says_where_and_never_what() {
    let world = World::new();
    let bad = ["0001,\u{E000}田,\r\n", "0002,都農　花子,転入\r\n", "3,日向　太郎,\r\n"];
    let text = format!("{}{}", crate::world::HEADER, bad.concat());
    let cp932 = encoding_rs::SHIFT_JIS.encode(&text.replace('\u{E000}', "!")).0.into_owned();
    let at = cp932.iter().position(|byte| *byte == b'!').unwrap();
    let bytes = [&cp932[..at], &[0xF0, 0x40], &cp932[at + 1..]].concat();
    std::fs::write(world.folder.path().join("juki.csv"), bytes).unwrap();
    world.work().await;
    let (id, auditor) = (load_id("juki-1"), acting("auditor"));
    let csv = world.imports.report(&auditor, &id, Format::Csv).await.unwrap();
    let (csv, _, lossy) = encoding_rs::SHIFT_JIS.decode(&csv);
    assert!(
        !lossy && csv.contains("2,氏名,to-decide,gaiji") && csv.contains("zeros-lost"),
        "{csv}"
    );
    let lines = world.imports.report(&auditor, &id, Format::Ndjson).await.unwrap();
    let lines = String::from_utf8(lines).unwrap();
    for told in [&*csv, &lines, &format!("{:?}", world.load("juki-1").await)] {
        assert!(!told.contains("日向") && !told.contains('田') && !told.contains("0000000003"));
    }
}

#[tokio::test]
async fn files_that_cannot_be_right_are_told_once_and_rows_that_nobody_needs_are_deleted() {
    let world = World::new();
    world.drop_file("juki-1.csv", &["\"\r\n".to_owned()]);
    std::fs::write(world.folder.path().join("juki-1.csv"), "番号,氏名\r\n").unwrap();
    world.work().await;
    assert_eq!(world.load("juki-1").await.state, LoadState::Refused);
    world.work().await;
    assert!(world.imports.list(&acting("auditor")).await.unwrap().len() == 1);

    let rows_of = async |number: u64| {
        let prefix = [b"juki\0".as_slice(), &number.to_be_bytes()].concat();
        let scan = Scan { prefix, limit: 100, ..Scan::default() };
        let tenant = "tsuno".parse().unwrap();
        world.store.records(&tenant, Collection("import-row"), &scan).await.unwrap().len()
    };
    for file in 2..=4 {
        world.drop_file(&format!("juki-{file}.csv"), &rows(1, 5 + file));
        world.publish(&format!("juki-{file}")).await;
    }
    assert_eq!((rows_of(2).await, rows_of(3).await, rows_of(4).await), (0, 8, 9));
    world.drop_file("juki-5.csv", &rows(1, 12));
    world.work().await;
    let (operator, five) = (acting("operator"), load_id("juki-5"));
    world.imports.discard(&operator, &five, "別のファイル").await.unwrap();
    world.work().await;
    assert_eq!((rows_of(5).await, world.load("juki-5").await.state), (0, LoadState::Discarded));
}

/// The ids of so many records, as a world like the others publishes them.
async fn record_ids(count: usize) -> Vec<String> {
    let world = World::new();
    world.drop_file("juki.csv", &rows(1, count));
    world.publish("juki-1").await;
    let kept = world.register.kept.lock().unwrap();
    kept.keys().cloned().collect()
}

#[tokio::test]
async fn what_says_nothing_of_a_record_stops_a_load_until_it_is_over() {
    let world = World::new();
    world.drop_file("juki.csv", &rows(1, 7));
    world.work().await;
    let (operator, id) = (acting("operator"), load_id("juki-1"));
    world.imports.propose(&operator, &id, "").await.unwrap();
    world.approve("juki-1").await;
    let mut loader = Loader::new(Arc::clone(&world.imports));
    for code in [
        ProblemCode::Forbidden,
        ProblemCode::Unauthorized,
        ProblemCode::Conflict,
        ProblemCode::Unavailable,
    ] {
        *world.register.says.lock().unwrap() = Some(code);
        assert_eq!(loader.step().await.unwrap_err().code, code);
        let load = world.load("juki-1").await;
        assert_eq!((load.state, load.failed), (LoadState::Publishing, 0), "{code:?}");
    }
    *world.register.says.lock().unwrap() = None;
    while world.names().is_empty() {
        loader.step().await.unwrap();
    }
    // One record that loses a race, or that nobody could be asked about, is no record that is refused.
    for code in [ProblemCode::Conflict, ProblemCode::Unavailable, ProblemCode::InternalError] {
        let every = record_ids(7).await;
        world.register.refuses.lock().unwrap().extend(every.into_iter().map(|id| (id, code)));
        assert_eq!(loader.step().await.unwrap_err().code, code);
        assert_eq!(world.load("juki-1").await.state, LoadState::Publishing, "{code:?}");
        world.register.refuses.lock().unwrap().clear();
    }
    world.work().await;
    let load = world.load("juki-1").await;
    assert_eq!((load.state, load.failed), (LoadState::Published, 0));
    assert_eq!(world.names().len(), 7);
}

#[tokio::test]
async fn an_end_that_the_register_does_not_take_is_tried_again() {
    for ended in [json!("delete"), json!({ "mark": { "attribute": "status", "value": "消除" } })]
    {
        let world = World::with(json!({ "ended": ended }));
        world.drop_file("juki-1.csv", &rows(1, 10));
        world.publish("juki-1").await;
        let ends = {
            let kept = world.register.kept.lock().unwrap();
            let found = kept.iter().find(|(_, record)| record["name"] == "都農　花子10");
            found.unwrap().0.clone()
        };
        world.register.refuses.lock().unwrap().insert(ends, ProblemCode::Forbidden);
        world.drop_file("juki-2.csv", &rows(1, 9));
        world.publish("juki-2").await;
        assert_eq!((world.load("juki-2").await.failed, world.names().len()), (1, 10));
        world.register.refuses.lock().unwrap().clear();
        let mut next = rows(1, 9);
        next[0] = row(1).replace("花子", "花枝");
        world.drop_file("juki-3.csv", &next);
        world.work().await;
        let again = Difference { ended: 1, changed: 1, unchanged: 8, ..Difference::default() };
        assert_eq!(world.load("juki-3").await.difference, Some(again));
        world.publish("juki-3").await;
        let kept = world.register.kept.lock().unwrap();
        let last = kept.values().find(|record| record["name"] == "都農　花子10");
        assert!(last.is_none_or(|record| record["status"] == "消除"));
    }
}

#[tokio::test]
async fn a_layout_that_fails_keeps_no_other_waiting() {
    let world = World::with(json!({ "beside": "/nowhere/at/all" }));
    world.drop_file("juki.csv", &rows(1, 20));
    let stop = CancellationToken::new();
    let hour = Duration::from_hours(1);
    let loader = tokio::spawn(Loader::new(Arc::clone(&world.imports)).run(hour, stop.clone()));
    let waits = async {
        loop {
            let loads = world.imports.list(&acting("auditor")).await.unwrap();
            if loads.iter().any(|load| load.state == LoadState::Waiting) {
                break loads[0].counts.accepted;
            }
            tokio::task::yield_now().await;
        }
    };
    let accepted = tokio::time::timeout(Duration::from_mins(1), waits).await;
    stop.cancel();
    loader.await.unwrap();
    assert_eq!(accepted, Ok(20), "every batch, without a wait between them");
}
