//! Files dropped into a folder, through the connector and the runner, into a platform that keeps what it is given.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::DateTime;
use encoding_rs::SHIFT_JIS;
use serde_json::json;
use tsunagu_connect::{Caps, Ground, Platform, RunReport, Runner, UpsertOutcome, runs};
use tsunagu_connector_csv_drop::{Config, CsvDrop};
use tsunagu_domain::{Clock, ManualClock, Problem, ProblemCode, SeededIds, TenantId};
use tsunagu_ngsi_ld::Entity;
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Collection, Scan, Store as _};

const HEADER: &str = "住民番号,氏名,氏名カナ,生年月日,性別,郵便番号,住所,異動区分,備考\r\n";

/// Entities by id, attributes by term.
type Kept = BTreeMap<String, BTreeMap<String, String>>;

#[derive(Default)]
struct Town {
    kept: Mutex<Kept>,
    writes: AtomicUsize,
    /// After so many more entities it does not answer.
    up_for: Mutex<Option<usize>>,
}

#[async_trait]
impl Platform for Town {
    async fn upsert(
        &self,
        connector: &str,
        entities: Vec<Entity>,
    ) -> Vec<Result<UpsertOutcome, Problem>> {
        assert_eq!(connector, "juki");
        let mut out = Vec::new();
        for entity in entities {
            let mut up_for = self.up_for.lock().unwrap();
            if let Some(left) = &mut *up_for {
                if *left == 0 {
                    out.push(Err(Problem::new(ProblemCode::Unavailable, "down")));
                    continue;
                }
                *left -= 1;
            }
            assert_eq!(
                entity.types,
                ["https://uri.etsi.org/ngsi-ld/default-context/ResidentRecord"]
            );
            let term = |name: &str| name.rsplit('/').next().unwrap().to_owned();
            let value = |a: &tsunagu_ngsi_ld::Attribute| {
                serde_json::from_str::<String>(a.instances[0].value.get()).unwrap()
            };
            let attributes = entity.attributes.iter().map(|a| (term(&a.name), value(a))).collect();
            self.writes.fetch_add(1, Ordering::SeqCst);
            let before = self.kept.lock().unwrap().insert(entity.id, attributes);
            out.push(Ok(if before.is_some() {
                UpsertOutcome::Updated
            } else {
                UpsertOutcome::Created
            }));
        }
        out
    }

    async fn subscribe(
        &self,
        _connector: &str,
        _subscription: Option<&serde_json::Value>,
    ) -> Result<(), Problem> {
        Err(Problem::new(ProblemCode::OperationNotSupported, "this platform has no subscriptions"))
    }
}

struct World {
    folder: tempfile::TempDir,
    store: Arc<MemoryStore>,
    town: Arc<Town>,
    clock: Arc<ManualClock>,
}

