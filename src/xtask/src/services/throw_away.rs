//! A service in a folder of its own that is gone after the run, however the run ends.
//!
//! A small shell waits for the end of its standard input, whose other end only we hold: it closes
//! when we drop it, and the kernel closes it when we are interrupted, killed or broken.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};

use super::packages::identity;

/// The folder, and the keeper who ends the service and removes the folder.
pub(super) struct ThrowAway {
    folder: PathBuf,
    owner: Option<(u32, u32)>,
    keeper: Child,
}

impl ThrowAway {
    /// Makes the folder `tsunagu-<name>-<process>` below the temporary one, owned by `user` when
    /// we are root, else by us. `stop` is the shell command that ends the service, run there.
    pub(super) fn new(name: &str, user: &str, stop: &str) -> anyhow::Result<Self> {
        let owner = if identity("-u", None)? == 0 {
            Some((identity("-u", Some(user))?, identity("-g", Some(user))?))
        } else {
            None
        };
        let folder = std::env::temp_dir().join(format!("tsunagu-{name}-{}", std::process::id()));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("making {}", folder.display()))?;
        if let Some((user, group)) = owner {
            chown(&folder, Some(user), Some(group)).context("handing over the folder")?;
        }
        let script = format!(r#"cat; {stop}; cd / && rm -rf -- "$1""#);
        let keeper = command(OsStr::new("sh"), &folder, owner)
            .args(["-c", &script, "keeper"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C at the terminal reaches our group, and must not reach the keeper.
            .process_group(0)
            .spawn()
            .context("starting the keeper")?;
        Ok(Self { folder, owner, keeper })
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs a program as the owner in the folder; the error carries what it said.
    pub(super) fn run(&self, program: &Path, args: &[&str]) -> anyhow::Result<()> {
        let output = command(program.as_os_str(), &self.folder, self.owner)
            .args(args)
            .output()
            .with_context(|| format!("starting {}", program.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{} ended with {}: {}", program.display(), output.status, said.trim());
        }
        Ok(())
    }

    /// A file of the folder as far as it can be read.
    pub(super) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.join(file)).unwrap_or_default()
    }
}

impl Drop for ThrowAway {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        if let Err(error) = self.keeper.wait() {
            eprintln!("{} may have been left behind: {error}", self.folder.display());
        }
    }
}

/// A port that nobody listens on.
pub(super) fn free_port() -> anyhow::Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr().context("reading the free port")?.port())
}

fn command(program: &OsStr, folder: &Path, owner: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service is a file outside the folder here; stopping it removes the file.
    #[test]
    fn the_service_is_stopped_and_its_folder_removed() {
        let me = Command::new("id").arg("-un").output().unwrap().stdout;
        let me = String::from_utf8(me).unwrap();
        let instance =
            ThrowAway::new("throw-away", me.trim(), "echo stopped >\"$1.stopped\"").unwrap();
        let folder = instance.folder().to_owned();
        instance.run(Path::new("sh"), &["-c", "echo hello >log"]).unwrap();
        assert_eq!(instance.read("log"), "hello\n");
        let error = instance.run(Path::new("sh"), &["-c", "echo why >&2; exit 1"]).unwrap_err();
        assert!(error.to_string().contains("why"), "{error}");
        drop(instance);
        assert!(!folder.exists());
        let witness = folder.with_extension("stopped");
        assert_eq!(std::fs::read_to_string(&witness).unwrap(), "stopped\n");
        std::fs::remove_file(witness).unwrap();
    }
}
