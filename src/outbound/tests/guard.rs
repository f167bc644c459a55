//! The guard against calls to where nobody should call, and the caps.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tsunagu_outbound::{Outbound, OutboundError, Policy, Refusal, Request, Resolve};
use url::Url;

fn open() -> Policy {
    Policy {
        schemes: vec!["http".to_owned(), "https".to_owned()],
        ports: vec![],
        ..Policy::default()
    }
}

/// Serves the same bytes to every connection and counts them by answering nothing else.
async fn serve(answer: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                if socket.read(&mut request).await.is_ok() {
                    socket.write_all(&answer).await.unwrap();
                }
            });
        }
    });
    port
}

fn loopback(port: u16) -> Policy {
    Policy { allow_private: vec![format!("127.0.0.1:{port}").parse().unwrap()], ..open() }
}

#[tokio::test]
async fn special_addresses_in_every_spelling_are_refused() {
    let outbound = Outbound::new(open());
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://017700000001/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://192.168.0.1:8080/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://localhost/",
    ] {
        let refused = outbound.get(&Url::parse(url).unwrap()).await.unwrap_err();
        assert_eq!(refused, OutboundError::Refused(Refusal::Address), "{url}");
    }
}

#[tokio::test]
async fn schemes_ports_and_user_information_are_refused() {
    let strict = Outbound::new(Policy::default());
    for (url, refusal) in [
        ("file:///etc/passwd", Refusal::Scheme),
        ("ftp://example.org/", Refusal::Scheme),
        ("gopher://example.org/", Refusal::Scheme),
        ("http://example.org/", Refusal::Scheme),
        ("https://user@example.org/", Refusal::UserInfo),
        ("https://user:secret@example.org/", Refusal::UserInfo),
        ("https://example.org:22/", Refusal::Port),
    ] {
        let refused = strict.check(&Url::parse(url).unwrap()).await.unwrap_err();
        assert_eq!(refused, OutboundError::Refused(refusal), "{url}");
    }
    let loose = Outbound::new(Policy { schemes: vec!["file".to_owned()], ..open() });
    let refused = loose.check(&Url::parse("file:///etc/passwd").unwrap()).await.unwrap_err();
    assert_eq!(refused, OutboundError::Refused(Refusal::Scheme));
}

struct Fixed(Vec<IpAddr>);

#[async_trait]
impl Resolve for Fixed {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(self.0.clone())
    }
}

#[tokio::test]
async fn one_private_address_behind_a_name_refuses_the_name() {
    let mixed = Fixed(vec!["1.1.1.1".parse().unwrap(), "10.0.0.5".parse().unwrap()]);
    let outbound = Outbound::with_resolver(open(), Arc::new(mixed));
    let refused = outbound.check(&Url::parse("http://keys.example/").unwrap()).await.unwrap_err();
    assert_eq!(refused, OutboundError::Refused(Refusal::Address));
    let none = Outbound::with_resolver(open(), Arc::new(Fixed(vec![])));
    let refused = none.check(&Url::parse("http://keys.example/").unwrap()).await.unwrap_err();
    assert_eq!(refused, OutboundError::Unresolved);
}

#[tokio::test]
async fn the_connection_goes_to_the_checked_address() {
    let port = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: b\r\n\r\nhi".to_vec()).await;
    let policy = Policy { allow_private: vec!["127.0.0.0/8".parse().unwrap()], ..open() };
    // The operating system knows no such name: only the pinned address can answer.
    let fixed = Arc::new(Fixed(vec!["127.0.0.1".parse().unwrap()]));
    let outbound = Outbound::with_resolver(policy, fixed);
    let url = Url::parse(&format!("http://keys.invalid:{port}/")).unwrap();
    let answer = outbound.send(Request::get(url).bearer("t").unwrap()).await.unwrap();
    assert_eq!(
        (answer.status, &answer.body[..], answer.header("x-a")),
        (200, &b"hi"[..], Some("b"))
    );
}

#[tokio::test]
async fn an_allowed_host_is_allowed_at_its_port_only() {
    let port = serve(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()).await;
    let other = serve(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()).await;
    let outbound = Outbound::new(loopback(port));
    let get = async |port: u16| {
        outbound.get(&Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap()).await
    };
    assert_eq!(get(port).await.unwrap().status, 204);
    assert_eq!(get(other).await.unwrap_err(), OutboundError::Refused(Refusal::Address));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let inside = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret".to_vec()).await;
    let answer = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{inside}/\r\ncontent-length: 0\r\n\r\n"
    );
    let port = serve(answer.into_bytes()).await;
    let outbound = Outbound::new(loopback(port));
    let url = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
    let answer = outbound.get(&url).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (302, 0));
}

#[tokio::test]
async fn long_answers_are_cut_off_whether_they_say_their_length_or_not() {
    let said = b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n".to_vec();
    let mut unsaid = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    unsaid.extend([b'x'; 2000]);
    for answer in [said, unsaid] {
        let port = serve(answer).await;
        let outbound = Outbound::new(Policy { max_bytes: 1000, ..loopback(port) });
        let url = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
        assert_eq!(outbound.get(&url).await.unwrap_err(), OutboundError::TooLarge);
    }
}

#[tokio::test]
async fn a_silent_server_is_given_up_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let outbound = Outbound::new(Policy { timeout: Duration::from_millis(50), ..loopback(port) });
    let url = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
    assert_eq!(outbound.get(&url).await.unwrap_err(), OutboundError::Timeout);
}

#[test]
fn allowed_targets_are_read_strictly() {
    use tsunagu_outbound::Allow;
    for wrong in ["", "localhost", "10.0.0.0/33", "x/8", ":80", "host:99999", "u@h:80", "::1/129"] {
        assert!(wrong.parse::<Allow>().is_err(), "{wrong}");
    }
    for right in ["localhost:8080", "127.0.0.0/8", "[::1]:80", "fd00::/8"] {
        assert!(right.parse::<Allow>().is_ok(), "{right}");
    }
}
