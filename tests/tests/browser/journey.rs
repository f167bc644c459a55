//! 花子's way through the pages: log in, connect a service, look who looked, withdraw, log out.

use anyhow::{Context as _, ensure};
use url::Url;

use crate::desk::desk;
use crate::driver::{Scripts, WebDriver};
use crate::page;

/// Where everything is.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    /// The gateway, with its pages.
    pub(crate) gateway: Url,
    /// The simulated xID.
    pub(crate) xid: Url,
    /// The healthcare app, a client of the gateway.
    pub(crate) vendor: Url,
}

impl Addresses {
    pub(crate) fn page(&self, path: &str) -> anyhow::Result<String> {
        Ok(self.gateway.join(path)?.into())
    }
}

/// Goes the whole way. Works with scripts on and off, in a browser that has not been here before; the resident `hanako` must have no
/// live consent for the app.
pub(crate) async fn journey(driver: &WebDriver, addresses: &Addresses) -> anyhow::Result<()> {
    let id = log_in(driver, addresses).await.context("logging in")?;
    connect(driver, addresses).await.context("connecting the app")?;
    look(driver, addresses).await.context("looking at one's pages")?;
    let (hall, case) = desk(driver, addresses, &id).await.context("at the town hall")?;
    told(driver, addresses, &case).await.context("being told of the town hall")?;
    withdraw(driver, addresses).await.context("withdrawing")?;
    leave(driver, addresses).await.context("logging out")?;
    try_the_api(driver, addresses).await.context("the API reference")?;

    let known = [&addresses.gateway, &addresses.xid, &addresses.vendor, &hall];
    let known = known.map(|url| url.origin().ascii_serialization());
    for origin in driver.asked_origins().await? {
        ensure!(known.contains(&origin), "something was asked of {origin}");
    }
    Ok(())
}

async fn main_text(driver: &WebDriver) -> anyhow::Result<String> {
    driver.text(&driver.one("main").await?).await
}

/// The page must say every one of these.
pub(crate) async fn says(driver: &WebDriver, texts: &[&str]) -> anyhow::Result<()> {
    let page = main_text(driver).await?;
    for text in texts {
        ensure!(page.contains(text), "{} does not say {text}:\n{page}", driver.url().await?.path());
    }
    Ok(())
}

/// Gives the Tsuno ID.
async fn log_in(driver: &WebDriver, addresses: &Addresses) -> anyhow::Result<String> {
    driver.open(&addresses.page("/")?).await?;
    page::check(driver).await?;
    driver.follow("main a.button[href='/login/xid']").await?;
    ensure!(
        driver.url().await?.origin() == addresses.xid.origin(),
        "the login does not lead to xID"
    );
    // Someone who changes their mind is told so, and can try again.
    driver.follow("button[value=cancelled]").await?;
    page::check(driver).await?;
    driver.follow("main a.button[href='/login']").await?;
    page::check(driver).await?;
    says(driver, &["xIDでログイン", "デジタル認証アプリでログイン"]).await?;
    driver.follow("main a.button[href='/login/xid']").await?;
    driver.click("#persona option[value=hanako]").await?;
    driver.follow("button[name=outcome][value=ok]").await?;
    ensure!(driver.url().await?.as_str() == addresses.page("/")?, "the login does not lead home");
    page::check(driver).await?;
    says(driver, &["都農 花子", "つながっているサービス", "だれが見たか", "つのコイン"]).await?;
    let id = driver.text(&driver.one("p.id").await?).await?;
    ensure!(id.split('-').count() == 7, "the Tsuno ID is not shown in groups: {id}");
    Ok(id)
}

