//! Files that members hand over in pieces.

use std::path::Path;
use std::sync::Arc;

use tsunagu_domain::ProblemCode;
use tsunagu_imports::{LoadState, Loader, Purpose};

use crate::world::{HEADER, World, acting, load_id, row, rows};

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn text(rows: &[String]) -> String {
    format!("{HEADER}{}", rows.concat())
}

/// Hands a file over, in pieces of a few bytes.
async fn hand_over(world: &World, name: &str, text: &str) -> Result<(), tsunagu_domain::Problem> {
    let (by, imports) = (acting("operator"), &world.imports);
    let mut upload = imports.receive(&by, "juki", name, Purpose::HandOver).await?;
    for piece in text.as_bytes().chunks(7) {
        upload.write(piece.to_vec().into()).await?;
    }
    imports.hand_over(&by, upload).await
}

#[tokio::test]
async fn a_file_that_is_handed_over_becomes_a_load_that_its_giver_does_not_publish() {
    let world = World::new();
    let both = acting("both");
    let mut upload =
        world.imports.receive(&both, "juki", "juki-1.csv", Purpose::HandOver).await.unwrap();
    let whole = text(&rows(1, 8));
    let (first, second) = whole.as_bytes().split_at(40);
    upload.write(first.to_vec().into()).await.unwrap();
    world.work().await;
    assert!(world.imports.list(&both).await.unwrap().is_empty(), "half a file is no file");
    upload.write(second.to_vec().into()).await.unwrap();
    world.work().await;
    assert!(world.imports.list(&both).await.unwrap().is_empty(), "nor one that nobody gave away");
    world.imports.hand_over(&both, upload).await.unwrap();
    assert_eq!(names(world.folder.path()), ["juki-1.csv"]);
    assert_eq!(std::fs::read(world.folder.path().join("juki-1.csv")).unwrap(), whole.as_bytes());
    world.work().await;
    let load = world.load("juki-1").await;
    assert_eq!((load.state, load.counts.accepted), (LoadState::Waiting, 8));
    let acts: Vec<&str> = load.steps.iter().map(|step| step.act.as_str()).collect();
    assert_eq!(acts, ["uploaded", "found"]);
    world.imports.propose(&acting("operator"), &load_id("juki-1"), "").await.unwrap();
    let revision = world.load("juki-1").await.revision;
    let id = load_id("juki-1");
    let reason = "import-publish juki-1 own-request";
    world.refused(&both, reason, world.imports.publish(&both, &id, revision)).await;
    world.approve("juki-1").await;
    world.work().await;
    assert_eq!(world.names().len(), 8);
    // The next file of the folder is nobody's.
    world.drop_file("juki-2.csv", &rows(1, 9));
    world.work().await;
    assert!(world.load("juki-2").await.hands.is_empty());
    let logged = world.logged().await;
    assert_eq!(logged.iter().filter(|a| a.reason == "import-upload juki").count(), 1);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_stays_its_givers() {
    let world = World::new();
    let both = acting("both");
    let mut upload =
        world.imports.receive(&both, "juki", "juki-1.csv", Purpose::HandOver).await.unwrap();
    upload.write(text(&rows(1, 8)).into()).await.unwrap();
    world.imports.hand_over(&both, upload).await.unwrap();
    let mut loader = Loader::new(Arc::clone(&world.imports));
    assert!(loader.step().await.unwrap(), "a load is made of it");
    world.drop_file("juki-1.csv", &rows(1, 9));
    world.work().await;
    assert_eq!(world.load("juki-1").await.state, LoadState::Discarded);
    let load = world.load("juki-2").await;
    assert_eq!((load.state, load.counts.accepted), (LoadState::Waiting, 9));
    assert_eq!(load.steps[0].act, "uploaded");
    world.imports.propose(&acting("operator"), &load_id("juki-2"), "").await.unwrap();
    let revision = world.load("juki-2").await.revision;
    let id = load_id("juki-2");
    let reason = "import-publish juki-2 own-request";
    world.refused(&both, reason, world.imports.publish(&both, &id, revision)).await;
}

#[tokio::test]
async fn the_same_file_that_is_handed_over_again_is_another_load() {
    let world = World::new();
    let whole = text(&rows(1, 3));
    hand_over(&world, "juki-1.csv", &whole).await.unwrap();
    world.work().await;
    world.imports.discard(&acting("operator"), &load_id("juki-1"), "別の回で").await.unwrap();
    world.work().await;
    std::fs::remove_file(world.folder.path().join("juki-1.csv")).unwrap();
    world.work().await;
    hand_over(&world, "juki-1.csv", &whole).await.unwrap();
    world.work().await;
    let load = world.load("juki-2").await;
    assert_eq!((load.state, load.steps[0].act.as_str()), (LoadState::Waiting, "uploaded"));
}

#[tokio::test]
async fn a_file_of_the_same_name_is_not_replaced_and_what_breaks_off_leaves_nothing() {
    let world = World::new();
    hand_over(&world, "juki-1.csv", &text(&rows(1, 3))).await.unwrap();
    let again = hand_over(&world, "juki-1.csv", &text(&rows(1, 9))).await.unwrap_err();
    assert_eq!(again.code, ProblemCode::Conflict);
    // Two of one name at once: one of them is there, whole.
    let (one, other) = (text(&rows(1, 4)), text(&rows(1, 5)));
    let both = tokio::join!(
        hand_over(&world, "juki-2.csv", &one),
        hand_over(&world, "juki-2.csv", &other)
    );
    assert!(both.0.is_ok() != both.1.is_ok());
    let kept = std::fs::read_to_string(world.folder.path().join("juki-2.csv")).unwrap();
    assert_eq!(kept, if both.0.is_ok() { one } else { other });
    let by = acting("operator");
    let mut upload =
        world.imports.receive(&by, "juki", "juki-3.csv", Purpose::HandOver).await.unwrap();
    upload.write(text(&rows(1, 3)).into()).await.unwrap();
    assert_eq!(names(world.folder.path()).len(), 3);
    drop(upload);
    assert_eq!(names(world.folder.path()), ["juki-1.csv", "juki-2.csv"]);
}

#[tokio::test]
async fn a_killed_process_leaves_nothing_for_long() {
    let world = World::new();
    let left = world.folder.path().join(".upload-0190");
    let lately = world.folder.path().join(".upload-0191");
    for folder in [&left, &lately] {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join("juki-1.csv"), text(&rows(1, 3))).unwrap();
    }
    let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_000);
    let set = |path: &Path, at| std::fs::File::open(path).unwrap().set_modified(at).unwrap();
    set(&left, now - std::time::Duration::from_hours(25));
    set(&lately, now - std::time::Duration::from_hours(1));
    world.work().await;
    assert!(world.imports.list(&acting("operator")).await.unwrap().is_empty());
    hand_over(&world, "juki-1.csv", &text(&rows(1, 3))).await.unwrap();
    assert_eq!(names(world.folder.path()), [".upload-0191", "juki-1.csv"]);
}

