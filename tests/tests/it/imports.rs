//! Files of municipal records, looked at from a shell.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::process;

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

    let none = ["import", "check", "x.csv", "--layout", "koseki", "--config", &config];
    let refused = process::run(&none).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("there are: juki"));
}
