//! The program under test, as processes of its own.

use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpSocket;
use tokio::process::{Child, Command};
use url::Url;

use super::canaries::silent;

/// The built program: beside the folder of this test executable.
pub(crate) fn program() -> PathBuf {
    let me = std::env::current_exe().unwrap();
    let folder = me.parent().and_then(Path::parent).unwrap();
    let program = folder.join("tsunagu");
    assert!(
        program.is_file(),
        "there is no {}; build it with `cargo build -p tsunagu-server`, or run `cargo xtask test`",
        program.display()
    );
    program
}

/// Runs a command of the program to its end.
pub(crate) async fn run(args: &[&str]) -> Output {
    Command::new(program()).args(args).output().await.unwrap()
}

/// A port that nobody else is given while the socket lives: addresses must be known before what listens on them, and stay theirs
/// while it is down. Bound but not listening, it lets a process that names the port listen there.
pub(crate) fn reserved_port() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

/// A running process of the program, killed when dropped. What the gateway logged is then searched for what is personal.
pub(crate) struct Process {
    child: Child,
    /// The gateway's log; the outside world may log what it likes.
    searched: Option<PathBuf>,
    /// Where it listens.
    pub(crate) url: Url,
}

impl Process {
    /// Starts it and waits until it says where it listens. What it logs is appended to `log`.
    pub(crate) async fn start(args: &[&str], variables: &[(&str, &str)], log: &Path) -> Self {
        Self::of(&program(), args, variables, log).await
    }

    /// The same for a program of others that says so as ours does.
    pub(crate) async fn of(
        program: &Path,
        args: &[&str],
        variables: &[(&str, &str)],
        log: &Path,
    ) -> Self {
        let errors: File = OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut child = Command::new(program)
            .args(args)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(rest) = line.strip_prefix("READY ") {
                    return Url::parse(rest.split_whitespace().nth(1).unwrap()).unwrap();
                }
            }
            let said = std::fs::read_to_string(log).unwrap_or_default();
            panic!("{args:?} ended before it was ready:\n{said}");
        };
        let url = tokio::time::timeout(Duration::from_secs(30), ready).await;
        let url = url.unwrap_or_else(|_| panic!("{args:?} was not ready in time"));
        // Output that nobody reads would stop the process when the pipe is full.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let searched = (args.first() == Some(&"serve")).then(|| log.to_owned());
        Self { child, searched, url }
    }

    /// `kill -9`.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to end, and waits until it has: what an operator does.
    pub(crate) async fn stop(mut self) {
        let pid = self.child.id().unwrap().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
        assert!(asked.success());
        let ended = tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await;
        ended.expect("it did not end when asked to").unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A test that failed already says why.
        if !std::thread::panicking()
            && let Some(log) = &self.searched
        {
            let said = std::fs::read(log).unwrap();
            silent("the gateway's log", &String::from_utf8_lossy(&said));
        }
    }
}