#[tokio::test]
async fn names_that_are_not_plain_names_of_the_layout_are_refused() {
    let world = World::new();
    for (name, code) in [
        ("", ProblemCode::BadRequestData),
        ("other.csv", ProblemCode::BadRequestData),
        ("juki.csv.exe", ProblemCode::BadRequestData),
        ("../juki.csv", ProblemCode::BadRequestData),
        ("juki/../../x.csv", ProblemCode::BadRequestData),
        ("juki\\x.csv", ProblemCode::BadRequestData),
        (".juki.csv", ProblemCode::BadRequestData),
        ("juki\u{0}.csv", ProblemCode::BadRequestData),
        ("juki\n.csv", ProblemCode::BadRequestData),
        ("juki-123456789018.csv", ProblemCode::IndividualNumber),
    ] {
        let refused = hand_over(&world, name, "x").await.unwrap_err();
        assert_eq!(refused.code, code, "{name:?}");
        assert!(!refused.detail.contains("123456789018"));
    }
    let long = format!("juki-{}.csv", "x".repeat(250));
    assert_eq!(hand_over(&world, &long, "x").await.unwrap_err().code, ProblemCode::BadRequestData);
    assert!(names(world.folder.path()).is_empty());
    hand_over(&world, "juki-令和8年12月.csv", &text(&rows(1, 2))).await.unwrap();
    let by = acting("operator");
    let missing = world.imports.receive(&by, "koseki", "juki.csv", Purpose::Check).await;
    assert_eq!(missing.unwrap_err().code, ProblemCode::ResourceNotFound);
    for name in ["counter", "auditor", "approver", "nobody"] {
        let by = acting(name);
        for purpose in [Purpose::Check, Purpose::HandOver] {
            let reason = format!("{} juki role-missing", purpose.act());
            let attempt = world.imports.receive(&by, "juki", "juki-9.csv", purpose);
            world.refused(&by, &reason, attempt).await;
        }
    }
}

#[tokio::test]
async fn a_check_tells_rules_and_places_without_values_and_stores_nothing() {
    let world = World::new();
    let by = acting("operator");
    let odd = row(2).replace("都農　花子", "\u{E000}田");
    let mut lines = vec![row(1), odd, "3,日向　太郎,転入\r\n".to_owned()];
    lines.extend((10..200).map(|n| format!("{n:04},,転入\r\n")));
    let whole = text(&lines);
    let mut upload =
        world.imports.receive(&by, "juki", "juki-1.csv", Purpose::Check).await.unwrap();
    for piece in whole.as_bytes().chunks(1_000) {
        upload.write(piece.to_vec().into()).await.unwrap();
    }
    let found = world.imports.check(&by, upload).await.unwrap();
    assert_eq!((found.accepted, found.to_decide, found.refused), (1, 2, 190));
    let rules: Vec<(&str, &str, u64)> =
        found.rules.iter().map(|(remark, count)| (remark.rule, remark.weight, *count)).collect();
    assert_eq!(
        rules,
        [("gaiji", "to-decide", 1), ("required", "refused", 190), ("zeros-lost", "to-decide", 1)]
    );
    assert_eq!(found.findings.len(), 100);
    let first = &found.findings[0];
    assert_eq!((first.line, first.column.as_deref(), first.rule), (3, Some("氏名"), "gaiji"));
    assert!(!first.remedy.ja.is_empty() && !format!("{found:?}").contains('田'));
    assert!(names(world.folder.path()).is_empty());
    world.work().await;
    assert!(world.imports.list(&by).await.unwrap().is_empty());
    // What is sent to be checked is not handed over by mistake.
    let upload = world.imports.receive(&by, "juki", "juki-1.csv", Purpose::Check).await.unwrap();
    assert!(world.imports.hand_over(&by, upload).await.is_err());
    assert!(names(world.folder.path()).is_empty());
}

#[tokio::test]
async fn only_so_many_files_come_in_at_once() {
    let world = World::new();
    let by = acting("operator");
    let mut coming = Vec::new();
    for n in 0..4 {
        let name = format!("juki-{n}.csv");
        coming.push(world.imports.receive(&by, "juki", &name, Purpose::Check).await.unwrap());
    }
    let full = world.imports.receive(&by, "juki", "juki-9.csv", Purpose::Check).await;
    assert_eq!(full.unwrap_err().code, ProblemCode::TooManyRequests);
    coming.pop();
    assert!(world.imports.receive(&by, "juki", "juki-9.csv", Purpose::Check).await.is_ok());
}
