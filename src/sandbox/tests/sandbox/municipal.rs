use encoding_rs::SHIFT_JIS;
use tsunagu_sandbox::municipal::Options;
use tsunagu_sandbox::town::{BAD_ROWS, Town};
use tsunagu_sandbox::{Role, Running};

use super::support::{TestClock, browser, started};

async fn system(drop_dir: Option<std::path::PathBuf>) -> Running {
    let options = Options { port: 0, api_key: "town-key".to_owned(), drop_dir, residents: 200 };
    started(Role::Municipal(options), &TestClock::at_noon()).await
}

async fn file(system: &Running, name: &str) -> reqwest::Response {
    let url = format!("{}/{name}", system.url());
    browser().get(url).bearer_auth("town-key").send().await.unwrap()
}

fn rows(csv: &str) -> Vec<csv::StringRecord> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().unwrap();
    assert_eq!(
        header.iter().collect::<Vec<_>>().join(","),
        "住民番号,氏名,氏名カナ,生年月日,性別,郵便番号,住所,異動区分,異動年月日,備考"
    );
    reader.records().map(Result::unwrap).collect()
}

fn row<'a>(rows: &'a [csv::StringRecord], number: &str) -> &'a csv::StringRecord {
    rows.iter().find(|row| &row[0] == number).unwrap()
}

#[tokio::test]
async fn the_register_is_served_in_both_encodings() {
    let system = system(None).await;
    let legacy = file(&system, "juki.csv").await;
    assert_eq!(legacy.headers()["content-type"], "text/csv; charset=Shift_JIS");
    let bytes = legacy.bytes().await.unwrap();
    let (legacy, _, lossy) = SHIFT_JIS.decode(&bytes);
    assert!(!lossy);
    let legacy = rows(&legacy);
    let newer = file(&system, "juki-utf8.csv").await.text_with_bom().await;
    let newer = rows(&newer);
    assert_eq!((legacy.len(), newer.len()), (205, 205));

    let [hanako, yoshida, katsuragi] = ["0000100001", "0000100005", "0000100004"];
    assert_eq!(&row(&legacy, hanako)[1], "都農\u{3000}花子");
    assert_eq!(&row(&legacy, hanako)[3], "昭和60年3月15日");
    assert_eq!(&row(&newer, hanako)[3], "S60.3.15");
    assert_eq!(&row(&newer, "0000100002")[3], "1983-11-02");
    assert_eq!(&row(&legacy, hanako)[6], "宮崎県児湯郡都農町大字川北4874番地2");
    assert_eq!(&row(&legacy, "0000100003")[1], "髙鍋\u{3000}さくら");
    assert_eq!(&row(&legacy, yoshida)[1], "〓田\u{3000}勇");
    assert_eq!(&row(&newer, yoshida)[1], "𠮷田\u{3000}勇");
    assert_eq!(&row(&legacy, katsuragi)[1], "葛城\u{3000}誠");
    assert_eq!(&row(&newer, katsuragi)[1], "葛\u{E0100}城\u{3000}誠");
    assert_eq!(&row(&newer, "0000100008")[7], "転出");
    assert!(newer.iter().all(|row| !row[1].starts_with("日向")), "jiro lives elsewhere");
}

#[tokio::test]
async fn only_the_bad_rows_are_bad() {
    let system = system(None).await;
    let newer = rows(&file(&system, "juki-utf8.csv").await.text_with_bom().await);
    let is_bad = |row: &csv::StringRecord| BAD_ROWS.iter().any(|(number, _)| *number == &row[0]);
    assert_eq!(newer.iter().filter(|row| is_bad(row)).count(), BAD_ROWS.len());
    let twelve_digits =
        |field: &str| field.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() == 12);
    for row in &newer {
        let private = row[1].chars().any(|c| ('\u{E000}'..='\u{F8FF}').contains(&c));
        let fields_with_twelve = row.iter().filter(|field| twelve_digits(field)).count();
        assert_eq!(private, &row[0] == "0000900003");
        assert_eq!(row[1].is_empty(), &row[0] == "0000900002");
        assert_eq!(fields_with_twelve, usize::from(&row[0] == "0000900004"));
    }
    assert_eq!(&row(&newer, "0000900001")[3], "平成3年2月30日");
    assert_eq!(&row(&newer, "0000900005")[3], "昭和70年1月1日");
}

#[tokio::test]
async fn a_key_is_needed_and_an_unchanged_file_is_not_sent_twice() {
    let system = system(None).await;
    let url = format!("{}/juki.csv", system.url());
    let http = browser();
    assert_eq!(http.get(&url).send().await.unwrap().status(), 401);
    assert_eq!(http.get(&url).bearer_auth("wrong").send().await.unwrap().status(), 401);
    assert_eq!(file(&system, "other.csv").await.status(), 404);
    let first = file(&system, "juki.csv").await;
    let tag = first.headers()["etag"].clone();
    let again = || http.get(&url).bearer_auth("town-key");
    let unchanged = again().header("If-None-Match", &tag).send().await.unwrap();
    assert_eq!(unchanged.status(), 304);
    assert_eq!(unchanged.headers()["etag"], tag);
    let other = again().header("If-None-Match", "\"other\"").send().await.unwrap();
    assert_eq!(other.status(), 200);
    assert_ne!(file(&system, "juki-utf8.csv").await.headers()["etag"], tag);
}

#[tokio::test]
async fn the_drop_folder_holds_the_same_files_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let drop = folder.path().join("out");
    let system = system(Some(drop.clone())).await;
    for name in ["juki.csv", "juki-utf8.csv"] {
        let served = file(&system, name).await.bytes().await.unwrap();
        assert_eq!(std::fs::read(drop.join(name)).unwrap(), served);
    }
    assert_eq!(std::fs::read_dir(&drop).unwrap().count(), 2);
}

#[test]
fn every_person_of_a_large_town_fits_the_legacy_encoding() {
    let bytes = Town::generate(5000).register_shift_jis().unwrap();
    let (text, _, lossy) = SHIFT_JIS.decode(&bytes);
    assert!(!lossy);
    assert_eq!(rows(&text).len(), 5005);
}

trait TextWithBom {
    /// The text after the byte order mark, which must be there.
    async fn text_with_bom(self) -> String;
}

impl TextWithBom for reqwest::Response {
    async fn text_with_bom(self) -> String {
        let bytes = self.bytes().await.unwrap();
        String::from_utf8(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap().to_vec()).unwrap()
    }
}
