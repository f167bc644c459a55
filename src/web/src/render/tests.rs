use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::pages::access_log::AccessLogPage;
use crate::pages::account::{AccountPage, ClosePage};
use crate::pages::authorize::{AuthorizePage, Notice};
use crate::pages::coins::{AppealPage, CoinsPage};
use crate::pages::consents::{
    ConsentPage, ConsentsPage, NoticePage, RenewPage, RenewalNotice, WithdrawPage,
};
use crate::pages::delegates::DelegatesPage;
use crate::pages::developers::{DevelopersPage, DocsPage};
use crate::pages::end_session::EndSessionPage;
use crate::pages::error::MessagePage;
use crate::pages::home::HomePage;
use crate::pages::login::LoginPage;
use crate::pages::share::{CodePage, ConfirmPage, SharePage};
use crate::pages::staff::appeals::StaffAppealsPage;
use crate::pages::staff::cases::{StaffCasePage, StaffCasesPage, StaffOpenPage, StaffReadPage};
use crate::pages::staff::clients::{StaffApplyPage, StaffClientPage, StaffClientsPage};
use crate::pages::staff::home::StaffHomePage;
use crate::pages::staff::imports::decisions::StaffImportDecisionsPage;
use crate::pages::staff::imports::upload::StaffImportUploadPage;
use crate::pages::staff::imports::{StaffImportPage, StaffImportQueuePage, StaffImportsPage};
use crate::pages::staff::queue::StaffQueuePage;

const LANGUAGES: [Lang; 2] = [Lang::Ja, Lang::En];

fn frame(lang: Lang, path: &str, signed_in: bool) -> Frame {
    Frame {
        lang,
        town: if lang == Lang::Ja { "都農町" } else { "Tsuno Town" }.to_owned(),
        phone: "0983-00-0000".to_owned(),
        hours: if lang == Lang::Ja { "平日 8:30〜17:15" } else { "Weekdays 8:30–17:15" }.to_owned(),
        in_ja: format!("{path}?lang=ja"),
        in_en: format!("{path}?lang=en"),
        path: path.to_owned(),
        acting: None,
        csrf: signed_in.then(|| "secret-of-the-session".to_owned()),
        staff: None,
    }
}

fn staff_frame(lang: Lang, path: &str, signed_in: bool) -> Frame {
    Frame { staff: Some(StaffFrame::sample(signed_in)), ..frame(lang, path, signed_in) }
}

