//! The auditor: takes the log over HTTP, verifies it offline with the product's own verifier, and tries to deceive it.

use std::path::{Path, PathBuf};

use tokio::process::Command;
use tsunagu_sandbox::story::{Machine, fetch_log};

use super::processes::World;

type Told = Result<String, String>;
/// Does something to a bundle whose entries lie at these places.
type Deceit = fn(&mut Vec<u8>, &[(usize, usize)]);

/// The trail as it is holds.
pub(super) async fn verifies(world: &World) -> Told {
    let folder = world.folder.join("audit");
    let Machine { .. } = &world.auditor;
    let size = fetch_log(&world.parties, &world.auditor, &folder).await?;
    let (ok, said) = verify(world, &folder).await?;
    if ok { Ok(format!("{size} entries; {said}")) } else { Err(said) }
}

/// Whatever is done to it is found.
pub(super) async fn finds(world: &World) -> Told {
    let original = world.folder.join("audit");
    let mut found = Vec::new();
    for (name, deceive) in [
        ("changed", (|bytes, at| change(bytes, at)) as Deceit),
        ("dropped", drop_one),
        ("swapped", |bytes, at| swap(bytes, at)),
    ] {
        let folder = world.folder.join(format!("audit-{name}"));
        copy(&original, &folder).map_err(|e| e.to_string())?;
        let bundle = first_bundle(&folder).ok_or("there is no bundle of entries")?;
        let mut bytes = std::fs::read(&bundle).map_err(|e| e.to_string())?;
        let entries = split(&bytes);
        if entries.len() < 4 {
            return Err("the bundle has too few entries".to_owned());
        }
        deceive(&mut bytes, &entries);
        std::fs::write(&bundle, bytes).map_err(|e| e.to_string())?;
        let (ok, said) = verify(world, &folder).await?;
        if ok {
            return Err(format!("a {name} entry was not found: {said}"));
        }
        found.push(name);
    }
    Ok(found.join(", "))
}

/// Entry bundles of C2SP `tlog-tiles`: each entry has its length in two bytes before it.
fn split(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut entries = Vec::new();
    let mut at = 0;
    while let Some(&[high, low]) = bytes.get(at..at + 2) {
        let length = usize::from(u16::from_be_bytes([high, low]));
        entries.push((at, at + 2 + length));
        at += 2 + length;
    }
    entries
}

fn change(bytes: &mut [u8], entries: &[(usize, usize)]) {
    if let Some(byte) = entries.get(1).and_then(|(_, end)| bytes.get_mut(end - 3)) {
        *byte ^= 1;
    }
}

fn drop_one(bytes: &mut Vec<u8>, entries: &[(usize, usize)]) {
    if let Some((from, to)) = entries.get(1) {
        bytes.drain(from..to);
    }
}

fn swap(bytes: &mut [u8], entries: &[(usize, usize)]) {
    if let (Some(&(a, b)), Some(&(_, c))) = (entries.get(1), entries.get(2))
        && let Some(pair) = bytes.get_mut(a..c)
    {
        pair.rotate_left(b - a);
    }
}

async fn verify(world: &World, folder: &Path) -> Result<(bool, String), String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let config = world.folder.join("tsunagu.toml");
    let key = Command::new(&program).args(["audit", "key", "--config"]).arg(config).output().await;
    let key = key.map_err(|e| e.to_string())?;
    let key = String::from_utf8_lossy(&key.stdout).trim().to_owned();
    let done = Command::new(&program)
        .args(["audit", "verify"])
        .arg(folder)
        .args(["--key", &key])
        .output()
        .await
        .map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&done.stdout).lines().next().unwrap_or_default().to_owned();
    Ok((done.status.success(), said))
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn first_bundle(folder: &Path) -> Option<PathBuf> {
    let entries = folder.join("tile/entries");
    let whole = entries.join("000");
    if whole.is_file() {
        return Some(whole);
    }
    let partial = std::fs::read_dir(entries.join("000.p")).ok()?;
    partial.filter_map(Result::ok).map(|entry| entry.path()).max()
}
