//! Misbehaviour to order, each for a number of requests.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::http::Refusal;

/// How long a held reply is held: longer than any client waits.
const HOLD: Duration = Duration::from_mins(2);

/// What goes wrong. All but `down` strike after the booking is made and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Booked, then no answer for two minutes
    TimeoutAfterCommit,
    /// Booked, then 500
    ErrorAfterCommit,
    /// Booked, then the connection is closed without an answer
    LostReply,
    /// Not booked: 503 at the door
    Down,
}

/// The faults that are still to come.
#[derive(Default)]
pub(super) struct Faults(BTreeMap<Fault, u32>);

impl Faults {
    pub(super) fn order(&mut self, fault: Fault, count: u32) {
        if count == 0 {
            self.0.remove(&fault);
        } else {
            self.0.insert(fault, count);
        }
    }

    pub(super) fn listed(&self) -> Value {
        json!({ "faults": self.0 })
    }

    /// Whether this fault strikes now; counts it if so.
    pub(super) fn take(&mut self, fault: Fault) -> bool {
        let Some(left) = self.0.get_mut(&fault) else {
            return false;
        };
        *left -= 1;
        if *left == 0 {
            self.0.remove(&fault);
        }
        true
    }

    /// How a booking is answered now.
    pub(super) fn reply(&mut self) -> Reply {
        let after = [Fault::TimeoutAfterCommit, Fault::ErrorAfterCommit, Fault::LostReply];
        Reply(after.into_iter().find(|fault| self.take(*fault)))
    }
}

/// How an answer is given, or not.
pub(super) struct Reply(Option<Fault>);

impl Reply {
    pub(super) async fn give(self, answer: HttpResponse) -> Result<HttpResponse, Refusal> {
        match self.0 {
            None | Some(Fault::Down) => Ok(answer),
            Some(Fault::ErrorAfterCommit) => Err(Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "something went wrong",
            )),
            Some(Fault::TimeoutAfterCommit) => {
                tokio::time::sleep(HOLD).await;
                Ok(answer.set_body(BoxBody::new(Cut)))
            }
            Some(Fault::LostReply) => Ok(answer.set_body(BoxBody::new(Cut))),
        }
    }
}

/// A body that breaks off at once, which makes the server drop the connection.
struct Cut;

impl MessageBody for Cut {
    type Error = std::io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Bytes, Self::Error>>> {
        std::task::Poll::Ready(Some(Err(std::io::Error::other("ordered to break off"))))
    }
}
