//! What others wrote, in environments below the build folder: clients for NGSI-LD in Python; clients for FAPI 2.0 and an identity provider
//! on Node.js.
//!
//! The versions are pinned in `tests/clients/*.txt` and `tests/clients/*/package-lock.json`. An environment is made once and used again as
//! long as its pins are the same, so that later runs call no package index.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::Service;
use super::packages::Need;
use crate::cargo::Workspace;

/// What is installed when it is not found.
pub(super) const NEEDS: [Need; 2] = [
    Need {
        what: "Python 3 with venv and pip",
        packages: &["python3", "python3-venv"],
        present: || succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])),
    },
    Need {
        what: "Node.js 20 or later with npm",
        packages: &["nodejs", "npm"],
        present: || {
            // Web Crypto without a flag is what the clients stand on.
            succeeds(Command::new("node").args(["-e", "if (!globalThis.crypto) process.exit(1)"]))
                && succeeds(Command::new("npm").arg("--version"))
        },
    },
];

/// The variable of each client, and the name of its pins.
const PYTHON: [(&str, &str); 2] = [("TEST_NGSILDCLIENT", "ngsildclient"), ("TEST_FILIP", "filip")];

/// The variable of each folder of packages for Node.js, and its name.
const NODE: [(&str, &str); 2] =
    [("TEST_FAPI_CLIENTS", "fapi"), ("TEST_OIDC_PROVIDER", "oidc-provider")];

/// Finds or makes the environments; tests find the Pythons and the folders of packages in variables of their own. One that cannot be made,
/// because the package index is out of reach, is left out and said so: then the tests that want it fail, and the others run.
pub(super) fn find_or_make(workspace: &Workspace) -> Service {
    let mut variables = Vec::new();
    for (variable, name) in PYTHON {
        let pins = workspace.root.join("tests/clients").join(name).with_extension("txt");
        let home = workspace.target_directory.join("clients").join(name);
        match environment(&pins, &home) {
            Ok(python) => variables.push((variable, python.into())),
            Err(error) => eprintln!("{name} is not there, its tests will fail: {error:#}"),
        }
    }
    for (variable, name) in NODE {
        let pins = workspace.root.join("tests/clients").join(name).join("package-lock.json");
        let home = workspace.target_directory.join("clients").join(name);
        match packages(&pins, &home) {
            Ok(()) => variables.push((variable, home.into())),
            Err(error) => eprintln!("{name} is not there, its tests will fail: {error:#}"),
        }
    }
    Service { variables, _instance: None }
}

/// Makes a folder hold exactly the packages of a lock file. None of them runs anything while being installed.
fn packages(pins: &Path, home: &Path) -> anyhow::Result<()> {
    keep(
        pins,
        home,
        || home.join("node_modules").is_dir(),
        || {
            println!("installing what {} pins", pins.display());
            std::fs::create_dir_all(home)?;
            for file in ["package.json", "package-lock.json"] {
                std::fs::copy(pins.with_file_name(file), home.join(file))?;
            }
            let quiet = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
            run(Command::new("npm").args(quiet).current_dir(home))
        },
    )
}

/// The Python of an environment that has exactly what the pins say.
fn environment(pins: &Path, home: &Path) -> anyhow::Result<PathBuf> {
    let python = home.join("bin/python");
    let works = || succeeds(Command::new(&python).args(["-c", ""]));
    keep(pins, home, works, || {
        println!("installing what {} pins", pins.display());
        run(Command::new("python3").args(["-m", "venv"]).arg(home))?;
        let quiet = ["--disable-pip-version-check", "--no-input", "--quiet"];
        // The pins are complete, and looser ones of the packages themselves do not count.
        let install = ["-m", "pip", "install", "--no-deps", "--requirement"];
        run(Command::new(&python).args(install).arg(pins).args(quiet))
    })?;
    Ok(python)
}

/// Leaves a folder alone that was made from the same pins and works; makes it anew otherwise.
fn keep(
    pins: &Path,
    home: &Path,
    works: impl FnOnce() -> bool,
    make: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let wanted =
        std::fs::read_to_string(pins).with_context(|| format!("reading {}", pins.display()))?;
    // Written last: a folder whose making was broken off has none.
    let mark = home.join("installed.txt");
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) && works() {
        return Ok(());
    }
    if home.exists() {
        std::fs::remove_dir_all(home).with_context(|| format!("emptying {}", home.display()))?;
    }
    make()?;
    std::fs::write(&mark, wanted).with_context(|| format!("writing {}", mark.display()))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_owned();
    let output = command.output().with_context(|| format!("starting {}", program.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} ended with {}: {}", program.display(), output.status, said.trim());
    }
    Ok(())
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_made_once_and_again_when_its_pins_change_or_it_broke() {
        let folder = std::env::temp_dir().join(format!("tsunagu-clients-{}", std::process::id()));
        let (pins, home) = (folder.join("pins.txt"), folder.join("home"));
        std::fs::create_dir(&folder).unwrap();
        let pin = |text: &str| std::fs::write(&pins, text).unwrap();
        let mut times = 0;
        let mut kept = |works: bool| {
            let make = || {
                times += 1;
                std::fs::create_dir(&home).context("a remainder is in the way")
            };
            keep(&pins, &home, || works, make).unwrap();
            times
        };
        pin("one==1");
        assert_eq!((kept(true), kept(true)), (1, 1));
        pin("one==2");
        assert_eq!((kept(true), kept(true)), (2, 2));
        assert_eq!((kept(false), kept(true)), (3, 3));
        // Broken off half-way, it is not taken for whole.
        pin("one==3");
        assert!(keep(&pins, &home, || true, || bail!("no package index")).is_err());
        std::fs::create_dir(&home).unwrap();
        assert_eq!((kept(true), kept(true)), (4, 4));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
