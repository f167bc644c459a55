//! Acting for another on the pages, and consents that nobody uses, with time that passes.

use serde_json::json;
use tsunagu_consent::{
    Authority, AuthorityEvidence, Counter, Delegation, DelegationScope, NewGuardian,
};
use tsunagu_domain::{Clock as _, Timestamp, TsunoId};

use super::town::{CALLBACK, Seen, Town};

const DECISION: &str = "/oauth/authorize/decision";
const DAY: Timestamp = 86_400_000_000;
const BANNER: &str = "太郎さんの代わりに手続きしています";

/// The fields of the consent page, answered with yes.
fn yes(question: &Seen) -> Vec<(&'static str, String)> {
    let names = ["csrf", "client_id", "request_uri", "lang", "shown_at", "notice"];
    let mut fields: Vec<_> = names.into_iter().map(|n| (n, question.field(n))).collect();
    fields.push(("decision", "give".to_owned()));
    fields
}

fn pairs<'a>(fields: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    fields.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// What the counter records. The minor comes of age in so many microseconds.
async fn guardian(
    town: &Town,
    principal: TsunoId,
    delegate: TsunoId,
    scope: DelegationScope,
    comes_of_age_in: Timestamp,
) -> Delegation {
    let new = NewGuardian {
        principal,
        delegate,
        principal_name: "太郎".to_owned(),
        delegate_name: "花子".to_owned(),
        scope,
        until: None,
        of_age: town.clock.micros() + comes_of_age_in,
        authority: Authority {
            evidence: AuthorityEvidence::MunicipalRecord,
            reference: "2026-114".to_owned(),
            recorded_by: "窓口3".to_owned(),
        },
    };
    let by = Counter { actor: "client:desk", request: "r" };
    town.ledger.record_guardian(&town.tenant, &by, new).await.unwrap()
}

#[actix_web::test]
async fn t63_a_guardian_consents_on_the_pages_until_the_day_and_the_adult_is_asked() {
    let town = Town::new().await;
    let (mut parent, mut child) = (town.browser().await, town.browser().await);
    parent.log_in("hanako", "/").await;
    child.log_in("taro", "/").await;
    let (hanako, taro) = (parent.tsuno_id().await, child.tsuno_id().await);
    let both = DelegationScope::Both;
    let made = guardian(&town, taro, hanako, both, DAY).await;

    // Forged, and by somebody whose child it is not, nothing is chosen.
    let act = format!("/delegates/{}/act", made.id);
    assert_eq!(parent.post(&act, &[("csrf", "guessed")]).await.status, 403);
    let csrf = child.get("/delegates").await.field("csrf");
    assert_eq!(child.post(&act, &[("csrf", &csrf)]).await.status, 404);
    let page = parent.get("/delegates").await;
    assert!(
        page.says("太郎さんの代わりに手続きする") && page.says("保護者として"),
        "{}",
        page.body
    );
    let csrf = page.field("csrf");
    assert_eq!(parent.post(&act, &[("csrf", &csrf)]).await.status, 303);
    assert!(parent.get("/consents").await.says(BANNER));

    // The question says for whom, and shows nothing of the child.
    let question = parent.get(&town.pushed().await).await;
    assert!(question.says(BANNER) && !question.says("都農 太郎"), "{}", question.body);
    let back = parent.post(DECISION, &pairs(&yes(&question))).await;
    assert!(back.location.unwrap().starts_with(CALLBACK), "{}", back.body);
    let consent = town.consent(taro).await.unwrap();
    assert_eq!(consent.given_under.as_ref().unwrap().delegation, made.id);
    assert!(town.consent(hanako).await.is_none());
    let address = format!("/consents/{}", consent.id);
    assert!(child.get(&address).await.says("保護者の花子さんが代わりにしました"));
    assert!(!child.get(&address).await.says("保護者の方の同意を、続けますか？"));
    assert!(parent.get("/access-log").await.says(BANNER));

    // The day begins. No task has run.
    town.pass(86_400);
    parent.log_in("hanako", "/").await;
    child.log_in("taro", "/").await;
    let own = parent.get("/consents").await;
    assert!(!own.says(BANNER) && !own.says("つのヘルスケア"), "{}", own.body);
    assert_eq!(parent.get(&address).await.status, 404);
    let csrf = own.field("csrf");
    let pause = format!("{address}/pause");
    assert_eq!(parent.post(&pause, &[("csrf", &csrf)]).await.status, 404);
    // The consent goes on, and the adult is asked.
    assert!(town.vendor(&consent.id, None).await.is_ok());
    let asked = child.get(&address).await;
    assert!(asked.says("保護者の方の同意を、続けますか？"), "{}", asked.body);
    let csrf = asked.field("csrf");
    assert_eq!(child.post(&format!("{address}/confirm"), &[("csrf", "x")]).await.status, 403);
    assert_eq!(child.post(&format!("{address}/confirm"), &[("csrf", &csrf)]).await.status, 303);
    let after = child.get(&address).await;
    assert!(after.says("成人したご本人が確認しました"));
    assert!(!after.says("保護者の方の同意を、続けますか？"));
    let events = town.events_on_record(taro).await;
    assert_eq!(events, ["delegation-made", "given", "confirmed"], "one entry for each");
}

