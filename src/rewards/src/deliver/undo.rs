//! Orders that are not carried out: nobody stands behind them any more, or staff have decided.

use tsunagu_domain::Timestamp;
use tsunagu_store::{Expect, Op, Record, StoreError, WriteSet};

use super::{Deliverer, Held, Outcome, micros, remove};
use crate::ledger::{self, Step};
use crate::records::{Order, Undo, VOIDS, Void, decode, source_key, transition, transitions};
use crate::{Award, Decided, IssuerError, Reason, State};

impl Deliverer {
    /// Why an order that was never sent is not to be sent: its activity was corrected, or the consent behind it is withdrawn.
    pub(super) async fn objection(
        &self,
        held: &Held<'_>,
        award: &Award,
    ) -> Result<Option<(Reason, Option<Record>)>, StoreError> {
        let key = source_key(&award.rule, &award.activity);
        let void = self.store.record(held.tenant, VOIDS, &key).await?;
        if let Some(void) = void {
            let Void { reason, .. } = decode(&void.value)?;
            return Ok(Some((reason, Some(void))));
        }
        let Some(consents) = &self.consents else { return Ok(None) };
        let Some(consent) = &award.grant else { return Ok(None) };
        let withdrawn = consents.withdrawn(held.tenant, consent).await?;
        Ok(withdrawn.then_some((Reason::Withdrawn, None)))
    }

    /// Takes back what was never sent. The issuer is asked all the same: it may have been sent before this store was put back to a
    /// backup, and then it stays.
    pub(super) async fn take_back_unsent(
        &self,
        held: Held<'_>,
        award: &Award,
        (reason, void): (Reason, Option<Record>),
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        let held = self.with_doubt(held).await?;
        match self.issuer.find(held.order.key()).await {
            Ok(Some(grant)) => return self.settle(held, &grant, now).await,
            Ok(None) => {}
            Err(error) => return self.put_off(held, &error, None, now).await,
        }
        let mut set = WriteSet::new(held.tenant.clone()).with(remove(&held));
        // Not if it was corrected again in the meantime.
        set.ops.extend(void.map(|void| Op::DeleteRecord {
            collection: VOIDS,
            key: source_key(&award.rule, &award.activity),
            expect: Expect::Version(void.version),
        }));
        set.ops.push(transition(award.uid, State::Reversed, Some(reason), now)?);
        set.ops.extend(ledger::step(award, Step::Release, now)?);
        self.store.commit(set).await?;
        Ok(Outcome::Voided)
    }

    /// Does what staff decided. A grant is taken back only when the issuer says that it holds none any more; of an order that was sent, it says so
    /// twice, a lease apart, and not before whoever may be sending it has ended: what is under way at the issuer does not arrive after the cancellation.
    pub(super) async fn carry_out(
        &self,
        held: Held<'_>,
        decided: Decided,
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        let uid = held.order.uid;
        let states = transitions(&*self.store, held.tenant, uid).await?;
        let had = |state| states.iter().any(|transition| transition.state == state);
        let confirmed = had(State::Confirmed);
        if decided == Decided::Confirm {
            if confirmed {
                // It was to be taken back, the issuer refused, and now it stays.
                self.store.commit(WriteSet::new(held.tenant.clone()).with(remove(&held))).await?;
            } else {
                self.close(held, State::Confirmed, None, Step::Confirm, now).await?;
            }
            return Ok(Outcome::Confirmed);
        }
        let in_doubt = held.order.sent && !confirmed;
        let lease = micros(self.pace.lease);
        if in_doubt && held.order.undo == Undo::Noted {
            // Taken up before it was decided: a lease to take it up, and one to be sure.
            let due = now.saturating_add(lease.saturating_mul(2));
            let order = Order { undo: Undo::Rested, ..held.order.clone() };
            self.move_to(held, order, due, Vec::new()).await?;
            return Ok(Outcome::Rests);
        }
        let order = Order { attempts: held.order.attempts.saturating_add(1), ..held.order.clone() };
        let held = Held { unknown: had(State::Unknown), order, ..held };
        match self.issuer.cancel(held.order.key()).await {
            Ok(None) if in_doubt && held.order.undo != Undo::Absent => {
                let order = Order { undo: Undo::Absent, ..held.order.clone() };
                self.move_to(held, order, now.saturating_add(lease), Vec::new()).await?;
                return Ok(Outcome::Awaited);
            }
            Ok(_) => {}
            Err(error @ (IssuerError::Unavailable(_) | IssuerError::Pending(_))) => {
                return self.put_off(held, &error, None, now).await;
            }
            Err(error @ IssuerError::Unknown(_)) => {
                let error = IssuerError::Unavailable(error.to_string());
                return self.put_off(held, &error, None, now).await;
            }
            Err(error @ IssuerError::Refused(_)) => {
                tracing::warn!(award = %uid, %error, "the coin issuer does not take a grant back");
                let order = Order { undo: Undo::Refused, ..held.order.clone() };
                let due = now.saturating_add(self.wait(order.attempts));
                self.move_to(held, order, due, Vec::new()).await?;
                return Ok(Outcome::Awaited);
            }
        }
        let step = if confirmed { Step::Cancel } else { Step::Release };
        self.close(held, State::Reversed, Some(Reason::TakenBack), step, now).await?;
        Ok(Outcome::Voided)
    }
}
