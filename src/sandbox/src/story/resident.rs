//! The resident's side of the story, in a browser.

use url::Url;

use super::browser::{Browser, Page};
use super::{Told, World, ensure};

#[expect(clippy::disallowed_methods, reason = "an outsider's own client")]
pub(super) fn plain_client() -> reqwest::Client {
    reqwest::Client::new()
}

fn at(base: &Url, path: &str) -> Result<Url, String> {
    base.join(path).map_err(|_| format!("no address for {path}"))
}

/// From "log in" to where デジタル認証アプリ sends the browser back, as one person.
async fn daa_login(world: &World, browser: &mut Browser, persona: &str) -> Result<Page, String> {
    let choice = browser.open(at(&world.gateway, "/login")?).await?;
    let page = browser.open(choice.link("/login/daa")?).await?;
    ensure(page.url.as_str().starts_with(world.daa.as_str()), || {
        format!("the login did not lead to the app but to {}", page.url.path())
    })?;
    let form = page.form("/openid-connect/auth")?;
    browser.send(&page, &form, &[("persona", persona), ("outcome", "ok")]).await
}

/// From "log in" to where xID sends the browser back, as one persona.
async fn login(
    world: &World,
    browser: &mut Browser,
    persona: &str,
    outcome: &str,
) -> Result<Page, String> {
    let page = browser.open(at(&world.gateway, "/login/xid")?).await?;
    ensure(page.url.as_str().starts_with(world.xid.as_str()), || {
        format!("the login did not lead to xID but to {}", page.url.path())
    })?;
    let form = page.form("/oauth2/auth")?;
    browser.send(&page, &form, &[("persona", persona), ("outcome", outcome)]).await
}

/// The Tsuno ID that the home page shows: seven groups with hyphens.
fn tsuno_id(page: &Page) -> Result<String, String> {
    let text = page.text();
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let mut ids = words.filter(|word| {
        let groups: Vec<&str> = word.split('-').collect();
        groups.len() == 7
            && groups.iter().take(6).all(|g| g.len() == 4)
            && groups
                .iter()
                .all(|g| g.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()))
    });
    let id = ids.next().map(str::to_owned);
    id.ok_or_else(|| format!("{} ({}) shows no Tsuno ID", page.url.path(), page.status.as_u16()))
}

/// Logs 都農 花子 in and gives the Tsuno ID that the home page shows.
pub async fn first_login(world: &World, browser: &mut Browser) -> Told {
    logs_in(world, browser, "hanako").await
}

/// Logs a person of the town in and gives the Tsuno ID that the home page shows.
pub async fn logs_in(world: &World, browser: &mut Browser, persona: &str) -> Told {
    let page = login(world, browser, persona, "ok").await?;
    ensure(page.status.is_success(), || format!("the login ended with {}", page.status))?;
    let home = browser.open(at(&world.gateway, "/")?).await?;
    tsuno_id(&home)
}

pub(super) async fn other_login(world: &World, before: &str) -> Told {
    let mut browser = Browser::new();
    let page = daa_login(world, &mut browser, "hanako").await?;
    ensure(tsuno_id(&page)? == before, || "another provider gave another Tsuno ID".to_owned())?;
    Ok("by card, with name, address, birth date and gender as claims".to_owned())
}

pub(super) async fn same_again(world: &World, before: &str) -> Told {
    let mut phone = Browser::new();
    let again = first_login(world, &mut phone).await?;
    ensure(again == before, || "another device got another Tsuno ID".to_owned())?;
    Ok("from another device too".to_owned())
}

pub(super) async fn non_resident(world: &World, browser: &mut Browser) -> Told {
    let page = login(world, browser, "jiro", "ok").await?;
    ensure(tsuno_id(&page).is_err(), || "a non-resident got a Tsuno ID".to_owned())?;
    ensure(page.body.contains("都農町"), || {
        "the page does not say which town is meant".to_owned()
    })?;
    let home = browser.open(at(&world.gateway, "/")?).await?;
    ensure(tsuno_id(&home).is_err(), || "a non-resident is logged in".to_owned())?;
    Ok(format!("told so with status {}", page.status.as_u16()))
}

pub(super) async fn cancelled(world: &World) -> Told {
    let mut browser = Browser::new();
    let page = login(world, &mut browser, "taro", "cancelled").await?;
    ensure(!page.body.contains("access_denied"), || "a raw protocol error is shown".to_owned())?;
    page.link("/login")?;
    Ok("told so, with a way to try again".to_owned())
}

pub(super) async fn connect(world: &World, browser: &mut Browser) -> Told {
    let page = browser.open(at(&world.vendor, "/login")?).await?;
    ensure(page.url.as_str().starts_with(world.gateway.as_str()), || {
        format!("the app did not lead to the consent page but to {}", page.url.path())
    })?;
    for text in ["つのヘルスケア", "歩数", "同意します", "同意しません"] {
        ensure(page.body.contains(text), || format!("the consent page does not say {text}"))?;
    }
    let form = page.form("/oauth/authorize/decision")?;
    let back = browser.send(&page, &form, &[("decision", "give")]).await?;
    ensure(back.url.as_str().starts_with(world.vendor.as_str()), || {
        format!("the decision led to {} ({})", back.url.path(), back.status)
    })?;
    let (_, session) =
        browser.json(reqwest::Method::GET, at(&world.vendor, "/session")?, None).await?;
    ensure(session["logged_in"] == true, || "the app is not logged in".to_owned())?;
    Ok("authorization code with PAR and PKCE; the app sees a pairwise id".to_owned())
}

pub(super) async fn sees(world: &World, browser: &mut Browser) -> Told {
    for (path, texts) in [
        ("/consents", ["つのヘルスケア", "健康"]),
        ("/access-log", ["つのヘルスケア", "住所"]),
        ("/coins", ["10", "コイン"]),
    ] {
        let page = browser.open(at(&world.gateway, path)?).await?;
        for text in texts {
            ensure(page.body.contains(text), || {
                format!("{path} ({}) does not show {text}", page.status)
            })?;
        }
    }
    Ok("on three pages, in Japanese".to_owned())
}

/// Withdraws the first consent on the list, as a person finds it.
pub async fn withdraws(world: &World, browser: &mut Browser) -> Told {
    let list = browser.open(at(&world.gateway, "/consents")?).await?;
    let detail = browser.open(list.link("/consents/")?).await?;
    // Two taps: the first may lead to a page that says what stops.
    let mut page = match detail.form("/withdraw") {
        Ok(form) => browser.send(&detail, &form, &[]).await?,
        Err(_) => browser.open(detail.link("/withdraw")?).await?,
    };
    if let Ok(form) = page.form("/withdraw") {
        page = browser.send(&page, &form, &[]).await?;
    }
    ensure(page.status.is_success(), || format!("withdrawing was answered {}", page.status))?;
    Ok("two taps".to_owned())
}
