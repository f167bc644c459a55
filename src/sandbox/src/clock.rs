//! The time of the outside world.

use std::sync::Arc;

use chrono::{DateTime, Utc};

/// Where a server of the sandbox reads the time; tests hand in one that they move.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The machine's own clock.
pub fn system_clock() -> Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the sandbox is an outsider: its processes have a clock of their own"
    )]
    Arc::new(Utc::now)
}
