//! The rows of a file, before anything is published.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use tsunagu_connector_csv_drop::{
    Config, Decided, Decisions, Encoding, Outcome, Rows, Sighted, Town, Undecided, Weight, template,
};

const HEADER: &str = "住民番号,氏名,生年月日,住所\r\n";

fn config() -> Config {
    let mut config: Config = serde_json::from_value(json!({
        "name": "juki", "title": { "ja": "住民記録", "en": "Resident register" },
        "folder": "/nowhere", "pattern": "*.csv", "entity_type": "ResidentRecord",
        "id_secret": "an invented secret of enough length", "key": "住民番号",
        "columns": {
            "住民番号": { "attribute": "municipalNumber", "kind": "text", "digits": 10 },
            "氏名": { "attribute": "name", "kind": "text", "required": true, "max_characters": 6 },
            "生年月日": { "attribute": "birthDate", "kind": "date", "era_codes": 1 },
            "住所": { "attribute": "address", "kind": "address" }
        }
    }))
    .unwrap();
    config.town = Some(Town {
        prefecture: "宮崎県".to_owned(),
        county: "児湯郡".to_owned(),
        name: "都農町".to_owned(),
        code: Some("454061".to_owned()),
        places: vec!["大字川北".to_owned()],
    });
    config
}

fn rows(text: &str, decisions: &dyn Decisions) -> Vec<Outcome> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("juki.csv");
    std::fs::write(&path, text).unwrap();
    let sighted = Sighted::of(&config(), &path).unwrap().unwrap();
    let mut rows = Rows::open(&config(), &path, &sighted, decisions).unwrap().unwrap();
    let mut out = Vec::new();
    while let Some(row) = rows.next(0, decisions).unwrap() {
        out.push(row);
    }
    assert_eq!((rows.rows(), rows.bytes()), (rows.all(), sighted.bytes));
    out
}

fn row(cells: &str) -> Outcome {
    rows(&format!("{HEADER}{cells}\r\n"), &Undecided).pop().unwrap()
}

fn value(row: &Outcome, term: &str) -> Value {
    let entity = &row.record.as_ref().unwrap().entity;
    let attribute = entity.attributes.iter().find(|a| a.name.ends_with(&format!("/{term}")));
    serde_json::from_str(attribute.unwrap().instances[0].value.get()).unwrap()
}

#[test]
fn an_address_is_kept_as_written_with_its_parts_beside_it() {
    let written = "宮崎県児湯郡都農町　大字川北４８７４番地の２";
    let row = row(&format!("0000000001,都農　花子,3600315,{written}"));
    assert_eq!(row.findings, []);
    assert_eq!(value(&row, "address"), json!(written));
    assert_eq!(
        value(&row, "addressParts"),
        json!({
            "confidence": 100, "prefecture": "宮崎県", "county": "児湯郡", "municipality": "都農町",
            "oaza": "大字川北", "lot": "4874-2", "municipalityCode": "454061"
        })
    );
}

#[test]
fn a_date_is_kept_as_far_as_it_is_known_with_its_words_beside_it() {
    for (text, iso, words, rule) in [
        ("3600315", "1985-03-15", Some("3600315"), None),
        ("1985-03-15", "1985-03-15", None, None),
        ("昭和10年5月不詳", "1935-05", Some("昭和10年5月不詳"), Some("date-partial")),
        ("S10.00.00", "1935", Some("S10.00.00"), Some("date-partial")),
    ] {
        let row = row(&format!("0000000001,都農　花子,{text},"));
        assert_eq!(value(&row, "birthDate"), json!(iso));
        assert_eq!(row.findings.first().map(|f| f.rule), rule);
        let entity = &row.record.as_ref().unwrap().entity;
        let born = entity.attributes.iter().find(|a| a.name.ends_with("/birthDate")).unwrap();
        let sub = born.instances[0].sub.first();
        let kept = sub.map(|s| serde_json::from_str::<String>(s.instances[0].value.get()).unwrap());
        assert_eq!(kept.as_deref(), words);
        assert!(sub.is_none_or(|s| s.name.ends_with("/asWritten")));
    }
}

