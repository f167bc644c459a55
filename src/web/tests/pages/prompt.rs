//! What a client asks of the login and of the resident's attention (`prompt`, `max_age`, `acr_values`).

use serde_json::json;

use super::town::{CALLBACK, Seen, Town};

/// The answer to the client, as the address to which the browser is sent says it.
fn answer(seen: &Seen) -> String {
    assert_eq!(seen.status, 303, "{}", seen.body);
    let location = seen.location.as_deref().unwrap();
    let query =
        location.strip_prefix(&format!("{CALLBACK}?")).unwrap_or_else(|| panic!("{location}"));
    assert!(query.contains("state=the-state") && query.contains("iss="), "{query}");
    query.split('&').next().unwrap().to_owned()
}

fn code(seen: &Seen) -> bool {
    answer(seen).starts_with("code=")
}

fn data() -> serde_json::Value {
    json!({"data_classes": ["contact"]})
}

#[actix_web::test]
async fn prompt_none_shows_no_page_whatever_is_missing() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    let silent = &[("prompt", "none")][..];
    let stranger = browser.get(&town.pushed_as(None, silent).await).await;
    assert_eq!(answer(&stranger), "error=login_required");
    let mut weak = town.browser().await;
    weak.log_in("weak", "/").await;
    let seen = weak.get(&town.pushed_as(None, silent).await).await;
    assert_eq!(answer(&seen), "error=interaction_required");

    browser.log_in("hanako", "/").await;
    assert!(code(&browser.get(&town.pushed_as(None, silent).await).await));
    let asked = browser.get(&town.pushed_as(Some(data()), silent).await).await;
    assert_eq!(answer(&asked), "error=consent_required");
    let question = browser.get(&town.pushed_as(Some(data()), &[]).await).await;
    assert!(code(&browser.press(&question, "give").await));
    // The consent outlives the five minutes in which one can be given.
    town.pass(600);
    assert!(code(&browser.get(&town.pushed_as(Some(data()), silent).await).await));
    let stale = [("prompt", "none"), ("max_age", "60")];
    let seen = browser.get(&town.pushed_as(None, &stale).await).await;
    assert_eq!(answer(&seen), "error=login_required");
    let strong = [("prompt", "none"), ("acr_values", "urn:tsunagu:acr:3")];
    let seen = browser.get(&town.pushed_as(None, &strong).await).await;
    assert_eq!(answer(&seen), "error=login_required");
    // Each request is answered once.
    let page = town.pushed_as(None, silent).await;
    assert!(code(&browser.get(&page).await));
    assert_eq!(browser.get(&page).await.status, 400);
}

#[actix_web::test]
async fn prompt_login_and_max_age_lead_through_a_login_that_is_told_to_be_new() {
    let town = Town::new().await;
    for asked in [("prompt", "login"), ("max_age", "0")] {
        let mut browser = town.browser().await;
        browser.log_in("hanako", "/").await;
        town.pass(1);
        let page = town.pushed_as(None, &[asked]).await;
        let sent = browser.get(&page).await;
        let login = sent.location.unwrap();
        assert!(login.starts_with("/login/xid?return_to=%2Foauth%2Fauthorize"), "{login}");
        assert!(login.ends_with("&anew=true"), "{login}");
        let begun = browser.get(&login).await.location.unwrap();
        assert!(begun.contains("anew=true"), "the provider is not told: {begun}");
        // Coming back without it changes nothing.
        assert_eq!(browser.get(&page).await.status, 303);
        let back = browser.log_in("hanako", &page).await;
        assert_eq!(back.location.as_deref(), Some(page.as_str()));
        assert!(code(&browser.get(&page).await), "{asked:?}");
    }
}

#[actix_web::test]
async fn t28_a_level_that_no_login_here_reaches_is_an_error_and_no_loop() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    town.pass(1);
    let page = town.pushed_as(None, &[("acr_values", "urn:tsunagu:acr:3")]).await;
    assert!(browser.get(&page).await.location.unwrap().starts_with("/login/xid"));
    // The provider vouches at level 2, as it always does.
    browser.log_in("hanako", &page).await;
    assert_eq!(answer(&browser.get(&page).await), "error=unmet_authentication_requirements");
    let page = town.pushed_as(Some(data()), &[("acr_values", "urn:elsewhere:gold")]).await;
    assert_eq!(answer(&browser.get(&page).await), "error=unmet_authentication_requirements");
    let page = town.pushed_as(None, &[("acr_values", "urn:tsunagu:acr:2")]).await;
    assert!(code(&browser.get(&page).await));
}

#[actix_web::test]
async fn prompt_consent_asks_again_and_the_new_answer_counts() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    let subject = browser.tsuno_id().await;
    let question = browser.get(&town.pushed_as(Some(data()), &[]).await).await;
    assert!(code(&browser.press(&question, "give").await));
    let first = town.consent(subject).await.unwrap().id;
    town.pass(1);
    assert!(code(&browser.get(&town.pushed_as(Some(data()), &[]).await).await));
    let again = [("prompt", "consent")];
    let question = browser.get(&town.pushed_as(Some(data()), &again).await).await;
    assert_eq!(question.status, 200);
    assert_eq!(answer(&browser.press(&question, "refuse").await), "error=access_denied");
    // To refuse to say it once more takes nothing back.
    assert!(town.vendor(&first, None).await.is_ok());
    town.pass(1);
    let question = browser.get(&town.pushed_as(Some(data()), &again).await).await;
    assert!(code(&browser.press(&question, "give").await));
    let second = town.consent(subject).await.unwrap();
    assert_ne!(second.id, first);
    assert!(town.vendor(&second.id, None).await.is_ok());
    assert!(town.vendor(&first, None).await.is_err(), "the earlier one is superseded");
}

#[actix_web::test]
async fn a_decision_in_a_session_that_is_not_what_was_asked_decides_nothing() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    let subject = browser.tsuno_id().await;
    let question = browser.get(&town.pushed_as(Some(data()), &[]).await).await;
    town.pass(1);
    // The page of one request, answered for another that asks for a new login.
    let page = town.pushed_as(Some(data()), &[("prompt", "login")]).await;
    browser.get(&page).await;
    let other = page.split("request_uri=").nth(1).unwrap().replace("%3A", ":");
    let body = question.body.replace(&question.field("request_uri"), &other);
    let seen = browser.press(&Seen { body, ..question }, "give").await;
    assert!(seen.says("もう一度ログインしてください"), "{}", seen.body);
    assert_eq!(town.consent(subject).await, None);
}
