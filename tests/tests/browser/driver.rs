//! `WebDriver` (W3C) to a Chromium, as far as a resident needs it: look, click, choose, go.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use url::Url;

/// A page that does not come within this does not come.
const PAGE: Duration = Duration::from_secs(10);
/// The member that holds the reference of an element (`WebDriver` clause 11).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Whether pages may run scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripts {
    /// As a browser comes.
    On,
    /// Switched off: every page must work all the same.
    Off,
}

/// A browser that is steered. Ends with [`WebDriver::quit`], or when dropped.
#[derive(Debug)]
pub(crate) struct WebDriver {
    client: reqwest::Client,
    session: String,
    /// Whether pages may run scripts.
    pub(crate) scripts: Scripts,
    // Ends the driver, and with it the browser, when dropped.
    process: Child,
}

/// An element of the page that is open.
#[derive(Debug, Clone)]
pub(crate) struct Element(String);

impl WebDriver {
    /// Starts driver and browser. `width` is that of the window, CSS pixels.
    pub(crate) async fn start(
        chromedriver: &Path,
        chromium: &Path,
        scripts: Scripts,
        width: u32,
    ) -> anyhow::Result<Self> {
        let mut process = Command::new(chromedriver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("chromedriver cannot be started")?;
        let stdout = process.stdout.take().context("chromedriver has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let port = loop {
            let line = lines.next_line().await?.context("chromedriver ended at once")?;
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').parse::<u16>()?;
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });

        #[expect(clippy::disallowed_methods, reason = "the driver is on this machine")]
        let client = reqwest::Client::new();
        let mut driver =
            Self { client, session: format!("http://127.0.0.1:{port}/session"), scripts, process };
        let args = [
            "--headless=new",
            // Containers run as root and have a small /dev/shm; pages are our own.
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
        ];
        let setting = match scripts {
            Scripts::On => 1,
            Scripts::Off => 2,
        };
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {
                "binary": chromium,
                "args": args,
                "prefs": {
                    "profile.managed_default_content_settings.javascript": setting,
                    "intl.accept_languages": "ja",
                    "intl.selected_languages": "ja",
                },
            },
            "goog:loggingPrefs": {"performance": "ALL"},
        }}});
        let begun = driver.send(Method::POST, "", Some(&wanted)).await?;
        let id = begun["sessionId"].as_str().context("chromedriver gave no session")?;
        driver.session = format!("{}/{id}", driver.session);
        driver.set_width(width).await?;
        Ok(driver)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let mut request = self.client.request(method, format!("{}{path}", self.session));
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut answer: Value = request.send().await?.json().await?;
        let value = answer["value"].take();
        if let Some(error) = value["error"].as_str() {
            bail!("{path}: {error}: {}", value["message"].as_str().unwrap_or_default());
        }
        Ok(value)
    }

    async fn cdp(&self, command: &str, params: Value) -> anyhow::Result<Value> {
        let body = json!({"cmd": command, "params": params});
        self.send(Method::POST, "/goog/cdp/execute", Some(&body)).await
    }

    /// Sets the width of the page, CSS pixels. Windows cannot be made that narrow, so the screen is.
    pub(crate) async fn set_width(&self, width: u32) -> anyhow::Result<()> {
        let metrics =
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await?;
        Ok(())
    }

    /// How wide the content of the page is, CSS pixels.
    pub(crate) async fn content_width(&self) -> anyhow::Result<f64> {
        let metrics = self.cdp("Page.getLayoutMetrics", json!({})).await?;
        metrics["cssContentSize"]["width"].as_f64().context("no width of the content")
    }

    /// Goes to an address.
    pub(crate) async fn open(&self, url: &str) -> anyhow::Result<()> {
        self.send(Method::POST, "/url", Some(&json!({"url": url}))).await?;
        Ok(())
    }

    /// The address of the page that is open.
    pub(crate) async fn url(&self) -> anyhow::Result<Url> {
        let url = self.send(Method::GET, "/url", None).await?;
        Ok(Url::parse(url.as_str().context("the page has no address")?)?)
    }

    /// The title of the page.
    pub(crate) async fn title(&self) -> anyhow::Result<String> {
        let title = self.send(Method::GET, "/title", None).await?;
        Ok(title.as_str().unwrap_or_default().to_owned())
    }

    /// Every element that a CSS selector selects.
    pub(crate) async fn all(&self, css: &str) -> anyhow::Result<Vec<Element>> {
        let body = json!({"using": "css selector", "value": css});
        let found = self.send(Method::POST, "/elements", Some(&body)).await?;
        let reference = |element: &Value| Some(Element(element[ELEMENT].as_str()?.to_owned()));
        let found = found.as_array().context("no list of elements")?;
        Ok(found.iter().filter_map(reference).collect())
    }

    /// The one element that a CSS selector selects.
    pub(crate) async fn one(&self, css: &str) -> anyhow::Result<Element> {
        let found = self.all(css).await?;
        match found.as_slice() {
            [element] => Ok(element.clone()),
            _ => bail!("{}: {css} selects {} elements", self.url().await?.path(), found.len()),
        }
    }

    /// What a person reads of an element.
    pub(crate) async fn text(&self, element: &Element) -> anyhow::Result<String> {
        let text = self.send(Method::GET, &format!("/element/{}/text", element.0), None).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// What assistive technology calls an element.
    pub(crate) async fn label(&self, element: &Element) -> anyhow::Result<String> {
        let path = format!("/element/{}/computedlabel", element.0);
        let label = self.send(Method::GET, &path, None).await?;
        Ok(label.as_str().unwrap_or_default().to_owned())
    }

    /// An attribute of an element.
    pub(crate) async fn attribute(
        &self,
        element: &Element,
        name: &str,
    ) -> anyhow::Result<Option<String>> {
        let path = format!("/element/{}/attribute/{name}", element.0);
        Ok(self.send(Method::GET, &path, None).await?.as_str().map(str::to_owned))
    }

    /// Clicks the one element that a CSS selector selects. The page stays.
    pub(crate) async fn click(&self, css: &str) -> anyhow::Result<()> {
        let element = self.one(css).await?;
        let path = format!("/element/{}/click", element.0);
        self.send(Method::POST, &path, Some(&json!({}))).await?;
        Ok(())
    }

    /// Types into the one field that a CSS selector selects.
    pub(crate) async fn write(&self, css: &str, text: &str) -> anyhow::Result<()> {
        let element = self.one(css).await?;
        let path = format!("/element/{}/value", element.0);
        self.send(Method::POST, &path, Some(&json!({"text": text}))).await?;
        Ok(())
    }

    /// Clicks the one element that a CSS selector selects, which leads to another page, and waits until that is there: a click answers
    /// when it is done, not when the page that a form leads to has come.
    pub(crate) async fn follow(&self, css: &str) -> anyhow::Result<()> {
        let before = self.one("html").await?;
        self.click(css).await?;
        let path = format!("/element/{}/name", before.0);
        let come = async || {
            let gone = self.send(Method::GET, &path, None).await.is_err();
            gone && self.all("body").await.is_ok_and(|found| found.len() == 1)
        };
        let waited = wait_for(come).await;
        waited.with_context(|| format!("{css} leads to no other page"))
    }

    /// Waits until a CSS selector selects something that a script draws.
    pub(crate) async fn until(&self, css: &str) -> anyhow::Result<()> {
        let drawn = async || self.all(css).await.is_ok_and(|found| !found.is_empty());
        wait_for(drawn).await.with_context(|| format!("nothing is {css}"))
    }

    /// The origins that were asked for anything since the last call.
    pub(crate) async fn asked_origins(&self) -> anyhow::Result<BTreeSet<String>> {
        let body = json!({"type": "performance"});
        let entries = self.send(Method::POST, "/se/log", Some(&body)).await?;
        let mut origins = BTreeSet::new();
        for entry in entries.as_array().context("no log")? {
            let message: Value = serde_json::from_str(entry["message"].as_str().unwrap_or("{}"))?;
            let message = &message["message"];
            if message["method"] == "Network.requestWillBeSent" {
                let url = message["params"]["request"]["url"].as_str().unwrap_or_default();
                if let Ok(url) = Url::parse(url)
                    && url.has_host()
                {
                    origins.insert(url.origin().ascii_serialization());
                }
            }
        }
        Ok(origins)
    }

    /// Closes the browser.
    pub(crate) async fn quit(mut self) -> anyhow::Result<()> {
        self.send(Method::DELETE, "", None).await?;
        self.process.kill().await?;
        Ok(())
    }
}

/// Looks again and again until it is so, for as long as a page may take.
async fn wait_for(so: impl AsyncFn() -> bool) -> Result<(), tokio::time::error::Elapsed> {
    let looking = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            if so().await {
                return;
            }
        }
    };
    tokio::time::timeout(PAGE, looking).await
}
