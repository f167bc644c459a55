//! The cases of a connector that takes entities.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::value::RawValue;

use super::Kit;
use super::http::Fault;
use crate::{Call, Delivery, Ready, Reply, SinkError};

/// How a connector that takes entities is held to the cases.
pub trait SinkRig: Send + Sync {
    /// The connector, with settings that are right.
    fn ready(&self) -> Ready;

    /// What the other side answers to a call that hands something over, and what it has then, as text; the same text for the same call.
    fn answer(call: &Call) -> (Reply, Option<String>)
    where
        Self: Sized;

    /// The `data` of a notification about entity number `n`, in the form that the connector is given.
    fn entity(&self, n: u32) -> serde_json::Value;
}

/// Every case.
///
/// # Panics
/// With what is wrong.
pub async fn sink<R: SinkRig>(rig: &R) {
    let kit = Kit::default();
    let has: Arc<Mutex<Vec<String>>> = Arc::default();
    let taken = Arc::clone(&has);
    kit.http.answers(move |call| {
        let (reply, kept) = R::answer(call);
        let mut has = taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.filter(|kept| !has.contains(kept)) {
            has.push(kept);
        }
        reply
    });
    let built = rig.ready().build(&kit.host()).await;
    let sink = built.ok().and_then(|parts| parts.sink);
    let Some(sink) = sink else {
        assert!(sink.is_some(), "the connector cannot be built, or has no sink");
        return;
    };
    let count = || has.lock().unwrap_or_else(PoisonError::into_inner).len();
    for n in 0..3 {
        assert_eq!(sink.deliver(&delivery(rig, n)).await, Ok(()), "a good delivery is taken");
    }
    assert_eq!(count(), 3, "the other side has each");
    // Again, as after a kill before the outcome was booked.
    assert_eq!(sink.deliver(&delivery(rig, 2)).await, Ok(()), "a repetition is not an error");
    assert_eq!(count(), 3, "a repetition changes nothing");
    for fault in Fault::ALL {
        kit.http.fails(Some(fault));
        let outcome = sink.deliver(&delivery(rig, 3)).await;
        // An answer that cannot be read, or 200 to what asks for no answer, may count as done; a failure may not.
        let certain = matches!(
            fault,
            Fault::Outage | Fault::Slow | Fault::LostReply | Fault::ServerError | Fault::TooMany
        );
        assert!(
            !certain || matches!(outcome, Err(SinkError::Later(_))),
            "{fault:?} is tried again later: {outcome:?}"
        );
    }
    kit.http.fails(None);
    assert_eq!(sink.deliver(&delivery(rig, 3)).await, Ok(()), "after the faults it is taken");
    assert_eq!(count(), 4, "once");
}

fn delivery(rig: &impl SinkRig, n: u32) -> Delivery {
    let notification = serde_json::json!({
        "id": format!("urn:ngsi-ld:Notification:{n}"),
        "type": "Notification",
        "subscriptionId": "urn:ngsi-ld:Subscription:kit",
        "notifiedAt": "2026-09-21T14:13:20Z",
        "data": [rig.entity(n)],
    });
    let notification = RawValue::from_string(notification.to_string()).unwrap_or_default();
    Delivery { id: format!("urn:ngsi-ld:Notification:{n}"), notification }
}
