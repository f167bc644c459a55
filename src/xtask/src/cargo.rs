//! The workspace as cargo describes it, and cargo (and git) called for it.
//!
//! Every call of cargo goes through here, so that all of them see the same environment: a
//! difference in it makes cargo build everything again.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde::Deserialize;

/// What `cargo metadata --no-deps` says about the workspace.
#[derive(Deserialize)]
pub(crate) struct Workspace {
    /// The members.
    pub(crate) packages: Vec<Package>,
    /// Absolute path of the folder with the workspace's Cargo.toml.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// Absolute path of the build folder.
    pub(crate) target_directory: PathBuf,
}

/// A member of the workspace.
#[derive(Deserialize)]
pub(crate) struct Package {
    /// Name with the project's prefix.
    pub(crate) name: String,
    /// Absolute path of its Cargo.toml.
    pub(crate) manifest_path: PathBuf,
    /// What its Cargo.toml asks for.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One entry under `[dependencies]`, `[dev-dependencies]` or `[build-dependencies]`.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    /// Name of the package asked for, also when it is renamed here.
    pub(crate) name: String,
    /// `None` for a normal one, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

impl Workspace {
    /// Asks cargo; fails outside a workspace.
    pub(crate) fn load() -> anyhow::Result<Self> {
        let output = Call::new("cargo", ["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("asking cargo for the workspace")?;
        serde_json::from_str(&output).context("reading the answer of cargo metadata")
    }

    /// A call of cargo at the root of the workspace.
    pub(crate) fn cargo<A: Into<OsString>>(&self, args: impl IntoIterator<Item = A>) -> Call {
        Call::new("cargo", args).at(&self.root)
    }

    /// A call of git at the root of the workspace.
    pub(crate) fn git<A: Into<OsString>>(&self, args: impl IntoIterator<Item = A>) -> Call {
        Call::new("git", args).at(&self.root)
    }

    /// Builds a program of the tests crate and the gateway with optimisation, and runs the former, which starts the latter. Both are built by
    /// one call, so that dependencies are built once, with one set of features.
    pub(crate) fn run_outsider(&self, program: &str, args: &[OsString]) -> anyhow::Result<()> {
        let packages = ["--package", "tsunagu-server", "--package", "tsunagu-tests"];
        let programs = ["--bin", "tsunagu", "--bin", program];
        self.cargo([&["build", "--release"], &packages[..], &programs[..]].concat()).run()?;
        let built = self.target_directory.join("release").join(program);
        let status = Command::new(&built).args(args).current_dir(&self.root).status();
        let status = status.with_context(|| format!("starting {}", built.display()))?;
        if !status.success() {
            bail!("{program} ended with {status}");
        }
        Ok(())
    }
}

/// One command line, printable as a developer would type it.
#[derive(Clone)]
pub(crate) struct Call {
    program: &'static str,
    args: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
    folder: Option<PathBuf>,
}

impl Call {
    fn new<A: Into<OsString>>(program: &'static str, args: impl IntoIterator<Item = A>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self { program, args, variables: Vec::new(), folder: None }
    }

    fn at(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.args(&self.args);
        // `cargo run` describes xtask's own package to us; handed on, that would make build
        // scripts that watch these variables run again.
        for (name, _) in std::env::vars_os() {
            let name_text = name.to_string_lossy();
            if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|p| name_text.starts_with(p)) {
                command.env_remove(name);
            }
        }
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    /// Runs it on our own terminal; any ending but success is an error.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let status = self.command().status().with_context(|| format!("starting `{self}`"))?;
        if !status.success() {
            bail!("`{self}` ended with {status}");
        }
        Ok(())
    }

    /// Runs it and returns its standard output; its standard error is shown only on failure.
    pub(crate) fn output(&self) -> anyhow::Result<String> {
        let output = self.command().output().with_context(|| format!("starting `{self}`"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("`{self}` ended with {}: {}", output.status, said.trim());
        }
        String::from_utf8(output.stdout).with_context(|| format!("reading what `{self}` wrote"))
    }

    /// Whether it can be started and succeeds; nothing is shown.
    pub(crate) fn succeeds(&self) -> bool {
        self.command().output().is_ok_and(|output| output.status.success())
    }

    /// Runs it, showing both outputs as they come, and returns them together with whether it
    /// succeeded.
    pub(crate) fn watch(&self) -> anyhow::Result<(String, bool)> {
        let mut child = self
            .command()
            // Colours would stand between the words of the summary.
            .env("CARGO_TERM_COLOR", "never")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting `{self}`"))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
            bail!("`{self}` has no outputs to read");
        };
        let text = std::thread::scope(|scope| {
            let errors = scope.spawn(|| echo(stderr, std::io::stderr()));
            let mut text = echo(stdout, std::io::stdout())?;
            match errors.join() {
                Ok(errors) => text.push_str(&errors?),
                Err(_) => bail!("the reader of standard error broke off"),
            }
            Ok(text)
        })?;
        let status = child.wait().with_context(|| format!("waiting for `{self}`"))?;
        Ok((text, status.success()))
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, value) in &self.variables {
            write!(f, "{name}={} ", shell_word(value))?;
        }
        write!(f, "{}", self.program)?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", shell_word(arg)))
    }
}

/// The word as a shell reads it back.
fn shell_word(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:@,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn echo(from: impl Read, mut to: impl Write) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).context("reading output")? > 0 {
        to.write_all(&line).context("showing output")?;
        text.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(text)
}

/// Becomes the given program, so that signals and the exit code are its own; returns only when
/// that fails.
pub(crate) fn replace_by(program: &Path, first: &str, rest: &[OsString]) -> anyhow::Error {
    let error = Command::new(program).arg(first).args(rest).exec();
    anyhow::Error::new(error).context(format!("starting {}", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_printed_as_it_is_typed() {
        let call = Call::new("cargo", ["doc", "--no-deps", "it's"]).env("RUSTDOCFLAGS", "-D x");
        assert_eq!(call.to_string(), r"RUSTDOCFLAGS='-D x' cargo doc --no-deps 'it'\''s'");
    }

    #[test]
    fn watching_returns_both_outputs_and_the_ending() {
        let (text, success) =
            Call::new("sh", ["-c", "echo out; echo err >&2; exit 3"]).watch().unwrap();
        assert_eq!((text.as_str(), success), ("out\nerr\n", false));
        assert!(Call::new("sh", ["-c", "exit 3"]).output().is_err());
    }
}
