//! The gateway's own secrets: made once, kept in files that only their owner reads.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tsunagu_domain::IdGen;

/// A folder of secrets.
pub(crate) struct Keys {
    folder: PathBuf,
    ids: Arc<dyn IdGen>,
}

impl Keys {
    /// The folder, made when missing.
    pub(crate) fn open(folder: &Path, ids: Arc<dyn IdGen>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("the keys folder {} cannot be made", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), ids })
    }

    /// 32 secret bytes of this name, the same at every start. Losing them loses what was made with them.
    pub(crate) fn secret(&self, name: &str) -> anyhow::Result<[u8; 32]> {
        let file = self.folder.join(format!("{name}.key"));
        let kept = keep(&file, || Ok(self.ids.bytes().to_vec()))?;
        kept.try_into().ok().with_context(|| {
            format!("the key {} is not 32 bytes; restore it from the backup", file.display())
        })
    }

    /// A private P-256 key of this name, PKCS#8 in DER, the same at every start.
    pub(crate) fn p256(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        let file = self.folder.join(format!("{name}.p8"));
        keep(&file, || {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
            Ok(pair.to_pkcs8v1()?.as_ref().to_vec())
        })
    }
}

/// What the file holds, made when it is not there.
fn keep(file: &Path, make: impl FnOnce() -> anyhow::Result<Vec<u8>>) -> anyhow::Result<Vec<u8>> {
    if let Some(kept) = read(file)? {
        return Ok(kept);
    }
    let fresh = make()?;
    match create(file, &fresh) {
        Ok(()) => Ok(fresh),
        // Another replica was faster: its key is the one.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            read(file)?.with_context(|| format!("the key {} vanished", file.display()))
        }
        Err(error) => {
            Err(error).with_context(|| format!("the key {} cannot be written", file.display()))
        }
    }
}

fn read(file: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error)
                .with_context(|| format!("the key {} cannot be read", file.display()));
        }
    };
    let bytes = STANDARD.decode(text.trim());
    let bytes = bytes.with_context(|| {
        format!("the key {} is not base64; restore it from the backup", file.display())
    })?;
    Ok(Some(bytes))
}

/// Writes the whole file under another name first, so that nobody ever reads half a key.
fn create(file: &Path, secret: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let draft = file.with_extension(format!("{}.tmp", std::process::id()));
    let mut handle =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    handle.write_all(STANDARD.encode(secret).as_bytes())?;
    handle.sync_all()?;
    let linked = std::fs::hard_link(&draft, file);
    std::fs::remove_file(&draft)?;
    linked
}
