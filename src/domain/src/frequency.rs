//! How often something may be done.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

const HOUR: u32 = 3_600;
const DAY: u32 = 24 * HOUR;
const WEEK: u32 = 7 * DAY;
const SECOND: i64 = 1_000_000;
/// From the last Monday before the epoch, midnight in Japan, to the epoch, seconds.
const MONDAY: i64 = 3 * 86_400 + 9 * 3_600;

/// So many times in every hour, day or week of the clock and calendar of Japan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frequency {
    /// At most so many times
    pub max: u32,
    /// in each hour (3600), day (86400) or week (604800).
    pub per_seconds: u32,
}

impl Frequency {
    /// Whether it can be kept: once at least, and by an hour, a day or a week.
    pub fn is_valid(self) -> bool {
        self.max > 0 && matches!(self.per_seconds, HOUR | DAY | WEEK)
    }

    /// Whether who may do something this often may do it as often as `other`. By other windows it could come too thick, so that counts as more.
    pub fn allows(self, other: Self) -> bool {
        self.per_seconds == other.per_seconds && other.max <= self.max
    }

    /// The end of the hour, day or week that a moment lies in: its first moment afterwards.
    pub fn window_end(self, at: Timestamp) -> Timestamp {
        let length = i64::from(self.per_seconds.max(1)) * SECOND;
        let since = at.saturating_add(MONDAY * SECOND);
        let index = since.div_euclid(length).saturating_add(1);
        index.saturating_mul(length).saturating_sub(MONDAY * SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::to_iso;

    #[test]
    fn windows_are_those_of_the_wall_in_japan() {
        // 2026-11-25T16:00:00Z, Thursday the 26th, one o'clock in Japan.
        let at = 1_795_622_400 * SECOND;
        for (per_seconds, end) in [
            (HOUR, "2026-11-25T17:00:00.000000Z"),
            (DAY, "2026-11-26T15:00:00.000000Z"),
            (WEEK, "2026-11-29T15:00:00.000000Z"),
        ] {
            let frequency = Frequency { max: 1, per_seconds };
            let found = frequency.window_end(at);
            assert_eq!(to_iso(found), end);
            assert_eq!(frequency.window_end(found - 1), found);
            let next = found + i64::from(per_seconds) * SECOND;
            assert_eq!(frequency.window_end(found), next, "the end belongs to the next");
        }
    }

    #[test]
    fn what_cannot_be_kept_is_not_valid() {
        for (max, per_seconds) in [(0, DAY), (1, 0), (1, 60), (1, 2 * DAY)] {
            assert!(!Frequency { max, per_seconds }.is_valid(), "{max} in {per_seconds}");
        }
        let day = Frequency { max: 24, per_seconds: DAY };
        assert!(day.is_valid() && day.allows(Frequency { max: 23, ..day }));
        assert!(!day.allows(Frequency { max: 25, ..day }));
        assert!(!day.allows(Frequency { max: 1, per_seconds: HOUR }));
    }
}
