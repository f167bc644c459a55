//! Files of municipal records: looked at from a shell, and as loads that a second person publishes.

mod decisions;
mod files;
mod residents;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use tsunagu_sandbox::story::Browser;
use tsunagu_tests::bench::imports::{add_layout, check, write_file};

use crate::staff::{Desk, acts};
use crate::support::http::seen;
use crate::support::town::{Plan, REGISTER, Town};
use crate::support::{Backend, eventually, process};

/// A gateway that knows one layout.
fn configure(folder: &Path) -> String {
    let at = |name: &str| json!(folder.join(name)).to_string();
    let text = format!(
        r#"
listen = "127.0.0.1:0"
base_url = "http://127.0.0.1:8080"
store = {store}
keys = {keys}

[town]
tenant = "tsuno"
name = {{ ja = "都農町", en = "Tsuno Town" }}
help_desk = {{ phone = "0983-00-0000", hours = {{ ja = "平日", en = "weekdays" }} }}
municipality = {{ prefecture = "宮崎県", county = "児湯郡", name = "都農町" }}
code = "454061"
places = ["大字川北"]

[[csv_drop]]
name = "juki"
title = {{ ja = "住民記録", en = "Resident register" }}
folder = {drop}
pattern = "*.csv"
entity_type = "ResidentRecord"
id_secret = "an invented secret of enough length"
key = "住民番号"

[csv_drop.columns]
"住民番号" = {{ attribute = "municipalNumber", kind = "text", digits = 10 }}
"氏名" = {{ attribute = "name", kind = "text", required = true }}
"生年月日" = {{ attribute = "birthDate", kind = "date" }}
"住所" = {{ attribute = "address", kind = "address" }}
"#,
        store = at("store"),
        keys = at("keys"),
        drop = at("drop"),
    );
    let path = folder.join("tsunagu.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

const HEADER: &str = "住民番号,氏名,生年月日,住所\r\n";
const GOOD: &str = "0000000001,都農　花子,昭和60年3月15日,宮崎県児湯郡都農町大字川北4874番地2\r\n";

#[tokio::test]
async fn a_check_tells_every_row_and_stores_nothing() {
    let place = tempfile::tempdir().unwrap();
    let config = configure(place.path());
    let path = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    for (rows, code) in [
        (GOOD.to_owned(), 0),
        (format!("{GOOD}0000000002,\u{E000}田,,\r\n"), 3),
        (format!("{GOOD}0000000002,\u{E000}田,,\r\n0000000003,日向　太郎,平成36年4月1日,\r\n"), 4),
    ] {
        std::fs::write(path("juki.csv"), format!("\u{FEFF}{HEADER}{rows}")).unwrap();
        let (csv, ndjson) = (path("report.csv"), path("report.ndjson"));
        let (file, config) = (path("juki.csv"), config.clone());
        let args = ["import", "check", &file, "--layout", "juki", "--config", &config];
        let reports = ["--report", &csv, "--ndjson", &ndjson];
        let done = process::run(&[&args[..], &reports].concat()).await;
        let said = String::from_utf8(done.stdout).unwrap();
        assert_eq!(done.status.code(), Some(code), "{said}");
        assert!(said.contains("UTF-8 (BOM)") && said.contains("rows/s"), "{said}");
        assert!(said.contains("取り込み可 1 件"), "{said}");
        assert!(
            !said.contains('田') && !said.contains("平成36年"),
            "values are in the reports alone"
        );
        assert!(!said.contains('\u{1b}') && done.stderr.is_empty(), "no terminal, no progress bar");
        for report in [&csv, &ndjson] {
            let mode = std::fs::metadata(report).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "what rows say is for one reader");
        }
        let csv = std::fs::read_to_string(csv).unwrap();
        assert!(csv.starts_with('\u{FEFF}'), "the mark of the file");
        assert_eq!(csv.lines().count(), rows.lines().count());
        let lines = std::fs::read_to_string(ndjson).unwrap();
        let lines: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.len(), rows.lines().count() - 1);
        if code == 4 {
            let mended = (&lines[1]["value"], &lines[1]["repair"], &lines[1]["line"]);
            assert_eq!(mended, (&json!("平成36年4月1日"), &json!("2024-04-01"), &json!(4)));
        }
    }
    let there = |name: &str| place.path().join(name).exists();
    assert!(!there("store") && !there("keys") && !there("drop"), "nothing was made");

    // What it gives as an example is taken over.
    for more in [&[][..], &["--cp932"]] {
        let file = path("template.csv");
        let args = ["import", "template", &file, "--layout", "juki", "--config", &config];
        assert!(process::run(&[&args[..], more].concat()).await.status.success());
        let args = ["import", "check", &file, "--layout", "juki", "--config", &config];
        assert_eq!(process::run(&args).await.status.code(), Some(0));
    }

    let none = ["import", "check", "x.csv", "--layout", "koseki", "--config", &config];
    let refused = process::run(&none).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("there are: juki"));
}

