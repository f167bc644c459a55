//! A small browser: cookies by host and port, redirects followed one by one, forms found in pages and sent. No JavaScript.

use std::collections::BTreeMap;

use reqwest::header::{ACCEPT, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, Response, StatusCode};
use url::Url;

/// A page as it arrived.
#[derive(Debug)]
pub struct Page {
    /// Where it is.
    pub url: Url,
    /// How it was answered.
    pub status: StatusCode,
    /// Its HTML.
    pub body: String,
}

/// A form in a page.
#[derive(Debug, Default)]
pub struct Form {
    action: String,
    method: String,
    /// Names and values as a browser would send them untouched.
    pub fields: Vec<(String, String)>,
}

/// One person's browser.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    /// By host:port. Ports count here although cookies ignore them, since every party of the sandbox is on 127.0.0.1.
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

const MOST_REDIRECTS: usize = 12;

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

impl Browser {
    /// A browser without cookies.
    #[expect(clippy::disallowed_methods, reason = "an outsider's own client")]
    pub fn new() -> Self {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        Self { client: client.unwrap_or_else(|_| Client::new()), cookies: BTreeMap::new() }
    }

    /// Opens an address and follows where it leads.
    pub async fn open(&mut self, url: Url) -> Result<Page, String> {
        self.go(Method::GET, url, None).await
    }

    /// Sends a form of a page, with some fields set or added.
    pub async fn send(
        &mut self,
        page: &Page,
        form: &Form,
        set: &[(&str, &str)],
    ) -> Result<Page, String> {
        let mut fields = form.fields.clone();
        for (name, value) in set {
            fields.retain(|(n, _)| n != name);
            fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        let url = page.url.join(&form.action).map_err(|_| "a form leads nowhere".to_owned())?;
        if form.method == "post" {
            return self.go(Method::POST, url, Some(fields)).await;
        }
        let mut url = url;
        url.query_pairs_mut().clear().extend_pairs(fields);
        self.go(Method::GET, url, None).await
    }

    /// Sends JSON, as an app's front end does, and reads JSON.
    pub async fn json(
        &mut self,
        method: Method,
        url: Url,
        body: Option<serde_json::Value>,
    ) -> Result<(StatusCode, serde_json::Value), String> {
        let mut request =
            self.client.request(method, url.clone()).header(ACCEPT, "application/json");
        if let Some(cookie) = self.cookies(&url) {
            request = request.header(COOKIE, cookie);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.map_err(|e| unreachable(&url, &e))?;
        self.keep(&url, &response);
        let status = response.status();
        let text = response.text().await.map_err(|e| unreachable(&url, &e))?;
        let value = serde_json::from_str(&text)
            .map_err(|_| format!("{} answered {status} without JSON", url.path()))?;
        Ok((status, value))
    }

    async fn go(
        &mut self,
        mut method: Method,
        mut url: Url,
        mut fields: Option<Vec<(String, String)>>,
    ) -> Result<Page, String> {
        for _ in 0..MOST_REDIRECTS {
            let mut request = self.client.request(method.clone(), url.clone());
            request = request.header(ACCEPT, "text/html").header("Accept-Language", "ja");
            if let Some(cookie) = self.cookies(&url) {
                request = request.header(COOKIE, cookie);
            }
            if let Some(fields) = fields.take() {
                request = request.form(&fields);
            }
            let response = request.send().await.map_err(|e| unreachable(&url, &e))?;
            self.keep(&url, &response);
            let status = response.status();
            if status.is_redirection() {
                let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
                let to = to.and_then(|to| url.join(to).ok());
                url = to.ok_or_else(|| format!("{} redirects nowhere", url.path()))?;
                method = Method::GET;
                continue;
            }
            let body = response.text().await.map_err(|e| unreachable(&url, &e))?;
            return Ok(Page { url, status, body });
        }
        Err(format!("{} redirects without end", url.path()))
    }

    /// What it sends there in `Cookie`; `None` when it has none.
    pub fn cookies(&self, url: &Url) -> Option<String> {
        let jar = self.cookies.get(&place(url))?;
        let pairs: Vec<String> =
            jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    fn keep(&mut self, url: &Url, response: &Response) {
        let jar = self.cookies.entry(place(url)).or_default();
        for cookie in response.headers().get_all(SET_COOKIE) {
            let Ok(text) = cookie.to_str() else { continue };
            let mut parts = text.split(';');
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let gone = parts.any(|part| part.trim().eq_ignore_ascii_case("max-age=0"));
            if gone || value.is_empty() {
                jar.remove(name.trim());
            } else {
                jar.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}

fn place(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(0))
}

fn unreachable(url: &Url, error: &reqwest::Error) -> String {
    // The error's own text would repeat the whole address, codes and states included.
    format!(
        "{} did not answer ({})",
        url.path(),
        if error.is_timeout() { "timeout" } else { "connection" }
    )
}

impl Page {
    /// What a person reads: the page without its tags.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.body.len());
        let mut inside = false;
        for c in self.body.chars() {
            match c {
                '<' => inside = true,
                '>' => inside = false,
                c if !inside => text.push(c),
                _ => {}
            }
        }
        unescape(&text)
    }

    /// The forms of the page.
    pub fn forms(&self) -> Vec<Form> {
        let mut forms: Vec<Form> = Vec::new();
        for tag in tags(&self.body) {
            match tag.name.as_str() {
                "form" => forms.push(Form {
                    action: tag.get("action"),
                    method: tag.get("method").to_lowercase(),
                    fields: Vec::new(),
                }),
                "input" => {
                    let kind = tag.get("type");
                    let chosen =
                        !matches!(kind.as_str(), "radio" | "checkbox") || tag.has("checked");
                    if let Some(form) = forms.last_mut()
                        && !tag.get("name").is_empty()
                        && kind != "submit"
                        && chosen
                    {
                        form.fields.push((tag.get("name"), tag.get("value")));
                    }
                }
                _ => {}
            }
        }
        forms
    }

    /// The form whose action contains this text.
    pub fn form(&self, action: &str) -> Result<Form, String> {
        let found = self.forms().into_iter().find(|form| form.action.contains(action));
        found.ok_or_else(|| {
            format!("{} ({}) has no form for {action}", self.url.path(), self.status.as_u16())
        })
    }

    /// The target of the first link that contains this text.
    pub fn link(&self, containing: &str) -> Result<Url, String> {
        let links = tags(&self.body).into_iter().filter(|tag| tag.name == "a");
        let hit = links.map(|tag| tag.get("href")).find(|href| href.contains(containing));
        let hit = hit.and_then(|href| self.url.join(&href).ok());
        hit.ok_or_else(|| format!("{} has no link to {containing}", self.url.path()))
    }
}

struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn get(&self, name: &str) -> String {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default()
    }

    fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|(n, _)| n == name)
    }
}

/// The opening tags of a page, with their attributes unescaped. Enough for pages that are well formed.
fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((inside, later)) = after.split_once('>') else {
            break;
        };
        rest = later;
        if inside.starts_with(['/', '!']) {
            continue;
        }
        let (name, mut attributes_text) =
            inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
        let mut attributes = Vec::new();
        loop {
            attributes_text =
                attributes_text.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
            let end = attributes_text
                .find(|c: char| c == '=' || c.is_whitespace())
                .unwrap_or(attributes_text.len());
            let (key, tail) = attributes_text.split_at(end);
            if key.is_empty() {
                break;
            }
            let (value, tail) = match tail.trim_start().strip_prefix('=') {
                None => (String::new(), tail),
                Some(tail) => quoted(tail.trim_start()),
            };
            attributes.push((key.to_lowercase(), value));
            attributes_text = tail;
        }
        tags.push(Tag { name: name.to_lowercase(), attributes });
    }
    tags
}