#[test]
fn what_a_person_must_decide_is_told_from_what_is_refused() {
    use Weight::{Refused, ToDecide, Warning};
    for (cells, column, rule, weight, repair) in [
        ("0000000001,\u{E000}田,,", "氏名", "gaiji", ToDecide, None),
        ("0000000001,&#134071;田,,", "氏名", "character-reference", ToDecide, Some("𠮷田")),
        ("1,都農　花子,,", "住民番号", "zeros-lost", ToDecide, Some("0000000001")),
        ("5.00E+03,都農　花子,,", "住民番号", "number-damaged", Refused, None),
        ("0000000001,5E+03,,", "氏名", "number-damaged", ToDecide, None),
        ("A000000001,都農　花子,,", "住民番号", "digits", Refused, None),
        ("0000000001,都農　花子,31121,", "生年月日", "date-serial", ToDecide, Some("1985-03-15")),
        ("0000000001,都農　花子,60.3.15,", "生年月日", "date-two-digit-year", ToDecide, None),
        (
            "0000000001,都農　花子,平成36年4月1日,",
            "生年月日",
            "date-outside-era",
            Refused,
            Some("2024-04-01"),
        ),
        ("0000000001,都農　花子,不詳,", "生年月日", "date-unknown", Warning, None),
        ("0000000001,都農　花子\u{FFFD},,", "氏名", "character-undecodable", Refused, None),
        ("0000000001,𠮷\u{E0100}田　花子一二,,", "氏名", "too-long", Refused, None),
        ("0000000001,4月2日,,", "氏名", "made-date", Warning, None),
        ("0000000001,都農　花子,,川北のどこか", "住所", "address-unclear", Warning, None),
    ] {
        let row = row(cells);
        let found = &row.findings[0];
        assert_eq!(row.findings.len(), 1, "{cells}");
        assert_eq!((found.line, found.column.as_deref()), (2, Some(column)), "{cells}");
        assert_eq!((found.rule, found.weight), (rule, weight), "{cells}");
        assert_eq!(found.repair.as_deref(), repair, "{cells}");
        assert!(!found.value.is_empty() && cells.contains(&found.value), "{cells}");
        assert_eq!(row.record.is_some(), weight == Warning, "{cells}");
        assert!(found.remedy().ja.chars().count() > 5, "{cells}");
    }
    assert!(row("0000000001,𠮷\u{E0100}田　花子,,").record.is_some(), "six characters, not bytes");
    // An individual number is not repeated, whatever is wrong beside it.
    let row = row("123456789018,都農　花子,,");
    assert!(row.findings.len() > 1 && row.findings.iter().all(|f| f.value.is_empty()));
    assert!(!format!("{row:?}").contains("123456789018"));
}

struct Once(&'static str, &'static str, Decided);

impl Decisions for Once {
    fn on(&self, column: &str, written: &str, _only: Option<u64>) -> Option<Decided> {
        (column == self.0 && written == self.1).then(|| self.2.clone())
    }
}

#[test]
fn a_decision_holds_for_its_column_and_value_alone() {
    let text = format!("{HEADER}0000000001,\u{E000}田,,\r\n0000000002,\u{E001}田,,\r\n");
    let take = |text: &str| Decided::Take(text.to_owned());
    let decided = rows(&text, &Once("氏名", "\u{E000}田", take("𠮷田")));
    assert_eq!(value(&decided[0], "name"), json!("𠮷田"));
    assert_eq!(decided[1].weight(), Some(Weight::ToDecide));
    let refused = rows(&text, &Once("氏名", "\u{E000}田", Decided::Refuse));
    assert_eq!(refused[0].findings[0].rule, "decided-refused");
    assert_eq!(refused[0].weight(), Some(Weight::Refused));
    let elsewhere = rows(&text, &Once("住所", "\u{E000}田", take("𠮷田")));
    assert_eq!(elsewhere[0].weight(), Some(Weight::ToDecide));
    let no_better = rows(&text, &Once("氏名", "\u{E000}田", take("\u{E009}田")));
    assert_eq!(no_better[0].weight(), Some(Weight::ToDecide));
}

/// Remembers for which line alone it was asked.
#[derive(Default)]
struct Asked(std::sync::Mutex<Vec<(String, Option<u64>)>>);

impl Decisions for Asked {
    fn on(&self, _column: &str, written: &str, only: Option<u64>) -> Option<Decided> {
        self.0.lock().unwrap().push((written.to_owned(), only));
        None
    }
}