/// Every page with every sample, as name and HTML, and the keys of the texts that were shown.
fn rendered(lang: Lang) -> (Vec<(String, String)>, BTreeSet<String>) {
    let shown = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = Arc::clone(&shown);
    let note = move |key: &str| {
        noted.lock().unwrap().insert(key.to_owned());
    };
    let renderer = Renderer::with(Texts::embedded().unwrap(), note).unwrap();
    let mut pages = Vec::new();
    macro_rules! show {
        ($path:literal, $signed_in:literal, $samples:expr) => {
            for (name, page) in $samples {
                let html = renderer.page(&frame(lang, $path, $signed_in), &page);
                pages.push((name.to_owned(), html.unwrap_or_else(|e| panic!("{name}: {e:#}"))));
            }
        };
    }
    let mut homes = HomePage::samples();
    show!("/", true, homes.split_off(1));
    show!("/", false, homes);
    show!("/login", false, LoginPage::samples());
    show!("/elsewhere", false, MessagePage::samples());
    let notices: Vec<String> = Notice::samples(lang)
        .iter()
        .map(|notice| renderer.fragment(lang, notice).unwrap())
        .collect();
    let renewals: Vec<String> = RenewalNotice::samples(lang)
        .iter()
        .map(|notice| renderer.fragment(lang, notice).unwrap())
        .collect();
    show!("/oauth/authorize", true, AuthorizePage::samples(notices.last().unwrap()));
    show!("/consents", true, ConsentsPage::samples(lang));
    show!("/consents/0e1b", true, ConsentPage::samples(lang));
    show!("/consents/0e1b/notice", true, NoticePage::samples(lang, notices.last().unwrap()));
    show!("/consents/0e1b/renew", true, RenewPage::samples(renewals.last().unwrap()));
    show!("/consents/0e1b/withdraw", true, WithdrawPage::samples());
    show!("/delegates", true, DelegatesPage::samples(lang));
    let acting =
        Frame { acting: Some("都農 太郎".to_owned()), ..frame(lang, "/consents", true) };
    for (name, page) in ConsentsPage::samples(lang) {
        pages.push((format!("{name}-acting"), renderer.page(&acting, &page).unwrap()));
    }
    show!("/share", true, SharePage::samples(lang));
    show!("/share", true, ConfirmPage::samples());
    show!("/share", true, CodePage::samples());
    show!("/access-log", true, AccessLogPage::samples(lang));
    show!("/account", true, AccountPage::samples());
    show!("/account/close", true, ClosePage::samples());
    show!("/oauth/end-session", true, EndSessionPage::samples());
    show!("/coins", true, CoinsPage::samples(lang));
    show!("/coins/ab/appeal", true, AppealPage::samples(lang));
    for (name, page) in StaffHomePage::samples() {
        let frame = staff_frame(lang, "/staff", page.name.is_some());
        pages.push((name.to_owned(), renderer.page(&frame, &page).unwrap()));
    }
    macro_rules! show_staff {
        ($path:literal, $samples:expr) => {
            for (name, page) in $samples {
                let html = renderer.page(&staff_frame(lang, $path, true), &page);
                pages.push((name.to_owned(), html.unwrap_or_else(|e| panic!("{name}: {e:#}"))));
            }
        };
    }
    show_staff!("/staff/queue", StaffQueuePage::samples(lang));
    show_staff!("/staff/appeals", StaffAppealsPage::samples(lang));
    show_staff!("/staff/cases", StaffCasesPage::samples(lang));
    show_staff!("/staff/cases/1", StaffCasePage::samples(lang));
    show_staff!("/staff/cases/new", StaffOpenPage::samples());
    show_staff!("/staff/cases/1/read", StaffReadPage::samples());
    show_staff!("/staff/clients", StaffClientsPage::samples());
    show_staff!("/staff/clients/app", StaffClientPage::samples(lang));
    show_staff!("/staff/clients/apply", StaffApplyPage::samples());
    show_staff!("/staff/imports", StaffImportsPage::samples());
    show_staff!("/staff/imports/juki-1", StaffImportPage::samples(lang));
    show_staff!("/staff/imports/juki-1/queue", StaffImportQueuePage::samples());
    show_staff!("/staff/imports/layouts/juki/decisions", StaffImportDecisionsPage::samples(lang));
    show_staff!("/staff/imports/layouts/juki/check", StaffImportUploadPage::samples());
    show!("/developers", false, DevelopersPage::samples());
    show!("/docs", false, DocsPage::samples());
    drop(renderer);
    let shown = shown.lock().unwrap().clone();
    (pages, shown)
}

fn keys(source: &str) -> BTreeSet<String> {
    source
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| Some(line.split_once(" =")?.0.to_owned()))
        .collect()
}

/// The opening tags of a page, without `<` and `>`.
fn tags(html: &str) -> Vec<&str> {
    html.split('<').skip(1).filter_map(|rest| Some(rest.split_once('>')?.0)).collect()
}

#[test]
fn every_text_exists_in_both_languages_and_is_shown_somewhere() {
    let ja = keys(include_str!("../../locales/ja.ftl"));
    let en = keys(include_str!("../../locales/en.ftl"));
    assert_eq!(ja, en);
    for lang in LANGUAGES {
        let (_, shown) = rendered(lang);
        let unused: Vec<_> = ja.difference(&shown).collect();
        assert!(unused.is_empty(), "no page shows {unused:?}");
    }
}

#[test]
fn a_missing_text_or_value_is_an_error() {
    let texts = Texts::embedded().unwrap();
    let none = FluentArgs::new();
    assert!(matches!(texts.text(Lang::Ja, "no-such-text", &none), Err(TextError::Missing(_))));
    assert!(matches!(texts.text(Lang::Ja, "home-hello", &none), Err(TextError::Unformed(_))));
}

#[test]
fn what_others_wrote_is_text_and_never_markup() {
    let renderer = Renderer::embedded().unwrap();
    let mut homes = HomePage::samples();
    let mut page = homes.remove(1).1;
    let attack = "<script>alert(1)</script>\"'&";
    page.resident.as_mut().unwrap().name = Some(attack.to_owned());
    let html = renderer.page(&frame(Lang::Ja, "/", true), &page).unwrap();
    assert!(!html.contains("<script"));
    assert!(html.contains("&lt;script&gt;alert(1)"));
}

