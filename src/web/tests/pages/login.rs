//! Logging in and out, and the pages for those who could not.

use super::town::Town;

#[actix_web::test]
async fn a_resident_logs_in_is_greeted_and_logs_out() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    let before = browser.get("/").await;
    assert!(before.says("href=\"/login/xid\""));
    assert!(!before.says("花子"));
    let back = browser.log_in("hanako", "/coins").await;
    assert_eq!((back.status, back.location.as_deref()), (303, Some("/coins")));
    assert_eq!(browser.cookie("tsunagu-login"), None);
    let home = browser.get("/").await;
    assert!(home.says("都農 花子"), "{}", home.body);
    let csrf = home.field("csrf");
    let refused = browser.post("/logout", &[("csrf", "guessed")]).await;
    assert_eq!(refused.status, 403);
    assert!(browser.get("/").await.says("花子"));
    let out = browser.post("/logout", &[("csrf", &csrf)]).await;
    assert_eq!((out.status, out.location.as_deref()), (303, Some("/")));
    assert!(!browser.get("/").await.says("花子"));
}

#[actix_web::test]
async fn who_cannot_log_in_is_told_why_and_gets_no_session() {
    let town = Town::new().await;
    for (code, status, title) in [
        ("jiro", 403, "町民の方だけがご利用いただけます"),
        ("counter", 403, "窓口で確認します"),
        ("nonsense", 400, "ログインできませんでした"),
    ] {
        let mut browser = town.browser().await;
        let seen = browser.log_in(code, "/").await;
        assert_eq!(seen.status, status, "{code}");
        assert!(seen.says(title) && seen.says("request-1"), "{code}: {}", seen.body);
        assert_eq!(browser.cookie("tsunagu-session"), None, "{code}");
    }
    let mut browser = town.browser().await;
    let begun = browser.get("/login/xid").await.location.unwrap();
    let state = begun.split_once("state=").unwrap().1;
    let cancelled =
        browser.get(&format!("/login/xid/callback?error=access_denied&state={state}")).await;
    assert!(cancelled.says("ログインを中止しました") && cancelled.says("login"));
    assert!(!cancelled.says("access_denied"));
    let foreign = browser.get("/login/xid/callback?code=hanako&state=made-up").await;
    assert_eq!(foreign.status, 400);
    assert!(foreign.says("ログインの時間が切れました"));
}

#[actix_web::test]
async fn a_login_leads_to_no_other_site() {
    let town = Town::new().await;
    for target in ["https://evil.example/", "//evil.example", "/\\evil.example"] {
        let mut browser = town.browser().await;
        let back = browser.log_in("hanako", target).await;
        assert_eq!(back.location.as_deref(), Some("/"), "{target}");
    }
}

#[actix_web::test]
async fn pages_about_oneself_need_a_login_that_is_strong_enough() {
    let town = Town::new().await;
    let mut stranger = town.browser().await;
    let mut weak = town.browser().await;
    weak.log_in("weak", "/").await;
    for page in ["/consents", "/consents/x", "/access-log", "/coins"] {
        let seen = stranger.get(page).await;
        assert_eq!(seen.status, 403, "{page}");
        assert!(seen.says("ログインしてください") && seen.says("return_to"), "{page}");
        let seen = weak.get(page).await;
        assert_eq!(seen.status, 403, "{page}");
        assert!(seen.says("もう一つ確認が必要です"), "{page}: {}", seen.body);
    }
}

#[actix_web::test]
async fn the_language_is_chosen_once_and_kept() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    assert!(browser.get("/").await.says("<html lang=\"ja\">"));
    assert!(browser.get("/?lang=en").await.says("<html lang=\"en\">"));
    assert!(browser.get("/developers").await.says("<html lang=\"en\">"));
    let missing = browser.get("/no/such/page").await;
    assert_eq!(missing.status, 404);
    assert!(missing.says("Page not found") && missing.policy.contains("frame-ancestors 'none'"));
}

#[actix_web::test]
async fn what_cannot_be_taken_back_needs_a_login_of_the_last_five_minutes() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    let id = browser.tsuno_id().await;
    let page = browser.get("/account/close").await;
    let csrf = page.field("csrf");
    town.pass(301);
    for path in ["/account", "/account/close"] {
        let stale = browser.get(path).await;
        assert_eq!(stale.status, 403, "{path}");
        assert!(stale.says("もう一度ログインしてください"), "{path}: {}", stale.body);
    }
    let stale = browser.post("/account/close", &[("csrf", &csrf)]).await;
    assert!(stale.says("もう一度ログインしてください"), "{}", stale.body);
    assert_eq!(browser.tsuno_id().await, id);

    browser.log_in("hanako", "/").await;
    let csrf = browser.get("/account/close").await.field("csrf");
    let closed = browser.post("/account/close", &[("csrf", &csrf)]).await;
    assert!(closed.says("都農IDをやめました"), "{}", closed.body);
    assert!(!closed.says("logout"), "nobody is logged in any more");
    assert_eq!(browser.get("/account").await.status, 403);
}
