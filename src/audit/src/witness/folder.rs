//! The memory of a witness as a folder: one file for each log, replaced whole.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::Memory;
use crate::tree::leaf_hash;

/// Files in a folder that this process alone works on.
#[derive(Debug)]
pub struct FolderMemory {
    folder: PathBuf,
    /// Held as long as this lives: two witnesses on one memory would cosign two forms of a log.
    _lock: File,
}

impl FolderMemory {
    /// The folder, made when missing. An error when another process works on it.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::WouldBlock, "another witness works on this folder")
            }
            TryLockError::Error(error) => error,
        })?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// Origins hold slashes; the name of a file is a hash of it.
    fn file(&self, origin: &str) -> PathBuf {
        let name = URL_SAFE_NO_PAD.encode(leaf_hash(origin.as_bytes()));
        self.folder.join(format!("{name}.checkpoint"))
    }
}

impl Memory for FolderMemory {
    fn last(&self, origin: &str) -> io::Result<Option<String>> {
        match fs::read_to_string(self.file(origin)) {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn keep(&self, origin: &str, note: &str) -> io::Result<()> {
        let file = self.file(origin);
        let fresh = file.with_extension("new");
        let mut out = File::create(&fresh)?;
        out.write_all(note.as_bytes())?;
        out.sync_all()?;
        fs::rename(&fresh, &file)?;
        // The name is durable when the folder is.
        File::open(&self.folder)?.sync_all()
    }
}