#[actix_web::test]
async fn a_delegate_logs_in_to_a_service_under_no_consent_but_their_own() {
    let town = Town::new().await;
    let (mut parent, mut child) = (town.browser().await, town.browser().await);
    parent.log_in("hanako", "/").await;
    child.log_in("taro", "/").await;
    let (hanako, taro) = (parent.tsuno_id().await, child.tsuno_id().await);
    let made = guardian(&town, taro, hanako, DelegationScope::Both, DAY).await;
    let csrf = parent.get("/delegates").await.field("csrf");
    parent.post(&format!("/delegates/{}/act", made.id), &[("csrf", &csrf)]).await;
    // The question stands open while the resident answers one of their own.
    let open = parent.get(&town.pushed().await).await;
    assert_eq!(open.status, 200);
    let question = child.get(&town.pushed().await).await;
    assert_eq!(child.post(DECISION, &pairs(&yes(&question))).await.status, 303);
    let own = town.consent(taro).await.unwrap();

    let refused = parent.get(&town.pushed().await).await;
    assert_eq!(refused.status, 403, "{:?}", refused.location);
    assert!(refused.says("代わりにはできない手続きです"), "{}", refused.body);
    let answered = parent.post(DECISION, &pairs(&yes(&open))).await;
    assert_eq!(answered.status, 403, "{:?}", answered.location);
    let asked = json!({"data_classes": ["contact", "health-activity"]});
    let silent = town.pushed_as(Some(asked.clone()), &[("prompt", "none")]).await;
    let back = parent.get(&silent).await.location.unwrap();
    assert!(back.contains("error=consent_required"), "{back}");
    assert_eq!(town.consent(taro).await.unwrap(), own, "nothing was changed");

    // What they gave themselves lets them in again, and the resident too.
    let withdraw = format!("/consents/{}/withdraw", own.id);
    let csrf = child.get(&withdraw).await.field("csrf");
    assert!(child.post(&withdraw, &[("csrf", &csrf)]).await.status < 400);
    let question = parent.get(&town.pushed().await).await;
    let back = parent.post(DECISION, &pairs(&yes(&question))).await.location.unwrap();
    assert!(back.contains("code="), "{back}");
    for browser in [&mut parent, &mut child] {
        let silent = town.pushed_as(Some(asked.clone()), &[("prompt", "none")]).await;
        let back = browser.get(&silent).await.location.unwrap();
        assert!(back.contains("code="), "{back}");
    }
}

#[actix_web::test]
async fn a_form_does_nothing_for_another_than_the_one_for_whom_it_was_shown() {
    let town = Town::new().await;
    let (mut parent, mut child) = (town.browser().await, town.browser().await);
    parent.log_in("hanako", "/").await;
    child.log_in("taro", "/").await;
    let (hanako, taro) = (parent.tsuno_id().await, child.tsuno_id().await);
    let made = guardian(&town, taro, hanako, DelegationScope::Both, DAY).await;
    let act = format!("/delegates/{}/act", made.id);
    let expired = |seen: &Seen| seen.status == 403 && seen.says("画面の有効時間が切れました");

    // Shown for oneself, posted while acting.
    let own = parent.get(&town.pushed().await).await;
    let csrf = parent.get("/delegates").await.field("csrf");
    assert_eq!(parent.post(&act, &[("csrf", &csrf)]).await.status, 303);
    let answered = parent.post(DECISION, &pairs(&yes(&own))).await;
    assert!(expired(&answered), "{}", answered.body);
    // Shown while acting, posted as oneself.
    let question = parent.get(&town.pushed().await).await;
    assert!(question.says(BANNER));
    let acting = question.field("csrf");
    assert_eq!(parent.post("/delegates/myself", &[("csrf", &acting)]).await.status, 303);
    let answered = parent.post(DECISION, &pairs(&yes(&question))).await;
    assert!(expired(&answered), "{}", answered.body);
    let closing = parent.post("/account/close", &[("csrf", &acting)]).await;
    assert!(expired(&closing), "{}", closing.body);
    // Shown while acting, posted when that is over.
    let csrf = parent.get("/delegates").await.field("csrf");
    assert_eq!(parent.post(&act, &[("csrf", &csrf)]).await.status, 303);
    let by = Counter { actor: "client:desk", request: "r" };
    town.ledger.end_at_counter(&town.tenant, &by, &made.id).await.unwrap();
    let answered = parent.post(DECISION, &pairs(&yes(&question))).await;
    assert!(expired(&answered), "{}", answered.body);
    for nobody in [hanako, taro] {
        assert!(town.consent(nobody).await.is_none());
    }
    // Logging out is for whoever sits there.
    assert_eq!(parent.post("/logout", &[("csrf", &acting)]).await.status, 303);
}

