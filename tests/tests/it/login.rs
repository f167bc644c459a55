//! Logging in through providers of every kind, as browsers do it.

use tsunagu_sandbox::story::{Browser, Page};
use url::Url;

use crate::support::Backend;
use crate::support::town::{Plan, Town};

fn at(town: &Town, path: &str) -> Url {
    town.base.join(path).unwrap()
}

/// Chooses a provider and fills in its form.
pub(crate) async fn log_in(
    town: &Town,
    browser: &mut Browser,
    to: &str,
    form: &[(&str, &str)],
) -> Page {
    let choice = browser.open(at(town, "/login")).await.unwrap();
    let page = browser.open(choice.link(&format!("/login/{to}")).unwrap()).await.unwrap();
    let asked = page.form("/").unwrap();
    browser.send(&page, &asked, form).await.unwrap()
}

/// The Tsuno ID on the home page.
async fn tsuno_id(town: &Town, browser: &mut Browser) -> Option<String> {
    let home = browser.open(at(town, "/")).await.unwrap();
    let (_, id) = home.body.split_once("<p class=\"id\">")?;
    Some(id.split_once('<').unwrap().0.to_owned())
}

#[tokio::test]
async fn the_digital_authentication_app_lets_residents_in_and_faults_keep_them_out() {
    let plan = Plan { people: true, daa: true, ..Plan::default() };
    let town = Town::start(Backend::Embedded, &plan).await;
    let mut browser = Browser::new();
    let card = [("persona", "hanako"), ("outcome", "ok")];
    for fault in ["duplicate_iss", "wrong_nonce", "alg_none", "exp_string", "userinfo_sub"] {
        let form = [&card[..], &[("fault", fault)]].concat();
        let page = log_in(&town, &mut browser, "daa", &form).await;
        assert_eq!(page.status, 400, "{fault}");
        assert!(page.body.contains("ログインできませんでした"), "{fault}: {}", page.body);
        assert_eq!(tsuno_id(&town, &mut browser).await, None, "{fault}");
    }
    let page = log_in(&town, &mut browser, "daa", &card).await;
    assert_eq!((page.status.as_u16(), page.url.path()), (200, "/"));
    assert!(tsuno_id(&town, &mut browser).await.is_some());
}

#[tokio::test]
async fn a_provider_that_others_wrote_works_unmodified_with_a_policy_of_its_own() {
    let plan = Plan { people: true, foreign: true, ..Plan::default() };
    let town = Town::start(Backend::Embedded, &plan).await;
    let mut browser = Browser::new();
    let page = log_in(&town, &mut browser, "foreign", &[("login", "hanako")]).await;
    assert_eq!((page.status.as_u16(), page.url.path()), (200, "/"), "{}", page.body);
    assert!(page.body.contains("都農 花子"));
    let first = tsuno_id(&town, &mut browser).await.unwrap();
    // From another browser, asked for her password again: the same id.
    let mut other = Browser::new();
    log_in(&town, &mut other, "foreign", &[("login", "hanako")]).await;
    assert_eq!(tsuno_id(&town, &mut other).await, Some(first));

    let mut weak = Browser::new();
    let page = log_in(&town, &mut weak, "foreign", &[("login", "taro")]).await;
    assert!(page.body.contains("もう一つ確認が必要です"), "{}", page.body);
    let mut away = Browser::new();
    let page = log_in(&town, &mut away, "foreign", &[("login", "jiro")]).await;
    assert!(page.body.contains("町民の方だけがご利用いただけます"), "{}", page.body);
    let mut gone = Browser::new();
    let page = log_in(&town, &mut gone, "foreign", &[("login", "nobody")]).await;
    assert!(page.body.contains("ログインを中止しました"), "{}", page.body);
}
