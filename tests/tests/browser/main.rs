//! A resident, and a member of staff, with a real browser, on the pages of a running demo: with scripts and without, at 320 pixels, asking no other host.
//!
//! Needs chromium and chromedriver (`TEST_CHROMIUM`, `TEST_CHROMEDRIVER`, or where Debian puts them) and the built program;
//! `cargo xtask test` sees to all three.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests may unwrap; an outsider reads the environment and has clients of its own"
)]

mod desk;
mod driver;
mod journey;
mod page;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use url::Url;

use driver::{Scripts, WebDriver};
use journey::{Addresses, journey};

#[tokio::test(flavor = "multi_thread")]
async fn a_resident_goes_the_whole_way_with_scripts_and_without() {
    let (mut demo, addresses) = demo().await;
    for scripts in [Scripts::On, Scripts::Off] {
        let (driver, chromium) = (
            tool("TEST_CHROMEDRIVER", "/usr/bin/chromedriver"),
            tool("TEST_CHROMIUM", "/usr/bin/chromium"),
        );
        let browser = WebDriver::start(&driver, &chromium, scripts, 1280).await.unwrap();
        journey(&browser, &addresses).await.unwrap_or_else(|error| panic!("{error:#}"));
        browser.quit().await.unwrap();
    }
    demo.kill().await.unwrap();
}

fn tool(variable: &str, usual: &str) -> PathBuf {
    let path = std::env::var(variable).map_or_else(|_| PathBuf::from(usual), PathBuf::from);
    assert!(
        path.is_file(),
        "there is no {}; install it, or run `cargo xtask test`",
        path.display()
    );
    path
}

/// A demo whose story has been played, so that nobody has a live consent, and where its parties are.
async fn demo() -> (Child, Addresses) {
    let me = std::env::current_exe().unwrap();
    let program = me.parent().and_then(Path::parent).unwrap().join("tsunagu");
    assert!(program.is_file(), "build the program with `cargo build -p tsunagu-server`");
    let mut demo = Command::new(program)
        .arg("demo")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let (mut gateway, mut vendor, mut xid) = (None, None, None);
    let up = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            let address = || line.split_whitespace().last().and_then(|word| Url::parse(word).ok());
            match () {
                () if line.contains("resident's page") => gateway = address(),
                () if line.contains("healthcare app  ") => vendor = address(),
                () if line.contains("xID (simulated)") => xid = address(),
                () if line.contains("Ctrl-C") => return,
                () => {}
            }
        }
        panic!("the demo ended before it was up");
    };
    tokio::time::timeout(Duration::from_mins(1), up).await.unwrap();
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let addresses =
        Addresses { gateway: gateway.unwrap(), vendor: vendor.unwrap(), xid: xid.unwrap() };
    (demo, addresses)
}
