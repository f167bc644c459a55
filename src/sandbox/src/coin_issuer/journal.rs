//! The file that keeps the bookings: one JSON object per line, only ever appended to.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ledger::Entry;
use crate::Error;

/// The version of a line's form.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<E> {
    version: u32,
    booking: E,
}

/// An open journal.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens or makes the file and hands every entry in it to `book`. A last line without its end
    /// was never acknowledged (a crash while writing) and is cut off; any other line that is not
    /// an entry is an error.
    pub(super) fn open(path: &Path, mut book: impl FnMut(Entry)) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        bytes.truncate(whole);
        for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let wrong = |reason| Error::Journal { path: path.to_owned(), line: at + 1, reason };
            let line: Line<Entry> =
                serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
            if line.version != VERSION {
                return Err(wrong(format!("its version is not {VERSION}")));
            }
            book(line.booking);
        }
        let end = u64::try_from(whole).unwrap_or(u64::MAX);
        file.set_len(end).map_err(failed)?;
        file.seek(SeekFrom::Start(end)).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Writes an entry; it is on disk when this returns.
    pub(super) fn append(&mut self, entry: &Entry) -> Result<(), Error> {
        let failed = |source| Error::File { path: self.path.clone(), source };
        let line = Line { version: VERSION, booking: entry };
        let mut bytes = serde_json::to_vec(&line).map_err(|error| failed(error.into()))?;
        bytes.push(b'\n');
        let start = self.file.stream_position().map_err(failed)?;
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // half a line must not precede the next one; if this fails too, a restart cuts it off
            let undone =
                self.file.set_len(start).and_then(|()| self.file.seek(SeekFrom::Start(start)));
            return Err(failed(undone.err().unwrap_or(error)));
        }
        Ok(())
    }
}
