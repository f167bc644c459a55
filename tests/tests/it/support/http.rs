//! Requests and answers.

use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use super::canaries::silent;

/// An answer, read whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A client that follows no redirects, keeps no cookies and uses no proxy.
pub(crate) fn client() -> Client {
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Sends a request and reads the answer.
pub(crate) async fn seen(request: RequestBuilder) -> Answer {
    tried(request).await.expect("the gateway did not answer")
}

/// The same, where the gateway may be gone.
pub(crate) async fn tried(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await?.to_vec();
    // Whoever is refused, and whatever for, is told nothing about anybody.
    if status >= 400 {
        silent("a refusal", &String::from_utf8_lossy(&body));
    }
    Ok(Answer { status, headers, body })
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the answer is no text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{} without JSON: {}", self.status, self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The answer as a problem detail (RFC 9457); `what` says where it came from when it is none.
    pub(crate) fn problem(&self, what: &str) -> Value {
        let kind = self.header("content-type");
        assert_eq!(
            kind,
            Some("application/problem+json"),
            "{what}: {} {}",
            self.status,
            self.text()
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{what}: {problem}");
        for member in ["type", "title", "detail", "titleJa"] {
            let text = problem[member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{what}: {member} is missing in {problem}");
        }
        if self.status == 401 {
            assert!(self.header("www-authenticate").is_some(), "{what}: a 401 without a challenge");
        }
        problem
    }
}
