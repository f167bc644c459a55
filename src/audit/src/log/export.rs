//! The log as a folder.

use std::io;
use std::path::Path;

use tsunagu_domain::TenantId;

use super::AuditLog;
use crate::{AuditError, TilePath};

impl AuditLog {
    /// Signs the log and writes it into `dir`, which must be empty or not there: `checkpoint` and `tile/…` as in `tlog-tiles`. Answers
    /// how many entries were written. The checkpoint comes last: a folder without one is not finished.
    pub async fn export(&self, tenant: &TenantId, dir: &Path) -> Result<u64, AuditError> {
        let kept = self.advance(tenant).await?;
        tokio::fs::create_dir_all(dir).await?;
        if tokio::fs::read_dir(dir).await?.next_entry().await?.is_some() {
            return Err(
                io::Error::new(io::ErrorKind::AlreadyExists, "the folder is not empty").into()
            );
        }
        let size = kept.tree.size();
        for path in TilePath::all(size) {
            let file = dir.join("tile").join(path.to_string());
            if let Some(parent) = file.parent() {
                tokio::fs::create_dir_all(parent).await?;
            }
            let lost = || AuditError::Shrunk { signed: size, found: path.index };
            let bytes = self.tile(tenant, &path).await?.ok_or_else(lost)?;
            tokio::fs::write(&file, bytes).await?;
        }
        tokio::fs::write(dir.join("checkpoint"), &kept.note).await?;
        Ok(size)
    }
}
