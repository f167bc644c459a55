//! Limits of one process.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use governor::RateLimiter;
use governor::clock::{self, Clock as _};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use tsunagu_domain::Clock;

use crate::{Quota, Quotas, RateLimits, Verdict, Whose};

/// After so many requests, those who have been quiet long enough to be owed a whole burst are forgotten.
const SWEEP: u64 = 4_096;

/// The platform's time for the library.
#[derive(Clone)]
struct Time(Arc<dyn Clock>);

impl clock::Clock for Time {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(u64::try_from(self.0.micros()).unwrap_or(0).saturating_mul(1_000))
    }
}

type Keyed = RateLimiter<String, DashMapStateStore<String>, Time, NoOpMiddleware<Nanos>>;

/// Limits that this process keeps by itself (GCRA).
pub struct LocalLimits {
    limiters: [Option<Keyed>; Whose::ALL.len()],
    time: Time,
    asked: AtomicU64,
}

impl fmt::Debug for LocalLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalLimits(…)")
    }
}

impl LocalLimits {
    /// Nothing asked yet.
    pub fn new(quotas: &Quotas, clock: Arc<dyn Clock>) -> Self {
        let time = Time(clock);
        let keyed = |quota: Quota| {
            let library = governor::Quota::with_period(quota.interval())?.allow_burst(quota.burst);
            Some(RateLimiter::new(library, DashMapStateStore::default(), time.clone()))
        };
        let limiters = Whose::ALL.map(|whose| quotas.of(whose).and_then(keyed));
        Self { limiters, time, asked: AtomicU64::new(0) }
    }

    /// [`RateLimits::admit`], at once.
    pub(crate) fn decide(&self, whose: Whose, who: &str) -> Verdict {
        let Some(Some(limiter)) = self.limiters.get(whose as usize) else {
            return Verdict::Admitted;
        };
        if self.asked.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            self.limiters.iter().flatten().for_each(Keyed::retain_recent);
        }
        match limiter.check_key(&who.to_owned()) {
            Ok(()) => Verdict::Admitted,
            Err(until) => Verdict::Refused { retry_after: until.wait_time_from(self.time.now()) },
        }
    }
}

#[async_trait]
impl RateLimits for LocalLimits {
    async fn admit(&self, whose: Whose, who: &str) -> Verdict {
        self.decide(whose, who)
    }
}
