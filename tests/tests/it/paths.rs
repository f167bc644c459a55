//! One interpretation of every address and message, whoever writes it how; and whose word counts for the tenant.

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::Backend;
use crate::support::http::seen;
use crate::support::town::{Plan, SENSORS, STAFF, Town, property};

/// Sends bytes as they are, and gives every answer that comes back on the connection.
async fn raw(town: &Town, message: &str) -> String {
    let address = (town.base.host_str().unwrap(), town.base.port().unwrap());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(message.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is reset has said what it had to say.
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8_lossy(&answer).into_owned()
}

fn statuses(answers: &str) -> Vec<u16> {
    let lines = answers.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 "));
    lines.map(|line| line.get(..3).unwrap().parse().unwrap()).collect()
}

async fn asked(town: &Town, target: &str, headers: &str) -> u16 {
    let host = town.base.authority();
    let message =
        format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n");
    let answers = raw(town, &message).await;
    let statuses = statuses(&answers);
    assert_eq!(statuses.len(), 1, "{target}: {answers}");
    statuses[0]
}

#[tokio::test]
async fn t66_no_spelling_of_a_path_leads_past_who_may_use_it() {
    let town = Town::start(Backend::Embedded, &Plan::default()).await;
    let protected = ["/ngsi-ld/v1/types", "/connectors/v1", "/audit/v1/entries", "/me/export"];
    for path in protected {
        assert_eq!(asked(&town, path, "").await, 401, "{path}");
        let (first, rest) = path.trim_start_matches('/').split_once('/').unwrap();
        for spelled in [
            format!("/{path}"),
            format!("//{path}"),
            format!("/{first}//{rest}"),
            format!("/{first}/./{rest}"),
            format!("/{first}/x/../{rest}"),
            format!("/{first}/x/%2e%2e/{rest}"),
            format!("/{first}%2f{rest}"),
            format!("/{first}%2F{rest}"),
            format!("/{first};x=y/{rest}"),
            format!("/{first}/;/{rest}"),
            format!("/assets/..;{path}"),
            format!("/assets/..{path}"),
            format!("/assets/%2e%2e{path}"),
            format!("/assets/..%2f{first}%2f{rest}"),
            format!("/livez/..{path}"),
            format!("/livez;{path}"),
            format!("/livez%00{path}"),
            format!("{path}%00"),
            format!("{path};.css"),
            format!("{path}/..;/{rest}"),
            format!("{path}/%2e"),
            format!("{path}\\x"),
            format!("/\\..{path}"),
            path.to_uppercase(),
            path.replace('/', "%2F"),
        ] {
            let status = asked(&town, &spelled, "").await;
            assert!(matches!(status, 400 | 401 | 404), "{spelled}: {status}");
        }
        // What is the same path, in another spelling, is under the same rule.
        let escaped = path.replace('e', "%65").replace('s', "%73");
        for spelled in [
            format!("{path}/"),
            format!("{path}?"),
            escaped,
            format!("http://{}{path}", town.base.authority()),
            format!("http://elsewhere.example{path}"),
            format!("http://livez{path}"),
        ] {
            let status = asked(&town, &spelled, "").await;
            assert!(matches!(status, 401 | 404), "{spelled}: {status}");
        }
    }
    // With a token the rights are those of the path that is answered, however it is written.
    let sensors = format!("Authorization: Bearer {}\r\n", town.token(SENSORS).await);
    for spelled in ["/connectors/v1", "/connectors/%761", "http://x.example/connectors/v1"] {
        let status = asked(&town, spelled, &sensors).await;
        assert!(matches!(status, 403 | 404), "{spelled}: {status}");
    }
    let staff = format!("Authorization: Bearer {}\r\n", town.token(STAFF).await);
    assert_eq!(asked(&town, "/connectors/v1", &staff).await, 200);
}

#[tokio::test]
async fn t66_a_message_is_one_message_or_none() {
    let town = Town::start(Backend::Embedded, &Plan::default()).await;
    let token = town.token(STAFF).await;
    let hidden =
        format!("GET /connectors/v1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    let (length, size) = (hidden.len(), format!("{:x}", hidden.len()));
    for (what, headers, body) in [
        (
            "both lengths",
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n".to_owned(),
            format!("0\r\n\r\n{hidden}"),
        ),
        (
            "both, turned",
            format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
            format!("0\r\n\r\n{hidden}"),
        ),
        (
            "two lengths",
            format!("Content-Length: 0\r\nContent-Length: {length}\r\n"),
            hidden.clone(),
        ),
        ("a list of lengths", format!("Content-Length: 0, {length}\r\n"), hidden.clone()),
        ("a signed length", "Content-Length: +0\r\n".to_owned(), hidden.clone()),
        (
            "an unknown coding",
            "Transfer-Encoding: xchunked\r\n".to_owned(),
            format!("{size}\r\n{hidden}\r\n0\r\n\r\n"),
        ),
        (
            "a coding twice",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".to_owned(),
            format!("0\r\n\r\n{hidden}"),
        ),
        ("a space before the colon", "Content-Length : 0\r\n".to_owned(), hidden.clone()),
        ("a line that goes on", format!("X: a\r\n Content-Length: {length}\r\n"), String::new()),
        ("a bare line feed in a name", "X: a\nContent-Length: 0\r\n".to_owned(), String::new()),
    ] {
        let message = format!(
            "POST /oauth/token HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n{body}"
        );
        let answers = raw(&town, &message).await;
        let statuses = statuses(&answers);
        assert!(!statuses.contains(&200), "{what}: {answers}");
        assert!(statuses.len() <= 1, "{what} is two messages: {answers}");
        assert!(statuses.iter().all(|status| (400..500).contains(status)), "{what}: {answers}");
    }
    assert_eq!(asked(&town, "/livez", "").await, 200);
}

#[tokio::test]
async fn t66_limits_count_a_path_however_it_is_written() {
    let more = "\n[rates]\nlogin = { per_minute = 1, burst = 3 }\n";
    let town = Town::start(Backend::Embedded, &Plan { more, ..Plan::default() }).await;
    let mut answers = Vec::new();
    for path in
        ["/oauth/authorize", "/oauth/%61uthorize", "/%6fauth/authorize", "/%6Fauth/%61uthorize"]
    {
        answers.push(asked(&town, &format!("{path}?client_id=nobody"), "").await);
    }
    assert_eq!(answers.last(), Some(&429), "{answers:?}");
}

#[tokio::test]
async fn t68_a_header_makes_nobody_a_member_of_another_tenant() {
    let more = "\n[broker]\ntenants = [\"elsewhere\"]\n";
    let town = Town::start(Backend::Embedded, &Plan { more, ..Plan::default() }).await;
    let token = town.token(SENSORS).await;
    let bench = json!({"id": "urn:ngsi-ld:Bench:1", "type": "Bench", "material": property("oak")});
    let entities = "/ngsi-ld/v1/entities";
    let create = |headers: &[(&str, &str)]| {
        let request = town.ask(Method::POST, entities).bearer_auth(&token).json(&bench);
        seen(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)))
    };
    for (headers, status) in [
        (&[("NGSILD-Tenant", "elsewhere")][..], 403),
        (&[("NGSILD-Tenant", "nowhere")], 404),
        (&[("NGSILD-Tenant", "ELSEWHERE")], 404),
        (&[("NGSILD-Tenant", "tsuno"), ("NGSILD-Tenant", "elsewhere")], 400),
        (&[("NGSILD-Tenant", "tsuno, elsewhere")], 404),
        (&[("NGSILD-Tenant", "../elsewhere")], 404),
        (&[("NGSILD-Tenant", "")], 404),
    ] {
        let answer = create(headers).await;
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.text());
    }
    // The words of other brokers for it mean nothing here: the tenant is the token's.
    for name in ["Fiware-Service", "X-Tenant", "Tenant"] {
        let made = create(&[(name, "elsewhere"), ("Fiware-ServicePath", "/elsewhere")]).await;
        assert!(matches!(made.status, 201 | 409), "{name}: {}", made.text());
    }
    let read =
        town.ask(Method::GET, &format!("{entities}/urn:ngsi-ld:Bench:1")).bearer_auth(&token);
    assert_eq!(seen(read.header("NGSILD-Tenant", "tsuno")).await.status, 200);
    let there = town.ask(Method::GET, "/ngsi-ld/v1/types").bearer_auth(&token);
    assert_eq!(seen(there.header("NGSILD-Tenant", "elsewhere")).await.status, 403);
}
