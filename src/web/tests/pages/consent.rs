//! The consent page: asked, answered, taken back.

use tsunagu_consent::State;

use super::town::{CALLBACK, Seen, Town};

/// The fields of the consent page, with an answer.
fn answer<'a>(fields: &'a [(&'static str, String)], decision: &'a str) -> Vec<(&'a str, &'a str)> {
    let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
    fields.chain([("decision", decision)]).collect()
}

fn fields(page: &Seen) -> Vec<(&'static str, String)> {
    let names = ["csrf", "client_id", "request_uri", "lang", "shown_at", "notice"];
    // The first form of the page is the log-out button: its csrf is the same session's.
    names.into_iter().map(|name| (name, page.field(name))).collect()
}

const DECISION: &str = "/oauth/authorize/decision";

#[actix_web::test]
async fn a_stranger_is_sent_to_log_in_and_comes_back_to_the_question() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    let page = town.pushed().await;
    let sent = browser.get(&page).await;
    assert_eq!(sent.status, 303);
    let login = sent.location.unwrap();
    assert!(login.starts_with("/login/xid?return_to=%2Foauth%2Fauthorize"), "{login}");
    let back = browser.log_in("hanako", &page).await;
    assert_eq!(back.location.as_deref(), Some(page.as_str()));
    let question = browser.get(&page).await;
    for words in [
        "つのヘルスケア",
        "help@health.example",
        "お名前とご住所",
        "歩数",
        "2027年11月23日",
        "同意しません",
    ] {
        assert!(question.says(words), "{words}: {}", question.body);
    }
    // One's own values, on one's own page.
    assert!(question.says("都農 花子") && question.says("大字川北4874番地2"));
    assert!(question.policy.contains("form-action 'self' https://health.example"));
    assert!(!question.says("checked"));
}

#[actix_web::test]
async fn agreeing_is_recorded_with_the_very_notice_and_leads_back_with_a_code() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    let page = town.pushed().await;
    let question = browser.get(&page).await;
    let fields = fields(&question);
    let notice = question.body.split_once("<dl class=\"terms\">").unwrap().1;
    let notice = format!("<dl class=\"terms\">{}</dl>", notice.split_once("</dl>").unwrap().0);
    let back = browser.post(DECISION, &answer(&fields, "give")).await;
    assert_eq!(back.status, 303, "{}", back.body);
    let location = back.location.unwrap();
    assert!(
        location.starts_with(&format!("{CALLBACK}?code=")) && location.contains("state=the-state")
    );
    let subject = browser.tsuno_id().await;
    let consent = town.consent(subject).await.unwrap();
    assert_eq!(consent.state, State::Given);
    assert_eq!(consent.notice.lang, "ja");
    assert_eq!(consent.notice.sha256, fields[5].1);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, notice.as_bytes());
    let hex =
        |digest: &[u8]| digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    assert_eq!(hex(digest.as_ref()), consent.notice.sha256);
    // Asked again, the service gets its code at once.
    let again = browser.get(&town.pushed().await).await;
    assert_eq!(again.status, 303);
    assert!(again.location.unwrap().starts_with(CALLBACK));
}

#[actix_web::test]
async fn t24_refusing_leads_back_with_access_denied_and_leaves_the_refusal_alone() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    let question = browser.get(&town.pushed().await).await;
    let back = browser.post(DECISION, &answer(&fields(&question), "refuse")).await;
    assert!(back.location.unwrap().contains("error=access_denied"));
    let subject = browser.tsuno_id().await;
    assert_eq!(town.consent(subject).await.unwrap().state, State::Refused);
    assert_eq!(town.events_on_record(subject).await, ["refused"], "one entry for one event");
    assert!(browser.get("/consents").await.says("同意していません"));
}