#[tokio::test]
async fn a_layout_that_publishes_by_itself_cannot_stand_beside_one_that_a_second_person_publishes()
{
    let place = tempfile::tempdir().unwrap();
    let config = configure(place.path());
    let text = std::fs::read_to_string(&config).unwrap();
    let (head, layout) = text.split_at(text.find("[[csv_drop]]").unwrap());
    let named = |name: &str, publish: &str| {
        let layout = layout.replacen("name = \"juki\"", &format!("name = \"{name}\""), 1);
        layout.replacen(
            "[csv_drop.columns]",
            &format!("publish = \"{publish}\"\n[csv_drop.columns]"),
            1,
        )
    };
    for (publish, told) in [("automatic", false), ("second-person", true)] {
        let both = [named("juki", "automatic"), named("kaigo", publish)].concat();
        std::fs::write(&config, format!("{head}{both}")).unwrap();
        let checked = process::run(&["config", "check", "--config", &config]).await;
        let said = String::from_utf8(checked.stderr).unwrap();
        assert_eq!(said.contains("juki and kaigo share a folder"), told, "{said}");
    }
}

const PATIENCE: Duration = Duration::from_mins(2);
/// Rows of the loads below.
const ROWS: usize = 1_500;

/// A town with staff, whose register publishes from loads.
async fn governed(backend: Backend) -> Town {
    let mut town = Town::start(backend, &Plan { staff: true, ..Plan::default() }).await;
    town.stop().await;
    let drop = town.folder.path().join("drop");
    std::fs::create_dir(&drop).unwrap();
    let folder = json!(drop).to_string();
    let layout = format!(
        r#"
[[csv_drop]]
name = "{REGISTER}"
title = {{ ja = "住民記録", en = "Resident register" }}
folder = {folder}
pattern = "*.csv"
entity_type = "ResidentRecord"
id_secret = "an invented secret of enough length"
key = "住民番号"
batch_rows = 50
publish = "second-person"
ended = "delete"

[csv_drop.columns]
"住民番号" = {{ attribute = "municipalNumber", kind = "text", digits = 10 }}
"氏名" = {{ attribute = "name", kind = "text", required = true }}
"生年月日" = {{ attribute = "birthDate", kind = "date" }}
"住所" = {{ attribute = "address", kind = "address" }}
"#
    );
    let text = std::fs::read_to_string(town.config()).unwrap();
    std::fs::write(town.config(), text + &layout).unwrap();
    town.open().await;
    town
}

/// A file of a town, put there in one step.
fn drop_file(town: &Town, name: &str, rows: impl Iterator<Item = usize>, given: &str) {
    let mut text = HEADER.to_owned();
    for n in rows {
        let family = if n == 7 { "\u{E000}" } else { "都農" };
        write!(
            text,
            "{n:010},{family}　{given}{n},昭和10年5月不詳,宮崎県児湯郡都農町大字川北{n}番地\r\n"
        )
        .unwrap();
    }
    let made = town.folder.path().join(name);
    std::fs::write(&made, text).unwrap();
    std::fs::rename(made, town.folder.path().join("drop").join(name)).unwrap();
}

