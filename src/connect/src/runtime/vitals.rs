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
    /// Those refused.
    pub refused: u64,
    /// Messages that came by themselves and were kept.
    pub received: u64,
    /// Messages that were not.
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

    /// Whether something may be sent now; for sinks, which nobody schedules.
    pub(super) fn permits(&self, now: Timestamp) -> bool {
        self.with(|state| state.breaker.circuit(now) != Circuit::Open)
    }

    pub(super) fn failures(&self) -> u32 {
        self.with(|state| state.breaker.failures())
    }

    pub(super) fn health(&self, now: Timestamp) -> Health {
        let worse = |state: &State| {
            if state.link.failures() > 0 { state.link } else { state.breaker }
        };
        self.with(|state| Health {
            circuit: worse(state).circuit(now),
            failures: worse(state).failures(),
            error: state.link_error.clone().or_else(|| state.error.clone()),
            elsewhere: state.elsewhere,
            succeeded_at: state.succeeded_at,
            next_at: state.next_at,
            counters: state.counters,
        })
    }
}
