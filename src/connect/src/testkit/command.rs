//! The cases of a connector that takes orders.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Kit;
use super::http::Fault;
use crate::{Call, Command, CommandError, Order, Reply};

/// What the other side has carried out: key → what was ordered.
pub type Books = BTreeMap<String, String>;

/// How a connector that takes orders is held to the cases.
pub trait CommandRig: Send + Sync {
    /// The connector over the kit's HTTP.
    fn command(&self, kit: &Kit) -> Arc<dyn Command>;

    /// Order number `n`.
    fn order(&self, n: u32) -> Order;

    /// Something else under the key of order number `n`.
    fn other(&self, n: u32) -> Order;

    /// What the other side does with a call, and answers.
    fn answer(books: &mut Books, call: &Call) -> Reply
    where
        Self: Sized;
}

/// Every case.
///
/// # Panics
/// With what is wrong.
pub async fn command<R: CommandRig>(rig: &R) {
    let (kit, books) = (Kit::default(), Arc::<Mutex<Books>>::default());
    let kept = Arc::clone(&books);
    kit.http.answers(move |call| {
        R::answer(&mut kept.lock().unwrap_or_else(PoisonError::into_inner), call)
    });
    let command = rig.command(&kit);
    let count = || books.lock().unwrap_or_else(PoisonError::into_inner).len();

    let order = rig.order(0);
    assert!(matches!(command.find(&order.key).await, Ok(None)), "nothing was ordered yet");
    for time in 0..3 {
        let done = command.send(&order).await;
        assert!(done.is_ok(), "an order that is sent {time} times more is carried out: {done:?}");
        assert_eq!(count(), 1, "once");
    }
    assert!(matches!(command.find(&order.key).await, Ok(Some(_))), "it is found by its key");
    let other = command.send(&rig.other(0)).await;
    assert!(matches!(other, Err(CommandError::Refused(_))), "the key is taken: {other:?}");
    assert_eq!(count(), 1, "and what was ordered stays");

    for (n, fault) in (1u32..).zip(Fault::ALL) {
        let (order, before) = (rig.order(n), count());
        kit.http.fails(Some(fault));
        let outcome = command.send(&order).await;
        // Whoever is told that it was certainly not done may order elsewhere; whoever is told that it is refused gives up.
        let certain = matches!(fault, Fault::Outage | Fault::TooMany);
        let right = match &outcome {
            Err(CommandError::Unavailable(_)) => certain || fault == Fault::Redirect,
            Err(CommandError::Unknown(_)) => !certain,
            _ => false,
        };
        assert!(right, "{fault:?} gives {outcome:?}");
        let found = command.find(&order.key).await;
        assert!(found.is_err(), "{fault:?} says nothing about whether it was done: {found:?}");
        let done = count() > before;
        kit.http.fails(None);
        let found = command.find(&order.key).await;
        assert_eq!(found.is_ok_and(|found| found.is_some()), done, "asking tells, after {fault:?}");
        let again = command.send(&order).await;
        assert!(again.is_ok(), "after {fault:?} it is carried out: {again:?}");
        assert_eq!(count(), before + 1, "once, whatever {fault:?} hid");
    }
}