fn tenant() -> TenantId {
    "tsuno".parse().unwrap()
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(DateTime::from_timestamp(1_790_000_000, 0).unwrap()));
        Self {
            folder: tempfile::tempdir().unwrap(),
            store: Arc::default(),
            town: Arc::default(),
            clock,
        }
    }

    fn config(&self, more: &serde_json::Value) -> serde_json::Value {
        let mut config = json!({
            "name": "juki", "title": { "ja": "住民記録", "en": "Resident register" },
            "folder": self.folder.path(), "pattern": "juki*.csv", "entity_type": "ResidentRecord",
            "id_secret": "an invented secret of enough length", "key": "住民番号", "batch_rows": 4,
            "columns": {
                "住民番号": { "attribute": "municipalNumber", "kind": "text", "required": true },
                "氏名": { "attribute": "name", "kind": "text", "required": true },
                "氏名カナ": { "attribute": "nameKana", "kind": "text" },
                "生年月日": { "attribute": "birthDate", "kind": "date", "required": true },
                "性別": { "attribute": "gender", "kind": "gender" },
                "郵便番号": { "attribute": "postalCode", "kind": "text" },
                "住所": { "attribute": "address", "kind": "text" },
                "異動区分": { "attribute": "status", "kind": "code", "codes": { "転入": "resident", "出生": "resident", "転出": "moved-out", "死亡": "deceased" } }
            }
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    }

    fn runner_with(&self, more: &serde_json::Value) -> Runner {
        let config: Config = serde_json::from_value(self.config(more)).unwrap();
        let source = CsvDrop::new(config, Arc::<ManualClock>::clone(&self.clock)).unwrap();
        let ground = Ground {
            store: Arc::<MemoryStore>::clone(&self.store),
            platform: Arc::<Town>::clone(&self.town),
            clock: Arc::<ManualClock>::clone(&self.clock),
            ids: Arc::new(SeededIds::new(1)),
            tenant: tenant(),
            gateway: "gateway-1".to_owned(),
        };
        Runner::new(ground, "juki", Box::new(source), None, Caps::default())
    }

    fn runner(&self) -> Runner {
        self.runner_with(&json!({}))
    }

    fn drop_file(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    async fn run(&self) -> RunReport {
        self.runner().run_once().await.unwrap().unwrap()
    }

    fn one(&self) -> BTreeMap<String, String> {
        let kept = self.town.kept.lock().unwrap();
        assert_eq!(kept.len(), 1);
        kept.values().next().unwrap().clone()
    }
}

fn good(n: usize) -> String {
    format!(
        "{n:010},都農　花子{n},ツノ　ハナコ,昭和60年3月15日,女,889-1201,宮崎県児湯郡都農町大字川北{n}番地,転入,\r\n"
    )
}

fn findings(report: &RunReport) -> Vec<(u64, Option<&str>, &str)> {
    report.rows.refused.iter().map(|r| (r.line, r.column.as_deref(), r.rule.as_str())).collect()
}

#[tokio::test]
async fn a_row_becomes_a_record_whose_id_tells_nothing() {
    let world = World::new();
    world.drop_file("juki.csv", format!("{HEADER}{}", good(7)).as_bytes());
    let report = world.run().await;
    assert_eq!((report.created, report.rows.accepted, report.rows.refused_count), (1, 1, 0));
    let id = world.town.kept.lock().unwrap().keys().next().unwrap().clone();
    let uuid = id.strip_prefix("urn:ngsi-ld:ResidentRecord:").unwrap();
    assert_eq!(uuid.len(), 36);
    assert!(!id.contains("0000000007"));
    let record = world.one();
    assert_eq!(record["municipalNumber"], "0000000007", "leading zeros stay");
    assert_eq!(record["name"], "都農　花子7");
    assert_eq!(record["birthDate"], "1985-03-15");
    assert_eq!((record["gender"].as_str(), record["status"].as_str()), ("female", "resident"));
    assert!(!record.contains_key("備考"));

    // Another secret, another id.
    let other = World::new();
    other.drop_file("juki.csv", format!("{HEADER}{}", good(7)).as_bytes());
    let more = json!({ "id_secret": "another invented secret, long enough" });
    other.runner_with(&more).run_once().await.unwrap().unwrap();
    assert!(!other.town.kept.lock().unwrap().contains_key(&id));
}

#[tokio::test]
async fn every_encoding_gives_the_same_records() {
    let text = format!("{HEADER}{}{}", good(1), good(2).replace("花子", "髙橋"));
    let utf16 = |bom: &[u8], to: fn(u16) -> [u8; 2]| {
        [bom, &text.encode_utf16().flat_map(to).collect::<Vec<_>>()].concat()
    };
    let files = [
        text.clone().into_bytes(),
        format!("\u{FEFF}{text}").into_bytes(),
        SHIFT_JIS.encode(&text).0.into_owned(),
        utf16(&[0xFF, 0xFE], u16::to_le_bytes),
        utf16(&[0xFE, 0xFF], u16::to_be_bytes),
        utf16(&[], u16::to_le_bytes),
    ];
    let mut first: Option<Kept> = None;
    for file in files {
        let world = World::new();
        world.drop_file("juki.csv", &file);
        let report = world.run().await;
        assert_eq!((report.rows.accepted, report.rows.refused_count), (2, 0));
        let kept = world.town.kept.lock().unwrap().clone();
        assert_eq!(*first.get_or_insert_with(|| kept.clone()), kept);
    }
}

#[tokio::test]
async fn names_are_stored_as_written() {
    // The compatibility ideographs that NFC would change, a selector, a half-width kana and a character beyond the BMP.
    for name in [
        "神\u{FA19}",
        "福\u{FA1B}",
        "\u{FA10}本",
        "\u{F9DC}",
        "葛\u{E0100}城",
        "ﾂﾉ",
        "𠮷田",
        "㈱都農",
        "O'Neill, \"J\"",
    ] {
        let world = World::new();
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        world.drop_file(
            "juki.csv",
            format!("{HEADER}{}", good(1).replace("都農　花子1", &quoted)).as_bytes(),
        );
        world.run().await;
        assert_eq!(world.one()["name"], name);
    }
}

#[tokio::test]
async fn bad_rows_are_refused_with_their_place_and_never_their_value() {
    let world = World::new();
    let bad = |from: &str, to: &str| good(9).replace("0000000009", "0000009999").replace(from, to);
    let text = [
        HEADER.to_owned(),
        good(1),
        bad("昭和60年3月15日", "平成3年2月30日"),
        bad("昭和60年3月15日", "昭和70年1月1日"),
        bad("都農　花子9", ""),
        bad("都農　花子9", "\u{E000}田"),
        bad("転入,", "転入,123456789018"),
        bad("転入", "転籍"),
        bad(",女,", ",＊,"),
        bad("0000009999", ""),
        bad("889-1201,", ""),
        good(1).replace("花子", "花枝"),
        good(2),
    ]
    .concat();
    world.drop_file("juki.csv", text.as_bytes());
    let report = world.run().await;
    assert_eq!(
        findings(&report),
        [
            (3, Some("生年月日"), "date-impossible"),
            (4, Some("生年月日"), "date-outside-era"),
            (5, Some("氏名"), "required"),
            (6, Some("氏名"), "gaiji"),
            (7, Some("備考"), "individual-number"),
            (8, Some("異動区分"), "code"),
            (9, Some("性別"), "gender"),
            (10, Some("住民番号"), "key-missing"),
            (10, Some("住民番号"), "required"),
            (11, None, "columns"),
            (12, Some("住民番号"), "key-twice"),
        ]
    );
    assert_eq!((report.rows.accepted, report.rows.refused_count), (2, 10));
    let told = serde_json::to_string(&report).unwrap();
    for value in ["123456789018", "平成3年2月30日", "昭和70年", "転籍", "0000009999", "花枝"]
    {
        assert!(!told.contains(value), "{value}");
    }
    for refusal in &report.rows.refused {
        assert!(refusal.remedy.ja.len() > 6 && refusal.remedy.en.len() > 10, "{}", refusal.rule);
    }
    let names: Vec<String> =
        world.town.kept.lock().unwrap().values().map(|record| record["name"].clone()).collect();
    assert!(names.contains(&"都農　花子1".to_owned()) && names.contains(&"都農　花子2".to_owned()));
}

#[tokio::test]
async fn a_private_use_byte_of_cp932_is_found() {
    let world = World::new();
    let mut file = SHIFT_JIS.encode(HEADER).0.into_owned();
    file.extend(SHIFT_JIS.encode(&good(1)).0.iter());
    let row = SHIFT_JIS.encode(&good(2).replace("花子2", "!")).0.into_owned();
    let at = row.iter().position(|byte| *byte == b'!').unwrap();
    file.extend([&row[..at], &[0xF0, 0x40], &row[at + 1..]].concat());
    world.drop_file("juki.csv", &file);
    let report = world.run().await;
    assert_eq!(findings(&report), [(3, Some("氏名"), "gaiji")]);
    assert_eq!(report.rows.accepted, 1);
}

#[tokio::test]
async fn lines_are_those_of_an_editor() {
    let bad = good(3).replace("昭和60年3月15日", "いつか");
    let text = [
        HEADER,
        &good(1),
        &good(2)
            .replace("大字川北2番地", "大字川北\r\n2番地")
            .replace("宮崎県", "\"宮崎県")
            .replace(",転入", "\",転入"),
        &bad,
    ]
    .concat();
    for text in [text.clone(), text.replace("\r\n", "\n")] {
        let world = World::new();
        world.drop_file("juki.csv", text.as_bytes());
        assert_eq!(findings(&world.run().await), [(5, Some("生年月日"), "date-form")]);
    }
}

#[tokio::test]
async fn warnings_do_not_stop_a_row() {
    let world = World::new();
    world.drop_file("juki.csv", format!("{HEADER}{}", good(1).replace("花子1", "〓子")).as_bytes());
    let report = world.run().await;
    assert_eq!((report.rows.accepted, report.rows.warning_count), (1, 1));
    assert_eq!(report.rows.warnings[0].rule, "character-replaced");
}

#[tokio::test]
async fn files_that_cannot_be_right_are_refused_whole() {
    for (text, finding) in [
        (
            format!("{HEADER}{}", good(1)).replace("備考", "個人番号"),
            (1, Some("個人番号"), "individual-number-column"),
        ),
        (
            format!("{HEADER}{}", good(1)).replace("備考", "マイナンバー"),
            (1, Some("マイナンバー"), "individual-number-column"),
        ),
        // No header, but a record in its place.
        (
            format!("{HEADER}{}", good(1)).replace("備考", "123456789018"),
            (1, None, "individual-number"),
        ),
        (
            format!("{HEADER}{}", good(1)).replace("生年月日", "誕生日"),
            (1, Some("生年月日"), "column-missing"),
        ),
        (format!("{HEADER}{}", good(1)).replace("備考", "氏名"), (1, Some("氏名"), "column-twice")),
        (String::new(), (0, None, "empty")),
        ("\u{0}\u{FFFD}".repeat(9), (1, Some("住民番号"), "column-missing")),
    ] {
        let world = World::new();
        world.drop_file("juki.csv", text.as_bytes());
        let report = world.run().await;
        assert_eq!(findings(&report).first().map(|f| f.2), Some(finding.2), "{text}");
        if finding.2 != "column-missing" || text.contains('誕') {
            assert_eq!(findings(&report), [finding]);
        }
        assert!(world.town.kept.lock().unwrap().is_empty());
        assert!(world.runner().run_once().await.unwrap().is_none(), "told once");
    }
    let world = World::new();
    world.drop_file("juki.csv", &[0xFF; 500]);
    assert_eq!(findings(&world.run().await), [(0, None, "encoding")]);
    let world = World::new();
    world.drop_file("juki.csv", format!("{HEADER}{}{}", good(1), good(2)).as_bytes());
    let report = world.runner_with(&json!({ "min_rows": 3 })).run_once().await.unwrap().unwrap();
    assert_eq!(findings(&report), [(0, None, "rows-too-few")]);
}

#[tokio::test]
async fn t76_a_file_named_by_an_individual_number_is_refused_and_its_name_repeated_nowhere() {
    for name in
        ["juki 123456789018.csv", "juki_1234-5678-9018_2.csv", "juki-１２３４５６７８９０１８.csv"]
    {
        let world = World::new();
        world.drop_file(name, format!("{HEADER}{}", good(1)).as_bytes());
        let report = world.run().await;
        assert_eq!(findings(&report), [(0, None, "individual-number-file")], "{name}");
        assert!(report.rows.refused[0].input.starts_with("juki"), "{report:?}");
        assert!(world.town.kept.lock().unwrap().is_empty());
        let mut said = format!("{report:?}");
        let scan = Scan { limit: 10, ..Scan::default() };
        for kept in ["connector-cursor", "connector-run"].map(Collection) {
            let records = world.store.records(&tenant(), kept, &scan).await.unwrap();
            assert!(!records.is_empty(), "nothing was kept in {kept:?}");
            let texts = records.iter().map(|(_, record)| String::from_utf8_lossy(&record.value));
            said.extend(texts);
        }
        assert!(!said.contains("123456789018") && !said.contains("9018"), "{said}");
        assert!(!said.contains("１２３４"), "{said}");
        assert!(world.runner().run_once().await.unwrap().is_none(), "told once");
        // Under another name it is taken over.
        fs::remove_file(world.folder.path().join(name)).unwrap();
        world.drop_file("juki.csv", format!("{HEADER}{}", good(1)).as_bytes());
        assert_eq!(world.run().await.rows.accepted, 1);
    }
}

#[tokio::test]
async fn what_has_not_changed_is_not_written_again() {
    let world = World::new();
    let rows: Vec<String> = (1..=10).map(good).collect();
    world.drop_file("juki-1.csv", format!("{HEADER}{}", rows.concat()).as_bytes());
    let mut runner = world.runner();
    assert_eq!(runner.run_once().await.unwrap().unwrap().created, 10);
    assert!(runner.run_once().await.unwrap().is_none(), "nothing new");

    // A later file with one change and one more row.
    let later = rows.concat().replace("都農　花子4", "日向　花子4") + &good(11);
    world.drop_file("juki-2.csv", format!("{HEADER}{later}").as_bytes());
    let report = runner.run_once().await.unwrap().unwrap();
    assert_eq!(
        (report.created, report.updated, report.unchanged, report.rows.accepted),
        (1, 1, 9, 11)
    );
    assert_eq!(world.town.writes.load(Ordering::SeqCst), 12);

    // The same file under its name again, with a new time only.
    world.drop_file("juki-2.csv", format!("{HEADER}{later}").as_bytes());
    assert!(runner.run_once().await.unwrap().is_none());
}

#[tokio::test]
async fn cut_off_anywhere_and_begun_again_it_ends_the_same() {
    let text = format!(
        "{HEADER}{}{}",
        (1..=11).map(good).collect::<String>(),
        good(5).replace("花子", "花枝")
    );
    let whole = World::new();
    whole.drop_file("juki.csv", text.as_bytes());
    let end = whole.run().await;
    assert_eq!((end.rows.accepted, end.rows.refused_count), (11, 1));
    for cut in 0..=11 {
        let world = World::new();
        world.drop_file("juki.csv", text.as_bytes());
        *world.town.up_for.lock().unwrap() = Some(cut);
        let mut first = world.runner();
        let cut_off = first.run_once().await;
        assert_eq!(cut_off.is_err(), cut < 11, "{cut}");
        drop(first);
        *world.town.up_for.lock().unwrap() = None;
        // A new process: a new connector and runner over what is on disk.
        while world.runner().run_once().await.unwrap().is_some() {}
        assert_eq!(*world.town.kept.lock().unwrap(), *whole.town.kept.lock().unwrap(), "{cut}");
        assert!(world.runner().run_once().await.unwrap().is_none());
        let runs = runs(&*world.store, &tenant(), "juki", 50).await.unwrap();
        let refused: u64 = runs.iter().map(|run| run.rows.refused_count).sum();
        assert_eq!(refused, 1, "the refusal is told once, {cut}");
    }
}

#[tokio::test]
async fn other_files_links_and_folders_are_left_alone() {
    let world = World::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.csv"), format!("{HEADER}{}", good(1))).unwrap();
    std::os::unix::fs::symlink(
        outside.path().join("secret.csv"),
        world.folder.path().join("juki-link.csv"),
    )
    .unwrap();
    fs::create_dir(world.folder.path().join("juki-dir.csv")).unwrap();
    world.drop_file("other.csv", format!("{HEADER}{}", good(2)).as_bytes());
    assert!(world.runner().run_once().await.unwrap().is_none());
}

#[tokio::test]
async fn a_missing_folder_is_an_error_that_says_so() {
    let world = World::new();
    let gone = world.folder.path().join("gone");
    let mut runner = world.runner_with(&json!({ "folder": gone }));
    let error = runner.run_once().await.unwrap_err();
    assert!(error.to_string().contains("cannot be read"));
    let runs = runs(&*world.store, &tenant(), "juki", 50).await.unwrap();
    assert!(runs[0].error.as_deref().unwrap().contains("cannot be read"));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let world = World::new();
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&world.clock);
    let columns =
        |text: &str| json!({ "columns": serde_json::from_str::<serde_json::Value>(text).unwrap() });
    for wrong in [
        json!({ "id_secret": "short" }),
        json!({ "key": "番号" }),
        json!({ "batch_rows": 0 }),
        columns(r#"{"住民番号":{"kind":"text"}}"#),
        columns(r#"{"住民番号":{"kind":"ignore","attribute":"a"}}"#),
        columns(
            r#"{"住民番号":{"kind":"text","attribute":"a"},"x":{"kind":"text","attribute":"a"}}"#,
        ),
        columns(
            r#"{"住民番号":{"kind":"text","attribute":"a"},"x":{"kind":"code","attribute":"b"}}"#,
        ),
        columns(
            r#"{"住民番号":{"kind":"text","attribute":"a"},"個人番号":{"kind":"text","attribute":"b"}}"#,
        ),
        columns(r#"{"住民番号":{"kind":"text","attribute":"myNumber"}}"#),
    ] {
        let config: Config = serde_json::from_value(world.config(&wrong)).unwrap();
        assert!(CsvDrop::new(config, Arc::clone(&clock)).is_err(), "{wrong}");
    }
    assert!(serde_json::from_value::<Config>(world.config(&json!({ "colour": 1 }))).is_err());
    let good: Config = serde_json::from_value(world.config(&json!({}))).unwrap();
    assert!(!format!("{good:?}").contains("invented secret"));
    assert_eq!(good.manifest().name, "juki");
    assert!(CsvDrop::new(good, clock).is_ok());
    assert!(Path::new(world.folder.path()).exists());
}