#[test]
fn a_notice_is_the_same_bytes_every_time_and_other_bytes_in_the_other_language() {
    let fragment = |lang| {
        let renderer = Renderer::embedded().unwrap();
        renderer.fragment(lang, &Notice::sample(Lang::Ja)).unwrap()
    };
    assert_eq!(fragment(Lang::Ja), fragment(Lang::Ja));
    assert_ne!(fragment(Lang::Ja), fragment(Lang::En));
}

#[test]
fn every_page_is_built_for_everyone() {
    for lang in LANGUAGES {
        for (name, html) in rendered(lang).0 {
            let at = format!("{name} in {}", lang.code());
            assert!(html.starts_with("<!DOCTYPE html>"), "{at}");
            assert!(html.contains(&format!("<html lang=\"{}\">", lang.code())), "{at}");
            let title = html.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0;
            assert!(title.split('|').all(|part| !part.trim().is_empty()), "{at}: title");
            assert!(html.contains("href=\"#main\"") && html.contains("id=\"main\""), "{at}: skip");
            assert!(html.contains("href=\"tel:0983-00-0000\""), "{at}: help desk");
            let tags = tags(&html);
            headings_are_in_order(&tags, &at);
            nothing_is_inline(&tags, &at);
            everything_has_a_name(&html, &tags, &at);
        }
    }
}

fn headings_are_in_order(tags: &[&str], at: &str) {
    let levels: Vec<u32> = tags
        .iter()
        .filter_map(|tag| tag.split(' ').next()?.strip_prefix('h')?.parse().ok())
        .collect();
    assert_eq!(levels.first(), Some(&1), "{at}: the first heading");
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1, "{at}: one h1");
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{at}: {levels:?}");
}

fn nothing_is_inline(tags: &[&str], at: &str) {
    for tag in tags {
        let handler = |part: &str| part.starts_with("on") && part.contains('=');
        assert!(!tag.split_whitespace().any(handler), "{at}: {tag}");
        assert!(!tag.contains(" style="), "{at}: {tag}");
        assert!(!tag.starts_with("style"), "{at}: {tag}");
        assert!(!tag.starts_with("script") || tag.contains(" src=\"/assets/"), "{at}: {tag}");
        for attribute in ["src=\"", "href=\"", "action=\""] {
            if let Some((_, value)) = tag.split_once(attribute) {
                let local = value.starts_with('/') && !value.starts_with("//");
                let local = local || value.starts_with('#');
                assert!(local || value.starts_with("tel:"), "{at}: {tag}");
            }
        }
    }
}

fn everything_has_a_name(html: &str, tags: &[&str], at: &str) {
    let mut ids = BTreeSet::new();
    for tag in tags {
        assert!(!tag.starts_with("img") || tag.contains(" alt="), "{at}: {tag}");
        if tag.starts_with("input") && !tag.contains("type=\"hidden\"") {
            let id = tag.split_once(" id=\"").unwrap().1.split('"').next().unwrap();
            assert!(html.contains(&format!("<label for=\"{id}\">")), "{at}: {tag}");
            assert!(!tag.contains("checked"), "{at}: nothing is ticked for anybody: {tag}");
        }
        if let Some((_, id)) = tag.split_once(" id=\"") {
            let id = id.split('"').next().unwrap();
            assert!(ids.insert(id), "{at}: the id {id} twice");
        }
    }
    for part in html.split("aria-labelledby=\"").skip(1) {
        let id = part.split('"').next().unwrap();
        assert!(ids.contains(id), "{at}: no {id}");
    }
    for form in html.split("<form").skip(1) {
        let form = form.split("</form>").next().unwrap();
        assert!(form.contains("name=\"csrf\" value=\"secret-of-the-session\""), "{at}: {form}");
    }
}

/// Writes every sample for the eye: open `target/pages/*.html`.
#[test]
fn the_samples_can_be_looked_at() {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pages");
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    std::fs::create_dir_all(&target).unwrap();
    let assets = format!("{}/", assets.canonicalize().unwrap().display());
    for lang in LANGUAGES {
        for (name, html) in rendered(lang).0 {
            let html = html.replace("\"/assets/", &format!("\"{assets}"));
            std::fs::write(target.join(format!("{name}.{}.html", lang.code())), html).unwrap();
        }
    }
}
