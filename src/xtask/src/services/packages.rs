//! Programs of the machine: found on it, or installed where we may.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

/// Something the machine has to have.
pub(super) struct Need {
    /// For people.
    pub(super) what: &'static str,
    /// The Debian packages that bring it.
    pub(super) packages: &'static [&'static str],
    /// Whether it is there.
    pub(super) present: fn() -> bool,
}

/// Installs what is missing when we are root on a Debian-like machine; otherwise the error says
/// what to type.
pub(super) fn ensure(needs: &[Need]) -> anyhow::Result<()> {
    let missing: Vec<_> = needs.iter().filter(|need| !(need.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = missing.iter().map(|need| need.what).collect::<Vec<_>>().join(", ");
    let packages: Vec<_> = missing.iter().flat_map(|need| need.packages).copied().collect();
    let install = format!("apt-get install --yes --no-install-recommends {}", packages.join(" "));
    if on_path("apt-get").is_none() {
        bail!(
            "tests need {what}: install them with this machine's package manager (on Debian: \
             {install})"
        );
    }
    if identity("-u", None)? != 0 {
        bail!("tests need {what}: run `sudo {install}` once, then try again");
    }
    println!("tests need {what}: installing {}", packages.join(" "));
    apt_get(&["update"])?;
    apt_get(&[&["install", "--yes", "--no-install-recommends"], packages.as_slice()].concat())?;
    for need in missing {
        if !(need.present)() {
            bail!("`{install}` succeeded, but {} cannot be found", need.what);
        }
    }
    Ok(())
}

fn apt_get(args: &[&str]) -> anyhow::Result<()> {
    let said = args.join(" ");
    let status = Command::new("apt-get")
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .with_context(|| format!("starting apt-get {said}"))?;
    if !status.success() {
        bail!("`apt-get {said}` ended with {status}");
    }
    Ok(())
}

/// The first file of that name in a folder of the PATH.
pub(super) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The numeric user (`-u`) or group (`-g`) of the named user, or of ourselves.
pub(super) fn identity(which: &str, user: Option<&str>) -> anyhow::Result<u32> {
    let output = Command::new("id").arg(which).args(user).output().context("starting id")?;
    if !output.status.success() {
        bail!("there is no user `{}` on this machine", user.unwrap_or_default());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().with_context(|| format!("reading `{}` from id", text.trim()))
}