async fn connect(driver: &WebDriver, addresses: &Addresses) -> anyhow::Result<()> {
    driver.open(addresses.vendor.join("/login")?.as_str()).await?;
    ensure!(
        driver.url().await?.path() == "/oauth/authorize",
        "the app does not lead to the question but to {}",
        driver.url().await?
    );
    page::check(driver).await?;
    says(driver, &["つのヘルスケア", "お名前とご住所", "歩数", "何のために", "同意しないと"])
        .await?;
    ensure!(
        !main_text(driver).await?.contains("都農 花子"),
        "values are shown before they are asked for"
    );
    driver.click("details summary").await?;
    says(driver, &["都農 花子"]).await?;
    ensure!(
        driver.all("main input[type=checkbox]:checked").await?.is_empty(),
        "something is ticked"
    );
    driver.follow("button[name=decision][value=give]").await?;
    ensure!(
        driver.url().await?.origin() == addresses.vendor.origin(),
        "agreeing does not lead back to the app but to {}",
        driver.url().await?
    );
    // The app reads the resident's name under the consent.
    driver.open(addresses.vendor.join("/me")?.as_str()).await?;
    Ok(())
}

async fn look(driver: &WebDriver, addresses: &Addresses) -> anyhow::Result<()> {
    for (path, texts) in [
        ("/consents", ["つのヘルスケア", "同意しています"]),
        ("/access-log", ["つのヘルスケアが、", "見ました。"]),
        ("/coins", ["つのコイン", "コイン"]),
        ("/developers", ["/oauth/par", "/ngsi-ld/v1"]),
    ] {
        driver.open(&addresses.page(path)?).await?;
        page::check(driver).await.with_context(|| path.to_owned())?;
        says(driver, &texts).await?;
    }
    driver.open(&addresses.page("/no-such-page")?).await?;
    page::check(driver).await?;
    driver.open(&addresses.page("/consents?lang=en")?).await?;
    page::check(driver).await?;
    says(driver, &["Connected services", "Tsuno Healthcare"]).await?;
    driver.follow(".lang a").await?;
    says(driver, &["つながっているサービス"]).await
}

/// Who of the town hall looked, why, and in which case.
async fn told(driver: &WebDriver, addresses: &Addresses, case: &str) -> anyhow::Result<()> {
    driver.open(&addresses.page("/access-log")?).await?;
    page::check(driver).await?;
    says(driver, &["役場の職員が、", "ご本人からの問い合わせ", case]).await
}

async fn withdraw(driver: &WebDriver, addresses: &Addresses) -> anyhow::Result<()> {
    driver.open(&addresses.page("/consents")?).await?;
    driver.follow("#group-1 ~ ul li:first-child h3 a").await?;
    page::check(driver).await?;
    says(driver, &["同意の控え", "お名前とご住所"]).await?;
    driver.follow("main a.button[href$='/withdraw']").await?;
    page::check(driver).await?;
    says(driver, &["すぐに止まること", "相手が消すこと"]).await?;
    driver.follow("main form button[type=submit]").await?;
    page::check(driver).await?;
    says(driver, &["同意をやめました"]).await?;
    ensure!(driver.all("main a[href$='/withdraw']").await?.is_empty(), "it can be withdrawn again");
    Ok(())
}

async fn leave(driver: &WebDriver, addresses: &Addresses) -> anyhow::Result<()> {
    driver.follow("nav form button").await?;
    ensure!(driver.url().await?.as_str() == addresses.page("/")?, "logging out does not lead home");
    ensure!(!main_text(driver).await?.contains("花子"), "the name is still shown");
    driver.open(&addresses.page("/access-log")?).await?;
    page::check(driver).await?;
    says(driver, &["ログインしてください"]).await
}

/// The one page that needs scripts: with them it lists the operations, without them it still says where the document is.
async fn try_the_api(driver: &WebDriver, addresses: &Addresses) -> anyhow::Result<()> {
    driver.open(&addresses.page("/docs")?).await?;
    driver.one("main > p a[href='/openapi.json']").await?;
    match driver.scripts {
        Scripts::On => driver.until("#swagger-ui .opblock").await,
        Scripts::Off => {
            let drawn = driver.all("#swagger-ui *").await?;
            ensure!(drawn.is_empty(), "scripts run although they are switched off");
            Ok(())
        }
    }
}
