//! Where an authorization request can lead a browser: to its registered address, or nowhere.

use super::town::{CALLBACK, Town};

#[actix_web::test]
async fn t11_no_address_in_the_request_leads_a_browser_anywhere_but_home() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    browser.log_in("hanako", "/").await;
    let variants = [
        "https://evil.example/",
        "https://health.example/callback/x",
        "https://health.example/*",
        "https://health.example/x/../callback",
        "https://health.example/x/%2e%2e/callback",
        "https://health.example@evil.example/callback",
        "https://health.example:8443/callback",
        "https://health.example/callback#x",
        "https://HEALTH.example/callback",
        CALLBACK,
    ];
    for uri in variants {
        let asked = |name: &str, request_uri: &str| {
            url::form_urlencoded::Serializer::new(String::new())
                .append_pair("client_id", "health")
                .append_pair("response_type", "code")
                .append_pair(name, request_uri)
                .append_pair("redirect_uri", uri)
                .finish()
        };
        // Without a pushed request there is a page that says so, and nothing to follow.
        for query in [
            asked("scope", "openid"),
            asked("request_uri", "urn:ietf:params:oauth:request_uri:x"),
            asked("request_uri", uri),
        ] {
            let seen = browser.get(&format!("/oauth/authorize?{query}")).await;
            assert_eq!((seen.status, seen.location.as_deref()), (400, None), "{query}");
            assert!(
                seen.says("このサービスとつなげませんでした") && !seen.says("=\"https://evil"),
                "{query}"
            );
        }
        // With one, what was pushed counts and what stands in the address does not.
        let page = town.pushed_as(None, &[]).await;
        let extra = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("redirect_uri", uri)
            .append_pair("state", "another")
            .finish();
        let location = browser.get(&format!("{page}&{extra}")).await.location.unwrap();
        assert!(location.starts_with(&format!("{CALLBACK}?code=")), "{location}");
        assert!(
            location.contains("state=the-state") && !location.contains("another"),
            "{location}"
        );
    }
}

#[actix_web::test]
async fn t10_what_was_pushed_is_in_no_cookie_page_or_address() {
    let town = Town::new().await;
    let mut browser = town.browser().await;
    let page = town.pushed_as(None, &[("nonce", "canary-of-the-nonce"), ("prompt", "login")]).await;
    let canaries = ["canary-of-the-nonce", "the-state", "openid"];
    let sent = browser.get(&page).await;
    let login = sent.location.unwrap();
    let begun = browser.get(&login).await.location.unwrap();
    for canary in canaries {
        assert!(!login.contains(canary) && !begun.contains(canary), "{canary}");
    }
    let back = browser.log_in("hanako", &page).await;
    assert_eq!(back.location.as_deref(), Some(page.as_str()));
    let question = browser.get(&town.pushed().await).await;
    for canary in canaries {
        assert!(!question.says(canary), "{canary} in the page");
        assert!(!browser.cookies().contains(canary), "{canary} in a cookie");
    }
    assert!(!browser.cookies().contains("request_uri"));
}