#[actix_web::test]
async fn t23_a_framed_forged_or_doubled_answer_gives_no_more_than_one_consent() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    let subject = browser.tsuno_id().await;
    let page = town.pushed().await;
    let question = browser.get(&page).await;
    assert!(question.policy.contains("frame-ancestors 'none'"));
    let right = fields(&question);
    let without: Vec<_> = right.iter().filter(|(name, _)| *name != "csrf").cloned().collect();
    assert_eq!(browser.post(DECISION, &answer(&without, "give")).await.status, 400);
    let mut doubled = right.clone();
    doubled.push(("lang", "ja".to_owned()));
    assert_eq!(browser.post(DECISION, &answer(&doubled, "give")).await.status, 400);
    // An address that answers by being opened is not there.
    assert_eq!(browser.get(&format!("{DECISION}?decision=give")).await.status, 404);
    assert_eq!(town.consent(subject).await, None);
    assert!(town.events_on_record(subject).await.is_empty());
    assert_eq!(browser.post(DECISION, &answer(&right, "give")).await.status, 303);
    assert_eq!(browser.post(DECISION, &answer(&right, "give")).await.status, 400);
    assert_eq!(town.events_on_record(subject).await, ["given"]);
}

#[actix_web::test]
async fn what_is_optional_has_a_box_of_its_own_and_none_is_ticked() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    let subject = browser.tsuno_id().await;
    let asked = serde_json::json!({"data_classes": ["contact"], "optional_data_classes": ["basic", "health-activity"],
        "frequency": {"max": 24, "per_seconds": 86_400}});
    let question = browser.get(&town.pushed_with(asked.clone()).await).await;
    assert!(question.says("渡すかどうか選べる情報") && question.says("1日に24回まで"));
    assert_eq!(question.body.matches("type=\"checkbox\"").count(), 2);
    assert!(!question.says("checked"));
    // Both answers look alike.
    assert_eq!(question.body.matches("<button class=\"button\" type=\"submit\"").count(), 2);
    let right = fields(&question);
    let mut wrong = right.clone();
    wrong.push(("class", "contact".to_owned()));
    assert_eq!(browser.post(DECISION, &answer(&wrong, "give")).await.status, 400);
    let mut chosen = right.clone();
    chosen.push(("class", "basic".to_owned()));
    let back = browser.post(DECISION, &answer(&chosen, "give")).await;
    assert_eq!(back.status, 303, "{}", back.body);
    let consent = town.consent(subject).await.unwrap();
    let classes: Vec<_> =
        consent.data.iter().map(|data| (data.class.as_str(), data.optional)).collect();
    assert_eq!(classes, [("basic", true), ("contact", false)]);
    // What was left out is not asked for again.
    let again = browser.get(&town.pushed_with(asked).await).await;
    assert!(again.location.unwrap().starts_with(CALLBACK));
}

#[actix_web::test]
async fn where_everything_is_optional_yes_to_nothing_decides_nothing() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    let subject = browser.tsuno_id().await;
    let asked = serde_json::json!({"data_classes": [], "optional_data_classes": ["basic"]});
    let question = browser.get(&town.pushed_with(asked).await).await;
    let seen = browser.post(DECISION, &answer(&fields(&question), "give")).await;
    assert!(seen.says("どの情報も選ばれていません"), "{}", seen.body);
    assert_eq!(town.consent(subject).await, None);
}

#[actix_web::test]
async fn a_consent_can_be_paused_at_once_and_resumed_after_a_fresh_login() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    let question = browser.get(&town.pushed().await).await;
    browser.post(DECISION, &answer(&fields(&question), "give")).await;
    let subject = browser.tsuno_id().await;
    let consent = town.consent(subject).await.unwrap();
    let address = format!("/consents/{}", consent.id);
    town.pass(1_000);
    let csrf = browser.get(&address).await.field("csrf");
    for (path, secret) in [("pause", "x"), ("resume", "x")] {
        let forged = browser.post(&format!("{address}/{path}"), &[("csrf", secret)]).await;
        assert_eq!(forged.status, 403);
    }
    assert_eq!(browser.post(&format!("{address}/pause"), &[("csrf", &csrf)]).await.status, 303);
    assert!(town.vendor(&consent.id, None).await.is_err());
    let paused = browser.get(&address).await;
    assert!(paused.says("止めています") && paused.says("再開する") && paused.says("同意をやめる"));
    let stale = browser.post(&format!("{address}/resume"), &[("csrf", &csrf)]).await;
    assert!(stale.says("もう一度ログインしてください"));
    assert!(town.vendor(&consent.id, None).await.is_err());
    browser.log_in("hanako", "/").await;
    let csrf = browser.get(&address).await.field("csrf");
    assert_eq!(browser.post(&format!("{address}/resume"), &[("csrf", &csrf)]).await.status, 303);
    assert!(town.vendor(&consent.id, None).await.is_ok());
}