async fn load(desk: &mut Desk<'_>, id: &str) -> Value {
    let answer = desk.get(&format!("/imports/v1/loads/{id}")).await;
    if answer.status == 200 { answer.json() } else { Value::Null }
}

async fn comes_to(desk: &mut Desk<'_>, id: &str, state: &str) -> Value {
    let wait = async {
        let mut tick = tokio::time::interval(Duration::from_millis(25));
        loop {
            tick.tick().await;
            let found = load(desk, id).await;
            if found["state"] == state {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{id} is not {state}"))
}

/// Every record of the town, by id, without the times of writing.
async fn records(town: &Town) -> BTreeMap<String, Value> {
    let token = town.token(REGISTER).await;
    let mut found = BTreeMap::new();
    loop {
        let path =
            format!("/ngsi-ld/v1/entities?type=ResidentRecord&limit=500&offset={}", found.len());
        let page = seen(town.ask(Method::GET, &path).bearer_auth(&token)).await.json();
        let page = page.as_array().unwrap();
        for entity in page {
            found.insert(entity["id"].as_str().unwrap().to_owned(), entity.clone());
        }
        if page.len() < 500 {
            return found;
        }
    }
}

/// Decides, proposes and approves the load that waits.
async fn two_persons(town: &Town, id: &str, decide: bool) {
    let mut operator = Desk::of(town, "inoue").await;
    let waits = comes_to(&mut operator, id, "waiting").await;
    assert_eq!(waits["counts"]["rows"], json!(ROWS), "{waits}");
    let at = |act: &str| format!("/imports/v1/loads/{id}/{act}");
    if decide {
        let mut counter = Desk::of(town, "kato").await;
        let queue = counter.get(&at("queue")).await.json();
        let asked = &queue["items"][0];
        assert_eq!(asked["questions"][0]["written"], "\u{E000}　花子7", "{queue}");
        let decision = json!({"line": asked["line"], "column": "氏名", "take": "𠮷田　花子7"});
        assert_eq!(counter.post(&at("decisions"), decision).await.status, 204);
        comes_to(&mut operator, id, "waiting").await;
    }
    let proposed = operator.post(&at("propose"), json!({"note": "更新"})).await;
    assert_eq!(proposed.status, 204, "{}", proposed.text());
    let mut approver = Desk::of(town, "ueda").await;
    let revision = load(&mut approver, id).await["revision"].clone();
    let published = approver.post(&at("publish"), json!({"revision": revision})).await;
    assert_eq!(published.status, 204, "{}", published.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_killed_while_it_is_read_and_published_ends_as_one_that_was_not() {
    let mut ends = Vec::new();
    for killed in [false, true] {
        let mut town = governed(Backend::Embedded).await;
        drop_file(&town, "a.csv", 0..ROWS, "花子");
        if killed {
            {
                let mut auditor = Desk::of(&town, "mori").await;
                let wait = async {
                    while load(&mut auditor, "register-1").await["counts"]["rows"].as_u64()
                        < Some(200)
                    {}
                };
                tokio::time::timeout(PATIENCE, wait).await.unwrap();
            }
            town.kill().await;
            town.open().await;
        }
        two_persons(&town, "register-1", true).await;
        if killed {
            // Between its first records and its last.
            eventually("publishing", PATIENCE, || async {
                (!records(&town).await.is_empty()).then_some(())
            })
            .await;
            town.kill().await;
            town.open().await;
        }
        let mut auditor = Desk::of(&town, "mori").await;
        let first = comes_to(&mut auditor, "register-1", "published").await;
        assert_eq!((&first["counts"]["accepted"], &first["failed"]), (&json!(ROWS), &json!(0)));

        // The next file ends some and adds some; the value that was decided about is asked no more.
        drop_file(&town, "b.csv", 20..ROWS, "花子");
        let next = comes_to(&mut auditor, "register-2", "waiting").await;
        assert_eq!(
            next["difference"],
            json!({"added": 0, "changed": 0, "ended": 20, "unchanged": ROWS - 20})
        );
        let all = records(&town).await;
        assert_eq!(all.len(), ROWS);
        let named = |record: &&Value| record["name"]["value"] == "𠮷田　花子7";
        let decided = all.values().find(named).unwrap();
        assert_eq!(decided["birthDate"]["value"], "1935-05");
        assert_eq!(decided["birthDate"]["asWritten"]["value"], "昭和10年5月不詳");
        let said = acts(&town, "staff:kato").await;
        let said: Vec<&str> = said.iter().map(|(_, reason)| reason.as_str()).collect();
        assert_eq!(
            said,
            ["import-queue-read register-1", "import-decide register-1 decided-taken"]
        );
        ends.push(all);
        town.stop().await;
    }
    assert_eq!(ends[0], ends[1]);
}

#[tokio::test]
async fn loads_are_for_members_with_the_role_and_a_page_of_ours() {
    let town = governed(Backend::Embedded).await;
    drop_file(&town, "a.csv", 5..9, "花子");
    let mut operator = Desk::of(&town, "inoue").await;
    comes_to(&mut operator, "register-1", "waiting").await;
    let mut auditor = Desk::of(&town, "mori").await;
    let at = |act: &str| format!("/imports/v1/loads/register-1/{act}");
    let note = || json!({"note": "why"});
    for (act, body, reason) in [
        ("decisions", json!({"line": 4, "column": "氏名", "refuse": true}), "import-decide"),
        ("propose", note(), "import-propose"),
        ("force", note(), "import-force"),
        ("publish", json!({"revision": 1}), "import-publish"),
        ("discard", note(), "import-discard"),
        ("rollback", note(), "import-rollback"),
    ] {
        assert_eq!(auditor.post(&at(act), body).await.status, 403, "{act}");
        let last = acts(&town, "staff:mori").await.pop().unwrap();
        assert_eq!(last, ("denied".to_owned(), format!("{reason} register-1 role-missing")));
    }
    assert_eq!(auditor.get(&at("queue")).await.status, 403);
    assert_eq!(auditor.get("/imports/v1/loads").await.json()["loads"].as_array().unwrap().len(), 1);
    let report = auditor.get(&at("report?format=ndjson")).await;
    assert!(
        report.status == 200 && report.text().contains("gaiji") && !report.text().contains("花子")
    );
    assert_eq!(auditor.get(&at("report?format=xml")).await.status, 400);
    assert_eq!(auditor.get("/imports/v1/loads/register-9").await.status, 404);
    for (act, body) in [
        ("decisions", json!({"line": 4, "column": "氏名", "take": "x", "refuse": true})),
        ("decisions", json!({"line": 4, "column": "氏名"})),
        ("discard", json!({"note": ""})),
        ("discard", json!({"note": "x", "colour": 1})),
    ] {
        assert_eq!(operator.post(&at(act), body).await.status, 400, "{act}");
    }
    assert_eq!(operator.post(&at("discard"), note()).await.status, 204);
    assert!(!town.log().contains('\u{E000}'));
}

#[tokio::test]
async fn members_decide_propose_and_publish_on_pages_on_the_embedded_store() {
    members_decide_propose_and_publish_on_pages(Backend::Embedded).await;
}

#[tokio::test]
async fn members_decide_propose_and_publish_on_pages_on_postgresql() {
    members_decide_propose_and_publish_on_pages(Backend::Postgres).await;
}

async fn members_decide_propose_and_publish_on_pages(backend: Backend) {
    let town = governed(backend).await;
    drop_file(&town, "a.csv", 5..9, "花子");
    comes_to(&mut Desk::of(&town, "mori").await, "register-1", "waiting").await;
    let at = |path: &str| town.base.join(path).unwrap();
    let (mut counter, mut operator, mut approver) =
        (Browser::new(), Browser::new(), Browser::new());
    for (browser, name) in
        [(&mut counter, "kato"), (&mut operator, "inoue"), (&mut approver, "ueda")]
    {
        town.member(browser, name).await;
    }
    let list = counter.open(at("/staff/imports")).await.unwrap();
    assert!(list.body.contains("register-1") && list.body.contains("確認待ち"), "{}", list.body);
    let page = counter.open(at("/staff/imports/register-1")).await.unwrap();
    assert!(!page.body.contains("花子") && page.form("/propose").is_err(), "{}", page.body);
    let queue = page.form("/queue").unwrap();
    let page = counter.send(&page, &queue, &[]).await.unwrap();
    assert!(page.body.contains("U+E000") && page.body.contains("外字"), "{}", page.body);
    let decide = page.form("/decide").unwrap();
    let refused = [("take", "\u{E001}"), ("answer", "take")];
    let page = counter.send(&page, &decide, &refused).await.unwrap();
    assert!(page.body.contains("この値にはできません"), "{}", page.body);
    let decide = page.form("/decide").unwrap();
    let page = counter.send(&page, &decide, &[("take", "𠮷田"), ("answer", "take")]).await.unwrap();
    assert!(page.body.contains("判断が必要な値はありません"), "{}", page.body);
    comes_to(&mut Desk::of(&town, "mori").await, "register-1", "waiting").await;

    let page = operator.open(at("/staff/imports/register-1?lang=en")).await.unwrap();
    assert!(page.body.contains("Added records: 4"), "{}", page.body);
    let propose = page.form("/propose").unwrap();
    let page = operator.send(&page, &propose, &[("note", "更新")]).await.unwrap();
    assert!(page.form("/publish").is_err(), "not by the same person: {}", page.body);
    let page = approver.open(at("/staff/imports/register-1")).await.unwrap();
    let publish = page.form("/publish").unwrap();
    approver.send(&page, &publish, &[]).await.unwrap();
    comes_to(&mut Desk::of(&town, "mori").await, "register-1", "published").await;
    assert_eq!(records(&town).await.len(), 4);
}

/// Five times the rows take no more memory but for a table of marks that has a largest size.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_does_not_grow_with_the_rows_of_a_file() {
    let place = tempfile::tempdir().unwrap();
    let config = place.path().join("tsunagu.toml");
    configure(place.path());
    add_layout(&config, place.path(), "automatic").unwrap();
    let peak = |rows: u64| {
        let file = place.path().join(format!("{rows}.csv"));
        write_file(&file, rows).unwrap();
        check(&process::program(), &config, &file, rows).unwrap().peak_kib
    };
    let (small, large) = (peak(20_000), peak(100_000));
    assert!(large * 2 < small * 3, "{small} KiB for 20,000 rows, {large} KiB for 100,000");
}

#[tokio::test]
async fn members_propose_and_publish_from_a_shell() {
    let mut town = governed(Backend::Embedded).await;
    drop_file(&town, "a.csv", 0..4, "花子");
    let waits = comes_to(&mut Desk::of(&town, "mori").await, "register-1", "waiting").await;
    town.stop().await;
    let config = town.config();
    let shell = async |args: &[&str], member: &str| {
        let whole = ["import"].iter().chain(args).copied();
        let who = ["--as", member, "--config", config.to_str().unwrap()];
        let args: Vec<&str> = whole.chain(who).collect();
        let done = process::run(&args).await;
        let said = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8(said).unwrap())
    };
    let (listed, said) = shell(&["list"], "mori").await;
    assert!(listed && said.contains("register-1") && said.contains("waiting"), "{said}");
    assert!(!shell(&["propose", "register-1"], "mori").await.0, "not an auditor");
    let (proposed, said) = shell(&["propose", "register-1", "--note", "更新"], "ishikawa").await;
    assert!(proposed, "{said}");
    let revision = (waits["revision"].as_u64().unwrap() + 1).to_string();
    let publish = ["publish", "register-1", "--revision", &revision];
    let (published, said) = shell(&publish, "ishikawa").await;
    assert!(!published && said.contains("another member"), "{said}");
    let (published, said) = shell(&publish, "ueda").await;
    assert!(published, "{said}");
    assert!(
        !shell(&["rollback", "register-1", "--note", "x"], "inoue").await.0,
        "there is none before"
    );
    town.open().await;
    comes_to(&mut Desk::of(&town, "mori").await, "register-1", "published").await;
    assert_eq!(records(&town).await.len(), 4);
}
