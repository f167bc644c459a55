//! The auditor takes the log of accesses home: checkpoint and tiles as files (C2SP `tlog-tiles`), and what opens the entries.

use std::path::Path;

use reqwest::Client;

use super::{Machine, World, machine};

/// Entries and hashes of a full tile.
const TILE: u64 = 256;

/// Downloads the log into a fresh folder, as its checkpoint describes it, and answers its size. What opens the entries needs the
/// auditor's token, everything else is for everybody.
pub async fn fetch_log(world: &World, auditor: &Machine, folder: &Path) -> Result<u64, String> {
    let http = super::resident::plain_client();
    let token = machine::token(&http, &world.gateway, auditor, "audit").await?;
    let checkpoint = get(&http, world, &token, "checkpoint").await?;
    let text = String::from_utf8(checkpoint.clone()).map_err(|_| "no text".to_owned())?;
    let size = text.lines().nth(1).and_then(|line| line.parse::<u64>().ok());
    let size = size.ok_or("the checkpoint names no size")?;
    for path in paths(size) {
        let bytes = get(&http, world, &token, &path).await?;
        write(&folder.join(&path), &bytes)?;
    }
    write(&folder.join("checkpoint"), &checkpoint)?;
    Ok(size)
}

async fn get(http: &Client, world: &World, token: &str, path: &str) -> Result<Vec<u8>, String> {
    let url = world.gateway.join(&format!("/audit/v1/{path}"));
    let url = url.map_err(|_| format!("no address for {path}"))?;
    let answer = http.get(url).bearer_auth(token).send().await;
    let answer = answer.map_err(|_| format!("{path} was not answered"))?;
    let status = answer.status();
    let bytes = answer.bytes().await.map_err(|_| format!("{path} broke off"))?;
    if status.is_success() {
        Ok(bytes.to_vec())
    } else {
        Err(format!("{path} was answered {status}"))
    }
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{} cannot be written: {error}", file.display());
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent).map_err(told)?;
    }
    std::fs::write(file, bytes).map_err(told)
}

/// The files of a log of this size: bundles of entries, what opens them, and hashes level by level.
fn paths(size: u64) -> Vec<String> {
    let mut paths = level("tile/entries", size);
    paths.extend(level("payload", size));
    let mut hashes = size;
    for number in 0.. {
        if hashes == 0 {
            break;
        }
        paths.extend(level(&format!("tile/{number}"), hashes));
        hashes /= TILE;
    }
    paths
}

fn level(name: &str, hashes: u64) -> Vec<String> {
    let full = hashes / TILE;
    let mut paths: Vec<String> =
        (0..full).map(|index| format!("{name}/{}", number(index))).collect();
    if !hashes.is_multiple_of(TILE) {
        paths.push(format!("{name}/{}.p/{}", number(full), hashes % TILE));
    }
    paths
}

/// Groups of three digits, all but the last with an `x` before them: 1234067 is `x001/x234/067`.
fn number(mut index: u64) -> String {
    let mut text = format!("{:03}", index % 1000);
    while index >= 1000 {
        index /= 1000;
        text = format!("x{:03}/{text}", index % 1000);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_tlog_tiles() {
        assert_eq!(number(1_234_067), "x001/x234/067");
        assert_eq!(paths(0), Vec::<String>::new());
        assert_eq!(paths(3), ["tile/entries/000.p/3", "payload/000.p/3", "tile/0/000.p/3"]);
        assert_eq!(
            paths(257),
            [
                "tile/entries/000",
                "tile/entries/001.p/1",
                "payload/000",
                "payload/001.p/1",
                "tile/0/000",
                "tile/0/001.p/1",
                "tile/1/000.p/1"
            ]
        );
    }
}