#[test]
fn what_has_lost_its_meaning_is_asked_about_line_by_line() {
    let text = format!("{HEADER}0000000001,\u{E000}田,60.3.15,\r\n0000000002,5E+03,60.3.15,\r\n");
    let asked = Asked::default();
    rows(&text, &asked);
    let expected =
        [("\u{E000}田", None), ("60.3.15", Some(2)), ("5E+03", Some(3)), ("60.3.15", Some(3))];
    let mut asked = asked.0.into_inner().unwrap();
    asked.sort();
    let mut expected = expected.map(|(text, only)| (text.to_owned(), only));
    expected.sort();
    assert_eq!(asked, expected);
}

#[test]
fn no_two_rows_are_on_one_line_whatever_ends_them() {
    let row = |n: usize| format!("{n:010},都農　花子,,");
    for end in ["\r\n", "\n", "\r"] {
        let lines: Vec<String> = (2..=9).map(row).collect();
        let text = format!("{}{end}{}", HEADER.trim(), lines.join(end));
        let found: Vec<u64> = rows(&text, &Undecided).iter().map(|row| row.line).collect();
        assert_eq!(found, (2..=9).collect::<Vec<_>>(), "{end:?}");
    }
    let mixed = format!("{HEADER}{}\r{}\n{}\r{}\r\n{}\n", row(2), row(3), row(4), row(5), row(6));
    let found: Vec<u64> = rows(&mixed, &Undecided).iter().map(|row| row.line).collect();
    assert!(found.is_sorted_by(|a, b| a < b) && found.len() == 5, "{found:?}");
}

#[test]
fn tabs_and_semicolons_part_fields_as_well() {
    for delimiter in ["\t", ";", ","] {
        let text = format!("{HEADER}0000000001,都農　花子,,\r\n").replace(',', delimiter);
        assert_eq!(value(&rows(&text, &Undecided)[0], "name"), json!("都農　花子"));
    }
}

#[test]
fn a_template_is_a_file_that_is_taken_over() {
    for encoding in [Encoding::Utf8, Encoding::Cp932] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("template.csv");
        std::fs::write(&path, template(&config(), encoding)).unwrap();
        let sighted = Sighted::of(&config(), &path).unwrap().unwrap();
        assert_eq!((sighted.encoding, sighted.marked), (encoding, encoding == Encoding::Utf8));
        let mut rows = Rows::open(&config(), &path, &sighted, &Undecided).unwrap().unwrap();
        assert_eq!(rows.layout().headers()[0], "住民番号");
        let row = rows.next(0, &Undecided).unwrap().unwrap();
        assert_eq!((row.findings.len(), rows.all()), (0, 1));
        assert_eq!(value(&row, "addressParts")["confidence"], json!(100));
    }
}

#[test]
fn t76_an_individual_number_is_found_with_an_exponent_and_over_neighbours() {
    let row = row("0000000001,1.23456789018E+11,\u{E000},");
    let found = row.findings.iter().find(|f| f.rule == "individual-number").unwrap();
    assert_eq!((found.column.as_deref(), found.weight), (Some("氏名"), Weight::Refused));
    assert!(row.record.is_none() && row.findings.iter().all(|f| f.value.is_empty()));

    // In the order of the file, be the columns taken over or not.
    let header = "住民番号,氏名,生年月日,住所,甲,乙,丙\r\n";
    let text = format!("{header}0000000001,都農　花子,60.3.15,,1234,5678,9018\r\n");
    let row = rows(&text, &Undecided).pop().unwrap();
    let rules: Vec<&str> = row.findings.iter().map(|f| f.rule).collect();
    assert!(rules.contains(&"individual-number"), "{rules:?}");
    assert!(row.record.is_none() && row.findings.iter().all(|f| f.value.is_empty()));

    // And with what was decided.
    let header = "住民番号,生年月日,住所,甲,氏名,乙\r\n";
    let text = format!("{header}0000000001,,,1234,\u{E000}田,9018\r\n");
    let row = rows(&text, &Once("氏名", "\u{E000}田", Decided::Take("5678".to_owned())));
    assert_eq!(row[0].findings[0].rule, "individual-number");
    let row = rows(&text, &Once("氏名", "\u{E000}田", Decided::Take("5679".to_owned())));
    assert!(row[0].record.is_some());
}
