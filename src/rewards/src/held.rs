//! What an activity would have taken of its day that earned nothing because something else was in the way. When its coins are granted after all, it
//! takes that, so that the same steps of the same minutes earn once, whoever sends them again.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use tsunagu_domain::TenantId;
use tsunagu_store::{Collection, Expect, Guard, Op, Store, StoreError};

use crate::Award;
use crate::decide::{self, day_steps};
use crate::ledger::{self, Step};
use crate::records::{MINUTES, daily_key, decode, put};

/// uid → [`Held`].
const HELD: Collection = Collection("reward-held");

/// The steps of an activity, and its minutes as bits of the days that they lie in.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Held {
    v: u32,
    steps: i64,
    minutes: Vec<(NaiveDate, Vec<u8>)>,
}

/// Keeps it, unless the operations before have set coins aside for the award.
pub(crate) fn keep(
    award: &Award,
    steps: i64,
    minutes: Vec<(NaiveDate, Vec<u8>)>,
) -> Result<Op, StoreError> {
    let held = Held { v: 1, steps, minutes };
    Ok(Op::When {
        guards: vec![ledger::untouched(award.uid, Step::Reserve)],
        then: vec![put(HELD, award.uid.as_bytes().to_vec(), &held, Expect::Any)?],
        otherwise: Vec::new(),
    })
}

/// What is held for an award; decisions of before anything was held have none.
pub(crate) async fn of(
    store: &dyn Store,
    tenant: &TenantId,
    award: &Award,
) -> Result<Option<Held>, StoreError> {
    let found = store.record(tenant, HELD, award.uid.as_bytes()).await?;
    found.map(|record| decode(&record.value)).transpose()
}

impl Held {
    /// Hold while none of its minutes has earned otherwise.
    pub(crate) fn free(&self, award: &Award) -> Vec<Guard> {
        self.minutes.iter().map(|minutes| decide::clear(award, minutes)).collect()
    }

    /// Whether none of its minutes has earned otherwise so far.
    pub(crate) async fn is_free(
        &self,
        store: &dyn Store,
        tenant: &TenantId,
        award: &Award,
    ) -> Result<bool, StoreError> {
        for (day, bits) in &self.minutes {
            let earned = store.record(tenant, MINUTES, &daily_key(*day, award)).await?;
            let earned = earned.map_or_else(Vec::new, |record| record.value);
            if earned.iter().zip(bits).any(|(earned, mine)| earned & mine != 0) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes it.
    pub(crate) fn take(self, award: &Award) -> Vec<Op> {
        let steps = day_steps(award, self.steps).beyond();
        let marks = self.minutes.into_iter().map(|minutes| decide::mark(award, minutes));
        [steps].into_iter().chain(marks).collect()
    }
}
