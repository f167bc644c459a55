//! Looking at a file, and what is written down about it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;

use encoding_rs::{Encoding, SHIFT_JIS, UTF_8, UTF_16LE};
use serde_json::{Value, json};
use tsunagu_connector_csv_drop::{
    Config, CsvReport, Finding, Sighted, Tally, Watcher, Weight, check, ndjson,
};

const TEXT: &str = "住民番号,氏名,備考\r\n0001,都農　花子,\r\n0002,!田,\r\n0003,=髙﨑〜,100000000000000000001\r\n0004,,\r\n0005,都農〓,\r\n";

fn config() -> Config {
    serde_json::from_value(json!({
        "name": "juki", "title": { "ja": "住民記録", "en": "Resident register" },
        "folder": "/nowhere", "pattern": "*.csv", "entity_type": "ResidentRecord",
        "id_secret": "an invented secret of enough length", "key": "住民番号",
        "columns": {
            "住民番号": { "attribute": "municipalNumber", "kind": "text", "digits": 4 },
            "氏名": { "attribute": "name", "kind": "text", "required": true, "max_characters": 5 },
            "備考": { "attribute": "note", "kind": "text", "max_characters": 5 }
        }
    }))
    .unwrap()
}

#[derive(Default)]
struct Watched {
    csv: Option<CsvReport<Vec<u8>>>,
    ndjson: Vec<u8>,
    rows: u64,
    done: u64,
}

impl Watcher for Watched {
    fn sighted(&mut self, sighted: &Sighted) -> io::Result<()> {
        self.csv = Some(CsvReport::begin(Vec::new(), sighted)?);
        Ok(())
    }

    fn opened(&mut self, rows: u64) {
        self.rows = rows;
    }

    fn found(&mut self, finding: &Finding) -> io::Result<()> {
        ndjson(&mut self.ndjson, finding)?;
        self.csv.as_mut().map_or(Ok(()), |csv| csv.add(finding))
    }

    fn done(&mut self, rows: u64) {
        self.done = rows;
    }
}

fn looked(bytes: &[u8]) -> (Tally, Watched) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("juki.csv");
    std::fs::write(&path, bytes).unwrap();
    let mut watched = Watched::default();
    let tally = check(&config(), &path, &mut watched).unwrap();
    (tally, watched)
}

fn report(watched: Watched, encoding: &'static Encoding) -> (bool, Vec<Vec<String>>) {
    let bytes = watched.csv.unwrap().end().unwrap();
    let marked = Encoding::for_bom(&bytes).is_some();
    let (text, lossy) = encoding.decode_with_bom_removal(&bytes);
    assert!(!lossy && !text.contains("&#"), "{text}");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
    (marked, rows.collect())
}

#[test]
fn the_report_is_in_the_encoding_of_the_file_and_begins_no_formula() {
    let cp932 = {
        let mut bytes = SHIFT_JIS.encode(&TEXT.replace('〜', "～")).0.into_owned();
        let at = bytes.iter().position(|byte| *byte == b'!').unwrap();
        bytes.splice(at..=at, [0xF0, 0x40]);
        bytes
    };
    let utf8 = TEXT.replace('!', "\u{E000}");
    let marked = format!("\u{FEFF}{utf8}").into_bytes();
    let utf16: Vec<u8> = marked_utf16(&utf8);
    for (bytes, encoding, mark, gaiji, note) in [
        (cp932, SHIFT_JIS, false, "〓田", "U+E000 → 〓"),
        (utf8.clone().into_bytes(), UTF_8, false, "\u{E000}田", "U+E000 外字"),
        (marked, UTF_8, true, "\u{E000}田", "U+E000 外字"),
        (utf16, UTF_16LE, true, "\u{E000}田", "U+E000 外字"),
    ] {
        let (tally, watched) = looked(&bytes);
        let wanted = Tally { accepted: 2, to_decide: 1, refused: 2, warnings: 1 };
        assert_eq!((tally, watched.rows, watched.done), (wanted, 5, 5));
        let lines: Vec<Value> = String::from_utf8(watched.ndjson.clone())
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let (is_marked, rows) = report(watched, encoding);
        assert_eq!(is_marked, mark);
        assert_eq!(rows[0].len(), 9);
        let told: Vec<[&str; 4]> =
            rows[1..].iter().map(|r| [&*r[0], &*r[1], &*r[2], &*r[3]]).collect();
        assert_eq!(
            told,
            [
                ["3", "氏名", "to-decide", "gaiji"],
                ["4", "備考", "refused", "too-long"],
                ["5", "氏名", "refused", "required"],
                ["6", "氏名", "warning", "character-replaced"],
            ]
        );
        assert_eq!((&*rows[1][4], &*rows[1][8]), (gaiji, note));
        assert!(rows.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@'])));
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0]["value"], "\u{E000}田", "NDJSON is UTF-8 and keeps it");
        assert_eq!((&lines[0]["line"], &lines[0]["outcome"]), (&json!(3), &json!("to-decide")));
        assert!(lines.iter().all(|line| line["remedy"]["ja"].as_str().unwrap().len() > 9));
    }
}