fn quoted(text: &str) -> (String, &str) {
    for quote in ['"', '\''] {
        if let Some((value, tail)) = text.strip_prefix(quote).and_then(|t| t.split_once(quote)) {
            return (unescape(value), tail);
        }
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (value, tail) = text.split_at(end);
    (unescape(value), tail)
}

fn unescape(text: &str) -> String {
    let pairs = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#x22;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&#x2f;", "/"),
        ("&#x2F;", "/"),
        ("&amp;", "&"),
    ];
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_found_with_their_fields() {
        let page = Page {
            url: Url::parse("http://127.0.0.1/a/b").unwrap(),
            status: StatusCode::OK,
            body: r#"<form action="/x?y=1&amp;z=2" method="POST"><input type="hidden" name="csrf" value="a&quot;b">
                <input type=checkbox name=no value=1><input type="checkbox" name="yes" value="1" checked>
                <button name="decision" value="give">同意します</button></form><a href="/consents/7">見る</a>"#
                .to_owned(),
        };
        let form = page.form("/x").unwrap();
        assert_eq!((form.action.as_str(), form.method.as_str()), ("/x?y=1&z=2", "post"));
        let expected = [("csrf", "a\"b"), ("yes", "1")];
        assert_eq!(form.fields, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert!(page.form("/nowhere").is_err());
        assert_eq!(page.link("/consents/").unwrap().path(), "/consents/7");
    }
}
