//! The story that must always work, on both stores, and that it leaves nobody's data in a log.

use std::path::Path;

use serde_json::Value;

use crate::support::Backend;
use crate::support::canaries::silent;
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
    silent("the report", &told);
    let logs = logs(Path::new(&kept));
    assert!(logs.iter().any(|(name, _)| name == "serve.log"), "the gateway kept no log");
    for (name, text) in &logs {
        silent(name, text);
    }
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
