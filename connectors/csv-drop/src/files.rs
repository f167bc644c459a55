//! The files of a folder.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::time::UNIX_EPOCH;

use tsunagu_domain::{Timestamp, individual_number};

use crate::Config;

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name in the folder.
    pub name: String,
    /// When it was changed last, microseconds since the epoch.
    pub modified: i64,
    /// Bytes.
    pub size: u64,
}

impl Listed {
    /// Whether it has not changed for so many seconds. Nobody says that a file is written to its end; that it stays as it is tells it. A time that is
    /// well in the future is none that a writer makes.
    pub(crate) fn is_quiet(&self, seconds: u32, now: Timestamp) -> bool {
        now.abs_diff(self.modified) >= u64::from(seconds) * 1_000_000
    }

    /// What the file is called in reports and records. A name with what can be an individual number in it is repeated nowhere, and its file is
    /// not taken over.
    pub fn shown(&self) -> Cow<'_, str> {
        if !individual_number::is_in(&self.name) {
            return Cow::Borrowed(&self.name);
        }
        let hidden = self.name.chars().map(|c| if c.is_numeric() { '*' } else { c });
        Cow::Owned(format!("{} ({})", hidden.collect::<String>(), self.modified))
    }
}

/// The files of the pattern, the oldest first. Links and folders are left alone.
pub fn files(config: &Config) -> io::Result<Vec<Listed>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(&config.folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if !config.fits(&name) || !entry.file_type()?.is_file() {
            continue;
        }
        let metadata = match entry.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        let since = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let modified = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        files.push(Listed { name, modified, size: metadata.len() });
    }
    files.sort_unstable_by(|a, b| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
    Ok(files)
}
