//! The file that says which layout a folder has.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use tsunagu_store::StoreError;

/// The layout that this version of the code writes: 2 keeps the past of entities in a keyspace that 1 did not have, and everything else as 1.
const FORMAT: u32 = 2;
const OLDEST: u32 = 1;
const FILE: &str = "FORMAT";
const NAME: &str = "tsunagu-store-embedded";

/// Checks the layout of the folder, or marks an empty one, and gives the folder of the engine.
pub(crate) fn check(folder: &Path) -> Result<PathBuf, StoreError> {
    let engine = folder.join("engine");
    match fs::read_to_string(folder.join(FILE)) {
        Ok(text) => {
            let format = text.trim().strip_prefix(NAME).and_then(|n| n.trim().parse::<u32>().ok());
            match format {
                Some(FORMAT) => Ok(engine),
                Some(OLDEST) => {
                    mark(folder).map_err(|error| failed(folder, &error))?;
                    Ok(engine)
                }
                Some(newer) if newer > FORMAT => Err(StoreError::Unavailable(format!(
                    "the store at {} has format {newer}, which is newer than format {FORMAT} of this program; start the newer program",
                    folder.display()
                ))),
                _ => Err(StoreError::Corrupt(format!(
                    "{} does not name a format of this store",
                    folder.join(FILE).display()
                ))),
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if engine.exists() {
                return Err(StoreError::Corrupt(format!(
                    "{} is missing beside the data",
                    folder.join(FILE).display()
                )));
            }
            mark(folder).map_err(|error| failed(folder, &error))?;
            Ok(engine)
        }
        Err(error) => Err(failed(folder, &error)),
    }
}

/// Writes the mark so that it is whole and durable, or not there.
fn mark(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let new = folder.join(format!("{FILE}.new"));
    let mut file = File::create(&new)?;
    writeln!(file, "{NAME} {FORMAT}")?;
    file.sync_all()?;
    fs::rename(&new, folder.join(FILE))?;
    File::open(folder)?.sync_all()?;
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

fn failed(folder: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!("the folder {} cannot be used: {error}", folder.display()))
}
