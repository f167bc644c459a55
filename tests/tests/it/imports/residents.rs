//! Loads with a record that is linked to a resident.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tsunagu_sandbox::story::Browser;
use tsunagu_sandbox::town;

use super::{comes_to, load};
use crate::staff::Desk;
use crate::support::Backend;
use crate::support::http::seen;
use crate::support::town::{Plan, REGISTER, Town};

/// A town with people and staff, whose register is a file.
async fn registered() -> Town {
    let plan = Plan { staff: true, people: true, ..Plan::default() };
    let mut town = Town::start(Backend::Embedded, &plan).await;
    town.stop().await;
    let drop = town.folder.path().join("drop");
    std::fs::create_dir(&drop).unwrap();
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
publish = "second-person"
max_ended_percent = 50
ended = "delete"

[csv_drop.columns]
"住民番号" = {{ attribute = "municipalNumber", kind = "text", digits = 10 }}
"氏名" = {{ attribute = "name", kind = "text", required = true }}
"生年月日" = {{ attribute = "birthDate", kind = "date" }}
"性別" = {{ attribute = "gender", kind = "gender" }}
"住所" = {{ attribute = "address", kind = "address" }}
"#,
        folder = json!(drop)
    );
    let text = std::fs::read_to_string(town.config()).unwrap();
    std::fs::write(town.config(), text + &layout).unwrap();
    town.open().await;
    town
}

/// Puts a file with these people there, in one step; these numbers have a character in their names that nobody can read.
fn drop_people(town: &Town, file: &str, people: &[town::Person], from: usize, gaiji: &[usize]) {
    let mut text = "住民番号,氏名,生年月日,性別,住所\r\n".to_owned();
    for (n, person) in people.iter().enumerate().skip(from) {
        let odd = if gaiji.contains(&n) { "\u{E000}" } else { "" };
        let name = format!("{}　{}{odd}", person.name.family, person.name.given);
        let sex = if person.sex == town::Sex::Male { "男" } else { "女" };
        let (born, address) = (person.birth_date, person.address.full());
        write!(text, "{n:010},{name},{born},{sex},{address}\r\n").unwrap();
    }
    let made = town.folder.path().join(file);
    std::fs::write(&made, text).unwrap();
    std::fs::rename(made, town.folder.path().join("drop").join(file)).unwrap();
}

/// Proposes and publishes a load that waits.
async fn publish(town: &Town, id: &str) -> Value {
    let mut operator = Desk::of(town, "inoue").await;
    comes_to(&mut operator, id, "waiting").await;
    let at = |act: &str| format!("/imports/v1/loads/{id}/{act}");
    assert_eq!(operator.post(&at("propose"), json!({"note": "更新"})).await.status, 204);
    let mut approver = Desk::of(town, "ueda").await;
    let revision = load(&mut approver, id).await["revision"].clone();
    let published = approver.post(&at("publish"), json!({"revision": revision})).await;
    assert_eq!(published.status, 204, "{}", published.text());
    comes_to(&mut approver, id, "published").await
}

/// The looks of staff into the queue that a resident is told of.
async fn looks(town: &Town, browser: &mut Browser) -> usize {
    let url = town.base.join("/me/access-log").unwrap();
    let mut request = town.ask(reqwest::Method::GET, "/me/access-log");
    request = request.header("Cookie", browser.cookies(&url).unwrap());
    let log = seen(request).await;
    assert_eq!(log.status, 200, "{}", log.text());
    log.text().matches("import-queue-read register-2").count()
}

/// A look at the row of a linked record is in the log of its resident; and a record that the platform does not let the layout delete, because it
/// wrote to it itself, is told and stays, while the load is published.
#[tokio::test]
async fn a_resident_is_told_of_a_look_and_their_linked_record_stops_no_load() {
    let town = registered().await;
    let people = town::Town::generate(20).people()[..6].to_vec();
    drop_people(&town, "a.csv", &people, 0, &[]);
    publish(&town, "register-1").await;
    let mut first = town.resident(&people[0].key).await;
    let mut second = town.resident(&people[1].key).await;

    drop_people(&town, "b.csv", &people, 0, &[0, 3]);
    let mut counter = Desk::of(&town, "kato").await;
    comes_to(&mut counter, "register-2", "waiting").await;
    let queue = counter.get("/imports/v1/loads/register-2/queue").await.json();
    assert_eq!(queue["items"].as_array().unwrap().len(), 2, "{queue}");
    assert_eq!(looks(&town, &mut first).await, 1);
    assert_eq!(looks(&town, &mut second).await, 0, "their row was not shown");

    drop_people(&town, "c.csv", &people, 1, &[]);
    let done = publish(&town, "register-3").await;
    assert_eq!(done["difference"]["ended"], 1, "{done}");
    assert_eq!((&done["failed"], &done["counts"]["accepted"]), (&json!(1), &json!(5)), "{done}");
    let mut auditor = Desk::of(&town, "mori").await;
    let report = auditor.get("/imports/v1/loads/register-3/report?format=ndjson").await.text();
    assert!(
        report.contains("\"platform\"") && report.contains("urn:ngsi-ld:ResidentRecord:"),
        "{report}"
    );
    let all = super::records(&town).await;
    assert_eq!(all.len(), 6, "the linked record stays as it was");
}
