//! Publishing to a real broker, and the guard in front of it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking; the environment names the broker"
)]

use std::io::Write as _;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tsunagu_outbound::{
    MqttVersion, Outbound, OutboundError, Policy, Publication, QualityOfService, Refusal,
};

fn program(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} names no program; run `cargo xtask test`, which finds it")
    })
}

/// A broker of its own for a test; it dies with it.
struct Mosquitto {
    port: u16,
    _broker: Child,
    _log: Lines<BufReader<ChildStderr>>,
    _folder: tempfile::TempDir,
}

impl Mosquitto {
    async fn start(password: Option<(&str, &str)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let mut settings = format!("listener {port} 127.0.0.1\nlog_dest stderr\nlog_type all\n");
        if let Some((user, secret)) = password {
            let file = folder.path().join("passwords");
            let made = Command::new(program("TEST_MOSQUITTO_PASSWD"))
                .args(["-b", "-c", file.to_str().unwrap(), user, secret])
                .status();
            assert!(made.await.unwrap().success());
            let file = file.display().to_string();
            settings +=
                ["user root\npassword_file ", &file, "\nallow_anonymous false\n"].concat().as_str();
        } else {
            settings += "user root\nallow_anonymous true\n";
        }
        let file = folder.path().join("mosquitto.conf");
        std::fs::File::create(&file).unwrap().write_all(settings.as_bytes()).unwrap();
        let mut broker = Command::new(program("TEST_MOSQUITTO"))
            .arg("-c")
            .arg(&file)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut log = BufReader::new(broker.stderr.take().unwrap()).lines();
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains("running") {
                break;
            }
        }
        Self { port, _broker: broker, _log: log, _folder: folder }
    }

    /// Somebody who prints what comes.
    async fn listen(&self, credentials: &[&str]) -> (Child, Lines<BufReader<ChildStdout>>) {
        let mut child = Command::new(program("TEST_MOSQUITTO_SUB"))
            .args([
                "-d",
                "-h",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-t",
                "town/#",
                "-q",
                "2",
            ])
            .args(credentials)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("SUBACK") {
                break;
            }
        }
        (child, lines)
    }
}

fn outbound(port: u16) -> Outbound {
    Outbound::new(Policy {
        schemes: vec!["http".to_owned(), "https".to_owned()],
        allow_private: vec![format!("127.0.0.1:{port}").parse().unwrap()],
        ..Policy::default()
    })
}

fn publication(url: &str) -> Publication {
    Publication {
        url: url.parse().unwrap(),
        client_id: "tsunagutest".to_owned(),
        version: MqttVersion::V5_0,
        qos: QualityOfService::AtLeastOnce,
        payload: "hello".into(),
    }
}

async fn arrives(lines: &mut Lines<BufReader<ChildStdout>>, text: &str) {
    while let Some(line) = lines.next_line().await.unwrap() {
        if line == text {
            return;
        }
    }
    panic!("the listener ended without {text}");
}

#[tokio::test]
async fn both_versions_publish_at_every_quality() {
    let broker = Mosquitto::start(None).await;
    let outbound = outbound(broker.port);
    let (_listener, mut lines) = broker.listen(&[]).await;
    for version in [MqttVersion::V3_1_1, MqttVersion::V5_0] {
        for qos in [
            QualityOfService::AtMostOnce,
            QualityOfService::AtLeastOnce,
            QualityOfService::ExactlyOnce,
        ] {
            let text = format!("{version:?} {qos:?}");
            let url = format!("mqtt://127.0.0.1:{}/town/air", broker.port);
            let payload = text.clone().into();
            let publication = Publication { version, qos, payload, ..publication(&url) };
            outbound.publish(&publication).await.unwrap();
            arrives(&mut lines, &text).await;
        }
    }
}

#[tokio::test]
async fn who_we_are_stands_in_the_url() {
    let broker = Mosquitto::start(Some(("gateway", "s3cret/"))).await;
    let outbound = outbound(broker.port);
    let (_listener, mut lines) = broker.listen(&["-u", "gateway", "-P", "s3cret/"]).await;
    let at = format!("127.0.0.1:{}/town/air", broker.port);
    for version in [MqttVersion::V3_1_1, MqttVersion::V5_0] {
        let right =
            Publication { version, ..publication(&format!("mqtt://gateway:s3cret%2F@{at}")) };
        outbound.publish(&right).await.unwrap();
        arrives(&mut lines, "hello").await;
        for wrong in [format!("mqtt://gateway:wrong@{at}"), format!("mqtt://{at}")] {
            let refused = Publication { version, ..publication(&wrong) };
            assert_eq!(outbound.publish(&refused).await, Err(OutboundError::Rejected), "{wrong}");
        }
    }
}

#[tokio::test]
async fn the_guard_stands_here_too() {
    let open = Outbound::new(Policy {
        schemes: vec!["http".to_owned(), "https".to_owned()],
        ..Policy::default()
    });
    for (url, why) in [
        ("mqtt://127.0.0.1/town", Refusal::Address),
        ("mqtts://10.0.0.1/town", Refusal::Address),
        ("mqtt://169.254.169.254/town", Refusal::Address),
        ("mqtt://1.1.1.1:6379/town", Refusal::Port),
        ("http://1.1.1.1/town", Refusal::Scheme),
    ] {
        let refused = open.publish(&publication(url)).await;
        assert_eq!(refused, Err(OutboundError::Refused(why)), "{url}");
    }
    let strict = Outbound::new(Policy::default());
    let plain = strict.publish(&publication("mqtt://1.1.1.1/town")).await;
    assert_eq!(plain, Err(OutboundError::Refused(Refusal::Scheme)));
}
