//! The record of access and the coins, after a vendor was at work.

use super::town::Town;

const DECISION: &str = "/oauth/authorize/decision";

#[actix_web::test]
async fn a_resident_sees_who_looked_what_was_prevented_and_what_was_earned() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    let subject = browser.tsuno_id().await;
    let question = browser.get(&town.pushed().await).await;
    let mut fields: Vec<(&str, String)> =
        ["csrf", "client_id", "request_uri", "lang", "shown_at", "notice"]
            .into_iter()
            .map(|name| (name, question.field(name)))
            .collect();
    fields.push(("decision", "give".to_owned()));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    assert_eq!(browser.post(DECISION, &fields).await.status, 303);
    let consent = town.consent(subject).await.unwrap().id;

    town.pass(60);
    assert!(town.vendor(&consent, None).await.unwrap().contains("花子"));
    // At different moments: the order of one moment's accesses is nobody's promise.
    town.pass(1);
    town.vendor(&consent, None).await.unwrap();
    town.pass(1);
    town.vendor(&consent, Some(6_200)).await.unwrap();
    town.pass(1);
    town.vendor(&consent, Some(300)).await.unwrap();

    let log = browser.get("/access-log").await;
    let why = "歩数などの記録をもとに健康づくりの助言を行い、つのコインの付与を申請するため";
    let read = format!("つのヘルスケアが、お名前とご住所を、{why}、2回見ました。");
    assert!(log.says(&read), "{}", log.body);
    assert!(log.says("書き加えました。") && log.says("からの、すべての記録があります"));
    assert!(!log.says("あなたが、"));
    assert!(browser.get("/access-log?own=1").await.says("あなたが、氏名を、"));

    let coins = browser.get("/coins").await;
    assert!(coins.says("10コイン") && coins.says("受け取りの途中"), "{}", coins.body);
    assert!(coins.says("わけ："), "the activity that earned nothing is explained: {}", coins.body);
    let own = browser.get("/access-log?own=1").await;
    assert!(own.says("つのコインの記録"), "looking at coins is on record, too: {}", own.body);
}

#[actix_web::test]
async fn the_record_has_pages_that_lose_nothing() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    for _ in 0..60 {
        // Never two equal sentences in a row.
        town.pass(1);
        browser.get("/").await;
        town.pass(1);
        browser.get("/coins").await;
    }
    town.pass(1);
    let mut lines = 0;
    let mut address = "/access-log?own=1".to_owned();
    let mut pages = 0;
    loop {
        let seen = browser.get(&address).await;
        assert_eq!(seen.status, 200);
        lines += seen.body.matches("<p class=\"time\">").count();
        pages += 1;
        // Looked at meanwhile: must not move what comes on the next page.
        town.pass(1);
        browser.get("/").await;
        let Some((before, _)) = seen.body.split_once("\">もっと前の記録へ") else {
            break;
        };
        let link = before.rsplit_once("href=\"").unwrap().1;
        address = link.replace("&amp;", "&");
    }
    let about = town
        .audit
        .accesses_about(&town.tenant, browser.tsuno_id().await, tsunagu_audit::Period::newest(1))
        .await
        .unwrap();
    // What came after the record that was paged through: the looks at home while paging, those at later pages, and the last for the id.
    assert_eq!(lines as u64, about.total - pages - (pages - 1) - 1);
    assert_eq!(pages, 3);
}