#[actix_web::test]
async fn a_delegate_who_only_sees_decides_nothing_and_logs_in_nowhere() {
    let town = Town::new().await;
    let (mut parent, mut child) = (town.browser().await, town.browser().await);
    parent.log_in("hanako", "/").await;
    child.log_in("taro", "/").await;
    let question = child.get(&town.pushed().await).await;
    assert_eq!(child.post(DECISION, &pairs(&yes(&question))).await.status, 303);
    let (hanako, taro) = (parent.tsuno_id().await, child.tsuno_id().await);
    let made = guardian(&town, taro, hanako, DelegationScope::See, DAY).await;
    let csrf = parent.get("/delegates").await.field("csrf");
    parent.post(&format!("/delegates/{}/act", made.id), &[("csrf", &csrf)]).await;

    let address = format!("/consents/{}", town.consent(taro).await.unwrap().id);
    assert!(parent.get(&address).await.says("つのヘルスケア"));
    assert_eq!(parent.get("/access-log").await.status, 200);
    for end in ["withdraw", "pause", "resume", "confirm"] {
        let refused = parent.post(&format!("{address}/{end}"), &[("csrf", &csrf)]).await;
        assert_eq!(refused.status, 403, "{end}");
        assert!(refused.says("代わりにはできない手続きです"), "{end}");
    }
    // A service that was consented to already would let them in without a question.
    let login = parent.get(&town.pushed().await).await;
    assert_eq!(login.status, 403, "{:?}", login.location);
    // Each of the five is one entry, of whose delegation it was.
    let mut events = vec!["given".to_owned(), "delegation-made".to_owned()];
    events.extend(vec!["not-for-delegates".to_owned(); 5]);
    // All of one moment, so in no order.
    let mut on_record = town.events_on_record(taro).await;
    events.sort();
    on_record.sort();
    assert_eq!(on_record, events);
    // Back to oneself.
    assert_eq!(parent.post("/delegates/myself", &[("csrf", "x")]).await.status, 403);
    assert_eq!(parent.post("/delegates/myself", &[("csrf", &csrf)]).await.status, 303);
    assert!(!parent.get("/consents").await.says(BANNER));
}

#[actix_web::test]
async fn a_consent_that_nobody_used_for_a_month_is_suggested_for_withdrawal() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    let subject = browser.tsuno_id().await;
    let question = browser.get(&town.pushed().await).await;
    assert_eq!(browser.post(DECISION, &pairs(&yes(&question))).await.status, 303);
    let consent = town.consent(subject).await.unwrap();
    let suggestion = "使われていない同意";
    assert!(!browser.get("/access-log").await.says(suggestion));
    town.pass(30 * 86_400 - 1);
    browser.log_in("hanako", "/").await;
    assert!(!browser.get("/access-log").await.says(suggestion));
    town.pass(1);
    let page = browser.get("/access-log").await;
    assert!(page.says(suggestion), "{}", page.body);
    assert!(page.says(&format!("/consents/{}/withdraw", consent.id)));
    // One allowed use, and it is used for good.
    town.vendor(&consent.id, None).await.unwrap();
    assert!(!browser.get("/access-log").await.says(suggestion));
    town.pass(40 * 86_400);
    browser.log_in("hanako", "/").await;
    assert!(!browser.get("/access-log").await.says(suggestion));
}
