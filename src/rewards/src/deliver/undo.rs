//! Orders that are not carried out: nobody stands behind them any more, or staff have decided.

use tsunagu_domain::Timestamp;
use tsunagu_store::{Expect, Op, Record, StoreError, WriteSet};

use super::{Deliverer, Held, Outcome, remove};
use crate::ledger::{self, Step};
use crate::records::{VOIDS, Void, decode, transition, transitions};
use crate::{Decided, IssuerError, Reason, State};

impl Deliverer {
    /// Why an order that was never sent is not to be sent: its activity was corrected, or the consent behind it is withdrawn.
    pub(super) async fn objection(
        &self,
        held: &Held<'_>,
    ) -> Result<Option<(Reason, Option<Record>)>, StoreError> {
        let void = self.store.record(held.tenant, VOIDS, held.order.uid.as_bytes()).await?;
        if let Some(void) = void {
            let Void { reason, .. } = decode(&void.value)?;
            return Ok(Some((reason, Some(void))));
        }
        let Some(consents) = &self.consents else { return Ok(None) };
        let Some(consent) = self.award(held).await?.grant else { return Ok(None) };
        let withdrawn = consents.withdrawn(held.tenant, &consent).await?;
        Ok(withdrawn.then_some((Reason::Withdrawn, None)))
    }

    /// Takes back what was never sent. The issuer is asked all the same: it may have been sent before this store was put back to a
    /// backup, and then it stays.
    pub(super) async fn take_back_unsent(
        &self,
        held: Held<'_>,
        reason: Reason,
        void: Option<Record>,
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        let held = self.with_doubt(held).await?;
        match self.issuer.find(held.order.key()).await {
            Ok(Some(grant)) => return self.settle(held, &grant, now).await,
            Ok(None) => {}
            Err(error) => return self.put_off(held, &error, None, now).await,
        }
        let award = self.award(&held).await?;
        let mut set = WriteSet::new(held.tenant.clone()).with(remove(&held));
        // Not if it was corrected again in the meantime.
        set.ops.extend(void.map(|void| Op::DeleteRecord {
            collection: VOIDS,
            key: award.uid.as_bytes().to_vec(),
            expect: Expect::Version(void.version),
        }));
        set.ops.push(transition(award.uid, State::Reversed, Some(reason), now)?);
        set.ops.extend(ledger::step(&award, Step::Release, now)?);
        self.store.commit(set).await?;
        Ok(Outcome::Voided)
    }

    /// Does what staff decided. A grant is taken back only when the issuer says that it holds none any more.
    pub(super) async fn carry_out(
        &self,
        held: Held<'_>,
        decided: Decided,
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        let uid = held.order.uid;
        if decided == Decided::Confirm {
            self.close(held, State::Confirmed, None, Step::Confirm, now).await?;
            return Ok(Outcome::Confirmed);
        }
        let states = transitions(&*self.store, held.tenant, uid).await?;
        let had = |state| states.iter().any(|transition| transition.state == state);
        let held = Held { unknown: had(State::Unknown), ..held };
        match self.issuer.cancel(held.order.key()).await {
            Ok(_) => {}
            Err(error @ (IssuerError::Unavailable(_) | IssuerError::Pending(_))) => {
                return self.put_off(held, &error, None, now).await;
            }
            Err(error) => {
                tracing::warn!(award = %uid, %error, "the coin issuer does not take a grant back");
                let error = IssuerError::Unavailable(error.to_string());
                return self.put_off(held, &error, None, now).await;
            }
        }
        let step = if had(State::Confirmed) { Step::Cancel } else { Step::Release };
        self.close(held, State::Reversed, Some(Reason::TakenBack), step, now).await?;
        Ok(Outcome::Voided)
    }
}
