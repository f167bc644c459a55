//! Logging out, begun by a service (`OpenID` Connect RP-Initiated Logout 1.0).

use super::town::{BYE, Town};

const END: &str = "/oauth/end-session";
const CONFIRM: &str = "/oauth/end-session/confirm";
const QUESTION: &str = "都農ページからもログアウトしますか";
const DONE: &str = "ログアウトしました";
const REFUSED: &str = "ログアウトの依頼を受け付けられませんでした";
const SESSION: &str = "tsunagu-session";

fn address(parameters: &[(&str, &str)]) -> String {
    let query =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{END}?{query}")
}

/// A resident logs in to the town and to the service; gives the ID token that the service has.
macro_rules! logged_in {
    ($town:expr, $browser:expr, $who:literal) => {{
        $browser.log_in($who, "/").await;
        let back = $browser.get(&$town.pushed_as(None, &[]).await).await;
        $town.id_token(&back).await
    }};
}

#[actix_web::test]
async fn a_service_that_shows_the_residents_id_token_logs_them_out_and_has_them_back() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    let hint = logged_in!(town, browser, "hanako");
    // An ID token is a hint also when its time is over.
    town.pass(1_000);
    let asked = [
        ("id_token_hint", hint.as_str()),
        ("post_logout_redirect_uri", BYE),
        ("state", "the state"),
        ("client_id", "health"),
    ];
    let seen = browser.get(&address(&asked)).await;
    assert_eq!(seen.status, 303, "{}", seen.body);
    assert_eq!(seen.location.as_deref(), Some(format!("{BYE}&state=the+state").as_str()));
    assert_eq!(browser.cookie(SESSION), None);
    // Logged out already, it is the same.
    let seen = browser.get(&address(&asked)).await;
    assert_eq!(seen.location.as_deref(), Some(format!("{BYE}&state=the+state").as_str()));
    let hint = logged_in!(town, browser, "hanako");
    let seen = browser.get(&address(&[("id_token_hint", &hint)])).await;
    assert!(seen.status == 200 && seen.says(DONE), "{}", seen.body);
    assert_eq!(browser.cookie(SESSION), None);
}

#[actix_web::test]
async fn who_shows_nothing_or_somebody_else_has_the_resident_asked() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    let hint = logged_in!(town, browser, "hanako");
    let (signed, _) = hint.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", "A".repeat(86));
    browser.log_in("taro", "/").await;
    for (what, asked) in [
        ("nothing", vec![]),
        ("a name", vec![("client_id", "health"), ("post_logout_redirect_uri", BYE)]),
        (
            "another person",
            vec![("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE)],
        ),
        ("a forged token", vec![("id_token_hint", &forged), ("client_id", "health")]),
        ("no token", vec![("id_token_hint", "a.b.c")]),
        ("an unknown client", vec![("client_id", "nobody")]),
    ] {
        let seen = browser.get(&address(&asked)).await;
        assert_eq!(seen.status, 200, "{what}: {}", seen.body);
        assert!(seen.says(QUESTION) && seen.says("ログアウトしない"), "{what}: {}", seen.body);
        assert_eq!(
            seen.says("つのヘルスケア"),
            asked.iter().any(|(_, value)| *value == "health" || *value == hint)
        );
        assert!(browser.cookie(SESSION).is_some() && seen.cookies.is_empty(), "{what}");
    }
    let seen =
        browser.get(&address(&[("id_token_hint", &hint), ("post_logout_redirect_uri", BYE)])).await;
    assert!(seen.policy.contains("form-action 'self' https://health.example"), "{}", seen.policy);
    let (csrf, request) = (seen.field("csrf"), seen.field("request"));
    let guessed = browser.post(CONFIRM, &[("csrf", "guessed"), ("request", &request)]).await;
    assert_eq!(guessed.status, 403);
    assert!(browser.cookie(SESSION).is_some());
    let seen = browser.post(CONFIRM, &[("csrf", &csrf), ("request", &request)]).await;
    assert_eq!((seen.status, seen.location.as_deref()), (303, Some(BYE)));
    assert_eq!(browser.cookie(SESSION), None);
}

#[actix_web::test]
async fn a_request_that_is_not_right_sends_nobody_anywhere_and_ends_nothing() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    let hint = logged_in!(town, browser, "hanako");
    let hint = ("id_token_hint", hint.as_str());
    let back = |uri| ("post_logout_redirect_uri", uri);
    let long = "x".repeat(1025);
    for asked in [
        vec![hint, ("client_id", "other")],
        vec![back(BYE)],
        vec![back(BYE), ("client_id", "nobody")],
        vec![hint, back(BYE), ("state", &long)],
        vec![hint, back("https://health.example/bye")],
        vec![hint, back("https://health.example/callback")],
        vec![hint, back("https://health.example/bye?from=town&x=1")],
        vec![hint, back("https://HEALTH.example/bye?from=town")],
        vec![hint, back("https://health.example@evil.example/bye?from=town")],
        vec![hint, back("https://health.example/x/../bye?from=town")],
        vec![hint, back("https://evil.example/")],
        vec![hint, back("*")],
        vec![hint, hint],
        vec![("request", "made-up")],
    ] {
        let seen = browser.get(&address(&asked)).await;
        assert_eq!((seen.status, seen.location.as_deref()), (400, None), "{asked:?}");
        assert!(seen.says(REFUSED), "{asked:?}: {}", seen.body);
    }
    assert!(browser.cookie(SESSION).is_some());
    assert!(browser.get("/").await.says("花子"));
}

#[actix_web::test]
async fn another_site_can_log_nobody_out() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    let hint = logged_in!(town, browser, "hanako");
    // Forms of our own, sent by somebody else without the cookie of the session.
    let question =
        browser.get(&address(&[("client_id", "health"), ("post_logout_redirect_uri", BYE)])).await;
    let request = question.field("request");
    let forged = [("csrf", "x"), ("request", request.as_str())];
    for (path, fields) in [("/logout", &forged[..1]), (CONFIRM, &forged[..])] {
        let seen = browser.post_from_elsewhere(path, fields).await;
        assert!(!seen.cookies.iter().any(|name| name == SESSION), "{path} takes the cookie back");
        assert!(browser.get("/").await.says("花子"), "{path}");
    }
    // What the standard lets a service post comes without it too, and is looked at again with it.
    let sent = browser.post_from_elsewhere(END, &[("client_id", "health")]).await;
    let on = sent.location.unwrap();
    assert!(on.starts_with("/oauth/end-session?request="), "{on}");
    assert!(browser.get(&on).await.says(QUESTION));
    let shown = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE)];
    let sent = browser.post_from_elsewhere(END, &shown).await;
    let on = sent.location.unwrap();
    assert!(!on.contains("id_token") && !on.contains(&hint), "{on}");
    let seen = browser.get(&on).await;
    assert_eq!((seen.status, seen.location.as_deref()), (303, Some(BYE)));
    assert_eq!(browser.cookie(SESSION), None);
    // Ten minutes later nobody knows of it.
    town.pass(600);
    assert_eq!(browser.get(&on).await.status, 400);
}

#[actix_web::test]
async fn nobody_is_sent_on_for_who_shows_nothing() {
    let town = Town::new().await;
    let mut stranger = town.browser().await;
    let asked = [("client_id", "health"), ("post_logout_redirect_uri", BYE)];
    let seen = stranger.get(&address(&asked)).await;
    assert!(seen.status == 200 && seen.says(DONE), "{}", seen.body);
    assert!(seen.cookies.is_empty());
}
