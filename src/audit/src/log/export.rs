//! The log as a folder.

use std::io;
use std::path::Path;

use tsunagu_domain::TenantId;

use super::AuditLog;
use crate::{AuditError, TilePath};

impl AuditLog {
    /// Signs the log and writes it, as far as it is [shown](Self::shown), into `dir`, which must be empty or not there: `checkpoint` and `tile/…` as in `tlog-tiles`, and `payload/…`
    /// with what is kept beside the entries, under the paths of their bundles. Answers how many entries were written. The checkpoint comes
    /// last: a folder without one is not finished.
    pub async fn export(&self, tenant: &TenantId, dir: &Path) -> Result<u64, AuditError> {
        if self.witnesses.is_none() {
            self.advance(tenant).await?;
        }
        let (note, size) = self.shown_size(tenant).await?;
        tokio::fs::create_dir_all(dir).await?;
        if tokio::fs::read_dir(dir).await?.next_entry().await?.is_some() {
            return Err(
                io::Error::new(io::ErrorKind::AlreadyExists, "the folder is not empty").into()
            );
        }
        for path in TilePath::all(size) {
            let lost = || AuditError::Shrunk { signed: size, found: path.index };
            let bytes = self.tile(tenant, &path).await?.ok_or_else(lost)?;
            write(&dir.join("tile").join(path.to_string()), &bytes).await?;
            if path.level.is_none() {
                let bytes = self.payloads(tenant, &path).await?.ok_or_else(lost)?;
                write(&dir.join("payload").join(path.place()), &bytes).await?;
            }
        }
        tokio::fs::write(dir.join("checkpoint"), &note).await?;
        Ok(size)
    }
}

async fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(parent) = file.parent() {
        tokio::fs::create_dir_all(parent).await?;
    }
    tokio::fs::write(file, bytes).await
}
