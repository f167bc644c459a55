//! The seeds of each target: small files in `fuzz/seeds/<target>`, all of invented data.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The folder `fuzz` of the repository.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The seeds of a target in the order of their names, at least one.
pub fn of(target: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let folder = folder().join("seeds").join(target);
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    let read =
        |file: &PathBuf| std::fs::read(file).with_context(|| format!("reading {}", file.display()));
    let seeds = files.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    anyhow::ensure!(!seeds.is_empty(), "{} has no seeds", folder.display());
    Ok(seeds)
}