#[actix_web::test]
async fn t65_what_a_wider_catalogue_adds_is_asked_on_a_page_and_the_end_is_told_ahead() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    let question = browser.get(&town.pushed().await).await;
    browser.post(DECISION, &answer(&fields(&question), "give")).await;
    let subject = browser.tsuno_id().await;
    let consent = town.consent(subject).await.unwrap();
    let address = format!("/consents/{}", consent.id);
    assert_eq!(browser.get(&format!("{address}/renew")).await.status, 303, "nothing is asked");
    town.widen().await;
    let list = browser.get("/consents").await;
    assert!(list.says("お返事をお待ちしています") && !list.says("まもなく期間が終わります"));
    assert!(browser.get(&address).await.says("電話番号"));
    let question = browser.get(&format!("{address}/renew")).await;
    assert!(question.says("電話番号") && !question.says("checked"));
    let names = ["csrf", "lang", "shown_at", "notice"];
    let right: Vec<_> = names.into_iter().map(|name| (name, question.field(name))).collect();
    let other: Vec<_> = right
        .iter()
        .map(|(n, v)| (*n, if *n == "notice" { "00".to_owned() } else { v.clone() }))
        .collect();
    let changed = browser.post(&format!("{address}/renew"), &answer(&other, "give")).await;
    assert!(changed.says("内容が新しくなりました"));
    let telephone = tsunagu_ngsi_ld::Context::core().expand("telephone").into_owned();
    let covered = async || {
        let consent = town.consent(subject).await.unwrap();
        consent.data.iter().any(|data| data.attributes.iter().any(|a| a.iri == telephone))
    };
    assert!(!covered().await);
    let done = browser.post(&format!("{address}/renew"), &answer(&right, "give")).await;
    assert_eq!(done.location.as_deref(), Some(address.as_str()));
    assert!(covered().await);
    let after = town.consent(subject).await.unwrap();
    assert_eq!(
        (after.id.as_str(), after.notice.sha256.as_str()),
        (consent.id.as_str(), right[3].1.as_str())
    );
    assert!(browser.get(&address).await.says("新しい情報にも同意しました"));
    assert_eq!(town.events_on_record(subject).await, ["given", "catalogue-widened", "reconsented"]);
    town.pass(336 * 86_400);
    browser.log_in("hanako", "/").await;
    assert!(browser.get("/consents").await.says("まもなく期間が終わります"));
    assert!(browser.get(&address).await.says("かってに延びることはありません"));
}

#[actix_web::test]
async fn an_answer_counts_only_from_this_session_to_this_notice_after_a_fresh_login() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    let subject = browser.tsuno_id().await;
    let page = town.pushed().await;
    let question = browser.get(&page).await;
    let right = fields(&question);
    let with = |name: &str, value: &str| {
        let mut fields = right.clone();
        fields.iter_mut().find(|(n, _)| *n == name).unwrap().1 = value.to_owned();
        fields
    };
    let forged = browser.post(DECISION, &answer(&with("csrf", "guessed"), "give")).await;
    assert_eq!(forged.status, 403);
    // A year before the last moment that can be told in Japan.
    let never = chrono::DateTime::<chrono::Utc>::MAX_UTC.timestamp_micros() - 365 * 86_400_000_000;
    let never = never.to_string();
    for (name, value) in
        [("notice", "00"), ("lang", "en"), ("shown_at", "0"), ("shown_at", never.as_str())]
    {
        let seen = browser.post(DECISION, &answer(&with(name, value), "give")).await;
        assert_eq!(seen.status, 200, "{name}");
        assert!(seen.says("内容が新しくなりました"), "{name}: {}", seen.body);
    }
    let odd = browser.post(DECISION, &answer(&right, "maybe")).await;
    assert_eq!(odd.status, 400);
    let unknown = browser.post(DECISION, &answer(&with("request_uri", "urn:x"), "give")).await;
    assert_eq!(unknown.status, 400);
    assert_eq!(unknown.location, None);
    town.pass(301);
    let stale = browser.post(DECISION, &answer(&right, "give")).await;
    assert_eq!(stale.status, 403);
    assert!(stale.says("もう一度ログインしてください"));
    let asked_stale = browser.get(&page).await;
    assert!(asked_stale.says("もう一度ログインしてください") && !asked_stale.says("同意します"));
    assert_eq!(town.consent(subject).await, None);
}

