//! The other side over HTTP, with faults on order.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::{Call, Http, HttpError, Reply};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing listens.
    Outage,
    /// It takes longer than anybody waits. What was asked for may have been done.
    Slow,
    /// It is done, and the answer is lost.
    LostReply,
    /// It answers with an error of its own, and does nothing.
    ServerError,
    /// It is overloaded and says so.
    TooMany,
    /// The answer is no text.
    Garbage,
    /// The answer is HTML of something in between.
    Html,
    /// The answer is valid JSON of a form that nobody agreed on.
    OtherJson,
    /// The answer is longer than anybody reads.
    Huge,
    /// It sends elsewhere.
    Redirect,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Outage,
        Self::Slow,
        Self::LostReply,
        Self::ServerError,
        Self::TooMany,
        Self::Garbage,
        Self::Html,
        Self::OtherJson,
        Self::Huge,
        Self::Redirect,
    ];
}

type Answer = Box<dyn Fn(&Call) -> Reply + Send + Sync>;

#[derive(Default)]
struct State {
    answer: Option<Answer>,
    fault: Option<Fault>,
    calls: usize,
}

/// Answers as it was told to.
#[derive(Default)]
pub struct HttpDouble(Mutex<State>);

impl fmt::Debug for HttpDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpDouble(…)")
    }
}

impl HttpDouble {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How it answers from now on.
    pub fn answers(&self, answer: impl Fn(&Call) -> Reply + Send + Sync + 'static) {
        self.with(|state| state.answer = Some(Box::new(answer)));
    }

    /// What goes wrong from now on.
    pub fn fails(&self, fault: Option<Fault>) {
        self.with(|state| state.fault = fault);
    }

    /// Calls so far.
    pub fn calls(&self) -> usize {
        self.with(|state| state.calls)
    }
}

/// An answer of JSON.
pub(crate) fn reply(status: u16, media: &str, body: &[u8]) -> Reply {
    let headers = vec![("content-type".to_owned(), media.to_owned())];
    Reply { status, headers, body: body.to_vec() }
}

#[async_trait]
impl Http for HttpDouble {
    async fn send(&self, call: Call) -> Result<Reply, HttpError> {
        self.with(|state| {
            state.calls += 1;
            let done = || match &state.answer {
                Some(answer) => answer(&call),
                None => reply(404, "text/plain", b"nothing here"),
            };
            match state.fault {
                None => Ok(done()),
                Some(Fault::Outage) => {
                    Err(HttpError::NotSent("the host's name could not be resolved".to_owned()))
                }
                Some(Fault::Slow) => Err(HttpError::Lost("no complete answer in time".to_owned())),
                Some(Fault::LostReply) => {
                    done();
                    Err(HttpError::Lost("the connection failed".to_owned()))
                }
                Some(Fault::Huge) => {
                    done();
                    Err(HttpError::Lost("the answer is longer than allowed".to_owned()))
                }
                Some(Fault::ServerError) => Ok(reply(500, "text/plain", b"out of order")),
                Some(Fault::TooMany) => Ok(reply(429, "text/plain", b"too many")),
                Some(Fault::Garbage) => {
                    Ok(reply(200, "application/json", &[0xFF, 0x00, 0x9D, 0xC3, 0x28, b'{', b'"']))
                }
                Some(Fault::Html) => {
                    Ok(reply(200, "text/html", b"<html><body>Login</body></html>"))
                }
                Some(Fault::OtherJson) => {
                    Ok(reply(200, "application/json", br#"{"answer":[[[1e400,null]]]}"#))
                }
                Some(Fault::Redirect) => Ok(reply(302, "text/plain", b"")),
            }
        })
    }
}