fn marked_utf16(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    [0xFF, 0xFE].into_iter().chain(units).collect()
}

#[test]
fn a_formula_in_a_value_is_disarmed() {
    let text = "住民番号,氏名,備考\r\n0003,都農,\"=HYPERLINK(\"\"http://x.example\"\",1)\"\r\n";
    let (_, watched) = looked(text.as_bytes());
    let (_, rows) = report(watched, UTF_8);
    assert_eq!(rows[1][4], "'=HYPERLINK(\"http://x.example\",1)");
}

#[test]
fn a_file_that_is_no_text_is_refused_whole() {
    let (tally, watched) = looked(&[0xFF; 500]);
    assert_eq!(tally, Tally { refused: 1, ..Tally::default() });
    assert!(
        watched.csv.is_none() && String::from_utf8(watched.ndjson).unwrap().contains("encoding")
    );
    let (tally, watched) = looked("番号,氏名\r\n".as_bytes());
    assert_eq!(tally, Tally { refused: 1, ..Tally::default() });
    assert_eq!(report(watched, UTF_8).1[1][3], "column-missing");
}

#[test]
fn a_quote_that_is_not_closed_refuses_the_file_and_takes_no_memory() {
    let rest = "0004,都農,\r\n".repeat(200_000);
    let text = format!("住民番号,氏名,備考\r\n0003,\"都農,\r\n{rest}");
    let (tally, watched) = looked(text.as_bytes());
    assert_eq!(tally, Tally { refused: 1, ..Tally::default() });
    assert_eq!(report(watched, UTF_8).1[1][3], "record-too-long");
    let long = "長".repeat(100_000);
    let (tally, _) =
        looked(format!("住民番号,氏名,備考\r\n0003,{long},\r\n0004,都農,\r\n").as_bytes());
    assert_eq!(tally.accepted + tally.refused + tally.to_decide, 2, "long, and a row");
}

#[test]
fn a_formula_behind_what_the_encoding_drops_is_disarmed_too() {
    for begin in ["\u{FE0F}=", " \u{E0100}=", "\u{2212}"] {
        let file = Sighted {
            encoding: tsunagu_connector_csv_drop::Encoding::Cp932,
            marked: false,
            digest: String::new(),
            bytes: 0,
        };
        let mut report = CsvReport::begin(Vec::new(), &file).unwrap();
        let mut finding = Finding::kept(2, Some("氏名"), "too-long", Weight::Refused);
        finding.value = format!("{begin}1+1");
        report.add(&finding).unwrap();
        let bytes = report.end().unwrap();
        let text = SHIFT_JIS.decode(&bytes).0.into_owned();
        let cell = text.lines().nth(1).unwrap().split(',').nth(4).unwrap();
        assert!(cell.starts_with('\''), "{cell}");
    }
}
