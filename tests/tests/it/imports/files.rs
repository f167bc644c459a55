//! Files that an operator checks and hands over, by API and by a browser without scripts.

use reqwest::{Method, StatusCode};
use serde_json::json;
use tsunagu_sandbox::story::{Browser, Page};

use super::{HEADER, comes_to, governed};
use crate::staff::{Desk, acts};
use crate::support::Backend;
use crate::support::http::{Answer, seen};
use crate::support::town::{STAFF, Town};

const FILES: &str = "/imports/v1/layouts/register/files";
const CHECKS: &str = "/imports/v1/layouts/register/checks";

fn text(rows: usize) -> String {
    let row = |n: usize| {
        format!("{n:010},都農　花子{n},昭和10年5月1日,宮崎県児湯郡都農町大字川北{n}番地\r\n")
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!("{HEADER}{}", rows.concat())
}

fn there(town: &Town) -> Vec<String> {
    let entries = std::fs::read_dir(town.folder.path().join("drop")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A browser of a member, and what it is known by.
async fn browser(town: &Town, name: &str) -> (Browser, Page, String) {
    let mut browser = Browser::new();
    town.member(&mut browser, name).await;
    let url = town.base.join("/staff/imports").unwrap();
    let page = browser.open(url.clone()).await.unwrap();
    let cookies = browser.cookies(&url).unwrap();
    (browser, page, cookies)
}

/// Sends a body as a script of this site would.
async fn put(town: &Town, cookies: &str, path: &str, body: &str) -> Answer {
    let own = town.base.as_str().trim_end_matches('/');
    let request = town.ask(Method::POST, path).header("Cookie", cookies).header("Origin", own);
    seen(request.header("Content-Type", "text/csv").body(body.to_owned())).await
}

#[tokio::test]
async fn an_operator_checks_a_file_and_hands_it_over() {
    let town = governed(Backend::Embedded).await;
    let (_, _, cookies) = browser(&town, "inoue").await;
    let odd = text(3).replace("都農　花子1,", "\u{E000}田,");
    let checked = put(&town, &cookies, &format!("{CHECKS}?name=a.csv"), &odd).await;
    assert_eq!(checked.status, 200, "{}", checked.text());
    let found = checked.json();
    assert_eq!((&found["accepted"], &found["to_decide"]), (&json!(2), &json!(1)), "{found}");
    assert_eq!(found["rules"][0]["rule"], "gaiji");
    assert_eq!(
        (&found["findings"][0]["line"], &found["findings"][0]["column"]),
        (&json!(3), &json!("氏名"))
    );
    assert!(!checked.text().contains('田'));
    assert!(there(&town).is_empty());

    let path = format!("{FILES}?name=a.csv");
    let handed = put(&town, &cookies, &path, &text(3)).await;
    assert_eq!(handed.status, 202, "{}", handed.text());
    assert_eq!(handed.json(), json!({"file": "a.csv"}));
    let mut auditor = Desk::of(&town, "mori").await;
    let load = comes_to(&mut auditor, "register-1", "waiting").await;
    assert_eq!((&load["counts"]["accepted"], &load["hands"]), (&json!(3), &json!(["inoue"])));
    assert_eq!(put(&town, &cookies, &path, &text(4)).await.status, 409, "there is one");
    for (name, status) in
        [("..%2Fx.csv", 400), ("x.txt", 400), ("", 400), ("123456789018.csv", 400)]
    {
        let refused = put(&town, &cookies, &format!("{FILES}?name={name}"), &text(1)).await;
        assert_eq!(refused.status, status, "{name}");
        assert!(!refused.text().contains("123456789018"));
    }
    let own = town.base.as_str().trim_end_matches('/');
    let ask = |path: &str| town.ask(Method::POST, path).header("Cookie", &cookies);
    let other = ask(&path).header("Origin", "https://elsewhere.example").body(text(1));
    assert_eq!(seen(other).await.status, 403, "a page of another site");
    let json = ask(&path).header("Origin", own).json(&json!({}));
    assert_eq!(seen(json).await.status, 415);
    assert_eq!(there(&town), ["a.csv"]);

    let (_, _, counter) = browser(&town, "kato").await;
    let token = town.token(STAFF).await;
    for (path, act) in [(FILES, "import-upload"), (CHECKS, "import-check")] {
        let path = format!("{path}?name=b.csv");
        assert_eq!(put(&town, &counter, &path, &text(1)).await.status, 403);
        let last = acts(&town, "staff:kato").await.pop().unwrap();
        assert_eq!(last, ("denied".to_owned(), format!("{act} register role-missing")));
        let machine = town.ask(Method::POST, &path).bearer_auth(&token).body(text(1));
        assert_eq!(seen(machine).await.status, 403, "a machine");
    }
    assert_eq!(there(&town), ["a.csv"]);
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_and_leaves_nothing() {
    let mut town = governed(Backend::Embedded).await;
    town.stop().await;
    let config = std::fs::read_to_string(town.config()).unwrap();
    std::fs::write(town.config(), format!("{config}\n[imports]\nmax_file_bytes = 1000\n")).unwrap();
    town.open().await;
    let (_, _, cookies) = browser(&town, "inoue").await;
    for path in [FILES, CHECKS] {
        let answer = put(&town, &cookies, &format!("{path}?name=a.csv"), &text(100)).await;
        assert_eq!(answer.status, 413, "{}", answer.text());
        let answer = put(&town, &cookies, &format!("{CHECKS}?name=a.csv"), &text(3)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert!(there(&town).is_empty());
}

/// A form as a browser sends it.
fn form(csrf: &str, name: &str, text: &str) -> String {
    format!(
        "--edge\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n\
         --edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: text/csv\r\n\r\n{text}\r\n--edge--\r\n"
    )
}

#[tokio::test]
async fn an_operator_checks_a_file_and_hands_it_over_on_a_page_without_scripts() {
    let town = governed(Backend::Embedded).await;
    let (_, page, cookies) = browser(&town, "inoue").await;
    let sent = page.form("/files").unwrap();
    assert!(page.body.contains("enctype=\"multipart/form-data\""), "{}", page.body);
    let csrf = &sent.fields.iter().find(|(name, _)| name == "csrf").unwrap().1;
    let post = async |path: &str, body: String| {
        let request = town.ask(Method::POST, path).header("Cookie", &cookies);
        let media = "multipart/form-data; boundary=edge";
        seen(request.header("Content-Type", media).body(body)).await
    };
    let (files, check) =
        ("/staff/imports/layouts/register/files", "/staff/imports/layouts/register/check");
    assert!(page.body.contains(&format!("action=\"{files}\"")), "{}", page.body);
    assert!(page.body.contains(&format!("formaction=\"{check}\"")), "{}", page.body);
    let odd = text(3).replace("都農　花子1,", "\u{E000}田,");
    let checked = post(check, form(csrf, "a.csv", &odd)).await;
    assert_eq!(checked.status, 200, "{}", checked.text());
    assert!(
        checked.text().contains("3行目・氏名") && checked.text().contains("取り込み可： 2"),
        "{}",
        checked.text()
    );
    assert!(!checked.text().contains('\u{E000}') && there(&town).is_empty());

    for (wrong, status) in [
        (form("another", "a.csv", &text(3)), StatusCode::FORBIDDEN),
        (
            form(csrf, "a.csv", &text(3)).replace("name=\"file\"", "name=\"other\""),
            StatusCode::BAD_REQUEST,
        ),
        (
            form(csrf, "a.csv", &text(3)).replace("name=\"csrf\"", "name=\"file\""),
            StatusCode::BAD_REQUEST,
        ),
        // It breaks off: half a file is no file.
        (form(csrf, "a.csv", &text(3)).replace("\r\n--edge--\r\n", ""), StatusCode::BAD_REQUEST),
        ("nothing".to_owned(), StatusCode::BAD_REQUEST),
    ] {
        let refused = post(files, wrong).await;
        assert_eq!(refused.status, status.as_u16(), "{}", refused.text());
        assert!(there(&town).is_empty());
    }
    let named = post(files, form(csrf, "123456789018.csv", &text(3))).await;
    assert!(
        named.status == 200 && named.text().contains("このファイルは受け取れません"),
        "{}",
        named.text()
    );
    assert!(!named.text().contains("123456789018"));
    let handed = post(files, form(csrf, "a.csv", &text(3))).await;
    assert!(handed.text().contains("ファイルを受け取りました"), "{}", handed.text());
    let mut auditor = Desk::of(&town, "mori").await;
    let load = comes_to(&mut auditor, "register-1", "waiting").await;
    assert_eq!((&load["counts"]["accepted"], &load["file"]), (&json!(3), &json!("a.csv")));
    assert_eq!(there(&town), ["a.csv"]);
}
