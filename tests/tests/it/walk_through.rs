//! `docs/add-a-connector.md`, done as it is written, in a copy.

use std::path::{Path, PathBuf};
use std::process::Command;

const GUIDE: &str = include_str!("../../../docs/add-a-connector.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The blocks of shell commands, in order.
fn commands() -> Vec<&'static str> {
    let blocks = GUIDE.split("```sh\n").skip(1);
    blocks.map(|rest| rest.split("\n```").next().unwrap()).collect()
}

/// A folder with what the guide works on; the rest of the project is linked. It is always the same, so that what was compiled for it is of use again.
fn copy() -> PathBuf {
    let root = root();
    let copy = root.join("target/walk-through");
    if copy.exists() {
        std::fs::remove_dir_all(&copy).unwrap();
    }
    std::fs::create_dir_all(&copy).unwrap();
    for name in ["src", "clippy.toml", "schemas"] {
        std::os::unix::fs::symlink(root.join(name), copy.join(name)).unwrap();
    }
    let connectors = copy.join("connectors");
    std::fs::create_dir(&connectors).unwrap();
    let done = Command::new("cp")
        .args(["-r", &root.join("connectors/template").display().to_string()])
        .arg(connectors.join("template"))
        .status();
    assert!(done.unwrap().success());
    // The rooms that a connector may know, and the new one.
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let members = r#"members = ["connectors/*"]"#;
    let all = r#"members = ["src/*", "connectors/*", "tests"]"#;
    assert!(manifest.contains(all));
    let manifest = manifest.replace(all, members);
    let lines = manifest.lines().filter(|line| !line.starts_with("default-members"));
    let manifest: Vec<&str> = lines.collect();
    std::fs::write(copy.join("Cargo.toml"), manifest.join("\n")).unwrap();
    std::fs::copy(root.join("Cargo.lock"), copy.join("Cargo.lock")).unwrap();
    copy
}

#[test]
fn the_walk_through_ends_in_a_connector_that_passes_the_kit() {
    let copy = copy();
    let commands = commands();
    assert_eq!(commands.len(), 3, "copying, saying where the records are, its test");
    for command in commands {
        let done = Command::new("bash")
            .args(["-euc", command])
            .current_dir(&copy)
            .env("CARGO_TARGET_DIR", root().join("target"))
            .env("CARGO_NET_OFFLINE", "true")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{command}\n{told}");
        if command.contains("cargo test") {
            let told = String::from_utf8_lossy(&done.stdout);
            assert!(told.contains("test passes_the_kit ... ok"), "{told}");
        }
    }
    let lines = |name: &str| {
        let text = std::fs::read_to_string(copy.join("connectors/bicycles/src").join(name));
        text.unwrap().lines().count()
    };
    let written: usize = ["lib.rs", "config.rs", "source.rs"].into_iter().map(lines).sum();
    assert!(written < 150, "a JSON source over HTTP is under 150 lines, not {written}");
}
