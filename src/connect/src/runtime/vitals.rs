//! How a connector does, in this gateway since it started.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::watch;
use tsunagu_domain::Timestamp;

use crate::pace::{Breaker, Circuit};

/// What a connector did since this gateway started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Times it was asked.
    pub polls: u64,
    /// Times that failed.
    pub failures: u64,
    /// Times its task ended by a fault and was started again.
    pub restarts: u64,
    /// Items that came.
    pub items: u64,
    /// Rows and entities taken over, changed or not.
    pub accepted: u64,
    /// Those of them that were as before.
    pub unchanged: u64,
    /// Those refused.
    pub refused: u64,
    /// Messages that came by themselves and were kept.
    pub received: u64,
    /// Messages that had come before under their names.
    pub repeated: u64,
    /// Messages that were not kept.
    pub rejected: u64,
    /// Entities handed to the other side.
    pub delivered: u64,
    /// Tries to hand over that failed.
    pub undelivered: u64,
}

/// How a connector does now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Whether it is asked at all.
    pub circuit: Circuit,
    /// Failures in a row.
    pub failures: u32,
    /// What failed last, if it fails.
    pub error: Option<String>,
    /// Whether another gateway runs it.
    pub elsewhere: bool,
    /// When it was last asked with success, microseconds since the epoch.
    pub succeeded_at: Option<Timestamp>,
    /// When it will be asked, microseconds since the epoch.
    pub next_at: Option<Timestamp>,
    /// What it did.
    pub counters: Counters,
}

#[derive(Debug, Default)]
struct State {
    breaker: Breaker,
    error: Option<String>,
    /// The same for a connection that is held.
    link: Breaker,
    link_error: Option<String>,
    /// The same for what is handed to the other side.
    give: Breaker,
    give_error: Option<String>,
    elsewhere: bool,
    succeeded_at: Option<Timestamp>,
    next_at: Option<Timestamp>,
    counters: Counters,
}

/// The same, as tasks write it.
#[derive(Debug, Default)]
pub(super) struct Vitals {
    state: Mutex<State>,
    /// Wakes the feeds of the connector.
    wake: watch::Sender<u64>,
}

impl Vitals {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wakes every feed of the connector; one that is busy looks once more.
    pub(super) fn wake(&self) {
        self.wake.send_modify(|times| *times = times.wrapping_add(1));
    }

    /// What a feed waits on.
    pub(super) fn waking(&self) -> watch::Receiver<u64> {
        self.wake.subscribe()
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counters)) {
        self.with(|state| change(&mut state.counters));
    }

    pub(super) fn succeeded(&self, now: Timestamp) {
        self.with(|state| {
            state.breaker.succeed();
            state.error = None;
            state.elsewhere = false;
            state.succeeded_at = Some(now);
        });
    }

    /// Notes a failure and says when to try again.
    pub(super) fn failed(&self, now: Timestamp, chance: u8, error: &str) -> Timestamp {
        self.with(|state| {
            state.breaker.fail(now, chance);
            state.error = Some(error.to_owned());
            state.elsewhere = false;
            state.counters.failures += 1;
            state.breaker.ready_at()
        })
    }

    /// Notes that a held connection ended and says when to open it again.
    pub(super) fn link_failed(&self, now: Timestamp, chance: u8, error: &str) -> Timestamp {
        self.with(|state| {
            state.link.fail(now, chance);
            state.link_error = Some(error.to_owned());
            state.counters.failures += 1;
            state.link.ready_at()
        })
    }

    /// Something came over the held connection.
    pub(super) fn link_works(&self) {
        self.with(|state| {
            state.link.succeed();
            state.link_error = None;
        });
    }

    pub(super) fn elsewhere(&self) {
        self.with(|state| state.elsewhere = true);
    }

    pub(super) fn next(&self, at: Timestamp) {
        self.with(|state| state.next_at = Some(at));
    }

    /// Whether something may be handed over now, which nobody schedules: the failures in a row so far, to be told with the outcome.
    pub(super) fn may_give(&self, now: Timestamp) -> Option<u32> {
        self.with(|state| (state.give.circuit(now) != Circuit::Open).then(|| state.give.failures()))
    }

    /// The other side took what was handed over, or said why it never will.
    pub(super) fn given(&self, now: Timestamp) {
        self.with(|state| {
            state.give.succeed();
            state.give_error = None;
            state.succeeded_at = Some(now);
        });
    }

    /// The other side did not take what was handed over. Of those that were under way together one counts: the other side failed once.
    pub(super) fn not_given(&self, now: Timestamp, chance: u8, before: u32, error: &str) {
        self.with(|state| {
            if state.give.failures() == before {
                state.give.fail(now, chance);
                state.counters.failures += 1;
            }
            state.give_error = Some(error.to_owned());
        });
    }

    pub(super) fn failures(&self) -> u32 {
        self.with(|state| state.breaker.failures())
    }

    pub(super) fn health(&self, now: Timestamp) -> Health {
        let worst = |state: &State| {
            let all = [state.breaker, state.give, state.link];
            all.into_iter().max_by_key(Breaker::failures).unwrap_or_default()
        };
        let error = |state: &State| {
            let all = [&state.link_error, &state.give_error, &state.error];
            all.into_iter().flatten().next().cloned()
        };
        self.with(|state| Health {
            circuit: worst(state).circuit(now),
            failures: worst(state).failures(),
            error: error(state),
            elsewhere: state.elsewhere,
            succeeded_at: state.succeeded_at,
            next_at: state.next_at,
            counters: state.counters,
        })
    }
}