#[actix_web::test]
async fn a_bad_request_is_shown_and_sent_nowhere() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    let page = town.pushed().await;
    let other = page.replace("client_id=health", "client_id=somebody");
    for address in ["/oauth/authorize", "/oauth/authorize?client_id=health", &other] {
        let seen = browser.get(address).await;
        assert_eq!((seen.status, seen.location.as_deref()), (400, None), "{address}");
        assert!(seen.says("このサービスとつなげませんでした"), "{address}");
    }
}

#[actix_web::test]
async fn withdrawing_takes_two_taps_and_holds_at_once() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    let question = browser.get(&town.pushed().await).await;
    browser.post(DECISION, &answer(&fields(&question), "give")).await;
    let subject = browser.tsuno_id().await;
    let consent = town.consent(subject).await.unwrap();
    let address = format!("/consents/{}", consent.id);
    assert!(browser.get("/consents").await.says("同意しています"));
    let detail = browser.get(&address).await;
    assert!(detail.says(&consent.receipt_id) && detail.says("withdraw"));
    let receipt = browser.get(&format!("{address}/receipt")).await;
    assert_eq!(receipt.body.split('.').count(), 3);
    // Long after the login: taking back needs no step-up.
    town.pass(1_000);
    let sure = browser.get(&format!("{address}/withdraw")).await;
    let csrf = sure.field("csrf");
    assert_eq!(browser.post(&format!("{address}/withdraw"), &[("csrf", "x")]).await.status, 403);
    assert!(town.vendor(&consent.id, None).await.is_ok());
    let done = browser.post(&format!("{address}/withdraw"), &[("csrf", &csrf)]).await;
    assert_eq!(done.status, 303);
    assert!(town.vendor(&consent.id, None).await.is_err());
    let after = browser.get(&done.location.unwrap()).await;
    assert!(after.says("同意をやめました") && !after.says(&format!("{address}/withdraw")));
    // What the service must delete, until it says that it has.
    assert!(after.says("まだ受け付けられていません") && !after.says("期限を過ぎています"));
    town.pass(8 * 86_400);
    browser.log_in("hanako", "/").await;
    assert!(browser.get(&address).await.says("期限を過ぎています"));
    let client = "health".parse().unwrap();
    town.ledger.acknowledge_deletion(&town.tenant, &client, "r", &consent.id).await.unwrap();
    let told = browser.get(&address).await;
    assert!(told.says("消したと知らせてきました") && !told.says("期限を過ぎています"));
    // What was read before agreeing, to the byte.
    let shown = browser.get(&format!("{address}/notice")).await;
    let notice = town.ledger.notice(&town.tenant, &consent.notice).await.unwrap().unwrap();
    assert!(
        shown.says(std::str::from_utf8(&notice).unwrap()) && shown.says(&consent.notice.sha256)
    );
}

#[actix_web::test]
async fn a_consent_of_somebody_else_is_not_there() {
    let town = Town::new().await;
    let mut hanako = town.browser().await;
    hanako.log_in("hanako", "/").await;
    let question = hanako.get(&town.pushed().await).await;
    hanako.post(DECISION, &answer(&fields(&question), "give")).await;
    let subject = hanako.tsuno_id().await;
    let consent = town.consent(subject).await.unwrap();
    let mut other = town.browser().await;
    other.log_in("taro", "/").await;
    let csrf = other.get("/").await.field("csrf");
    for page in ["", "/receipt", "/withdraw", "/renew", "/notice"] {
        let seen = other.get(&format!("/consents/{}{page}", consent.id)).await;
        assert_eq!(seen.status, 404, "{page}");
    }
    let address = format!("/consents/{}/withdraw", consent.id);
    assert_eq!(other.post(&address, &[("csrf", &csrf)]).await.status, 404);
    assert_eq!(town.consent(subject).await.unwrap().state, State::Given);
}
