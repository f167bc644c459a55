//! A member of staff in the same browser: logs in at the town hall, opens a case about 花子, looks, closes it.

use anyhow::{Context as _, ensure};
use url::Url;

use crate::driver::WebDriver;
use crate::journey::{Addresses, says};
use crate::page;

/// Goes the way of the counter, about the resident of this Tsuno ID. Gives the address of the town hall's provider and the number of the case.
pub(crate) async fn desk(
    driver: &WebDriver,
    addresses: &Addresses,
    id: &str,
) -> anyhow::Result<(Url, String)> {
    driver.open(&addresses.page("/staff")?).await?;
    page::check(driver).await.context("/staff")?;
    driver.follow("main a.button[href^='/staff/login/']").await?;
    let hall = driver.url().await?;
    driver.click("#persona option[value=th-1001]").await?;
    driver.follow("button[name=outcome][value=ok]").await?;
    page::check(driver).await.context("/staff, logged in")?;
    says(driver, &["kato としてログインしています", "窓口"]).await?;

    driver.follow("nav a[href='/staff/cases']").await?;
    page::check(driver).await.context("/staff/cases")?;
    driver.follow("main a[href$='kind=search']").await?;
    page::check(driver).await.context("a search")?;
    says(driver, &["ほかの職員の承認"]).await?;
    driver.open(&addresses.page("/staff/cases/new?kind=resident")?).await?;
    page::check(driver).await.context("a new case")?;
    driver.write("#field-tsunoId", id).await?;
    driver.write("#note", "窓口に来られた").await?;
    driver.follow("main form button[type=submit]").await?;
    page::check(driver).await.context("the case")?;
    let case = driver.url().await?.path().rsplit('/').next().unwrap_or_default().to_owned();
    says(driver, &[&case, "ご本人からの問い合わせ"]).await?;
    driver.follow("main form[action$='/read'] button").await?;
    page::check(driver).await.context("what is seen")?;
    says(driver, &["都農 花子"]).await?;
    driver.follow("p.back a").await?;
    driver.follow("main form[action$='/close'] button").await?;
    says(driver, &["終了"]).await?;

    // What is others' work is not shown, and refused where it is asked for.
    ensure!(driver.all("nav a[href='/staff/clients']").await?.is_empty(), "clients are shown");
    driver.open(&addresses.page("/staff/clients")?).await?;
    page::check(driver).await.context("a refusal")?;
    says(driver, &["この操作はできません"]).await?;
    driver.open(&addresses.page("/staff")?).await?;
    driver.follow("nav form button").await?;
    says(driver, &["町役場の認証基盤でログイン"]).await?;
    Ok((hall, case))
}
