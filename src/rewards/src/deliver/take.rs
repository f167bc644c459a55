//! Who holds an order: the one that could write that it is sent.

use tsunagu_domain::Timestamp;
use tsunagu_store::{Expect, Guard, Op, StoreError, WriteSet};

use super::{Deliverer, Held, micros, remove};
use crate::records::{OUTBOX, Order, VOIDS, put, source_key, timed_key, transition};
use crate::{Award, State};

impl Deliverer {
    /// What is written of an order that is taken up, and until when it is hidden from others.
    fn taken(&self, order: &Order, now: Timestamp) -> (Order, Timestamp) {
        let attempts = order.attempts.saturating_add(1);
        let due = now.saturating_add(micros(self.pace.lease));
        (Order { sent: true, attempts, ..order.clone() }, due)
    }

    /// Hides an order that was sent before from others for a while.
    pub(super) async fn take_again<'a>(
        &self,
        held: Held<'a>,
        now: Timestamp,
    ) -> Result<Held<'a>, StoreError> {
        let (order, due) = self.taken(&held.order, now);
        let held = self.with_doubt(held).await?;
        self.move_to(held, order, due, Vec::new()).await
    }

    /// Marks the order as sent and hides it from others for a while; `None` when it is to be taken back instead.
    pub(super) async fn take<'a>(
        &self,
        held: Held<'a>,
        award: &Award,
        now: Timestamp,
    ) -> Result<Option<Held<'a>>, StoreError> {
        let (order, due) = self.taken(&held.order, now);
        let (uid, key) = (order.uid, timed_key(due, order.uid));
        let void = source_key(&award.rule, &award.activity);
        let send = Op::When {
            guards: vec![Guard::Absent { collection: VOIDS, key: void }],
            then: vec![
                put(OUTBOX, key.clone(), &order, Expect::Absent)?,
                transition(uid, State::Sent, None, now)?,
            ],
            otherwise: vec![put(OUTBOX, held.key.clone(), &held.order, Expect::Absent)?],
        };
        let set = WriteSet::new(held.tenant.clone()).with(remove(&held)).with(send);
        let receipt = self.store.commit(set).await?;
        let goes = receipt.branches.first() == Some(&true);
        Ok(goes.then_some(Held { key, version: receipt.version, order, ..held }))
    }
}
