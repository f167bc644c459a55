//! The connector against the cases that every connector that reads files passes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use encoding_rs::SHIFT_JIS;
use serde_json::json;
use tsunagu_connect::testkit::{self, FolderRig, Kit, Record};
use tsunagu_connect::{Ready, Schedule, runs};
use tsunagu_connector_csv_drop::{Config, Encoding};

/// A register, in one of the encodings.
struct Register {
    encoding: Encoding,
    folder: tempfile::TempDir,
    folders: AtomicU32,
}

impl Register {
    fn of(encoding: Encoding) -> Self {
        Self { encoding, folder: tempfile::tempdir().unwrap(), folders: AtomicU32::new(0) }
    }
}

impl FolderRig for Register {
    fn ready(&self, folder: &Path) -> Ready {
        let config: Config = serde_json::from_value(json!({
            "name": "juki", "title": { "ja": "住民記録", "en": "Resident register" },
            "folder": folder, "pattern": "juki*.csv", "entity_type": "ResidentRecord",
            "id_secret": "an invented secret of enough length", "key": "住民番号", "batch_rows": 4,
            "columns": {
                "住民番号": { "attribute": "municipalNumber", "kind": "text", "required": true },
                "氏名": { "attribute": "name", "kind": "text", "required": true },
                "住所": { "attribute": "address", "kind": "address" }
            }
        }))
        .unwrap();
        Ready::fixed(Arc::new(config), Schedule::default())
    }

    fn folder(&self) -> PathBuf {
        let n = self.folders.fetch_add(1, Ordering::SeqCst);
        let folder = self.folder.path().join(n.to_string());
        std::fs::create_dir(&folder).unwrap();
        folder
    }

    fn file(&self, n: u32, records: &[Record]) -> (String, Vec<u8>) {
        let row = |Record { id, revision }: &Record| {
            format!("{id:010},都農　花子{id},宮崎県児湯郡都農町大字川北{revision}番地\r\n")
        };
        let rows: String = records.iter().map(row).collect();
        let text = format!("住民番号,氏名,住所\r\n{rows}");
        let bytes = match self.encoding {
            Encoding::Cp932 => SHIFT_JIS.encode(&text).0.into_owned(),
            Encoding::Utf16Le => {
                let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
                units.flat_map(u16::to_le_bytes).collect()
            }
            _ => text.into_bytes(),
        };
        (format!("juki-{n}.csv"), bytes)
    }
}

#[tokio::test]
async fn passes_the_kit_in_utf_8() {
    testkit::folder(&Register::of(Encoding::Utf8)).await;
}

#[tokio::test]
async fn passes_the_kit_in_shift_jis() {
    testkit::folder(&Register::of(Encoding::Cp932)).await;
}

#[tokio::test]
async fn passes_the_kit_in_utf_16() {
    testkit::folder(&Register::of(Encoding::Utf16Le)).await;
}

/// The kernel's own files about this process: one of them (`mem`) is there and cannot be read, whoever asks, and the others are no register.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_cannot_be_read_holds_up_no_other_and_is_told_after_them() {
    let kit = Kit::default();
    let folder = format!("/proc/{}", std::process::id());
    let config: Config = serde_json::from_value(json!({
        "name": "juki", "title": { "ja": "住民記録", "en": "Resident register" },
        "folder": folder, "pattern": "mem", "entity_type": "ResidentRecord",
        "id_secret": "an invented secret of enough length", "key": "住民番号",
        "columns": { "住民番号": { "attribute": "municipalNumber", "kind": "text" } }
    }))
    .unwrap();
    for (pattern, others) in [("mem", false), ("m*", true)] {
        let config = Config {
            pattern: pattern.to_owned(),
            name: pattern.replace('*', "-all"),
            ..config.clone()
        };
        let name = config.name.clone();
        let source = Ready::fixed(Arc::new(config), Schedule::default());
        let source = source.build(&kit.host()).await.unwrap().source.unwrap();
        let told = kit.runner(&name, source, None).run_once().await.unwrap_err();
        let text = told.to_string();
        assert!(text.contains("a file or the folder cannot be read"), "{text}");
        let runs = runs(&*kit.store, &Kit::tenant(), &name, 10).await.unwrap();
        assert_eq!(runs[0].rows.refused_count > 1, others, "{runs:?}");
    }
}
