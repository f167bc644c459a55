//! The gateway's own secrets: made once, kept in files that only their owner reads.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tsunagu_domain::IdGen;

/// A folder of secrets.
#[derive(Debug)]
pub(crate) struct Keys<'a> {
    folder: PathBuf,
    ids: &'a dyn IdGenDebug,
}

/// `IdGen` that can stand in a `Debug` struct.
pub(crate) trait IdGenDebug: IdGen + std::fmt::Debug {}
impl<T: IdGen + std::fmt::Debug> IdGenDebug for T {}

impl<'a> Keys<'a> {
    /// The folder, made when missing.
    pub(crate) fn open(folder: &Path, ids: &'a dyn IdGenDebug) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("the keys folder {} cannot be made", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), ids })
    }

    /// 32 secret bytes of this name, the same at every start. Losing them loses what was made with them.
    pub(crate) fn secret(&self, name: &str) -> anyhow::Result<[u8; 32]> {
        let file = self.folder.join(format!("{name}.key"));
        if let Some(kept) = read(&file)? {
            return Ok(kept);
        }
        let fresh = self.ids.bytes();
        match create(&file, &fresh) {
            Ok(()) => Ok(fresh),
            // Another replica was faster: its secret is the one.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                read(&file)?.with_context(|| format!("the key {} vanished", file.display()))
            }
            Err(error) => {
                Err(error).with_context(|| format!("the key {} cannot be written", file.display()))
            }
        }
    }
}

fn read(file: &Path) -> anyhow::Result<Option<[u8; 32]>> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("the key {} cannot be read", file.display()));
        }
    };
    match STANDARD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok()) {
        Some(secret) => Ok(Some(secret)),
        None => bail!("the key {} is not 32 bytes in base64; restore it from the backup", file.display()),
    }
}

/// Writes the whole file under another name first, so that nobody ever reads half a key.
fn create(file: &Path, secret: &[u8; 32]) -> std::io::Result<()> {
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
