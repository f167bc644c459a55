//! What must hold on every page of ours, whoever looks at it and with what.

use anyhow::ensure;

use crate::driver::WebDriver;

/// A narrow telephone, or a desktop at 400 %: WCAG 2.2, criterion 1.4.10.
const NARROW: u32 = 320;
const WIDE: u32 = 1280;

/// Checks the page that is open. Leaves the browser at its usual width.
pub(crate) async fn check(driver: &WebDriver) -> anyhow::Result<()> {
    let at = driver.url().await?.path().to_owned();
    let count = async |css: &str| -> anyhow::Result<usize> { Ok(driver.all(css).await?.len()) };

    let html = driver.one("html").await?;
    let lang = driver.attribute(&html, "lang").await?;
    ensure!(matches!(lang.as_deref(), Some("ja" | "en")), "{at}: lang is {lang:?}");
    ensure!(driver.title().await?.contains(" | "), "{at}: no title of its own");
    let h1 = driver.one("h1").await?;
    ensure!(!driver.text(&h1).await?.is_empty(), "{at}: the heading is empty");
    driver.one("main#main").await?;
    driver.one("a.skip[href='#main']").await?;
    driver.one("header a[href^='tel:']").await?;

    for css in
        ["a[href]", "button", "input:not([type=hidden])", "select", "textarea", "nav", "form"]
    {
        for element in driver.all(css).await? {
            ensure!(
                !driver.label(&element).await?.is_empty() || css == "form",
                "{at}: {css} without a name"
            );
        }
    }
    for css in ["img:not([alt])", "[style]", "style", "script:not([src])", "[onclick]", "iframe"] {
        ensure!(count(css).await? == 0, "{at}: there is {css}");
    }

    driver.set_width(NARROW).await?;
    let width = driver.content_width().await?;
    driver.set_width(WIDE).await?;
    ensure!(width <= f64::from(NARROW), "{at}: {width} px wide on a screen of {NARROW} px");
    Ok(())
}
