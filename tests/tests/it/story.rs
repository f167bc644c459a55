//! The story that must always work, on both stores, and that it leaves nobody's data in a log.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use tsunagu_sandbox::town::Town;

use crate::support::Backend;
use crate::support::database::Database;
use crate::support::process;

#[tokio::test]
async fn the_story_holds_on_the_embedded_store() {
    play(Backend::Embedded).await;
}

#[tokio::test]
async fn the_story_holds_on_postgresql() {
    play(Backend::Postgres).await;
}

async fn play(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (report, kept) = (path("report.json"), path("kept"));
    let database = match backend {
        Backend::Embedded => None,
        Backend::Postgres => Some(Database::fresh().await),
    };
    let mut args = vec!["demo", "--once", "--report", &report, "--keep", &kept];
    if let Some(database) = &database {
        args.extend(["--store", &database.url]);
    }
    let output = process::run(&args).await;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));

    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let steps = report["steps"].as_array().unwrap();
    assert!(steps.len() >= 16, "only {} steps", steps.len());
    for step in steps {
        assert_eq!(step["ok"], true, "{step}");
    }
    let canaries = canaries();
    silent("the report", &told, &canaries);
    let logs = logs(Path::new(&kept));
    assert!(logs.iter().any(|(name, _)| name == "serve.log"), "the gateway kept no log");
    for (name, text) in &logs {
        silent(name, text, &canaries);
    }
}

/// Whatever the invented people have that is personal, in every way it is written.
fn canaries() -> BTreeSet<String> {
    let mut canaries = BTreeSet::new();
    for person in Town::generate(200).people() {
        let names = [Some(&person.name), Some(&person.certificate_name), person.kana.as_ref()];
        for name in names.into_iter().flatten() {
            for between in ["", " ", "\u{3000}"] {
                canaries.insert(format!("{}{between}{}", name.family, name.given));
            }
        }
        for address in [&person.address, &person.certificate_address] {
            canaries.insert(address.street.clone());
            canaries.insert(address.full());
        }
        canaries.insert(person.birth_date.to_string());
        canaries.extend(person.resident_number.clone());
    }
    // The steps of the story's activity, and the number in the register's bad row.
    canaries.extend(["8200", "123456789018", "1234-5678-9018"].map(str::to_owned));
    canaries.retain(|canary| !canary.trim().is_empty());
    canaries
}

/// Every file that a process logged to.
fn logs(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let logs = entries.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "log"));
    logs.map(|entry| {
        let text = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned();
        (entry.file_name().to_string_lossy().into_owned(), text)
    })
    .collect()
}

/// Fails when the text holds a canary that is not part of a longer number.
pub(crate) fn silent(what: &str, text: &str, canaries: &BTreeSet<String>) {
    for canary in canaries {
        for (at, _) in text.match_indices(canary.as_str()) {
            let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit() || c == '.');
            let before = text.get(..at).and_then(|text| text.chars().next_back());
            let after = text.get(at + canary.len()..).and_then(|text| text.chars().next());
            let number = canary.bytes().all(|b| b.is_ascii_digit());
            let line = text.get(..at).unwrap().lines().count();
            assert!(
                number && (digit(before) || digit(after)),
                "{what} shows personal data of the kind {} in line {line}",
                canary.chars().take(2).collect::<String>()
            );
        }
    }
}
